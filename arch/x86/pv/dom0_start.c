/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dom0 finds when it starts: the start info page (xen/xen.h), its command line, its vCPUs. */
#include "dom0.h"
#include <arch/pv.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>
#include <xen/xen.h>

/* ABI: video information follows the start info in its page. */
struct start_page {
    struct start_info info;
    uint8_t video[sizeof(boot_info.video)];
};
_Static_assert(sizeof(struct start_page) <= PAGE_SIZE, "one page");
_Static_assert(sizeof(struct dom0_vga_console_info) <= sizeof(boot_info.video), "room for video information");

boot_code size_t dom0_start_info_bytes(void)
{
    return sizeof(struct start_page);
}

static boot_code void append(char *line, const char *text)
{
    const size_t n = strlen(line);

    if (*text == '\0')
        return;
    if (n + 1 + strlen(text) >= MAX_GUEST_CMDLINE) {
        log_warn("dom0's command line is too long: '%s' is left out\n", text);
        return;
    }
    if (n != 0)
        line[n] = ' ';
    strlcpy(line + n + (n != 0), text, MAX_GUEST_CMDLINE - n - 1);
}

/* The kernel's own options, and those behind " -- " on the hypervisor's command line, as in stock Xen. */
static boot_code void write_command_line(const struct dom0 *o, char *line)
{
    const char *extra = strstr(boot_info.command_line, " -- ");

    line[0] = '\0';
    append(line, o->kernel_module->command_line);
    if (extra != NULL)
        append(line, extra + 4);
}

static boot_code void describe_initrd(const struct dom0 *o, struct start_info *s)
{
    if (o->initrd_module == NULL)
        return;
    s->mod_len = o->initrd_module->size_bytes;
    s->mod_start = o->notes.mod_start_pfn ? o->layout.initrd_pfn : o->layout.initrd.start;
    if (o->notes.mod_start_pfn)
        s->flags |= SIF_MOD_START_PFN;
}

boot_code void dom0_write_start_info(const struct dom0 *o)
{
    static boot_data struct start_page page;
    const struct dom0_layout *l = &o->layout;
    struct start_info *s = &page.info;

    strlcpy(s->magic, "xen-3.0-x86_64", sizeof(s->magic));
    s->nr_pages = o->nr_pages;
    s->shared_info = va_maddr(o->d->shared_info).v;
    s->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    s->pt_base = l->tables.start;
    s->nr_pt_frames = l->nr_tables;
    s->mfn_list = l->p2m.start;
    s->first_p2m_pfn = l->p2m_pages ? l->p2m_pfn : 0;
    s->nr_p2m_frames = l->p2m_pages;
    describe_initrd(o, s);
    write_command_line(o, (char *)s->cmd_line);
    if (boot_info.has_video) {
        s->console.dom0.info_off = offsetof(struct start_page, video);
        s->console.dom0.info_size = sizeof(struct dom0_vga_console_info);
        memcpy(page.video, boot_info.video, sizeof(page.video));
    }
    dom0_clear(o, dom0_offset(o, l->start_info.start), PAGE_SIZE);
    dom0_write(o, dom0_offset(o, l->start_info.start), &page, sizeof(page));
}

/* ---- vCPUs ---- */

static boot_code void set_registers(const struct dom0 *o, struct vcpu_guest_context *c, mfn_t l4)
{
    const uint64_t stack_top = o->layout.stack.start + PAGE_SIZE;

    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = o->notes.entry;
    c->user_regs.rsp = stack_top;
    c->user_regs.rsi = o->layout.start_info.start;
    c->user_regs.rflags = 1u << 9; /* IF */
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = stack_top;
    c->ctrlreg[3] = xen_pfn_to_cr3(l4.v);
}

/* As the toolstack does for other domains: the same checks and the same code. */
static boot_code void start_first(const struct dom0 *o, mfn_t l4)
{
    struct vcpu_guest_context *c = heap_new(struct vcpu_guest_context);
    int rc;

    if (c == NULL)
        panic("Not enough memory to start dom0\n");
    set_registers(o, c, l4);
    rc = arch_vcpu_set_context(o->d->vcpu[0], c);
    if (rc != 0)
        panic("dom0's first state was refused (error %d)\n", rc);
    heap_free(c);
}

/* The n-th CPU that is online, going round. */
static boot_code unsigned int cpu_for(unsigned int n)
{
    unsigned int cpu, left = n % cpumask_weight(&cpu_online_mask);

    for_each_online_cpu(cpu)
        if (left-- == 0)
            break;
    return cpu;
}

boot_code void dom0_make_vcpus(const struct dom0 *o, mfn_t l4)
{
    for (unsigned int i = 0; i < o->d->max_vcpus; i++) {
        struct vcpu *v = NULL;

        if (vcpu_create(o->d, i, &v) != 0)
            panic("Not enough memory for dom0's vCPU %u: give it fewer with dom0_max_vcpus=\n", i);
        if (dom0_param_pin_vcpus()) {
            const cpumask_t only = cpumask_of(cpu_for(i));

            if (vcpu_set_hard_affinity(v, &only) != 0)
                log_warn("dom0's vCPU %u could not be pinned\n", i);
        }
    }
    log_info("Dom0 has maximum %u VCPUs\n", o->d->max_vcpus);
    start_first(o, l4);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds a PV domain from the ELF image that the control domain got as its module; destroys it. */
#include "nursery.h"

#define VIRT_BASE 0xffffffff80000000ul
#define FIRST_FREE (NR_PAGES - 96)
#define NR_VCPUS  8u

/* Page frames of a domain's pages that we place: from FIRST_FREE upwards. */
enum { PFN_START_INFO = FIRST_FREE, PFN_CONSOLE, PFN_STORE, PFN_L4, PFN_L3, PFN_L2, PFN_L1, PFN_P2M = PFN_L1 + NR_PAGES / 512, PFN_END = PFN_P2M + NR_PAGES / 512 };

struct xen_domctl ctl;
static uint64_t *window;

long domctl(const struct child *c, uint32_t cmd)
{
    ctl.cmd = cmd;
    ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    ctl.domain = c->id;
    return HC1(domctl, &ctl);
}

uint32_t child_flags(const struct child *c)
{
    return domctl(c, XEN_DOMCTL_getdomaininfo) == 0 && ctl.u.getdomaininfo.domain == c->id ? ctl.u.getdomaininfo.flags : ~0u;
}

void child_init(struct child *c)
{
    if (!window) {
        window = page_alloc();
        CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);
    }
    c->ring = page_alloc();
    c->mailbox = page_alloc();
    CHECK_RC(set_pte(c->ring, 0, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(c->mailbox, 0, UVMF_INVLPG), 0);
}

/* ---- the domain's memory through a window ---- */

bool show_frame(struct child *c, void *at, xen_pfn_t pfn)
{
    const uint64_t entry = c->p2m[pfn] << 12 | PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;

    return HC4(update_va_mapping_otherdomain, at, entry, UVMF_INVLPG, c->id) == 0;
}

static void write_page(struct child *c, xen_pfn_t pfn, const void *data, size_t n)
{
    CHECK(show_frame(c, window, pfn));
    memset(window, 0, PAGE_SIZE);
    memcpy(window, data, n);
}

/* Events are masked at first, as builders leave it. */
static void write_shared_info(struct child *c, uint64_t mfn)
{
    struct shared_info *s = (void *)window;

    CHECK_RC(HC4(update_va_mapping_otherdomain, window, mfn << 12 | PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, UVMF_INVLPG, c->id), 0);
    CHECK(s->vcpu_info[0].evtchn_upcall_mask == 0);
    memset(s, 0, sizeof(*s));
    for (unsigned int i = 0; i < 32; i++)
        s->vcpu_info[i].evtchn_upcall_mask = 1;
}

/* ---- the image ---- */

struct elf_header { uint8_t ident[16]; uint16_t type, machine; uint32_t version; uint64_t entry, phoff, shoff; uint32_t flags; uint16_t ehsize, phentsize, phnum; };
struct elf_segment { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };

static void load_segment(struct child *c, const char *image, const struct elf_segment *s)
{
    for (uint64_t at = s->vaddr & ~4095ul; at < s->vaddr + s->filesz; at += PAGE_SIZE) {
        const uint64_t from = at < s->vaddr ? s->vaddr : at, to = at + PAGE_SIZE < s->vaddr + s->filesz ? at + PAGE_SIZE : s->vaddr + s->filesz;

        CHECK(show_frame(c, window, (at - VIRT_BASE) >> 12));
        memcpy((char *)window + (from & 4095), image + s->offset + (from - s->vaddr), to - from);
    }
}

static uint64_t load_image(struct child *c)
{
    const char *image = (const char *)start_info->mod_start;
    const struct elf_header *h = (const struct elf_header *)image;

    for (unsigned int i = 0; i < h->phnum; i++) {
        const struct elf_segment *s = (const struct elf_segment *)(image + h->phoff + i * h->phentsize);

        if (s->type == 1 && (s->vaddr + s->memsz - VIRT_BASE) >> 12 < FIRST_FREE)
            load_segment(c, image, s);
    }
    return h->entry;
}

/* ---- building ---- */

static void build_tables(struct child *c)
{
    static uint64_t t[512];
    const uint64_t flags = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;

    memset(t, 0, sizeof(t));
    t[VIRT_BASE >> 39 & 511] = c->p2m[PFN_L3] << 12 | flags;
    write_page(c, PFN_L4, t, sizeof(t));
    memset(t, 0, sizeof(t));
    t[VIRT_BASE >> 30 & 511] = c->p2m[PFN_L2] << 12 | flags;
    write_page(c, PFN_L3, t, sizeof(t));
    memset(t, 0, sizeof(t));
    for (unsigned int i = 0; i < NR_PAGES / 512; i++)
        t[i] = c->p2m[PFN_L1 + i] << 12 | flags;
    write_page(c, PFN_L2, t, sizeof(t));
    for (unsigned int i = 0; i < NR_PAGES / 512; i++) {
        for (unsigned int j = 0; j < 512; j++) {
            const xen_pfn_t pfn = i * 512 + j;
            const bool is_table = pfn >= PFN_L4 && pfn < PFN_P2M;

            t[j] = c->p2m[pfn] << 12 | (is_table ? flags & ~PTE_RW : flags);
        }
        write_page(c, PFN_L1 + i, t, sizeof(t));
    }
    for (unsigned int i = 0; i < NR_PAGES / 512; i++)
        write_page(c, PFN_P2M + i, &c->p2m[i * 512], PAGE_SIZE);
    CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);

    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = c->p2m[PFN_L4] };
    CHECK_RC(HC4(mmuext_op, &pin, 1, 0, c->id), 0);
}

static char *append(char *p, const char *s)
{
    while (*s != '\0')
        *p++ = *s++;
    return p;
}

static char *append_number(char *p, uint64_t v)
{
    char digits[24];
    unsigned int n = 0;

    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n != 0)
        *p++ = digits[--n];
    return p;
}

static void write_start_info(struct child *c, uint64_t shared_info_mfn)
{
    static struct start_info si;
    struct evtchn_alloc_unbound a = { .dom = c->id, .remote_dom = DOMID_SELF };

    memset(&si, 0, sizeof(si));
    memcpy(si.magic, "xen-3.0-x86_64", 15);
    si.nr_pages = NR_PAGES;
    si.shared_info = shared_info_mfn << 12;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a), 0);
    si.store_mfn = c->p2m[PFN_STORE];
    si.store_evtchn = c->store_port = a.port;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a), 0);
    si.console.domU.mfn = c->p2m[PFN_CONSOLE];
    si.console.domU.evtchn = a.port;
    si.pt_base = VIRT_BASE + PFN_L4 * PAGE_SIZE;
    si.nr_pt_frames = PFN_P2M - PFN_L4;
    si.mfn_list = VIRT_BASE + PFN_P2M * PAGE_SIZE;
    char *p = append((char *)si.cmd_line, "seed=");
    p = append_number(p, c->seed);
    p = append(p, " count=");
    p = append_number(p, option("count", 3000));
    append(p, c->is_guard ? " guard=1" : "");
    write_page(c, PFN_START_INFO, &si, sizeof(si));
    write_page(c, PFN_CONSOLE, "", 0);
    write_page(c, PFN_STORE, "", 0);
}

static void start(struct child *c, uint64_t entry)
{
    static struct vcpu_guest_context context;

    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = entry;
    context.user_regs.rsi = VIRT_BASE + PFN_START_INFO * PAGE_SIZE;
    context.user_regs.rsp = VIRT_BASE + PFN_END * PAGE_SIZE + 4 * PAGE_SIZE;
    context.user_regs.cs = CS64;
    context.user_regs.ss = SS64;
    context.kernel_ss = SS64;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = c->p2m[PFN_L4] << 12;
    ctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
    CHECK_RC(domctl(c, XEN_DOMCTL_setvcpucontext), 0);
    /* Back to the beginning: the page tables are let go, the vCPU is down and has no context. */
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, (vcpu_guest_context_t *)NULL);
    CHECK_RC(domctl(c, XEN_DOMCTL_setvcpucontext), 0);
    CHECK_RC(domctl(c, XEN_DOMCTL_getvcpucontext), -XEN_ENODATA);
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
    CHECK_RC(domctl(c, XEN_DOMCTL_setvcpucontext), 0);
    CHECK_RC(domctl(c, XEN_DOMCTL_unpausedomain), 0);
}

/* steps: how many of them are done before the builder gives up; what is there then is destroyed like a whole domain. */
bool child_create(struct child *c, unsigned int steps)
{
    struct xen_memory_reservation r = { .nr_extents = NR_PAGES };
    uint64_t shared_info_mfn, entry;

    c->id = 0;
    c->line_n = 0;
    c->said_pass = c->is_over = false;
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.createdomain.handle[0] = (uint8_t)c->seed;
    ctl.u.createdomain.max_vcpus = NR_VCPUS;
    ctl.u.createdomain.max_evtchn_port = 1023;
    ctl.u.createdomain.max_grant_frames = 8;
    ctl.u.createdomain.max_maptrack_frames = 16;
    ctl.u.createdomain.grant_opts = 2;
    CHECK_RC(domctl(c, XEN_DOMCTL_createdomain), 0);
    c->id = ctl.domain;
    if (c->id == 0)
        return false;
    ctl.u.max_vcpus.max = NR_VCPUS;
    CHECK_RC(domctl(c, XEN_DOMCTL_max_vcpus), 0);
    ctl.u.max_mem.max_memkb = NR_PAGES * 4;
    CHECK_RC(domctl(c, XEN_DOMCTL_max_mem), 0);
    if (steps == 0)
        return true;
    for (unsigned int i = 0; i < NR_PAGES; i++)
        c->p2m[i] = i;
    r.domid = c->id;
    set_xen_guest_handle(r.extent_start, c->p2m);
    CHECK_RC(HC2(memory_op, XENMEM_populate_physmap, &r), NR_PAGES);
    if (steps == 1)
        return true;
    CHECK_RC(domctl(c, XEN_DOMCTL_getdomaininfo), 0);
    shared_info_mfn = ctl.u.getdomaininfo.shared_info_frame;
    entry = load_image(c);
    write_shared_info(c, shared_info_mfn);
    write_start_info(c, shared_info_mfn);
    if (steps == 2)
        return true;
    build_tables(c);
    CHECK(show_frame(c, c->ring, PFN_CONSOLE));
    CHECK(show_frame(c, c->mailbox, PFN_STORE));
    ((struct mailbox *)c->mailbox)->self = c->id;
    if (steps == 3)
        return true;
    start(c, entry);
    return true;
}

/* Whatever state it is in. */
void child_destroy(struct child *c)
{
    long rc;

    CHECK_RC(set_pte(c->ring, 0, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(c->mailbox, 0, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);
    /* -ERESTART is for the toolstack, too. */
    while ((rc = domctl(c, XEN_DOMCTL_destroydomain)) == -85 || rc == -XEN_EBUSY)
        ;
    CHECK_RC(rc, 0);
}

/* Nobody else has anything of it any more, so it must go. */
void child_await_end(struct child *c)
{
    const uint64_t end = system_time() + 20000000000ul;

    while (child_flags(c) != ~0u && system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
    if (child_flags(c) != ~0u)
        print("  domain %u does not go: %lu pages, %lu shared\n", c->id, ctl.u.getdomaininfo.tot_pages, ctl.u.getdomaininfo.shr_pages);
    CHECK(child_flags(c) == ~0u);
    c->id = 0;
}

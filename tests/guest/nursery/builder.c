/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds a PV domain from an ELF image, and destroys it. */
#include "builder.h"

#define VIRT_BASE 0xffffffff80000000ul
#define SPARE_PAGES 96u          /* at the end of what is mapped: what we place, and its first stack */

struct xen_domctl ctl;
uint64_t build_ticks;
static uint64_t *window;

static uint64_t tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) :: "memory");
    return (uint64_t)high << 32 | low;
}

#define TIMED(call) ({ const uint64_t from_ = tsc(); const long rc_ = (call); build_ticks += tsc() - from_; rc_; })

long domctl(const struct built *d, uint32_t cmd)
{
    ctl.cmd = cmd;
    ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    ctl.domain = d->id;
    return TIMED(HC1(domctl, &ctl));
}

uint32_t built_flags(const struct built *d)
{
    return domctl(d, XEN_DOMCTL_getdomaininfo) == 0 && ctl.u.getdomaininfo.domain == d->id ? ctl.u.getdomaininfo.flags : ~0u;
}

void builder_init(void)
{
    window = page_alloc();
    CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);
}

/* ---- what lies where ---- */

static unsigned int nr_mapped(const struct built *d) { return d->nr_pages < MAPPED_PAGES ? d->nr_pages : MAPPED_PAGES; }
static unsigned int nr_l1(const struct built *d)     { return nr_mapped(d) / 512; }
static unsigned int nr_p2m(const struct built *d)    { return d->nr_pages / 512; }
static xen_pfn_t first_free(const struct built *d)   { return nr_mapped(d) - nr_p2m(d) - SPARE_PAGES; }
static xen_pfn_t start_info_pfn(const struct built *d) { return first_free(d); }
xen_pfn_t built_console_pfn(const struct built *d)   { return first_free(d) + 1; }
xen_pfn_t built_store_pfn(const struct built *d)     { return first_free(d) + 2; }
static xen_pfn_t l4_pfn(const struct built *d)       { return first_free(d) + 3; }
static xen_pfn_t l3_pfn(const struct built *d)       { return first_free(d) + 4; }
static xen_pfn_t l2_pfn(const struct built *d)       { return first_free(d) + 5; }
static xen_pfn_t l1_pfn(const struct built *d)       { return first_free(d) + 6; }
static xen_pfn_t p2m_pfn(const struct built *d)      { return l1_pfn(d) + nr_l1(d); }
static xen_pfn_t end_pfn(const struct built *d)      { return p2m_pfn(d) + nr_p2m(d); }

/* ---- the domain's memory through a window ---- */

static long show_mfn(const struct built *d, void *at, uint64_t mfn)
{
    return TIMED(HC4(update_va_mapping_otherdomain, at, mfn << 12 | PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, UVMF_INVLPG, d->id));
}

bool show_frame(struct built *d, void *at, xen_pfn_t pfn)
{
    return show_mfn(d, at, d->p2m[pfn]) == 0;
}

static void close_window(void)
{
    CHECK_RC(TIMED(set_pte(window, 0, UVMF_INVLPG)), 0);
}

static void write_page(struct built *d, xen_pfn_t pfn, const void *data, size_t n)
{
    CHECK(show_frame(d, window, pfn));
    memset(window, 0, PAGE_SIZE);
    memcpy(window, data, n);
}

/* Events are masked at first, as builders leave it. */
static void write_shared_info(struct built *d, uint64_t mfn)
{
    struct shared_info *s = (void *)window;

    CHECK_RC(show_mfn(d, window, mfn), 0);
    CHECK(s->vcpu_info[0].evtchn_upcall_mask == 0);
    memset(s, 0, sizeof(*s));
    for (unsigned int i = 0; i < 32; i++)
        s->vcpu_info[i].evtchn_upcall_mask = 1;
}

/* ---- the image ---- */

struct elf_header { uint8_t ident[16]; uint16_t type, machine; uint32_t version; uint64_t entry, phoff, shoff; uint32_t flags; uint16_t ehsize, phentsize, phnum; };
struct elf_segment { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };

static void load_segment(struct built *d, const char *image, const struct elf_segment *s)
{
    for (uint64_t at = s->vaddr & ~4095ul; at < s->vaddr + s->filesz; at += PAGE_SIZE) {
        const uint64_t from = at < s->vaddr ? s->vaddr : at, to = at + PAGE_SIZE < s->vaddr + s->filesz ? at + PAGE_SIZE : s->vaddr + s->filesz;

        CHECK(show_frame(d, window, (at - VIRT_BASE) >> 12));
        memcpy((char *)window + (from & 4095), image + s->offset + (from - s->vaddr), to - from);
    }
}

uint64_t built_load(struct built *d, const void *image)
{
    const struct elf_header *h = image;

    for (unsigned int i = 0; i < h->phnum; i++) {
        const struct elf_segment *s = (const struct elf_segment *)((const char *)image + h->phoff + i * h->phentsize);

        if (s->type == 1 && (s->vaddr + s->memsz - VIRT_BASE) >> 12 < first_free(d))
            load_segment(d, image, s);
    }
    return h->entry;
}

/* ---- steps ---- */

bool built_create(struct built *d)
{
    d->id = 0;
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.createdomain.max_vcpus = d->nr_vcpus;
    ctl.u.createdomain.max_evtchn_port = 1023;
    ctl.u.createdomain.max_grant_frames = (int32_t)d->max_grant_frames;
    ctl.u.createdomain.max_maptrack_frames = (int32_t)d->max_maptrack_frames;
    ctl.u.createdomain.grant_opts = 2;
    CHECK_RC(domctl(d, XEN_DOMCTL_createdomain), 0);
    d->id = ctl.domain;
    if (d->id == 0)
        return false;
    ctl.u.max_vcpus.max = d->nr_vcpus;
    CHECK_RC(domctl(d, XEN_DOMCTL_max_vcpus), 0);
    ctl.u.max_mem.max_memkb = d->nr_pages * 4ul;
    CHECK_RC(domctl(d, XEN_DOMCTL_max_mem), 0);
    return true;
}

/* The list of extents is where their frame numbers come, spread over the pages afterwards, from the end. */
void built_populate(struct built *d, unsigned int order)
{
    struct xen_memory_reservation r = { .nr_extents = d->nr_pages >> order, .extent_order = order, .domid = d->id };
    const xen_pfn_t in_extent = (1ul << order) - 1;

    for (unsigned int i = 0; i < r.nr_extents; i++)
        d->p2m[i] = (xen_pfn_t)i << order;
    set_xen_guest_handle(r.extent_start, d->p2m);
    CHECK_RC(TIMED(HC2(memory_op, XENMEM_populate_physmap, &r)), d->nr_pages >> order);
    for (unsigned int i = d->nr_pages; order != 0 && i-- > 0;)
        d->p2m[i] = d->p2m[i >> order] + (i & in_extent);
}

static evtchn_port_t new_channel(const struct built *d)
{
    struct evtchn_alloc_unbound a = { .dom = d->id, .remote_dom = DOMID_SELF };

    CHECK_RC(TIMED(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a)), 0);
    return a.port;
}

void built_write_start_info(struct built *d)
{
    static struct start_info si;

    CHECK_RC(domctl(d, XEN_DOMCTL_getdomaininfo), 0);
    const uint64_t shared_info_mfn = ctl.u.getdomaininfo.shared_info_frame;

    write_shared_info(d, shared_info_mfn);
    memset(&si, 0, sizeof(si));
    memcpy(si.magic, "xen-3.0-x86_64", 15);
    si.nr_pages = d->nr_pages;
    si.shared_info = shared_info_mfn << 12;
    si.store_mfn = d->p2m[built_store_pfn(d)];
    si.store_evtchn = d->store_port = new_channel(d);
    si.console.domU.mfn = d->p2m[built_console_pfn(d)];
    si.console.domU.evtchn = d->console_port = new_channel(d);
    si.pt_base = VIRT_BASE + l4_pfn(d) * PAGE_SIZE;
    si.nr_pt_frames = p2m_pfn(d) - l4_pfn(d);
    si.mfn_list = VIRT_BASE + p2m_pfn(d) * PAGE_SIZE;
    append((char *)si.cmd_line, d->cmd_line);
    write_page(d, start_info_pfn(d), &si, sizeof(si));
    write_page(d, built_console_pfn(d), "", 0);
    write_page(d, built_store_pfn(d), "", 0);
}

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static void make_upper_tables(struct built *d)
{
    static uint64_t t[512];

    memset(t, 0, sizeof(t));
    t[VIRT_BASE >> 39 & 511] = d->p2m[l3_pfn(d)] << 12 | TABLE_FLAGS;
    write_page(d, l4_pfn(d), t, sizeof(t));
    memset(t, 0, sizeof(t));
    t[VIRT_BASE >> 30 & 511] = d->p2m[l2_pfn(d)] << 12 | TABLE_FLAGS;
    write_page(d, l3_pfn(d), t, sizeof(t));
    memset(t, 0, sizeof(t));
    for (unsigned int i = 0; i < nr_l1(d); i++)
        t[i] = d->p2m[l1_pfn(d) + i] << 12 | TABLE_FLAGS;
    write_page(d, l2_pfn(d), t, sizeof(t));
}

static void make_l1(struct built *d, unsigned int i)
{
    static uint64_t t[512];

    for (unsigned int j = 0; j < 512; j++) {
        const xen_pfn_t pfn = i * 512 + j;
        const bool is_table = pfn >= l4_pfn(d) && pfn < p2m_pfn(d);

        t[j] = d->p2m[pfn] << 12 | (is_table ? TABLE_FLAGS & ~PTE_RW : TABLE_FLAGS);
    }
    write_page(d, l1_pfn(d) + i, t, sizeof(t));
}

void built_make_tables(struct built *d)
{
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = d->p2m[l4_pfn(d)] };

    make_upper_tables(d);
    for (unsigned int i = 0; i < nr_l1(d); i++)
        make_l1(d, i);
    for (unsigned int i = 0; i < nr_p2m(d); i++)
        write_page(d, p2m_pfn(d) + i, &d->p2m[i * 512], PAGE_SIZE);
    close_window();
    CHECK_RC(TIMED(HC4(mmuext_op, &pin, 1, 0, d->id)), 0);
}

void built_set_context(struct built *d, uint64_t entry)
{
    static struct vcpu_guest_context context;

    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = entry;
    context.user_regs.rsi = VIRT_BASE + start_info_pfn(d) * PAGE_SIZE;
    context.user_regs.rsp = VIRT_BASE + end_pfn(d) * PAGE_SIZE + 4 * PAGE_SIZE;
    context.user_regs.cs = CS64;
    context.user_regs.ss = SS64;
    context.kernel_ss = SS64;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = d->p2m[l4_pfn(d)] << 12;
    ctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
    CHECK_RC(domctl(d, XEN_DOMCTL_setvcpucontext), 0);
}

/* ---- its end ---- */

void built_destroy(struct built *d)
{
    long rc;

    close_window();
    /* -ERESTART is for the toolstack, too. */
    while ((rc = domctl(d, XEN_DOMCTL_destroydomain)) == -85 || rc == -XEN_EBUSY)
        ;
    CHECK_RC(rc, 0);
}

/* Nobody else has anything of it any more, so it must go. */
void built_await_end(struct built *d)
{
    const uint64_t end = system_time() + 20000000000ul;

    while (built_flags(d) != ~0u && system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
    if (built_flags(d) != ~0u)
        print("  domain %u does not go: %lu pages, %lu shared\n", d->id, ctl.u.getdomaininfo.tot_pages, ctl.u.getdomaininfo.shr_pages);
    CHECK(built_flags(d) == ~0u);
    d->id = 0;
}

/* ---- consoles ---- */

/* Trust: the domain may write any indices. */
bool console_line(struct console *c)
{
    struct xencons_interface *ring = c->ring;
    uint32_t cons = ring->out_cons, prod = __atomic_load_n(&ring->out_prod, __ATOMIC_SEQ_CST);
    bool whole = false;

    if (prod - cons > sizeof(ring->out))
        cons = prod;
    while (cons != prod && !whole) {
        const char ch = ring->out[cons++ & (sizeof(ring->out) - 1)];

        if (ch != '\n' && c->n < sizeof(c->line) - 1) {
            c->line[c->n++] = ch >= ' ' && ch <= '~' ? ch : '.';
            continue;
        }
        c->line[c->n] = '\0';
        c->n = 0;
        whole = true;
    }
    __atomic_store_n(&ring->out_cons, cons, __ATOMIC_SEQ_CST);
    return whole;
}

char *append(char *p, const char *s)
{
    while (*s != '\0')
        *p++ = *s++;
    return p;
}

char *append_number(char *p, uint64_t v)
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

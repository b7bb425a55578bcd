/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A control domain of a few hundred lines: builds PV domains from the ELF image that it got as its module,
 * one after the other, shows their consoles, and destroys them, whatever they do. Afterwards the
 * machine must have as much free memory as before. Options: domains=, seed= (the next domain's is one more),
 * count= (handed on), ms= (time for each, then it is destroyed).
 */
#include "../lib/guest.h"
#include <xen/domctl.h>
#include <xen/io/console.h>
#include <xen/sysctl.h>

const char test_name[] = "nursery";

#define VIRT_BASE 0xffffffff80000000ul
#define NR_PAGES  4096u          /* of a domain */
#define FIRST_FREE (NR_PAGES - 96)
#define NR_VCPUS  6u

/* Page frames of a domain's pages that we place: from FIRST_FREE upwards. */
enum { PFN_START_INFO = FIRST_FREE, PFN_CONSOLE, PFN_STORE, PFN_L4, PFN_L3, PFN_L2, PFN_L1, PFN_P2M = PFN_L1 + NR_PAGES / 512, PFN_END = PFN_P2M + NR_PAGES / 512 };

static struct xen_domctl ctl;
static domid_t dom;
static xen_pfn_t p2m[NR_PAGES];
static uint64_t *window, *ring_page;
static unsigned int nr_passed, nr_crashed, nr_killed, nr_off;

static long domctl(uint32_t cmd)
{
    ctl.cmd = cmd;
    ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    ctl.domain = dom;
    return HC1(domctl, &ctl);
}

static uint64_t free_pages(void)
{
    static struct xen_sysctl s;

    s.cmd = XEN_SYSCTL_physinfo;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (HC1(sysctl, &s) != 0)
        return 0;
    return s.u.physinfo.free_pages;
}

/* ---- the domain's memory through a window ---- */

static bool show_frame(void *at, xen_pfn_t pfn)
{
    const uint64_t entry = p2m[pfn] << 12 | PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;

    return HC4(update_va_mapping_otherdomain, at, entry, UVMF_INVLPG, dom) == 0;
}

static void write_page(xen_pfn_t pfn, const void *data, size_t n)
{
    CHECK(show_frame(window, pfn));
    memset(window, 0, PAGE_SIZE);
    memcpy(window, data, n);
}

/* Events are masked at first, as builders leave it. */
static void write_shared_info(uint64_t mfn)
{
    struct shared_info *s = (void *)window;

    CHECK_RC(HC4(update_va_mapping_otherdomain, window, mfn << 12 | PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, UVMF_INVLPG, dom), 0);
    CHECK(s->vcpu_info[0].evtchn_upcall_mask == 0);
    memset(s, 0, sizeof(*s));
    for (unsigned int i = 0; i < 32; i++)
        s->vcpu_info[i].evtchn_upcall_mask = 1;
}

/* ---- the image ---- */

struct elf_header { uint8_t ident[16]; uint16_t type, machine; uint32_t version; uint64_t entry, phoff, shoff; uint32_t flags; uint16_t ehsize, phentsize, phnum; };
struct elf_segment { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };

static void load_segment(const char *image, const struct elf_segment *s)
{
    for (uint64_t at = s->vaddr & ~4095ul; at < s->vaddr + s->filesz; at += PAGE_SIZE) {
        const uint64_t from = at < s->vaddr ? s->vaddr : at, to = at + PAGE_SIZE < s->vaddr + s->filesz ? at + PAGE_SIZE : s->vaddr + s->filesz;

        CHECK(show_frame(window, (at - VIRT_BASE) >> 12));
        memcpy((char *)window + (from & 4095), image + s->offset + (from - s->vaddr), to - from);
    }
}

static uint64_t load_image(void)
{
    const char *image = (const char *)start_info->mod_start;
    const struct elf_header *h = (const struct elf_header *)image;

    for (unsigned int i = 0; i < h->phnum; i++) {
        const struct elf_segment *s = (const struct elf_segment *)(image + h->phoff + i * h->phentsize);

        if (s->type == 1 && (s->vaddr + s->memsz - VIRT_BASE) >> 12 < FIRST_FREE)
            load_segment(image, s);
    }
    return h->entry;
}

/* ---- building ---- */

static void build_tables(void)
{
    static uint64_t t[512];
    const uint64_t flags = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;

    memset(t, 0, sizeof(t));
    t[VIRT_BASE >> 39 & 511] = p2m[PFN_L3] << 12 | flags;
    write_page(PFN_L4, t, sizeof(t));
    memset(t, 0, sizeof(t));
    t[VIRT_BASE >> 30 & 511] = p2m[PFN_L2] << 12 | flags;
    write_page(PFN_L3, t, sizeof(t));
    memset(t, 0, sizeof(t));
    for (unsigned int i = 0; i < NR_PAGES / 512; i++)
        t[i] = p2m[PFN_L1 + i] << 12 | flags;
    write_page(PFN_L2, t, sizeof(t));
    for (unsigned int i = 0; i < NR_PAGES / 512; i++) {
        for (unsigned int j = 0; j < 512; j++) {
            const xen_pfn_t pfn = i * 512 + j;
            const bool is_table = pfn >= PFN_L4 && pfn < PFN_P2M;

            t[j] = p2m[pfn] << 12 | (is_table ? flags & ~PTE_RW : flags);
        }
        write_page(PFN_L1 + i, t, sizeof(t));
    }
    for (unsigned int i = 0; i < NR_PAGES / 512; i++)
        write_page(PFN_P2M + i, &p2m[i * 512], PAGE_SIZE);
    CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);

    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = p2m[PFN_L4] };
    CHECK_RC(HC4(mmuext_op, &pin, 1, 0, dom), 0);
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

static void write_start_info(uint64_t seed, uint64_t shared_info_mfn)
{
    static struct start_info si;
    struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = DOMID_SELF };

    memset(&si, 0, sizeof(si));
    memcpy(si.magic, "xen-3.0-x86_64", 15);
    si.nr_pages = NR_PAGES;
    si.shared_info = shared_info_mfn << 12;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a), 0);
    si.store_mfn = p2m[PFN_STORE];
    si.store_evtchn = a.port;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a), 0);
    si.console.domU.mfn = p2m[PFN_CONSOLE];
    si.console.domU.evtchn = a.port;
    si.pt_base = VIRT_BASE + PFN_L4 * PAGE_SIZE;
    si.nr_pt_frames = PFN_P2M - PFN_L4;
    si.mfn_list = VIRT_BASE + PFN_P2M * PAGE_SIZE;
    char *p = append((char *)si.cmd_line, "seed=");
    p = append_number(p, seed);
    p = append(p, " count=");
    append_number(p, option("count", 3000));
    write_page(PFN_START_INFO, &si, sizeof(si));
    write_page(PFN_CONSOLE, "", 0);
}

static void start(uint64_t entry)
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
    context.ctrlreg[3] = p2m[PFN_L4] << 12;
    ctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
    CHECK_RC(domctl(XEN_DOMCTL_setvcpucontext), 0);
    /* Back to the beginning: the page tables are let go, the vCPU is down and has no context. */
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, (vcpu_guest_context_t *)NULL);
    CHECK_RC(domctl(XEN_DOMCTL_setvcpucontext), 0);
    CHECK_RC(domctl(XEN_DOMCTL_getvcpucontext), -XEN_ENODATA);
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
    CHECK_RC(domctl(XEN_DOMCTL_setvcpucontext), 0);
    CHECK_RC(domctl(XEN_DOMCTL_unpausedomain), 0);
}

static bool create(uint64_t seed)
{
    struct xen_memory_reservation r = { .nr_extents = NR_PAGES };

    dom = 0;
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.createdomain.handle[0] = (uint8_t)seed;
    ctl.u.createdomain.max_vcpus = NR_VCPUS;
    ctl.u.createdomain.max_evtchn_port = 1023;
    ctl.u.createdomain.max_grant_frames = 8;
    ctl.u.createdomain.max_maptrack_frames = 16;
    ctl.u.createdomain.grant_opts = 2;
    CHECK_RC(domctl(XEN_DOMCTL_createdomain), 0);
    dom = ctl.domain;
    if (dom == 0)
        return false;
    ctl.u.max_vcpus.max = NR_VCPUS;
    CHECK_RC(domctl(XEN_DOMCTL_max_vcpus), 0);
    ctl.u.max_mem.max_memkb = NR_PAGES * 4;
    CHECK_RC(domctl(XEN_DOMCTL_max_mem), 0);
    for (unsigned int i = 0; i < NR_PAGES; i++)
        p2m[i] = i;
    r.domid = dom;
    set_xen_guest_handle(r.extent_start, p2m);
    CHECK_RC(HC2(memory_op, XENMEM_populate_physmap, &r), NR_PAGES);
    CHECK_RC(domctl(XEN_DOMCTL_getdomaininfo), 0);
    const uint64_t shared_info_mfn = ctl.u.getdomaininfo.shared_info_frame;
    const uint64_t entry = load_image();

    write_shared_info(shared_info_mfn);
    write_start_info(seed, shared_info_mfn);
    build_tables();
    start(entry);
    return true;
}

/* ---- watching ---- */

/* What the domain has written, as whole lines of ours. Trust: the domain may write any indices. */
static char line[200];
static unsigned int line_n;
static bool said_pass;

static void drain(void)
{
    struct xencons_interface *ring = (void *)ring_page;
    uint32_t cons = ring->out_cons, prod = __atomic_load_n(&ring->out_prod, __ATOMIC_SEQ_CST);

    if (prod - cons > sizeof(ring->out))
        cons = prod;
    for (; cons != prod; cons++) {
        const char c = ring->out[cons & (sizeof(ring->out) - 1)];

        if (c != '\n' && line_n < sizeof(line) - 1) {
            line[line_n++] = c;
            continue;
        }
        line[line_n] = '\0';
        print("[%u] %s\n", dom, line);
        said_pass |= memcmp(line, "PASS ", 5) == 0;
        line_n = 0;
    }
    __atomic_store_n(&ring->out_cons, cons, __ATOMIC_SEQ_CST);
}

static uint32_t flags_now(void)
{
    return domctl(XEN_DOMCTL_getdomaininfo) == 0 && ctl.u.getdomaininfo.domain == dom ? ctl.u.getdomaininfo.flags : ~0u;
}

static void where_is_it(void)
{
    static struct vcpu_guest_context context;

    for (unsigned int v = 0; v < NR_VCPUS; v++) {
        ctl.u.vcpucontext.vcpu = v;
        set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
        if (domctl(XEN_DOMCTL_getvcpucontext) == 0)
            print("  vCPU %u: rip %lx cs %x rsp %lx rflags %lx rax %lx, flags %lx\n", v, context.user_regs.rip, context.user_regs.cs, context.user_regs.rsp,
                  context.user_regs.rflags, context.user_regs.rax, context.flags);
    }
}

static void watch(uint64_t seed)
{
    const uint64_t end = system_time() + option("ms", 4000) * 1000000ul;
    uint32_t flags;

    said_pass = false;
    line_n = 0;
    CHECK(show_frame(ring_page, PFN_CONSOLE));
    for (;;) {
        struct sched_poll poll = { .timeout = system_time() + 2000000 };

        drain();
        flags = flags_now();
        if ((flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) || system_time() > end)
            break;
        HC2(sched_op, SCHEDOP_poll, &poll);
    }
    drain();
    CHECK_RC(set_pte(ring_page, 0, UVMF_INVLPG), 0);
    if (!(flags & XEN_DOMINF_shutdown))
        nr_killed++;
    else if ((flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_crash)
        nr_crashed++;
    else if (said_pass)
        nr_passed++;
    else
        nr_off++;
    print("  domain %u, seed %lu: flags %x, CPU time %lu\n", dom, seed, flags, ctl.u.getdomaininfo.cpu_time);
    if (!(flags & XEN_DOMINF_shutdown))
        where_is_it();
}

static void destroy(void)
{
    const uint64_t end = system_time() + 20000000000ul;
    long rc;

    /* -ERESTART is for the toolstack, too. */
    while ((rc = domctl(XEN_DOMCTL_destroydomain)) == -85 || rc == -XEN_EBUSY)
        ;
    CHECK_RC(rc, 0);
    while (flags_now() != ~0u && system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
    CHECK(flags_now() == ~0u);
}

static void make_room(void)
{
    /* What the first domain makes the hypervisor keep for good is not a leak. */
    create(0);
    destroy();
}

void test_main(void)
{
    const uint64_t seed = option("seed", 1), nr = option("domains", 4);

    if (start_info->mod_len == 0) {
        print("  no module: nothing to build\n");
        check(true, "", 0);
        return;
    }
    window = page_alloc();
    ring_page = page_alloc();
    CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(ring_page, 0, UVMF_INVLPG), 0);
    events_disable();
    make_room();
    const uint64_t before = free_pages();
    uint64_t after;

    for (uint64_t i = 0; i < nr; i++) {
        if (!create(seed + i))
            return;
        watch(seed + i);
        destroy();
    }
    const uint64_t end = system_time() + 5000000000ul;
    while ((after = free_pages()) < before && system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
    print("  passed %u, off %u, crashed %u, killed %u; free pages %lu, then %lu\n", nr_passed, nr_off, nr_crashed, nr_killed, before, after);
    CHECK(after >= before);
    CHECK(nr_passed + nr_off + nr_crashed + nr_killed == nr);
    CHECK(option("all", 0) == 0 || nr_passed == nr);
}

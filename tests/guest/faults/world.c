/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The domain that steps are about: 64 pages, two vCPUs, and a program that switches itself off. */
#include "../lib/guest.h"
#include "faults.h"

domid_t dom;
xen_pfn_t p2m[NR_PAGES];
struct xen_domctl ctl;
struct vcpu_guest_context context;
static uint64_t *window;

/* mov $2, %edi (SCHEDOP_shutdown); lea reason(%rip), %rsi; mov $29, %eax (sched_op); syscall; jmp . */
static const uint8_t program[] = {
    0xbf, 2, 0, 0, 0, 0x48, 0x8d, 0x35, 9, 0, 0, 0, 0xb8, __HYPERVISOR_sched_op, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xfe, 0, 0, 0, 0, 0, 0, 0,
};

uint64_t free_pages(void)
{
    static struct xen_sysctl s;

    s.cmd = XEN_SYSCTL_physinfo;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HC1(sysctl, &s) ? 0 : s.u.physinfo.free_pages;
}

static void address(uint32_t cmd)
{
    ctl.cmd = cmd;
    ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    ctl.domain = dom;
}

long domctl(uint32_t cmd)
{
    address(cmd);
    return HC1(domctl, &ctl);
}

long domctl_faulty(uint32_t cmd)
{
    address(cmd);
    return F1(domctl, &ctl);
}

void prepare_world(void)
{
    window = page_alloc();
    CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);
}

/* ---- the stages ---- */

static unsigned int nr_created;

void fill_create(void)
{
    /* Few: the hypervisor keeps tables of them. */
    dom = (domid_t)(1 + nr_created++ % 200);
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.createdomain.max_vcpus = 2;
    ctl.u.createdomain.max_evtchn_port = 4095;
    ctl.u.createdomain.max_grant_frames = 8;
    ctl.u.createdomain.max_maptrack_frames = 16;
    ctl.u.createdomain.grant_opts = 2;
}

void fill_populate(struct xen_memory_reservation *r, unsigned int nr, unsigned int order)
{
    for (unsigned int i = 0; i < nr; i++)
        p2m[i] = i << order;
    *r = (struct xen_memory_reservation){ .nr_extents = nr, .extent_order = order, .domid = dom };
    set_xen_guest_handle(r->extent_start, p2m);
}

static void write_page(unsigned int pfn, const void *data, size_t n)
{
    CHECK_RC(HC4(update_va_mapping_otherdomain, window, p2m[pfn] << 12 | PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, UVMF_INVLPG, dom), 0);
    memset(window, 0, PAGE_SIZE);
    memcpy(window, data, n);
    CHECK_RC(set_pte(window, 0, UVMF_INVLPG), 0);
}

static void write_tables(void)
{
    static uint64_t t[512];
    const uint64_t flags = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D;

    for (unsigned int pfn = PFN_L4; pfn < PFN_L1; pfn++) {
        const unsigned int shift = 39 - 9 * (pfn - PFN_L4);

        memset(t, 0, sizeof(t));
        for (unsigned int i = 0; i < (pfn == PFN_L2 ? NR_L1 : 1); i++)
            t[(VIRT_BASE >> shift & 511) + i] = p2m[pfn + 1 + i] << 12 | flags;
        write_page(pfn, t, sizeof(t));
    }
    memset(t, 0, sizeof(t));
    for (unsigned int i = 0; i < NR_PAGES; i++)
        t[i] = p2m[i] << 12 | (i >= PFN_L4 && i <= PFN_GDT ? flags & ~PTE_RW : flags);
    for (unsigned int i = 0; i < NR_L1; i++)
        write_page(PFN_L1 + i, t, sizeof(t));
    write_page(PFN_GDT, "", 0);
    write_page(PFN_CODE, program, sizeof(program));
}

void fill_context(void)
{
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = VIRT_BASE + PFN_CODE * PAGE_SIZE;
    context.user_regs.rsp = VIRT_BASE + NR_PAGES * PAGE_SIZE;
    context.user_regs.cs = CS64;
    context.user_regs.ss = SS64;
    context.kernel_ss = SS64;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = p2m[PFN_L4] << 12;
    context.gdt_frames[0] = p2m[PFN_GDT];
    context.gdt_ents = 512;
    ctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
}

long run_start(void)
{
    fill_context();
    const long rc = domctl_faulty(XEN_DOMCTL_setvcpucontext);

    return rc ? rc : domctl(XEN_DOMCTL_unpausedomain);
}

bool has_run(void)
{
    const uint64_t end = system_time() + 2000000000ul;

    do {
        CHECK_RC(domctl(XEN_DOMCTL_getdomaininfo), 0);
        if (ctl.u.getdomaininfo.flags & XEN_DOMINF_shutdown)
            return ctl.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift == SHUTDOWN_poweroff;
        HC2(sched_op, SCHEDOP_yield, 0);
    } while (system_time() < end);
    return false;
}

void build(enum stage stage)
{
    struct xen_memory_reservation r;

    if (stage >= CREATED) {
        fill_create();
        CHECK_RC(domctl(XEN_DOMCTL_createdomain), 0);
        dom = ctl.domain;
        ctl.u.max_mem.max_memkb = 2 * NR_PAGES * 4;
        CHECK_RC(domctl(XEN_DOMCTL_max_mem), 0);
    }
    if (stage >= WITH_VCPUS) {
        ctl.u.max_vcpus.max = 2;
        CHECK_RC(domctl(XEN_DOMCTL_max_vcpus), 0);
    }
    if (stage >= WITH_MEMORY) {
        fill_populate(&r, NR_PAGES, 0);
        CHECK_RC(HC2(memory_op, XENMEM_populate_physmap, &r), NR_PAGES);
    }
    if (stage >= WITH_TABLES)
        write_tables();
    if (stage >= STARTED) {
        CHECK_RC(run_start(), 0);
        CHECK(has_run());
    }
}

/* ---- the end ---- */

static domid_t some_domain(void)
{
    dom = 1;
    return domctl(XEN_DOMCTL_getdomaininfo) == 0 ? ctl.domain : 0;
}

void destroy_all(void)
{
    const uint64_t end = system_time() + 5000000000ul;
    long rc;

    while ((dom = some_domain()) != 0 && system_time() < end) {
        while ((rc = domctl(XEN_DOMCTL_destroydomain)) == -85)
            ;
        /* Whoever is dead stays to be seen until the last reference is gone. */
        CHECK(rc == 0 || rc == -XEN_ESRCH || rc == -XEN_EBUSY);
        HC2(sched_op, SCHEDOP_yield, 0);
    }
    CHECK(some_domain() == 0);
    dom = 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fails: the toolstack's hypercalls for a domain, and what a guest, here ourselves, asks for. */
#include "../lib/guest.h"
#include "faults.h"

static struct xen_memory_reservation reservation;
static unsigned int nr_done;

/* ---- making a domain ---- */

static long run_create(void)
{
    fill_create();
    dom = 0; /* whichever */
    return domctl_faulty(XEN_DOMCTL_createdomain);
}

static long run_max_vcpus(void)
{
    ctl.u.max_vcpus.max = 2;
    return domctl_faulty(XEN_DOMCTL_max_vcpus);
}

static void start_counting(void) { nr_done = 0; }

/* The rest of `nr` extents; the answer is how many of them came. */
static long populate(unsigned int nr, unsigned int order)
{
    fill_populate(&reservation, nr, order);
    const long rc = F2(memory_op, XENMEM_populate_physmap, &reservation);

    /* ABI: an extent that failed is not an error: those before it count. */
    if (rc < 0)
        return rc;
    return rc == nr ? 0 : PARTLY;
}

static long run_populate(void) { return populate(NR_PAGES, 0); }
static long run_populate_large(void) { return populate(8, 2); }

static long run_decrease(void)
{
    reservation = (struct xen_memory_reservation){ .nr_extents = 16 - nr_done, .domid = dom };
    set_xen_guest_handle(reservation.extent_start, p2m + PFN_FREE + nr_done);
    const long rc = F2(memory_op, XENMEM_decrease_reservation, &reservation);

    if (rc < 0)
        return rc;
    nr_done += (unsigned int)rc;
    return nr_done == 16 ? 0 : PARTLY;
}

/* ABI: pages whose numbers could not be written are exchanged all the same, so that each attempt takes others. */
static long run_exchange(void)
{
    xen_pfn_t in[4], out[4];
    struct xen_memory_exchange x = { .in = { .nr_extents = 4, .domid = dom }, .out = { .nr_extents = 4, .domid = dom } };

    for (unsigned int i = 0; i < 4; i++) {
        out[i] = PFN_FREE + nr_done++;
        in[i] = p2m[out[i]];
    }
    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, out);
    return F2(memory_op, XENMEM_exchange, &x);
}

static long run_pin_level(unsigned int level)
{
    struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE + level - 1, .arg1.mfn = p2m[PFN_L1 + 1 - level] };

    return F4(mmuext_op, &op, 1, 0, dom);
}

static long run_pin(void) { return run_pin_level(4); }
static long run_pin_l2(void) { return run_pin_level(2); }

static void pin(void) { CHECK_RC(run_pin(), 0); }

static long run_unpin(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = p2m[PFN_L4] };

    return F4(mmuext_op, &op, 1, 0, dom);
}

static long run_first_instruction(void)
{
    const long rc = run_start();

    if (rc == 0)
        CHECK(has_run());
    return rc;
}

/* ---- looking at it ---- */

static long run_get_context(void)
{
    ctl.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(ctl.u.vcpucontext.ctxt, &context);
    return domctl_faulty(XEN_DOMCTL_getvcpucontext);
}

static long run_get_info(void) { return domctl_faulty(XEN_DOMCTL_getdomaininfo); }

static long run_get_list(void)
{
    static struct xen_domctl_getdomaininfo info[4];
    static struct xen_sysctl s;

    s.cmd = XEN_SYSCTL_getdomaininfolist;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    s.u.getdomaininfolist.first_domain = 0;
    s.u.getdomaininfolist.max_domains = 4;
    set_xen_guest_handle(s.u.getdomaininfolist.buffer, info);
    return F1(sysctl, &s);
}

static uint8_t extended_state[8192];

static long run_get_extended_state(void)
{
    ctl.u.vcpuextstate.vcpu = 0;
    ctl.u.vcpuextstate.xfeature_mask = 0;
    ctl.u.vcpuextstate.size = 0;
    long rc = domctl(XEN_DOMCTL_getvcpuextstate);

    if (rc != 0)
        return rc;
    set_xen_guest_handle(ctl.u.vcpuextstate.buffer, (uint64_t *)extended_state);
    return domctl_faulty(XEN_DOMCTL_getvcpuextstate);
}

static long run_page_types(void)
{
    static xen_pfn_t types[NR_PAGES];

    memcpy(types, p2m, sizeof(types));
    ctl.u.getpageframeinfo3.num = NR_PAGES;
    set_xen_guest_handle(ctl.u.getpageframeinfo3.array, types);
    return domctl_faulty(XEN_DOMCTL_getpageframeinfo3);
}

static long run_affinity(void)
{
    static uint8_t hard[32], soft[32];

    hard[0] = soft[0] = 1;
    ctl.u.vcpuaffinity = (struct xen_domctl_vcpuaffinity){ .vcpu = 0, .flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT };
    set_xen_guest_handle(ctl.u.vcpuaffinity.cpumap_hard.bitmap, hard);
    set_xen_guest_handle(ctl.u.vcpuaffinity.cpumap_soft.bitmap, soft);
    ctl.u.vcpuaffinity.cpumap_hard.nr_bits = ctl.u.vcpuaffinity.cpumap_soft.nr_bits = sizeof(hard) * 8;
    return domctl_faulty(XEN_DOMCTL_setvcpuaffinity);
}

static xen_cpuid_leaf_t leaves[512];
static xen_msr_entry_t msrs[32];

static long cpu_policy(uint32_t cmd)
{
    ctl.u.cpu_policy = (struct xen_domctl_cpu_policy){ .nr_leaves = 512, .nr_msrs = 32 };
    set_xen_guest_handle(ctl.u.cpu_policy.leaves, leaves);
    set_xen_guest_handle(ctl.u.cpu_policy.msrs, msrs);
    return domctl_faulty(cmd);
}

static long run_get_policy(void) { return cpu_policy(XEN_DOMCTL_get_cpu_policy); }

static long run_read_console(void)
{
    static char text[1024];
    static struct xen_sysctl s;

    s.cmd = XEN_SYSCTL_readconsole;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    s.u.readconsole = (struct xen_sysctl_readconsole){ .count = sizeof(text) };
    set_xen_guest_handle(s.u.readconsole.buffer, text);
    return F1(sysctl, &s);
}

/* ---- rights; holes in the middle need a range more ---- */

static long run_ports(void)
{
    ctl.u.ioport_permission = (struct xen_domctl_ioport_permission){ .first_port = 0x1000, .nr_ports = 8, .allow_access = 1 };
    return domctl_faulty(XEN_DOMCTL_ioport_permission);
}

static void allow_ports(void) { CHECK_RC(run_ports(), 0); }

static long run_ports_hole(void)
{
    ctl.u.ioport_permission = (struct xen_domctl_ioport_permission){ .first_port = 0x1002, .nr_ports = 2 };
    return domctl_faulty(XEN_DOMCTL_ioport_permission);
}

static long run_io_memory(void)
{
    ctl.u.iomem_permission = (struct xen_domctl_iomem_permission){ .first_mfn = 0xfe000, .nr_mfns = 4, .allow_access = 1 };
    return domctl_faulty(XEN_DOMCTL_iomem_permission);
}

static long run_memory_map(void)
{
    static const struct { uint64_t addr, size; uint32_t type; } __attribute__((packed)) map[] = { { 0, NR_PAGES * PAGE_SIZE, 1 } };
    struct xen_foreign_memory_map m = { .domid = dom, .map.nr_entries = 1 };

    set_xen_guest_handle(m.map.buffer, (void *)map);
    return F2(memory_op, XENMEM_set_memory_map, &m);
}

/* ---- event channels: of the domain, many; FIFO, our own ---- */

static long alloc_port(bool fails)
{
    struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = DOMID_SELF };

    return fails ? F2(event_channel_op, EVTCHNOP_alloc_unbound, &a) : HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a);
}

static long run_alloc_port(void) { return alloc_port(true); }

/* The next one is the first of another page of ports. */
static void fill_ports(void)
{
    for (unsigned int i = 1; i < 128; i++)
        CHECK_RC(alloc_port(false), 0);
}

static long run_bind(void)
{
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };
    struct evtchn_bind_interdomain b = { .remote_dom = 0 };

    CHECK_RC(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a), 0);
    b.remote_port = a.port;
    return F2(event_channel_op, EVTCHNOP_bind_interdomain, &b);
}

static uint8_t *control_page, *array_page;

static long run_fifo_init(void)
{
    struct evtchn_init_control c;

    if (control_page == NULL) {
        control_page = page_alloc();
        array_page = page_alloc();
    }
    c = (struct evtchn_init_control){ .control_gfn = va_to_pfn(control_page), .vcpu = 0 };
    if (start_info->flags & SIF_INITDOMAIN)
        c.control_gfn = va_to_mfn(control_page);
    return F2(event_channel_op, EVTCHNOP_init_control, &c);
}

static void fifo_init(void) { CHECK_RC(run_fifo_init(), 0); }

static long run_fifo_expand(void)
{
    struct evtchn_expand_array e = { .array_gfn = va_to_mfn(array_page) };

    return F2(event_channel_op, EVTCHNOP_expand_array, &e);
}

static void reset_events(void)
{
    struct evtchn_reset r = { .dom = DOMID_SELF };

    CHECK_RC(HC2(event_channel_op, EVTCHNOP_reset, &r), 0);
}

static long run_reset(void)
{
    struct evtchn_reset r = { .dom = dom };

    return F2(event_channel_op, EVTCHNOP_reset, &r);
}

static void many_ports(void)
{
    for (unsigned int i = 0; i < 600; i++)
        CHECK_RC(alloc_port(false), 0);
}

/* ---- grants ---- */

static long run_grant_table(void)
{
    static xen_pfn_t frames[8];
    struct gnttab_setup_table op = { .dom = dom, .nr_frames = 8 };

    set_xen_guest_handle(op.frame_list, frames);
    const long rc = F3(grant_table_op, GNTTABOP_setup_table, &op, 1);

    return rc ? rc : op.status == GNTST_no_space || op.status == GNTST_general_error ? -XEN_ENOMEM : op.status == GNTST_bad_virt_addr ? -XEN_EFAULT : op.status;
}

static long run_grant_resource(void)
{
    static xen_pfn_t frames[8];
    struct xen_mem_acquire_resource r = { .domid = dom, .type = XENMEM_resource_grant_table, .id = XENMEM_resource_grant_table_id_shared, .nr_frames = 8 };

    set_xen_guest_handle(r.frame_list, frames);
    return F2(memory_op, XENMEM_acquire_resource, &r);
}

static struct grant_entry_v1 *grants;
static uint64_t *mapped_at[4];
static char *granted;

static void set_up_grants(void)
{
    xen_pfn_t frame;
    struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = 1 };

    if (grants != NULL)
        return;
    set_xen_guest_handle(op.frame_list, &frame);
    CHECK_RC(HC3(grant_table_op, GNTTABOP_setup_table, &op, 1), 0);
    grants = page_alloc();
    CHECK_RC(set_pte(grants, frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG), 0);
    granted = page_alloc();
    for (unsigned int i = 0; i < 4; i++) {
        mapped_at[i] = page_alloc();
        CHECK_RC(set_pte(mapped_at[i], 0, UVMF_INVLPG), 0);
        grants[16 + i] = (struct grant_entry_v1){ .domid = 0, .frame = (uint32_t)va_to_mfn(granted), .flags = GTF_permit_access };
    }
}

static bool is_mapped(unsigned int i) { return *pte_of(mapped_at[i]) & PTE_P; }

static long run_map(void)
{
    static struct gnttab_map_grant_ref m[4];
    unsigned int n = 0;

    for (unsigned int i = 0; i < 4; i++)
        if (!is_mapped(i))
            m[n++] = (struct gnttab_map_grant_ref){ .host_addr = (uint64_t)mapped_at[i], .flags = GNTMAP_host_map, .ref = 16 + i, .dom = 0 };
    const long rc = F3(grant_table_op, GNTTABOP_map_grant_ref, m, n);

    for (unsigned int i = 0; i < n && rc == 0; i++)
        if (m[i].status != GNTST_okay)
            return m[i].status == GNTST_no_space ? -XEN_ENOMEM : m[i].status;
    return rc;
}

/* Handles are small numbers; one whose answer could not be written is found by trying. */
static void unmap(void)
{
    for (unsigned int i = 0; i < 4; i++)
        for (unsigned int handle = 0; handle < 16 && is_mapped(i); handle++) {
            struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)mapped_at[i], .handle = handle };

            CHECK_RC(HC3(grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1), 0);
        }
    for (unsigned int i = 0; i < 4; i++)
        CHECK(!is_mapped(i) && (grants[16 + i].flags & (GTF_reading | GTF_writing)) == 0);
}

static long run_grant_copy(void)
{
    static struct gnttab_copy c[4];
    static char to[PAGE_SIZE] page_aligned;
    long rc;

    for (unsigned int i = 0; i < 4; i++)
        c[i] = (struct gnttab_copy){ .source = { .u.ref = 16 + i, .domid = DOMID_SELF }, .dest = { .u.gmfn = va_to_mfn(to), .domid = DOMID_SELF },
                                     .len = 64, .flags = GNTCOPY_source_gref };
    rc = F3(grant_table_op, GNTTABOP_copy, c, 4);
    for (unsigned int i = 0; i < 4; i++)
        CHECK((grants[16 + i].flags & (GTF_reading | GTF_writing)) == 0 && (rc != 0 || c[i].status == GNTST_okay));
    return rc;
}

static void to_version_1(void)
{
    struct gnttab_set_version v = { .version = 1 };

    CHECK_RC(HC3(grant_table_op, GNTTABOP_set_version, &v, 1), 0);
    grants = NULL;
}

static long run_version_2(void)
{
    struct gnttab_set_version v = { .version = 2 };

    return F3(grant_table_op, GNTTABOP_set_version, &v, 1);
}

/* ---- ourselves ---- */

static long run_ldt(void)
{
    static uint64_t ldt[512] page_aligned;
    struct mmuext_op op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)ldt, .arg2.nr_ents = 512 };

    return F4(mmuext_op, &op, 1, 0, DOMID_SELF);
}

static void idle_vcpu(void *arg) { }

/* There is no way back: each attempt takes another one. */
static unsigned int vcpu;

static void next_vcpu(void) { vcpu++; }

static long run_vcpu(void)
{
    return F3(vcpu_op, VCPUOP_initialise, vcpu, vcpu_context(vcpu, idle_vcpu, NULL));
}

static long run_gdt(void)
{
    static uint64_t gdt[512] page_aligned;
    xen_pfn_t frame = va_to_mfn(gdt);
    long rc;

    CHECK_RC(make_readonly(gdt), 0);
    rc = F2(set_gdt, &frame, 512);
    CHECK_RC(HC2(set_gdt, &frame, 0), 0);
    CHECK_RC(make_writable(gdt), 0);
    return rc;
}

static long run_trap_table(void) { return F1(set_trap_table, exception_table); }

static long run_multicall(void)
{
    static struct multicall_entry calls[8];
    long rc;

    for (unsigned int i = 0; i < 8; i++)
        calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } };
    rc = F2(multicall, calls, 8);
    for (unsigned int i = 0; i < 8 && rc == 0; i++)
        CHECK(calls[i].result >= 4 << 16);
    return rc;
}

static long run_console(void)
{
    static char text[300];

    memset(text, '.', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    return F3(console_io, CONSOLEIO_write, sizeof(text), text);
}

static long run_update(void)
{
    static char page[PAGE_SIZE] page_aligned;
    struct mmu_update u[8];

    for (unsigned int i = 0; i < 8; i++)
        u[i] = (struct mmu_update){ .ptr = pte_maddr(page), .val = pte(page, i & 1 ? PTE_RW : 0) };
    return F4(mmu_update, u, 8, 0, DOMID_SELF);
}

/* ---- the end, in every state ---- */

static long run_destroy(void)
{
    long rc = domctl_faulty(XEN_DOMCTL_destroydomain);

    while (rc == -85)
        rc = domctl(XEN_DOMCTL_destroydomain);
    return rc == -XEN_ESRCH ? 0 : rc;
}

const struct step steps[] = {
    { "createdomain", NOTHING, NULL, run_create, NULL, 0 },
    { "max_vcpus", CREATED, NULL, run_max_vcpus, NULL, KEEPS_A_PART },
    { "populate", WITH_VCPUS, NULL, run_populate, NULL, KEEPS_A_PART },
    { "populate, order 2", WITH_VCPUS, NULL, run_populate_large, NULL, KEEPS_A_PART },
    { "decrease", WITH_MEMORY, start_counting, run_decrease, NULL, KEEPS_A_PART },
    { "exchange", WITH_MEMORY, start_counting, run_exchange, NULL, 0 },
    { "pin L2", WITH_TABLES, NULL, run_pin_l2, NULL, ONCE },
    { "pin L4", WITH_TABLES, NULL, run_pin, NULL, ONCE },
    { "unpin L4", WITH_TABLES, pin, run_unpin, NULL, ONCE },
    { "first instruction", WITH_TABLES, NULL, run_first_instruction, NULL, 0 },
    { "getvcpucontext", STARTED, NULL, run_get_context, NULL, 0 },
    { "getdomaininfo", STARTED, NULL, run_get_info, NULL, 0 },
    { "getdomaininfolist", STARTED, NULL, run_get_list, NULL, 0 },
    { "getvcpuextstate", STARTED, NULL, run_get_extended_state, NULL, 0 },
    { "getpageframeinfo3", STARTED, NULL, run_page_types, NULL, 0 },
    { "get_cpu_policy", WITH_VCPUS, NULL, run_get_policy, NULL, 0 },
    { "setvcpuaffinity", WITH_VCPUS, NULL, run_affinity, NULL, 0 },
    { "readconsole", NOTHING, NULL, run_read_console, NULL, 0 },
    { "ioport_permission", CREATED, NULL, run_ports, NULL, 0 },
    { "ioport_permission, a hole", CREATED, allow_ports, run_ports_hole, NULL, 0 },
    { "iomem_permission", CREATED, NULL, run_io_memory, NULL, 0 },
    { "set_memory_map", CREATED, NULL, run_memory_map, NULL, 0 },
    { "alloc_unbound, the first", CREATED, NULL, run_alloc_port, NULL, 0 },
    { "alloc_unbound, another page", WITH_VCPUS, fill_ports, run_alloc_port, NULL, 0 },
    { "bind_interdomain", NOTHING, NULL, run_bind, reset_events, 0 },
    { "init_control", NOTHING, NULL, run_fifo_init, reset_events, ONCE },
    { "expand_array", NOTHING, fifo_init, run_fifo_expand, reset_events, 0 },
    { "event reset", WITH_VCPUS, many_ports, run_reset, NULL, 0 },
    { "grant setup_table", CREATED, NULL, run_grant_table, NULL, KEEPS_A_PART },
    { "grant acquire_resource", CREATED, NULL, run_grant_resource, NULL, KEEPS_A_PART },
    { "grant map", NOTHING, set_up_grants, run_map, unmap, GROWS | KEEPS_A_PART },
    { "grant copy", NOTHING, set_up_grants, run_grant_copy, NULL, GROWS },
    { "grant set_version", NOTHING, NULL, run_version_2, to_version_1, GROWS },
    { "vcpu_op initialise", NOTHING, next_vcpu, run_vcpu, NULL, ONCE | GROWS },
    { "set_ldt", NOTHING, NULL, run_ldt, NULL, 0 },
    { "set_gdt", NOTHING, NULL, run_gdt, NULL, 0 },
    { "set_trap_table", NOTHING, NULL, run_trap_table, NULL, 0 },
    { "multicall", NOTHING, NULL, run_multicall, NULL, 0 },
    { "mmu_update", NOTHING, NULL, run_update, NULL, 0 },
    { "console write", NOTHING, NULL, run_console, NULL, 0 },
    { "destroydomain, created", CREATED, NULL, run_destroy, NULL, 0 },
    { "destroydomain, with vCPUs", WITH_VCPUS, NULL, run_destroy, NULL, 0 },
    { "destroydomain, with memory", WITH_MEMORY, NULL, run_destroy, NULL, 0 },
    { "destroydomain, pinned", WITH_TABLES, pin, run_destroy, NULL, 0 },
    { "destroydomain, started", STARTED, NULL, run_destroy, NULL, 0 },
    { "destroydomain, with ports", WITH_VCPUS, many_ports, run_destroy, NULL, 0 },
    { NULL, NOTHING, NULL, NULL, NULL, 0 },
};

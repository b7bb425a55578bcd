/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control plane beyond what the toolstack usually asks: domctl, sysctl, platform_op and physdev_op with good
 * and bad arguments, on a domain that never runs. The transcript must equal stock Xen's.
 */
#include "../lib/guest.h"
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

const char test_name[] = "control";

#define NR_PAGES 16u

static struct xen_domctl d;
static struct xen_sysctl s;
static struct xen_platform_op p;
static domid_t dom;
static uint8_t map[64], other[64];
static struct vcpu_guest_context context;

static long domctl(uint32_t cmd)
{
    d.cmd = cmd;
    d.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    d.domain = dom;
    return HC1(domctl, &d);
}

static long sysctl(uint32_t cmd)
{
    s.cmd = cmd;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HC1(sysctl, &s);
}

static long platform(uint32_t cmd)
{
    p.cmd = cmd;
    p.interface_version = XENPF_INTERFACE_VERSION;
    return HC1(platform_op, &p);
}

#define DOMCTL(name) show("domctl " #name, domctl(XEN_DOMCTL_##name))
#define SYSCTL(name) show("sysctl " #name, sysctl(XEN_SYSCTL_##name))

/* ---- a domain ---- */

static void create(void)
{
    static xen_pfn_t pfns[NR_PAGES];
    struct xen_memory_reservation r = { .nr_extents = NR_PAGES };

    dom = 0;
    d.u.createdomain.max_vcpus = 3;
    d.u.createdomain.max_evtchn_port = 1023;
    d.u.createdomain.max_grant_frames = 4;
    d.u.createdomain.max_maptrack_frames = 4;
    d.u.createdomain.grant_opts = 2;
    DOMCTL(createdomain);
    dom = d.domain;
    DOMCTL(getdomaininfo);
    SHOW(d.u.getdomaininfo.flags);
    SHOW(d.u.getdomaininfo.max_vcpu_id);
    SHOW(d.u.getdomaininfo.nr_online_vcpus);
    d.u.max_vcpus.max = 2;
    DOMCTL(max_vcpus);
    d.u.max_vcpus.max = 3;
    DOMCTL(max_vcpus);
    DOMCTL(max_vcpus);
    d.u.max_mem.max_memkb = NR_PAGES * 4;
    DOMCTL(max_mem);
    for (unsigned int i = 0; i < NR_PAGES; i++)
        pfns[i] = i;
    r.domid = dom;
    set_xen_guest_handle(r.extent_start, pfns);
    SHOW(HC2(memory_op, XENMEM_populate_physmap, &r));
    DOMCTL(getdomaininfo);
    SHOW(d.u.getdomaininfo.tot_pages);
    SHOW(d.u.getdomaininfo.max_pages);
    SHOW(d.u.getdomaininfo.outstanding_pages);
    SHOW(d.u.getdomaininfo.cpupool);
}

/* ---- vCPUs ---- */

static void affinity(uint32_t vcpu, uint32_t flags, uint8_t hard, uint8_t soft)
{
    map[0] = hard;
    other[0] = soft;
    d.u.vcpuaffinity = (struct xen_domctl_vcpuaffinity){ .vcpu = vcpu, .flags = flags };
    set_xen_guest_handle(d.u.vcpuaffinity.cpumap_hard.bitmap, map);
    set_xen_guest_handle(d.u.vcpuaffinity.cpumap_soft.bitmap, other);
    d.u.vcpuaffinity.cpumap_hard.nr_bits = d.u.vcpuaffinity.cpumap_soft.nr_bits = 8;
    DOMCTL(setvcpuaffinity);
    SHOW(map[0]);
    SHOW(other[0]);
    DOMCTL(getvcpuaffinity);
    SHOW(map[0]);
    SHOW(other[0]);
}

static void vcpus(void)
{
    affinity(0, XEN_VCPUAFFINITY_HARD, 1, 0);
    affinity(1, XEN_VCPUAFFINITY_SOFT, 0xff, 1);
    affinity(2, XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT, 1, 0xff);
    affinity(3, XEN_VCPUAFFINITY_HARD, 1, 0);
    affinity(0, 0, 1, 1);
    affinity(0, XEN_VCPUAFFINITY_HARD, 0x80, 0);
    affinity(0, XEN_VCPUAFFINITY_HARD, 0, 0);
    for (unsigned int v = 0; v < 4; v++) {
        d.u.getvcpuinfo.vcpu = v;
        DOMCTL(getvcpuinfo);
        SHOW(d.u.getvcpuinfo.online);
        SHOW(d.u.getvcpuinfo.running);
    }
    map[0] = 1;
    set_xen_guest_handle(d.u.nodeaffinity.nodemap.bitmap, map);
    d.u.nodeaffinity.nodemap.nr_bits = 8;
    DOMCTL(setnodeaffinity);
    DOMCTL(getnodeaffinity);
    SHOW(map[0]);
    map[0] = 0;
    d.u.nodeaffinity.nodemap.nr_bits = 8;
    DOMCTL(setnodeaffinity);
}

static void scheduling(void)
{
    for (uint32_t id = 0; id < 8; id++) {
        d.u.scheduler_op.sched_id = id;
        d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
        DOMCTL(scheduler_op);
    }
    d.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    DOMCTL(scheduler_op);
    SHOW(d.u.scheduler_op.u.credit2.weight);
    SHOW(d.u.scheduler_op.u.credit2.cap);
    d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    d.u.scheduler_op.u.credit2.weight = 512;
    d.u.scheduler_op.u.credit2.cap = 0;
    DOMCTL(scheduler_op);
    d.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    DOMCTL(scheduler_op);
    SHOW(d.u.scheduler_op.u.credit2.weight);
    d.u.scheduler_op.cmd = 77;
    DOMCTL(scheduler_op);
}

static void contexts(void)
{
    memset(&context, 0, sizeof(context));
    for (unsigned int v = 0; v < 4; v++) {
        d.u.vcpucontext.vcpu = v;
        set_xen_guest_handle(d.u.vcpucontext.ctxt, &context);
        DOMCTL(getvcpucontext);
        d.u.vcpucontext.vcpu = v;
        set_xen_guest_handle(d.u.vcpucontext.ctxt, &context);
        DOMCTL(setvcpucontext);
    }
    d.u.vcpucontext.vcpu = 1;
    set_xen_guest_handle(d.u.vcpucontext.ctxt, (struct vcpu_guest_context *)0);
    DOMCTL(setvcpucontext);
    d.u.vcpuextstate = (struct xen_domctl_vcpuextstate){ .vcpu = 3 };
    DOMCTL(getvcpuextstate);
    d.u.sendtrigger = (struct xen_domctl_sendtrigger){ .trigger = XEN_DOMCTL_SENDTRIGGER_NMI, .vcpu = 0 };
    DOMCTL(sendtrigger);
    d.u.sendtrigger = (struct xen_domctl_sendtrigger){ .trigger = XEN_DOMCTL_SENDTRIGGER_POWER, .vcpu = 0 };
    DOMCTL(sendtrigger);
    for (uint32_t trigger = 0; trigger < 4; trigger++) {
        d.u.sendtrigger = (struct xen_domctl_sendtrigger){ .trigger = trigger, .vcpu = 9 };
        DOMCTL(sendtrigger);
    }
}

/* ---- rights, names, life ---- */

static void rights(void)
{
    static const struct { uint64_t first, nr; } ranges[] = { { 0x100, 4 }, { 0xfffe, 2 }, { 0xfffe, 3 }, { 0, 0 }, { 0xffffffff, 1 } };

    for (unsigned int i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        for (unsigned int allow = 0; allow < 2; allow++) {
            d.u.ioport_permission = (struct xen_domctl_ioport_permission){ (uint32_t)ranges[i].first, (uint32_t)ranges[i].nr, (uint8_t)allow };
            DOMCTL(ioport_permission);
            d.u.iomem_permission = (struct xen_domctl_iomem_permission){ ranges[i].first, ranges[i].nr, (uint8_t)allow };
            DOMCTL(iomem_permission);
        }
    d.u.iomem_permission = (struct xen_domctl_iomem_permission){ ~0ul, 2, 1 };
    DOMCTL(iomem_permission);
    d.u.irq_permission = (struct xen_domctl_irq_permission){ .pirq = 9, .allow_access = 1 };
    DOMCTL(irq_permission);
    d.u.irq_permission = (struct xen_domctl_irq_permission){ .pirq = 250, .allow_access = 1 };
    DOMCTL(irq_permission);
    static const struct xen_domctl_memory_mapping mapping[] = {
        { 1, 0xfe000, 1, 1, 0 }, { 1, 0x100, 1, 1, 0 }, { 1, 0xfe000, 0, 1, 0 }, { 1, 0xfe000, 65, 1, 0 }, { 1, ~0ul, 2, 1, 0 },
        { ~0ul, 0xfe000, 2, 1, 0 }, { 1, 1ul << 40, 1, 1, 0 }, { 0, 0, 0, 0, 0 }, { 1, 0xfe000, 1, 0, 0 },
    };

    for (unsigned int i = 0; i < sizeof(mapping) / sizeof(*mapping); i++) {
        d.u.memory_mapping = mapping[i];
        DOMCTL(memory_mapping);
    }
}

static void properties(void)
{
    memset(&d.u, 0x5a, sizeof(d.u));
    DOMCTL(setdomainhandle);
    DOMCTL(getdomaininfo);
    SHOW(d.u.getdomaininfo.handle[7]);
    d.u.settimeoffset.time_offset_seconds = -3600;
    DOMCTL(settimeoffset);
    DOMCTL(get_address_size);
    SHOW(d.u.address_size.size);
    d.u.address_size.size = 64;
    DOMCTL(set_address_size);
    d.u.address_size.size = 48;
    DOMCTL(set_address_size);
    DOMCTL(gettscinfo);
    SHOW(d.u.tsc_info.tsc_mode);
    d.u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = 9 };
    DOMCTL(settscinfo);
    d.u.subscribe.port = 5;
    DOMCTL(subscribe);
    d.u.set_virq_handler.virq = VIRQ_TIMER;
    DOMCTL(set_virq_handler);
    d.u.set_virq_handler.virq = 99;
    DOMCTL(set_virq_handler);
    d.u.set_target.target = dom;
    DOMCTL(set_target);
    d.u.set_target.target = 0x7ff0;
    DOMCTL(set_target);
    d.u.hypercall_init.gmfn = ~0ul;
    DOMCTL(hypercall_init);
}

static void life(void)
{
    DOMCTL(unpausedomain);
    DOMCTL(unpausedomain);
    DOMCTL(pausedomain);
    DOMCTL(pausedomain);
    DOMCTL(unpausedomain);
    DOMCTL(resumedomain);
    dom = 0x7fef;
    DOMCTL(pausedomain);
    DOMCTL(getdomaininfo);
    dom = DOMID_SELF;
    DOMCTL(pausedomain);
    DOMCTL(unpausedomain);
    DOMCTL(destroydomain);
    DOMCTL(resumedomain);
    DOMCTL(max_vcpus);
    DOMCTL(setvcpucontext);
}

/* ---- the machine ---- */

static void machine(void)
{
    static struct xen_sysctl_cputopo topology[4];
    static struct xen_sysctl_cpuinfo cpus[4];
    static struct xen_sysctl_meminfo nodes[4];
    static uint32_t distances[16];

    SYSCTL(physinfo);
    SHOW(s.u.physinfo.nr_cpus);
    SHOW(s.u.physinfo.max_cpu_id);
    SHOW(s.u.physinfo.nr_nodes);
    SHOW(s.u.physinfo.threads_per_core);
    SYSCTL(sched_id);
    SHOW(s.u.sched_id.sched_id);
    s.u.cputopoinfo = (struct xen_sysctl_cputopoinfo){ .num_cpus = 4 };
    set_xen_guest_handle(s.u.cputopoinfo.cputopo, topology);
    SYSCTL(cputopoinfo);
    SHOW(s.u.cputopoinfo.num_cpus);
    SHOW(topology[0].socket);
    SHOW(topology[0].node);
    s.u.numainfo = (struct xen_sysctl_numainfo){ .num_nodes = 4 };
    set_xen_guest_handle(s.u.numainfo.meminfo, nodes);
    set_xen_guest_handle(s.u.numainfo.distance, distances);
    SYSCTL(numainfo);
    SHOW(s.u.numainfo.num_nodes);
    s.u.getcpuinfo = (struct xen_sysctl_getcpuinfo){ .max_cpus = 4 };
    set_xen_guest_handle(s.u.getcpuinfo.info, cpus);
    SYSCTL(getcpuinfo);
    SHOW(s.u.getcpuinfo.nr_cpus);
    s.u.availheap = (struct xen_sysctl_availheap){ .min_bitwidth = 0, .max_bitwidth = 0, .node = -1 };
    SYSCTL(availheap);
    s.u.availheap = (struct xen_sysctl_availheap){ .node = 77 };
    SYSCTL(availheap);
    for (uint32_t op = 0; op < 8; op++) {
        s.u.cpupool_op = (struct xen_sysctl_cpupool_op){ .op = op, .cpupool_id = op == XEN_SYSCTL_CPUPOOL_OP_INFO ? 0 : 9, .domid = dom, .cpu = 0 };
        set_xen_guest_handle(s.u.cpupool_op.cpumap.bitmap, map);
        s.u.cpupool_op.cpumap.nr_bits = 8;
        if (op == XEN_SYSCTL_CPUPOOL_OP_CREATE)
            continue;
        SYSCTL(cpupool_op);
    }
    for (uint32_t id = 0; id < 8; id++) {
        s.u.scheduler_op = (struct xen_sysctl_scheduler_op){ .cpupool_id = 0, .sched_id = id, .cmd = XEN_SYSCTL_SCHEDOP_getinfo };
        SYSCTL(scheduler_op);
    }
    s.u.scheduler_op = (struct xen_sysctl_scheduler_op){ .cpupool_id = 5, .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_SYSCTL_SCHEDOP_getinfo };
    SYSCTL(scheduler_op);
}

/* What they print is for people; that they come to an end is for us. */
static void debug_keys(void)
{
    static char keys[] = "hegqrvatEi";

    s.u.debug_keys.nr_keys = sizeof(keys) - 1;
    set_xen_guest_handle(s.u.debug_keys.keys, keys);
    SYSCTL(debug_keys);
}

static void platform_calls(void)
{
    memset(&p.u, 0, sizeof(p.u));
    p.u.pcpu_info.xen_cpuid = 0;
    show("platform get_cpuinfo", platform(XENPF_get_cpuinfo));
    SHOW(p.u.pcpu_info.max_present);
    SHOW_HEX(p.u.pcpu_info.flags);
    p.u.pcpu_info.xen_cpuid = 200;
    show("platform get_cpuinfo, none", platform(XENPF_get_cpuinfo));
    SHOW_HEX(p.u.pcpu_info.flags);
    p.u.pcpu_version.xen_cpuid = 0;
    show("platform get_cpu_version", platform(XENPF_get_cpu_version));
    memset(&p.u, 0, sizeof(p.u));
    p.u.settime64 = (struct xenpf_settime64){ .secs = 1700000000, .nsecs = 5, .system_time = 1000 };
    show("platform settime64", platform(XENPF_settime64));
    p.u.settime64.mbz = 1;
    show("platform settime64, mbz", platform(XENPF_settime64));
    p.interface_version = 1;
    p.cmd = XENPF_settime64;
    show("platform, another version", HC1(platform_op, &p));
    show("platform, unknown", platform(999));
}

static long physdev(uint32_t cmd, void *arg) { return HC2(physdev_op, cmd, arg); }

static void physical_devices(void)
{
    struct physdev_irq_status_query status = { .irq = 4000 };
    struct physdev_get_free_pirq free_pirq = { .type = MAP_PIRQ_TYPE_MSI };
    struct physdev_map_pirq map_gsi = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 9, .pirq = 9 };
    struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF };
    struct physdev_set_iopl iopl = { .iopl = 4 };
    struct physdev_set_iobitmap bitmap = { .nr_ports = 65537 };
    struct physdev_setup_gsi gsi = { .gsi = 9, .triggering = 1, .polarity = 1 };
    struct physdev_eoi eoi = { .irq = 4000 };
    struct physdev_manage_pci pci = { .bus = 0, .devfn = 0xf8 };
    struct physdev_pci_device device = { .seg = 7, .bus = 3, .devfn = 9 };

    show("physdev irq_status_query", physdev(PHYSDEVOP_irq_status_query, &status));
    show("physdev eoi", physdev(PHYSDEVOP_eoi, &eoi));
    show("physdev get_free_pirq", physdev(PHYSDEVOP_get_free_pirq, &free_pirq));
    show("physdev set_iopl 4", physdev(PHYSDEVOP_set_iopl, &iopl));
    show("physdev set_iobitmap", physdev(PHYSDEVOP_set_iobitmap, &bitmap));
    show("physdev setup_gsi", physdev(PHYSDEVOP_setup_gsi, &gsi));
    show("physdev map_pirq", physdev(PHYSDEVOP_map_pirq, &map_gsi));
    SHOW(map_gsi.pirq);
    unmap.pirq = map_gsi.pirq;
    show("physdev unmap_pirq", physdev(PHYSDEVOP_unmap_pirq, &unmap));
    show("physdev unmap_pirq again", physdev(PHYSDEVOP_unmap_pirq, &unmap));
    unmap.pirq = -1;
    show("physdev unmap_pirq -1", physdev(PHYSDEVOP_unmap_pirq, &unmap));
    for (int type = 1; type < 8; type++) {
        struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = type, .index = 5000, .pirq = -1, .entry_nr = 40 };

        show("physdev map_pirq of each type", physdev(PHYSDEVOP_map_pirq, &m));
    }
    show("physdev manage_pci_add", physdev(PHYSDEVOP_manage_pci_add, &pci));
    show("physdev manage_pci_remove", physdev(PHYSDEVOP_manage_pci_remove, &pci));
    show("physdev manage_pci_remove again", physdev(PHYSDEVOP_manage_pci_remove, &pci));
    show("physdev pci_device_remove", physdev(PHYSDEVOP_pci_device_remove, &device));
    show("physdev restore_msi_ext", physdev(PHYSDEVOP_restore_msi_ext, &device));
    show("physdev prepare_msix", physdev(PHYSDEVOP_prepare_msix, &device));
    show("physdev release_msix", physdev(PHYSDEVOP_release_msix, &device));
    show("physdev, unknown", physdev(999, &device));
}

void test_main(void)
{
    create();
    vcpus();
    scheduling();
    contexts();
    rights();
    properties();
    machine();
    debug_keys();
    platform_calls();
    physical_devices();
    life();
}

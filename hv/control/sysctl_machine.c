/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl operations that look at the machine and at the list of domains: console, keys, idle times, heap, nodes. */
#include <hv/boot_info.h>
#include <hv/console.h>
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>

long sysctl_readconsole(struct xen_sysctl *op)
{
    return console_read_ring(&op->u.readconsole);
}

#define MAX_KEYS 256u

long sysctl_debug_keys(struct xen_sysctl *op)
{
    const struct xen_sysctl_debug_keys *a = &op->u.debug_keys;
    char keys[MAX_KEYS];

    if (a->nr_keys > MAX_KEYS)
        return ERR(E2BIG);
    if (guest_read(keys, handle_va(a->keys), a->nr_keys) != 0)
        return ERR(EFAULT);
    for (uint32_t i = 0; i < a->nr_keys; i++)
        debug_key_press((unsigned char)keys[i]);
    return 0;
}

long sysctl_sched_id(struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = sched_policy_current()->id;
    return 0;
}

long sysctl_getcpuinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *a = &op->u.getcpuinfo;
    const unsigned int nr = min(a->max_cpus, nr_cpu_ids);

    for (unsigned int cpu = 0; cpu < nr; cpu++) {
        struct xen_sysctl_cpuinfo info = { .idletime = cpumask_test(&cpu_online_mask, cpu) ? sched_idle_ns(cpu) : 0 };

        if (copy_to_guest_at(a->info, cpu, &info, 1))
            return ERR(EFAULT);
    }
    a->nr_cpus = nr;
    return 0;
}

/* The list goes on after first_domain as long as there is room; domains on their way out are in it. */
long sysctl_getdomaininfolist(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *a = &op->u.getdomaininfolist;
    struct xen_domctl_getdomaininfo info;
    uint32_t nr = 0;
    struct domain *d;

    for_each_domain(d) {
        if (d->id < a->first_domain)
            continue;
        if (nr == a->max_domains) {
            domain_put(d);
            break;
        }
        control_domain_info(d, &info);
        if (copy_to_guest_at(a->buffer, nr, &info, 1)) {
            domain_put(d);
            return ERR(EFAULT);
        }
        nr++;
    }
    a->num_domains = nr;
    return 0;
}

/* ---- memory and its one node ---- */

/* Does all memory have addresses of this many bits, above those of min bits? 0: no limit. */
static bool covers_all_memory(uint32_t min_bits, uint32_t max_bits)
{
    return min_bits <= PAGE_SHIFT && (max_bits == 0 || max_bits >= 64 || max_mfn <= (1ULL << max_bits) >> PAGE_SHIFT);
}

/* The allocator does not count its free memory by address. */
long sysctl_availheap(struct xen_sysctl *op)
{
    struct xen_sysctl_availheap *a = &op->u.availheap;

    if (!covers_all_memory(a->min_bitwidth, a->max_bitwidth))
        return ERR(EOPNOTSUPP);
    a->avail_bytes = a->node <= (int32_t)CONTROL_NODE_ID ? buddy_nr_free() << PAGE_SHIFT : 0;
    return 0;
}

#define LOCAL_DISTANCE 10u /* ACPI 6.4 5.2.17 */

/* From the first byte of RAM to the last, as stock Xen counts a node's size. */
static uint64_t node_span_bytes(void)
{
    return max_mfn << PAGE_SHIFT;
}

long sysctl_numainfo(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *a = &op->u.numainfo;
    const struct xen_sysctl_meminfo mem = { .memsize = node_span_bytes(), .memfree = buddy_nr_free() << PAGE_SHIFT };
    const uint32_t distance = LOCAL_DISTANCE;
    const bool only_count = handle_is_null(a->meminfo) && handle_is_null(a->distance);

    if (only_count || a->num_nodes == 0) {
        a->num_nodes = only_count ? 1 : 0;
        return 0;
    }
    if (!handle_is_null(a->meminfo) && copy_to_guest(a->meminfo, &mem, 1))
        return ERR(EFAULT);
    if (!handle_is_null(a->distance) && copy_to_guest(a->distance, &distance, 1))
        return ERR(EFAULT);
    a->num_nodes = 1;
    return 0;
}

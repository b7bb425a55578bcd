/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl operations about what this machine's CPUs and devices are and where they sit. */
#include <arch/cpu.h>
#include <arch/cpu_policy.h>
#include <arch/pci.h>
#include <arch/platform.h>
#include <hv/boot_info.h>
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <xen/physdev.h>

/* ---- physinfo ---- */

/* Online CPUs that share CPU 0's socket, or its core too. */
static uint32_t nr_beside_first(bool same_core)
{
    const struct cpu_topology *first = &cpu_topology[0];
    uint32_t nr = 0;
    unsigned int cpu;

    for_each_online_cpu(cpu)
        nr += cpu_topology[cpu].socket == first->socket && (!same_core || cpu_topology[cpu].core == first->core);
    return nr;
}

static uint64_t nr_ram_pages(void)
{
    uint64_t nr = 0;

    for (unsigned int i = 0; i < boot_info.nr_memory; i++)
        if (boot_info.memory[i].kind == MEMORY_RAM)
            nr += boot_info.memory[i].size >> PAGE_SHIFT;
    return nr;
}

static uint32_t capabilities(void)
{
    return XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 |
           (grant_version_limit() >= 2 ? XEN_SYSCTL_PHYSCAP_gnttab_v2 : 0);
}

/* ABI: hw_cap are the first words of the host's feature set, as xen-cpuid shows them. */
static void fill_features(uint32_t hw_cap[8])
{
    uint32_t words[CPU_FEATURE_WORDS];

    cpu_policy_to_features(cpu_policy_system(XEN_SYSCTL_cpu_policy_host), words);
    memcpy(hw_cap, words, 8 * sizeof(*words));
}

long sysctl_physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *a = &op->u.physinfo;

    memset(a, 0, sizeof(*a));
    a->threads_per_core = nr_beside_first(true);
    a->cores_per_socket = nr_beside_first(false) / a->threads_per_core;
    a->nr_cpus = cpumask_weight(&cpu_online_mask);
    a->max_cpu_id = nr_cpu_ids - 1;
    a->nr_nodes = 1;
    a->max_node_id = CONTROL_NODE_ID;
    a->cpu_khz = arch_tsc_khz();
    a->capabilities = capabilities();
    a->total_pages = nr_ram_pages();
    a->free_pages = buddy_nr_free();
    a->outstanding_pages = buddy_nr_claimed();
    a->max_mfn = max_mfn - 1;
    fill_features(a->hw_cap);
    return 0;
}

/* ---- topology ---- */

static struct xen_sysctl_cputopo cpu_place(unsigned int cpu)
{
    const struct cpu_topology *t = &cpu_topology[cpu];

    if (!cpumask_test(&cpu_online_mask, cpu))
        return (struct xen_sysctl_cputopo){ XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID, XEN_INVALID_NODE_ID };
    return (struct xen_sysctl_cputopo){ .core = t->core, .socket = t->socket, .node = CONTROL_NODE_ID };
}

/* ABI: without a buffer the number of CPUs is asked for. */
long sysctl_cputopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *a = &op->u.cputopoinfo;
    const unsigned int nr_all = min(cpu_nr_present(), nr_cpu_ids);
    const unsigned int nr = handle_is_null(a->cputopo) ? nr_all : min(a->num_cpus, nr_all);

    for (unsigned int cpu = 0; cpu < nr && !handle_is_null(a->cputopo); cpu++) {
        const struct xen_sysctl_cputopo place = cpu_place(cpu);

        if (copy_to_guest_at(a->cputopo, cpu, &place, 1))
            return ERR(EFAULT);
    }
    a->num_cpus = nr;
    return 0;
}

static uint32_t device_node(const struct physdev_pci_device *dev)
{
    const struct pci_address address = { dev->seg, dev->bus, dev->devfn };

    return pci_device_find(address) ? CONTROL_NODE_ID : XEN_INVALID_DEV;
}

#define DEVICES_AT_ONCE 64u

/* ABI: the caller repeats the call for what num_devs says was left. */
long sysctl_pcitopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_pcitopoinfo *a = &op->u.pcitopoinfo;
    const uint32_t nr = min(a->num_devs, DEVICES_AT_ONCE);

    if (handle_is_null(a->devs) || handle_is_null(a->nodes))
        return ERR(EINVAL);
    for (uint32_t i = 0; i < nr; i++) {
        struct physdev_pci_device dev;
        uint32_t node;

        if (copy_from_guest_at(&dev, a->devs, i, 1))
            return ERR(EFAULT);
        spin_lock(&pci_lock);
        node = device_node(&dev);
        spin_unlock(&pci_lock);
        if (copy_to_guest_at(a->nodes, i, &node, 1))
            return ERR(EFAULT);
    }
    a->num_devs = nr;
    return 0;
}

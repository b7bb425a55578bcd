/* SPDX-License-Identifier: GPL-2.0-or-later */
/* platform_op about CPUs: which there are, what they are, registers of one of them. */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/smp.h>

static bool is_present(uint32_t cpu)
{
    return cpu < cpu_nr_present();
}

static uint32_t acpi_id_of(uint32_t apic_id)
{
    for (unsigned int i = 0; i < acpi_info.nr_cpus && i < array_size(acpi_info.cpu); i++)
        if (acpi_info.cpu[i].apic_id == apic_id)
            return acpi_info.cpu[i].acpi_id;
    return 0;
}

long platform_get_cpuinfo(struct xen_platform_op *op)
{
    struct xenpf_pcpuinfo *a = &op->u.pcpu_info;

    a->max_present = cpu_nr_present() - 1;
    if (!is_present(a->xen_cpuid)) {
        a->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    a->flags = cpumask_test(&cpu_online_mask, a->xen_cpuid) ? XEN_PCPU_FLAGS_ONLINE : 0;
    a->apic_id = cpu_topology[a->xen_cpuid].apic_id;
    a->acpi_id = acpi_id_of(a->apic_id);
    return 0;
}

/* All CPUs of a machine are alike. ABI: one that is absent has zeros. */
long platform_get_cpu_version(struct xen_platform_op *op)
{
    struct xenpf_pcpu_version *a = &op->u.pcpu_version;
    const struct cpuid_leaf vendor = cpuid(0);
    const uint32_t name[3] = { vendor.b, vendor.d, vendor.c };

    memset(a->vendor_id, 0, sizeof(a->vendor_id));
    a->family = a->model = a->stepping = 0;
    a->max_present = cpu_nr_present() - 1;
    if (!is_present(a->xen_cpuid) || !cpumask_test(&cpu_online_mask, a->xen_cpuid))
        return 0;
    memcpy(a->vendor_id, name, sizeof(a->vendor_id));
    a->family = cpu_features.family;
    a->model = cpu_features.model;
    a->stepping = cpu_features.stepping;
    return 0;
}

/* No core is ever parked. */
long platform_core_parking(struct xen_platform_op *op)
{
    switch (op->u.core_parking.type) {
    case XEN_CORE_PARKING_GET:
        op->u.core_parking.idle_nums = 0;
        return 0;
    case XEN_CORE_PARKING_SET:
        return ERR(ENOSYS);
    default:
        return ERR(EINVAL);
    }
}

/* ---- resource_op: a few registers of a CPU of one's choice ---- */

#define MAX_RESOURCES 2u /* ABI: one register and the time at which it was read */

struct resources {
    unsigned int nr, nr_done;
    struct xenpf_resource_entry entry[MAX_RESOURCES];
};

/* The monitoring registers that the interface was made for are not virtualised here; the time is. */
static int read_resource(struct xenpf_resource_entry *e)
{
    if (e->rsvd != 0)
        return ERR(EINVAL);
    if (e->u.cmd != XEN_RESOURCE_OP_MSR_READ)
        return e->u.cmd == XEN_RESOURCE_OP_MSR_WRITE ? ERR(EPERM) : ERR(EOPNOTSUPP);
    if (e->idx != MSR_TSC)
        return ERR(EPERM);
    e->val = now_ns();
    return 0;
}

static void read_resources(void *arg)
{
    struct resources *r = arg;

    for (; r->nr_done < r->nr; r->nr_done++) {
        const int rc = read_resource(&r->entry[r->nr_done]);

        r->entry[r->nr_done].u.ret = rc;
        if (rc != 0)
            return;
    }
}

/* ABI: the result is how many entries were done; the one after them tells its error. */
long platform_resource_op(struct xen_platform_op *op)
{
    const struct xenpf_resource_op *a = &op->u.resource_op;
    struct resources r = { .nr = a->nr_entries };
    cpumask_t cpu;

    if (r.nr == 0)
        return 0;
    if (r.nr > MAX_RESOURCES)
        return ERR(E2BIG);
    if (a->cpu >= nr_cpu_ids || !cpumask_test(&cpu_online_mask, a->cpu))
        return ERR(ENODEV);
    if (copy_from_guest(r.entry, a->entries, r.nr))
        return ERR(EFAULT);
    cpu = cpumask_of(a->cpu);
    smp_call(&cpu, read_resources, &r, true);
    if (copy_to_guest(a->entries, r.entry, min(r.nr, r.nr_done + 1)))
        return ERR(EFAULT);
    return r.nr_done;
}

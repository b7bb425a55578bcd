/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu_op (public header xen/vcpu.h): a domain's operations on its own vCPUs. Those that could meet
 * one another on a vCPU hold the domain's control_lock.
 */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <xen/vcpu.h>

#define PERIOD_MIN_NS NS_PER_MS
#define PERIOD_MAX_NS (~0ULL >> 2)

static int set_context(struct vcpu *v, const struct vcpu_guest_context *context)
{
    int rc;

    spin_lock(&v->domain->control_lock);
    rc = v->is_initialised ? ERR(EEXIST) : arch_vcpu_set_context(v, context);
    spin_unlock(&v->domain->control_lock);
    return rc;
}

static long op_initialise(struct vcpu *v, uint64_t arg)
{
    struct vcpu_guest_context *context;
    int rc;

    if (vcpu_info_is_placeholder(v))
        return ERR(EINVAL);
    context = heap_alloc(sizeof(*context), __alignof__(*context));
    if (context == NULL)
        return ERR(ENOMEM);
    rc = guest_read(context, arg, sizeof(*context)) != 0 ? ERR(EFAULT) : set_context(v, context);
    heap_free(context);
    if (rc == -XEN_ERESTART)
        return hypercall_continue(__HYPERVISOR_vcpu_op, VCPUOP_initialise, v->id, arg, 0, 0);
    return rc;
}

static long op_up(struct vcpu *v, uint64_t arg)
{
    int rc;

    spin_lock(&v->domain->control_lock);
    rc = vcpu_up(v);
    spin_unlock(&v->domain->control_lock);
    return rc;
}

static long op_down(struct vcpu *v, uint64_t arg)
{
    spin_lock(&v->domain->control_lock);
    vcpu_down(v);
    spin_unlock(&v->domain->control_lock);
    return 0;
}

static long op_is_up(struct vcpu *v, uint64_t arg)
{
    return !(read_once(v->pause_flags) & VPF_DOWN);
}

static long op_get_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(v, &info);
    return guest_write(arg, &info, sizeof(info));
}

/* All the "register area" arguments are a union of one pointer. 0 takes the area back. */
static int read_area(uint64_t arg, size_t size, uint64_t *va)
{
    if (guest_read(va, arg, sizeof(*va)) != 0 || !guest_range_ok(*va, size))
        return ERR(EFAULT);
    return 0;
}

/* ABI: the area is filled at once; if that fails, the next switch tries again. */
static long op_register_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info info;
    uint64_t va;

    if (read_area(arg, sizeof(info), &va) != 0)
        return ERR(EFAULT);
    write_once(v->runstate_va, va);
    if (va == 0)
        return 0;
    if (v == current) {
        vcpu_runstate_publish(v);
    } else {
        vcpu_runstate_get(v, &info);
        (void)!guest_write(va, &info, sizeof(info));
    }
    return 0;
}

static long op_register_time(struct vcpu *v, uint64_t arg)
{
    uint64_t va;

    if (read_area(arg, sizeof(struct vcpu_time_info), &va) != 0)
        return ERR(EFAULT);
    write_once(v->time_va, va);
    if (v == current)
        time_force_update_vcpu(v);
    else
        write_once(v->sched.time_epoch, 0); /* when it is switched in */
    return 0;
}

static long op_register_info(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info op;
    int rc;

    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    spin_lock(&v->domain->control_lock);
    rc = vcpu_register_info(v, GFN(op.mfn), op.offset);
    spin_unlock(&v->domain->control_lock);
    if (rc == 0)
        time_force_update_vcpu(v);
    return rc;
}

static long op_set_periodic(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_periodic_timer op;

    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    if (op.period_ns < PERIOD_MIN_NS || op.period_ns > PERIOD_MAX_NS)
        return ERR(EINVAL);
    vcpu_set_periodic(v, op.period_ns);
    return 0;
}

static long op_stop_periodic(struct vcpu *v, uint64_t arg)
{
    vcpu_set_periodic(v, 0);
    return 0;
}

static long op_set_singleshot(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer op;

    if (v != current)
        return ERR(EINVAL);
    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    /* ABI: stock Xen 4.17 sets the timer whether or not VCPU_SSHOTTMR_future asks for -ETIME. */
    timer_set_here(&v->singleshot_timer, system_time_deadline(op.timeout_abs_ns));
    return 0;
}

static long op_stop_singleshot(struct vcpu *v, uint64_t arg)
{
    if (v != current)
        return ERR(EINVAL);
    timer_stop(&v->singleshot_timer);
    return 0;
}

static long op_send_nmi(struct vcpu *v, uint64_t arg)
{
    if (arg != 0)
        return ERR(EINVAL);
    if (!__atomic_exchange_n(&v->nmi_pending, true, __ATOMIC_SEQ_CST)) {
        vcpu_unblock(v);
        arch_event_notify(v);
    }
    return 0;
}

/* ABI: only what the hardware domain has pinned to one CPU has a physical number; ACPI's in the upper half. */
static long op_get_physid(struct vcpu *v, uint64_t arg)
{
    struct vcpu_get_physid op = { .phys_id = 0 };
    const cpumask_t *mask = &v->sched.hard_affinity;
    uint32_t apic, acpi = 0xff;

    if (!v->domain->is_hardware || cpumask_weight(mask) != 1 || cpumask_first(mask) >= nr_cpu_ids)
        return ERR(EINVAL);
    apic = cpu_topology[cpumask_first(mask)].apic_id;
    for (unsigned int i = 0; i < acpi_info.nr_cpus; i++)
        if (acpi_info.cpu[i].apic_id == apic)
            acpi = acpi_info.cpu[i].acpi_id;
    op.phys_id = ((uint64_t)acpi << 32) | apic;
    return guest_write(arg, &op, sizeof(op));
}

static long (*const operations[])(struct vcpu *v, uint64_t arg) = {
    [VCPUOP_initialise] = op_initialise,
    [VCPUOP_up] = op_up,
    [VCPUOP_down] = op_down,
    [VCPUOP_is_up] = op_is_up,
    [VCPUOP_get_runstate_info] = op_get_runstate,
    [VCPUOP_register_runstate_memory_area] = op_register_runstate,
    [VCPUOP_set_periodic_timer] = op_set_periodic,
    [VCPUOP_stop_periodic_timer] = op_stop_periodic,
    [VCPUOP_set_singleshot_timer] = op_set_singleshot,
    [VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
    [VCPUOP_register_vcpu_info] = op_register_info,
    [VCPUOP_send_nmi] = op_send_nmi,
    [VCPUOP_get_physid] = op_get_physid,
    [VCPUOP_register_vcpu_time_memory_area] = op_register_time,
};

/* ABI: command and vCPU number are 32 bits wide; an unknown vCPU is reported before an unknown command. */
long hc_vcpu_op(uint64_t cmd, uint64_t vcpu_id, uint64_t arg, uint64_t a4, uint64_t a5)
{
    const uint32_t op = (uint32_t)cmd;
    struct vcpu *v = domain_vcpu(current->domain, (uint32_t)vcpu_id);

    if (v == NULL)
        return ERR(ENOENT);
    if (op >= array_size(operations))
        return ERR(ENOSYS);
    return operations[index_nospec(op, array_size(operations))](v, arg);
}

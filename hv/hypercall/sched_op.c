/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_op (public header xen/sched.h) and its predecessor. Each operation checks, then acts on current. */
#include <hv/access.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>
#include <hv/trace.h>
#include <xen/sched.h>

#define POLL_MAX_PORTS 128u /* ABI: a poll of more is refused */

/* ABI: blocking enables events, so that the guest cannot miss the one it waits for. */
static long op_block(uint64_t arg)
{
    write_once(current->vcpu_info->evtchn_upcall_mask, 0);
    vcpu_block();
    return 0;
}

static long op_yield(uint64_t arg)
{
    vcpu_yield();
    return 0;
}

/* ABI: a reason is a byte, whatever the header's type. */
static int reason_of(unsigned int reason)
{
    return (uint8_t)reason;
}

static long op_shutdown(uint64_t arg)
{
    struct sched_shutdown op;

    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    trace(TRC_SCHED_SHUTDOWN, current->domain->id, current->id, op.reason);
    domain_shutdown(current->domain, reason_of(op.reason));
    return 0;
}

static long op_shutdown_code(uint64_t arg)
{
    struct sched_shutdown op;

    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    trace(TRC_SCHED_SHUTDOWN_CODE, current->domain->id, current->id, op.reason);
    domain_set_shutdown_code(current->domain, reason_of(op.reason));
    return 0;
}

/* Is a port of the list pending? 1, 0, or an error. *first: the only one's number, or -1. */
static int any_pending(const struct sched_poll *op, int *first)
{
    struct domain *d = current->domain;
    evtchn_port_t port = 0;

    for (unsigned int i = 0; i < op->nr_ports; i++) {
        int rc;

        if (copy_from_guest_at(&port, op->ports, i, 1) != 0)
            return ERR(EFAULT);
        rc = event_port_pending(d, port);
        if (rc != 0)
            return rc;
    }
    *first = op->nr_ports == 1 ? (int)port : -1;
    return 0;
}

/* Order: the vCPU counts as polling before the ports are looked at, so that no event falls between. */
static long op_poll(uint64_t arg)
{
    struct vcpu *v = current;
    struct sched_poll op;
    int pending, port = -1;

    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    if (op.nr_ports > POLL_MAX_PORTS)
        return ERR(EINVAL);
    vcpu_poll_begin(v, -1);
    pending = event_deliverable(v) ? 1 : any_pending(&op, &port);
    if (pending != 0) {
        vcpu_poll_cancel(v);
        return pending > 0 ? 0 : pending;
    }
    write_once(v->poll_port, port);
    vcpu_poll_commit(v, system_time_deadline(op.timeout));
    return 0;
}

static long op_remote_shutdown(uint64_t arg)
{
    struct sched_remote_shutdown op;
    struct domain *d;
    int rc;

    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    rc = access_get_domain(ACCESS_CONTROL, op.domain_id, &d);
    if (rc != 0)
        return rc;
    domain_shutdown(d, reason_of(op.reason));
    domain_put(d);
    return 0;
}

static long op_watchdog(uint64_t arg)
{
    struct sched_watchdog op;

    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    return domain_watchdog(current->domain, op.id, op.timeout);
}

static long op_pin_override(uint64_t arg)
{
    struct sched_pin_override op;

    if (!current->domain->is_hardware)
        return ERR(EPERM);
    if (guest_read(&op, arg, sizeof(op)) != 0)
        return ERR(EFAULT);
    return vcpu_pin_override(current, op.pcpu);
}

static long (*const operations[])(uint64_t arg) = {
    [SCHEDOP_yield] = op_yield,
    [SCHEDOP_block] = op_block,
    [SCHEDOP_shutdown] = op_shutdown,
    [SCHEDOP_poll] = op_poll,
    [SCHEDOP_remote_shutdown] = op_remote_shutdown,
    [SCHEDOP_shutdown_code] = op_shutdown_code,
    [SCHEDOP_watchdog] = op_watchdog,
    [SCHEDOP_pin_override] = op_pin_override,
};

/* ABI: the command is an int. */
long hc_sched_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    const uint32_t op = (uint32_t)cmd;

    if (op >= array_size(operations))
        return ERR(ENOSYS);
    return operations[index_nospec(op, array_size(operations))](arg);
}

/* ABI: the first form of the call, which has the reason itself in arg. */
long hc_sched_op_compat(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    switch ((uint32_t)cmd) {
    case SCHEDOP_yield:
        return op_yield(0);
    case SCHEDOP_block:
        return op_block(0);
    case SCHEDOP_shutdown:
        domain_shutdown(current->domain, reason_of((unsigned int)arg));
        return 0;
    default:
        return ERR(ENOSYS);
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercall: rows of abi/evtchn.def, argument in, sub-operation, result out. Who may name
 * another domain is decided here. docs/events.md
 */
#include "bind.h"

#include <hv/access.h>
#include <hv/errno.h>
#include <hv/guest_access.h>

union event_args {
#define EVENT_OP(nr, name, type, direction) type name;
#include "../../abi/evtchn.def"
#undef EVENT_OP
};

static domid_t or_self(domid_t id)
{
    return id == DOMID_SELF ? current->domain->id : id;
}

static int op_alloc_unbound(union event_args *a)
{
    struct domain *d;
    int rc = access_get_domain(ACCESS_SELF, a->alloc_unbound.dom, &d);

    if (rc != 0)
        return rc;
    rc = event_alloc_unbound(d, or_self(a->alloc_unbound.remote_dom), &a->alloc_unbound.port);
    domain_put(d);
    return rc;
}

static int op_bind_interdomain(union event_args *a)
{
    struct domain *rd = domain_get_by_id(a->bind_interdomain.remote_dom);
    int rc;

    if (rd == NULL)
        return ERR(ESRCH);
    rc = event_bind_interdomain(current->domain, rd, a->bind_interdomain.remote_port, &a->bind_interdomain.local_port);
    domain_put(rd);
    return rc;
}

static int op_bind_virq(union event_args *a)
{
    return event_bind_virq(current->domain, a->bind_virq.virq, a->bind_virq.vcpu, &a->bind_virq.port);
}

static int op_bind_ipi(union event_args *a)
{
    return event_bind_ipi(current->domain, a->bind_ipi.vcpu, &a->bind_ipi.port);
}

static int op_bind_pirq(union event_args *a)
{
    return event_bind_pirq(current->domain, a->bind_pirq.pirq, a->bind_pirq.flags & BIND_PIRQ__WILL_SHARE, &a->bind_pirq.port);
}

static int op_close(union event_args *a)
{
    return event_port_close(current->domain, a->close.port, true);
}

static int op_send(union event_args *a)
{
    return event_send(current->domain, a->send.port);
}

static int op_status(union event_args *a)
{
    struct domain *d = domain_get_by_id(a->status.dom);
    int rc;

    if (d == NULL)
        return ERR(ESRCH);
    if (access_allows(ACCESS_SELF, current->domain, d))
        rc = event_status(d, a->status.port, &a->status);
    else /* ABI: what is wrong with the port is said first */
        rc = event_port_find(d, a->status.port) == NULL ? ERR(EINVAL) : ERR(EPERM);
    domain_put(d);
    return rc;
}

static int op_bind_vcpu(union event_args *a)
{
    return event_bind_vcpu(current->domain, a->bind_vcpu.port, a->bind_vcpu.vcpu);
}

static int op_unmask(union event_args *a)
{
    return event_unmask(current->domain, a->unmask.port);
}

/* ABI: another domain's ports are reset only while the toolstack has paused it. */
static int reset(domid_t id, bool resume)
{
    struct domain *d;
    int rc = access_get_domain(ACCESS_SELF, id, &d);

    if (rc != 0)
        return rc;
    rc = d == current->domain || read_once(d->control_pause_count) != 0 ? event_reset(d, resume) : ERR(EINVAL);
    domain_put(d);
    return rc;
}

static int op_reset(union event_args *a)
{
    return reset(a->reset.dom, false);
}

static int op_reset_cont(union event_args *a)
{
    return reset(a->reset_cont.dom, true);
}

static int op_init_control(union event_args *a)
{
    return event_fifo_init_control(current->domain, &a->init_control);
}

static int op_expand_array(union event_args *a)
{
    return event_fifo_expand(current->domain, a->expand_array.array_gfn);
}

static int op_set_priority(union event_args *a)
{
    return event_set_priority(current->domain, a->set_priority.port, a->set_priority.priority);
}

enum direction { IN, INOUT };
enum {
#define EVENT_OP(nr, name, type, direction) NR_##name = (nr),
#include "../../abi/evtchn.def"
#undef EVENT_OP
};

/* One function an operation: its argument's size is a constant there, so that the copies are short. */
#define EVENT_OP(nr, name, type, direction)                                                    \
    static int call_##name(uint64_t arg)                                                       \
    {                                                                                          \
        union event_args a;                                                                    \
                                                                                               \
        if (unlikely(guest_read(&a, arg, sizeof(type)) != 0))                                  \
            return ERR(EFAULT);                                                                \
        const int rc = op_##name(&a);                                                          \
                                                                                               \
        return direction == INOUT && rc == 0 && guest_write(arg, &a, sizeof(type)) != 0 ? ERR(EFAULT) : rc; \
    }
#include "../../abi/evtchn.def"
#undef EVENT_OP

static int (*const table[])(uint64_t arg) = {
#define EVENT_OP(nr, name, type, direction) [nr] = call_##name,
#include "../../abi/evtchn.def"
#undef EVENT_OP
};

static long run(uint32_t cmd, uint64_t arg)
{
    int rc;

    if (unlikely(cmd >= array_size(table)))
        return ERR(ENOSYS);
    rc = table[index_nospec(cmd, array_size(table))](arg);
    if (unlikely(rc == -XEN_ERESTART))
        return hypercall_continue(__HYPERVISOR_event_channel_op, NR_reset_cont, arg, 0, 0, 0);
    return rc;
}

long hc_event_channel_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    return run((uint32_t)cmd, arg);
}

/* ABI: the interface before 0x00030202 (struct evtchn_op) has the command in memory and ends with unmask. */
long hc_event_channel_op_compat(uint64_t uop, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct evtchn_op op;

    if (guest_read(&op, uop, sizeof(op)) != 0)
        return ERR(EFAULT);
    if (op.cmd > EVTCHNOP_unmask)
        return ERR(ENOSYS);
    return run(op.cmd, uop + offsetof(struct evtchn_op, u));
}

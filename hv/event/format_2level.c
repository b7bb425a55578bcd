/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 2-level format: a pending and a mask bit per port in the shared info page, and per vCPU a
 * selector word whose bits stand for 64 ports each (public header xen/xen.h, struct shared_info).
 */
#include "port.h"

#include <hv/bitmap.h>
#include <hv/errno.h>

static void tell(struct domain *d, struct event_port *p)
{
    struct vcpu *v = event_port_vcpu(d, p);

    if (v != NULL && !atomic_bit_test_set(&v->vcpu_info->evtchn_pending_sel, p->number / BITS_PER_WORD))
        event_mark_upcall(v);
}

static void init_port(struct domain *d, struct event_port *p)
{
    p->fifo_pending = false;
}

/* Order: pending before the look at the mask; unmask clears the mask before it looks at pending. */
static bool set_pending(struct domain *d, struct event_port *p)
{
    if (atomic_bit_test_set(d->shared_info->evtchn_pending, p->number))
        return false;
    if (!bit_test(d->shared_info->evtchn_mask, p->number))
        tell(d, p);
    return true;
}

static void clear_pending(struct domain *d, struct event_port *p)
{
    atomic_bit_clear(d->shared_info->evtchn_pending, p->number);
}

static void unmask(struct domain *d, struct event_port *p)
{
    if (atomic_bit_test_clear(d->shared_info->evtchn_mask, p->number) &&
        bit_test(d->shared_info->evtchn_pending, p->number))
        tell(d, p);
}

static bool is_pending(const struct domain *d, const struct event_port *p)
{
    return bit_test(d->shared_info->evtchn_pending, p->number);
}

static bool is_masked(const struct domain *d, const struct event_port *p)
{
    return bit_test(d->shared_info->evtchn_mask, p->number);
}

static bool is_busy(const struct domain *d, evtchn_port_t n)
{
    return false;
}

const struct event_format event_format_2level = {
    .name = "2-level",
    .nr_ports = EVTCHN_2L_NR_CHANNELS,
    .init_port = init_port,
    .set_pending = set_pending,
    .clear_pending = clear_pending,
    .unmask = unmask,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .is_busy = is_busy,
};

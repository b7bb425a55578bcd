/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending: the hot path. Each sender takes one port lock, its own end's. As a peer leaves the
 * interdomain state only under that lock too, the peer's domain and port stay while it is held.
 * docs/events.md
 */
#include "port.h"

#include <hv/errno.h>
#include <hv/perfc.h>

/* The public vcpu_info is shared with the guest, which may write it at any time. */
bool event_deliverable(const struct vcpu *v)
{
    const struct vcpu_info *info = v->vcpu_info;

    return read_once(info->evtchn_upcall_pending) && !read_once(info->evtchn_upcall_mask);
}

void event_mark_upcall(struct vcpu *v)
{
    /* Order: pending, then the look at the pause flags; vcpu_block does it the other way round. */
    if (__atomic_exchange_n(&v->vcpu_info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) != 0)
        return;
    if (read_once(v->pause_flags) & (VPF_BLOCKED | VPF_POLLING))
        vcpu_unblock(v);
    arch_event_notify(v);
}

static void wake_poller(struct domain *d, unsigned int id, evtchn_port_t n)
{
    struct vcpu *v = read_once(d->vcpu[id]);
    const int waits_for = v != NULL ? read_once(v->poll_port) : 0;

    if (v == NULL || (waits_for > 0 && (evtchn_port_t)waits_for != n))
        return;
    if (atomic_bit_test_clear(d->events.poll_mask, id))
        vcpu_unblock(v);
}

/* Order: the port is marked pending (atomic) before the mask is read; vcpu_poll_begin sets it before the ports are looked at. */
static void wake_pollers(struct domain *d, evtchn_port_t n)
{
    const unsigned int words = BITMAP_WORDS(d->max_vcpus);
    unsigned int id;

    for (unsigned int i = 0; i < words; i++)
        if (unlikely(read_once(d->events.poll_mask[i]) != 0)) {
            bitmap_for_each(id, d->events.poll_mask, d->max_vcpus)
                wake_poller(d, id, n);
            return;
        }
}

void event_raise(struct domain *d, struct event_port *p)
{
    perfc_inc(events_sent);
    if (event_format_of(d)->set_pending(d, p))
        wake_pollers(d, p->number);
}

static void raise_peer(struct event_port *p)
{
    struct domain *rd = p->remote;
    struct event_port *rp = event_port_find(rd, p->remote_port);

    if (unlikely(rp->consumer != NULL)) {
        struct vcpu *v = event_port_vcpu(rd, rp);

        if (v != NULL)
            rp->consumer(v, rp->number);
        return;
    }
    event_raise(rd, rp);
}

static int send_locked(struct domain *d, struct event_port *p)
{
    switch (p->state) {
    case EVENT_INTERDOMAIN:
        raise_peer(p);
        return 0;
    case EVENT_IPI:
        event_raise(d, p);
        return 0;
    case EVENT_UNBOUND: /* ABI: nobody there yet; bind_interdomain will notify the one who comes */
        return 0;
    default:
        return ERR(EINVAL);
    }
}

int event_send(struct domain *ld, evtchn_port_t port)
{
    struct event_port *p = event_port_find(ld, port);

    if (unlikely(p == NULL))
        return ERR(EINVAL);
    const uint64_t flags = spin_lock_irqsave(&p->lock);
    const int rc = likely(p->consumer == NULL) ? send_locked(ld, p) : ERR(EINVAL);

    spin_unlock_irqrestore(&p->lock, flags);
    return rc;
}

void event_notify_remote(struct domain *d, evtchn_port_t port)
{
    struct event_port *p = event_port_find(d, port);

    if (p == NULL)
        return;
    const uint64_t flags = spin_lock_irqsave(&p->lock);

    if (p->state == EVENT_INTERDOMAIN)
        raise_peer(p);
    spin_unlock_irqrestore(&p->lock, flags);
}

/* Raises port n if it still is what the caller's table said it was. */
static void raise_source(struct domain *d, evtchn_port_t n, enum event_state state, uint32_t source)
{
    struct event_port *p = event_port_find(d, n);

    if (p == NULL)
        return;
    const uint64_t flags = spin_lock_irqsave(&p->lock);

    if (p->state == state && p->source == source)
        event_raise(d, p);
    spin_unlock_irqrestore(&p->lock, flags);
}

void event_send_virq(struct vcpu *v, unsigned int virq)
{
    const evtchn_port_t n = read_once(v->events.virq_to_port[virq]);

    if (n != 0)
        raise_source(v->domain, n, EVENT_VIRQ, virq);
}

void event_send_guest_virq(struct domain *d, unsigned int virq)
{
    /* Global virqs are noted at vCPU 0, wherever they are delivered. */
    struct vcpu *v = d != NULL && d->max_vcpus != 0 ? read_once(d->vcpu[0]) : NULL;

    if (v != NULL)
        event_send_virq(v, virq);
}

static evtchn_port_t pirq_port(const struct domain *d, unsigned int pirq)
{
    const evtchn_port_t *map = __atomic_load_n(&d->events.pirq_to_port, __ATOMIC_ACQUIRE);

    return map != NULL && pirq < d->events.nr_pirqs ? read_once(map[index_nospec(pirq, d->events.nr_pirqs)]) : 0;
}

void event_send_pirq(struct domain *d, unsigned int pirq)
{
    const evtchn_port_t n = pirq_port(d, pirq);

    if (n != 0)
        raise_source(d, n, EVENT_PIRQ, pirq);
}

/* Hypervisor-bound ports have none, and do not keep a reset from taking the format's memory away. */
static bool has_guest_state(const struct event_port *p)
{
    return event_port_is_bound(p) && p->consumer == NULL;
}

static void unmask(struct domain *d, struct event_port *p)
{
    const uint64_t flags = spin_lock_irqsave(&p->lock);

    if (has_guest_state(p))
        event_format_of(d)->unmask(d, p);
    spin_unlock_irqrestore(&p->lock, flags);
}

void event_unmask_pirq(struct domain *d, unsigned int pirq)
{
    const evtchn_port_t n = pirq_port(d, pirq);
    struct event_port *p = n != 0 ? event_port_find(d, n) : NULL;

    if (p != NULL)
        unmask(d, p);
}

int event_unmask(struct domain *d, evtchn_port_t port)
{
    struct event_port *p = event_port_find(d, port);

    if (p == NULL)
        return ERR(EINVAL);
    unmask(d, p);
    return 0;
}

int event_port_pending(struct domain *d, evtchn_port_t port)
{
    struct event_port *p = event_port_find(d, port);

    /* Port 0 is nobody's. ABI: after a reset the ports that only FIFO had are none. */
    if (p == NULL || port == 0 || port >= event_format_of(d)->nr_ports)
        return ERR(EINVAL);
    const uint64_t flags = spin_lock_irqsave(&p->lock);
    const bool pending = has_guest_state(p) && event_format_of(d)->is_pending(d, p);

    spin_unlock_irqrestore(&p->lock, flags);
    return pending;
}

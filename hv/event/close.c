/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Closing ports, one or all, and what that means for the peer: it waits for a new connection.
 * Lock: the domain's event lock, or both ends' as a pair. docs/events.md
 */
#include "port.h"

#include <hv/errno.h>
#include <hv/irq.h>

static void disconnect_virq(struct domain *d, const struct event_port *p)
{
    /* Global ones are noted at vCPU 0 and may notify another. */
    struct vcpu *v = d->vcpu[virq_is_global(p->source) ? 0 : p->vcpu];

    write_once(v->events.virq_to_port[p->source], 0);
}

static void disconnect_pirq(struct domain *d, struct event_port *p)
{
    pirq_unbind(d, p->source);
    write_once(d->events.pirq_to_port[p->source], 0);
    event_pirq_unlink(d, p);
}

/* Order: the peer first. Once it is unbound nobody can raise p any more, so p can be released. */
static void disconnect_peer(struct domain *d, struct event_port *p)
{
    struct event_port *rp = event_port_find(p->remote, p->remote_port);
    const uint64_t flags = spin_lock_irqsave(&rp->lock);

    rp->remote = NULL;
    rp->remote_id = d->id;
    write_once(rp->state, EVENT_UNBOUND);
    spin_unlock_irqrestore(&rp->lock, flags);
}

static void disconnect(struct domain *d, struct event_port *p)
{
    switch (p->state) {
    case EVENT_VIRQ:
        disconnect_virq(d, p);
        break;
    case EVENT_PIRQ:
        disconnect_pirq(d, p);
        break;
    case EVENT_INTERDOMAIN:
        disconnect_peer(d, p);
        break;
    default:
        break;
    }
}

/* The domain whose event lock closing p needs too, referenced; NULL if none. */
static struct domain *peer_domain(struct domain *d, struct event_port *p)
{
    /* It cannot go away here: to die it would have to close its end, under our event lock. */
    return p->state == EVENT_INTERDOMAIN && p->remote != d && domain_get(p->remote) ? p->remote : NULL;
}

static bool needs_other_lock(const struct domain *d, const struct event_port *p, const struct domain *locked)
{
    return p->state == EVENT_INTERDOMAIN && p->remote != d && p->remote != locked;
}

static int close_locked(struct domain *d, struct event_port *p, bool by_guest)
{
    if (!event_port_is_bound(p) || (by_guest && p->consumer != NULL))
        return ERR(EINVAL);
    disconnect(d, p);
    event_port_release(d, p);
    return 0;
}

/* *rd in: whose lock to take beside d's, or NULL; out: whose lock it turned out to need, referenced, with -EAGAIN. */
static int try_close(struct domain *d, struct event_port *p, bool by_guest, struct domain **rd)
{
    struct spinlock *other = *rd != NULL ? &(*rd)->events.lock : &d->events.lock;
    struct domain *locked = *rd;
    int rc;

    spin_lock_pair(&d->events.lock, other);
    if (needs_other_lock(d, p, locked)) {
        *rd = peer_domain(d, p);
        rc = *rd != NULL ? -XEN_EAGAIN : ERR(EINVAL);
    } else {
        *rd = NULL;
        rc = close_locked(d, p, by_guest);
    }
    spin_unlock_pair(&d->events.lock, other);
    if (locked != NULL)
        domain_put(locked);
    return rc;
}

int event_port_close(struct domain *d, evtchn_port_t n, bool by_guest)
{
    struct event_port *p = event_port_find(d, n);
    struct domain *rd = NULL;
    int rc;

    if (p == NULL)
        return ERR(EINVAL);
    /* Ends: it goes round only if p got a new peer meanwhile, and whoever did that has made progress. */
    do
        rc = try_close(d, p, by_guest, &rd);
    while (rc == -XEN_EAGAIN);
    return rc;
}

void event_port_close_any(struct domain *d, evtchn_port_t n)
{
    const struct event_port *p = event_port_find(d, n);

    if (p != NULL && event_port_is_bound(p) && event_port_close(d, n, false) != 0)
        return; /* somebody was faster */
}

void event_unbind_consumer(struct domain *d, evtchn_port_t port)
{
    event_port_close_any(d, port);
}

/* Where the reset starts; a later one joins one that is under way only as its continuation. */
static int reset_begin(struct event_domain *e, bool resume)
{
    int rc = 0;

    spin_lock(&e->lock);
    if (resume != (e->next_reset != 0))
        rc = ERR(EBUSY);
    else if (!resume)
        e->next_reset = 1;
    spin_unlock(&e->lock);
    return rc;
}

static int reset_end(struct domain *d)
{
    struct event_domain *e = &d->events;
    int rc = 0;

    spin_lock(&e->lock);
    e->next_reset = 0;
    if (e->nr_active > e->nr_consumers)
        rc = ERR(EAGAIN);
    else
        event_fifo_fini(d);
    spin_unlock(&e->lock);
    return rc;
}

static void close_for_reset(struct domain *d, evtchn_port_t n)
{
    const struct event_port *p = event_port_find(d, n);

    if (event_port_is_bound(p) && read_once(p->consumer) == NULL && event_port_close(d, n, true) != 0)
        return; /* somebody was faster */
}

int event_reset(struct domain *d, bool resume)
{
    struct event_domain *e = &d->events;
    int rc = reset_begin(e, resume);

    if (rc != 0)
        return rc;
    for (evtchn_port_t n = e->next_reset; n < read_once(e->nr_valid); n++) {
        close_for_reset(d, n);
        if (n % EVENT_PORTS_PER_BUCKET == 0 && hypercall_preempt_check()) {
            write_once(e->next_reset, n + 1);
            return -XEN_ERESTART;
        }
    }
    return reset_end(d);
}

int event_domain_reset(struct domain *d)
{
    return event_reset(d, read_once(d->events.next_reset) != 0);
}

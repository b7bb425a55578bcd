/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ports are bound to: other domains, virqs, IPIs, pirqs, the hypervisor; and which vCPU they
 * notify. Every change is made under the domain's event lock; each ends in event_port_bind, after
 * which the port can be sent on. docs/events.md
 */
#include "bind.h"

#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/mm.h>

static int alloc_and_bind(struct domain *d, const struct event_binding *b, evtchn_port_t *port)
{
    struct event_port *p;
    const int rc = event_port_alloc(d, &p);

    if (rc != 0)
        return rc;
    event_port_bind(d, p, b);
    *port = p->number;
    return 0;
}

static int locked_alloc_and_bind(struct domain *d, const struct event_binding *b, evtchn_port_t *port)
{
    spin_lock(&d->events.lock);
    const int rc = alloc_and_bind(d, b, port);

    spin_unlock(&d->events.lock);
    return rc;
}

int event_alloc_unbound(struct domain *d, domid_t remote, evtchn_port_t *port)
{
    return locked_alloc_and_bind(d, &(struct event_binding){ .state = EVENT_UNBOUND, .remote_id = remote }, port);
}

int event_bind_consumer(struct vcpu *v, domid_t remote, event_consumer_fn *fn, evtchn_port_t *port)
{
    const struct event_binding b = { .state = EVENT_UNBOUND, .vcpu = v->id, .remote_id = remote, .consumer = fn };

    return locked_alloc_and_bind(v->domain, &b, port);
}

/* The unbound end gets its peer. */
static void connect(struct event_port *p, struct domain *remote, evtchn_port_t remote_port)
{
    const uint64_t flags = spin_lock_irqsave(&p->lock);

    p->remote = remote;
    p->remote_port = remote_port;
    write_once(p->state, EVENT_INTERDOMAIN);
    spin_unlock_irqrestore(&p->lock, flags);
}

static void raise_self(struct domain *d, evtchn_port_t n)
{
    struct event_port *p = event_port_find(d, n);
    const uint64_t flags = spin_lock_irqsave(&p->lock);

    event_raise(d, p);
    spin_unlock_irqrestore(&p->lock, flags);
}

static int bind_pair(struct domain *ld, struct domain *rd, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct event_port *lp, *rp;
    int rc = event_port_alloc(ld, &lp);

    if (rc != 0)
        return rc;
    rp = event_port_find(rd, remote_port);
    if (rp == NULL || rp->state != EVENT_UNBOUND || rp->remote_id != ld->id)
        return ERR(EINVAL);
    /* Order: the local end is complete before the remote one can send to it. */
    event_port_bind(ld, lp, &(struct event_binding){ .state = EVENT_INTERDOMAIN, .remote = rd, .remote_port = remote_port });
    connect(rp, ld, lp->number);
    *port = lp->number;
    return 0;
}

int event_bind_interdomain(struct domain *ld, struct domain *rd, evtchn_port_t remote_port, evtchn_port_t *port)
{
    spin_lock_pair(&ld->events.lock, &rd->events.lock);
    const int rc = bind_pair(ld, rd, remote_port, port);

    /* ABI: what the peer sent before is not lost: the new port always starts pending. */
    if (rc == 0)
        raise_self(ld, *port);
    spin_unlock_pair(&ld->events.lock, &rd->events.lock);
    return rc;
}

int event_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, evtchn_port_t *port)
{
    struct vcpu *v;
    int rc;

    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return ERR(EINVAL);
    v = domain_vcpu(d, vcpu);
    if (v == NULL)
        return ERR(ENOENT);
    evtchn_port_t *slot = &v->events.virq_to_port[index_nospec(virq, NR_VIRQS)];

    spin_lock(&d->events.lock);
    if (*slot != 0)
        rc = ERR(EEXIST);
    else
        rc = alloc_and_bind(d, &(struct event_binding){ .state = EVENT_VIRQ, .vcpu = vcpu, .source = virq }, port);
    if (rc == 0)
        write_once(*slot, *port);
    spin_unlock(&d->events.lock);
    return rc;
}

int event_bind_ipi(struct domain *d, uint32_t vcpu, evtchn_port_t *port)
{
    if (domain_vcpu(d, vcpu) == NULL)
        return ERR(ENOENT);
    return locked_alloc_and_bind(d, &(struct event_binding){ .state = EVENT_IPI, .vcpu = vcpu }, port);
}

/* ---- pirqs: each vCPU lists those that notify it, so that their interrupts can follow it ---- */

static void pirq_link(struct domain *d, struct event_port *p)
{
    struct vcpu *v = d->vcpu[p->vcpu];

    p->next_pirq = v->events.first_pirq;
    v->events.first_pirq = p->number;
}

void event_pirq_unlink(struct domain *d, struct event_port *p)
{
    evtchn_port_t *at = &d->vcpu[p->vcpu]->events.first_pirq;

    while (*at != 0 && *at != p->number)
        at = &event_port_find(d, *at)->next_pirq;
    *at = p->next_pirq;
}

static int pirq_map_ensure(struct domain *d)
{
    struct event_domain *e = &d->events;
    evtchn_port_t *map;

    if (e->pirq_to_port != NULL)
        return 0;
    map = heap_new_array(evtchn_port_t, pirq_limit(d));
    if (map == NULL)
        return ERR(ENOMEM);
    e->nr_pirqs = pirq_limit(d);
    /* Order: event_send_pirq, in an interrupt, reads the map before its size. */
    __atomic_store_n(&e->pirq_to_port, map, __ATOMIC_RELEASE);
    return 0;
}

/* The port is complete before the first interrupt can come. */
static int bind_new_pirq(struct vcpu *v, uint32_t pirq, bool will_share, evtchn_port_t *port)
{
    struct domain *d = v->domain;
    evtchn_port_t *slot = &d->events.pirq_to_port[index_nospec(pirq, d->events.nr_pirqs)];
    int rc;

    if (*slot != 0)
        return ERR(EEXIST);
    rc = alloc_and_bind(d, &(struct event_binding){ .state = EVENT_PIRQ, .vcpu = v->id, .source = pirq }, port);
    if (rc != 0)
        return rc;
    struct event_port *p = event_port_find(d, *port);

    write_once(*slot, *port);
    pirq_link(d, p);
    rc = pirq_bind(v, pirq, will_share);
    if (rc != 0) {
        event_pirq_unlink(d, p);
        write_once(*slot, 0);
        event_port_release(d, p);
    }
    return rc;
}

int event_bind_pirq(struct domain *d, uint32_t pirq, bool will_share, evtchn_port_t *port)
{
    struct vcpu *v = domain_vcpu(d, 0);
    int rc;

    if (pirq >= pirq_limit(d) || v == NULL)
        return ERR(EINVAL);
    if (!pirq_is_permitted(d, pirq))
        return ERR(EPERM);
    spin_lock(&d->events.lock);
    rc = pirq_map_ensure(d);
    if (rc == 0)
        rc = bind_new_pirq(v, pirq, will_share, port);
    spin_unlock(&d->events.lock);
    return rc;
}

static void pirq_follow(struct vcpu *v, uint32_t pirq)
{
    const cpumask_t mask = cpumask_of(read_once(v->sched.cpu));

    pirq_set_affinity(v->domain, pirq, &mask);
}

void event_vcpu_moved(struct vcpu *v)
{
    struct domain *d = v->domain;

    if (read_once(v->events.first_pirq) == 0)
        return;
    spin_lock(&d->events.lock);
    for (evtchn_port_t n = v->events.first_pirq; n != 0; ) {
        const struct event_port *p = event_port_find(d, n);

        pirq_follow(v, p->source);
        n = p->next_pirq;
    }
    spin_unlock(&d->events.lock);
}

/* ---- which vCPU ---- */

static int rebind(struct vcpu *v, struct event_port *p)
{
    struct domain *d = v->domain;

    switch (p->state) {
    case EVENT_VIRQ:
        if (!virq_is_global(p->source))
            return ERR(EINVAL);
        break;
    case EVENT_UNBOUND:
    case EVENT_INTERDOMAIN:
        break;
    case EVENT_PIRQ:
        if (p->vcpu == v->id)
            return 0;
        event_pirq_unlink(d, p);
        write_once(p->vcpu, v->id);
        pirq_follow(v, p->source);
        pirq_link(d, p);
        return 0;
    default:
        return ERR(EINVAL);
    }
    write_once(p->vcpu, v->id);
    return 0;
}

int event_bind_vcpu(struct domain *d, evtchn_port_t port, uint32_t vcpu)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    struct event_port *p = event_port_find(d, port);
    int rc;

    if (v == NULL)
        return ERR(ENOENT);
    if (p == NULL)
        return ERR(EINVAL);
    spin_lock(&d->events.lock);
    rc = p->consumer == NULL ? rebind(v, p) : ERR(EINVAL);
    spin_unlock(&d->events.lock);
    return rc;
}

static void describe(const struct event_port *p, struct evtchn_status *out)
{
    out->vcpu = p->vcpu;
    switch (p->state) {
    case EVENT_UNBOUND:
        out->status = EVTCHNSTAT_unbound;
        out->u.unbound.dom = p->remote_id;
        break;
    case EVENT_INTERDOMAIN:
        out->status = EVTCHNSTAT_interdomain;
        out->u.interdomain.dom = p->remote->id;
        out->u.interdomain.port = p->remote_port;
        break;
    case EVENT_PIRQ:
        out->status = EVTCHNSTAT_pirq;
        out->u.pirq = p->source;
        break;
    case EVENT_VIRQ:
        out->status = EVTCHNSTAT_virq;
        out->u.virq = p->source;
        break;
    case EVENT_IPI:
        out->status = EVTCHNSTAT_ipi;
        break;
    default:
        out->status = EVTCHNSTAT_closed;
        break;
    }
}

int event_status(struct domain *d, evtchn_port_t port, struct evtchn_status *out)
{
    struct event_port *p = event_port_find(d, port);

    if (p == NULL)
        return ERR(EINVAL);
    const uint64_t flags = spin_lock_irqsave(&p->lock);
    const bool visible = p->consumer == NULL;

    if (visible)
        describe(p, out);
    spin_unlock_irqrestore(&p->lock, flags);
    return visible ? 0 : ERR(EACCES);
}

int event_set_priority(struct domain *d, evtchn_port_t port, uint32_t priority)
{
    struct event_port *p = event_port_find(d, port);
    const struct event_format *format = event_format_of(d);

    if (p == NULL)
        return ERR(EINVAL);
    return format->set_priority != NULL ? format->set_priority(p, priority) : ERR(ENOSYS);
}

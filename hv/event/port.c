/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of a domain's ports: growth, allocation, release, life. Not what ports are bound to
 * (bind.c) nor sending (send.c). Lock: the domain's event lock, RANK_EVENT_DOMAIN; look-ups
 * need none. docs/events.md
 */
#include "port.h"

#include <hv/bitmap.h>
#include <hv/errno.h>
#include <hv/mm.h>

static unsigned int nr_buckets(const struct event_domain *e)
{
    return e->nr_limit / EVENT_PORTS_PER_BUCKET + 1;
}

static int add_bucket(struct event_domain *e)
{
    const uint32_t first = e->nr_valid;
    struct event_port *bucket = heap_new_array(struct event_port, EVENT_PORTS_PER_BUCKET);

    if (bucket == NULL)
        return ERR(ENOMEM);
    for (uint32_t i = 0; i < EVENT_PORTS_PER_BUCKET; i++) {
        spin_init(&bucket[i].lock, RANK_EVENT_PORT);
        bucket[i].number = first + i;
    }
    e->buckets[first / EVENT_PORTS_PER_BUCKET] = bucket;
    /* Order: event_port_find reads nr_valid before the bucket. */
    __atomic_store_n(&e->nr_valid, first + EVENT_PORTS_PER_BUCKET, __ATOMIC_RELEASE);
    return 0;
}

int event_port_alloc(struct domain *d, struct event_port **out)
{
    struct event_domain *e = &d->events;
    const struct event_format *format = event_format_of(d);
    const uint32_t end = min(e->nr_limit + 1, format->nr_ports);
    bool skipped_busy = false;

    if (d->dying != DOMAIN_ALIVE)
        return ERR(EINVAL);
    for (uint32_t n = e->first_free; n < end; n++) {
        if (n >= e->nr_valid && add_bucket(e) != 0)
            return ERR(ENOMEM);
        struct event_port *p = event_port_find(d, n);

        if (p->state != EVENT_FREE)
            continue;
        if (format->is_busy(d, n)) {
            skipped_busy = true;
            continue;
        }
        if (!skipped_busy)
            e->first_free = n;
        *out = p;
        return 0;
    }
    return ERR(ENOSPC);
}

void event_port_bind(struct domain *d, struct event_port *p, const struct event_binding *b)
{
    const uint64_t flags = spin_lock_irqsave(&p->lock);

    write_once(p->vcpu, b->vcpu);
    p->source = b->source;
    p->remote_id = b->remote_id;
    p->remote = b->remote;
    p->remote_port = b->remote_port;
    p->consumer = b->consumer;
    event_format_of(d)->init_port(d, p);
    write_once(p->state, (uint8_t)b->state);
    spin_unlock_irqrestore(&p->lock, flags);
    d->events.nr_active++;
    d->events.nr_consumers += b->consumer != NULL;
}

void event_port_release(struct domain *d, struct event_port *p)
{
    struct event_domain *e = &d->events;
    const uint64_t flags = spin_lock_irqsave(&p->lock);
    const bool is_guests = p->consumer == NULL;

    e->nr_active--;
    e->nr_consumers -= !is_guests;
    write_once(p->state, EVENT_FREE);
    write_once(p->vcpu, 0);
    p->consumer = NULL;
    p->remote = NULL;
    /* A reset leaves the hypervisor's ports, of which the 2-level format may have no bits. */
    if (is_guests)
        event_format_of(d)->clear_pending(d, p);
    spin_unlock_irqrestore(&p->lock, flags);
    e->first_free = min(e->first_free, p->number);
}

static void free_tables(struct event_domain *e)
{
    for (uint32_t i = 0; e->buckets != NULL && i < e->nr_valid / EVENT_PORTS_PER_BUCKET; i++)
        heap_free(e->buckets[i]);
    heap_free(e->buckets);
    heap_free(e->poll_mask);
    heap_free(e->pirq_to_port);
    *e = (struct event_domain){ 0 };
}

int event_domain_init(struct domain *d, unsigned int max_port)
{
    struct event_domain *e = &d->events;

    *e = (struct event_domain){ .nr_limit = min(max_port, EVTCHN_FIFO_NR_CHANNELS - 1u), .format = &event_format_2level };
    spin_init(&e->lock, RANK_EVENT_DOMAIN);
    e->buckets = heap_new_array(struct event_port *, nr_buckets(e));
    e->poll_mask = heap_new_array(uint64_t, BITMAP_WORDS(max(d->max_vcpus, 1u)));
    if (e->buckets == NULL || e->poll_mask == NULL || add_bucket(e) != 0) {
        free_tables(e);
        return ERR(ENOMEM);
    }
    /* ABI: port 0 is no port (xen/event_channel.h). */
    e->buckets[0][0].state = EVENT_RESERVED;
    e->first_free = 1;
    return 0;
}

int event_vcpu_init(struct vcpu *v)
{
    v->events = (struct event_vcpu){ 0 };
    return 0;
}

int event_domain_destroy(struct domain *d)
{
    struct event_domain *e = &d->events;

    event_global_virqs_drop(d);
    while (e->next_destroy < e->nr_valid) {
        event_port_close_any(d, e->next_destroy++);
        if (e->next_destroy % EVENT_PORTS_PER_BUCKET == 0 && e->next_destroy < e->nr_valid && hypercall_preempt_check())
            return -XEN_ERESTART;
    }
    event_fifo_fini(d);
    return 0;
}

void event_domain_fini(struct domain *d)
{
    event_fifo_fini(d);
    free_tables(&d->events);
}

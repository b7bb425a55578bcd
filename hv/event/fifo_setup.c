/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the FIFO format: control blocks and event array pages, which are the guest's and are
 * held with a reference and as FRAME_WRITABLE; and the switch to the format and back.
 * Lock: the domain's event lock. docs/events.md
 */
#include "port.h"

#include <hv/bitmap.h>
#include <hv/errno.h>
#include <hv/mm.h>

/* A page of d that it may write, held. NULL: not one. Trust: gfn is the guest's. */
static void *hold_page(struct domain *d, uint64_t gfn)
{
    struct frame *f = frame_get_mfn(MFN(gfn), d);

    if (f == NULL)
        return NULL;
    if (frame_take_type(f, FRAME_WRITABLE) == 0)
        return frame_va(f);
    frame_put(f);
    return NULL;
}

static void put_page(const void *p)
{
    frame_put_and_drop(frame_of(va_mfn((const void *)((uintptr_t)p & PAGE_MASK))));
}

static struct event_fifo_vcpu *new_queues(void)
{
    struct event_fifo_vcpu *fv = heap_new(struct event_fifo_vcpu);

    for (unsigned int i = 0; fv != NULL && i < FIFO_QUEUES; i++)
        spin_init(&fv->queue[i].lock, RANK_EVENT_QUEUE);
    return fv;
}

static int add_control_block(struct domain *d, struct vcpu *v, uint64_t gfn, uint32_t offset)
{
    struct event_fifo_vcpu *fv;
    char *page;

    if (v->events.fifo != NULL)
        return ERR(EINVAL); /* ABI: one for each vCPU, for good */
    fv = new_queues();
    if (fv == NULL)
        return ERR(ENOMEM);
    page = hold_page(d, gfn);
    if (page == NULL) {
        heap_free(fv);
        return ERR(EINVAL);
    }
    fv->control = (struct evtchn_fifo_control_block *)(void *)(page + offset);
    /* Order: senders find it complete. */
    __atomic_store_n(&v->events.fifo, fv, __ATOMIC_RELEASE);
    return 0;
}

/* What is pending in the 2-level format comes up again when the page of its word is added. */
static void carry_over(struct domain *d)
{
    for (evtchn_port_t n = 1; n < d->events.nr_valid; n++) {
        struct event_port *p = event_port_find(d, n);

        p->last_queue = 0;
        write_once(p->priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
        if (n < event_format_2level.nr_ports && bit_test(d->shared_info->evtchn_pending, n))
            write_once(p->fifo_pending, true);
    }
}

static void switch_to_fifo(struct domain *d)
{
    carry_over(d);
    __atomic_store_n(&d->events.format, &event_format_fifo, __ATOMIC_RELEASE);
}

static int init_control_locked(struct domain *d, struct vcpu *v, const struct evtchn_init_control *a)
{
    const bool is_first = d->events.fifo == NULL;
    int rc;

    if (is_first && (d->events.fifo = heap_new(struct event_fifo_domain)) == NULL)
        return ERR(ENOMEM);
    rc = add_control_block(d, v, a->control_gfn, a->offset);
    if (!is_first)
        return rc;
    if (rc == 0)
        switch_to_fifo(d);
    else
        event_fifo_fini(d);
    return rc;
}

int event_fifo_init_control(struct domain *d, struct evtchn_init_control *a)
{
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    int rc;

    a->link_bits = EVTCHN_FIFO_LINK_BITS;
    if (v == NULL)
        return ERR(ENOENT);
    if (a->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || a->offset % 8 != 0)
        return ERR(EINVAL);
    spin_lock(&d->events.lock);
    rc = init_control_locked(d, v, a);
    spin_unlock(&d->events.lock);
    return rc;
}

static void raise_noted(struct domain *d, struct event_port *p)
{
    const uint64_t flags = spin_lock_irqsave(&p->lock);

    if (__atomic_exchange_n(&p->fifo_pending, false, __ATOMIC_SEQ_CST) && event_port_is_bound(p))
        event_raise(d, p);
    spin_unlock_irqrestore(&p->lock, flags);
}

static int expand_locked(struct domain *d, uint64_t gfn)
{
    struct event_fifo_domain *f = d->events.fifo;
    uint32_t first;
    void *page;

    if (f == NULL)
        return ERR(EOPNOTSUPP);
    first = f->nr_words;
    if (first >= EVTCHN_FIFO_NR_CHANNELS)
        return ERR(ENOSPC);
    page = hold_page(d, gfn);
    if (page == NULL)
        return ERR(EINVAL);
    f->page[first / FIFO_WORDS_PER_PAGE] = page;
    /* Order: readers take nr_words before the page; and senders that missed it have left their notes (format_fifo.c). */
    __atomic_store_n(&f->nr_words, first + FIFO_WORDS_PER_PAGE, __ATOMIC_SEQ_CST);
    for (evtchn_port_t n = first; n < min(first + FIFO_WORDS_PER_PAGE, d->events.nr_valid); n++)
        raise_noted(d, event_port_find(d, n));
    return 0;
}

int event_fifo_expand(struct domain *d, uint64_t gfn)
{
    spin_lock(&d->events.lock);
    const int rc = expand_locked(d, gfn);

    spin_unlock(&d->events.lock);
    return rc;
}

static void free_control_blocks(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v) {
        struct event_fifo_vcpu *fv = v->events.fifo;

        v->events.fifo = NULL;
        if (fv == NULL)
            continue;
        put_page(fv->control);
        heap_free(fv);
    }
}

void event_fifo_fini(struct domain *d)
{
    struct event_fifo_domain *f = d->events.fifo;

    if (f == NULL)
        return;
    __atomic_store_n(&d->events.format, &event_format_2level, __ATOMIC_SEQ_CST);
    free_control_blocks(d);
    for (uint32_t i = 0; i < f->nr_words / FIFO_WORDS_PER_PAGE; i++)
        put_page(f->page[i]);
    heap_free(f);
    d->events.fifo = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FIFO format: an event word per port, and per vCPU sixteen queues of linked words. The
 * hypervisor appends, the guest consumes from the head without a lock. Facts: the public header
 * and "Event Channel FIFO-based ABI" of the Xen project; docs/events.md has the argument why no event is lost.
 *
 * Trust: the guest may write words and control blocks at any time. Nothing read from there is
 * used as an index: heads and links are only written, and tails are our own. Retries are bounded.
 */
#include "port.h"

#include <hv/errno.h>

#define BIT(n) ((event_word_t)1 << (n))
#define PENDING   BIT(EVTCHN_FIFO_PENDING)
#define MASKED    BIT(EVTCHN_FIFO_MASKED)
#define LINKED    BIT(EVTCHN_FIFO_LINKED)
#define BUSY      BIT(EVTCHN_FIFO_BUSY)
#define LINK_MASK ((event_word_t)EVTCHN_FIFO_LINK_MASK)

#define LINK_TRIES  4  /* with and again without BUSY: others only toggle MASKED meanwhile */
#define QUEUE_TRIES 4

static event_word_t *word_of(const struct domain *d, evtchn_port_t n)
{
    struct event_fifo_domain *f = d->events.fifo;
    const uint32_t nr = __atomic_load_n(&f->nr_words, __ATOMIC_ACQUIRE);

    if (unlikely(n >= nr))
        return NULL;
    n = (evtchn_port_t)index_nospec(n, nr);
    return &f->page[n / FIFO_WORDS_PER_PAGE][n % FIFO_WORDS_PER_PAGE];
}

static event_word_t fetch_or(event_word_t *w, event_word_t bits) { return __atomic_fetch_or(w, bits, __ATOMIC_SEQ_CST); }
static event_word_t fetch_clear(event_word_t *w, event_word_t bits) { return __atomic_fetch_and(w, ~bits, __ATOMIC_SEQ_CST); }

/* ---- queues. event_port.last_queue names one: 1 + vCPU * 16 + priority ---- */

static uint32_t queue_name(const struct vcpu *v, unsigned int priority)
{
    return 1 + v->id * FIFO_QUEUES + priority;
}

static struct event_fifo_queue *queue_named(const struct domain *d, uint32_t name, struct event_fifo_queue *none)
{
    const struct vcpu *v;

    if (name == 0)
        return none;
    v = d->vcpu[(name - 1) / FIFO_QUEUES];
    return &v->events.fifo->queue[(name - 1) % FIFO_QUEUES];
}

/*
 * Locks q and the queue that p was last in, of which it may still be the tail. NULL if that one
 * keeps changing, which takes a guest that tampers with LINKED. Order: last_queue changes
 * under the lock of the queue that it names.
 */
static struct event_fifo_queue *lock_queues(const struct domain *d, const struct event_port *p, struct event_fifo_queue *q)
{
    for (unsigned int i = 0; i < QUEUE_TRIES; i++) {
        const uint32_t name = read_once(p->last_queue);
        struct event_fifo_queue *last = queue_named(d, name, q);

        spin_lock_pair(&q->lock, &last->lock);
        if (likely(read_once(p->last_queue) == name))
            return last;
        spin_unlock_pair(&q->lock, &last->lock);
    }
    return NULL;
}

/* Sets the link of a tail to n while it is LINKED. false: the guest has consumed it (or hinders us). */
static bool try_link(event_word_t *tail, evtchn_port_t n)
{
    event_word_t w = read_once(*tail);

    for (unsigned int i = 0; i < LINK_TRIES && (w & LINKED); i++)
        if (__atomic_compare_exchange_n(tail, &w, (w & ~(LINK_MASK | BUSY)) | n, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static bool link_after(event_word_t *tail, evtchn_port_t n)
{
    if (likely(try_link(tail, n)))
        return true;
    if (!(read_once(*tail) & LINKED))
        return false;
    /* ABI: BUSY asks the guest to keep its hands off the word for a moment. */
    fetch_or(tail, BUSY);
    if (try_link(tail, n))
        return true;
    fetch_clear(tail, BUSY);
    return false;
}

/* Appends p to q. true: the queue was empty and not announced. Locks of q and last held. */
static bool append(struct domain *d, const struct event_port *p, struct evtchn_fifo_control_block *control,
                   struct event_fifo_queue *q, unsigned int priority)
{
    event_word_t *tail = q->tail != 0 ? word_of(d, q->tail) : NULL;
    bool announce = false;

    if (tail == NULL || !link_after(tail, p->number)) {
        /* Order: the head before the bit that makes the guest read it. */
        __atomic_store_n(&control->head[priority], p->number, __ATOMIC_RELEASE);
        announce = !(__atomic_fetch_or(&control->ready, 1u << priority, __ATOMIC_SEQ_CST) & (1u << priority));
    }
    q->tail = p->number;
    return announce;
}

/* Puts p, pending and unmasked, into the queue of its vCPU and priority if it is in none. */
static void enqueue(struct domain *d, struct event_port *p, event_word_t *word)
{
    struct vcpu *v = event_port_vcpu(d, p);
    struct event_fifo_vcpu *fv = v != NULL ? __atomic_load_n(&v->events.fifo, __ATOMIC_ACQUIRE) : NULL;
    const unsigned int priority = read_once(p->priority);
    struct event_fifo_queue *q, *last;
    bool announce = false;

    if (fv == NULL)
        return; /* ABI: without a control block the event stays pending and unlinked */
    q = &fv->queue[priority];
    last = lock_queues(d, p, q);
    if (last == NULL)
        return;
    if (!(fetch_or(word, LINKED) & LINKED)) {
        /* A tail that was consumed: its queue is empty, and must not be extended through p's new link. */
        if (last->tail == p->number)
            last->tail = 0;
        write_once(p->last_queue, queue_name(v, priority));
        announce = append(d, p, fv->control, q, priority);
    }
    spin_unlock_pair(&q->lock, &last->lock);
    if (announce)
        event_mark_upcall(v);
}

/* ---- the format ---- */

static void init_port(struct domain *d, struct event_port *p)
{
    write_once(p->priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
    write_once(p->fifo_pending, false);
}

/* Order: the note, then another look; fifo_setup.c adds the page, then looks for notes. */
static event_word_t *word_or_note(const struct domain *d, struct event_port *p)
{
    event_word_t *word = word_of(d, p->number);

    if (likely(word != NULL))
        return word;
    __atomic_store_n(&p->fifo_pending, true, __ATOMIC_SEQ_CST);
    return word_of(d, p->number);
}

static bool set_pending(struct domain *d, struct event_port *p)
{
    event_word_t *word = word_or_note(d, p), old;

    if (word == NULL)
        return true;
    old = fetch_or(word, PENDING);
    if (!(old & (MASKED | LINKED)))
        enqueue(d, p, word);
    return !(old & PENDING);
}

/* The guest unlinks the event by itself, and ignores what is not pending. */
static void clear_pending(struct domain *d, struct event_port *p)
{
    event_word_t *word = word_of(d, p->number);

    write_once(p->fifo_pending, false);
    if (word != NULL)
        fetch_clear(word, PENDING);
}

static void unmask(struct domain *d, struct event_port *p)
{
    event_word_t *word = word_of(d, p->number), old;

    if (word == NULL)
        return;
    old = fetch_clear(word, MASKED);
    if ((old & PENDING) && !(old & LINKED))
        enqueue(d, p, word);
}

static bool is_pending(const struct domain *d, const struct event_port *p)
{
    const event_word_t *word = word_of(d, p->number);

    return word != NULL && (read_once(*word) & PENDING);
}

static bool is_masked(const struct domain *d, const struct event_port *p)
{
    const event_word_t *word = word_of(d, p->number);

    return word == NULL || (read_once(*word) & MASKED);
}

/* Still linked: reused now, it would be delivered to the old vCPU at the old priority. */
static bool is_busy(const struct domain *d, evtchn_port_t n)
{
    const event_word_t *word = word_of(d, n);

    return word != NULL && (read_once(*word) & LINKED);
}

static int set_priority(struct event_port *p, uint32_t priority)
{
    if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        return ERR(EINVAL);
    write_once(p->priority, (uint8_t)priority);
    return 0;
}

const struct event_format event_format_fifo = {
    .name = "FIFO",
    .nr_ports = EVTCHN_FIFO_NR_CHANNELS,
    .init_port = init_port,
    .set_pending = set_pending,
    .clear_pending = clear_pending,
    .unmask = unmask,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .is_busy = is_busy,
    .set_priority = set_priority,
};

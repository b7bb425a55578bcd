/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to event/: a port, and the contract of a format. docs/events.md has the locking;
 * in short: state changes under the domain's event lock and the port's own lock, so either
 * is enough to read it. Port locks are taken with interrupts off: interrupt handlers send.
 */
#ifndef HV_EVENT_PORT_H
#define HV_EVENT_PORT_H

#include <hv/domain.h>

enum event_state { EVENT_FREE, EVENT_RESERVED, EVENT_UNBOUND, EVENT_INTERDOMAIN, EVENT_PIRQ, EVENT_VIRQ, EVENT_IPI };

/* One cache line, so that senders on different ports do not meet. */
struct aligned(64) event_port {
    struct spinlock lock;          /* RANK_EVENT_PORT */
    evtchn_port_t number;
    uint8_t state;                 /* enum event_state */
    uint8_t priority;              /* FIFO: queue of the next link (atomic) */
    bool fifo_pending;             /* FIFO: became pending before its event word existed (atomic) */
    uint32_t vcpu;                 /* vCPU to notify (atomic) */
    uint32_t last_queue;           /* FIFO: queue it was last linked into, 0 none; survives closing (format_fifo.c) */
    event_consumer_fn *consumer;   /* hypervisor-bound if not NULL */
    struct domain *remote;         /* interdomain; alive while this port is bound to it */
    evtchn_port_t remote_port;     /* interdomain */
    uint32_t source;               /* virq or pirq number */
    evtchn_port_t next_pirq;       /* list of a vCPU's pirq ports, 0 ends; under the domain's event lock */
    domid_t remote_id;             /* unbound: who may bind */
};
_Static_assert(sizeof(struct event_port) == 64, "one cache line");

#define EVENT_PORTS_PER_BUCKET 64u

/*
 * How "pending" looks in memory that the guest shares and may change at any time. set_pending and
 * unmask run with a port lock held (set_pending: this port's, or its peer's) and interrupts off.
 */
struct event_format {
    const char *name;
    uint32_t nr_ports;                                                    /* ports that it can express */
    void (*init_port)(struct domain *d, struct event_port *p);            /* newly bound */
    bool (*set_pending)(struct domain *d, struct event_port *p);          /* notifies if unmasked; true: was not pending before */
    void (*clear_pending)(struct domain *d, struct event_port *p);
    void (*unmask)(struct domain *d, struct event_port *p);
    bool (*is_pending)(const struct domain *d, const struct event_port *p);
    bool (*is_masked)(const struct domain *d, const struct event_port *p);
    bool (*is_busy)(const struct domain *d, evtchn_port_t n);             /* closed, but the guest still has it queued */
    int (*set_priority)(struct event_port *p, uint32_t priority);         /* NULL: the format has none */
};
extern const struct event_format event_format_2level, event_format_fifo;

static inline const struct event_format *event_format_of(const struct domain *d)
{
    return __atomic_load_n(&d->events.format, __ATOMIC_ACQUIRE);
}

/* Trust: n comes from guests; clamped under speculation too. */
static inline struct event_port *event_port_find(const struct domain *d, evtchn_port_t n)
{
    const uint32_t nr = __atomic_load_n(&d->events.nr_valid, __ATOMIC_ACQUIRE);

    if (unlikely(n >= nr))
        return NULL;
    n = (evtchn_port_t)index_nospec(n, nr);
    return &d->events.buckets[n / EVENT_PORTS_PER_BUCKET][n % EVENT_PORTS_PER_BUCKET];
}

static inline bool event_port_is_bound(const struct event_port *p)
{
    return read_once(p->state) > EVENT_RESERVED;
}

/* vCPU that p notifies; NULL if the toolstack has not created it yet. */
static inline struct vcpu *event_port_vcpu(const struct domain *d, const struct event_port *p)
{
    const uint32_t id = read_once(p->vcpu);

    return likely(id < d->max_vcpus) ? read_once(d->vcpu[id]) : NULL;
}

static inline bool virq_is_global(unsigned int virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* ---- port.c: with the domain's event lock held ---- */

/* Lowest free port. -ENOSPC, -ENOMEM, -EINVAL (d is dying). It becomes visible with event_port_bind. */
int event_port_alloc(struct domain *d, struct event_port **out) must_check;
/* What a port is bound to. */
struct event_binding {
    enum event_state state;
    uint32_t vcpu, source;
    domid_t remote_id;
    struct domain *remote;
    evtchn_port_t remote_port;
    event_consumer_fn *consumer;
};
/* Makes an allocated port what `b` says. */
void event_port_bind(struct domain *d, struct event_port *p, const struct event_binding *b);
void event_port_release(struct domain *d, struct event_port *p);

/* ---- close.c ---- */
/* -EINVAL: no such port, not in use, or (by_guest) the hypervisor's. Takes the event locks. */
int event_port_close(struct domain *d, evtchn_port_t n, bool by_guest) must_check;
/* Closes it if it is open, whoever's it is. */
void event_port_close_any(struct domain *d, evtchn_port_t n);
/* EVTCHNOP_reset (resume: and its continuation). -EBUSY -EINVAL -EAGAIN -ERESTART. */
int event_reset(struct domain *d, bool resume) must_check;

/* ---- send.c ---- */
/* Marks p pending, notifies its vCPU, wakes pollers. p's or its peer's lock held. */
void event_raise(struct domain *d, struct event_port *p);
/* EVTCHNOP_unmask. -EINVAL: no such port. */
int event_unmask(struct domain *d, evtchn_port_t port) must_check;

/* ---- bind.c: pirq port lists; with the domain's event lock held ---- */
void event_pirq_unlink(struct domain *d, struct event_port *p);

/* ---- global_virq.c ---- */
/* d is dying: hands its global virqs back to the hardware domain. */
void event_global_virqs_drop(struct domain *d);

/* ---- fifo_setup.c ---- */
#define FIFO_WORDS_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(event_word_t)))
#define FIFO_MAX_PAGES      (EVTCHN_FIFO_NR_CHANNELS / FIFO_WORDS_PER_PAGE)
#define FIFO_QUEUES         EVTCHN_FIFO_MAX_QUEUES

struct event_fifo_domain {
    uint32_t nr_words;                  /* words that have a page (atomic) */
    event_word_t *page[FIFO_MAX_PAGES]; /* guest pages, held with type FRAME_WRITABLE */
};

struct event_fifo_queue {
    struct spinlock lock;               /* RANK_EVENT_QUEUE, interrupts off */
    evtchn_port_t tail;                 /* last event linked, 0 none */
};

struct event_fifo_vcpu {
    struct evtchn_fifo_control_block *control; /* in a guest page, held as above */
    struct event_fifo_queue queue[FIFO_QUEUES];
};

int event_fifo_init_control(struct domain *d, struct evtchn_init_control *a) must_check;
int event_fifo_expand(struct domain *d, uint64_t gfn) must_check;
/* Back to the 2-level format; no port is bound, event lock held or d unreachable. */
void event_fifo_fini(struct domain *d);

#endif

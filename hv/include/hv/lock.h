/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ticket spinlocks with ranks. A CPU takes locks in strictly ascending rank;
 * debug builds check that at run time (core/lock.c). Two locks of one rank are
 * taken only through spin_lock_pair(), which orders them by address.
 *
 * A lock that an interrupt handler takes is taken with _irqsave everywhere.
 */
#ifndef HV_LOCK_H
#define HV_LOCK_H

#include <hv/compiler.h>

/* Lowest first: hold a lower rank while taking a higher one, never the reverse. */
enum lock_rank {
    RANK_NONE,
    RANK_CONTROL,        /* one domctl/sysctl at a time */
    RANK_DOMCTL,         /* a domain's control lock */
    RANK_HOTPLUG,        /* CPUs coming and going; PCI topology */
    RANK_GRANT,          /* a domain's grant table (pair: lower address first) */
    RANK_GRANT_ENTRY,    /* one active grant entry */
    RANK_MAPTRACK,       /* a domain's maptrack free list */
    RANK_PV_MMU,         /* a PV domain's page-table updates */
    RANK_EVENT_DOMAIN,   /* a domain's port allocation (pair: lower address first) */
    RANK_VIRQ,           /* the table of global virq handlers */
    RANK_EVENT_PORT,     /* one event-channel port (pair: lower address first) */
    RANK_EVENT_QUEUE,    /* FIFO queue of one vCPU and priority */
    RANK_DOMAIN_LIST,    /* the table of domains */
    RANK_DOMAIN_PAGES,   /* a domain's page list and counters */
    RANK_VMAP,           /* hypervisor address space */
    RANK_HEAP,           /* slab heap */
    RANK_BUDDY,          /* machine page allocator */
    RANK_FLUSH,          /* remote TLB flush */
    RANK_PIRQ,           /* a domain's map of pirqs */
    RANK_IRQ,            /* one interrupt descriptor */
    RANK_VECTOR,         /* allocation of interrupt vectors */
    RANK_IOAPIC,         /* I/O APIC register window */
    RANK_SHUTDOWN,       /* a domain's shutdown state */
    RANK_PCI_CONFIG,     /* PCI configuration ports 0xcf8/0xcfc */
    RANK_SCHED,          /* a CPU's run queue (pair: lower address first) */
    RANK_TIMER,          /* a CPU's timer queue (pair: lower address first) */
    RANK_TIME,           /* platform clock and wall clock */
    RANK_CONSOLE,        /* console ring and sinks */
    RANK_SERIAL,         /* one UART */
    RANK_LEAF,           /* anything that takes no other lock inside */
    RANK_COUNT
};

struct spinlock {
    uint16_t next;       /* ticket that the next taker draws */
    uint16_t serving;    /* ticket that holds the lock */
    uint8_t rank;        /* enum lock_rank */
    uint8_t marks;       /* debug: how the holder took it (core/lock.c) */
    uint16_t holder;     /* debug: CPU number + 1 of the holder, 0 if free */
};

#define SPINLOCK_INIT(r) { .rank = (uint8_t)(r) }

static inline void spin_init(struct spinlock *l, enum lock_rank rank) { *l = (struct spinlock)SPINLOCK_INIT(rank); }
bool spin_trylock(struct spinlock *l) must_check;
#if defined(HV_DEBUG) || defined(HV_HOST_TEST)
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
/* Disables interrupts, returns the flags to give back. */
uint64_t spin_lock_irqsave(struct spinlock *l) must_check;
void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags);
/* The order of ranks counts, though no spinlock is taken: a reader of a struct rwlock. */
void lock_order_enter(enum lock_rank rank);
void lock_order_leave(enum lock_rank rank);
#else
static inline void lock_order_enter(enum lock_rank rank) { }
static inline void lock_order_leave(enum lock_rank rank) { }
#include <hv/lock_release.h>
#endif
/* Takes two locks of one rank (a == b: once); unlock with spin_unlock_pair. */
void spin_lock_pair(struct spinlock *a, struct spinlock *b);
void spin_unlock_pair(struct spinlock *a, struct spinlock *b);
/* Does this CPU hold the lock? Exact in debug builds; else: is it held by anybody? */
bool spin_is_held(const struct spinlock *l);

#endif

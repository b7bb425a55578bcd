/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ticket spinlocks and, in debug builds, the check that ranks ascend.
 *
 * The check keeps per CPU one bit per rank that it holds, in two sets: locks taken with
 * interrupts on and locks taken with interrupts off. An interrupt handler (interrupts
 * off) may have interrupted the holder of any lock of the first set and says nothing
 * about its order, so it is compared with the second set only. A lock taken with
 * interrupts on, by _irqsave too, is compared with both.
 */
#include <arch/cpu.h>
#include <arch/patch.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/percpu.h>

#ifdef HV_DEBUG

/* struct spinlock.marks holds these marks while the lock is held. */
#define MARK_IRQS_OFF  (1u << 0) /* counted in the set of locks taken with interrupts off */
#define MARK_SECOND    (1u << 1) /* second of a pair: its rank's bit is the first one's */

struct held_ranks { uint32_t irqs_on, irqs_off; };
static DEFINE_PER_CPU(struct held_ranks, held_ranks);
_Static_assert(RANK_COUNT <= 32, "one bit per rank");

static inline bool irqs_on_now(void) { return irq_is_enabled(); }

static void check_rank(unsigned int rank, bool irqs_on, bool second)
{
    const struct held_ranks *held = &this_cpu(held_ranks);
    uint32_t relevant = held->irqs_off | (irqs_on ? held->irqs_on : 0);
    uint32_t allowed = (1u << rank) - 1;

    if (second)
        allowed |= 1u << rank;
    if (unlikely(relevant & ~allowed))
        panic("lock order: rank %u taken while holding ranks %#x\n", rank, relevant);
}

static void check_order(const struct spinlock *l, bool irqs_on, bool second)
{
    check_rank(l->rank, irqs_on, second);
    if (unlikely(read_once(l->holder) == this_cpu_id() + 1))
        panic("lock of rank %u taken twice\n", l->rank);
}

static void note_taken(struct spinlock *l, bool irqs_on, bool second)
{
    struct held_ranks *held = &this_cpu(held_ranks);
    uint32_t *set = irqs_on ? &held->irqs_on : &held->irqs_off;

    l->marks = (uint8_t)((irqs_on ? 0 : MARK_IRQS_OFF) | (second ? MARK_SECOND : 0));
    if (!second)
        *set |= 1u << l->rank;
    write_once(l->holder, (uint16_t)(this_cpu_id() + 1));
}

static void note_released(struct spinlock *l)
{
    struct held_ranks *held = &this_cpu(held_ranks);
    uint32_t *set = l->marks & MARK_IRQS_OFF ? &held->irqs_off : &held->irqs_on;

    if (unlikely(l->holder != this_cpu_id() + 1))
        panic("lock of rank %u released by CPU%u, held by CPU%d\n", l->rank, this_cpu_id(), l->holder - 1);
    if (!(l->marks & MARK_SECOND))
        *set &= ~(1u << l->rank);
    write_once(l->holder, 0);
}

/* With interrupts on, as an rwlock is taken. */
void lock_order_enter(enum lock_rank rank)
{
    check_rank(rank, true, false);
    this_cpu(held_ranks).irqs_on |= 1u << rank;
}

void lock_order_leave(enum lock_rank rank)
{
    this_cpu(held_ranks).irqs_on &= ~(1u << rank);
}

bool spin_is_held(const struct spinlock *l)
{
    return read_once(l->holder) == this_cpu_id() + 1;
}

static void draw_and_wait(struct spinlock *l)
{
    uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
    lock_nospec();
}

static void take(struct spinlock *l, bool irqs_on, bool second)
{
    check_order(l, irqs_on, second);
    draw_and_wait(l);
    note_taken(l, irqs_on, second);
}

void spin_lock(struct spinlock *l)
{
    take(l, irqs_on_now(), false);
}

void spin_unlock(struct spinlock *l)
{
    note_released(l);
    __atomic_store_n(&l->serving, (uint16_t)(l->serving + 1), __ATOMIC_RELEASE);
}

uint64_t spin_lock_irqsave(struct spinlock *l)
{
    uint64_t flags = irq_save();

    /* No handler can meet the lock while it is held, but its order counts as where it was asked for. */
    check_order(l, (flags & (1u << 9)) != 0, false);
    draw_and_wait(l);
    note_taken(l, false, false);
    return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
    spin_unlock(l);
    irq_restore(flags);
}

#else

static inline bool irqs_on_now(void) { return false; }
static inline void note_taken(struct spinlock *l, bool irqs_on, bool second) { }
static inline void take(struct spinlock *l, bool irqs_on, bool second) { spin_lock(l); }

void spin_wait(struct spinlock *l, uint16_t ticket)
{
    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
    lock_nospec();
}

bool spin_is_held(const struct spinlock *l)
{
    return read_once(l->next) != read_once(l->serving);
}

#endif

bool spin_trylock(struct spinlock *l)
{
    uint16_t ticket = read_once(l->serving);

    /* A try cannot deadlock, whatever is held: no check of the order. */
    if (!__atomic_compare_exchange_n(&l->next, &ticket, (uint16_t)(ticket + 1), false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    lock_nospec();
    note_taken(l, irqs_on_now(), false);
    return true;
}

/* Order: of two locks of one rank the one at the lower address comes first. */
void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    bool irqs_on = irqs_on_now();

    take(a < b ? a : b, irqs_on, false);
    if (a != b)
        take(a < b ? b : a, irqs_on, true);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    if (a != b)
        spin_unlock(a < b ? b : a);
    spin_unlock(a < b ? a : b);
}

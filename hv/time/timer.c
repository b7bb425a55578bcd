/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One-shot timers. Each CPU has a queue, under its lock; the CPU's clock interrupt is
 * programmed for the queue's first timer. A timer's cpu changes under the locks of both queues.
 */
#include "timer_queue.h"

#include <arch/cpu.h>
#include <hv/lock.h>
#include <hv/percpu.h>
#include <hv/softirq.h>

struct timer_cpu {
    struct spinlock lock;     /* RANK_TIMER */
    struct timer_queue queue;
};
static DEFINE_PER_CPU(struct timer_cpu, timer_cpu);

static inline uint64_t first_deadline(const struct timer_cpu *c)
{
    return c->queue.first ? c->queue.first->expires_ns : ~0ULL;
}

/* The queue of `cpu` has another first timer. */
static void reprogram(unsigned int cpu)
{
    if (likely(cpu == this_cpu_id()))
        arch_timer_program(first_deadline(&this_cpu(timer_cpu)));
    else
        softirq_raise_on(cpu, SOFTIRQ_TIMER);
}

/* Locks the queue that t is on, or would be. */
static struct timer_cpu *lock_queue_of(struct timer *t, uint64_t *flags)
{
    for (;;) {
        const unsigned int cpu = read_once(t->cpu);
        struct timer_cpu *c = &per_cpu(timer_cpu, cpu);

        *flags = spin_lock_irqsave(&c->lock);
        if (likely(t->cpu == cpu))
            return c;
        spin_unlock_irqrestore(&c->lock, *flags);
    }
}

static void dequeue(struct timer_cpu *c, struct timer *t)
{
    if (t->active) {
        timer_queue_remove(&c->queue, t);
        write_once(t->active, false);
    }
}

static void enqueue(struct timer_cpu *c, struct timer *t)
{
    timer_queue_insert(&c->queue, t);
    write_once(t->active, true);
}

void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}

void timer_set(struct timer *t, uint64_t expires_ns)
{
    uint64_t flags;
    struct timer_cpu *c = lock_queue_of(t, &flags);
    const uint64_t before = first_deadline(c);

    if (likely(!t->dead)) {
        dequeue(c, t);
        t->expires_ns = expires_ns;
        enqueue(c, t);
        if (first_deadline(c) != before)
            reprogram(t->cpu);
    }
    spin_unlock_irqrestore(&c->lock, flags);
}

/* A later first deadline needs no haste on another CPU: that one wakes up once in vain. */
void timer_stop(struct timer *t)
{
    uint64_t flags;

    if (!timer_is_active(t))
        return;
    struct timer_cpu *c = lock_queue_of(t, &flags);
    const bool was_first = c->queue.first == t;

    dequeue(c, t);
    if (was_first && t->cpu == this_cpu_id())
        reprogram(t->cpu);
    spin_unlock_irqrestore(&c->lock, flags);
}

static void move_locked(struct timer *t, struct timer_cpu *from, struct timer_cpu *to, unsigned int cpu)
{
    const bool was_active = t->active;
    const uint64_t before = first_deadline(to);

    dequeue(from, t);
    write_once(t->cpu, cpu);
    if (!was_active)
        return;
    enqueue(to, t);
    if (first_deadline(to) != before)
        reprogram(cpu);
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    unsigned int from;

    while ((from = read_once(t->cpu)) != cpu) {
        struct timer_cpu *a = &per_cpu(timer_cpu, from), *b = &per_cpu(timer_cpu, cpu);
        const uint64_t flags = irq_save();

        spin_lock_pair(&a->lock, &b->lock);
        if (t->cpu == from)
            move_locked(t, a, b, cpu);
        spin_unlock_pair(&a->lock, &b->lock);
        irq_restore(flags);
    }
}

void timer_set_here(struct timer *t, uint64_t expires_ns)
{
    if (unlikely(read_once(t->cpu) != this_cpu_id()))
        timer_migrate(t, this_cpu_id());
    timer_set(t, expires_ns);
}

void timer_kill(struct timer *t)
{
    uint64_t flags;
    struct timer_cpu *c;

    if (t->fn == NULL)
        return; /* never initialised */
    c = lock_queue_of(t, &flags);
    dequeue(c, t);
    t->dead = true;
    spin_unlock_irqrestore(&c->lock, flags);
    /* Order: fn's accesses come before the caller frees what it uses. */
    while (__atomic_load_n(&t->running, __ATOMIC_ACQUIRE) != 0)
        cpu_relax();
}

static struct timer *take_expired(struct timer_cpu *c, uint64_t now)
{
    struct timer *t = c->queue.first;

    if (t == NULL || t->expires_ns > now)
        return NULL;
    dequeue(c, t);
    __atomic_fetch_add(&t->running, 1, __ATOMIC_RELAXED);
    return t;
}

/* Order: after the subtraction t may be gone (timer_kill). */
static void run(struct timer *t)
{
    t->fn(t->arg);
    __atomic_fetch_sub(&t->running, 1, __ATOMIC_RELEASE);
}

/* One reading of the clock bounds the loop: what is set for later runs in a later softirq. */
static void timer_softirq(void)
{
    struct timer_cpu *c = &this_cpu(timer_cpu);
    const uint64_t now = now_ns();
    uint64_t flags = spin_lock_irqsave(&c->lock);
    struct timer *t;

    while ((t = take_expired(c, now)) != NULL) {
        spin_unlock_irqrestore(&c->lock, flags);
        run(t);
        flags = spin_lock_irqsave(&c->lock);
    }
    arch_timer_program(first_deadline(c));
    spin_unlock_irqrestore(&c->lock, flags);
}

void timer_init_cpu(unsigned int cpu)
{
    struct timer_cpu *c = &per_cpu(timer_cpu, cpu);

    spin_init(&c->lock, RANK_TIMER);
    c->queue.first = NULL;
}

void timer_subsystem_init(void)
{
    softirq_register(SOFTIRQ_TIMER, timer_softirq);
}

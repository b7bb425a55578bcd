/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fair policy: who has had the least run time, divided by weight, runs next. Each queue has a floor
 * that follows its smallest run time: who wakes after a long sleep begins a little below
 * it, which lets it run at once but not for all the time that it did not use.
 * Pure but for the per-CPU queues; locks are the core's.
 */
#include "internal.h"

#include <xen/domctl.h>

#define WEIGHT_DEFAULT   256u
#define SLEEPER_BONUS_NS (3 * NS_PER_MS)   /* weighted time that a sleeper may be behind the floor */
#define GRANULARITY_NS   (1 * NS_PER_MS)   /* by how much a waking vCPU must be behind to preempt */
#define ROUND_NS         (20 * NS_PER_MS)  /* everybody's turn comes within this, */
#define SLICE_MIN_NS     (2 * NS_PER_MS)   /* but for no shorter turns than this */
#define SLICE_MAX_NS     (10 * NS_PER_MS)
#define STEAL_LOOKS      16u
#define FIRST_FLOOR_NS   (1000 * NS_PER_S) /* so that "behind the floor" is never below zero */

struct fair_queue {
    struct list waiting;   /* by vruntime, least first */
    unsigned int nr;
    uint64_t floor;        /* only goes up */
};
static DEFINE_PER_CPU(struct fair_queue, fair_queue);

static void fair_init_cpu(unsigned int cpu)
{
    struct fair_queue *q = &per_cpu(fair_queue, cpu);

    list_init(&q->waiting);
    q->nr = 0;
    q->floor = FIRST_FLOOR_NS;
}

static struct vcpu *at(struct list *l)
{
    return list_entry(l, struct vcpu, sched.link);
}

static void bound_from_below(struct vcpu *v, const struct fair_queue *q)
{
    v->sched.vruntime = max(v->sched.vruntime, q->floor - SLEEPER_BONUS_NS);
}

/* Equals keep their order. Most come either first (sleepers) or last (who has just run). */
static struct list *find_successor(struct fair_queue *q, uint64_t vruntime)
{
    struct list *next = &q->waiting;

    if (list_empty(next) || at(next->prev)->sched.vruntime <= vruntime)
        return next;
    for (next = next->next; at(next)->sched.vruntime <= vruntime; next = next->next)
        ;
    return next;
}

static void fair_enqueue(unsigned int cpu, struct vcpu *v)
{
    struct fair_queue *q = &per_cpu(fair_queue, cpu);
    struct list *next;

    bound_from_below(v, q);
    if (v->sched.yielded && q->nr != 0)
        v->sched.vruntime = max(v->sched.vruntime, at(q->waiting.next)->sched.vruntime);
    next = find_successor(q, v->sched.vruntime);
    list_insert_between(&v->sched.link, next->prev, next);
    write_once(q->nr, q->nr + 1);
}

static void fair_dequeue(unsigned int cpu, struct vcpu *v)
{
    struct fair_queue *q = &per_cpu(fair_queue, cpu);

    list_remove(&v->sched.link);
    write_once(q->nr, q->nr - 1);
}

static unsigned int fair_nr_queued(unsigned int cpu)
{
    return read_once(per_cpu(fair_queue, cpu).nr);
}

static struct vcpu *fair_pick(unsigned int cpu)
{
    struct fair_queue *q = &per_cpu(fair_queue, cpu);
    struct vcpu *v;

    if (list_empty(&q->waiting))
        return NULL;
    v = at(q->waiting.next);
    fair_dequeue(cpu, v);
    return v;
}

static uint64_t fair_slice(unsigned int cpu)
{
    const uint64_t share = ROUND_NS / (fair_nr_queued(cpu) + 1);

    return min(max(share, (uint64_t)SLICE_MIN_NS), (uint64_t)SLICE_MAX_NS);
}

static void fair_charge(unsigned int cpu, struct vcpu *v, uint64_t ran_ns)
{
    struct fair_queue *q = &per_cpu(fair_queue, cpu);
    uint64_t least;

    v->sched.vruntime += ran_ns * WEIGHT_DEFAULT / max(read_once(v->domain->sched.weight), (uint16_t)1);
    least = v->sched.vruntime;
    if (!list_empty(&q->waiting))
        least = min(least, at(q->waiting.next)->sched.vruntime);
    q->floor = max(q->floor, least);
}

static bool fair_preempts(const struct vcpu *waking, const struct vcpu *running)
{
    return waking->sched.vruntime + GRANULARITY_NS < running->sched.vruntime;
}

/* A bounded look: a longer one would hold two locks for long. */
static struct vcpu *fair_steal_candidate(unsigned int from, const cpumask_t *to)
{
    struct fair_queue *q = &per_cpu(fair_queue, from);
    struct list *l = q->waiting.next;

    for (unsigned int looks = 0; l != &q->waiting && looks < STEAL_LOOKS; looks++, l = l->next) {
        struct vcpu *v = at(l);
        const cpumask_t able = cpumask_and(to, &v->sched.hard_affinity);

        if (!v->sched.running && !cpumask_empty(&able))
            return v;
    }
    return NULL;
}

/* Being ahead of or behind the others is kept; the floors of two queues have nothing to do with each other. */
static void fair_moved(struct vcpu *v, unsigned int from, unsigned int to)
{
    const struct fair_queue *b = &per_cpu(fair_queue, to);

    v->sched.vruntime += b->floor - per_cpu(fair_queue, from).floor;
    if ((int64_t)v->sched.vruntime < 0)
        v->sched.vruntime = 0;
    bound_from_below(v, b);
}

/* ABI: the toolstack knows this policy as credit2: weights and caps of one domain, none of a vCPU. */
const struct sched_policy sched_policy_fair = {
    .name = "credit2",
    .id = XEN_SCHEDULER_CREDIT2,
    .init_cpu = fair_init_cpu,
    .enqueue = fair_enqueue,
    .dequeue = fair_dequeue,
    .nr_queued = fair_nr_queued,
    .pick = fair_pick,
    .slice = fair_slice,
    .charge = fair_charge,
    .preempts = fair_preempts,
    .steal_candidate = fair_steal_candidate,
    .moved = fair_moved,
};

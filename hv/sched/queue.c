/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run queues: who waits on which CPU, and how CPUs find work. A vCPU is pushed to an idle CPU when it
 * wakes; a CPU that would idle pulls from a crowded one. See internal.h for the rules.
 */
#include "internal.h"

#include <arch/cpu.h>

DEFINE_PER_CPU(struct cpu_sched, cpu_sched);
const struct sched_policy *sched_policy = &sched_policy_fair;
cpumask_t sched_idle_cpus, sched_crowded_cpus;

const struct sched_policy *sched_policy_current(void)
{
    return sched_policy;
}

struct cpu_sched *sched_lock_cpu_of(const struct vcpu *v, uint64_t *flags)
{
    for (;;) {
        const unsigned int cpu = read_once(v->sched.cpu);
        struct cpu_sched *c = &per_cpu(cpu_sched, cpu);

        *flags = spin_lock_irqsave(&c->lock);
        if (likely(v->sched.cpu == cpu))
            return c;
        spin_unlock_irqrestore(&c->lock, *flags);
    }
}

/* CPUs' clocks may be a little apart: time never runs backwards here. */
void sched_charge_current(struct cpu_sched *c, uint64_t now)
{
    struct vcpu *v = c->current_vcpu;

    if (v->is_idle || now <= v->sched.charged_ns)
        return;
    sched_policy->charge(v->sched.cpu, v, now - v->sched.charged_ns);
    v->sched.charged_ns = now;
}

void sched_note_crowd(unsigned int cpu, bool crowded)
{
    if (cpumask_test(&sched_crowded_cpus, cpu) == crowded)
        return;
    if (crowded)
        cpumask_atomic_set(&sched_crowded_cpus, cpu);
    else
        cpumask_atomic_clear(&sched_crowded_cpus, cpu);
}

void sched_note_idle(unsigned int cpu, bool idle)
{
    if (cpumask_test(&sched_idle_cpus, cpu) == idle)
        return;
    if (idle)
        cpumask_atomic_set(&sched_idle_cpus, cpu);
    else
        cpumask_atomic_clear(&sched_idle_cpus, cpu);
}

/* The bit goes with the tickle, so that the next one reaches another CPU; who finds nothing sets it again. */
void sched_tickle_idle(const struct vcpu *v)
{
    cpumask_t able;
    unsigned int cpu;

    if (cpumask_empty(&sched_idle_cpus))
        return;
    able = cpumask_and(&sched_idle_cpus, &v->sched.hard_affinity);
    if (cpumask_empty(&able))
        return;
    cpu = cpumask_first(&able);
    cpumask_atomic_clear(&sched_idle_cpus, cpu);
    softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
}

void sched_offer_waiting(unsigned int cpu)
{
    struct vcpu *v;

    if (cpumask_empty(&sched_idle_cpus))
        return;
    v = sched_policy->steal_candidate(cpu, &sched_idle_cpus);
    if (v != NULL)
        sched_tickle_idle(v);
}

void sched_limit_turn(struct cpu_sched *c, uint64_t end_ns)
{
    c->turn_end_ns = end_ns;
    if (!timer_is_active(&c->slice) || c->slice.expires_ns > end_ns)
        timer_set(&c->slice, end_ns);
}

/*
 * current_vcpu makes way for v, which has woken up: not before the rate limit allows, or a back end would lose the CPU with
 * each single answer that it gives. dom0 may at once: who asked it for something mostly has nothing else to do.
 */
static void preempt(struct cpu_sched *c, const struct vcpu *v, uint64_t now)
{
    const unsigned int cpu = v->sched.cpu;
    const uint64_t limit = v->domain->is_hardware ? 0 : sched_ratelimit_us() * 1000ULL;
    const uint64_t earliest = c->current_vcpu->sched.runstate_since_ns + limit;

    if (now >= earliest)
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    else
        sched_limit_turn(c, sched_policy->nr_queued(cpu) == 1 ? earliest : min(earliest, c->turn_end_ns));
}

/* v waits for current_vcpu: it is preempted, or when its slice is over, or an idle CPU comes for v. */
static void contend(struct cpu_sched *c, struct vcpu *v, uint64_t now)
{
    const unsigned int cpu = v->sched.cpu;

    sched_note_crowd(cpu, true);
    if (sched_policy->preempts(v, c->current_vcpu))
        preempt(c, v, now);
    else if (sched_policy->nr_queued(cpu) == 1 || !timer_is_active(&c->slice))
        sched_limit_turn(c, now + sched_policy->slice(cpu));
    if (!v->sched.running)
        sched_tickle_idle(v);
}

void sched_enqueue_locked(struct cpu_sched *c, struct vcpu *v, uint64_t now)
{
    const unsigned int cpu = v->sched.cpu;

    /* Order: what the current one has run counts before v takes its place in the queue. */
    sched_charge_current(c, now);
    sched_policy->enqueue(cpu, v);
    v->sched.queued = true;
    if (!c->current_vcpu->is_idle) {
        contend(c, v, now);
        return;
    }
    sched_note_idle(cpu, false);
    sched_note_crowd(cpu, sched_policy->nr_queued(cpu) > 1);
    softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
}

void sched_dequeue_locked(struct vcpu *v)
{
    const unsigned int cpu = v->sched.cpu;

    sched_policy->dequeue(cpu, v);
    v->sched.queued = false;
    if (sched_policy->nr_queued(cpu) == 0)
        sched_note_crowd(cpu, false);
}

bool sched_may_pull(unsigned int cpu)
{
    return !cpumask_empty(&sched_crowded_cpus) && sched_policy->nr_queued(cpu) == 0;
}

/* Both locks held. */
static bool take_one(unsigned int from, unsigned int to)
{
    const cpumask_t taker = cpumask_of(to);
    struct vcpu *v = sched_policy->steal_candidate(from, &taker);

    if (v == NULL)
        return false;
    sched_dequeue_locked(v);
    v->sched.cpu = to;
    sched_policy->moved(v, from, to);
    sched_policy->enqueue(to, v);
    v->sched.queued = true;
    return true;
}

static bool pull_from(unsigned int from, unsigned int to)
{
    struct cpu_sched *a = &per_cpu(cpu_sched, from), *b = &per_cpu(cpu_sched, to);
    const uint64_t flags = irq_save();
    bool got;

    spin_lock_pair(&a->lock, &b->lock);
    got = take_one(from, to);
    spin_unlock_pair(&a->lock, &b->lock);
    irq_restore(flags);
    return got;
}

/* Each CPU begins with its next neighbour, so that not all go for the same. */
bool sched_pull(unsigned int cpu)
{
    const cpumask_t crowded = sched_crowded_cpus;
    unsigned int from = bitmap_find_set(crowded.bits, MAX_CPUS, cpu + 1);

    for (unsigned int n = cpumask_weight(&crowded); n > 0; n--) {
        if (from >= MAX_CPUS)
            from = cpumask_first(&crowded);
        if (from != cpu && pull_from(from, cpu))
            return true;
        from = bitmap_find_set(crowded.bits, MAX_CPUS, from + 1);
    }
    return false;
}

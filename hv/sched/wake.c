/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a vCPU runnable or not: events, blocking, polling, pauses; and where it then waits.
 * The reasons are atomic (pause_flags, pause counts); the run queue follows them under its lock.
 */
#include "internal.h"

#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/trace.h>

#define CONTROL_PAUSES_MAX 255 /* ABI: more are the toolstack's mistake */

bool vcpu_is_runnable(const struct vcpu *v)
{
    return (read_once(v->pause_flags) | (uint32_t)read_once(v->pause_count)) == 0 &&
           read_once(v->domain->pause_count) == 0;
}

/* The least loaded CPU that v may use; looked for only when its last one is out of bounds. */
static unsigned int least_loaded(const struct vcpu *v)
{
    const cpumask_t able = cpumask_and(&cpu_online_mask, &v->sched.hard_affinity);
    unsigned int cpu, best = v->sched.cpu, best_load = ~0u;

    cpumask_for_each(cpu, &able) {
        const unsigned int load = sched_policy->nr_queued(cpu);

        if (load < best_load) {
            best = cpu;
            best_load = load;
        }
    }
    return best;
}

/* Best first: the last CPU if idle and liked; another that is idle and liked; one that is idle; the last one. */
static unsigned int place(const struct vcpu *v)
{
    const struct sched_vcpu *s = &v->sched;
    const unsigned int last = s->cpu;
    const bool may_stay = cpumask_test(&s->hard_affinity, last);
    cpumask_t idle, liked;

    if (may_stay && cpumask_test(&sched_idle_cpus, last) && cpumask_test(&s->soft_affinity, last))
        return last;
    if (!cpumask_empty(&sched_idle_cpus)) {
        idle = cpumask_and(&sched_idle_cpus, &s->hard_affinity);
        liked = cpumask_and(&idle, &s->soft_affinity);
        if (!cpumask_empty(&liked))
            return cpumask_first(&liked);
        if (!cpumask_empty(&idle))
            return may_stay && cpumask_test(&idle, last) ? last : cpumask_first(&idle);
    }
    return may_stay ? last : least_loaded(v);
}

/* v waits nowhere yet. Lock of its CPU held. */
static bool needs_queue(const struct cpu_sched *c, const struct vcpu *v)
{
    return vcpu_is_runnable(v) && !v->sched.queued && c->current_vcpu != v;
}

/* v, on no CPU and in no queue, belongs to another CPU now, and waits there if it can run. */
static void move(struct vcpu *v, unsigned int from, unsigned int to)
{
    struct cpu_sched *a = &per_cpu(cpu_sched, from), *b = &per_cpu(cpu_sched, to);
    const uint64_t flags = irq_save();

    spin_lock_pair(&a->lock, &b->lock);
    /* Somebody else may have woken or moved it in the meantime. */
    if (v->sched.cpu == from && !v->sched.queued && !v->sched.running && a->current_vcpu != v) {
        v->sched.cpu = to;
        sched_policy->moved(v, from, to);
        if (vcpu_is_runnable(v))
            sched_enqueue_locked(b, v, now_ns());
    }
    spin_unlock_pair(&a->lock, &b->lock);
    irq_restore(flags);
}

void sched_leave_cpu(struct vcpu *v)
{
    const unsigned int from = read_once(v->sched.cpu), to = least_loaded(v);

    if (to != from)
        move(v, from, to);
}

/*
 * S2: a vCPU that its CPU is still saving can only wait there; if it may not, sched_switched finds
 * it runnable and calls here again.
 */
static unsigned int place_running(const struct vcpu *v)
{
    return cpumask_test(&v->sched.hard_affinity, v->sched.cpu) ? v->sched.cpu : MAX_CPUS;
}

void vcpu_wake(struct vcpu *v)
{
    uint64_t flags, now;
    struct cpu_sched *c = sched_lock_cpu_of(v, &flags);
    const unsigned int from = v->sched.cpu;
    unsigned int to = from;

    trace(TRC_SCHED_WAKE, v->domain->id, v->id);
    if (c->current_vcpu != v && !v->sched.queued) {
        now = now_ns();
        runstate_set(v, runstate_off_cpu(v), now);
        if (needs_queue(c, v)) {
            to = v->sched.running ? place_running(v) : place(v);
            if (likely(to == from))
                sched_enqueue_locked(c, v, now);
        }
    }
    spin_unlock_irqrestore(&c->lock, flags);
    if (to != from && to != MAX_CPUS)
        move(v, from, to);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
    uint64_t flags;
    struct cpu_sched *c = sched_lock_cpu_of(v, &flags);

    trace(TRC_SCHED_SLEEP, v->domain->id, v->id);
    if (!vcpu_is_runnable(v)) {
        if (c->current_vcpu == v) {
            softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE);
        } else {
            if (v->sched.queued)
                sched_dequeue_locked(v);
            runstate_set(v, runstate_off_cpu(v), now_ns());
        }
    }
    spin_unlock_irqrestore(&c->lock, flags);
}

/* Order: after this the vCPU's saved state is visible (sched_switched stores with release). */
static void wait_until_off_cpu(const struct vcpu *v)
{
    while (__atomic_load_n(&v->sched.running, __ATOMIC_ACQUIRE) && !vcpu_is_runnable(v))
        cpu_relax();
}

void vcpu_sleep_sync(struct vcpu *v)
{
    vcpu_sleep_nosync(v);
    wait_until_off_cpu(v);
}

/* ---- pauses ---- */

void vcpu_pause_nosync(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    vcpu_sleep_nosync(v);
}

void vcpu_pause(struct vcpu *v)
{
    ASSERT(v != current);
    vcpu_pause_nosync(v);
    wait_until_off_cpu(v);
}

void vcpu_unpause(struct vcpu *v)
{
    if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
        vcpu_wake(v);
}

static void sleep_all(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v)
        vcpu_sleep_nosync(v);
}

static void wait_for_all(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v)
        wait_until_off_cpu(v);
}

void domain_pause_nosync(struct domain *d)
{
    __atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    sleep_all(d);
}

void domain_pause(struct domain *d)
{
    ASSERT(d != current->domain);
    domain_pause_nosync(d);
    wait_for_all(d);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
        for_each_vcpu(d, v)
            vcpu_wake(v);
}

/* Adds step to the toolstack's count if the result is allowed. */
static bool count_control_pause(struct domain *d, int step)
{
    int old = read_once(d->control_pause_count);

    do {
        if (old + step < 0 || old + step > CONTROL_PAUSES_MAX)
            return false;
    } while (!__atomic_compare_exchange_n(&d->control_pause_count, &old, old + step, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

int domain_pause_by_control(struct domain *d)
{
    if (d == current->domain)
        return ERR(EINVAL);
    if (!count_control_pause(d, 1))
        return ERR(EOVERFLOW);
    domain_pause(d);
    return 0;
}

int domain_unpause_by_control(struct domain *d)
{
    if (!count_control_pause(d, -1))
        return ERR(EINVAL);
    if (read_once(d->control_pause_count) == 0 && d->created_paused) {
        d->created_paused = false;
        /* Whoever built the domain has cleared its shared info. */
        time_update_wallclock(d);
    }
    domain_unpause(d);
    return 0;
}

/* ---- blocking, polling, yielding ---- */

/* Order: blocked, then the look for events (full barrier); who sends marks the event first. */
void vcpu_block(void)
{
    struct vcpu *v = current;

    __atomic_fetch_or(&v->pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
    if (event_deliverable(v))
        __atomic_fetch_and(&v->pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
    else {
        trace(TRC_SCHED_BLOCK, v->domain->id, v->id);
        softirq_raise(SOFTIRQ_SCHEDULE);
    }
}

void vcpu_poll_begin(struct vcpu *v, int port)
{
    write_once(v->poll_port, port);
    __atomic_fetch_or(&v->pause_flags, VPF_BLOCKED | VPF_POLLING, __ATOMIC_SEQ_CST);
    atomic_bit_set(v->domain->events.poll_mask, v->id);
}

void vcpu_poll_commit(struct vcpu *v, uint64_t deadline_ns)
{
    if (deadline_ns != 0)
        timer_set_here(&v->poll_timer, deadline_ns);
    trace(TRC_SCHED_BLOCK, v->domain->id, v->id);
    softirq_raise(SOFTIRQ_SCHEDULE);
}

static uint32_t stop_waiting(struct vcpu *v)
{
    const uint32_t reasons = VPF_BLOCKED | VPF_POLLING;
    const uint32_t old = __atomic_fetch_and(&v->pause_flags, ~reasons, __ATOMIC_SEQ_CST) & reasons;

    if (unlikely(old & VPF_POLLING)) {
        atomic_bit_clear(v->domain->events.poll_mask, v->id);
        write_once(v->poll_port, 0);
    }
    return old;
}

void vcpu_poll_cancel(struct vcpu *v)
{
    stop_waiting(v);
}

void vcpu_unblock(struct vcpu *v)
{
    if ((read_once(v->pause_flags) & (VPF_BLOCKED | VPF_POLLING)) == 0)
        return;
    if (stop_waiting(v) != 0)
        vcpu_wake(v);
}

/* Alone on its CPU, a vCPU has nobody to yield to. */
void vcpu_yield(void)
{
    if (sched_policy->nr_queued(this_cpu_id()) == 0)
        return;
    trace(TRC_SCHED_YIELD, current->domain->id, current->id);
    current->sched.yielded = true;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

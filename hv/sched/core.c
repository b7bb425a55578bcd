/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing and switching: SOFTIRQ_SCHEDULE, at the way back to a guest or in the idle loop. The three steps
 * of a switch: schedule() decides, sched_switched() releases the vCPU that left, sched_entered()
 * prepares the one that came. See internal.h for the rules.
 */
#include "internal.h"

#include <arch/cpu.h>
#include <hv/console.h>
#include <hv/log.h>
#include <hv/perfc.h>
#include <hv/trace.h>

/* prev goes on the queue if it wants to run on and may do so here. */
static void requeue(struct vcpu *prev, unsigned int cpu)
{
    if (prev->is_idle || !vcpu_is_runnable(prev) || !cpumask_test(&prev->sched.hard_affinity, cpu))
        return;
    sched_policy->enqueue(cpu, prev);
    prev->sched.queued = true;
}

static struct vcpu *choose(struct cpu_sched *c, struct vcpu *prev, unsigned int cpu)
{
    struct vcpu *next;

    requeue(prev, cpu);
    prev->sched.yielded = false;
    next = sched_policy->pick(cpu);
    if (next == NULL)
        return c->idle;
    next->sched.queued = false;
    return next;
}

/* The slice counts only while somebody else waits. */
static void arrange_next_decision(struct cpu_sched *c, struct vcpu *next, unsigned int cpu, uint64_t now)
{
    const bool others = sched_policy->nr_queued(cpu) != 0;

    sched_note_crowd(cpu, others);
    sched_note_idle(cpu, next->is_idle);
    if (others) {
        sched_limit_turn(c, now + sched_policy->slice(cpu));
        sched_offer_waiting(cpu);
    } else if (next->is_idle) {
        timer_stop(&c->slice); /* an idle CPU sleeps as long as it can */
    }
}

static void trace_switch(const struct vcpu *prev, const struct vcpu *next, uint64_t now, uint32_t slice)
{
    const uint64_t waited = next->sched.runstate == RUNSTATE_runnable ? now - next->sched.runstate_since_ns : 0;

    trace(TRC_SCHED_SWITCH_INFPREV, prev->domain->id, prev->id, TRACE_LOW(now - prev->sched.runstate_since_ns));
    trace(TRC_SCHED_SWITCH_INFNEXT, next->domain->id, next->id, TRACE_LOW(waited), slice);
    trace(TRC_SCHED_SWITCH, prev->domain->id, prev->id, next->domain->id, next->id);
}

static void trace_continue(const struct vcpu *v, uint64_t now, uint32_t slice)
{
    trace(TRC_SCHED_SWITCH_INFCONT, v->domain->id, v->id, TRACE_LOW(now - v->sched.runstate_since_ns), slice);
    trace(TRC_SCHED_CONTINUE_RUNNING, trace_who(v));
}

/* Lock held. */
static void trace_decision(const struct vcpu *prev, const struct vcpu *next, unsigned int cpu, uint64_t now)
{
    const uint32_t slice = next->is_idle || sched_policy->nr_queued(cpu) == 0 ? ~0u : TRACE_LOW(sched_policy->slice(cpu));

    if (prev == next)
        trace_continue(next, now, slice);
    else
        trace_switch(prev, next, now, slice);
}

/* Lock held. */
static void account_switch(struct cpu_sched *c, struct vcpu *prev, struct vcpu *next, uint64_t now)
{
    runstate_set(prev, runstate_off_cpu(prev), now);
    runstate_set(next, RUNSTATE_running, now);
    next->sched.charged_ns = now;
    next->sched.running = true;
    c->current_vcpu = next;
}

static void noreturn switch_to(struct cpu_sched *c, struct vcpu *prev, struct vcpu *next)
{
    const bool publish = prev->runstate_va != 0;
    struct vcpu_runstate_info info;

    if (unlikely(publish))
        runstate_copy(prev, &info);
    spin_unlock(&c->lock);
    vcpu_timers_leave(prev);
    if (unlikely(publish))
        runstate_publish_copy(prev, &info); /* its page tables are still loaded */
    arch_context_switch(prev, next);
}

static void schedule(void)
{
    const unsigned int cpu = this_cpu_id();
    struct cpu_sched *c = &this_cpu(cpu_sched);
    struct vcpu *prev = current, *next;
    uint64_t now;

    if ((prev->is_idle || !vcpu_is_runnable(prev)) && sched_may_pull(cpu))
        (void)sched_pull(cpu);
    irq_disable();
    spin_lock(&c->lock);
    now = now_ns();
    sched_charge_current(c, now);
    perfc_inc(sched_runs);
    next = choose(c, prev, cpu);
    arrange_next_decision(c, next, cpu, now);
    if (trace_wants(TRC_SCHED))
        trace_decision(prev, next, cpu, now);
    if (next != prev) {
        perfc_inc(sched_switches);
        account_switch(c, prev, next, now);
        switch_to(c, prev, next);
    }
    spin_unlock(&c->lock);
    irq_enable();
    if (unlikely(next->periodic_ns != 0))
        vcpu_timers_enter(next, cpu);
}

void sched_switched(struct vcpu *prev)
{
    struct cpu_sched *c = &this_cpu(cpu_sched);
    bool homeless;

    if (prev->is_idle) {
        write_once(prev->sched.running, false);
        return;
    }
    spin_lock(&c->lock);
    /* S4: woken while it left, or banished by its affinity; the reference keeps it alive past the lock. */
    homeless = !prev->sched.queued && vcpu_is_runnable(prev) && domain_get(prev->domain);
    /* Order: whoever sees this sees prev's saved state, and may free it once the lock is released. */
    __atomic_store_n(&prev->sched.running, false, __ATOMIC_RELEASE);
    if (prev->sched.queued)
        sched_tickle_idle(prev);
    spin_unlock(&c->lock);
    if (unlikely(homeless)) {
        vcpu_wake(prev);
        domain_put(prev->domain);
    }
}

void sched_entered(struct vcpu *next)
{
    const unsigned int cpu = this_cpu_id();

    if (next->is_idle)
        return;
    if (unlikely(next->sched.last_cpu != cpu)) {
        next->sched.last_cpu = cpu;
        next->sched.migrations++;
        perfc_inc(migrations);
        work_schedule(&this_cpu(cpu_sched).moved);
    }
    vcpu_timers_enter(next, cpu);
    time_update_vcpu(next);
    vcpu_runstate_publish(next);
}

static void moved_here(void *arg)
{
    if (!current->is_idle)
        event_vcpu_moved(current);
}

/* S5. Order: sched_limit_turn, under the lock, either sees that the timer is no longer set, or comes before this. */
static void slice_over(void *arg)
{
    struct cpu_sched *c = &this_cpu(cpu_sched);
    const uint64_t flags = spin_lock_irqsave(&c->lock);

    if (sched_policy->nr_queued(this_cpu_id()) != 0) {
        if (now_ns() < c->turn_end_ns)
            timer_set(&c->slice, c->turn_end_ns);
        else
            softirq_raise(SOFTIRQ_SCHEDULE);
    }
    spin_unlock_irqrestore(&c->lock, flags);
}

/* ---- idle ---- */

/* A CPU that starts has not come here by schedule(), which keeps the bit otherwise. */
static void begin_idling(unsigned int cpu)
{
    struct cpu_sched *c = &this_cpu(cpu_sched);
    const uint64_t flags = spin_lock_irqsave(&c->lock);

    sched_note_idle(cpu, sched_policy->nr_queued(cpu) == 0);
    spin_unlock_irqrestore(&c->lock, flags);
}

/* Order: the idle bit is set before other queues are looked at; who queues looks for idle CPUs after. */
static void look_for_work(unsigned int cpu)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (sched_may_pull(cpu) && sched_pull(cpu))
        softirq_raise(SOFTIRQ_SCHEDULE);
}

void idle_loop(void)
{
    const unsigned int cpu = this_cpu_id();

    begin_idling(cpu);
    for (;;) {
        softirq_run();
        look_for_work(cpu);
        irq_disable();
        if (!softirq_pending())
            arch_idle();
    }
}

/* ---- start-up ---- */

static struct vcpu *idle_vcpus[MAX_CPUS];
static struct domain idle_domain = {
    .id = (domid_t)DOMID_IDLE,
    .max_vcpus = MAX_CPUS,
    .vcpu = idle_vcpus,
    .refs = 1,
    .sched = { .weight = 256 },
};
static struct vcpu_info idle_vcpu_info;

static struct vcpu *make_idle_vcpu(unsigned int cpu)
{
    struct vcpu *v = heap_new(struct vcpu);

    if (v == NULL || (v->domain = &idle_domain, v->id = cpu, v->is_idle = true, arch_vcpu_create(v)) != 0)
        panic("Out of memory for the idle vCPU of CPU%u\n", cpu);
    v->vcpu_info = &idle_vcpu_info;
    v->is_initialised = true;
    v->sched = (struct sched_vcpu){
        .cpu = cpu, .last_cpu = cpu, .running = true, .hard_affinity = cpumask_of(cpu), .soft_affinity = cpumask_of(cpu),
        .runstate = RUNSTATE_running, .runstate_since_ns = now_ns(),
    };
    list_init(&v->sched.link);
    idle_vcpus[cpu] = v;
    return v;
}

void sched_init_cpu(unsigned int cpu)
{
    struct cpu_sched *c = &per_cpu(cpu_sched, cpu);

    timer_init_cpu(cpu);
    spin_init(&c->lock, RANK_SCHED);
    sched_policy->init_cpu(cpu);
    timer_init(&c->slice, slice_over, NULL, cpu);
    work_init(&c->moved, moved_here, NULL);
    c->idle = c->current_vcpu = make_idle_vcpu(cpu);
}

static void dump_key(unsigned char key)
{
    sched_dump();
}

struct vcpu *sched_idle_vcpu(unsigned int cpu)
{
    return per_cpu(cpu_sched, cpu).idle;
}

void sched_init(void)
{
    timer_subsystem_init();
    softirq_register(SOFTIRQ_SCHEDULE, schedule);
    sched_init_cpu(this_cpu_id());
    current = per_cpu(cpu_sched, this_cpu_id()).idle;
    debug_key_register('r', dump_key, "dump run queues");
    log_info("Using scheduler: fair scheduler (%s)\n", sched_policy->name);
}

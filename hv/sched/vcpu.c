/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's and a domain's part of the scheduler: their life, and affinity. */
#include "internal.h"

#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>

#define WEIGHT_DEFAULT 256u

static bool opt_dom0_vcpus_pin;
BOOT_PARAM_BOOL(dom0_vcpus_pin, "dom0_vcpus_pin", opt_dom0_vcpus_pin);

/* The one policy there is. */
static boot_code int parse_sched(const char *name)
{
    return strcmp(name, sched_policy->name) == 0 ? 0 : ERR(EINVAL);
}
BOOT_PARAM_CUSTOM(sched, "sched", parse_sched);

/* Spreads vCPUs: each new one begins on the next CPU. */
static unsigned int next_home(void)
{
    static unsigned int last;
    unsigned int cpu = bitmap_find_set(cpu_online_mask.bits, MAX_CPUS, read_once(last) + 1);

    if (cpu >= MAX_CPUS)
        cpu = cpumask_first(&cpu_online_mask);
    write_once(last, cpu);
    return cpu;
}

/* The n-th CPU, counting round and round. */
static unsigned int nth_online(unsigned int n)
{
    unsigned int cpu;

    n %= cpumask_weight(&cpu_online_mask);
    for_each_online_cpu(cpu)
        if (n-- == 0)
            break;
    return cpu;
}

int sched_vcpu_init(struct vcpu *v)
{
    const bool pinned = v->domain->is_hardware && opt_dom0_vcpus_pin;
    const unsigned int cpu = pinned ? nth_online(v->id) : next_home();

    v->sched = (struct sched_vcpu){
        .cpu = cpu, .last_cpu = cpu,
        .hard_affinity = pinned ? cpumask_of(cpu) : v->domain->is_hardware ? cpu_online_mask : cpumask_all(),
        .soft_affinity = cpumask_all(),
        .runstate = RUNSTATE_offline, .runstate_since_ns = now_ns(),
    };
    list_init(&v->sched.link);
    vcpu_timers_init(v, cpu);
    return 0;
}

/* v is paused for good: nobody wakes it any more. */
void sched_vcpu_fini(struct vcpu *v)
{
    uint64_t flags;
    struct cpu_sched *c;

    vcpu_timers_kill(v);
    c = sched_lock_cpu_of(v, &flags); /* sched_switched, if it just ran, is through after this */
    if (v->sched.queued)
        sched_dequeue_locked(v);
    spin_unlock_irqrestore(&c->lock, flags);
    ASSERT(!v->sched.running);
}

void sched_domain_init(struct domain *d)
{
    d->sched = (struct sched_domain){ .weight = WEIGHT_DEFAULT };
}

/* ---- affinity ---- */

/* The mask has changed: v leaves a CPU that it may not use. */
static void obey_affinity(struct vcpu *v)
{
    uint64_t flags;
    struct cpu_sched *c = sched_lock_cpu_of(v, &flags);
    const bool banished = !cpumask_test(&v->sched.hard_affinity, v->sched.cpu);

    if (banished && v->sched.queued)
        sched_dequeue_locked(v);
    else if (v->sched.queued)
        sched_tickle_idle(v);
    if (banished && c->current_vcpu == v)
        softirq_raise_on(v->sched.cpu, SOFTIRQ_SCHEDULE);
    spin_unlock_irqrestore(&c->lock, flags);
    if (banished)
        sched_leave_cpu(v);
}

static void change_mask(struct vcpu *v, cpumask_t *which, const cpumask_t *mask)
{
    uint64_t flags;
    struct cpu_sched *c = sched_lock_cpu_of(v, &flags);

    *which = *mask;
    spin_unlock_irqrestore(&c->lock, flags);
    obey_affinity(v);
}

int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *mask)
{
    const cpumask_t usable = cpumask_and(mask, &cpu_online_mask);

    if (cpumask_empty(&usable))
        return ERR(EINVAL);
    change_mask(v, v->sched.pin_overridden ? &v->sched.saved_affinity : &v->sched.hard_affinity, mask);
    return 0;
}

void vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask)
{
    change_mask(v, &v->sched.soft_affinity, mask);
}

static int undo_pin_override(struct vcpu *v)
{
    if (!v->sched.pin_overridden)
        return ERR(EINVAL);
    v->sched.pin_overridden = false;
    change_mask(v, &v->sched.hard_affinity, &v->sched.saved_affinity);
    return 0;
}

int vcpu_pin_override(struct vcpu *v, int cpu)
{
    cpumask_t only;

    if (cpu < 0)
        return undo_pin_override(v);
    if ((unsigned int)cpu >= MAX_CPUS)
        return ERR(EINVAL);
    if (v->sched.pin_overridden)
        return ERR(EBUSY);
    if (!cpumask_test(&cpu_online_mask, (unsigned int)cpu))
        return ERR(EINVAL);
    v->sched.saved_affinity = v->sched.hard_affinity;
    v->sched.pin_overridden = true;
    only = cpumask_of((unsigned int)cpu);
    change_mask(v, &v->sched.hard_affinity, &only);
    return 0;
}

/* ---- debug key ---- */

static void dump_vcpu(const struct vcpu *v)
{
    log_info("  d%uv%u on CPU%u: %s%s, flags %#x, pauses %d+%d, run state %d, run time %lu ms\n", v->domain->id, v->id,
             v->sched.cpu, v->sched.running ? "running" : "not running", v->sched.queued ? ", queued" : "",
             v->pause_flags, v->pause_count, v->domain->pause_count, v->sched.runstate,
             (unsigned long)(v->sched.runstate_ns[RUNSTATE_running] / NS_PER_MS));
}

/* Unlocked: a picture of a machine that may be stuck. */
void sched_dump(void)
{
    unsigned int cpu;
    struct domain *d;
    struct vcpu *v;

    log_info("Scheduler %s, now %lu ns\n", sched_policy->name, now_ns());
    for_each_online_cpu(cpu) {
        const struct cpu_sched *c = &per_cpu(cpu_sched, cpu);

        log_info(" CPU%u: d%uv%u current, %u queued%s%s\n", cpu, c->current_vcpu->domain->id, c->current_vcpu->id,
                 sched_policy->nr_queued(cpu), cpumask_test(&sched_idle_cpus, cpu) ? ", idle" : "",
                 cpumask_test(&sched_crowded_cpus, cpu) ? ", crowded" : "");
    }
    for_each_domain(d)
        for_each_vcpu(d, v)
            dump_vcpu(v);
}

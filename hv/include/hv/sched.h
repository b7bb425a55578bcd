/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scheduling. core.c owns blocking, waking, pausing, affinity and switching;
 * a policy (struct sched_policy) only picks. SOFTIRQ_SCHEDULE runs schedule().
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include <hv/cpumask.h>
#include <hv/time.h>
#include <xen/vcpu.h>

struct vcpu;
struct domain;

/* Part of struct vcpu, private to sched/ but for the documented fields. */
struct sched_vcpu {
    unsigned int cpu;            /* CPU that it runs or last ran on, or is queued on; changes under that CPU's lock */
    bool running;                /* on a CPU now (atomic read allowed) */
    bool queued;                 /* on the run queue of `cpu` */
    bool yielded;                /* asked to let others run first, once */
    cpumask_t hard_affinity, soft_affinity;
    uint64_t vruntime;           /* weighted run time, ns */
    uint64_t charged_ns;         /* its run time is accounted up to here */
    struct list link;            /* run queue */
    int runstate;                /* RUNSTATE_* of xen/vcpu.h */
    uint64_t runstate_since_ns;
    uint64_t runstate_ns[4];
    bool runstate_stale;         /* the guest's copy at runstate_va is out of date */
    bool pin_overridden;         /* SCHEDOP_pin_override: hard_affinity is saved in saved_affinity */
    cpumask_t saved_affinity;
    unsigned int last_cpu;       /* CPU that it was last switched in on */
    uint32_t time_epoch;         /* struct guest_clock.epoch that vcpu_time_info was written for; 0 none */
    uint32_t migrations;
};

struct sched_domain {
    uint16_t weight;             /* 1..65535, default 256 */
    uint16_t cap;                /* percent of one CPU, 0 = none */
};

void sched_init(void);                 /* boot CPU; creates its idle vCPU */
void sched_init_cpu(unsigned int cpu); /* a further CPU, before it runs; creates its idle vCPU */
int sched_vcpu_init(struct vcpu *v) must_check;
void sched_vcpu_fini(struct vcpu *v);
void sched_domain_init(struct domain *d);

/* May v run? Nothing pauses it and it is not blocked, down or crashed. */
bool vcpu_is_runnable(const struct vcpu *v);
/* v's pause/blocked flags changed: put it on a queue or off the CPU. Any context. */
void vcpu_wake(struct vcpu *v);
void vcpu_sleep_nosync(struct vcpu *v);
/* Returns when v is off its CPU and its state is saved. v is not current; interrupts enabled. */
void vcpu_sleep_sync(struct vcpu *v);

/* Counted pauses. _nosync may return before the vCPU has stopped. Pausing current is allowed only nosync. */
void vcpu_pause(struct vcpu *v);
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void domain_pause(struct domain *d);       /* waits */
void domain_pause_nosync(struct domain *d);
void domain_unpause(struct domain *d);
/* The toolstack's own count (xl pause), at most 255. 0; -EOVERFLOW; -EINVAL: d is current's; unpause: -EINVAL if not paused. */
int domain_pause_by_control(struct domain *d) must_check;
int domain_unpause_by_control(struct domain *d) must_check;

/* current gives up its CPU until an event (rechecks deliverable events). */
void vcpu_block(void);
/* Wakes v if it is blocked (or polling); event delivery calls it. Any context. */
void vcpu_unblock(struct vcpu *v);
void vcpu_yield(void);

/*
 * sched_op poll of current: begin marks it as waiting for `port` (-1: any event), then the caller looks
 * whether one is pending, and either commits (deadline_ns: system time, 0: none) or cancels.
 */
void vcpu_poll_begin(struct vcpu *v, int port);
void vcpu_poll_commit(struct vcpu *v, uint64_t deadline_ns);
void vcpu_poll_cancel(struct vcpu *v);

/* VIRQ_TIMER every period_ns while v runs; 0: no more. */
void vcpu_set_periodic(struct vcpu *v, uint64_t period_ns);

/* SCHEDOP_pin_override: pins v to cpu until undone (cpu < 0). -EINVAL, -EBUSY (pinned elsewhere). */
int vcpu_pin_override(struct vcpu *v, int cpu) must_check;
/* Hard affinity must leave an online CPU: -EINVAL. */
int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *mask) must_check;
void vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask);
void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out);
/* Copies current's run state to the area that the guest registered, in current's address space; again later if that fails. */
void vcpu_runstate_publish(struct vcpu *v);
/* The same if v->sched.runstate_stale: for PV when the guest enters its kernel, as user page tables do not show the area. */
void vcpu_runstate_publish_stale(struct vcpu *v);
/* Time that cpu spent idle, ns. */
uint64_t sched_idle_ns(unsigned int cpu);
/* The idle vCPU of a CPU that sched_init or sched_init_cpu made. */
struct vcpu *sched_idle_vcpu(unsigned int cpu);
/* Debug key 'r': run queues. */
void sched_dump(void);

/* Policy seam. */
struct sched_policy {
    const char *name;            /* as sched= and xl info show it */
    uint32_t id;                 /* XEN_SCHEDULER_* */
    /* A CPU's empty queue. */
    void (*init_cpu)(unsigned int cpu);
    /* All with the run queue's lock of `cpu` held. v->sched.cpu == cpu; v is not the CPU's current. */
    void (*enqueue)(unsigned int cpu, struct vcpu *v);
    void (*dequeue)(unsigned int cpu, struct vcpu *v);
    unsigned int (*nr_queued)(unsigned int cpu); /* lock not needed */
    /* Takes the next one off the queue, NULL if it is empty. */
    struct vcpu *(*pick)(unsigned int cpu);
    /* How long a vCPU may run while others are queued. */
    uint64_t (*slice)(unsigned int cpu);
    /* v ran on cpu for ran_ns. */
    void (*charge)(unsigned int cpu, struct vcpu *v, uint64_t ran_ns);
    bool (*preempts)(const struct vcpu *waking, const struct vcpu *running);
    /* A queued vCPU of `from` that is on no CPU and may run on one of `to`, for that one to take; NULL if there is none. */
    struct vcpu *(*steal_candidate)(unsigned int from, const cpumask_t *to);
    /* v, not queued, moves. Both locks held. */
    void (*moved)(struct vcpu *v, unsigned int from, unsigned int to);
};
const struct sched_policy *sched_policy_current(void);
/* How long who has begun to run is not preempted, in microseconds; 0: no limit. set: -EINVAL, neither 0 nor 100..500000. */
uint32_t sched_ratelimit_us(void);
int sched_ratelimit_set(uint64_t us) must_check;

/*
 * Arch contract: leaves prev (its guest registers are on the stack's top) and
 * continues next: does not return. Interrupts disabled. Calls sched_switched(prev) once
 * prev's state is saved and its CPU no longer uses it; then, with next current, its
 * page tables loaded and its state restored, sched_entered(next).
 */
void arch_context_switch(struct vcpu *prev, struct vcpu *next) noreturn;
void sched_switched(struct vcpu *prev);
void sched_entered(struct vcpu *next);
/* Enables interrupts and waits for one, with no window between. Returns with interrupts enabled. */
void arch_idle(void);
/* Writes v's lazily kept state back if another CPU still holds it. */
void arch_vcpu_sync_state(struct vcpu *v);
/* The idle vCPU's body; begins again whenever the CPU becomes idle. */
void idle_loop(void) noreturn;

#endif

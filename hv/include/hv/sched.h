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
    bool queued;                 /* on a run queue */
    bool yielded;                /* asked to let others run first, once */
    cpumask_t hard_affinity, soft_affinity;
    uint64_t vruntime;           /* weighted run time, ns */
    uint64_t switched_in_ns;
    struct list link;            /* run queue */
    int runstate;                /* RUNSTATE_* of xen/vcpu.h */
    uint64_t runstate_since_ns;
    uint64_t runstate_ns[4];
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
/* The toolstack's own count (xl pause), at most 255. 0 or -EUSERS; unpause: -EINVAL if not paused. */
int domain_pause_by_control(struct domain *d) must_check;
int domain_unpause_by_control(struct domain *d) must_check;

/* current gives up its CPU until an event (rechecks deliverable events). */
void vcpu_block(void);
/* Wakes v if it is blocked (or polling); event delivery calls it. Any context. */
void vcpu_unblock(struct vcpu *v);
void vcpu_yield(void);

/* Hard affinity must leave an online CPU: -EINVAL. */
int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *mask) must_check;
void vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask);
void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out);
/* Time that cpu spent idle, ns. */
uint64_t sched_idle_ns(unsigned int cpu);

/* Policy seam. */
struct sched_policy {
    const char *name;            /* as sched= and xl info show it */
    uint32_t id;                 /* XEN_SCHEDULER_* */
    /* all with the run queue's lock of `cpu` held */
    void (*enqueue)(unsigned int cpu, struct vcpu *v);
    void (*dequeue)(unsigned int cpu, struct vcpu *v);
    struct vcpu *(*pick)(unsigned int cpu, uint64_t now, uint64_t *slice_ns);
    void (*charge)(struct vcpu *v, uint64_t ran_ns);
    bool (*preempts)(unsigned int cpu, const struct vcpu *waking, const struct vcpu *running);
};
const struct sched_policy *sched_policy_current(void);

/*
 * Arch contract: leaves prev (its guest registers are on the stack's top) and
 * continues next: does not return. Interrupts disabled. Calls
 * sched_switched(prev) once prev's state is saved and its CPU no longer uses it.
 */
void arch_context_switch(struct vcpu *prev, struct vcpu *next) noreturn;
void sched_switched(struct vcpu *prev);
/* Same vCPU continues: go back to it. Does not return. */
void arch_continue_running(struct vcpu *same) noreturn;
/* Writes v's lazily kept state back if another CPU still holds it. */
void arch_vcpu_sync_state(struct vcpu *v);
/* The idle vCPU's body. */
void idle_loop(void) noreturn;

#endif

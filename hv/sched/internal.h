/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to sched/. One run queue per CPU, under its lock (RANK_SCHED, interrupts disabled).
 *
 * S1  v->sched.cpu changes only under the locks of both CPUs, while v is neither running nor queued.
 * S2  v->sched.running is set under the lock of its CPU and cleared there by sched_switched, once v's
 *     state is saved: only then may another CPU take v.
 * S3  A vCPU that is running and queued is being switched away from: its CPU's current_vcpu is another.
 * S4  A runnable vCPU is current_vcpu, or queued, or (running, and about to be placed by sched_switched).
 * S5  While others wait the slice timer is set, for turn_end_ns or earlier: turns end more often than they last to their end,
 *     so a timer that comes too early is left, and set anew only when it has come.
 */
#ifndef HV_SCHED_INTERNAL_H
#define HV_SCHED_INTERNAL_H

#include <hv/domain.h>
#include <hv/percpu.h>

struct cpu_sched {
    struct spinlock lock;
    struct vcpu *current_vcpu;   /* whom the CPU runs, or is switching to */
    struct vcpu *idle;
    uint64_t turn_end_ns;        /* of current_vcpu; means something while others wait */
    struct timer slice;          /* S5; ends the turn */
    struct work moved;           /* tells of a vCPU that came to this CPU */
};
DECLARE_PER_CPU(struct cpu_sched, cpu_sched);

extern const struct sched_policy sched_policy_fair;
extern const struct sched_policy *sched_policy;

/* CPUs whose current_vcpu is the idle one and to which nobody has sent work yet (atomic bits). */
extern cpumask_t sched_idle_cpus;
/* CPUs with a queued vCPU that waits for another to leave (atomic bits; a hint). */
extern cpumask_t sched_crowded_cpus;

/* ---- wake.c ---- */
/* v may not use its CPU any more: unless it runs there now, it moves to one that it may use. No lock held. */
void sched_leave_cpu(struct vcpu *v);

/* ---- queue.c; locks as the name says ---- */
struct cpu_sched *sched_lock_cpu_of(const struct vcpu *v, uint64_t *flags);
/* Run queue's lock held. */
void sched_charge_current(struct cpu_sched *c, uint64_t now);
/* Queues v on its CPU, which may then decide anew. Lock held; v is runnable and not queued. */
void sched_enqueue_locked(struct cpu_sched *c, struct vcpu *v, uint64_t now);
void sched_dequeue_locked(struct vcpu *v);
/* Others wait: current_vcpu's turn ends then. */
void sched_limit_turn(struct cpu_sched *c, uint64_t end_ns);
/* Sets or clears the CPU's bit in sched_crowded_cpus, sched_idle_cpus. Lock held. */
void sched_note_crowd(unsigned int cpu, bool crowded);
void sched_note_idle(unsigned int cpu, bool idle);
/* Makes an idle CPU that v may use look for work. */
void sched_tickle_idle(const struct vcpu *v);
/* The same for whoever waits on cpu. Its lock held. */
void sched_offer_waiting(unsigned int cpu);
/* Takes one waiting vCPU over from another CPU's queue. No lock held. */
bool sched_pull(unsigned int cpu);
bool sched_may_pull(unsigned int cpu);

/* ---- runstate.c; v's run queue lock held ---- */
void runstate_set(struct vcpu *v, int state, uint64_t now);
/* The state of a vCPU that is not on a CPU. */
int runstate_off_cpu(const struct vcpu *v);
void runstate_copy(const struct vcpu *v, struct vcpu_runstate_info *out);
/* Writes a copy to the guest's area; current's address space. */
void runstate_publish_copy(struct vcpu *v, struct vcpu_runstate_info *copy);

/* ---- vcpu_timer.c ---- */
void vcpu_timers_init(struct vcpu *v, unsigned int cpu);
void vcpu_timers_kill(struct vcpu *v);
void vcpu_timers_leave(struct vcpu *v);
void vcpu_timers_enter(struct vcpu *v, unsigned int cpu);

#endif

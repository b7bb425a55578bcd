/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System time, timers, and the clocks that guests see. */
#ifndef HV_TIME_H
#define HV_TIME_H

#include <hv/list.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* Nanoseconds since boot; monotonic on each CPU. Any context. */
uint64_t now_ns(void);

/* ABI: for guests system time is signed: a deadline in its upper half is long past. */
static inline uint64_t system_time_deadline(uint64_t ns) { return ns >> 63 ? 1 : ns; }

/*
 * A one-shot timer on one CPU's queue; fn runs in SOFTIRQ_TIMER, interrupts enabled, no lock held.
 * fn may set its own timer again; it may not free it. Fields are private to time/.
 */
struct timer {
    uint64_t expires_ns;
    void (*fn)(void *arg);
    void *arg;
    struct timer *child, *next, *prev; /* the queue's heap: time/timer_queue.h */
    unsigned int cpu;          /* changes under the locks of both CPUs' queues */
    unsigned int running;      /* CPUs inside fn (atomic) */
    bool active;               /* queued */
    bool dead;                 /* timer_kill: cannot be set again */
};
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu);
/* Any context. Replaces an earlier deadline. A deadline in the past fires at once. */
void timer_set(struct timer *t, uint64_t expires_ns);
void timer_stop(struct timer *t);
void timer_migrate(struct timer *t, unsigned int cpu);
/* Stops it and waits until fn is not running. Not from fn. */
void timer_kill(struct timer *t);
static inline bool timer_is_active(const struct timer *t) { return read_once(t->active); }
/* Migrates to this CPU and sets: for timers that follow their vCPU. */
void timer_set_here(struct timer *t, uint64_t expires_ns);
/* For sched_init and sched_init_cpu, before timers of the CPU are set. */
void timer_subsystem_init(void);
void timer_init_cpu(unsigned int cpu);

/* Arch contract (arch/x86/time). */
/* Chooses a platform clock, calibrates the TSC. Boot CPU, once. */
void arch_time_init(void);
/* Other CPUs as they come up. */
void arch_time_init_cpu(void);
/* Asks for SOFTIRQ_TIMER at the deadline; ~0ULL: no deadline. This CPU. */
void arch_timer_program(uint64_t deadline_ns);
uint32_t arch_tsc_khz(void);
const char *arch_platform_clock_name(void);

struct domain;
struct vcpu;

/* How a guest computes system time from its TSC: the members of the public vcpu_time_info. */
struct guest_clock {
    uint64_t tsc, system_ns;
    uint32_t mul;
    int8_t shift;
    uint8_t flags;     /* XEN_PVCLOCK_* */
    uint32_t epoch;    /* differs whenever another member does, for one vCPU on one CPU */
};
/* Arch contract: v's clock on this CPU; and its epoch alone, cheaply. */
void arch_guest_clock(const struct vcpu *v, struct guest_clock *out);
uint32_t arch_guest_clock_epoch(const struct vcpu *v);

/* Arch contract: reads the machine's calendar clock. false: there is none. *at_edge: the second has just begun. */
bool arch_calendar_read(uint64_t *unix_seconds, bool *at_edge) must_check;
/*
 * Reads the calendar clock once more: every reading narrows down when its seconds begin.
 * Boot only: later the hardware domain uses the device.
 */
void time_wallclock_sample(void);

/* Writes vcpu_time_info of v if it changed; called when a vCPU is switched in and on recalibration. */
void time_update_vcpu(struct vcpu *v);
void time_force_update_vcpu(struct vcpu *v);
/* Writes the wall clock fields of d's shared info. */
void time_update_wallclock(struct domain *d);
/* platform_op settime: system time `system_ns` was `secs`,`nsecs` in UTC. */
void time_set_wallclock(uint64_t secs, uint32_t nsecs, uint64_t system_ns);
/* Seconds and nanoseconds of UTC now. */
void time_wallclock(uint64_t *secs, uint32_t *nsecs);

#endif

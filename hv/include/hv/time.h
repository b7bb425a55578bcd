/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System time, timers, and the clocks that guests see. */
#ifndef HV_TIME_H
#define HV_TIME_H

#include <hv/list.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* Nanoseconds since boot; monotonic on each CPU. Any context. */
uint64_t now_ns(void);

/* A one-shot timer on one CPU's queue; fn runs in SOFTIRQ_TIMER, interrupts enabled. */
struct timer {
    uint64_t expires_ns;
    void (*fn)(void *arg);
    void *arg;
    unsigned int cpu;
    unsigned int heap_index;   /* position in the CPU's heap; 0 = inactive */
    bool dead;                 /* timer_kill: cannot be set again */
};
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu);
/* Any context. Replaces an earlier deadline. A deadline in the past fires at once. */
void timer_set(struct timer *t, uint64_t expires_ns);
void timer_stop(struct timer *t);
void timer_migrate(struct timer *t, unsigned int cpu);
/* Stops it and waits until fn is not running. Not from fn. */
void timer_kill(struct timer *t);
static inline bool timer_is_active(const struct timer *t) { return read_once(t->heap_index) != 0; }

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

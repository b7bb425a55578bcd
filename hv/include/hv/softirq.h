/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Soft interrupts: work that a CPU does with interrupts enabled before it
 * returns to a guest or goes idle; and deferred work items.
 */
#ifndef HV_SOFTIRQ_H
#define HV_SOFTIRQ_H

#include <hv/list.h>
#include <hv/percpu.h>

enum softirq { SOFTIRQ_TIMER, SOFTIRQ_WORK, SOFTIRQ_TIME, SOFTIRQ_SCHEDULE /* last: it may switch away */, NR_SOFTIRQS };

typedef void softirq_fn(void);
/* SOFTIRQ_WORK has its function already. */
void softirq_register(enum softirq nr, softirq_fn *fn);
/* Any context. */
void softirq_raise(enum softirq nr);
void softirq_raise_on(unsigned int cpu, enum softirq nr);
DECLARE_PER_CPU(uint32_t, softirqs); /* atomic bits, enum softirq */
static inline bool softirq_pending(void) { return read_once(this_cpu(softirqs)) != 0; }
/*
 * Runs what is pending, lowest number first, interrupts enabled; returns with them enabled. New ones may
 * be pending by then: disable interrupts and ask softirq_pending() before going on. May not return (schedule).
 */
void softirq_run(void);

/* A deferred call, run once per schedule on the CPU it was scheduled on, with interrupts enabled, no lock held. */
struct work {
    struct list link;
    void (*fn)(void *arg);
    void *arg;
    bool queued;         /* atomic */
};
static inline void work_init(struct work *w, void (*fn)(void *), void *arg)
{
    *w = (struct work){ .fn = fn, .arg = arg };
    list_init(&w->link);
}
void work_schedule(struct work *w);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace buffers: each CPU records what happens on it, in the form of xen/trace.h, for dom0's tools
 * (docs/debugging.md). While tracing is off a place that records costs the test of one word.
 */
#ifndef HV_TRACE_H
#define HV_TRACE_H

#include <hv/cpumask.h>
#include <xen/trace.h>

struct vcpu;

/* The TRC_* classes and subclasses that are recorded now; 0: none (atomic). */
extern uint32_t trace_live;

/* False: nobody wants the event. True: probably somebody does. */
static always_inline bool trace_wants(uint32_t event)
{
    return unlikely(read_once(trace_live) & event & TRC_ALL);
}

/* Records an event with up to TRACE_EXTRA_MAX words. Any context but NMI and machine check. */
void trace_record(uint32_t event, const uint32_t *words, unsigned int nr);

/* trace(TRC_…, words…) */
#define trace(event, ...) do { \
    if (trace_wants(event)) { \
        const uint32_t trace_words_[] = { __VA_ARGS__ }; \
        trace_record(event, trace_words_, array_size(trace_words_)); \
    } \
} while (0)
#define TRACE_LOW(x)  ((uint32_t)(x))
#define TRACE_HIGH(x) ((uint32_t)((uint64_t)(x) >> 32))

/* A vCPU in one word, as in TRC_SCHED_RUNSTATE_CHANGE. */
#define trace_who(v) ((uint32_t)(v)->domain->id << 16 | (v)->id)

/* Hypercall nr of current with these arguments, or its part of a multicall. */
void trace_hypercall(unsigned int nr, const uint64_t args[5]);

/* ---- control: one caller at a time ---- */

/* Buffers from tbuf_size=, and recording at once. Once all CPUs are there. */
void trace_init(void);
/* Buffers of so many pages for each CPU, once. -EINVAL, -EBUSY (there are some), -ENOMEM. */
int trace_set_size(unsigned int pages) must_check;
void trace_set_events(uint32_t mask);
uint32_t trace_events(void);
void trace_set_cpus(const cpumask_t *cpus);
/* -EINVAL without buffers. */
int trace_enable(void) must_check;
void trace_disable(void);
/* Where struct t_info is, and its size; mfn 0, size 0 without buffers. */
void trace_info(mfn_t *mfn, uint32_t *bytes);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercall dispatch from the rows of abi/hypercalls.def, and continuations: how a long operation
 * stops for more urgent things and is taken up again. Lock: none; state is the current vCPU's.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/fault.h>
#include <hv/hypercall.h>
#include <hv/hypercall_count.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/softirq.h>
#include <hv/trace.h>

static hypercall_fn *const handlers[MAX_HYPERCALL] = {
#define HYPERCALL(nr, name, nargs, who) [nr] = hc_##name,
#include "../../abi/hypercalls.def"
#undef HYPERCALL
};

/* The same, with a trace record first. */
#define HYPERCALL(nr, name, nargs, who) \
    static long traced_##name(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5) \
    { \
        trace_hypercall(nr, (const uint64_t[]){ a1, a2, a3, a4, a5 }); \
        return hc_##name(a1, a2, a3, a4, a5); \
    }
#include "../../abi/hypercalls.def"
#undef HYPERCALL

static hypercall_fn *const traced_handlers[MAX_HYPERCALL] = {
#define HYPERCALL(nr, name, nargs, who) [nr] = traced_##name,
#include "../../abi/hypercalls.def"
#undef HYPERCALL
};

hypercall_fn *const *hypercall_table = handlers;

void hypercall_table_select(bool traced)
{
    write_once(hypercall_table, traced ? traced_handlers : handlers);
}

static const char *const names[MAX_HYPERCALL] = {
#define HYPERCALL(nr, name, nargs, who) [nr] = #name,
#include "../../abi/hypercalls.def"
#undef HYPERCALL
};

DEFINE_PER_CPU(uint64_t[MAX_HYPERCALL], hypercall_count);

const char *hypercall_name(unsigned int nr)
{
    return nr < MAX_HYPERCALL ? names[nr] : NULL;
}

uint64_t hypercall_count_of(unsigned int nr)
{
    uint64_t sum = 0;
    unsigned int cpu;

    for_each_online_cpu(cpu)
        sum += per_cpu(hypercall_count, cpu)[nr];
    return sum;
}

bool hypercall_preempt_check(void)
{
    return softirq_pending() || event_deliverable(current) || fault_due(FAULT_PREEMPT);
}

long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu_hypercall *h = &current->hypercall;

    perfc_inc(continuations);
    h->continued = true;
    h->nr = nr;
    h->args[0] = a1;
    h->args[1] = a2;
    h->args[2] = a3;
    h->args[3] = a4;
    h->args[4] = a5;
    if (!h->in_multicall)
        arch_hypercall_rewind(nr, h->args);
    return 0;
}

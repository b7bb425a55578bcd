/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercall dispatch. Every hypercall is a row of abi/hypercalls.def; handlers are
 * hc_<name>(five uint64_t). Results: >= 0, or a negative Xen errno.
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#include <abi/fault.h>
#include <hv/errno.h>
#include <hv/percpu.h>

typedef long hypercall_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

#define MAX_HYPERCALL 64u
extern hypercall_fn *const *hypercall_table; /* MAX_HYPERCALL handlers, NULL: there is none (atomic) */
/* Tracing hypercalls costs nothing while it is off: there are two tables. */
void hypercall_table_select(bool traced);
DECLARE_PER_CPU(uint64_t[MAX_HYPERCALL], hypercall_count);

/* The handler of hypercall nr, NULL if there is none. Counts it. */
static always_inline hypercall_fn *hypercall_find(uint64_t nr)
{
    if (unlikely(nr >= MAX_HYPERCALL))
        return NULL;
    nr = index_nospec(nr, MAX_HYPERCALL);
    this_cpu(hypercall_count)[nr]++;
    return read_once(hypercall_table)[nr];
}

/* Is there something more urgent than going on with a long operation? */
bool hypercall_preempt_check(void);
/*
 * Arranges that current executes hypercall nr again with these arguments (in a
 * multicall too) after what is pending is done. The handler returns its value at once:
 * return hypercall_continue(…).
 */
long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* struct vcpu's part. */
struct vcpu_hypercall {
    bool continued;             /* the handler asked for a continuation; who sees that clears it */
    bool in_multicall;
    uint64_t nr, args[5];       /* of the continuation */
};

/* Arch contract: make the guest re-execute its hypercall instruction with these registers (arch/x86/pv/hypercall.c). */
void arch_hypercall_rewind(uint64_t nr, const uint64_t args[5]);
/* Where the guest's hypercall page stubs are written (one page). */
void arch_hypercall_page_fill(void *page);

/* VMASST_TYPE_* bits that d may set (hypercall/vm_assist.c). */
struct domain;
uint64_t vm_assist_valid(const struct domain *d);

/* Every handler, declared from the table. */
#define HYPERCALL(nr, name, nargs, who) long hc_##name(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
#include "../../../abi/hypercalls.def"
#undef HYPERCALL

#endif

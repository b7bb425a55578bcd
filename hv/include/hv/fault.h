/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault injection: where something may fail, fault_due() tells whether it has to fail now. In release
 * builds and on the host it is the constant false.
 */
#ifndef HV_FAULT_H
#define HV_FAULT_H

#include <abi/fault.h>
#include <hv/percpu.h>

#if defined(HV_DEBUG) && !defined(HV_HOST_TEST)

/* What the hypercall that runs on this CPU has been told; kind is an enum fault_kind. */
struct fault_plan { bool armed; uint64_t kind, at, passed; };
DECLARE_PER_CPU(struct fault_plan, fault_plan);

bool fault_reached(enum fault_kind kind);

static always_inline bool fault_due(enum fault_kind kind)
{
    return unlikely(this_cpu(fault_plan).armed) && fault_reached(kind);
}

#else
static always_inline bool fault_due(enum fault_kind kind) { return false; }
#endif

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Not of Xen's ABI, and only in debug builds that are started with fault_injection: a hypercall that
 * makes another one, in which something fails once. For tests/guest/faults.
 */
#ifndef ABI_FAULT_H
#define ABI_FAULT_H

#include <stdint.h>

#define FAULT_HYPERCALL 63

enum fault_kind {
    FAULT_ALLOC,    /* there is no memory */
    FAULT_COPY,     /* a copy from or to the guest faults half-way */
    FAULT_PREEMPT,  /* there is something more urgent */
};

struct fault_call {
    uint64_t kind;
    uint64_t at;        /* it fails when it comes there for the at-th time; 0: never */
    uint64_t nr, args[5];
    uint64_t passed;    /* out: how often it came there; what a continuation does is not counted */
    uint64_t objects;   /* out: in the hypervisor's heap afterwards */
};

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TRC_PV_HYPERCALL_V2 (xen/trace.h): which arguments tell something, as stock Xen records them. */
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>
#include <hv/trace.h>

/* Bits: the arguments, 32 bits of each, that go into the record. */
static unsigned int arguments_of(unsigned int nr)
{
    switch (nr) {
    case __HYPERVISOR_mmu_update:
    case __HYPERVISOR_mmuext_op:
    case __HYPERVISOR_multicall:
        return 1u << 1;
    case __HYPERVISOR_grant_table_op:
        return 1u << 0 | 1u << 2;
    case __HYPERVISOR_vcpu_op:
        return 1u << 0 | 1u << 1;
    case __HYPERVISOR_sched_op:
        return 1u << 0;
    default:
        return 0;
    }
}

void trace_hypercall(unsigned int nr, const uint64_t args[5])
{
    const bool in_multicall = current->hypercall.in_multicall;
    const unsigned int wanted = arguments_of(nr);
    uint32_t words[6] = { nr };
    unsigned int n = 1;

    for (unsigned int i = 0; i < 5; i++)
        if (wanted >> i & 1) {
            words[0] |= (uint32_t)TRC_PV_HYPERCALL_V2_ARG_32(i);
            words[n++] = (uint32_t)args[i];
        }
    trace_record(in_multicall ? TRC_PV_HYPERCALL_SUBCALL : TRC_PV_HYPERCALL_V2, words, n);
}

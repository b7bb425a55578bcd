/* SPDX-License-Identifier: GPL-2.0-or-later */
/* __HYPERVISOR_multicall (xen/xen.h): a batch of hypercalls in one entry. */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <arch/percpu.h>

enum step { STEP_DONE, STEP_CONTINUED, STEP_FAULT, STEP_LEFT };

/*
 * One entry: copied once, called, its result (or what is left of it) written back. STEP_LEFT: it was
 * IRET, and *left is what goes into the register that it returns to.
 */
static enum step run_entry(struct vcpu *v, uint64_t entry_va, long *left)
{
    struct multicall_entry call;

    if (guest_read(&call, entry_va, offsetof(struct multicall_entry, args[5])) != 0)
        return STEP_FAULT;
    perfc_inc(multicalls);
    hypercall_fn *fn = hypercall_find(call.op);
    const long result = likely(fn != NULL) ? fn(call.args[0], call.args[1], call.args[2], call.args[3], call.args[4]) : ERR(ENOSYS);

    /* Trust: what follows would run with the guest's user page tables loaded, as if its kernel had called. */
    if (unlikely(call.op == __HYPERVISOR_iret)) {
        *left = result;
        return STEP_LEFT;
    }
    if (likely(!v->hypercall.continued)) {
        const xen_ulong_t value = (xen_ulong_t)result;

        return guest_write(entry_va + offsetof(struct multicall_entry, result), &value, sizeof(value)) ? STEP_FAULT : STEP_DONE;
    }
    v->hypercall.continued = false;
    call.op = v->hypercall.nr;
    for (unsigned int i = 0; i < array_size(v->hypercall.args); i++)
        call.args[i] = v->hypercall.args[i];
    return guest_write(entry_va, &call, offsetof(struct multicall_entry, args[5])) ? STEP_FAULT : STEP_CONTINUED;
}

long hc_multicall(uint64_t calls, uint64_t nr_calls, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = current;

    if (v->hypercall.in_multicall)
        return ERR(EINVAL);
    if (!guest_address_ok(calls) || !guest_range_ok(calls, nr_calls < (1UL << 40) ? nr_calls * sizeof(struct multicall_entry) : ~0UL))
        return ERR(EFAULT);
    for (uint64_t i = 0; i < nr_calls; i++, calls += sizeof(struct multicall_entry)) {
        if (i != 0 && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_multicall, calls, nr_calls - i, 0, 0, 0);
        long left = 0;

        v->hypercall.in_multicall = true;
        const enum step step = run_entry(v, calls, &left);
        v->hypercall.in_multicall = false;

        if (step == STEP_LEFT)
            return left;
        if (step == STEP_FAULT)
            return ERR(EFAULT);
        if (step == STEP_CONTINUED)
            return hypercall_continue(__HYPERVISOR_multicall, calls, nr_calls - i, 0, 0, 0);
    }
    return 0;
}

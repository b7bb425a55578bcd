/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mmu_update and mmuext_op have in common: an array of operations in guest memory, a
 * count that says whether this is a continuation, a counter of what is done, and whom it is about.
 * ABI: xen/xen.h, HYPERVISOR_mmu_update and HYPERVISOR_mmuext_op.
 */
#include "mmu.h"
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

bool mmu_call_resume(struct mmu_call *m, uint64_t count, long *result)
{
    if (unlikely(pv_mmu_settle(current) != 0)) {
        *result = hypercall_continue(m->nr, m->ops, (uint32_t)count, m->pdone, m->foreign, 0);
        return false;
    }
    if (unlikely((uint32_t)count == MMU_CALL_PREEMPTED) && m->ops == 0) {
        *result = (int)m->foreign; /* all was done but for what has been settled now: mmu_call_stop */
        return false;
    }
    /* ABI: the counter is nobody's concern but the guest's: errors are passed over. */
    if (unlikely(((uint32_t)count & MMU_CALL_PREEMPTED) && m->pdone) && guest_read(&m->done, m->pdone, sizeof(m->done)) != 0)
        m->done = 0;
    *result = ERR(EFAULT);
    return likely(guest_address_ok(m->ops));
}

static long stop(const struct mmu_call *m)
{
    return hypercall_continue(m->nr, m->ops, m->left | MMU_CALL_PREEMPTED, m->pdone, m->foreign, 0);
}

long mmu_call_stop(struct mmu_call *m, int rc)
{
    if (m->pdone && guest_write(m->pdone, &m->done, sizeof(m->done)) != 0)
        m->pdone = 0;
    if (rc == -XEN_ERESTART)
        return stop(m);
    if (unlikely(current->arch.mmu_unfinished != NULL))
        return hypercall_continue(m->nr, 0, MMU_CALL_PREEMPTED, 0, (uint32_t)rc, 0);
    return rc;
}

struct domain *mmu_foreign_find(uint32_t foreign)
{
    const domid_t id = (domid_t)foreign;

    /* ABI: naming itself by number is refused, xen/xen.h. */
    return id == current->domain->id ? NULL : domain_get_any(id);
}

int mmu_read_vcpu_mask(const struct domain *d, uint64_t bitmap_va, cpumask_t *out)
{
    uint64_t word = 0;

    *out = (cpumask_t){ { 0 } };
    for (unsigned int id = 0; id < d->max_vcpus; id++) {
        const struct vcpu *v = read_once(d->vcpu[id]);

        if (id % 64 == 0 && guest_read(&word, bitmap_va + id / 8, sizeof(word)) != 0)
            return ERR(EFAULT);
        /* One that does not run has nothing in a TLB: switching to it flushes. */
        if ((word >> (id % 64) & 1) && v && read_once(v->sched.running))
            cpumask_set(out, read_once(v->sched.cpu));
    }
    return 0;
}

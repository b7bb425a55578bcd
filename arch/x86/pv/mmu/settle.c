/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dropped page table may hold so much that releasing it takes several hypercalls (P6). The
 * vCPU that dropped it remembers it and goes on before it starts anything else on page tables.
 */
#include "mmu.h"
#include <hv/errno.h>
#include <hv/log.h>

bool pv_mmu_leave_unfinished(struct vcpu *v, struct pt_context *c)
{
    if (likely(c->unfinished == NULL))
        return false;
    ASSERT(v->arch.mmu_unfinished == NULL);
    v->arch.mmu_unfinished = c->unfinished;
    c->unfinished = NULL;
    return true;
}

static int go_on(struct frame *f)
{
    struct domain *d = domain_get_by_id(f->owner);
    struct pt_context c;
    int rc;

    if (d == NULL)
        return 0; /* its own end has taken the table out of limbo */
    pt_context_init(&c, d, d);
    c.may_stop = true;
    mmu_lock(d);
    rc = pt_undo(&c, f);
    mmu_unlock(d);
    domain_put(d);
    return rc;
}

int pv_mmu_settle_now(struct vcpu *v)
{
    struct frame *f = v->arch.mmu_unfinished;

    if (go_on(f) != 0)
        return -XEN_ERESTART;
    v->arch.mmu_unfinished = NULL;
    frame_put(f);
    return 0;
}

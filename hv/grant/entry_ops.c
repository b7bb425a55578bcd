/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sub-operations on single entries or pages: swap, cache maintenance. */
#include "table.h"

#include <hv/errno.h>
#include <hv/guest_access.h>

/* ---- swap: of current's own, unused entries ---- */

static int swap_locked(struct grant_table *t, grant_ref_t a, grant_ref_t b)
{
    const unsigned int nr = grant_nr_entries(t);

    if (a >= nr || b >= nr)
        return GNTST_bad_gntref;
    a = (grant_ref_t)index_nospec(a, nr);
    b = (grant_ref_t)index_nospec(b, nr);
    if (a == b)
        return GNTST_okay;
    if (grant_is_pinned(grant_active(t, a)) || grant_is_pinned(grant_active(t, b)))
        return GNTST_eagain;
    t->format->swap(t, a, b);
    return GNTST_okay;
}

static void swap_chunk(void *ops, unsigned int n, void *state)
{
    struct gnttab_swap_grant_ref *op = ops;
    struct grant_table *t = current->domain->grants;

    spin_lock(&t->lock);
    for (unsigned int i = 0; i < n; i++)
        op[i].status = (int16_t)swap_locked(t, op[i].ref_a, op[i].ref_b);
    spin_unlock(&t->lock);
}

long grant_op_swap(uint64_t uop, uint32_t count)
{
    return grant_for_each_chunk(uop, count, sizeof(struct gnttab_swap_grant_ref), swap_chunk, NULL);
}

/* ---- cache maintenance ---- */

/* Has d a grant of this frame in use? */
static bool is_granted(struct grant_table *t, const struct domain *d, const struct frame *f)
{
    bool found = false;

    spin_lock(&t->lock);
    for (grant_ref_t ref = 0; ref < grant_nr_entries(t) && !found; ref++) {
        const struct grant_active *a = grant_active(t, ref);

        found = grant_is_pinned(a) && a->grantee == d->id && a->frame == f;
    }
    spin_unlock(&t->lock);
    return found;
}

static int may_flush(const struct frame *f)
{
    struct domain *owner;
    int rc;

    if (f->owner == current->domain->id)
        return 0;
    owner = grant_domain_get(f->owner);
    if (owner == NULL)
        return ERR(EPERM);
    rc = is_granted(owner->grants, current->domain, f) ? 0 : ERR(EINVAL);
    domain_put(owner);
    return rc;
}

static int flush_frame(const struct gnttab_cache_flush *op)
{
    struct frame *f;
    int rc;

    if (!mfn_is_valid(maddr_to_mfn(MADDR(op->a.dev_bus_addr))))
        return ERR(EINVAL);
    f = frame_get_mfn(maddr_to_mfn(MADDR(op->a.dev_bus_addr)), NULL);
    if (f == NULL)
        return ERR(EPERM);
    rc = may_flush(f);
    if (rc == 0 && !(op->op & GNTTAB_CACHE_CLEAN))
        rc = ERR(EOPNOTSUPP); /* ABI: losing others' writes is not offered on this architecture */
    if (rc == 0)
        arch_cache_clean((const char *)frame_va(f) + op->offset, op->length);
    frame_put(f);
    return rc;
}

static int flush_one(const struct gnttab_cache_flush *op)
{
    if (op->offset >= PAGE_SIZE || op->length > PAGE_SIZE || (uint32_t)op->offset + op->length > PAGE_SIZE)
        return ERR(EINVAL);
    /* ABI: frames by machine address only; a grant reference is as unknown as any other bit. */
    if (op->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL))
        return ERR(EINVAL);
    if (op->length == 0 || op->op == 0)
        return 0;
    return flush_frame(op);
}

long grant_op_cache_flush(uint64_t uop, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct gnttab_cache_flush op;
        int rc;

        if (i != 0 && hypercall_preempt_check())
            return i;
        if (guest_read(&op, uop + i * sizeof(op), sizeof(op)) != 0)
            return ERR(EFAULT);
        rc = flush_one(&op);
        if (rc != 0)
            return rc;
    }
    return 0;
}

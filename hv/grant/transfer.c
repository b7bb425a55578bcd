/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GNTTABOP_transfer: a page of current's becomes another domain's, which said by an entry of type
 * GTF_accept_transfer that it wants one. ABI: but for GNTST_bad_page the page is lost to its
 * giver even if the transfer fails (public header). PV guests only.
 */
#include "table.h"

#include <hv/bitmap.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/trace.h>

/* Marks the entry as committed if it accepts from `giver`. Table lock held. */
static bool commit(struct grant_table *t, grant_ref_t ref, domid_t giver)
{
    const unsigned int nr = grant_nr_entries(t);
    uint32_t *at, word;

    if (ref >= nr)
        return false;
    at = t->format->header(t, (grant_ref_t)index_nospec(ref, nr));
    word = read_once(*at);
    for (unsigned int i = 0; i < GRANT_TRIES && word == (GTF_accept_transfer | (uint32_t)giver << 16); i++)
        if (__atomic_compare_exchange_n(at, &word, word | GTF_transfer_committed, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    return false;
}

/* Order: the frame before the flag that says it is there. */
static void complete(struct grant_table *t, grant_ref_t ref, mfn_t mfn)
{
    t->format->set_frame(t, ref, mfn.v);
    __atomic_fetch_or(t->format->header(t, ref), GTF_transfer_completed, __ATOMIC_SEQ_CST);
}

static int give(struct domain *e, grant_ref_t ref, struct frame *f)
{
    struct grant_table *t = e->grants;
    int rc = GNTST_general_error;

    spin_lock(&t->lock);
    if (e->dying == DOMAIN_ALIVE && read_once(e->nr_pages) < read_once(e->max_pages) && commit(t, ref, current->domain->id) &&
        domain_frames_assign(e, f, 0, 0) == 0) {
        complete(t, ref, frame_mfn(f));
        rc = GNTST_okay;
    }
    spin_unlock(&t->lock);
    return rc;
}

static void discard(struct frame *f)
{
    m2p_set(frame_mfn(f), M2P_INVALID);
    buddy_free(f, 0);
}

/* The page itself, or a copy where e can address it; NULL: there is none. The page is gone then. */
static struct frame *addressable(const struct domain *e, struct frame *f)
{
    struct frame *low;

    if (e->page_bits == 0 || frame_mfn(f).v >> (e->page_bits - PAGE_SHIFT) == 0)
        return f;
    low = buddy_alloc(0, ALLOC_BITS(e->page_bits));
    if (low != NULL) {
        memcpy(frame_va(low), frame_va(f), PAGE_SIZE);
        low->flags |= FRAME_NEED_SCRUB; /* should it be given to nobody */
    }
    discard(f);
    return low;
}

static int transfer_one(const struct gnttab_transfer *op)
{
    struct domain *d = current->domain, *e;
    struct frame *f;
    int rc = GNTST_okay;

    if (!mfn_is_valid(MFN(op->mfn)) || domain_frame_steal(d, frame_of(MFN(op->mfn))) != 0)
        return GNTST_bad_page;
    f = frame_of(MFN(op->mfn));
    e = grant_domain_get(op->domid);
    if (e == NULL) {
        discard(f);
        return GNTST_bad_domain;
    }
    f = addressable(e, f);
    if (f == NULL)
        rc = GNTST_address_too_big;
    else if ((rc = give(e, op->ref, f)) != GNTST_okay)
        discard(f);
    else
        trace(TRC_MEM_PAGE_GRANT_TRANSFER, e->id);
    domain_put(e);
    return rc;
}

static void transfer_chunk(void *ops, unsigned int n, void *state)
{
    struct gnttab_transfer *op = ops;

    for (unsigned int i = 0; i < n; i++)
        op[i].status = (int16_t)transfer_one(&op[i]);
}

long grant_op_transfer(uint64_t uop, uint32_t count)
{
    return grant_for_each_chunk(uop, count, sizeof(struct gnttab_transfer), transfer_chunk, NULL);
}

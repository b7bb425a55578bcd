/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XENMEM_exchange: a domain gives frames and gets as many others, of another contiguity or below an
 * address limit (DMA buffers). It goes chunk by chunk; a chunk is the larger of the two extent sizes,
 * and either happens whole or not at all. Frames between two owners are chained by their `next`.
 */
#include "memory_op.h"
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

struct chain { uint32_t first; };

static const struct chain empty_chain = { FRAME_NO_LINK };

static void chain_push(struct chain *c, struct frame *f)
{
    f->next = c->first;
    c->first = (uint32_t)frame_mfn(f).v;
}

static struct frame *chain_pop(struct chain *c)
{
    if (c->first == FRAME_NO_LINK)
        return NULL;
    struct frame *f = frame_of(MFN(c->first));

    c->first = f->next;
    f->next = FRAME_NO_LINK;
    return f;
}

struct exchange {
    struct domain *d;
    uint64_t in_list, out_list;                     /* guest addresses */
    unsigned int in_order, out_order;               /* of an extent */
    unsigned int in_chunk_order, out_chunk_order;   /* extents of a chunk: one of them is 0 */
    uint64_t nr_in, nr_done;                        /* input extents */
    uint32_t alloc_flags;
    struct chain in, out;                           /* frames of the chunk at work */
};

static uint64_t frames_per_chunk(const struct exchange *x)
{
    return 1ULL << (x->in_order + x->in_chunk_order);
}

/* ---- checks ---- */

static bool sizes_match(const struct xen_memory_exchange *e)
{
    return e->nr_exchanged <= e->in.nr_extents && e->in.domid == e->out.domid &&
           (~0ULL >> e->in.extent_order) >= e->in.nr_extents && (~0ULL >> e->out.extent_order) >= e->out.nr_extents &&
           e->in.nr_extents << e->in.extent_order == e->out.nr_extents << e->out.extent_order;
}

static bool list_ok(uint64_t list, uint64_t first, uint64_t nr)
{
    uint64_t bytes;

    return first >= nr || (!__builtin_mul_overflow(nr, sizeof(xen_pfn_t), &bytes) &&
                           guest_range_ok(list + first * sizeof(xen_pfn_t), bytes - first * sizeof(xen_pfn_t)));
}

/* Trust: after it, orders are small, the two sides are of one size, and the lists are in guest space. */
static int exchange_check(const struct xen_memory_exchange *e, struct exchange *x)
{
    if (max(e->in.extent_order, e->out.extent_order) > memop_max_order())
        return ERR(EPERM);
    if (!sizes_match(e))
        return ERR(EINVAL);
    *x = (struct exchange){
        .in_list = handle_va(e->in.extent_start), .out_list = handle_va(e->out.extent_start),
        .in_order = e->in.extent_order, .out_order = e->out.extent_order,
        .nr_in = e->in.nr_extents, .nr_done = e->nr_exchanged,
        .alloc_flags = ALLOC_BITS(min(XENMEMF_get_address_bits(e->out.mem_flags), 52u)),
        .in = empty_chain, .out = empty_chain,
    };
    if (x->in_order < x->out_order)
        x->in_chunk_order = x->out_order - x->in_order;
    else
        x->out_chunk_order = x->in_order - x->out_order;
    if (!list_ok(x->in_list, x->nr_done, x->nr_in) ||
        !list_ok(x->out_list, x->nr_done >> x->in_chunk_order << x->out_chunk_order, e->out.nr_extents))
        return ERR(EFAULT);
    return 0;
}

/* ---- one chunk ---- */

static int take_extent(struct exchange *x, uint64_t i)
{
    xen_pfn_t gmfn;

    if (guest_read(&gmfn, x->in_list + i * sizeof(gmfn), sizeof(gmfn)) != 0)
        return ERR(EFAULT);
    for (uint64_t k = 0; k < 1ULL << x->in_order; k++) {
        const mfn_t mfn = MFN(gmfn + k);

        if (!mfn_is_valid(mfn) || domain_frame_detach(x->d, frame_of(mfn), ALLOC_KEEP_COUNT) != 0)
            return ERR(EINVAL);
        chain_push(&x->in, frame_of(mfn));
    }
    return 0;
}

static int collect(struct exchange *x, uint64_t chunk)
{
    for (uint64_t j = 0; j < 1ULL << x->in_chunk_order; j++) {
        const int rc = take_extent(x, (chunk << x->in_chunk_order) + j);

        if (rc != 0)
            return rc;
    }
    for (uint64_t j = 0; j < 1ULL << x->out_chunk_order; j++) {
        struct frame *f = buddy_alloc(x->out_order, x->alloc_flags);

        if (f == NULL)
            return ERR(ENOMEM);
        chain_push(&x->out, f);
    }
    return 0;
}

static void free_outputs(struct exchange *x)
{
    struct frame *f;

    while ((f = chain_pop(&x->out)) != NULL)
        buddy_free(f, x->out_order);
}

/* Back to their owner; if that is dying meanwhile, to the heap. */
static void undo(struct exchange *x)
{
    struct frame *f;

    free_outputs(x);
    while ((f = chain_pop(&x->in)) != NULL)
        if (domain_frames_assign(x->d, f, 0, ALLOC_KEEP_COUNT) != 0) {
            m2p_set(frame_mfn(f), M2P_INVALID);
            buddy_free(f, 0);
            domain_pages_uncount(x->d, 1);
        }
}

static void free_inputs(struct exchange *x)
{
    struct frame *f;

    while ((f = chain_pop(&x->in)) != NULL) {
        m2p_set(frame_mfn(f), M2P_INVALID);
        buddy_free(f, 0);
    }
}

/* Names the new frames as the caller's list says and tells which they are. */
static int publish(const struct exchange *x, uint64_t i, mfn_t mfn)
{
    const uint64_t at = x->out_list + i * sizeof(xen_pfn_t);
    xen_pfn_t v;

    if (guest_read(&v, at, sizeof(v)) != 0)
        return ERR(EFAULT);
    for (uint64_t n = 0; n < 1ULL << x->out_order; n++)
        m2p_set(mfn_add(mfn, n), v + n);
    v = mfn.v;
    return guest_write(at, &v, sizeof(v));
}

static int commit(struct exchange *x, uint64_t chunk)
{
    uint64_t left = frames_per_chunk(x);
    struct frame *f;
    int rc = 0;

    free_inputs(x);
    for (uint64_t j = 0; (f = chain_pop(&x->out)) != NULL; j++) {
        if (domain_frames_assign(x->d, f, x->out_order, ALLOC_KEEP_COUNT) != 0) {
            buddy_free(f, x->out_order);
            free_outputs(x);
            domain_pages_uncount(x->d, left);
            return ERR(EINVAL);
        }
        left -= 1ULL << x->out_order;
        const int told = publish(x, (chunk << x->out_chunk_order) + j, frame_mfn(f));

        rc = told != 0 ? told : rc;
    }
    return rc;
}

static int exchange_chunk(struct exchange *x, uint64_t chunk)
{
    const int rc = collect(x, chunk);

    if (rc != 0) {
        undo(x);
        return rc;
    }
    return commit(x, chunk);
}

/* 0, an error, or -ERESTART; nr_done says how far it came. */
static int exchange_run(struct exchange *x)
{
    const uint64_t first = x->nr_done >> x->in_chunk_order, end = x->nr_in >> x->in_chunk_order;

    for (uint64_t chunk = first; chunk < end; chunk++) {
        int rc = chunk != first && hypercall_preempt_check() ? ERR(ERESTART) : 0;

        if (rc == 0)
            rc = exchange_chunk(x, chunk);
        if (rc != 0) {
            x->nr_done = chunk << x->in_chunk_order;
            return rc;
        }
    }
    x->nr_done = x->nr_in;
    return 0;
}

static int exchange_for_domain(domid_t id, struct exchange *x)
{
    int rc = memop_domain(XENMEM_exchange, id, &x->d);

    if (rc != 0)
        return rc;
    if (x->d->page_bits != 0 && (ALLOC_BITS_OF(x->alloc_flags) == 0 || x->d->page_bits < ALLOC_BITS_OF(x->alloc_flags)))
        x->alloc_flags = ALLOC_BITS(x->d->page_bits);
    rc = exchange_run(x);
    domain_put(x->d);
    return rc;
}

long memop_exchange(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_memory_exchange e;
    struct exchange x;
    int rc;

    if (start)
        return ERR(EINVAL);
    if (guest_read(&e, arg, sizeof(e)) != 0)
        return ERR(EFAULT);
    if (e.in.nr_extents == 0)
        return 0;
    rc = exchange_check(&e, &x);
    if (rc == 0) {
        rc = exchange_for_domain(e.in.domid, &x);
        e.nr_exchanged = x.nr_done;
    }
    if (guest_write(arg + offsetof(struct xen_memory_exchange, nr_exchanged), &e.nr_exchanged, sizeof(e.nr_exchanged)) != 0)
        return ERR(EFAULT);
    return rc == -XEN_ERESTART ? memop_continue(op, 0, arg) : rc;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XENMEM_increase_reservation, _decrease_reservation, _populate_physmap: lists of extents, each of
 * 2^order frames. ABI: the result is the number of extents done, whatever stopped it; a continuation
 * carries that number.
 */
#include "memory_op.h"
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/trace.h>

struct extents {
    struct domain *d;
    uint64_t list;          /* guest address of the array of frame numbers, 0 none */
    uint32_t nr;
    unsigned int order;
    uint32_t alloc_flags;
    bool on_demand;
};

/* Does extent i; false stops the operation there. */
typedef bool extent_fn(const struct extents *x, uint64_t i);

static bool read_frame_number(const struct extents *x, uint64_t i, xen_pfn_t *v)
{
    return guest_read(v, x->list + i * sizeof(*v), sizeof(*v)) == 0;
}

static bool write_frame_number(const struct extents *x, uint64_t i, mfn_t mfn)
{
    const xen_pfn_t v = mfn.v;

    return guest_write(x->list + i * sizeof(v), &v, sizeof(v)) == 0;
}

static struct frame *get_memory(const struct extents *x, uint64_t i)
{
    struct frame *f = domain_frames_alloc(x->d, x->order, x->alloc_flags);

    if (f == NULL)
        guest_printk(LOG_DEBUG, "no memory for an extent of order %u of d%d (%lu of %u)\n", x->order, x->d->id, i, x->nr);
    return f;
}

static bool increase(const struct extents *x, uint64_t i)
{
    const struct frame *f = get_memory(x, i);

    return f != NULL && (x->list == 0 || write_frame_number(x, i, frame_mfn(f)));
}

static bool populate(const struct extents *x, uint64_t i)
{
    xen_pfn_t pfn;

    if (!read_frame_number(x, i, &pfn))
        return false;
    /* ABI: asked on another PV domain's behalf it is accepted and does nothing. */
    if (x->on_demand)
        return x->d != current->domain;
    const struct frame *f = get_memory(x, i);

    if (f == NULL)
        return false;
    for (uint64_t n = 0; n < 1ULL << x->order; n++)
        m2p_set(mfn_add(frame_mfn(f), n), pfn + n);
    return write_frame_number(x, i, frame_mfn(f));
}

/* The domain gives the page up; it is freed when nothing maps it any more. */
static bool release_page(struct domain *d, uint64_t gmfn)
{
    const bool valid = mfn_is_valid(MFN(gmfn));
    struct frame *f = valid ? frame_of(MFN(gmfn)) : NULL;

    if (!valid || !frame_get(f, d)) {
        guest_printk(LOG_DEBUG, "d%d gives up frame %lx, which is not its own\n", d->id, gmfn);
        return false;
    }
    domain_frame_release(f);
    frame_put(f);
    return true;
}

static bool decrease(const struct extents *x, uint64_t i)
{
    xen_pfn_t gmfn;

    if (!read_frame_number(x, i, &gmfn))
        return false;
    trace(TRC_MEM_DECREASE_RESERVATION, TRACE_LOW(gmfn), TRACE_HIGH(gmfn), (uint32_t)x->order << 16 | x->d->id);
    for (uint64_t n = 0; n < 1ULL << x->order; n++)
        if (!release_page(x->d, gmfn + n))
            return false;
    return true;
}

static extent_fn *worker_for(unsigned int op)
{
    switch (op) {
    case XENMEM_increase_reservation: return increase;
    case XENMEM_populate_physmap: return populate;
    default: return decrease;
    }
}

#define NO_NODE 0xffu

/* False: the address width or the node that the caller insists on leaves no frame at all. One node, 0, is all there is. */
static bool translate_flags(unsigned int mem_flags, uint32_t *alloc_flags)
{
    const unsigned int node = XENMEMF_get_node(mem_flags);
    const unsigned int bits = XENMEMF_get_address_bits(mem_flags);
    const unsigned int machine_bits = 64u - (unsigned int)__builtin_clzll(max_mfn) + PAGE_SHIFT;

    if ((mem_flags & XENMEMF_exact_node_request) && node != 0 && node != NO_NODE)
        return false;
    *alloc_flags = 0;
    if (bits == 0 || bits >= machine_bits)
        return true;
    *alloc_flags = ALLOC_BITS(bits);
    return bits > PAGE_SHIFT;
}

/* Trust: bounds the list, its address and the extent size; all further reads go through guest_read. */
static bool extents_init(struct extents *x, unsigned int op, const struct xen_memory_reservation *r, uint64_t start)
{
    const bool no_list = handle_is_null(r->extent_start);

    *x = (struct extents){
        .list = handle_va(r->extent_start), .nr = (uint32_t)r->nr_extents, .order = r->extent_order,
        .on_demand = op == XENMEM_populate_physmap && (r->mem_flags & XENMEMF_populate_on_demand),
    };
    if (!translate_flags(r->mem_flags, &x->alloc_flags))
        return false;
    if (x->order > (x->on_demand ? MAX_ORDER : memop_max_order()))
        return false;
    if (no_list && op == XENMEM_increase_reservation)
        return true;
    return guest_range_ok(x->list + start * sizeof(xen_pfn_t), (x->nr - start) * sizeof(xen_pfn_t));
}

static uint64_t run(const struct extents *x, extent_fn *fn, uint64_t start, bool *preempted)
{
    uint64_t i = start;

    *preempted = false;
    for (; i < x->nr; i++) {
        if (i != start && hypercall_preempt_check()) {
            *preempted = true;
            break;
        }
        if (!fn(x, i))
            break;
    }
    return i;
}

long memop_reservation(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_memory_reservation r;
    struct extents x;
    uint64_t done = start;
    bool preempted = false;
    struct domain *d;
    int rc;

    if (guest_read(&r, arg, sizeof(r)) != 0 || r.nr_extents > MEMOP_MAX_EXTENTS || start >= r.nr_extents)
        return (long)start;
    rc = memop_domain(op, r.domid, &d);
    if (rc != 0)
        return rc == -XEN_ESRCH ? (long)start : rc;
    if (extents_init(&x, op, &r, start)) {
        x.d = d;
        done = run(&x, worker_for(op), start, &preempted);
    }
    domain_put(d);
    return preempted ? memop_continue(op, done, arg) : (long)done;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * References to machine pages and their types: invariants F1..F7 of hv/frame.h, explained in
 * docs/pv-mmu.md. Everything is one compare-and-exchange on a count; nothing here looks
 * at content (arch/x86/pv/mmu) or at page lists (mm/domain memory). Lock: none.
 */
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/frame_refs.h>
#include <hv/log.h>
#include <hv/mm.h>

bool frame_get(struct frame *f, const struct domain *d)
{
    return frame_get_fast(f, d);
}

struct frame *frame_get_mfn(mfn_t mfn, const struct domain *d)
{
    return mfn_is_valid(mfn) && frame_get_fast(frame_of(mfn), d) ? frame_of(mfn) : NULL;
}

void frame_last_reference_gone(struct frame *f)
{
    /* A hypervisor page that was shown to a domain has a final type. */
    ASSERT(frame_type_count(f->type_info) == 0 || (f->flags & FRAME_HYPERVISOR));
    domain_frame_freed(f);
}

void frame_put(struct frame *f)
{
    frame_put_fast(f);
}

/* ---- type references ---- */

/* F5. Of the owner's CPUs, or all if another domain has had it writable. */
static noinline void flush_before_retype(const struct frame *f, uint64_t info, const struct domain *mapper)
{
    const bool own_only = mapper && mapper->id == f->owner && !(info & FRAME_REMOTE);
    cpumask_t cpus = own_only ? mapper->arch.dirty_cpus : cpu_online_mask;

    if (frame_type_of(info) == FRAME_NONE)
        return;
    tlb_filter(&cpus, f->tlb_stamp);
    if (!cpumask_empty(&cpus))
        tlb_flush_mask(&cpus, TLB_FLUSH_GLOBAL, 0);
}

void frame_flush_ahead(const struct frame *f, enum frame_type type, const struct domain *owner)
{
    const uint64_t info = frame_type_info(f);

    if (frame_type_count(info) == 0 && frame_type_of(info) != type)
        flush_before_retype(f, info, owner);
}

/*
 * The type word with one reference more, or 0 if it cannot have one. Order: flushes before
 * the word that permits the new use becomes visible; a use in between that came and went
 * shows in FRAME_DROPS.
 */
static inline uint64_t one_more(const struct frame *f, uint64_t info, enum frame_type type, const struct domain *mapper)
{
    const uint64_t type_bits = (uint64_t)type << FRAME_TYPE_SHIFT;
    const bool same = (info & FRAME_TYPE_MASK) == type_bits;

    if (likely(frame_type_count(info) != 0))
        return likely(same && frame_type_count(info) != FRAME_COUNT_MASK) ? info + 1 : 0;
    if (same)
        return info + 1;
    flush_before_retype(f, info, mapper);
    return ((info & FRAME_DROPS_MASK) | type_bits) + 1;
}

static inline int take_counted(struct frame *f, enum frame_type type, const struct domain *mapper, uint64_t extra)
{
    uint64_t info = frame_type_info(f), next;

    do {
        next = one_more(f, info, type, mapper);
        if (unlikely(next == 0))
            return -(int)XEN_EINVAL;
    } while (unlikely(!frame_type_exchange(f, &info, next | extra)));
    return 0;
}

int frame_take_writable(struct frame *f, const struct domain *mapper)
{
    const bool remote = mapper->id != read_once(f->owner);

    return take_counted(f, FRAME_WRITABLE, mapper, unlikely(remote) ? FRAME_REMOTE : 0);
}

int frame_take_type(struct frame *f, enum frame_type type)
{
    if (unlikely(type != FRAME_WRITABLE && type != FRAME_SHARED))
        return ERR(EINVAL);
    return take_counted(f, type, NULL, 0);
}

static inline bool is_page_table(uint64_t info)
{
    return frame_type_of(info) - FRAME_L1 <= FRAME_L4 - FRAME_L1;
}

void frame_drop_type(struct frame *f)
{
    uint64_t info = frame_type_info(f), next;

    do {
        next = info + FRAME_DROPS - 1;
        if (frame_type_count(info) > 1)
            continue;
        ASSERT(frame_type_count(info) == 1 && !is_page_table(info));
        /* Order: stamped before others can see that it is unused; FRAME_DROPS tells if the stamp is too old. */
        write_once(f->tlb_stamp, tlb_clock_now());
        next &= ~(FRAME_VALIDATED | FRAME_PINNED);
    } while (unlikely(!frame_type_exchange(f, &info, next)));
}

int frame_get_and_take(struct frame *f, const struct domain *d, enum frame_type type)
{
    int rc;

    if (!frame_get(f, d))
        return ERR(EINVAL);
    rc = frame_take_type(f, type);
    if (rc != 0)
        frame_put(f);
    return rc;
}

/* ---- types with checked content ---- */

int frame_type_claim(struct frame *f, enum frame_type type, const struct domain *owner)
{
    uint64_t info = frame_type_info(f), next;

    /* Trust: a guest may give a page up that we showed it (its shared info). We go on writing to that one. */
    if (unlikely(f->flags & FRAME_HYPERVISOR))
        return -(int)XEN_EINVAL;
    do {
        if (frame_type_count(info) != 0 && unlikely(!(info & FRAME_VALIDATED)))
            return -(int)XEN_EINVAL;
        next = one_more(f, info, type, owner);
        if (unlikely(next == 0))
            return -(int)XEN_EINVAL;
    } while (unlikely(!frame_type_exchange(f, &info, next)));
    return frame_type_count(next) == 1;
}

void frame_type_flags(struct frame *f, uint64_t set, uint64_t clear)
{
    uint64_t info = frame_type_info(f);

    while (!frame_type_exchange(f, &info, (info & ~clear) | set))
        ;
}

void frame_type_publish(struct frame *f)
{
    frame_type_flags(f, FRAME_VALIDATED, FRAME_PARTIAL);
}

void frame_type_end(struct frame *f)
{
    uint64_t info = frame_type_info(f), next;

    do {
        ASSERT(frame_type_count(info) == 1 && !(info & FRAME_VALIDATED));
        write_once(f->tlb_stamp, tlb_clock_now());
        next = (info + FRAME_DROPS - 1) & ~(FRAME_PARTIAL | FRAME_PINNED);
    } while (unlikely(!frame_type_exchange(f, &info, next)));
}

bool frame_type_drop_unless_last(struct frame *f)
{
    return frame_drop_one_of_several(f);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The short paths of hv/frame.h in line, for code that takes and drops references by the hundred:
 * page tables, grants. What is out of the ordinary goes to the functions of mm/frame.c.
 */
#ifndef HV_FRAME_REFS_H
#define HV_FRAME_REFS_H

#include <hv/domain.h>

/* Trust: a guest makes references by page-table entries; the count must not wrap. */
#define FRAME_REFS_MAX 0xfffffff0u

static always_inline bool frame_type_exchange(struct frame *f, uint64_t *expected, uint64_t desired)
{
    return __atomic_compare_exchange_n(&f->type_info, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static always_inline bool frame_ref_unless_free(struct frame *f)
{
    uint32_t refs = read_once(f->refs);

    while (likely(refs - 1 < FRAME_REFS_MAX)) /* 0 wraps */
        if (likely(__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)))
            return true;
    return false;
}

static always_inline bool frame_owner_is(const struct frame *f, const struct domain *d)
{
    const domid_t owner = read_once(f->owner);

    return d ? owner == d->id : owner != DOMID_INVALID;
}

static always_inline bool frame_get_fast(struct frame *f, const struct domain *d)
{
    if (unlikely(!frame_owner_is(f, d)) || unlikely(!frame_ref_unless_free(f)))
        return false;
    /* Order: the owner cannot change any more; it may have between the check and the reference. */
    if (likely(frame_owner_is(f, d)))
        return true;
    frame_put(f);
    return false;
}

/* As frame_get_mfn(), but d is there. */
static always_inline struct frame *frame_get_mfn_of(mfn_t mfn, const struct domain *d)
{
    if (d == NULL)
        __builtin_unreachable(); /* spares the questions in frame_get_fast() */
    return likely(mfn_is_valid(mfn)) && likely(frame_get_fast(frame_of(mfn), d)) ? frame_of(mfn) : NULL;
}

/* frame.c: nobody has a reference any more. */
void frame_last_reference_gone(struct frame *f);

/* false: it was the last, and the caller owes frame_last_reference_gone(). */
static always_inline bool must_check frame_put_not_last(struct frame *f)
{
    return likely(__atomic_sub_fetch(&f->refs, 1, __ATOMIC_SEQ_CST) != 0);
}

static always_inline void frame_put_fast(struct frame *f)
{
    if (!frame_put_not_last(f))
        frame_last_reference_gone(f);
}

/* One more of those type references that there are, if the flags in `wanted` are set. */
static always_inline bool frame_take_another(struct frame *f, enum frame_type type, uint64_t wanted)
{
    uint64_t info = frame_type_info(f);

    while (likely(frame_is_type(info, type)) && likely((info & wanted) == wanted) && likely(frame_type_count(info) != FRAME_COUNT_MASK))
        if (likely(frame_type_exchange(f, &info, info + 1)))
            return true;
    return false;
}

static always_inline bool frame_drop_one_of_several(struct frame *f)
{
    uint64_t info = frame_type_info(f);

    while (likely(frame_type_count(info) > 1))
        if (likely(frame_type_exchange(f, &info, info + FRAME_DROPS - 1)))
            return true;
    return false;
}

static always_inline int frame_take_type_fast(struct frame *f, enum frame_type type)
{
    return likely(frame_take_another(f, type, 0)) ? 0 : frame_take_type(f, type);
}

/* A foreign mapper leaves FRAME_REMOTE: the long way. */
static always_inline int frame_take_writable_fast(struct frame *f, const struct domain *mapper)
{
    const bool is_own = likely(mapper->id == read_once(f->owner));

    return is_own && likely(frame_take_another(f, FRAME_WRITABLE, 0)) ? 0 : frame_take_writable(f, mapper);
}

/* Of the last type reference. In one step: whoever takes another by FRAME_VALIDATED comes before it, or fails. */
static always_inline bool frame_unvalidate_last(struct frame *f)
{
    uint64_t info = frame_type_info(f);

    while (frame_type_count(info) == 1)
        if (likely(frame_type_exchange(f, &info, info & ~FRAME_VALIDATED)))
            return true;
    return false;
}

static always_inline void frame_drop_type_fast(struct frame *f)
{
    if (unlikely(!frame_drop_one_of_several(f)))
        frame_drop_type(f);
}

#endif

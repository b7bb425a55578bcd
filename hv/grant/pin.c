/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pins: a grant in use. The first pin reads and checks the shared entry once and keeps what it
 * found (G2); the last one lets go. Lock: the granting domain's table. docs/grants.md
 */
#include "table.h"

#include <arch/patch.h>
#include <hv/frame_refs.h>

static int check_pinned(const struct grant_active *a, const struct grant_pin_request *r)
{
    if (a->grantee != r->grantee || max(a->readers, a->writers) >= GRANT_MAX_PINS)
        return GNTST_general_error;
    if (a->kind != GRANT_WHOLE && r->for_map)
        return GNTST_general_error;
    return a->kind == GRANT_TRANSITIVE && !r->may_be_transitive ? GNTST_general_error : GNTST_okay;
}

static int hold_target(struct grant_table *t, const struct grant_pin_request *r, const struct grant_target *target, struct grant_active *a)
{
    struct frame *f = NULL;

    if (target->kind == GRANT_TRANSITIVE) {
        if (!r->may_be_transitive || !grant_transitive_allowed || target->trans_domid == t->domain->id)
            return GNTST_general_error;
    } else {
        f = frame_get_mfn_of(MFN(target->gfn), t->domain);
        if (f == NULL)
            return GNTST_bad_page;
    }
    *a = (struct grant_active){
        .frame = f, .grantee = r->grantee, .kind = target->kind, .start = target->start, .length = target->length,
        .trans_domid = target->trans_domid, .trans_ref = target->trans_ref,
    };
    return GNTST_okay;
}

static int hold_writable(const struct grant_active *a)
{
    return a->frame == NULL || frame_take_type_fast(a->frame, FRAME_WRITABLE) == 0 ? GNTST_okay : GNTST_general_error;
}

/* What the first pin, and the first writing one, find and hold. The entry is marked already. */
static int hold(struct grant_table *t, grant_ref_t ref, const struct grant_pin_request *r, uint16_t flags, struct grant_active *a)
{
    const bool pinned = grant_is_pinned(a);
    struct grant_target target;
    int rc = GNTST_okay;

    if (!pinned) {
        t->format->describe(t, ref, flags, &target);
        rc = hold_target(t, r, &target, a);
    }
    if (rc != GNTST_okay || !r->writable)
        return rc;
    rc = hold_writable(a);
    if (rc != GNTST_okay && !pinned && a->frame != NULL)
        frame_put_fast(a->frame);
    return rc;
}

static void unmark_unused(struct grant_table *t, grant_ref_t ref, const struct grant_active *a)
{
    uint16_t bits = 0;

    if (a->writers == 0)
        bits |= GTF_writing;
    if (!grant_is_pinned(a))
        bits |= GTF_reading;
    if (bits != 0)
        t->format->unmark(t, ref, bits);
}

static int pin_locked(struct grant_table *t, grant_ref_t ref, const struct grant_pin_request *r, const struct grant_active **out)
{
    const unsigned int nr = grant_nr_entries(t);
    struct grant_active *a;
    uint16_t flags;
    int rc;

    if (unlikely(ref >= nr))
        return GNTST_bad_gntref;
    /* Callers go on with the reference as it was given. */
    barrier_nospec();
    ref = (grant_ref_t)index_nospec(ref, nr);
    a = grant_active(t, ref);
    if (grant_is_pinned(a) && (rc = check_pinned(a, r)) != GNTST_okay)
        return rc;
    if (!grant_is_pinned(a) || (r->writable && a->writers == 0)) {
        rc = t->format->mark(t, ref, r, grant_is_pinned(a), &flags);
        if (rc != GNTST_okay)
            return rc;
        rc = hold(t, ref, r, flags, a);
        if (rc != GNTST_okay) {
            unmark_unused(t, ref, a);
            return rc;
        }
    }
    *(r->writable ? &a->writers : &a->readers) += r->count;
    *out = a;
    return GNTST_okay;
}

int grant_pin(struct grant_table *t, grant_ref_t ref, const struct grant_pin_request *r, const struct grant_active **a)
{
    int rc;

    spin_lock(&t->lock);
    rc = pin_locked(t, ref, r, a);
    spin_unlock(&t->lock);
    return rc;
}

/* Order: references first, then the marks: a guest that sees them gone may give the page away at once. */
void grant_unpin(struct grant_table *t, grant_ref_t ref, bool writable, unsigned int count)
{
    struct grant_active *a = grant_active(t, ref);

    spin_lock(&t->lock);
    *(writable ? &a->writers : &a->readers) -= count;
    if (writable && a->writers == 0 && a->frame != NULL)
        frame_drop_type_fast(a->frame);
    if (!grant_is_pinned(a) && a->frame != NULL)
        frame_put_fast(a->frame);
    unmark_unused(t, ref, a);
    spin_unlock(&t->lock);
}

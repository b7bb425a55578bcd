/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Version 2 entries: 16 bytes, with the marks apart in status frames; sub-page and transitive
 * grants (public header xen/grant_table.h). Lock: the table's.
 */
#include "table.h"

#include <hv/lib.h>

static grant_entry_v2_t *entry(const struct grant_table *t, grant_ref_t ref)
{
    return (grant_entry_v2_t *)t->frame[ref / V2_PER_FRAME] + ref % V2_PER_FRAME;
}

static grant_status_t *status(const struct grant_table *t, grant_ref_t ref)
{
    return t->status[ref / STATUS_PER_FRAME] + ref % STATUS_PER_FRAME;
}

static uint32_t *header(const struct grant_table *t, grant_ref_t ref)
{
    return (uint32_t *)(void *)entry(t, ref);
}

static bool permits(uint32_t word, const struct grant_pin_request *r)
{
    const uint32_t type = word & GTF_type_mask;

    if (word >> 16 != r->grantee)
        return false;
    if (r->for_map)
        return type == GTF_permit_access && !(word & GTF_sub_page);
    return type == GTF_permit_access || type == GTF_transitive;
}

static bool refused(uint32_t word, const struct grant_pin_request *r, bool pinned)
{
    return (!pinned && !permits(word, r)) || (r->writable && (word & GTF_readonly));
}

static void unmark(struct grant_table *t, grant_ref_t ref, uint16_t bits)
{
    __atomic_fetch_and(status(t, ref), (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

/* Order: the mark is visible before the entry is looked at again; a guest revokes the other way round. */
static int mark(struct grant_table *t, grant_ref_t ref, const struct grant_pin_request *r, bool pinned, uint16_t *flags)
{
    const uint16_t bits = r->writable ? GTF_reading | GTF_writing : GTF_reading;
    const uint32_t before = read_once(*header(t, ref));
    uint32_t after;

    if (refused(before, r, pinned))
        return GNTST_general_error;
    __atomic_fetch_or(status(t, ref), bits, __ATOMIC_SEQ_CST);
    after = read_once(*header(t, ref));
    if (refused(after, r, pinned)) {
        unmark(t, ref, pinned ? GTF_writing : GTF_reading | GTF_writing);
        return GNTST_general_error;
    }
    *flags = (uint16_t)after;
    return GNTST_okay;
}

/* Trust: range and names are the guest's: copies check against the range, names are looked up. */
static void describe(const struct grant_table *t, grant_ref_t ref, uint16_t flags, struct grant_target *out)
{
    const grant_entry_v2_t *e = entry(t, ref);

    if ((flags & GTF_type_mask) == GTF_transitive)
        *out = (struct grant_target){
            .kind = GRANT_TRANSITIVE, .trans_domid = read_once(e->transitive.trans_domid), .trans_ref = read_once(e->transitive.gref),
        };
    else if (flags & GTF_sub_page)
        *out = (struct grant_target){
            .kind = GRANT_SUB_PAGE, .gfn = read_once(e->sub_page.frame),
            .start = read_once(e->sub_page.page_off), .length = read_once(e->sub_page.length),
        };
    else
        *out = (struct grant_target){ .kind = GRANT_WHOLE, .gfn = read_once(e->full_page.frame), .length = PAGE_SIZE };
}

static void set_frame(struct grant_table *t, grant_ref_t ref, uint64_t frame)
{
    write_once(entry(t, ref)->full_page.frame, frame);
}

static void swap(struct grant_table *t, grant_ref_t a, grant_ref_t b)
{
    const grant_entry_v2_t was_a = *entry(t, a);
    const grant_status_t status_a = *status(t, a);

    *entry(t, a) = *entry(t, b);
    *entry(t, b) = was_a;
    *status(t, a) = *status(t, b);
    *status(t, b) = status_a;
}

static bool save(const struct grant_table *t, grant_ref_t ref, struct grant_saved *out)
{
    const grant_entry_v2_t e = *entry(t, ref);
    const uint16_t type = e.hdr.flags & GTF_type_mask;
    const uint16_t marks = *status(t, ref) & (GTF_reading | GTF_writing);

    *out = (struct grant_saved){ .flags = e.hdr.flags | marks, .domid = e.hdr.domid, .frame = e.full_page.frame };
    if (type == GTF_invalid)
        return true;
    return type != GTF_transitive && !(type == GTF_permit_access && (e.hdr.flags & GTF_sub_page)) && e.full_page.frame <= UINT32_MAX;
}

static void restore(struct grant_table *t, grant_ref_t ref, const struct grant_saved *s)
{
    grant_entry_v2_t e = { .full_page = { .hdr.domid = s->domid, .frame = s->frame } };
    const bool has_marks = (s->flags & GTF_type_mask) != GTF_accept_transfer;
    const uint16_t marks = has_marks ? s->flags & (GTF_reading | GTF_writing) : 0;

    e.hdr.flags = (uint16_t)(s->flags & ~marks);
    *entry(t, ref) = e;
    *status(t, ref) = marks;
}

const struct grant_format grant_format_v2 = {
    .version = 2,
    .per_frame = V2_PER_FRAME,
    .header = header,
    .mark = mark,
    .unmark = unmark,
    .describe = describe,
    .set_frame = set_frame,
    .swap = swap,
    .save = save,
    .restore = restore,
};

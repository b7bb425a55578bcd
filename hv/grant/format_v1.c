/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Version 1 entries: 8 bytes; the marks live in the flags that the guest writes too, so they change
 * by compare-and-exchange (public header xen/grant_table.h). Lock: the table's.
 */
#include "table.h"

#include <hv/lib.h>

static grant_entry_v1_t *entry(const struct grant_table *t, grant_ref_t ref)
{
    return (grant_entry_v1_t *)t->frame[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}

static uint32_t *header(const struct grant_table *t, grant_ref_t ref)
{
    return (uint32_t *)(void *)entry(t, ref);
}

static bool permits(uint32_t word, const struct grant_pin_request *r)
{
    const uint16_t mask = GTF_type_mask | (r->for_map ? GTF_sub_page : 0);

    if ((word & mask) != GTF_permit_access || word >> 16 != r->grantee)
        return false;
    return !r->writable || !(word & GTF_readonly);
}

/* Trust: the guest may change the word as fast as we can; toggling GTF_readonly is even legal. */
static int mark(struct grant_table *t, grant_ref_t ref, const struct grant_pin_request *r, bool pinned, uint16_t *flags)
{
    const uint32_t bits = r->writable ? GTF_reading | GTF_writing : GTF_reading;
    uint32_t *at = header(t, ref), word = read_once(*at);

    for (unsigned int i = 0; i < GRANT_TRIES && permits(word, r); i++)
        if (__atomic_compare_exchange_n(at, &word, word | bits, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            *flags = (uint16_t)word;
            return GNTST_okay;
        }
    return GNTST_general_error;
}

static void unmark(struct grant_table *t, grant_ref_t ref, uint16_t bits)
{
    __atomic_fetch_and(&entry(t, ref)->flags, (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

static void describe(const struct grant_table *t, grant_ref_t ref, uint16_t flags, struct grant_target *out)
{
    *out = (struct grant_target){ .gfn = read_once(entry(t, ref)->frame), .length = PAGE_SIZE, .kind = GRANT_WHOLE };
}

static void set_frame(struct grant_table *t, grant_ref_t ref, uint64_t frame)
{
    write_once(entry(t, ref)->frame, (uint32_t)frame);
}

static void swap(struct grant_table *t, grant_ref_t a, grant_ref_t b)
{
    const grant_entry_v1_t was_a = *entry(t, a);

    *entry(t, a) = *entry(t, b);
    *entry(t, b) = was_a;
}

static bool save(const struct grant_table *t, grant_ref_t ref, struct grant_saved *out)
{
    const grant_entry_v1_t e = *entry(t, ref);

    *out = (struct grant_saved){ .flags = e.flags, .domid = e.domid, .frame = e.frame };
    return true;
}

static void restore(struct grant_table *t, grant_ref_t ref, const struct grant_saved *s)
{
    *entry(t, ref) = (grant_entry_v1_t){ .flags = s->flags, .domid = s->domid, .frame = (uint32_t)s->frame };
}

const struct grant_format grant_format_v1 = {
    .version = 1,
    .per_frame = V1_PER_FRAME,
    .header = header,
    .mark = mark,
    .unmark = unmark,
    .describe = describe,
    .set_frame = set_frame,
    .swap = swap,
    .save = save,
    .restore = restore,
};

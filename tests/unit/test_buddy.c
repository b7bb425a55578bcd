/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page allocator: against a plain map of what is handed out, and its promises one by one. */
// sources: hv/mm/buddy.c hv/lib/bitmap.c
#include "host_support.h"
#include <arch/tlb.h>
#include <hv/mm.h>

#define NR_FRAMES 8192u
#define ALL_FREE  (NR_FRAMES - 1) /* frame 0 is never used */

static uint32_t clock_now = 100;
static unsigned int flushes;
static uint32_t filtered_stamp;

uint32_t tlb_clock_now(void) { return clock_now; }
void tlb_filter(cpumask_t *cpus, uint32_t stamp) { filtered_stamp = stamp; }
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va)
{
    assert_int_equal(flags, TLB_FLUSH_GLOBAL);
    flushes++;
}

static uint32_t seed = 1;

static uint32_t next_random(uint32_t below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % below;
}

static int setup(void **state)
{
    host_ram_init(NR_FRAMES);
    /* In pieces, as a machine's RAM has holes that are filled later. */
    buddy_add(MFN(0), MFN(100));
    buddy_add(MFN(4000), MFN(NR_FRAMES));
    buddy_add(MFN(100), MFN(4000));
    return 0;
}

static int teardown(void **state)
{
    host_ram_free();
    return 0;
}

static void everything_joins(void **state)
{
    struct frame *f = buddy_alloc(12, ALLOC_NO_SCRUB);

    assert_int_equal(buddy_nr_free(), ALL_FREE - 4096);
    assert_int_equal(frame_mfn(f).v, 4096);
    buddy_free(f, 12);
    assert_null(buddy_alloc(13, ALLOC_NO_SCRUB)); /* frame 0 is missing */
    assert_null(buddy_alloc(MAX_ORDER + 1, 0));
    assert_int_equal(buddy_nr_free(), ALL_FREE);
    assert_int_equal(buddy_nr_total(), ALL_FREE);
}

static void random_use(void **state)
{
    static struct { struct frame *f; unsigned int order; } held[500];
    static uint8_t taken[NR_FRAMES];
    uint64_t nr_taken = 0;

    for (unsigned int round = 0; round < 40000; round++) {
        const unsigned int i = next_random(500);

        if (held[i].f != NULL) {
            memset(taken + frame_mfn(held[i].f).v, 0, 1u << held[i].order);
            nr_taken -= 1u << held[i].order;
            buddy_free(held[i].f, held[i].order);
            held[i].f = NULL;
            continue;
        }
        held[i].order = next_random(next_random(4) ? 4 : 10);
        held[i].f = buddy_alloc(held[i].order, ALLOC_NO_SCRUB);
        if (held[i].f == NULL)
            continue;
        const uint64_t mfn = frame_mfn(held[i].f).v;

        assert_int_equal(mfn & ((1u << held[i].order) - 1), 0);
        for (uint64_t m = mfn; m < mfn + (1u << held[i].order); m++) {
            assert_false(taken[m]);
            assert_int_equal(frame_of(MFN(m))->refs, 0);
            assert_int_equal(frame_of(MFN(m))->flags, 0);
            assert_int_equal(frame_of(MFN(m))->owner, DOMID_INVALID);
            taken[m] = 1;
        }
        nr_taken += 1u << held[i].order;
        assert_int_equal(buddy_nr_free(), ALL_FREE - nr_taken);
    }
    for (unsigned int i = 0; i < 500; i++)
        if (held[i].f)
            buddy_free(held[i].f, held[i].order);
    everything_joins(state);
}

static void width_limits(void **state)
{
    /* 2^23 bytes: frames below 2048 */
    for (unsigned int i = 0; i < 2047; i++) {
        const struct frame *f = buddy_alloc(0, ALLOC_BITS(23) | ALLOC_NO_SCRUB);

        assert_non_null(f);
        assert_true(frame_mfn(f).v < 2048);
    }
    assert_null(buddy_alloc(0, ALLOC_BITS(23)));
    assert_null(buddy_alloc(0, ALLOC_BITS(12)));
    assert_null(buddy_alloc(0, ALLOC_BITS(5)));
    assert_non_null(buddy_alloc(0, ALLOC_BITS(24) | ALLOC_NO_SCRUB));
    for (uint64_t m = 1; m < 2048; m++)
        buddy_free(frame_of(MFN(m)), 0);
    buddy_free(frame_of(MFN(2048)), 0);
    everything_joins(state);
}

static void low_memory_is_spared(void **state)
{
    struct frame *f = buddy_alloc(0, ALLOC_NO_SCRUB);

    assert_int_equal(frame_mfn(f).v, 4096);
    buddy_free(f, 0);
}

static void guest_pages_are_cleared_when_handed_out(void **state)
{
    struct frame *f = buddy_alloc(0, ALLOC_NO_SCRUB);
    uint8_t *page = frame_va(f);

    memset(page, 0x5a, PAGE_SIZE);
    f->flags |= FRAME_NEED_SCRUB;
    buddy_free(f, 0);
    assert_int_equal(page[17], 0x5a);
    assert_ptr_equal(buddy_alloc(0, 0), f);
    assert_int_equal(page[17], 0);
    page[17] = 1;
    buddy_free(f, 0);
    assert_ptr_equal(buddy_alloc(0, 0), f); /* the hypervisor's own: as it was */
    assert_int_equal(page[17], 1);
    buddy_free(f, 0);
    assert_ptr_equal(buddy_alloc(0, ALLOC_ZERO), f);
    assert_int_equal(page[17], 0);
    buddy_free(f, 0);
}

static void stale_translations_go_first(void **state)
{
    struct frame *f = buddy_alloc(1, ALLOC_NO_SCRUB);

    f[0].tlb_stamp = 90;
    f[1].tlb_stamp = 95;
    f[0].flags = f[1].flags = FRAME_STALE_TLB;
    buddy_free(f, 1);
    flushes = 0;
    assert_ptr_equal(buddy_alloc(1, 0), f);
    assert_int_equal(flushes, 1);
    assert_int_equal(filtered_stamp, 95);
    buddy_free(f, 1);
    assert_ptr_equal(buddy_alloc(1, 0), f);
    assert_int_equal(flushes, 1);
    /* The clock has wrapped: the larger stamp is the older one. */
    clock_now = 5;
    f[0].tlb_stamp = 0xfffffff0;
    f[1].tlb_stamp = 2;
    f[0].flags = f[1].flags = FRAME_STALE_TLB;
    frames_flush_stale(f, 2);
    assert_int_equal(flushes, 2);
    assert_int_equal(filtered_stamp, 2);
    f[0].flags = f[1].flags = 0;
    buddy_free(f, 1);
}

static void promised_pages_are_kept(void **state)
{
    struct frame *f;

    assert_int_equal(buddy_claim(ALL_FREE - 10), 0);
    assert_true(buddy_claim(11) < 0);
    assert_null(buddy_alloc(4, 0));
    f = buddy_alloc_claimed(4, ALLOC_NO_SCRUB, 16);
    assert_non_null(f);
    buddy_unclaim(16);
    assert_null(buddy_alloc(4, 0));
    buddy_free(f, 4);
    assert_non_null(f = buddy_alloc(4, ALLOC_NO_SCRUB));
    buddy_free(f, 4);
    buddy_unclaim(ALL_FREE - 26);
    assert_int_equal(buddy_nr_claimed(), 0);
    everything_joins(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_joins), cmocka_unit_test(random_use), cmocka_unit_test(width_limits),
        cmocka_unit_test(low_memory_is_spared), cmocka_unit_test(guest_pages_are_cleared_when_handed_out),
        cmocka_unit_test(stale_translations_go_first), cmocka_unit_test(promised_pages_are_kept),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

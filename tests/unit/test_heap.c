/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap on the page allocator: objects do not overlap, are aligned, and leave nothing behind. */
// sources: hv/mm/heap.c hv/mm/buddy.c hv/lib/bitmap.c
#include "host_support.h"
#include <arch/tlb.h>
#include <hv/mm.h>

#define NR_FRAMES 4096u

uint32_t tlb_clock_now(void) { return 0; }
void tlb_filter(cpumask_t *cpus, uint32_t stamp) { }
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va) { }

static uint32_t seed = 1;

static uint32_t next_random(uint32_t below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % below;
}

static int setup(void **state)
{
    host_ram_init(NR_FRAMES);
    buddy_add(MFN(1), MFN(NR_FRAMES));
    return 0;
}

static int teardown(void **state)
{
    host_ram_free();
    return 0;
}

static bool is_filled(const uint8_t *p, uint8_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != v)
            return false;
    return true;
}

static void random_use(void **state)
{
    static struct { uint8_t *p; size_t size; uint8_t fill; } held[600];
    const uint64_t before = buddy_nr_free();

    for (unsigned int round = 0; round < 60000; round++) {
        const unsigned int i = next_random(600);

        if (held[i].p != NULL) {
            assert_true(is_filled(held[i].p, held[i].fill, held[i].size));
            heap_free(held[i].p);
            held[i].p = NULL;
            continue;
        }
        const size_t align = 1u << next_random(next_random(20) ? 7 : 13);

        held[i].size = 1 + next_random(next_random(10) ? 700 : 20000);
        held[i].fill = (uint8_t)round;
        held[i].p = heap_alloc(held[i].size, align);
        assert_non_null(held[i].p);
        assert_int_equal((uintptr_t)held[i].p & (align - 1), 0);
        memset(held[i].p, held[i].fill, held[i].size);
    }
    for (unsigned int i = 0; i < 600; i++)
        heap_free(held[i].p);
    assert_int_equal(buddy_nr_free(), before);
}

static void zeros_where_asked(void **state)
{
    for (size_t size = 1; size < 9000; size = size * 3 + 1) {
        uint8_t *p = heap_alloc(size, 8);

        memset(p, 0xff, size);
        heap_free(p);
        p = heap_zalloc(size, 8);
        assert_true(is_filled(p, 0, size));
        heap_free(p);
    }
}

static void impossible_requests(void **state)
{
    assert_null(heap_alloc(SIZE_MAX, 8));
    assert_null(heap_alloc(SIZE_MAX / 2, 8));
    assert_null(heap_zalloc_array(SIZE_MAX / 2, 4, 8));
    assert_null(heap_zalloc_array(1u << 20, 1u << 20, 8));
    heap_free(NULL);
}

static void exhaustion(void **state)
{
    static void *held[NR_FRAMES * 2];
    const uint64_t before = buddy_nr_free();
    unsigned int n = 0;

    while ((held[n] = heap_alloc(2048, 8)) != NULL)
        n++;
    assert_int_equal(n, 2 * (NR_FRAMES - 1));
    assert_null(heap_alloc(1, 1));
    assert_null(pages_alloc(0, 0));
    while (n-- > 0)
        heap_free(held[n]);
    assert_int_equal(buddy_nr_free(), before);
}

static void bytes_without_rounding_up(void **state)
{
    const uint64_t before = buddy_nr_free();
    const size_t bytes = 700 * PAGE_SIZE + 5;
    uint8_t *p = pages_alloc_bytes(bytes, 0);

    assert_non_null(p);
    assert_int_equal(buddy_nr_free(), before - 701);
    memset(p, 1, 701 * PAGE_SIZE);
    pages_free_bytes(p, bytes);
    assert_int_equal(buddy_nr_free(), before);
    assert_non_null(p = pages_alloc(11, 0));
    pages_free(p, 11);
}

static void a_foreign_pointer_is_noticed(void **state)
{
    host_expect_panic(heap_free(mfn_va(MFN(5))));
}

/* Every page of the machine held secrets of ours once; none of those that a guest gets shows them. */
static void freed_pages_are_cleared_for_guests(void **state)
{
    struct frame *f[8];
    uint8_t *p = heap_alloc(8 * PAGE_SIZE, 8), *small = heap_alloc(512, 8);
    const mfn_t first = va_mfn(p), of_small = va_mfn(small);

    memset(p, 0x5a, 8 * PAGE_SIZE);
    memset(small, 0x5a, 512);
    heap_free(p);
    heap_free(small);
    assert_true(frame_of(first)->flags & FRAME_NEED_SCRUB);
    assert_true(frame_of(of_small)->flags & FRAME_NEED_SCRUB);
    for (unsigned int i = 0; i < 8; i++) {
        f[i] = buddy_alloc(0, 0);
        assert_true(is_filled(frame_va(f[i]), 0, PAGE_SIZE));
    }
    for (unsigned int i = 0; i < 8; i++)
        buddy_free(f[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_use), cmocka_unit_test(zeros_where_asked), cmocka_unit_test(impossible_requests),
        cmocka_unit_test(exhaustion), cmocka_unit_test(bytes_without_rounding_up), cmocka_unit_test(a_foreign_pointer_is_noticed),
        cmocka_unit_test(freed_pages_are_cleared_for_guests),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* References and types of single frames (hv/frame.h F1..F7). Tables: test_pv_mmu.c. */
// sources: hv/mm/frame.c hv/lib/bitmap.c
#include "host_support.h"
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>

static struct domain a = { .id = 1 }, b = { .id = 2 };
static struct frame *freed;
static cpumask_t flushed;
static unsigned int flushes;
static uint32_t stamp_seen;

void domain_frame_freed(struct frame *f) { freed = f; }
uint32_t tlb_clock_now(void) { return 7; }
void tlb_filter(cpumask_t *cpus, uint32_t stamp) { stamp_seen = stamp; }
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va)
{
    assert_int_equal(flags, TLB_FLUSH_GLOBAL);
    flushed = *cpus;
    flushes++;
}

static struct frame *page_of(const struct domain *d)
{
    struct frame *f = frame_of(MFN(3));

    memset(f, 0, sizeof(*f));
    f->owner = d->id;
    f->refs = 1;
    flushes = 0;
    freed = NULL;
    return f;
}

static int setup(void **state)
{
    host_ram_init(8);
    a.arch.dirty_cpus = cpumask_of(1);
    cpu_online_mask = (cpumask_t){ { 0xf } };
    return 0;
}

static int teardown(void **state)
{
    host_ram_free();
    return 0;
}

static void references_need_the_owner(void **state)
{
    struct frame *f = page_of(&a);

    assert_true(frame_get(f, &a));
    assert_true(frame_get(f, NULL));
    assert_false(frame_get(f, &b));
    assert_int_equal(f->refs, 3);
    f->owner = DOMID_INVALID;
    assert_false(frame_get(f, NULL));
    assert_null(frame_get_mfn(MFN(8), NULL));
    assert_null(frame_get_mfn(MFN(~0ULL), &a));
}

static void a_free_frame_gives_no_reference(void **state)
{
    struct frame *f = page_of(&a);

    frame_put(f);
    assert_ptr_equal(freed, f);
    assert_false(frame_get(f, &a));
    assert_int_equal(f->refs, 0);
}

static void counts_do_not_wrap(void **state)
{
    struct frame *f = page_of(&a);

    f->refs = 0xfffffff8u;
    assert_false(frame_get(f, &a));
    f->type_info = ((uint64_t)FRAME_WRITABLE << FRAME_TYPE_SHIFT) | FRAME_COUNT_MASK;
    assert_int_equal(frame_take_writable(f, &a), -XEN_EINVAL);
    assert_int_equal(frame_type_count(f->type_info), 0xffffffffu);
}

static void a_used_type_excludes_others(void **state)
{
    struct frame *f = page_of(&a);

    assert_int_equal(frame_take_type(f, FRAME_WRITABLE), 0);
    assert_int_equal(frame_take_type(f, FRAME_WRITABLE), 0);
    assert_int_equal(frame_take_type(f, FRAME_SHARED), -XEN_EINVAL);
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), -XEN_EINVAL);
    assert_int_equal(frame_take_type(f, FRAME_L1), -XEN_EINVAL);
    frame_drop_type(f);
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), -XEN_EINVAL);
    frame_drop_type(f);
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), 1);
    assert_int_equal(frame_take_writable(f, &a), -XEN_EINVAL);
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), -XEN_EINVAL); /* not validated yet */
    frame_type_publish(f);
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), 0);
    assert_true(frame_type_drop_unless_last(f));
    assert_false(frame_type_drop_unless_last(f));
    frame_type_flags(f, 0, FRAME_VALIDATED);
    frame_type_end(f);
    assert_int_equal(frame_type_count(f->type_info), 0);
}

static void a_new_type_flushes_first(void **state)
{
    struct frame *f = page_of(&a);

    assert_int_equal(frame_take_writable(f, &a), 0); /* was nothing: nobody can have it writable */
    assert_int_equal(flushes, 0);
    frame_drop_type(f);
    assert_int_equal(f->tlb_stamp, 7);
    assert_int_equal(frame_take_writable(f, &a), 0); /* same type */
    frame_drop_type(f);
    assert_int_equal(flushes, 0);
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), 1);
    assert_int_equal(flushes, 1);
    assert_int_equal(stamp_seen, 7);
    assert_int_equal(flushed.bits[0], 2); /* the owner's CPUs */
}

static void a_remote_mapping_makes_it_flush_everywhere(void **state)
{
    struct frame *f = page_of(&a);

    assert_int_equal(frame_take_writable(f, &b), 0);
    frame_drop_type(f);
    assert_int_equal(frame_take_writable(f, &a), 0);
    frame_drop_type(f);
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), 1);
    assert_int_equal(flushed.bits[0], 0xf);
    assert_false(f->type_info & FRAME_REMOTE);
}

/* The word is not what it was, though type and count are: a compare-and-exchange sees it. */
static void a_use_in_between_shows(void **state)
{
    struct frame *f = page_of(&a);

    assert_int_equal(frame_take_type(f, FRAME_WRITABLE), 0);
    const uint64_t before = f->type_info;

    assert_int_equal(frame_take_type(f, FRAME_WRITABLE), 0);
    frame_drop_type(f);
    assert_int_equal(before & ~FRAME_DROPS_MASK, f->type_info & ~FRAME_DROPS_MASK);
    assert_int_not_equal(before, f->type_info);
    for (unsigned int i = 0; i < 1u << 20; i++) { /* the counter wraps and leaves the rest alone */
        assert_int_equal(frame_take_type(f, FRAME_WRITABLE), 0);
        frame_drop_type(f);
    }
    assert_int_equal(before & ~FRAME_DROPS_MASK, f->type_info & ~FRAME_DROPS_MASK);
}

static void get_and_take_is_all_or_nothing(void **state)
{
    struct frame *f = page_of(&a);

    assert_int_equal(frame_get_and_take(f, &b, FRAME_WRITABLE), -XEN_EINVAL);
    assert_int_equal(frame_get_and_take(f, &a, FRAME_L2), -XEN_EINVAL);
    assert_int_equal(f->refs, 1);
    assert_int_equal(frame_get_and_take(f, &a, FRAME_WRITABLE), 0);
    assert_int_equal(f->refs, 2);
    frame_put_and_drop(f);
    assert_int_equal(f->refs, 1);
    assert_int_equal(frame_type_count(f->type_info), 0);
}

/* A guest gives its shared info up but keeps a mapping: the page is of no type then, and we still write to it. */
static void a_page_of_ours_is_never_a_table(void **state)
{
    struct frame *f = page_of(&a);

    f->flags = FRAME_HYPERVISOR;
    assert_int_equal(frame_type_claim(f, FRAME_L1, &a), -XEN_EINVAL);
    assert_int_equal(frame_type_claim(f, FRAME_SEGDESC, &a), -XEN_EINVAL);
    assert_int_equal(frame_take_writable(f, &a), 0);
    frame_drop_type(f);
    assert_int_equal(frame_type_claim(f, FRAME_L4, &a), -XEN_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_need_the_owner),
        cmocka_unit_test(a_free_frame_gives_no_reference),
        cmocka_unit_test(counts_do_not_wrap),
        cmocka_unit_test(a_used_type_excludes_others),
        cmocka_unit_test(a_new_type_flushes_first),
        cmocka_unit_test(a_remote_mapping_makes_it_flush_everywhere),
        cmocka_unit_test(a_use_in_between_shows),
        cmocka_unit_test(get_and_take_is_all_or_nothing),
        cmocka_unit_test(a_page_of_ours_is_never_a_table),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

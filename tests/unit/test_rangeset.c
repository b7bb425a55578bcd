/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Range sets against a plain bitmap model, and their edges. */
// sources: hv/lib/rangeset.c
#include "host_support.h"
#include <hv/rangeset.h>

#define MODEL 64

static int collect(uint64_t first, uint64_t last, void *arg)
{
    char *text = arg;

    sprintf(text + strlen(text), "%lu-%lu ", (unsigned long)first, (unsigned long)last);
    return 0;
}

static void expect(struct rangeset *r, const char *text)
{
    char got[256] = "";

    assert_int_equal(rangeset_walk(r, collect, got), 0);
    assert_string_equal(got, text);
}

static void adds_merge(void **state)
{
    struct rangeset r;

    rangeset_init(&r);
    assert_int_equal(rangeset_add(&r, 10, 19), 0);
    assert_int_equal(rangeset_add(&r, 30, 39), 0);
    expect(&r, "10-19 30-39 ");
    assert_int_equal(rangeset_add(&r, 20, 29), 0);
    expect(&r, "10-39 ");
    assert_int_equal(r.nr_ranges, 1);
    assert_int_equal(rangeset_remove(&r, 15, 15), 0);
    expect(&r, "10-14 16-39 ");
    assert_true(rangeset_contains(&r, 10, 14));
    assert_false(rangeset_contains(&r, 14, 16));
    assert_true(rangeset_overlaps(&r, 14, 16));
    assert_false(rangeset_overlaps(&r, 15, 15));
    rangeset_fini(&r);
    assert_int_equal(host_heap_outstanding, 0);
}

static void ends_of_the_number_line(void **state)
{
    struct rangeset r;

    rangeset_init(&r);
    assert_int_equal(rangeset_add(&r, 0, UINT64_MAX), 0);
    assert_true(rangeset_contains(&r, 0, UINT64_MAX));
    assert_int_equal(rangeset_remove(&r, 1, UINT64_MAX - 1), 0);
    expect(&r, "0-0 18446744073709551615-18446744073709551615 ");
    assert_int_equal(rangeset_remove(&r, 0, UINT64_MAX), 0);
    expect(&r, "");
    assert_int_equal(rangeset_add(&r, 2, 1), -22);
    assert_int_equal(rangeset_remove(&r, 2, 1), -22);
    rangeset_fini(&r);
}

static void no_memory_changes_nothing(void **state)
{
    struct rangeset r;

    rangeset_init(&r);
    assert_int_equal(rangeset_add(&r, 5, 9), 0);
    host_heap_fail_at = 1;
    assert_int_equal(rangeset_add(&r, 20, 29), -12);
    host_heap_fail_at = 1;
    assert_int_equal(rangeset_remove(&r, 7, 7), -12);
    expect(&r, "5-9 ");
    rangeset_fini(&r);
    assert_int_equal(host_heap_outstanding, 0);
}

static bool model_all(const bool *model, unsigned int a, unsigned int b, bool value)
{
    for (unsigned int i = a; i <= b; i++)
        if (model[i] != value)
            return false;
    return true;
}

static void random_against_model(void **state)
{
    bool model[MODEL] = { false };
    struct rangeset r;

    rangeset_init(&r);
    srand(1);
    for (unsigned int step = 0; step < 20000; step++) {
        unsigned int a = (unsigned int)rand() % MODEL, b = a + (unsigned int)rand() % (MODEL - a), runs = 0;
        bool add = rand() % 2;

        assert_int_equal(add ? rangeset_add(&r, a, b) : rangeset_remove(&r, a, b), 0);
        for (unsigned int i = a; i <= b; i++)
            model[i] = add;
        for (unsigned int i = 0; i < MODEL; i++)
            runs += model[i] && (i == 0 || !model[i - 1]);
        assert_int_equal(r.nr_ranges, runs);
        a = (unsigned int)rand() % MODEL, b = a + (unsigned int)rand() % (MODEL - a);
        assert_int_equal(rangeset_contains(&r, a, b), model_all(model, a, b, true));
        assert_int_equal(rangeset_overlaps(&r, a, b), !model_all(model, a, b, false));
        assert_int_equal(host_heap_outstanding, runs);
    }
    rangeset_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_merge),
        cmocka_unit_test(ends_of_the_number_line),
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(random_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

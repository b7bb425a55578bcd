/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps against arrays of bool. */
// sources: hv/lib/bitmap.c
#include "host_support.h"
#include <hv/bitmap.h>
#include <hv/cpumask.h>

static unsigned int model_find(const bool *model, unsigned int bits, unsigned int from, bool value)
{
    while (from < bits && model[from] != value)
        from++;
    return min(from, bits);
}

static void check_against_model(const uint64_t *map, const bool *model, unsigned int bits)
{
    unsigned int weight = 0;

    for (unsigned int from = 0; from < bits; from++) {
        assert_int_equal(bit_test(map, from), model[from]);
        assert_int_equal(bitmap_find_set(map, bits, from), model_find(model, bits, from, true));
        assert_int_equal(bitmap_find_clear(map, bits, from), model_find(model, bits, from, false));
        weight += model[from];
    }
    assert_int_equal(bitmap_weight(map, bits), weight);
}

static void random_bitmaps(void **state)
{
    static const unsigned int lengths[] = { 1, 5, 63, 64, 65, 127, 128, 129, 200 };

    srand(7);
    for (unsigned int l = 0; l < array_size(lengths); l++)
        for (unsigned int density = 1; density < 60; density += 7) {
            unsigned int bits = lengths[l];
            uint64_t *map = calloc(BITMAP_WORDS(bits), 8);
            bool model[200] = { false };

            memset(map, bits % 2 ? 0xff : 0, BITMAP_WORDS(bits) * 8); /* beyond the end: anything */
            for (unsigned int i = 0; i < bits; i++) {
                model[i] = (unsigned int)rand() % 60 < density;
                if (model[i])
                    bit_set(map, i);
                else
                    bit_clear(map, i);
            }
            check_against_model(map, model, bits);
            free(map);
        }
}

static void beyond_the_end(void **state)
{
    uint64_t map[2] = { 0, 1ULL << 10 };

    assert_int_equal(bitmap_find_set(map, 70, 0), 70);
    assert_int_equal(bitmap_find_set(map, 70, 70), 70);
    assert_int_equal(bitmap_find_set(map, 70, 500), 70);
    assert_int_equal(bitmap_find_set(map, 75, 0), 74);
    assert_int_equal(bitmap_find_set(map, 0, 0), 0);
}

static void atomic_forms_answer_the_old_value(void **state)
{
    uint64_t map[2] = { 0 };

    assert_false(atomic_bit_test_set(map, 70));
    assert_true(atomic_bit_test_set(map, 70));
    assert_true(atomic_bit_test_clear(map, 70));
    assert_false(atomic_bit_test_clear(map, 70));
    assert_int_equal(map[0] | map[1], 0);
}

static void masks(void **state)
{
    cpumask_t a = cpumask_of(3), all = cpumask_all();
    unsigned int cpu, seen = 0;

    cpumask_set(&a, 255);
    cpumask_for_each(cpu, &a)
        seen = seen * 1000 + cpu;
    assert_int_equal(seen, 3255);
    assert_int_equal(cpumask_weight(&all), MAX_CPUS);
    a = cpumask_and(&a, &all);
    assert_int_equal(cpumask_first(&a), 3);
    cpumask_clear(&a, 3);
    cpumask_clear(&a, 255);
    assert_true(cpumask_empty(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bitmaps),
        cmocka_unit_test(beyond_the_end),
        cmocka_unit_test(atomic_forms_answer_the_old_value),
        cmocka_unit_test(masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

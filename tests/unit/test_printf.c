/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formatted text: the host's C library is the reference. */
// sources: hv/lib/printf.c hv/lib/string.c
// cflags: -Wno-format
#include "host_support.h"
#include "hv_libc.h"

static void same(const char *fmt, ...)
{
    char ours[200], theirs[200];
    va_list a, b;
    int n, m;

    va_start(a, fmt);
    va_copy(b, a);
    n = hv_vsnprintf(ours, sizeof(ours), fmt, a);
    m = vsnprintf(theirs, sizeof(theirs), fmt, b);
    va_end(a);
    va_end(b);
    if (strcmp(ours, theirs) || n != m)
        fail_msg("%s: \"%s\" (%d) instead of \"%s\" (%d)", fmt, ours, n, theirs, m);
}

static const char *const flags[] = { "", "-", "0", "+", " ", "#", "-#", "0#", "+0", "- ", "-0" };
static const char *const sizes[] = { "", "1", "5", "12", "20", ".0", ".1", ".7", "9.4", "4.9" };

static void each_integer(const char *length, const char *conversions, int64_t value)
{
    for (const char *c = conversions; *c; c++)
        for (unsigned int f = 0; f < array_size(flags); f++)
            for (unsigned int s = 0; s < array_size(sizes); s++) {
                char fmt[40];

                snprintf(fmt, sizeof(fmt), "<%%%s%s%s%c>", flags[f], sizes[s], length, *c);
                same(fmt, value);
            }
}

static void integers(void **state)
{
    static const int64_t values[] = { 0, 1, -1, 9, 10, 255, -128, 65535, 32768, 1234567, INT32_MAX, INT32_MIN,
                                      INT64_MAX, INT64_MIN, 0x123456789abcdef };
    static const char *const lengths[] = { "", "hh", "h", "l", "ll", "z" };

    for (unsigned int v = 0; v < array_size(values); v++)
        for (unsigned int l = 0; l < array_size(lengths); l++)
            each_integer(lengths[l], "diuxX", values[v]);
    for (unsigned int v = 0; v < array_size(values); v++)
        for (unsigned int s = 0; s < 5; s++) {
            char fmt[40];

            snprintf(fmt, sizeof(fmt), "%%%slo %%#lo", sizes[s]);
            same(fmt, values[v], values[v]);
        }
}

static void strings_and_characters(void **state)
{
    same("%s|%10s|%-10s|%.2s|%10.3s|%.0s", "abc", "abc", "abc", "abc", "abcdef", "abc");
    same("%c|%5c|%-5c|", 'x', 'y', 'z');
    same("%*d|%-*d|%*d|%.*s", 5, 42, 5, 42, -5, 42, 2, "abc");
    same("100%% %s", "done");
    same("%d %s %lx %u", 1, "two", 3UL, 4);
}

static void null_and_pointers(void **state)
{
    char buf[64];

    hv_snprintf(buf, sizeof(buf), "%s", (char *)NULL);
    assert_string_equal(buf, "(null)");
    hv_snprintf(buf, sizeof(buf), "%p", (void *)0xffff828000200000);
    assert_string_equal(buf, "ffff828000200000");
    hv_snprintf(buf, sizeof(buf), "%p", (void *)0x10);
    assert_string_equal(buf, "0000000000000010");
}

static void a_string_with_precision_need_not_end(void **state)
{
    char *three = malloc(3), buf[16];

    memcpy(three, "abc", 3);
    assert_int_equal(hv_snprintf(buf, sizeof(buf), "%.3s", three), 3);
    assert_string_equal(buf, "abc");
    free(three);
}

static void never_past_the_end(void **state)
{
    for (size_t size = 0; size < 12; size++) {
        char *buf = malloc(size + 1); /* the sanitizer sees any write behind it */

        assert_int_equal(hv_snprintf(buf, size, "%s-%05d", "abc", 42), 9);
        if (size)
            assert_int_equal(strlen(buf), min(size - 1, (size_t)9));
        free(buf);
    }
    assert_int_equal(hv_snprintf(NULL, 0, "%d", 12345), 5);
}

static void unfinished_directive(void **state)
{
    char buf[16];

    assert_int_equal(hv_snprintf(buf, sizeof(buf), "a%"), 3);
    assert_int_equal(hv_snprintf(buf, sizeof(buf), "a%l"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(strings_and_characters),
        cmocka_unit_test(null_and_pointers),
        cmocka_unit_test(a_string_with_precision_need_not_end),
        cmocka_unit_test(never_past_the_end),
        cmocka_unit_test(unfinished_directive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

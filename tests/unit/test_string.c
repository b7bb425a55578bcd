/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory and string functions at every size, distance and alignment; numbers in text. */
// sources: hv/lib/string.c hv/lib/parse.c
#include "host_support.h"
#include "hv_libc.h"
#include <hv/lib.h>

#define ROOM 256

static unsigned char expected[ROOM], actual[ROOM];

static void fill(void)
{
    for (unsigned int i = 0; i < ROOM; i++)
        expected[i] = actual[i] = (unsigned char)rand();
}

static void copies(void **state)
{
    unsigned char source[ROOM];

    for (unsigned int n = 0; n <= 100; n++)
        for (unsigned int at = 0; at < 9; at++) {
            fill();
            for (unsigned int i = 0; i < ROOM; i++)
                source[i] = (unsigned char)rand();
            memcpy(expected + at, source + 3, n);
            assert_ptr_equal(hv_memcpy(actual + at, source + 3, n), actual + at);
            assert_memory_equal(expected, actual, ROOM);
        }
}

static void moves_over_itself(void **state)
{
    for (unsigned int n = 0; n <= 100; n++)
        for (unsigned int from = 0; from < 80; from += 1 + from / 20)
            for (unsigned int to = 0; to < 80; to += 1 + to / 20) {
                fill();
                memmove(expected + to, expected + from, n);
                assert_ptr_equal(hv_memmove(actual + to, actual + from, n), actual + to);
                assert_memory_equal(expected, actual, ROOM);
            }
}

static void sets(void **state)
{
    for (unsigned int n = 0; n <= 100; n++)
        for (unsigned int at = 0; at < 9; at++) {
            fill();
            memset(expected + at, 0x1a5, n);
            assert_ptr_equal(hv_memset(actual + at, 0x1a5, n), actual + at);
            assert_memory_equal(expected, actual, ROOM);
        }
}

static int sign(int n) { return (n > 0) - (n < 0); }

static void compares(void **state)
{
    char a[40], b[40];

    for (unsigned int n = 0; n < 40; n++)
        for (unsigned int at = 0; at < 40; at++) {
            memset(a, 'x', sizeof(a));
            memset(b, 'x', sizeof(b));
            b[at] = (char)0xf0;
            assert_int_equal(sign(hv_memcmp(a, b, n)), at < n ? -1 : 0);
            assert_int_equal(sign(hv_memcmp(b, a, n)), at < n ? 1 : 0);
        }
    assert_true(hv_strcmp("abc", "abd") < 0);
    assert_true(hv_strcmp("abc", "ab") > 0);
    assert_true(hv_strcmp("\xff", "a") > 0);
    assert_int_equal(hv_strcmp("", ""), 0);
    assert_int_equal(hv_strncmp("abc", "abd", 2), 0);
    assert_int_equal(hv_strncmp("ab\0c", "ab\0d", 4), 0);
}

static void searches(void **state)
{
    const char *s = "hello, world";

    assert_int_equal(hv_strlen(s), 12);
    assert_int_equal(hv_strnlen(s, 5), 5);
    assert_ptr_equal(hv_strchr(s, 'o'), s + 4);
    assert_ptr_equal(hv_strchr(s, '\0'), s + 12);
    assert_null(hv_strchr(s, 'x'));
    assert_ptr_equal(hv_memchr(s, 'o', 5), s + 4);
    assert_null(hv_memchr(s, 'o', 4));
    assert_ptr_equal(hv_strstr(s, "o, w"), s + 4);
    assert_ptr_equal(hv_strstr(s, ""), s);
    assert_null(hv_strstr(s, "worlds"));
}

static void bounded_copy(void **state)
{
    char buf[4] = "zzz";

    assert_int_equal(strlcpy(buf, "abcdef", sizeof(buf)), 6);
    assert_string_equal(buf, "abc");
    assert_int_equal(strlcpy(buf, "a", sizeof(buf)), 1);
    assert_string_equal(buf, "a");
    assert_int_equal(strlcpy(buf, "xyz", 0), 3);
    assert_string_equal(buf, "a");
}

static void number(const char *text, unsigned int base, uint64_t value, size_t length)
{
    const char *end;

    assert_int_equal(parse_u64(text, &end, base), value);
    assert_int_equal(end - text, length);
}

static void numbers(void **state)
{
    number("0", 0, 0, 1);
    number("42,", 0, 42, 2);
    number("0x1fG", 0, 0x1f, 4);
    number("0X1F", 16, 0x1f, 4);
    number("0x", 0, 0, 1);
    number("017", 0, 15, 3);
    number("08", 0, 0, 1);
    number("017", 10, 17, 3);
    number("ff", 16, 255, 2);
    number("", 0, 0, 0);
    number("-1", 0, 0, 0);
    number("18446744073709551615", 0, UINT64_MAX, 20);
    number("18446744073709551616", 0, UINT64_MAX, 20);
    number("99999999999999999999999", 0, UINT64_MAX, 23);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies),
        cmocka_unit_test(moves_over_itself),
        cmocka_unit_test(sets),
        cmocka_unit_test(compares),
        cmocka_unit_test(searches),
        cmocka_unit_test(bounded_copy),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

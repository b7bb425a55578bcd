/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot options: stock Xen's syntax, and warnings that name what is wrong. */
// sources: hv/core/param.c hv/lib/parse.c
#include "host_support.h"
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>

size_t strlcpy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

static bool flag, other_flag;
static unsigned int number;
static uint64_t bytes;
static char text[8], custom[32];

static int parse_custom(const char *s)
{
    snprintf(custom, sizeof(custom), "<%s>", s);
    return strcmp(s, "bad") ? 0 : -22;
}

BOOT_PARAM_BOOL(flag, "flag", flag);
BOOT_PARAM_BOOL(other_flag, "flag", other_flag); /* two modules may listen to one name */
BOOT_PARAM_BOOL(no_hope, "no-hope", other_flag);
BOOT_PARAM_UINT(number, "number", number);
BOOT_PARAM_SIZE(bytes, "size", bytes);
BOOT_PARAM_STRING(text, "text", text);
BOOT_PARAM_CUSTOM(custom, "custom", parse_custom);

static char warnings[1024];

void printk(enum log_level level, const char *fmt, ...)
{
    size_t n = strlen(warnings);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(warnings + n, sizeof(warnings) - n, fmt, ap);
    va_end(ap);
}

static void parse(const char *line)
{
    warnings[0] = custom[0] = '\0';
    param_parse(line);
}

static void booleans(void **state)
{
    static const char *const truths[] = { "flag", "flag=on", "flag=yes", "flag=true", "flag=1", "flag=enable", "no-flag=off" };
    static const char *const lies[] = { "no-flag", "flag=off", "flag=no", "flag=false", "flag=0", "flag=disable", "no-flag=yes" };

    for (unsigned int i = 0; i < array_size(truths); i++) {
        flag = other_flag = false;
        parse(truths[i]);
        assert_true(flag && other_flag);
        parse(lies[i]);
        assert_false(flag || other_flag);
        assert_string_equal(warnings, "");
    }
    parse("flag=maybe");
    assert_non_null(strstr(warnings, "\"flag\": \"maybe\""));
    parse("no-hope");
    assert_true(other_flag);
}

static void numbers(void **state)
{
    parse("number=42 size=16");
    assert_int_equal(number, 42);
    assert_int_equal(bytes, 16 << 10);
    parse("number=0x10 size=512M");
    assert_int_equal(number, 16);
    assert_int_equal(bytes, 512 << 20);
    parse("size=3g");
    assert_int_equal(bytes, 3ULL << 30);
    parse("size=100B");
    assert_int_equal(bytes, 100);
    assert_string_equal(warnings, "");
    parse("number=12x number= number size=5Q no-number number=4294967296");
    assert_int_equal(number, 16);
    assert_int_equal(bytes, 100);
    assert_non_null(strstr(warnings, "12x"));
    assert_non_null(strstr(warnings, "5Q"));
    assert_non_null(strstr(warnings, "no-number"));
    assert_non_null(strstr(warnings, "4294967296"));
}

static void texts(void **state)
{
    parse("text=1234567");
    assert_string_equal(text, "1234567");
    parse("text=12345678");
    assert_non_null(strstr(warnings, "12345678"));
    parse("custom=a=b,c");
    assert_string_equal(custom, "<a=b,c>");
    parse("custom");
    assert_string_equal(custom, "<>");
    parse("no-custom");
    assert_string_equal(custom, "<no>");
    parse("custom=bad");
    assert_non_null(strstr(warnings, "\"custom\": \"bad\""));
}

static void unknown_options_are_named(void **state)
{
    parse("  bogus=1\tflag  no-bogus2 ");
    assert_non_null(strstr(warnings, "\"bogus\""));
    assert_non_null(strstr(warnings, "\"no-bogus2\""));
    assert_true(flag);
}

static void too_long_words(void **state)
{
    char line[600];

    memset(line, 'x', sizeof(line));
    strcpy(line + 500, " number=7");
    parse(line);
    assert_int_equal(number, 7);
    assert_non_null(strstr(warnings, "too long"));
}

static void dom0_part(void **state)
{
    parse("number=1 -- number=2 root=/dev/xvda");
    assert_int_equal(number, 1);
    assert_string_equal(boot_dom0_options, "number=2 root=/dev/xvda");
    assert_string_equal(boot_command_line, "number=1");
    parse("number=5 --");
    assert_string_equal(boot_dom0_options, "");
    assert_string_equal(boot_command_line, "number=5");
    parse("");
    assert_string_equal(boot_command_line, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(booleans),
        cmocka_unit_test(numbers),
        cmocka_unit_test(texts),
        cmocka_unit_test(unknown_options_are_named),
        cmocka_unit_test(too_long_words),
        cmocka_unit_test(dom0_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

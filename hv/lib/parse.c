/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers in text. */
#include <hv/lib.h>

/* Value of a digit, 36 or more if it is none. */
static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned int)(c - '0');
    if (c >= 'a' && c <= 'z')
        return (unsigned int)(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z')
        return (unsigned int)(c - 'A') + 10;
    return 36;
}

static bool has_hex_prefix(const char *s)
{
    return s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16;
}

/* A number too large for 64 bits comes out as the largest one. */
uint64_t parse_u64(const char *s, const char **end, unsigned int base)
{
    uint64_t value = 0;

    if (base == 0)
        base = has_hex_prefix(s) ? 16 : *s == '0' ? 8 : 10;
    if (base == 16 && has_hex_prefix(s))
        s += 2;
    for (unsigned int digit; (digit = digit_value(*s)) < base; s++)
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            value = UINT64_MAX;
    if (end)
        *end = s;
    return value;
}

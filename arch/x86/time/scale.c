/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and inverting scales: see arch/time_scale.h. */
#include <arch/time_scale.h>

/* (high:0) / divisor, for high < divisor (SDM2 DIV: the quotient must fit). */
static uint64_t divide_shifted64(uint64_t high, uint64_t divisor)
{
    uint64_t quotient, rest;

    __asm__("divq %4" : "=a"(quotient), "=d"(rest) : "a"(0ULL), "d"(high), "r"(divisor) : "cc");
    return quotient;
}

struct time_scale scale_make(uint64_t from, uint64_t to)
{
    int shift = 0;

    /* Brings to/from into [1/2, 1): then its first 32 fraction bits are mul. */
    while (to >= from) {
        from <<= 1;
        shift++;
    }
    while (to < from - to) {
        to <<= 1;
        shift--;
    }
    return (struct time_scale){ .mul = (uint32_t)(divide_shifted64(to, from) >> 32), .shift = (int8_t)shift };
}

struct time_scale scale_invert(struct time_scale s)
{
    /* 2^32 / (mul * 2^shift); mul is in [2^31, 2^32). */
    struct time_scale r = scale_make(s.mul, 1ULL << 32);

    r.shift = (int8_t)(r.shift - s.shift);
    return r;
}

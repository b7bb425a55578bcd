/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rates as 32-bit binary fractions: y = ((x << shift) * mul) >> 32, shift negative for right; the form
 * that guests are given for their clocks (xen.h, vcpu_time_info). mul has its top bit set. Pure.
 */
#ifndef ARCH_TIME_SCALE_H
#define ARCH_TIME_SCALE_H

#include <hv/compiler.h>

struct time_scale { uint32_t mul; int8_t shift; };

/* The scale that multiplies by to/from. Both below 2^62, not 0; the quotient within 2^±60. */
struct time_scale scale_make(uint64_t from, uint64_t to);
/* The scale that undoes s. */
struct time_scale scale_invert(struct time_scale s);

static inline uint64_t scale_apply(uint64_t x, struct time_scale s)
{
    if (s.shift < 0)
        x >>= -s.shift;
    else
        x <<= s.shift;
    return (uint64_t)(((unsigned __int128)x * s.mul) >> 32);
}

#endif

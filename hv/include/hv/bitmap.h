/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps of 64-bit words. The atomic forms carry atomic_ in their name. */
#ifndef HV_BITMAP_H
#define HV_BITMAP_H

#include <hv/compiler.h>

#define BITS_PER_WORD 64u
#define BITMAP_WORDS(bits) (((bits) + 63u) / 64u)

static inline bool bit_test(const uint64_t *map, unsigned int n) { return (read_once(map[n / 64]) >> (n % 64)) & 1; }
static inline void bit_set(uint64_t *map, unsigned int n) { map[n / 64] |= 1ULL << (n % 64); }
static inline void bit_clear(uint64_t *map, unsigned int n) { map[n / 64] &= ~(1ULL << (n % 64)); }
static inline void atomic_bit_set(uint64_t *map, unsigned int n) { __atomic_fetch_or(&map[n / 64], 1ULL << (n % 64), __ATOMIC_SEQ_CST); }
static inline void atomic_bit_clear(uint64_t *map, unsigned int n) { __atomic_fetch_and(&map[n / 64], ~(1ULL << (n % 64)), __ATOMIC_SEQ_CST); }
/* Both return the bit's old value. */
static inline bool atomic_bit_test_set(uint64_t *map, unsigned int n)
{
    return (__atomic_fetch_or(&map[n / 64], 1ULL << (n % 64), __ATOMIC_SEQ_CST) >> (n % 64)) & 1;
}
static inline bool atomic_bit_test_clear(uint64_t *map, unsigned int n)
{
    return (__atomic_fetch_and(&map[n / 64], ~(1ULL << (n % 64)), __ATOMIC_SEQ_CST) >> (n % 64)) & 1;
}
/* First set (clear) bit at or after `from`, or `bits` if there is none. */
unsigned int bitmap_find_set(const uint64_t *map, unsigned int bits, unsigned int from);
unsigned int bitmap_find_clear(const uint64_t *map, unsigned int bits, unsigned int from);
unsigned int bitmap_weight(const uint64_t *map, unsigned int bits);

#define bitmap_for_each(n, map, bits) \
    for (n = bitmap_find_set(map, bits, 0); n < (bits); n = bitmap_find_set(map, bits, n + 1))

#endif

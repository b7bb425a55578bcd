/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searching and counting in bitmaps of 64-bit words. Reads each word once: others may change it. */
#include <hv/bitmap.h>

/* First set bit of (word ^ flip) at or after from. Bits past the end of the map are never looked at. */
static unsigned int find(const uint64_t *map, unsigned int bits, unsigned int from, uint64_t flip)
{
    while (from < bits) {
        uint64_t word = (read_once(map[from / 64]) ^ flip) >> (from % 64);

        if (word)
            return min(from + (unsigned int)__builtin_ctzll(word), bits);
        from = round_down(from, 64u) + 64;
    }
    return bits;
}

unsigned int bitmap_find_set(const uint64_t *map, unsigned int bits, unsigned int from)
{
    return find(map, bits, from, 0);
}

unsigned int bitmap_find_clear(const uint64_t *map, unsigned int bits, unsigned int from)
{
    return find(map, bits, from, ~0ULL);
}

/*
 * What the compiler calls for __builtin_popcount*: the instruction is not in the baseline,
 * and its own library, which has this function, is not linked.
 */
int __popcountdi2(int64_t value);
int __popcountdi2(int64_t value)
{
    uint64_t x = (uint64_t)value;


    x -= (x >> 1) & 0x5555555555555555;
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (int)((x * 0x0101010101010101) >> 56);
}

unsigned int bitmap_weight(const uint64_t *map, unsigned int bits)
{
    unsigned int weight = 0;

    for (unsigned int i = 0; i < bits / 64; i++)
        weight += (unsigned int)__popcountdi2((int64_t)read_once(map[i]));
    if (bits % 64)
        weight += (unsigned int)__popcountdi2((int64_t)(read_once(map[bits / 64]) & ((1ULL << (bits % 64)) - 1)));
    return weight;
}

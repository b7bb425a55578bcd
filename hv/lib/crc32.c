/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC32 (IEEE 802.3) of a large buffer in about one instruction a byte, without special ones.
 *
 * With y = x^64, y^3006 + y^2866 + y^2215 + 1 is a multiple of the CRC's polynomial (found by
 * search). So a 64-bit word of the message may be removed if it is added to the words 140, 791 and
 * 3006 places on: the remainder stays. That shortens the message to its last 3006 words, which a table
 * then does byte by byte.
 */
#include <hv/lib.h>
#include <hv/xz.h>

#define POLYNOMIAL 0xedb88320u /* bits reversed */
#define RING_WORDS 4096u
#define LAG_1 140u
#define LAG_2 791u
#define LAG_3 3006u
_Static_assert(LAG_3 < RING_WORDS, "removed words are there as long as they are needed");

struct crc_scratch {
    uint64_t ring[RING_WORDS]; /* words removed, and what they were by then */
    uint32_t table[256];
};
_Static_assert(sizeof(struct crc_scratch) <= CRC32_SCRATCH_BYTES, "scratch holds it");

static void make_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;

        for (unsigned int b = 0; b < 8; b++)
            v = (v >> 1) ^ (v & 1 ? POLYNOMIAL : 0);
        table[i] = v;
    }
}

static uint32_t add_bytes(const uint32_t table[256], uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n > 0; n--, p++)
        crc = (crc >> 8) ^ table[(crc ^ *p) & 0xff];
    return crc;
}

static size_t until_wrap(size_t i, size_t lag)
{
    return RING_WORDS - ((i - lag) & (RING_WORDS - 1));
}

/* Words from i on for which no ring index wraps. */
static size_t straight_run(size_t i, size_t end)
{
    return min(min(min(until_wrap(i, 0), until_wrap(i, LAG_1)), min(until_wrap(i, LAG_2), until_wrap(i, LAG_3))), end - i);
}

static uint64_t word_at(const uint8_t *p)
{
    uint64_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

/* Removes the first nr words. The ring is zero before: nothing was removed ahead of the message. */
static void remove_words(uint64_t *ring, const uint8_t *data, size_t nr)
{
    const size_t mask = RING_WORDS - 1;

    ring[0] = word_at(data) ^ 0xffffffff; /* the CRC's starting value */
    for (size_t i = 1; i < nr;) {
        const size_t run = straight_run(i, nr);
        const uint8_t *from = data + i * 8;
        uint64_t *to = ring + (i & mask);
        const uint64_t *a = ring + ((i - LAG_1) & mask), *b = ring + ((i - LAG_2) & mask), *c = ring + ((i - LAG_3) & mask);

        for (size_t k = 0; k < run; k++)
            to[k] = word_at(from + k * 8) ^ a[k] ^ b[k] ^ c[k];
        i += run;
    }
}

/* Word i as the removal of nr words before it left it. */
static uint64_t left_over(const uint64_t *ring, const uint8_t *data, size_t i, size_t nr)
{
    uint64_t v = word_at(data + i * 8) ^ ring[(i - LAG_3) & (RING_WORDS - 1)];

    if (i - LAG_2 < nr)
        v ^= ring[(i - LAG_2) & (RING_WORDS - 1)];
    if (i - LAG_1 < nr)
        v ^= ring[(i - LAG_1) & (RING_WORDS - 1)];
    return v;
}

uint32_t crc32_of(const void *data, size_t n, void *scratch)
{
    struct crc_scratch *s = scratch;
    const uint8_t *p = data;
    const size_t words = n / 8;
    uint32_t crc = 0;

    make_table(s->table);
    if (words < 2 * LAG_3)
        return ~add_bytes(s->table, ~0u, p, n);
    memset(s->ring, 0, sizeof(s->ring));
    remove_words(s->ring, p, words - LAG_3);
    for (size_t i = words - LAG_3; i < words; i++) {
        const uint64_t v = left_over(s->ring, p, i, words - LAG_3);

        crc = add_bytes(s->table, crc, (const uint8_t *)&v, sizeof(v));
    }
    return ~add_bytes(s->table, crc, p + words * 8, n % 8);
}

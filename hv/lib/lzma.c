/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LZMA2 (its chunks: tukaani.org/xz/xz-file-format.txt 5.3.1; LZMA itself: lzma-specification of the
 * LZMA SDK). The output buffer is the dictionary: a match copies from what is already written.
 *
 * Made for few instructions a bit: new probabilities come from tables, bytes are copied by words,
 * and the input is checked once a symbol, not once a byte: a symbol reads at most MAX_SYMBOL_BYTES,
 * and every chunk has that much readable memory behind it (the last one is copied to get it).
 *
 * Trust: input is hostile. Each symbol checks input left, room left and distance before it acts.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/xz.h>

#define PROB_BITS 11u
#define PROB_HALF (1u << (PROB_BITS - 1))
#define PROB_SHIFT 5u               /* speed of adaption */
#define RANGE_MIN (1u << 24)
#define MAX_SYMBOL_BYTES 32u
#define MAX_CHUNK_BYTES 65536u      /* compressed */
#define WORD 8u

#define NR_STATES 12u
#define MAX_POS_STATES 16u
#define NR_LEN_STATES 4u
#define MIN_MATCH 2u
#define LITERAL_PROBS 0x300u
#define LITERAL_CONTEXT_BITS 4u     /* LZMA2: lc + lp <= 4 */
#define DISTANCE_MODEL_SLOTS 14u    /* slots from here on have plain bits */
#define NR_DISTANCE_PROBS (128u - DISTANCE_MODEL_SLOTS + 1u)

typedef uint16_t prob_t;

struct length_model {
    prob_t choice, choice2;
    prob_t low[MAX_POS_STATES][8], mid[MAX_POS_STATES][8], high[256];
};

struct model {
    prob_t is_match[NR_STATES][MAX_POS_STATES], is_rep0_long[NR_STATES][MAX_POS_STATES];
    prob_t is_rep[NR_STATES], is_rep0[NR_STATES], is_rep1[NR_STATES], is_rep2[NR_STATES];
    prob_t slot[NR_LEN_STATES][64], distance[NR_DISTANCE_PROBS], align[16];
    struct length_model match_length, rep_length;
    prob_t literal[LITERAL_PROBS << LITERAL_CONTEXT_BITS];
};

struct lzma_state {
    struct model model;
    prob_t after_0[1u << PROB_BITS], after_1[1u << PROB_BITS];
    uint32_t state, rep[4];
    unsigned int lc, literal_pos_mask, pos_mask;
    uint8_t tail[MAX_CHUNK_BYTES + MAX_SYMBOL_BYTES];
};
_Static_assert(sizeof(struct lzma_state) <= LZMA_STATE_BYTES, "scratch holds it");

/* ---- the range decoder ---- */

struct coder {
    uint32_t range, code;
    const uint8_t *in;
    struct lzma_state *s;
};

static always_inline void refill(struct coder *c)
{
    if (c->range < RANGE_MIN) {
        c->range <<= 8;
        c->code = (c->code << 8) | *c->in++;
    }
}

static always_inline bool bit(struct coder *c, prob_t *p)
{
    const uint32_t prob = *p;

    refill(c);
    const uint32_t bound = (c->range >> PROB_BITS) * prob;

    if (c->code < bound) {
        c->range = bound;
        *p = c->s->after_0[prob];
        return false;
    }
    c->range -= bound;
    c->code -= bound;
    *p = c->s->after_1[prob];
    return true;
}

/* One step down a tree whose nodes are numbered from 1. */
static always_inline size_t step(struct coder *c, prob_t *tree, size_t node)
{
    return bit(c, &tree[node]) ? 2 * node + 1 : 2 * node;
}

static always_inline size_t tree3(struct coder *c, prob_t *tree)
{
    return step(c, tree, step(c, tree, step(c, tree, 1)));
}

static always_inline size_t tree6(struct coder *c, prob_t *tree)
{
    size_t node = tree3(c, tree);

    return step(c, tree, step(c, tree, step(c, tree, node)));
}

static always_inline size_t tree8(struct coder *c, prob_t *tree)
{
    return step(c, tree, step(c, tree, tree6(c, tree)));
}

/* n bits, lowest first, from a tree. */
static always_inline uint32_t reverse_bits(struct coder *c, prob_t *tree, unsigned int n)
{
    size_t node = 1;
    uint32_t v = 0;

    for (unsigned int i = 0; i < n; i++)
        if (bit(c, &tree[node])) {
            node = 2 * node + 1;
            v |= 1u << i;
        } else {
            node = 2 * node;
        }
    return v;
}

/* n bits of even chance, highest first. */
static always_inline uint32_t plain_bits(struct coder *c, unsigned int n)
{
    uint32_t v = 0;

    while (n-- > 0) {
        refill(c);
        c->range >>= 1;
        c->code -= c->range;
        /* All ones if that was too much. */
        const uint32_t borrow = 0 - (c->code >> 31);

        c->code += c->range & borrow;
        v = 2 * v + 1 + borrow;
    }
    return v;
}

/* ---- symbols ---- */

static always_inline uint32_t length(struct coder *c, struct length_model *m, uint32_t pos_state)
{
    if (!bit(c, &m->choice))
        return (uint32_t)tree3(c, m->low[pos_state]) - 8 + MIN_MATCH;
    if (!bit(c, &m->choice2))
        return (uint32_t)tree3(c, m->mid[pos_state]) - 8 + MIN_MATCH + 8;
    return (uint32_t)tree8(c, m->high) - 256 + MIN_MATCH + 16;
}

/* Distance less one. */
static always_inline uint32_t distance(struct coder *c, struct model *m, uint32_t match_length)
{
    const uint32_t slot = (uint32_t)tree6(c, m->slot[min(match_length - MIN_MATCH, NR_LEN_STATES - 1)]) - 64;

    if (slot < 4)
        return slot;
    const unsigned int extra = slot / 2 - 1;
    const uint32_t base = (2 | (slot & 1)) << extra;

    if (slot < DISTANCE_MODEL_SLOTS)
        return base + reverse_bits(c, m->distance + base - slot, extra);
    return base + (plain_bits(c, extra - 4) << 4) + reverse_bits(c, m->align, 4);
}

/* A literal after a match is coded beside the byte that the match would have gone on with. */
static always_inline size_t literal_after_match(struct coder *c, prob_t *tree, size_t expected)
{
    size_t node = 1, offset = 0x100;

    do {
        expected <<= 1;
        const size_t matched = expected & offset;

        if (bit(c, &tree[offset + matched + node])) {
            node = 2 * node + 1;
            offset = matched;
        } else {
            node = 2 * node;
            offset ^= matched;
        }
    } while (node < 0x100);
    return node;
}

static always_inline uint64_t load(const uint8_t *p)
{
    uint64_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static always_inline void store(uint8_t *p, uint64_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}

/* Copies n bytes from `distance` back, byte by byte in meaning; may write up to WORD - 1 bytes more. */
static always_inline void copy_match(uint8_t *out, size_t back, uint32_t n)
{
    const uint8_t *from = out - back, *end = out + n;

    if (back < WORD) {
        for (unsigned int i = 0; i < WORD; i++)
            out[i] = from[i];
        out += WORD;
        /* What is written repeats with period `back`: go on from the nearest repetition that is a word away. */
        from = out - (WORD + back - 1) / back * back;
    }
    for (; out < end; out += WORD, from += WORD)
        store(out, load(from));
}

static void copy_match_near_end(uint8_t *out, size_t back, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = out[i - back];
}

/* ---- a chunk ---- */

struct chunk {
    const uint8_t *in, *in_end;
    uint8_t *dictionary, *out, *out_end, *room_end;
};

/* States 0..6: the last symbol was a literal. */
static always_inline uint32_t after_literal(uint32_t state)
{
    return state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
}

static int decode_chunk(struct lzma_state *s, const struct chunk *k)
{
    struct model *m = &s->model;
    struct coder c = { .range = ~0u, .in = k->in + 5, .s = s };
    uint8_t *out = k->out;
    uint32_t state = s->state, rep0 = s->rep[0], rep1 = s->rep[1], rep2 = s->rep[2], rep3 = s->rep[3];
    const unsigned int lc = s->lc;

    if (k->in_end - k->in < 5 || k->in[0] != 0)
        return ERR(EINVAL);
    c.code = (uint32_t)k->in[1] << 24 | (uint32_t)k->in[2] << 16 | (uint32_t)k->in[3] << 8 | k->in[4];

    while (out < k->out_end) {
        const uint32_t pos = (uint32_t)(out - k->dictionary), pos_state = pos & s->pos_mask;
        uint32_t n;

        if (c.in > k->in_end)
            return ERR(EINVAL);
        if (!bit(&c, &m->is_match[state][pos_state])) {
            const uint32_t before = pos ? out[-1] : 0;
            prob_t *tree = m->literal + LITERAL_PROBS * (((pos & s->literal_pos_mask) << lc) + (before >> (8 - lc)));

            if (state < 7)
                *out = (uint8_t)tree8(&c, tree);
            else
                *out = (uint8_t)literal_after_match(&c, tree, *(out - rep0 - 1));
            out++;
            state = after_literal(state);
            continue;
        }
        if (!bit(&c, &m->is_rep[state])) {
            rep3 = rep2;
            rep2 = rep1;
            rep1 = rep0;
            n = length(&c, &m->match_length, pos_state);
            rep0 = distance(&c, m, n);
            state = state < 7 ? 7 : 10;
        } else {
            if (!bit(&c, &m->is_rep0[state])) {
                if (!bit(&c, &m->is_rep0_long[state][pos_state])) {
                    if (rep0 >= pos)
                        return ERR(EINVAL);
                    *out = *(out - rep0 - 1);
                    out++;
                    state = state < 7 ? 9 : 11;
                    continue;
                }
            } else {
                uint32_t d = rep1;

                if (bit(&c, &m->is_rep1[state])) {
                    d = rep2;
                    if (bit(&c, &m->is_rep2[state])) {
                        d = rep3;
                        rep3 = rep2;
                    }
                    rep2 = rep1;
                }
                rep1 = rep0;
                rep0 = d;
            }
            n = length(&c, &m->rep_length, pos_state);
            state = state < 7 ? 8 : 11;
        }
        if (rep0 >= pos || n > (size_t)(k->out_end - out))
            return ERR(EINVAL);
        if (n + 2 * WORD <= (size_t)(k->room_end - out))
            copy_match(out, (size_t)rep0 + 1, n);
        else
            copy_match_near_end(out, (size_t)rep0 + 1, n);
        out += n;
    }
    refill(&c);
    s->state = state;
    s->rep[0] = rep0;
    s->rep[1] = rep1;
    s->rep[2] = rep2;
    s->rep[3] = rep3;
    return c.in == k->in_end && c.code == 0 ? 0 : ERR(EINVAL);
}

/* ---- the sequence of chunks ---- */

static void reset_state(struct lzma_state *s)
{
    prob_t *p = (prob_t *)&s->model;

    for (size_t i = 0; i < sizeof(s->model) / sizeof(*p); i++)
        p[i] = PROB_HALF;
    s->state = 0;
    memset(s->rep, 0, sizeof(s->rep));
}

static bool set_properties(struct lzma_state *s, uint8_t v)
{
    const unsigned int lc = v % 9, lp = v / 9 % 5, pb = v / 45;

    if (pb > 4 || lc + lp > LITERAL_CONTEXT_BITS)
        return false;
    s->lc = lc;
    s->literal_pos_mask = (1u << lp) - 1;
    s->pos_mask = (1u << pb) - 1;
    return true;
}

static void make_tables(struct lzma_state *s)
{
    for (uint32_t p = 0; p < 1u << PROB_BITS; p++) {
        s->after_0[p] = (prob_t)(p + (((1u << PROB_BITS) - p) >> PROB_SHIFT));
        s->after_1[p] = (prob_t)(p - (p >> PROB_SHIFT));
    }
}

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

/* What a chunk may leave as it was depends on what came before. */
struct sequence {
    const uint8_t *in, *in_end;
    uint8_t *dictionary, *out, *room_end;
    bool has_dictionary, has_properties, has_state;
};

static int stored_chunk(struct sequence *q)
{
    const bool resets = q->in[0] == 1;
    size_t n;

    if ((!resets && !q->has_dictionary) || q->in_end - q->in < 3)
        return ERR(EINVAL);
    n = be16(q->in + 1) + 1;
    if (n > (size_t)(q->in_end - q->in - 3) || n > (size_t)(q->room_end - q->out))
        return ERR(EINVAL);
    if (resets)
        q->dictionary = q->out;
    q->has_dictionary = true;
    memcpy(q->out, q->in + 3, n);
    q->out += n;
    q->in += 3 + n;
    return 0;
}

/* Which resets the control byte asks for, and whether what it leaves is there. */
static bool apply_resets(struct lzma_state *s, struct sequence *q, unsigned int level)
{
    if (level == 3) {
        q->dictionary = q->out;
        q->has_dictionary = true;
    }
    if (level >= 2) {
        if (q->in == q->in_end || !set_properties(s, *q->in++))
            return false;
        q->has_properties = true;
    }
    if (level >= 1 && q->has_properties) {
        reset_state(s);
        q->has_state = true;
    }
    return q->has_dictionary && q->has_properties && q->has_state;
}

static int packed_chunk(struct lzma_state *s, struct sequence *q)
{
    const uint8_t control = q->in[0];
    struct chunk k = { 0 };
    size_t packed_bytes, bytes;
    int rc;

    if (q->in_end - q->in < 5)
        return ERR(EINVAL);
    bytes = ((size_t)(control & 0x1f) << 16) + be16(q->in + 1) + 1;
    packed_bytes = be16(q->in + 3) + 1;
    q->in += 5;
    if (!apply_resets(s, q, (control >> 5) & 3))
        return ERR(EINVAL);
    if (packed_bytes > (size_t)(q->in_end - q->in) || bytes > (size_t)(q->room_end - q->out))
        return ERR(EINVAL);
    k.in = q->in;
    if ((size_t)(q->in_end - q->in) - packed_bytes < MAX_SYMBOL_BYTES) {
        memcpy(s->tail, q->in, packed_bytes);
        memset(s->tail + packed_bytes, 0, MAX_SYMBOL_BYTES);
        k.in = s->tail;
    }
    k.in_end = k.in + packed_bytes;
    k.dictionary = q->dictionary;
    k.out = q->out;
    k.out_end = q->out + bytes;
    k.room_end = q->room_end;
    rc = decode_chunk(s, &k);
    q->in += packed_bytes;
    q->out += bytes;
    return rc;
}

int lzma2_decode(struct lzma_state *s, const uint8_t *in, size_t in_bytes, size_t *taken, uint8_t *out, size_t room, size_t *written)
{
    struct sequence q = { .in = in, .in_end = in + in_bytes, .dictionary = out, .out = out, .room_end = out + room };

    make_tables(s);
    while (q.in < q.in_end && *q.in != 0) {
        int rc;

        if (*q.in >= 0x80)
            rc = packed_chunk(s, &q);
        else
            rc = *q.in <= 2 ? stored_chunk(&q) : ERR(EINVAL);
        if (rc != 0)
            return rc;
    }
    if (q.in == q.in_end)
        return ERR(EINVAL);
    *taken = (size_t)(q.in + 1 - in);
    *written = (size_t)(q.out - out);
    return 0;
}

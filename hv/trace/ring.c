/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of trace records in the layout of xen/trace.h. Lock: none; only its CPU writes, interrupts off. */
#include "ring.h"

#include <hv/lib.h>

#define WORD            sizeof(uint32_t)
#define CYCLE_WORDS     2u
#define LOST_WORDS      4u
#define RECORD_BYTES(n) ((uint32_t)((1 + CYCLE_WORDS + (n)) * WORD))

static struct t_buf *head(const struct trace_ring *r)
{
    return r->page[0];
}

void trace_ring_init(struct trace_ring *r, void **page, uint32_t nr_pages)
{
    *r = (struct trace_ring){ .page = page, .bytes = nr_pages * (uint32_t)PAGE_SIZE - (uint32_t)sizeof(struct t_buf) };
}

/* Trust: cons is dom0's; one that cannot be makes the ring a full one. */
static uint32_t bytes_used(const struct trace_ring *r)
{
    const uint32_t cons = read_once(head(r)->cons);
    uint32_t distance;

    if (cons >= 2 * r->bytes)
        return r->bytes;
    distance = r->prod >= cons ? r->prod - cons : r->prod + 2 * r->bytes - cons;
    return min(distance, r->bytes);
}

static uint32_t position(const struct trace_ring *r)
{
    return r->prod >= r->bytes ? r->prod - r->bytes : r->prod;
}

static void put(struct trace_ring *r, uint32_t word)
{
    const uint32_t at = position(r) + (uint32_t)sizeof(struct t_buf);

    *(uint32_t *)((char *)r->page[at / PAGE_SIZE] + at % PAGE_SIZE) = word;
    r->prod += (uint32_t)WORD;
    if (r->prod == 2 * r->bytes)
        r->prod = 0;
}

static void put_record(struct trace_ring *r, uint32_t event, const uint64_t *cycles, const uint32_t *words, unsigned int nr)
{
    put(r, event | (uint32_t)nr << TRACE_EXTRA_SHIFT | (cycles ? (uint32_t)TRC_HD_CYCLE_FLAG : 0));
    if (cycles) {
        put(r, (uint32_t)*cycles);
        put(r, (uint32_t)(*cycles >> 32));
    }
    for (unsigned int i = 0; i < nr; i++)
        put(r, words[i]);
}

/* T2: the rest, less than the longest record, becomes one record; with a time only to fill more. */
static void put_wrap(struct trace_ring *r, uint32_t rest)
{
    static const uint32_t nothing[TRACE_EXTRA_MAX];
    static const uint64_t no_time;
    const uint32_t words = rest / (uint32_t)WORD - 1;

    if (words <= TRACE_EXTRA_MAX)
        put_record(r, TRC_TRACE_WRAP_BUFFER, NULL, nothing, words);
    else
        put_record(r, TRC_TRACE_WRAP_BUFFER, &no_time, nothing, words - CYCLE_WORDS);
}

static void put_whole(struct trace_ring *r, uint32_t event, uint64_t cycles, const uint32_t *words, unsigned int nr)
{
    const uint32_t rest = r->bytes - position(r);

    if (rest < RECORD_BYTES(nr))
        put_wrap(r, rest);
    put_record(r, event, &cycles, words, nr);
}

/* The layout of a lost record is what the tools read: count, vCPU and domain, time of the first. */
static void put_lost(struct trace_ring *r, uint64_t cycles)
{
    const uint32_t words[LOST_WORDS] = {
        r->nr_lost, (uint32_t)r->lost_vcpu << 16 | r->lost_domain, (uint32_t)r->lost_since, (uint32_t)(r->lost_since >> 32),
    };

    put_whole(r, TRC_LOST_RECORDS, cycles, words, LOST_WORDS);
    r->nr_lost = 0;
}

/* Room for both records, and for what a wrap leaves unused. */
static uint32_t bytes_needed(const struct trace_ring *r, unsigned int nr)
{
    const uint32_t bytes = RECORD_BYTES(nr) + (r->nr_lost ? RECORD_BYTES(LOST_WORDS) : 0);
    const uint32_t rest = r->bytes - position(r);

    return bytes + (rest < bytes ? rest : 0);
}

static void lose(struct trace_ring *r, uint64_t cycles, uint32_t who)
{
    if (r->nr_lost == 0) {
        r->lost_since = cycles;
        r->lost_domain = (uint16_t)(who >> 16);
        r->lost_vcpu = (uint16_t)who;
    }
    if (r->nr_lost != ~0u)
        r->nr_lost++;
}

bool trace_ring_add(struct trace_ring *r, uint32_t event, uint64_t cycles, const uint32_t *words, unsigned int nr, uint32_t who)
{
    const uint32_t before = bytes_used(r), half = r->bytes / 2;

    nr = min(nr, (unsigned int)TRACE_EXTRA_MAX);
    if (bytes_needed(r, nr) > r->bytes - before) {
        lose(r, cycles, who);
        return false;
    }
    if (r->nr_lost)
        put_lost(r, cycles);
    put_whole(r, event, cycles, words, nr);
    /* Order: T3. */
    __atomic_store_n(&head(r)->prod, r->prod, __ATOMIC_RELEASE);
    return before < half && bytes_used(r) >= half;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace rings: what a reader finds, against a list of what was written (T1..T4 of hv/trace/ring.h). */
// sources: hv/trace/ring.c
#include "host_support.h"
#include "../../hv/trace/ring.h"

#include <stdlib.h>

#define NR_PAGES 2u
#define EVENT    (TRC_SCHED_VERBOSE + 4)
#define WHO      (7u << 16 | 3u)

struct fixture {
    struct trace_ring ring;
    void *page[NR_PAGES];
};

/* A reader as xentrace is: it knows the pages only. */
struct record {
    uint32_t event;
    unsigned int nr;
    bool has_cycles;
    uint64_t cycles;
    uint32_t words[TRACE_EXTRA_MAX];
};

static struct t_buf *shared(struct fixture *f)
{
    return f->page[0];
}

static void start(struct fixture *f)
{
    for (unsigned int i = 0; i < NR_PAGES; i++)
        f->page[i] = calloc(1, PAGE_SIZE);
    trace_ring_init(&f->ring, f->page, NR_PAGES);
    assert_int_equal(f->ring.bytes, NR_PAGES * PAGE_SIZE - sizeof(struct t_buf));
}

static void end(struct fixture *f)
{
    for (unsigned int i = 0; i < NR_PAGES; i++)
        free(f->page[i]);
}

static uint32_t word_at(struct fixture *f, uint32_t at)
{
    at = at % f->ring.bytes + sizeof(struct t_buf);
    return *(uint32_t *)((char *)f->page[at / PAGE_SIZE] + at % PAGE_SIZE);
}

static bool take(struct fixture *f, struct record *r)
{
    uint32_t at = shared(f)->cons;

    if (at == shared(f)->prod)
        return false;
    const uint32_t first = word_at(f, at);

    *r = (struct record){ .event = TRC_HD_TO_EVENT(first), .nr = TRC_HD_EXTRA(first), .has_cycles = TRC_HD_INCLUDES_CYCLE_COUNT(first) };
    const uint32_t bytes = 4 * (1 + (r->has_cycles ? 2 : 0) + r->nr);

    /* T2 */
    assert_true(at % f->ring.bytes + bytes <= f->ring.bytes);
    at += 4;
    if (r->has_cycles) {
        r->cycles = word_at(f, at) | (uint64_t)word_at(f, at + 4) << 32;
        at += 8;
    }
    for (unsigned int i = 0; i < r->nr; i++, at += 4)
        r->words[i] = word_at(f, at);
    shared(f)->cons = at % (2 * f->ring.bytes);
    return true;
}

static bool take_event(struct fixture *f, struct record *r)
{
    while (take(f, r))
        if (r->event != TRC_TRACE_WRAP_BUFFER)
            return true;
    return false;
}

static void test_records(void **state)
{
    static const uint32_t words[] = { 1, 2, 3 };
    struct fixture f;
    struct record r;

    start(&f);
    assert_false(trace_ring_add(&f.ring, EVENT, 0x123456789aULL, words, 3, WHO));
    assert_false(trace_ring_add(&f.ring, EVENT + 1, 5, NULL, 0, WHO));
    assert_true(take(&f, &r));
    assert_int_equal(r.event, EVENT);
    assert_true(r.has_cycles && r.cycles == 0x123456789aULL && r.nr == 3);
    assert_memory_equal(r.words, words, sizeof(words));
    assert_true(take(&f, &r));
    assert_true(r.event == EVENT + 1 && r.nr == 0 && r.cycles == 5);
    assert_false(take(&f, &r));
    end(&f);
}

/* Records of all lengths, read at random times: each arrives whole and in order, or is counted as lost. */
static void test_stream(void **state)
{
    uint32_t words[TRACE_EXTRA_MAX], expected = 0;
    struct fixture f;
    struct record r;

    start(&f);
    srand(1);
    for (uint32_t serial = 0; serial < 200000; serial++) {
        const unsigned int nr = 1 + (unsigned int)rand() % TRACE_EXTRA_MAX;

        for (unsigned int i = 0; i < nr; i++)
            words[i] = serial;
        trace_ring_add(&f.ring, EVENT, serial, words, nr, WHO);
        if (rand() % 300)
            continue;
        for (unsigned int n = (unsigned int)rand() % 600; n > 0 && take_event(&f, &r); n--) {
            if (r.event == TRC_LOST_RECORDS) {
                assert_int_equal(r.nr, 4);
                assert_int_equal(r.words[1], 3u << 16 | 7u);
                assert_int_equal(r.words[2], expected); /* the first one's time */
                expected += r.words[0];
                continue;
            }
            assert_int_equal(r.words[0], expected);
            assert_int_equal(r.words[r.nr - 1], expected);
            expected++;
        }
    }
    end(&f);
}

static void test_half_full_once(void **state)
{
    const uint32_t word = 0;
    unsigned int told = 0, added = 0;
    struct fixture f;
    struct record r;

    start(&f);
    for (; f.ring.nr_lost == 0; added++)
        told += trace_ring_add(&f.ring, EVENT, 0, &word, 1, WHO);
    assert_int_equal(told, 1);
    assert_int_equal(added - 1, f.ring.bytes / 16);
    while (take(&f, &r))
        ;
    for (told = 0; f.ring.nr_lost < 2;)
        told += trace_ring_add(&f.ring, EVENT, 0, &word, 1, WHO);
    assert_int_equal(told, 1);
    end(&f);
}

/* T1: dom0 may write anything into the shared head; nothing is written outside the ring (ASan) or over what is unread. */
static void test_hostile_reader(void **state)
{
    const uint32_t words[TRACE_EXTRA_MAX] = { 0 };
    struct fixture f;

    start(&f);
    srand(2);
    for (unsigned int i = 0; i < 100000; i++) {
        shared(&f)->cons = rand() % 3 ? (uint32_t)rand() << 1 : (uint32_t)rand() % (2 * f.ring.bytes);
        shared(&f)->prod = (uint32_t)rand() << 1;
        trace_ring_add(&f.ring, EVENT, i, words, (unsigned int)rand() % 20, WHO);
        assert_true(f.ring.prod < 2 * f.ring.bytes && f.ring.prod % 4 == 0);
    }
    shared(&f)->cons = 2 * f.ring.bytes;
    const uint32_t before = f.ring.prod;

    trace_ring_add(&f.ring, EVENT, 0, words, 1, WHO);
    assert_int_equal(f.ring.prod, before);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_half_full_once),
        cmocka_unit_test(test_hostile_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

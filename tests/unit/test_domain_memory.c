/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of domains: owning, limits, claims, stealing, sharing; and that a domain holds itself by them. */
// sources: hv/mm/domain_memory.c hv/mm/buddy.c hv/mm/heap.c hv/mm/frame.c hv/mm/m2p.c hv/lib/bitmap.c
#include "host_support.h"
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>

#define NR_FRAMES 2048u

uint64_t *host_m2p;
uint32_t tlb_clock_now(void) { return 0; }
void tlb_filter(cpumask_t *cpus, uint32_t stamp) { }
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va) { }

static struct domain a, b;

bool domain_get(struct domain *d)
{
    d->refs++;
    return true;
}

void domain_put(struct domain *d)
{
    assert_int_equal(host_locks_held, 0);
    assert_true(d->refs > 0);
    d->refs--;
}

static void domain_reset(struct domain *d, domid_t id)
{
    *d = (struct domain){ .id = id, .refs = 1, .pages = FRAME_NO_LINK, .max_pages = 100 };
    spin_init(&d->page_lock, RANK_DOMAIN_PAGES);
}

static uint64_t free_at_start;

static int setup(void **state)
{
    host_ram_init(NR_FRAMES);
    host_m2p = calloc(NR_FRAMES, sizeof(*host_m2p));
    buddy_add(MFN(1), MFN(NR_FRAMES));
    /* The table of owners takes its page once. */
    domain_reset(&a, 1);
    domain_frame_release(domain_frames_alloc(&a, 0, 0));
    free_at_start = buddy_nr_free();
    domain_reset(&a, 1);
    domain_reset(&b, 2);
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(buddy_nr_free(), free_at_start);
    assert_int_equal(buddy_nr_claimed(), 0);
    return 0;
}

static int group_teardown(void **state)
{
    host_ram_free();
    free(host_m2p);
    return 0;
}

static int test_setup(void **state)
{
    domain_reset(&a, 1);
    domain_reset(&b, 2);
    return 0;
}

/* M1, M2 */
static unsigned int check_list(const struct domain *d)
{
    uint32_t previous = FRAME_NO_LINK;
    unsigned int n = 0;

    for (uint32_t m = d->pages; m != FRAME_NO_LINK; m = frame_of(MFN(m))->next) {
        assert_int_equal(frame_of(MFN(m))->prev, previous);
        assert_int_equal(frame_of(MFN(m))->owner, d->id);
        assert_true(frame_of(MFN(m))->refs > 0);
        previous = m;
        n++;
    }
    assert_int_equal(n, d->nr_pages);
    return n;
}

static void release_all(struct domain *d)
{
    while (d->pages != FRAME_NO_LINK)
        domain_frame_release(frame_of(MFN(d->pages)));
}

static void alloc_and_release(void **state)
{
    struct frame *f = domain_frames_alloc(&a, 3, 0);

    assert_int_equal(check_list(&a), 8);
    assert_int_equal(a.refs, 2);
    assert_int_equal(f[5].refs, 1);
    assert_true(f[5].flags & FRAME_ALLOCATED);
    m2p_set(frame_mfn(f + 5), 42);
    assert_true(frame_get(f + 5, &a));
    domain_frame_release(f + 5);
    domain_frame_release(f + 5); /* F6: once is all */
    assert_int_equal(f[5].refs, 1);
    assert_int_equal(check_list(&a), 8);
    assert_int_equal(m2p_get(frame_mfn(f + 5)), 42);
    frame_put(f + 5);
    assert_int_equal(check_list(&a), 7);
    assert_int_equal(m2p_get(frame_mfn(f + 5)), M2P_INVALID);
    assert_true(f[5].flags & FRAME_NEED_SCRUB);
    release_all(&a);
    assert_int_equal(a.refs, 1);
}

static void limits(void **state)
{
    struct frame *f;

    a.max_pages = 9;
    assert_non_null(domain_frames_alloc(&a, 3, 0));
    assert_null(domain_frames_alloc(&a, 1, 0));
    assert_non_null(domain_frames_alloc(&a, 0, 0));
    assert_null(domain_frames_alloc(&a, 0, 0));
    assert_non_null(f = domain_frames_alloc(&a, 0, ALLOC_NO_LIMIT));
    f = buddy_alloc(0, 0);
    assert_int_equal(domain_frames_assign(&a, f, 0, 0), -XEN_E2BIG);
    buddy_free(f, 0);
    release_all(&a);
    a.dying = DOMAIN_DYING;
    assert_null(domain_frames_alloc(&a, 0, 0));
    assert_int_equal(a.refs, 1);
}

static void width_of_the_domain(void **state)
{
    a.page_bits = 22; /* frames below 1024 */
    assert_true(frame_mfn(domain_frames_alloc(&a, 0, 0)).v < 1024);
    assert_true(frame_mfn(domain_frames_alloc(&a, 0, ALLOC_BITS(32))).v < 1024);
    assert_true(frame_mfn(domain_frames_alloc(&a, 0, ALLOC_BITS(21))).v < 512);
    release_all(&a);
}

static void claims(void **state)
{
    a.max_pages = b.max_pages = NR_FRAMES;
    assert_int_equal(domain_claim_pages(&a, 1000), 0);
    assert_int_equal(domain_claim_pages(&a, 1001), -XEN_EINVAL); /* it has one */
    assert_int_equal(domain_claim_pages(&b, NR_FRAMES), -XEN_ENOMEM);
    assert_int_equal(domain_claim_pages(&b, NR_FRAMES + 1), -XEN_EINVAL);
    assert_int_equal(buddy_nr_claimed(), 1000);
    assert_non_null(domain_frames_alloc(&a, 8, 0));
    assert_int_equal(a.nr_outstanding, 744);
    assert_int_equal(buddy_nr_claimed(), 744);
    while (domain_frames_alloc(&b, 0, 0) != NULL)
        ;
    assert_int_equal(buddy_nr_free(), 744);
    for (unsigned int i = 0; i < 744; i++)
        assert_non_null(domain_frames_alloc(&a, 0, 0));
    assert_int_equal(buddy_nr_free(), 0);
    release_all(&b);
    assert_int_equal(domain_claim_pages(&a, 1000), -XEN_EINVAL); /* as many as it has */
    assert_int_equal(domain_claim_pages(&a, 1010), 0);
    assert_int_equal(domain_claim_pages(&a, 0), 0);
    assert_int_equal(domain_claim_pages(&a, 0), 0);
    release_all(&a);
}

static void stealing(void **state)
{
    struct frame *f = domain_frames_alloc(&a, 0, 0);

    assert_int_equal(domain_frame_steal(&b, f), -XEN_EINVAL);
    assert_true(frame_get(f, &a));
    assert_int_equal(domain_frame_steal(&a, f), -XEN_EINVAL); /* somebody holds it */
    assert_true(f->flags & FRAME_ALLOCATED);
    frame_put(f);
    assert_int_equal(domain_frame_steal(&a, f), 0);
    assert_int_equal(f->refs, 0);
    assert_int_equal(f->owner, DOMID_INVALID);
    assert_int_equal(check_list(&a), 0);
    assert_int_equal(a.refs, 1);
    assert_int_equal(domain_frame_steal(&a, f), -XEN_EINVAL);
    assert_int_equal(domain_frames_assign(&b, f, 0, 0), 0);
    assert_int_equal(check_list(&b), 1);
    release_all(&b);
}

static void exchange_keeps_the_count(void **state)
{
    struct frame *f = domain_frames_alloc(&a, 0, 0);

    a.max_pages = 1;
    assert_int_equal(domain_frame_detach(&a, f, ALLOC_KEEP_COUNT), 0);
    assert_int_equal(a.nr_pages, 1);
    assert_int_equal(a.refs, 2);
    assert_null(domain_frames_alloc(&a, 0, 0)); /* no page more by way of an exchange */
    assert_int_equal(domain_frames_assign(&a, f, 0, ALLOC_KEEP_COUNT), 0);
    assert_int_equal(check_list(&a), 1);
    assert_int_equal(domain_frame_detach(&a, f, ALLOC_KEEP_COUNT), 0);
    buddy_free(f, 0);
    domain_pages_uncount(&a, 1);
    assert_int_equal(a.nr_pages, 0);
    assert_int_equal(a.refs, 1);
}

static void sharing(void **state)
{
    void *page = pages_alloc(0, ALLOC_ZERO);
    struct frame *f = frame_of(va_mfn(page));

    frame_share(page, &a, true);
    assert_int_equal(a.nr_shared_pages, 1);
    assert_int_equal(a.nr_pages, 0);
    assert_int_equal(a.refs, 2);
    assert_true(frame_get(f, &a));
    assert_int_equal(frame_take_type(f, FRAME_SHARED), -XEN_EINVAL); /* its type is final */
    assert_int_equal(frame_take_type(f, FRAME_WRITABLE), 0);
    assert_int_equal(domain_frame_steal(&a, f), -XEN_EINVAL);
    domain_frame_release(f);
    assert_int_equal(a.nr_shared_pages, 1); /* still mapped */
    frame_put_and_drop(f);
    assert_int_equal(a.nr_shared_pages, 0);
    assert_int_equal(a.refs, 1);
    assert_int_equal(f->owner, DOMID_INVALID);
    pages_free(page, 0);
    assert_int_equal(page ? f->flags & FRAME_NEED_SCRUB : 0, FRAME_NEED_SCRUB);
}

/* Domain ids come again: while a zombie has pages, its id is not to be used for others'. */
static void two_of_an_id(void **state)
{
    struct frame *f = domain_frames_alloc(&a, 0, 0);

    b.id = a.id;
    assert_null(domain_frames_alloc(&b, 0, 0));
    domain_frame_release(f);
    assert_non_null(domain_frames_alloc(&b, 0, 0));
    release_all(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(alloc_and_release), TEST(limits), TEST(width_of_the_domain), TEST(claims), TEST(stealing),
        TEST(exchange_keeps_the_count), TEST(sharing), TEST(two_of_an_id),
    };

    return cmocka_run_group_tests(tests, setup, group_teardown);
}

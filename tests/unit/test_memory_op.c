/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op on real page accounting: lists, continuations, exchange with each of its failures, memory maps. */
// sources: hv/control/access.c hv/hypercall/memory_op.c hv/hypercall/memory_op_reservation.c hv/hypercall/memory_op_exchange.c hv/hypercall/memory_op_resource.c arch/x86/pv/e820.c hv/mm/domain_memory.c hv/mm/buddy.c hv/mm/heap.c hv/mm/frame.c hv/mm/m2p.c hv/lib/bitmap.c hv/lib/rangeset.c
#include "host_support.h"
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/tlb.h>
#include <hv/boot_info.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>
#include <xen/memory.h>
#include "arch/x86/pv/e820.h"

#define NR_FRAMES 4096u

uint64_t *host_m2p;
struct boot_info boot_info;
static struct domain a, b;
static struct vcpu vcpu_a = { .domain = &a };
static unsigned int preempt_after; /* 0: never */
static uint64_t continued_cmd;

uint32_t tlb_clock_now(void) { return 0; }
void tlb_filter(cpumask_t *cpus, uint32_t stamp) { }
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va) { }
bool domain_get(struct domain *d) { d->refs++; return true; }
void domain_put(struct domain *d) { d->refs--; }
mfn_t hv_m2p_chunk(uint64_t n) { return n < 3 ? MFN(0x200 * (n + 1)) : MFN_INVALID; }
unsigned int grant_max_frames(const struct domain *d) { return 64; }

int grant_table_frame(struct domain *d, unsigned int idx, bool status, mfn_t *out)
{
    *out = MFN(7000 + idx);
    return idx < 64 && !status ? 0 : -XEN_EINVAL;
}

struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d = id == DOMID_SELF || id == a.id ? &a : id == b.id ? &b : NULL;

    if (d)
        d->refs++;
    return d;
}

/* Guest memory is the host's, but for addresses in the last page. */
static bool is_guest(uint64_t va, size_t n) { return va + n >= va && va + n < 0xffffffffffff0000 && va >= PAGE_SIZE; }
bool guest_range_ok(uint64_t va, size_t n) { return va + n >= va && va + n < 0xffffffffffff0000; }

int guest_read(void *dst, uint64_t va, size_t n)
{
    if (!is_guest(va, n))
        return -XEN_EFAULT;
    memcpy(dst, (const void *)(uintptr_t)va, n);
    return 0;
}

int guest_write(uint64_t va, const void *src, size_t n)
{
    if (!is_guest(va, n))
        return -XEN_EFAULT;
    memcpy((void *)(uintptr_t)va, src, n);
    return 0;
}

bool hypercall_preempt_check(void)
{
    return preempt_after && --preempt_after == 0;
}

long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    assert_int_equal(nr, __HYPERVISOR_memory_op);
    continued_cmd = a1;
    return -XEN_ERESTART;
}

static long op(uint64_t cmd, void *arg)
{
    return hc_memory_op(cmd, (uintptr_t)arg, 0, 0, 0);
}

static void domain_reset(struct domain *d, domid_t id)
{
    *d = (struct domain){ .id = id, .refs = 1, .pages = FRAME_NO_LINK, .max_pages = 2000 };
    spin_init(&d->page_lock, RANK_DOMAIN_PAGES);
    spin_init(&d->arch.e820_lock, RANK_LEAF);
    rangeset_init(&d->iomem_allowed);
}

static int group_setup(void **state)
{
    host_ram_init(NR_FRAMES);
    host_m2p = calloc(NR_FRAMES, sizeof(*host_m2p));
    buddy_add(MFN(1), MFN(NR_FRAMES));
    domain_reset(&a, 1);
    domain_frame_release(domain_frames_alloc(&a, 0, 0));
    host_test_current = &vcpu_a;
    host_log_quiet = true;
    return 0;
}

static int group_teardown(void **state)
{
    host_ram_free();
    free(host_m2p);
    return 0;
}

static uint64_t free_before;

static int setup(void **state)
{
    domain_reset(&a, 1);
    domain_reset(&b, 2);
    preempt_after = 0;
    free_before = buddy_nr_free();
    return 0;
}

static void release_all(struct domain *d)
{
    while (d->pages != FRAME_NO_LINK)
        domain_frame_release(frame_of(MFN(d->pages)));
}

static int teardown(void **state)
{
    release_all(&a);
    release_all(&b);
    rangeset_fini(&a.iomem_allowed);
    heap_free(a.arch.e820);
    assert_int_equal(a.refs, 1);
    assert_int_equal(b.refs, 1);
    assert_int_equal(buddy_nr_free(), free_before);
    return 0;
}

/* ---- reservations ---- */

static xen_pfn_t list[64];

static struct xen_memory_reservation reservation(domid_t domid, unsigned long nr, unsigned int order)
{
    struct xen_memory_reservation r = { .nr_extents = nr, .extent_order = order, .domid = domid };

    set_xen_guest_handle(r.extent_start, list);
    return r;
}

static void populate_and_decrease(void **state)
{
    struct xen_memory_reservation r = reservation(DOMID_SELF, 5, 1);

    for (unsigned int i = 0; i < 5; i++)
        list[i] = 100 + 2 * i;
    assert_int_equal(op(XENMEM_populate_physmap, &r), 5);
    assert_int_equal(a.nr_pages, 10);
    assert_int_equal(m2p_get(MFN(list[3])), 106);
    assert_int_equal(m2p_get(MFN(list[3] + 1)), 107);
    assert_int_equal(op(XENMEM_decrease_reservation, &r), 5);
    assert_int_equal(a.nr_pages, 0);
    assert_int_equal(op(XENMEM_decrease_reservation, &r), 0);
}

static void increase_without_a_list(void **state)
{
    struct xen_memory_reservation r = reservation(DOMID_SELF, 5, 0);

    set_xen_guest_handle(r.extent_start, NULL);
    assert_int_equal(op(XENMEM_increase_reservation, &r), 5);
    assert_int_equal(a.nr_pages, 5);
}

static void continuation(void **state)
{
    struct xen_memory_reservation r = reservation(DOMID_SELF, 20, 0);

    preempt_after = 7;
    assert_int_equal(op(XENMEM_increase_reservation, &r), -XEN_ERESTART);
    assert_int_equal(continued_cmd, XENMEM_increase_reservation | 7 << 6);
    assert_int_equal(a.nr_pages, 7);
    assert_int_equal(op(continued_cmd, &r), 20);
    assert_int_equal(a.nr_pages, 20);
}

static void reservation_limits(void **state)
{
    struct xen_memory_reservation r = reservation(DOMID_SELF, 3, 0);

    a.max_pages = 2;
    assert_int_equal(op(XENMEM_increase_reservation, &r), 2);
    r = reservation(DOMID_SELF, 1, 10);
    a.max_pages = 100000;
    assert_int_equal(op(XENMEM_increase_reservation, &r), 0); /* only 2 MiB for a guest */
    a.is_control = true;
    assert_int_equal(op(XENMEM_increase_reservation, &r), 1);
    r = reservation(DOMID_SELF, 1ul << 60, 0);
    assert_int_equal(op(XENMEM_increase_reservation, &r), 0);
    r = reservation(DOMID_SELF, 3, 0);
    assert_int_equal(op(XENMEM_increase_reservation | 3 << 6, &r), 3);
    r.mem_flags = 12; /* address bits */
    assert_int_equal(op(XENMEM_increase_reservation, &r), 0);
    r.mem_flags = 20;
    assert_int_equal(op(XENMEM_increase_reservation, &r), 3);
    assert_true(list[2] < 256);
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)~0xffful);
    assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
    assert_int_equal(op(XENMEM_increase_reservation, NULL), 0);
}

static void others_memory(void **state)
{
    struct xen_memory_reservation r = reservation(2, 1, 0);

    assert_int_equal(op(XENMEM_populate_physmap, &r), -XEN_EPERM);
    a.is_control = true;
    list[0] = 5;
    assert_int_equal(op(XENMEM_populate_physmap, &r), 1);
    assert_int_equal(b.nr_pages, 1);
    r.domid = 77;
    assert_int_equal(op(XENMEM_populate_physmap, &r), 0);
    r = reservation(DOMID_SELF, 1, 0); /* not its own */
    assert_int_equal(op(XENMEM_decrease_reservation, &r), 0);
    assert_int_equal(b.nr_pages, 1);
}

static void numbers(void **state)
{
    domid_t id = DOMID_SELF;
    struct xen_memory_reservation claim = { .domid = 2, .nr_extents = 30 };

    assert_int_equal(op(XENMEM_maximum_ram_page, NULL), NR_FRAMES);
    assert_int_equal(op(XENMEM_maximum_reservation, &id), 2000);
    assert_int_equal(op(XENMEM_current_reservation, &id), 0);
    assert_int_equal(op(XENMEM_current_reservation | 1 << 6, &id), -XEN_EINVAL);
    assert_int_equal(op(XENMEM_current_reservation, NULL), -XEN_EFAULT);
    id = 2;
    assert_int_equal(op(XENMEM_current_reservation, &id), -XEN_EPERM);
    id = 9;
    assert_int_equal(op(XENMEM_current_reservation, &id), -XEN_ESRCH);
    assert_int_equal(op(XENMEM_claim_pages, &claim), -XEN_EPERM);
    a.is_control = true;
    assert_int_equal(op(XENMEM_claim_pages, &claim), 0);
    claim.nr_extents = 0;
    assert_int_equal(op(XENMEM_claim_pages, &claim), 0);
    assert_int_equal(op(63, NULL), -XEN_ENOSYS);
}

/* ---- exchange ---- */

static xen_pfn_t in_list[64], out_list[64];

static struct xen_memory_exchange exchange(unsigned long nr_in, unsigned int in_order, unsigned long nr_out, unsigned int out_order)
{
    struct xen_memory_exchange e = {
        .in = { .nr_extents = nr_in, .extent_order = in_order, .domid = DOMID_SELF },
        .out = { .nr_extents = nr_out, .extent_order = out_order, .domid = DOMID_SELF },
    };

    set_xen_guest_handle(e.in.extent_start, in_list);
    set_xen_guest_handle(e.out.extent_start, out_list);
    return e;
}

/* Single pages for in_list, named 500, 501, … */
static void give_pages(unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        in_list[i] = frame_mfn(domain_frames_alloc(&a, 0, 0)).v;
        m2p_set(MFN(in_list[i]), 500 + i);
    }
}

static void exchange_for_contiguous(void **state)
{
    struct xen_memory_exchange e = exchange(16, 0, 2, 3);

    give_pages(16);
    out_list[0] = 500;
    out_list[1] = 508;
    assert_int_equal(op(XENMEM_exchange, &e), 0);
    assert_int_equal(e.nr_exchanged, 16);
    assert_int_equal(a.nr_pages, 16);
    for (unsigned int i = 0; i < 16; i++) {
        assert_int_equal(m2p_get(MFN(out_list[i / 8] + i % 8)), 500 + i);
        assert_int_equal(frame_of(MFN(out_list[i / 8] + i % 8))->owner, a.id);
    }
    /* And back into single pages. */
    e = exchange(2, 3, 16, 0);
    memcpy(in_list, out_list, sizeof(in_list));
    for (unsigned int i = 0; i < 16; i++)
        out_list[i] = 900 + i;
    assert_int_equal(op(XENMEM_exchange, &e), 0);
    assert_int_equal(e.nr_exchanged, 2);
    assert_int_equal(a.nr_pages, 16);
    assert_int_equal(m2p_get(MFN(out_list[15])), 915);
}

static void exchange_below_a_limit(void **state)
{
    struct xen_memory_exchange e = exchange(4, 0, 4, 0);

    give_pages(4);
    e.out.mem_flags = XENMEMF_address_bits(21);
    assert_int_equal(op(XENMEM_exchange, &e), 0);
    for (unsigned int i = 0; i < 4; i++)
        assert_true(out_list[i] < 512);
}

static void exchange_stops_and_goes_on(void **state)
{
    struct xen_memory_exchange e = exchange(8, 0, 4, 1);

    give_pages(8);
    preempt_after = 2;
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_ERESTART);
    assert_int_equal(e.nr_exchanged, 4);
    assert_int_equal(op(continued_cmd, &e), 0);
    assert_int_equal(e.nr_exchanged, 8);
    assert_int_equal(a.nr_pages, 8);
}

/* A page that somebody uses, in the middle of a chunk: what was taken before it is given back as it was. */
static void exchange_of_a_used_page(void **state)
{
    struct xen_memory_exchange e = exchange(8, 0, 1, 3);

    give_pages(8);
    assert_true(frame_get(frame_of(MFN(in_list[5])), &a));
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EINVAL);
    assert_int_equal(e.nr_exchanged, 0);
    assert_int_equal(a.nr_pages, 8);
    for (unsigned int i = 0; i < 8; i++) {
        assert_int_equal(frame_of(MFN(in_list[i]))->owner, a.id);
        assert_int_equal(m2p_get(MFN(in_list[i])), 500 + i);
    }
    frame_put(frame_of(MFN(in_list[5])));
}

static void exchange_without_memory(void **state)
{
    struct xen_memory_exchange e = exchange(4, 0, 1, 2);
    struct frame *all[NR_FRAMES];
    unsigned int n = 0;

    give_pages(4);
    while ((all[n] = buddy_alloc(2, ALLOC_NO_SCRUB)) != NULL)
        n++;
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_ENOMEM);
    assert_int_equal(a.nr_pages, 4);
    while (n-- > 0)
        buddy_free(all[n], 2);
}

static void exchange_that_makes_no_sense(void **state)
{
    struct xen_memory_exchange e = exchange(8, 0, 2, 3);

    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EINVAL); /* sizes differ */
    e = exchange(8, 0, 1, 3);
    e.nr_exchanged = 9;
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EINVAL);
    e = exchange(1, 10, 1, 10);
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EPERM);
    e = exchange(1ul << 63, 1, 1ul << 63, 1);
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EINVAL);
    e = exchange(1ul << 62, 0, 1ul << 62, 0);
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EFAULT);
    e = exchange(1, 0, 1, 0);
    e.out.domid = 2;
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EINVAL);
    e = exchange(1, 0, 1, 0);
    in_list[0] = ~0ul;
    assert_int_equal(op(XENMEM_exchange, &e), -XEN_EINVAL);
    assert_int_equal(op(XENMEM_exchange, NULL), -XEN_EFAULT);
}

/* ---- resources and maps ---- */

static void acquire_grant_table(void **state)
{
    xen_pfn_t frames[40] = { 0 };
    struct xen_mem_acquire_resource x = { .domid = 2, .type = XENMEM_resource_grant_table };

    assert_int_equal(op(XENMEM_acquire_resource, &x), -XEN_EPERM);
    a.is_control = true;
    assert_int_equal(op(XENMEM_acquire_resource, &x), 0);
    assert_int_equal(x.nr_frames, 64);
    x.nr_frames = 40;
    set_xen_guest_handle(x.frame_list, frames);
    preempt_after = 1;
    assert_int_equal(op(XENMEM_acquire_resource, &x), -XEN_ERESTART);
    assert_int_equal(op(continued_cmd, &x), 0);
    assert_int_equal(frames[39], 7039);
    x.frame = 63;
    x.nr_frames = 2;
    assert_int_equal(op(XENMEM_acquire_resource, &x), -XEN_EINVAL);
    x.frame = ~0ull;
    assert_int_equal(op(XENMEM_acquire_resource, &x), -XEN_EINVAL);
    x.pad = 1;
    assert_int_equal(op(XENMEM_acquire_resource, &x), -XEN_EINVAL);
}

static void machphys(void **state)
{
    xen_pfn_t chunks[5] = { 0 };
    struct xen_machphys_mfn_list x = { .max_extents = 5 };

    set_xen_guest_handle(x.extent_start, chunks);
    assert_int_equal(op(XENMEM_machphys_mfn_list, &x), 0);
    assert_int_equal(x.nr_extents, 3);
    assert_int_equal(chunks[2], 0x600);
}

static void own_memory_map(void **state)
{
    struct e820_entry map[3] = { { 0, 0x1000, 1 }, { 0x1000, 0x2000, 2 } }, got[3];
    struct xen_foreign_memory_map set = { .domid = DOMID_SELF, .map.nr_entries = 2 };
    struct xen_memory_map get = { .nr_entries = 3 };

    set_xen_guest_handle(set.map.buffer, map);
    set_xen_guest_handle(get.buffer, got);
    assert_int_equal(op(XENMEM_memory_map, &get), -XEN_ENOSYS);
    assert_int_equal(op(XENMEM_set_memory_map, &set), 0);
    assert_int_equal(op(XENMEM_memory_map, &get), 0);
    assert_int_equal(get.nr_entries, 2);
    assert_memory_equal(got, map, 40);
    set.map.nr_entries = 5000;
    assert_int_equal(op(XENMEM_set_memory_map, &set), -XEN_EINVAL);
}

static void machine_map_shows_what_dom0_may_not_have(void **state)
{
    struct e820_entry got[8];
    struct xen_memory_map get = { .nr_entries = 8 };

    boot_info.nr_memory = 2;
    boot_info.memory[0] = (struct memory_range){ 0, 0x9fc00, 1 };
    boot_info.memory[1] = (struct memory_range){ 0x100000, 0x700000, 1 };
    cpu_features.phys_bits = 36;
    assert_int_equal(rangeset_add(&a.iomem_allowed, 0, 0xffffff), 0);
    assert_int_equal(rangeset_remove(&a.iomem_allowed, 0xfee00, 0xfeeff), 0);
    set_xen_guest_handle(get.buffer, NULL);
    assert_int_equal(op(XENMEM_machine_memory_map, &get), -XEN_EPERM);
    a.is_control = true;
    assert_int_equal(op(XENMEM_machine_memory_map, &get), 0);
    assert_int_equal(get.nr_entries, 3);
    set_xen_guest_handle(get.buffer, got);
    assert_int_equal(op(XENMEM_machine_memory_map, &get), 0);
    assert_int_equal(got[1].start, 0x100000);
    assert_int_equal(got[2].start, 0xfee00000);
    assert_int_equal(got[2].size, 0x100000);
    assert_int_equal(got[2].kind, E820_RESERVED);
    get.nr_entries = 2;
    assert_int_equal(op(XENMEM_machine_memory_map, &get), -XEN_EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(populate_and_decrease), TEST(increase_without_a_list), TEST(continuation), TEST(reservation_limits),
        TEST(others_memory), TEST(numbers), TEST(exchange_for_contiguous), TEST(exchange_below_a_limit),
        TEST(exchange_stops_and_goes_on), TEST(exchange_of_a_used_page), TEST(exchange_without_memory),
        TEST(exchange_that_makes_no_sense), TEST(acquire_grant_table), TEST(machphys), TEST(own_memory_map),
        TEST(machine_map_shows_what_dom0_may_not_have),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants: what was wrong with counts, marks, races and versions. A domain grants to itself; the paths are the same. */
#include "advisory.h"

#define REF 8u

static struct grant_entry_v1 *v1;
static uint64_t *page, *window[2];

static long op(unsigned int cmd, void *arg, unsigned int count) { return HC3(grant_table_op, cmd, arg, count); }

static void grant(unsigned int ref, const void *p, uint16_t flags)
{
    v1[ref].flags = 0;
    v1[ref].domid = own_id;
    v1[ref].frame = (uint32_t)va_to_mfn(p);
    __atomic_store_n(&v1[ref].flags, flags, __ATOMIC_SEQ_CST);
}

static unsigned int marks(unsigned int ref) { return v1[ref].flags & (GTF_reading | GTF_writing); }

static struct gnttab_map_grant_ref map(unsigned int ref, unsigned int flags, uint64_t host_addr)
{
    struct gnttab_map_grant_ref m = { .host_addr = host_addr, .flags = flags, .ref = ref, .dom = own_id };

    CHECK_RC(op(GNTTABOP_map_grant_ref, &m, 1), 0);
    return m;
}

static int16_t unmap(grant_handle_t handle, uint64_t host_addr, uint64_t bus)
{
    struct gnttab_unmap_grant_ref u = { .host_addr = host_addr, .dev_bus_addr = bus, .handle = handle };

    CHECK_RC(op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    return u.status;
}

/* Is anybody left who may write to it? A page becomes a table only if not. */
static bool is_held_writable(uint64_t *p)
{
    if (make_readonly(p) != 0)
        return true;
    const long rc = mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(p), 0);

    if (rc == 0)
        CHECK_RC(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(p), 0), 0);
    CHECK_RC(make_writable(p), 0);
    return rc != 0;
}

/* Two vCPUs unmap one mapping: one of them succeeds, and counts go down once. */
static volatile grant_handle_t shared_handle;
static volatile unsigned int nr_other;

static void unmap_too(void)
{
    if (unmap(shared_handle, (uint64_t)window[0], 0) == GNTST_okay)
        __atomic_fetch_add(&nr_other, 1, __ATOMIC_SEQ_CST);
}

static void xsa_218_two_unmap_one_mapping(void)
{
    unsigned int nr_mapped = 0, nr_mine = 0;
    uint64_t end = 0;

    grant(REF, page, GTF_permit_access);
    shared_handle = ~0u;
    nr_other = 0;
    start_other(unmap_too);
    while (racing(&end)) {
        struct gnttab_map_grant_ref m = map(REF, GNTMAP_host_map, (uint64_t)window[0]);

        if (m.status != GNTST_okay)
            continue;
        nr_mapped++;
        shared_handle = m.handle;
        nr_mine += unmap(m.handle, (uint64_t)window[0], 0) == GNTST_okay;
        /* Not there again before it is gone: else the other one, who is late, would unmap the new one. */
        while (marks(REF) && racing(&end))
            HC2(sched_op, SCHEDOP_yield, 0);
    }
    stop_other();
    CHECK_RC(nr_mine + nr_other, nr_mapped);
    CHECK(nr_mapped != 0);
    CHECK_RC(marks(REF), 0);
    CHECK(!is_held_writable(page));
}

/* Mapped for the CPU and for devices: each part holds the page by itself, and is given back once. */
static void two_parts(bool device_first)
{
    grant(REF, page, GTF_permit_access);
    struct gnttab_map_grant_ref m = map(REF, GNTMAP_host_map | GNTMAP_device_map, (uint64_t)window[0]);

    CHECK_RC(m.status, GNTST_okay);
    CHECK_RC(device_first ? unmap(m.handle, 0, m.dev_bus_addr) : unmap(m.handle, (uint64_t)window[0], 0), GNTST_okay);
    CHECK(marks(REF) == (GTF_reading | GTF_writing));
    CHECK(is_held_writable(page));
    CHECK_RC(device_first ? unmap(m.handle, (uint64_t)window[0], 0) : unmap(m.handle, 0, m.dev_bus_addr), GNTST_okay);
    CHECK_RC(marks(REF), 0);
    CHECK(!is_held_writable(page));
    CHECK(unmap(m.handle, (uint64_t)window[0], m.dev_bus_addr) < 0);
    CHECK_RC(marks(REF), 0);
    CHECK_RC(make_writable(page), 0);
}

static void xsa_224_device_part_holds_the_page(void) { two_parts(false); }
static void xsa_394_unmapped_in_two_steps(void) { two_parts(true); }

/* The address of an entry that is none: nothing is written anywhere. */
static void xsa_227_misaligned_entry(void)
{
    const uint64_t at = pte_maddr(window[0]), before = *pte_of(window[0]), behind = pte_of(window[0])[1];

    grant(REF, page, GTF_permit_access);
    for (unsigned int i = 1; i < 8; i++)
        CHECK(map(REF, GNTMAP_host_map | GNTMAP_contains_pte, at + i).status < 0);
    CHECK(*pte_of(window[0]) == before && pte_of(window[0])[1] == behind);
    CHECK_RC(marks(REF), 0);
}

/* Two vCPUs take handles from one list and give them back: nobody gets one that is in use. */
static volatile bool handle_in_use[4096];
static volatile unsigned int nr_double;

static void use_handle(unsigned int ref, uint64_t *at)
{
    struct gnttab_map_grant_ref m = map(ref, GNTMAP_host_map, (uint64_t)at);

    if (m.status != GNTST_okay || m.handle >= 4096 || __atomic_exchange_n(&handle_in_use[m.handle], true, __ATOMIC_SEQ_CST)) {
        nr_double++;
        return;
    }
    handle_in_use[m.handle] = false;
    if (unmap(m.handle, (uint64_t)at, 0) != GNTST_okay)
        nr_double++;
}

static void use_handle_too(void) { use_handle(REF + 1, window[1]); }

static void xsa_228_list_of_handles(void)
{
    uint64_t end = 0;

    grant(REF, page, GTF_permit_access);
    grant(REF + 1, page, GTF_permit_access);
    nr_double = 0;
    start_other(use_handle_too);
    while (racing(&end))
        use_handle(REF, window[0]);
    stop_other();
    CHECK_RC(nr_double, 0);
    CHECK_RC(marks(REF) | marks(REF + 1), 0);
}

/* The marks say that the grant is in use as long as anybody uses it. */
static void xsa_230_marks_stay(void)
{
    grant(REF, page, GTF_permit_access);
    struct gnttab_map_grant_ref a = map(REF, GNTMAP_host_map, (uint64_t)window[0]), b = map(REF, GNTMAP_host_map, (uint64_t)window[1]);
    struct gnttab_copy c = { .source = { .u.ref = REF, .domid = own_id }, .dest = { .u.ref = REF, .domid = own_id, .offset = 64 }, .len = 64,
                             .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref };

    CHECK(a.status == GNTST_okay && b.status == GNTST_okay);
    CHECK_RC(op(GNTTABOP_copy, &c, 1), 0);
    CHECK(marks(REF) == (GTF_reading | GTF_writing));
    CHECK_RC(unmap(a.handle, (uint64_t)window[0], 0), GNTST_okay);
    CHECK(marks(REF) == (GTF_reading | GTF_writing));
    CHECK_RC(map(REF, GNTMAP_host_map, 0x1000).status < 0, 1);
    CHECK(marks(REF) == (GTF_reading | GTF_writing));
    CHECK_RC(unmap(b.handle, (uint64_t)window[1], 0), GNTST_okay);
    CHECK_RC(marks(REF), 0);
}

/* Frames whose owners have no grant table at all. */
static void xsa_232_owners_without_a_table(void)
{
    const uint64_t frames[] = { 0, 1, 0xa0, 0xb8, 0xfee00, start_info->shared_info >> 12, 0x100000, ~0ul >> 12 };
    struct gnttab_cache_flush f = { .length = 64, .op = GNTTAB_CACHE_CLEAN };

    for (unsigned int i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
        f.a.dev_bus_addr = frames[i] << 12;
        (void)op(GNTTABOP_cache_flush, &f, 1);
        f.op = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_SOURCE_GREF;
        (void)op(GNTTABOP_cache_flush, &f, 1);
        f.op = GNTTAB_CACHE_CLEAN;
    }
    static const domid_t nobody[] = { DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_IDLE, DOMID_INVALID };
    for (unsigned int i = 0; i < sizeof(nobody) / sizeof(*nobody); i++) {
        struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)window[0], .flags = GNTMAP_host_map, .dom = nobody[i] };

        CHECK_RC(op(GNTTABOP_map_grant_ref, &m, 1), 0);
        CHECK(m.status < 0);
    }
}

/* The guest changes the entry of a mapping by other means: it is not unmapped then, until the entry is what it was. */
static void xsa_234_entry_changed_meanwhile(void)
{
    static const uint64_t left[] = { 0, PTE_P | PTE_A };

    for (unsigned int i = 0; i < 2; i++) {
        grant(REF, page, GTF_permit_access);
        struct gnttab_map_grant_ref m = map(REF, GNTMAP_host_map, (uint64_t)window[0]);
        const uint64_t was = *pte_of(window[0]);

        CHECK_RC(m.status, GNTST_okay);
        CHECK_RC(set_pte(window[0], left[i] ? va_to_mfn(page) << 12 | left[i] : 0, UVMF_INVLPG), 0);
        CHECK(unmap(m.handle, (uint64_t)window[0], 0) < 0);
        CHECK(marks(REF) == (GTF_reading | GTF_writing));
        CHECK_RC(set_pte(window[0], was, UVMF_INVLPG), 0);
        CHECK_RC(unmap(m.handle, (uint64_t)window[0], 0), GNTST_okay);
        CHECK_RC(marks(REF), 0);
        CHECK_RC(set_pte(window[0], 0, UVMF_INVLPG), 0);
        CHECK(!is_held_writable(page));
        /* The page counts what maps it, no less: ours is there. */
        CHECK(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page), 0) != 0);
    }
}

/* An error is an error: no status of a mapping that failed is 0 or above. */
static void xsa_316_errors_are_negative(void)
{
    grant(REF, page, GTF_permit_access | GTF_readonly);
    CHECK(map(REF, GNTMAP_host_map, (uint64_t)window[0]).status < 0);
    CHECK(map(REF + 40, GNTMAP_host_map, (uint64_t)window[0]).status < 0);
    CHECK(map(~0u, GNTMAP_host_map, (uint64_t)window[0]).status < 0);
    CHECK(map(REF, 0, (uint64_t)window[0]).status < 0);
    grant(REF, page, GTF_permit_access);
    CHECK(map(REF, GNTMAP_host_map, 0xffff830000000000).status < 0);
    CHECK(map(REF, GNTMAP_host_map, 0x8000000000000000).status < 0);
    CHECK(map(REF, GNTMAP_host_map, 0x1000).status < 0);
    CHECK(map(REF, GNTMAP_host_map | GNTMAP_contains_pte, va_to_mfn(page) << 12).status < 0);
    grant(REF, pte_of(page), GTF_permit_access);
    CHECK(map(REF, GNTMAP_host_map, (uint64_t)window[0]).status < 0);
    CHECK_RC(marks(REF), 0);
}

/* A long list with failures in it, interrupted by timers: each operation has its own status. */
static void xsa_318_status_of_each_copy(void)
{
    static struct gnttab_copy c[1500];
    unsigned int nr_wrong = 0;

    grant(REF, page, GTF_permit_access);
    for (unsigned int i = 0; i < 1500; i++)
        c[i] = (struct gnttab_copy){ .source = { .u.ref = i % 50 == 49 ? REF + 40 : REF, .domid = own_id }, .dest = { .u.ref = REF, .domid = own_id },
                                     .len = PAGE_SIZE, .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref, .status = 77 };
    HC1(set_timer_op, system_time() + 500000);
    CHECK_RC(op(GNTTABOP_copy, c, 1500), 0);
    for (unsigned int i = 0; i < 1500; i++)
        nr_wrong += (i % 50 == 49) ? c[i].status >= 0 : c[i].status != GNTST_okay;
    CHECK_RC(nr_wrong, 0);
    CHECK_RC(marks(REF), 0);
}

/* In a table of version 1 the entries that are exchanged are those of version 1. */
static void xsa_134_swap_knows_the_version(void)
{
    struct gnttab_swap_grant_ref s = { .ref_a = REF, .ref_b = REF + 5 };
    const struct grant_entry_v1 before = v1[REF + 1];

    grant(REF, page, GTF_permit_access);
    grant(REF + 5, window[0], GTF_permit_access | GTF_readonly);
    const struct grant_entry_v1 a = v1[REF], b = v1[REF + 5];

    CHECK_RC(op(GNTTABOP_swap_grant_ref, &s, 1), 0);
    CHECK_RC(s.status, GNTST_okay);
    CHECK(memcmp(&v1[REF], &b, sizeof(b)) == 0 && memcmp(&v1[REF + 5], &a, sizeof(a)) == 0);
    CHECK(memcmp(&v1[REF + 1], &before, sizeof(before)) == 0);
    s.ref_b = ~0u;
    CHECK_RC(op(GNTTABOP_swap_grant_ref, &s, 1), 0);
    CHECK(s.status < 0);
    v1[REF].flags = v1[REF + 5].flags = 0;
}

/* ---- version 2 ---- */

static long set_version(unsigned int version)
{
    struct gnttab_set_version v = { .version = version };

    return op(GNTTABOP_set_version, &v, 1);
}

static int16_t status_frames(unsigned int n, uint64_t *frames)
{
    struct gnttab_get_status_frames g = { .nr_frames = n, .dom = DOMID_SELF };

    set_xen_guest_handle(g.frame_list, frames);
    CHECK_RC(op(GNTTABOP_get_status_frames, &g, 1), 0);
    return g.status;
}

/* Grants that lead on to other grants: to nothing, to themselves, in circles. They end, and leave no mark. */
static void xsa_226_transitive_circles(void)
{
    union grant_entry_v2 *v2 = (void *)v1;
    struct gnttab_copy c = { .source = { .domid = own_id }, .dest = { .u.gmfn = va_to_mfn(page), .domid = DOMID_SELF }, .len = 8, .flags = GNTCOPY_source_gref };
    uint64_t frame;

    CHECK_RC(set_version(2), 0);
    CHECK_RC(status_frames(1, &frame), GNTST_okay);
    uint16_t *status = (void *)window[1];
    CHECK_RC(set_pte(window[1], frame << 12 | PTE_P | PTE_A, UVMF_INVLPG), 0);
    for (unsigned int i = 0; i < 4; i++) {
        v2[REF + i].transitive.trans_domid = i == 3 ? 1234 : own_id;
        v2[REF + i].transitive.gref = i == 2 ? REF : REF + i + (i == 0);
        v2[REF + i].hdr.domid = own_id;
        __atomic_store_n(&v2[REF + i].hdr.flags, GTF_transitive, __ATOMIC_SEQ_CST);
    }
    for (unsigned int i = 0; i < 4; i++)
        for (unsigned int n = 0; n < 20; n++) {
            c.source.u.ref = REF + i;
            CHECK_RC(op(GNTTABOP_copy, &c, 1), 0);
            CHECK(c.status < 0);
            CHECK_RC(status[REF + i], 0);
        }
    CHECK_RC(set_pte(window[1], 0, UVMF_INVLPG), 0);
    for (unsigned int i = 0; i < 4; i++)
        v2[REF + i].hdr.flags = 0;
    CHECK_RC(set_version(1), 0);
}

/* From version 2 to 1 and back, many times, while a status frame is looked at: what is seen is never anybody else's page. */
static void xsa_379_status_frames_stay_ours(void)
{
    uint64_t frame, again, v;

    CHECK_RC(set_version(2), 0);
    CHECK_RC(status_frames(1, &frame), GNTST_okay);
    CHECK_RC(set_pte(window[1], frame << 12 | PTE_P | PTE_A, UVMF_INVLPG), 0);
    for (unsigned int i = 0; i < 50; i++) {
        const long rc = set_version(1);

        CHECK(rc == 0 || rc == -XEN_EBUSY);
        if (rc != 0)
            break;
        CHECK(status_frames(1, &again) < 0);
        CHECK(try_read(&window[1][5], &v) ? v == 0 : true);
        CHECK_RC(set_version(2), 0);
        CHECK_RC(status_frames(1, &again), GNTST_okay);
        CHECK(again == frame || !try_read(window[1], &v));
    }
    CHECK_RC(set_pte(window[1], 0, UVMF_INVLPG), 0);
    CHECK_RC(set_version(1), 0);
}

/* A version is changed while a grant is mapped: refused, and the way back is as clean after it. */
static void xsa_255_version_change_while_in_use(void)
{
    grant(REF, page, GTF_permit_access);
    struct gnttab_map_grant_ref m = map(REF, GNTMAP_host_map, (uint64_t)window[0]);

    CHECK_RC(m.status, GNTST_okay);
    for (unsigned int i = 0; i < 4; i++)
        CHECK(set_version(2) < 0);
    CHECK(marks(REF) == (GTF_reading | GTF_writing));
    CHECK_RC(unmap(m.handle, (uint64_t)window[0], 0), GNTST_okay);
    v1[REF].flags = 0;
    for (unsigned int i = 0; i < 20; i++) {
        CHECK_RC(set_version(2), 0);
        CHECK_RC(set_version(1), 0);
    }
}

/* As many status frames as there are, and one more; the table grown before and after. */
static void xsa_382_bounds_of_status_frames(void)
{
    struct gnttab_query_size q = { .dom = DOMID_SELF };
    static xen_pfn_t shared[64];
    static uint64_t frames[64];
    struct gnttab_setup_table s = { .dom = DOMID_SELF };

    CHECK_RC(op(GNTTABOP_query_size, &q, 1), 0);
    CHECK_RC(set_version(2), 0);
    s.nr_frames = q.max_nr_frames > 64 ? 64 : q.max_nr_frames;
    set_xen_guest_handle(s.frame_list, shared);
    CHECK_RC(op(GNTTABOP_setup_table, &s, 1), 0);
    CHECK_RC(s.status, GNTST_okay);
    /* A status word of 2 bytes for each entry of 16. */
    const unsigned int n = (s.nr_frames + 7) / 8;
    CHECK_RC(status_frames(n, frames), GNTST_okay);
    for (unsigned int i = 0; i < n; i++)
        CHECK(frames[i] != 0 && frames[i] < 0x1000000);
    static const unsigned int more[] = { 1, 7, 8, 64, 1000, 0x7fffffff };
    for (unsigned int i = 0; i < sizeof(more) / sizeof(*more); i++)
        CHECK(status_frames(n + more[i], frames) < 0);
    CHECK(status_frames(~0u, frames) < 0);
    CHECK_RC(set_version(1), 0);
}

void grants(void)
{
    struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
    xen_pfn_t frame = 0;

    v1 = page_alloc();
    page = page_alloc();
    set_xen_guest_handle(s.frame_list, &frame);
    CHECK_RC(op(GNTTABOP_setup_table, &s, 1), 0);
    CHECK_RC(set_pte(v1, frame << 12 | PTE_P | PTE_RW | PTE_A, UVMF_INVLPG), 0);
    for (unsigned int i = 0; i < 2; i++) {
        window[i] = page_alloc();
        CHECK_RC(set_pte(window[i], 0, UVMF_INVLPG), 0);
    }
    CASE(xsa_134_swap_knows_the_version);
    CASE(xsa_218_two_unmap_one_mapping);
    CASE(xsa_224_device_part_holds_the_page);
    CASE(xsa_227_misaligned_entry);
    CASE(xsa_228_list_of_handles);
    CASE(xsa_230_marks_stay);
    CASE(xsa_232_owners_without_a_table);
    CASE(xsa_234_entry_changed_meanwhile);
    CASE(xsa_316_errors_are_negative);
    CASE(xsa_318_status_of_each_copy);
    CASE(xsa_394_unmapped_in_two_steps);
    CASE(xsa_255_version_change_while_in_use);
    CASE(xsa_226_transitive_circles);
    CASE(xsa_379_status_frames_stay_ours);
    CASE(xsa_382_bounds_of_status_frames);
}

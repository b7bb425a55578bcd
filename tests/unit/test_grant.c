/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables through the hypercall: both versions, mappings, copies, transfers, limits, life;
 * and granters that rewrite entries while they are used. Domain 1 grants, domain 2 uses.
 */
// sources: hv/control/access.c hv/grant/table.c hv/grant/pin.c hv/grant/maptrack.c hv/grant/array.c hv/grant/map.c hv/grant/copy.c hv/grant/transfer.c hv/grant/setup.c hv/grant/entry_ops.c hv/grant/op.c hv/grant/dump.c hv/grant/format_v1.c hv/grant/format_v2.c hv/mm/frame.c
// cflags: -pthread
#include "domains_host.h"

#include <arch/cpu.h>
#include <hv/param.h>
#include "../../hv/grant/table.h"

static struct grant_table *world_table(unsigned int dom) { return world[dom].grants; }

int param_parse_bool(const char *s) { return strcmp(s, "on") == 0 ? 1 : strcmp(s, "off") == 0 ? 0 : -XEN_EINVAL; }
void m2p_set(mfn_t mfn, uint64_t pfn) { }
size_t strlcpy(char *dst, const char *src, size_t size)
{
    snprintf(dst, size, "%s", src);
    return strlen(src);
}

/* ---- memory of domains ---- */
static unsigned int pages_discarded;

void frame_share(void *page, struct domain *d, bool writable)
{
    *frame_of(va_mfn(page)) = (struct frame){
        .refs = 1, .owner = d->id, .flags = FRAME_ALLOCATED | FRAME_HYPERVISOR, .type_info = ((uint64_t)FRAME_WRITABLE << FRAME_TYPE_SHIFT) | 1,
    };
}
int domain_frame_steal(struct domain *d, struct frame *f)
{
    if (f->owner != d->id || f->refs != 1)
        return -XEN_EINVAL;
    f->refs = 0;
    f->owner = DOMID_INVALID;
    return 0;
}
int domain_frames_assign(struct domain *d, struct frame *f, unsigned int order, uint32_t alloc_flags)
{
    *f = (struct frame){ .refs = 1, .owner = d->id, .flags = FRAME_ALLOCATED };
    d->nr_pages++;
    return 0;
}
struct frame *buddy_alloc(unsigned int order, uint32_t alloc_flags) { return NULL; }
void buddy_free(struct frame *f, unsigned int order) { pages_discarded++; }

/* ---- page tables ---- */
static struct { uint64_t addr; mfn_t mfn; unsigned int flags; } mapped[64];
static unsigned int cleaned;

int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags)
{
    for (unsigned int i = 0; i < array_size(mapped); i++)
        if (mapped[i].addr == 0 && host_addr != 0) {
            mapped[i].addr = host_addr;
            mapped[i].mfn = mfn;
            mapped[i].flags = flags;
            return GNTST_okay;
        }
    return GNTST_general_error;
}
int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags)
{
    for (unsigned int i = 0; i < array_size(mapped); i++)
        if (mapped[i].addr == host_addr && mfn_eq(mapped[i].mfn, mfn)) {
            mapped[i].addr = new_addr;
            return GNTST_okay;
        }
    return GNTST_general_error;
}
void arch_cache_clean(const void *p, size_t n) { cleaned += (unsigned int)n; }

/* ---- the guests ---- */
static long call(unsigned int cmd, void *ops, uint64_t count) { return hc_grant_table_op(cmd, (uintptr_t)ops, count, 0, 0); }
static grant_entry_v1_t *v1(unsigned int dom, grant_ref_t ref) { return (grant_entry_v1_t *)world_table(dom)->frame[ref / 512] + ref % 512; }
static grant_entry_v2_t *v2(unsigned int dom, grant_ref_t ref) { return (grant_entry_v2_t *)world_table(dom)->frame[ref / 256] + ref % 256; }
static grant_status_t *v2_status(unsigned int dom, grant_ref_t ref) { return world_table(dom)->status[ref / 2048] + ref % 2048; }
static struct frame *frame1(unsigned int i) { return frame_of(page_of(1, i)); }
static char *bytes(unsigned int dom, unsigned int page) { return mfn_va(page_of(dom, page)); }

static void grant(grant_ref_t ref, domid_t to, unsigned int page, uint16_t flags)
{
    *v1(1, ref) = (grant_entry_v1_t){ .flags = GTF_permit_access | flags, .domid = to, .frame = (uint32_t)page_of(1, page).v };
}

static void grant2(grant_ref_t ref, domid_t to, unsigned int page, uint16_t flags)
{
    v2(1, ref)->full_page.frame = page_of(1, page).v;
    v2(1, ref)->hdr = (grant_entry_header_t){ .flags = GTF_permit_access | flags, .domid = to };
}

static int map(domid_t dom, grant_ref_t ref, uint64_t addr, uint32_t flags, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref op = { .host_addr = addr, .flags = flags, .ref = ref, .dom = dom };

    assert_int_equal(call(GNTTABOP_map_grant_ref, &op, 1), 0);
    *handle = op.handle;
    if (op.status == 0)
        assert_true(mfn_eq(maddr_to_mfn(MADDR(op.dev_bus_addr)), frame_mfn(grant_active(world_table(dom), ref)->frame)));
    return op.status;
}

static int unmap(grant_handle_t handle, uint64_t addr, uint64_t bus)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = addr, .dev_bus_addr = bus, .handle = handle };

    assert_int_equal(call(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

static int copy_ref(domid_t dom, grant_ref_t ref, uint16_t from, unsigned int to_page, uint16_t to, uint16_t len)
{
    struct gnttab_copy op = {
        .source = { .u.ref = ref, .domid = dom, .offset = from }, .dest = { .u.gmfn = page_of(2, to_page).v, .domid = DOMID_SELF, .offset = to },
        .len = len, .flags = GNTCOPY_source_gref,
    };

    assert_int_equal(call(GNTTABOP_copy, &op, 1), 0);
    return op.status;
}

static long set_version(uint32_t version)
{
    struct gnttab_set_version op = { version };

    return call(GNTTABOP_set_version, &op, 1);
}

static int setup(void **state)
{
    world_create();
    pages_discarded = cleaned = 0;
    memset(mapped, 0, sizeof(mapped));
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        assert_int_equal(grant_domain_init(&world[i], 3, 2, 2), 0);
    be(2, 0);
    return 0;
}

static int teardown(void **state)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        world[i].dying = DOMAIN_DYING;
        while (grant_domain_release_mappings(&world[i]) != 0)
            ;
    }
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        grant_domain_fini(&world[i]);
    world_destroy();
    return 0;
}

/* ---- mappings, version 1 ---- */

static void map_and_unmap(void **state)
{
    grant_handle_t h, h2;

    grant(20, 2, 3, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_okay);
    assert_int_equal(v1(1, 20)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(frame1(3)->refs, 2);
    assert_true(frame_is_type(frame1(3)->type_info, FRAME_WRITABLE));
    assert_int_equal(mapped[0].addr, 0x1000);
    assert_int_equal(map(1, 20, 0x2000, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay);
    assert_int_equal(unmap(h, 0x3000, 0), GNTST_general_error); /* not there */
    assert_int_equal(unmap(h, 0x1000, 0), GNTST_okay);
    assert_true(flushed > 0);
    assert_int_equal(v1(1, 20)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(frame_type_count(frame1(3)->type_info), 0);
    assert_int_equal(unmap(h, 0x1000, 0), GNTST_bad_handle);
    assert_int_equal(unmap(h2, 0x2000, 0), GNTST_okay);
    assert_int_equal(v1(1, 20)->flags, GTF_permit_access);
    assert_int_equal(frame1(3)->refs, 1);
    assert_int_equal(unmap(0x7fffffff, 0x2000, 0), GNTST_bad_handle);
}

static void refused_mappings(void **state)
{
    const uint32_t host = GNTMAP_host_map;
    grant_handle_t h;

    grant(8, 0, 1, 0);
    assert_int_equal(map(1, 8, 0x1000, host, &h), GNTST_general_error);  /* for another */
    grant(8, 2, 1, GTF_readonly);
    assert_int_equal(map(1, 8, 0x1000, host, &h), GNTST_general_error);  /* read-only */
    assert_int_equal(map(1, 8, 0x1000, host | GNTMAP_readonly, &h), GNTST_okay);
    assert_int_equal(map(1, 8, 0x2000, host, &h), GNTST_general_error);  /* still */
    assert_int_equal(v1(1, 8)->flags, GTF_permit_access | GTF_readonly | GTF_reading);
    grant(9, 2, 1, GTF_sub_page);
    assert_int_equal(map(1, 9, 0x1000, host, &h), GNTST_general_error);
    *v1(1, 10) = (grant_entry_v1_t){ .flags = GTF_accept_transfer, .domid = 2 };
    assert_int_equal(map(1, 10, 0x1000, host, &h), GNTST_general_error);
    assert_int_equal(map(1, 512, 0x1000, host, &h), GNTST_bad_gntref);
    assert_int_equal(map(1, 8, 0x1000, GNTMAP_readonly, &h), GNTST_bad_gntref);
    assert_int_equal(map(9, 8, 0x1000, host, &h), GNTST_bad_domain);
    assert_int_equal(map(DOMID_SELF, 8, 0x1000, host, &h), GNTST_bad_domain);
    grant(11, 2, 1, 0);
    v1(1, 11)->frame = (uint32_t)page_of(0, 0).v;                        /* not the granter's */
    assert_int_equal(map(1, 11, 0x1000, host, &h), GNTST_bad_page);
    v1(1, 11)->frame = ~0u;
    assert_int_equal(map(1, 11, 0x1000, host, &h), GNTST_bad_page);
    assert_int_equal(v1(1, 11)->flags, GTF_permit_access);
    grant(12, 2, 4, 0);
    frame1(4)->type_info = ((uint64_t)FRAME_L1 << FRAME_TYPE_SHIFT) | FRAME_VALIDATED | 1;
    assert_int_equal(map(1, 12, 0x1000, host, &h), GNTST_general_error); /* a page table: not writable */
    assert_int_equal(v1(1, 12)->flags, GTF_permit_access);
    assert_int_equal(map(1, 12, 0x3000, host | GNTMAP_readonly, &h), GNTST_okay);
    assert_int_equal(map(1, 12, 0x4000, host, &h), GNTST_general_error);
    assert_int_equal(v1(1, 12)->flags, GTF_permit_access | GTF_reading);
    frame1(4)->type_info = 0;
    grant(13, 2, 5, 0);
    assert_int_equal(map(1, 13, 0, host, &h), GNTST_general_error);      /* the MMU refuses */
    assert_int_equal(v1(1, 13)->flags, GTF_permit_access);
    assert_int_equal(frame1(5)->refs, 1);
}

/* G2: what the granter writes while the entry is pinned changes nothing. */
static void pinned_entries_are_fixed(void **state)
{
    grant_handle_t h, h2;

    grant(20, 2, 3, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_okay);
    grant(20, 0, 4, 0);
    assert_int_equal(map(1, 20, 0x2000, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay);
    assert_int_equal(mapped[1].mfn.v, page_of(1, 3).v);
    be(0, 0);
    assert_int_equal(map(1, 20, 0x3000, GNTMAP_host_map, &h2), GNTST_general_error);
    be(2, 0);
    assert_int_equal(unmap(h, 0x1000, 0), GNTST_okay);
    assert_int_equal(frame1(4)->refs, 1);
    assert_int_equal(frame1(3)->refs, 2);
}

static void host_and_device(void **state)
{
    const uint64_t bus = mfn_to_maddr(page_of(1, 3)).v;
    grant_handle_t h;

    grant(20, 2, 3, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map | GNTMAP_device_map, &h), GNTST_okay);
    assert_int_equal(grant_active(world_table(1), 20)->writers, 2);
    assert_int_equal(unmap(h, 0x1000, bus + PAGE_SIZE), GNTST_general_error);
    assert_int_equal(unmap(h, 0, 0), GNTST_okay); /* nothing named, nothing done */
    struct gnttab_unmap_grant_ref both[2] = { { .host_addr = 0x1000, .handle = h }, { .dev_bus_addr = bus, .handle = h } };
    assert_int_equal(call(GNTTABOP_unmap_grant_ref, both, 2), 0);
    assert_int_equal(both[0].status, GNTST_okay);
    assert_int_equal(both[1].status, GNTST_okay);
    assert_int_equal(v1(1, 20)->flags, GTF_permit_access);
    assert_int_equal(unmap(h, 0, bus), GNTST_bad_handle);
    assert_int_equal(map(1, 20, 0, GNTMAP_device_map, &h), GNTST_okay); /* no host address needed */
    struct gnttab_unmap_grant_ref twice[2] = { { .dev_bus_addr = bus, .handle = h }, { .dev_bus_addr = bus, .handle = h } };
    assert_int_equal(call(GNTTABOP_unmap_grant_ref, twice, 2), 0);
    assert_int_equal(twice[0].status, GNTST_okay);
    assert_int_equal(twice[1].status, GNTST_bad_handle);
}

static void replace(void **state)
{
    struct gnttab_unmap_and_replace op = { .host_addr = 0x1000, .new_addr = 0x5000 };

    grant(20, 2, 3, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &op.handle), GNTST_okay);
    assert_int_equal(call(GNTTABOP_unmap_and_replace, &op, 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(mapped[0].addr, 0x5000);
    assert_int_equal(frame1(3)->refs, 1);
}

static void own_grants(void **state)
{
    grant_handle_t h;

    be(1, 0);
    grant(20, 1, 3, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_okay);
    assert_int_equal(unmap(h, 0x1000, 0), GNTST_okay);
}

static void handles_run_out(void **state)
{
    struct gnttab_map_grant_ref op[40];
    unsigned int n = 0;

    grant(20, 2, 3, 0);
    do {
        for (unsigned int i = 0; i < 40; i++)
            op[i] = (struct gnttab_map_grant_ref){ .flags = GNTMAP_device_map, .ref = 20, .dom = 1 };
        assert_int_equal(call(GNTTABOP_map_grant_ref, op, 40), 0);
        for (unsigned int i = 0; i < 40; i++)
            n += op[i].status == GNTST_okay;
    } while (op[39].status == GNTST_okay);
    assert_int_equal(n, 2 * 256);
    assert_int_equal(op[39].status, GNTST_no_space);
    assert_int_equal(world[1].refs, 1 + 512);
    assert_int_equal(unmap(100, 0, mfn_to_maddr(page_of(1, 3)).v), GNTST_okay);
    op[0].handle = ~0u;
    assert_int_equal(call(GNTTABOP_map_grant_ref, op, 1), 0);
    assert_int_equal(op[0].handle, 100);
}

/* The granter dies first and stays a zombie until the user of its page lets go. */
static void granter_dies(void **state)
{
    grant_handle_t h;

    grant(20, 2, 3, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_okay);
    world[1].dying = DOMAIN_DEAD;
    assert_int_equal(grant_domain_release_mappings(&world[1]), 0);
    assert_int_equal(world[1].refs, 2);
    assert_int_equal(unmap(h, 0x1000, 0), GNTST_okay);
    assert_int_equal(world[1].refs, 1);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_bad_domain);
    be(1, 0);
}

static void user_dies(void **state)
{
    grant_handle_t h;

    grant(20, 2, 3, 0);
    for (unsigned int i = 0; i < 70; i++)
        assert_int_equal(map(1, 20, 0x1000, i < 10 ? GNTMAP_host_map | GNTMAP_device_map : GNTMAP_device_map, &h), GNTST_okay);
    world[2].dying = DOMAIN_DYING;
    preempt_after = 0;
    assert_int_equal(grant_domain_release_mappings(&world[2]), -XEN_ERESTART);
    assert_int_equal(grant_domain_release_mappings(&world[2]), 0);
    assert_int_equal(v1(1, 20)->flags, GTF_permit_access);
    assert_int_equal(frame1(3)->refs, 1);
    assert_int_equal(world[1].refs, 1);
}

static void arrays(void **state)
{
    struct gnttab_map_grant_ref op[50] = { 0 };

    grant(20, 2, 3, 0);
    for (unsigned int i = 0; i < 50; i++)
        op[i] = (struct gnttab_map_grant_ref){ .flags = GNTMAP_device_map, .ref = 20, .dom = 1 };
    preempt_after = 1;
    assert_int_equal(call(GNTTABOP_map_grant_ref, op, 50), 0);
    assert_true(continuation.valid);
    assert_int_equal(continuation.a2, (uintptr_t)&op[32]);
    assert_int_equal(continuation.a3, 18);
    assert_int_equal(lookups, 1); /* of the granter */
    assert_int_equal(call(GNTTABOP_map_grant_ref, op, 0), 0);
    assert_int_equal(call(GNTTABOP_map_grant_ref, op, 0x80000000), -XEN_EINVAL);
    assert_int_equal(call(GNTTABOP_map_grant_ref | 0x1000, op, 1), -XEN_EINVAL);
    assert_int_equal(call(GNTTABOP_dump_table, op, 1), -XEN_ENOSYS);
    assert_int_equal(call(13, op, 1), -XEN_ENOSYS);
    assert_int_equal(call(GNTTABOP_map_grant_ref, NULL, 1), -XEN_EFAULT);
    assert_int_equal(hc_grant_table_op(GNTTABOP_map_grant_ref, HV_VIRT_START - 8, 1, 0, 0), -XEN_EFAULT);
}

static uint64_t unmapped_from;
static int fault_beyond(uint64_t end) { return end > unmapped_from ? -1 : 0; }

static void elements_before_a_fault_are_done(void **state)
{
    struct gnttab_map_grant_ref op[6];

    grant(20, 2, 3, 0);
    for (unsigned int i = 0; i < 6; i++)
        op[i] = (struct gnttab_map_grant_ref){ .flags = GNTMAP_device_map, .ref = 20, .dom = 1, .status = 77 };
    unmapped_from = (uintptr_t)&op[3];
    before_guest_read = fault_beyond;
    assert_int_equal(call(GNTTABOP_map_grant_ref, op, 6), -XEN_EFAULT);
    for (unsigned int i = 0; i < 6; i++)
        assert_int_equal(op[i].status, i < 3 ? GNTST_okay : 77);
}

/* ---- copies ---- */

static void copies(void **state)
{
    grant(20, 2, 3, GTF_readonly);
    memset(bytes(1, 3), 'x', PAGE_SIZE);
    assert_int_equal(copy_ref(1, 20, 100, 0, 50, 10), GNTST_okay);
    assert_memory_equal(bytes(2, 0) + 48, "\0\0xxxxxxxxxx\0", 13);
    assert_int_equal(v1(1, 20)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(copy_ref(1, 20, 4090, 0, 0, 10), GNTST_bad_copy_arg);
    assert_int_equal(copy_ref(1, 20, 0, 0, 4095, 2), GNTST_bad_copy_arg);
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, PAGE_SIZE), GNTST_okay);
    assert_int_equal(copy_ref(9, 20, 0, 0, 0, 1), GNTST_bad_domain);
    assert_int_equal(copy_ref(1, 21, 0, 0, 0, 1), GNTST_general_error);
    assert_int_equal(copy_ref(1, 99999, 0, 0, 0, 1), GNTST_bad_gntref);

    struct gnttab_copy back = {
        .source = { .u.gmfn = page_of(2, 0).v, .domid = DOMID_SELF }, .dest = { .u.ref = 20, .domid = 1 }, .len = 4, .flags = GNTCOPY_dest_gref,
    };
    call(GNTTABOP_copy, &back, 1);
    assert_int_equal(back.status, GNTST_general_error); /* read-only */
    grant(20, 2, 3, 0);
    memcpy(bytes(2, 0), "abcd", 4);
    call(GNTTABOP_copy, &back, 1);
    assert_int_equal(back.status, GNTST_okay);
    assert_memory_equal(bytes(1, 3), "abcdx", 5);
    back.source.domid = 1;
    call(GNTTABOP_copy, &back, 1);
    assert_int_equal(back.status, GNTST_permission_denied);
    back.source.domid = DOMID_SELF;
    back.source.u.gmfn = page_of(1, 0).v;
    call(GNTTABOP_copy, &back, 1);
    assert_int_equal(back.status, GNTST_bad_page);
    struct gnttab_copy own = {
        .source = { .u.gmfn = page_of(2, 0).v, .domid = DOMID_SELF }, .dest = { .u.gmfn = page_of(2, 0).v, .domid = DOMID_SELF, .offset = 2 }, .len = 4,
    };
    call(GNTTABOP_copy, &own, 1);
    assert_int_equal(own.status, GNTST_okay); /* overlapping */
    assert_memory_equal(bytes(2, 0), "ababcd", 6);
    frame_of(page_of(2, 0))->type_info = ((uint64_t)FRAME_L2 << FRAME_TYPE_SHIFT) | FRAME_VALIDATED | 1;
    call(GNTTABOP_copy, &own, 1);
    assert_int_equal(own.status, GNTST_general_error);
    frame_of(page_of(2, 0))->type_info = 0;
}

static void consecutive_copies_share_a_claim(void **state)
{
    struct gnttab_copy op[30];

    grant(20, 2, 3, 0);
    grant(21, 2, 4, 0);
    for (unsigned int i = 0; i < 30; i++) {
        op[i] = (struct gnttab_copy){
            .source = { .u.ref = i == 15 ? 21 : 20, .domid = 1, .offset = (uint16_t)(i * 8) },
            .dest = { .u.gmfn = page_of(2, 1).v, .domid = DOMID_SELF, .offset = (uint16_t)(i * 8) }, .len = 8, .flags = GNTCOPY_source_gref,
        };
        memset(bytes(1, i == 15 ? 4 : 3) + i * 8, (int)('a' + i), 8);
    }
    assert_int_equal(call(GNTTABOP_copy, op, 30), 0);
    for (unsigned int i = 0; i < 30; i++) {
        assert_int_equal(op[i].status, GNTST_okay);
        assert_int_equal(bytes(2, 1)[i * 8 + 7], (char)('a' + i));
    }
    assert_int_equal(lookups, 3);
    assert_int_equal(v1(1, 20)->flags, GTF_permit_access);
}

/* ---- version 2 ---- */

static void version_2(void **state)
{
    grant_handle_t h, h2;

    be(1, 0);
    grant(GNTTAB_RESERVED_XENSTORE, 2, 1, 0);
    grant(9, 2, 2, 0);
    be(2, 0);
    assert_int_equal(map(1, GNTTAB_RESERVED_XENSTORE, 0x1000, GNTMAP_host_map, &h), GNTST_okay);
    assert_int_equal(map(1, 9, 0x2000, GNTMAP_host_map, &h2), GNTST_okay);
    be(1, 0);
    assert_int_equal(set_version(3), -XEN_EINVAL);
    assert_int_equal(set_version(2), -XEN_EBUSY);
    be(2, 0);
    assert_int_equal(unmap(h2, 0x2000, 0), GNTST_okay);
    be(1, 0);
    assert_int_equal(set_version(2), 0);
    assert_int_equal(v2(1, 9)->hdr.flags, 0);
    assert_int_equal(v2(1, GNTTAB_RESERVED_XENSTORE)->hdr.flags, GTF_permit_access);
    assert_int_equal(v2(1, GNTTAB_RESERVED_XENSTORE)->full_page.frame, page_of(1, 1).v);
    assert_int_equal(*v2_status(1, GNTTAB_RESERVED_XENSTORE), GTF_reading | GTF_writing);
    grant2(200, 2, 3, 0);
    be(2, 0);
    assert_int_equal(unmap(h, 0x1000, 0), GNTST_okay);
    assert_int_equal(*v2_status(1, GNTTAB_RESERVED_XENSTORE), 0);
    assert_int_equal(map(1, 256, 0x1000, GNTMAP_host_map, &h), GNTST_bad_gntref);
    assert_int_equal(map(1, 200, 0x1000, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay);
    assert_int_equal(*v2_status(1, 200), GTF_reading);
    assert_int_equal(map(1, 200, 0x2000, GNTMAP_host_map, &h2), GNTST_okay);
    assert_int_equal(*v2_status(1, 200), GTF_reading | GTF_writing);
    assert_int_equal(unmap(h2, 0x2000, 0), GNTST_okay);
    assert_int_equal(*v2_status(1, 200), GTF_reading);
    assert_int_equal(unmap(h, 0x1000, 0), GNTST_okay);
    assert_int_equal(*v2_status(1, 200), 0);
    be(1, 0);
    v2(1, 3)->hdr.flags = GTF_transitive;
    assert_int_equal(set_version(1), -XEN_ERANGE);
    v2(1, 3)->hdr.flags = 0;
    assert_int_equal(set_version(1), 0);
    assert_int_equal(v1(1, GNTTAB_RESERVED_XENSTORE)->frame, page_of(1, 1).v);
    world_table(1)->max_version = 1;
    assert_int_equal(set_version(2), -XEN_ENOSYS);
}

static void sub_pages(void **state)
{
    grant_handle_t h;

    be(1, 0);
    assert_int_equal(set_version(2), 0);
    grant2(20, 2, 3, GTF_sub_page);
    v2(1, 20)->sub_page.page_off = 100;
    v2(1, 20)->sub_page.length = 50;
    be(2, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_general_error);
    assert_int_equal(copy_ref(1, 20, 100, 0, 0, 50), GNTST_okay);
    assert_int_equal(copy_ref(1, 20, 99, 0, 0, 10), GNTST_general_error);
    assert_int_equal(copy_ref(1, 20, 100, 0, 0, 51), GNTST_general_error);
    v2(1, 20)->sub_page.page_off = 0xffff;
    v2(1, 20)->sub_page.length = 0xffff;
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, 1), GNTST_general_error);
    assert_int_equal(*v2_status(1, 20), 0);
}

/* Domain 0 grants to 1, which passes it on to 2. */
static void transitive_grants(void **state)
{
    be(1, 0);
    assert_int_equal(set_version(2), 0);
    be(2, 0);
    *v1(0, 30) = (grant_entry_v1_t){ .flags = GTF_permit_access | GTF_readonly, .domid = 1, .frame = (uint32_t)page_of(0, 5).v };
    v2(1, 20)->transitive.trans_domid = 0;
    v2(1, 20)->transitive.gref = 30;
    v2(1, 20)->hdr = (grant_entry_header_t){ .flags = GTF_transitive, .domid = 2 };
    memcpy(bytes(0, 5), "deep", 4);
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, 4), GNTST_okay);
    assert_memory_equal(bytes(2, 0), "deep", 4);
    assert_int_equal(v1(0, 30)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(*v2_status(1, 20), 0);
    v2(1, 20)->transitive.trans_domid = 1; /* itself */
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, 4), GNTST_general_error);
    v2(1, 20)->transitive.trans_domid = DOMID_SELF;
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, 4), GNTST_general_error);
    v2(1, 20)->transitive.trans_domid = 0;
    v2(1, 20)->transitive.gref = 31; /* not granted */
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, 4), GNTST_general_error);
    v2(1, 20)->transitive.gref = 30;
    grant_transitive_allowed = false;
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, 4), GNTST_general_error);
    grant_transitive_allowed = true;
    assert_int_equal(*v2_status(1, 20), 0);
    /* One step only. */
    be(0, 0);
    assert_int_equal(set_version(2), 0);
    v2(0, 30)->transitive.trans_domid = 2;
    v2(0, 30)->hdr = (grant_entry_header_t){ .flags = GTF_transitive, .domid = 1 };
    be(2, 0);
    assert_int_equal(copy_ref(1, 20, 0, 0, 0, 4), GNTST_general_error);
}

/* ---- whole tables ---- */

static void tables(void **state)
{
    uint64_t list[4] = { 0 };
    struct gnttab_setup_table st = { .dom = DOMID_SELF, .nr_frames = 2, .frame_list.p = list };
    struct gnttab_query_size qs = { .dom = DOMID_SELF };
    struct gnttab_get_status_frames sf = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list.p = list };
    struct gnttab_get_version gv = { .dom = 1 };
    mfn_t mfn;

    be(1, 0);
    assert_int_equal(call(GNTTABOP_query_size, &qs, 1), 0);
    assert_int_equal(qs.nr_frames, 1);
    assert_int_equal(qs.max_nr_frames, 3);
    assert_int_equal(call(GNTTABOP_setup_table, &st, 2), -XEN_EINVAL);
    assert_int_equal(call(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_okay);
    assert_int_equal(list[1], va_mfn(world_table(1)->frame[1]).v);
    assert_int_equal(list[2], 0);
    st.nr_frames = 4;
    assert_int_equal(call(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_general_error);
    st.dom = 2;
    assert_int_equal(call(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_permission_denied);
    st = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = 1, .frame_list.p = NULL };
    assert_int_equal(call(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_bad_virt_addr);
    assert_int_equal(call(GNTTABOP_get_status_frames, &sf, 1), 0);
    assert_int_equal(sf.status, GNTST_general_error);
    assert_int_equal(grant_table_frame(&world[1], 0, true, &mfn), -XEN_EINVAL);
    assert_int_equal(set_version(2), 0);
    assert_int_equal(call(GNTTABOP_get_status_frames, &sf, 1), 0);
    assert_int_equal(sf.status, GNTST_okay);
    assert_int_equal(list[0], va_mfn(world_table(1)->status[0]).v);
    assert_int_equal(call(GNTTABOP_get_version, &gv, 1), 0);
    assert_int_equal(gv.version, 2);
    gv.dom = 2;
    assert_int_equal(call(GNTTABOP_get_version, &gv, 1), -XEN_EPERM);
    gv.dom = 77;
    assert_int_equal(call(GNTTABOP_get_version, &gv, 1), -XEN_ESRCH);
    assert_int_equal(grant_table_frame(&world[1], 2, false, &mfn), 0);
    assert_int_equal(grant_nr_frames(&world[1]), 3);
    assert_int_equal(grant_table_frame(&world[1], 3, false, &mfn), -XEN_EINVAL);
    assert_int_equal(grant_table_frame(&world[1], 0, true, &mfn), 0);
    assert_int_equal(grant_table_frame(&world[1], 1, true, &mfn), -XEN_EINVAL);
    host_heap_fail_at = 2;
    assert_int_equal(grant_table_frame(&world[2], 1, false, &mfn), -XEN_ENOMEM);
    assert_int_equal(grant_table_frame(&world[2], 1, false, &mfn), 0);
}

static void creation(void **state)
{
    struct domain d = { .id = 5, .refs = 1 };

    assert_int_equal(grant_domain_init(&d, 65, 1, 2), -XEN_EINVAL);
    assert_int_equal(grant_domain_init(&d, 1, 1025, 2), -XEN_EINVAL);
    assert_int_equal(grant_domain_init(&d, 1, 1, 3), -XEN_EINVAL);
    for (unsigned int i = 1; i <= 7; i++) {
        host_heap_fail_at = i;
        assert_int_equal(grant_domain_init(&d, 1, 1, 2), -XEN_ENOMEM);
        assert_ptr_equal(d.grants, NULL);
    }
    assert_int_equal(grant_domain_init(&d, ~0u, ~0u, 0), 0);
    assert_int_equal(grant_max_frames(&d), 64);
    grant_domain_fini(&d);
}

static void swaps(void **state)
{
    struct gnttab_swap_grant_ref op[4] = { { .ref_a = 8, .ref_b = 9 }, { .ref_a = 8, .ref_b = 600 }, { .ref_a = 20, .ref_b = 8 }, { .ref_a = 8, .ref_b = 8 } };
    grant_handle_t h;

    grant(8, 2, 1, 0);
    grant(20, 2, 2, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_okay);
    be(1, 0);
    assert_int_equal(call(GNTTABOP_swap_grant_ref, op, 4), 0);
    assert_int_equal(op[0].status, GNTST_okay);
    assert_int_equal(op[1].status, GNTST_bad_gntref);
    assert_int_equal(op[2].status, GNTST_eagain);
    assert_int_equal(op[3].status, GNTST_okay);
    assert_int_equal(v1(1, 8)->flags, 0);
    assert_int_equal(v1(1, 9)->frame, page_of(1, 1).v);
}

static void cache_flushes(void **state)
{
    struct gnttab_cache_flush op = { .a.dev_bus_addr = mfn_to_maddr(page_of(2, 0)).v, .offset = 10, .length = 20, .op = GNTTAB_CACHE_CLEAN };
    grant_handle_t h;

    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), 0);
    assert_int_equal(cleaned, 20);
    op.a.dev_bus_addr = mfn_to_maddr(page_of(1, 3)).v;
    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), -XEN_EINVAL);
    grant(20, 2, 3, 0);
    assert_int_equal(map(1, 20, 0x1000, GNTMAP_host_map, &h), GNTST_okay);
    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), 0);
    op.op = GNTTAB_CACHE_INVAL;
    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), -XEN_EOPNOTSUPP);
    op.op = GNTTAB_CACHE_SOURCE_GREF;
    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), -XEN_EINVAL);
    op.op = 4;
    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), -XEN_EINVAL);
    op = (struct gnttab_cache_flush){ .a.dev_bus_addr = ~0ULL, .length = 1, .op = GNTTAB_CACHE_CLEAN };
    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), -XEN_EINVAL);
    op.offset = 4096;
    assert_int_equal(call(GNTTABOP_cache_flush, &op, 1), -XEN_EINVAL);
}

/* ---- transfers: 2 gives to 1 ---- */

static void transfers(void **state)
{
    struct gnttab_transfer op = { .mfn = page_of(2, 4).v, .domid = 1, .ref = 20 };

    *v1(1, 20) = (grant_entry_v1_t){ .flags = GTF_accept_transfer, .domid = 2 };
    frame_of(page_of(2, 4))->refs = 2;
    call(GNTTABOP_transfer, &op, 1);
    assert_int_equal(op.status, GNTST_bad_page); /* in use */
    frame_of(page_of(2, 4))->refs = 1;
    call(GNTTABOP_transfer, &op, 1);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(frame_of(page_of(2, 4))->owner, 1);
    assert_int_equal(v1(1, 20)->flags, GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
    assert_int_equal(v1(1, 20)->frame, page_of(2, 4).v);
    op.mfn = page_of(2, 5).v;
    call(GNTTABOP_transfer, &op, 1);
    assert_int_equal(op.status, GNTST_general_error); /* filled already: the page is gone all the same */
    assert_int_equal(pages_discarded, 1);
    op.mfn = page_of(2, 6).v;
    op.domid = 8;
    call(GNTTABOP_transfer, &op, 1);
    assert_int_equal(op.status, GNTST_bad_domain);
    op.mfn = 1ULL << 40;
    call(GNTTABOP_transfer, &op, 1);
    assert_int_equal(op.status, GNTST_bad_page);
    for (unsigned int i = 4; i < 7; i++)
        give_page(2, i);
}

/* ---- a granter that rewrites its entries as fast as it can ---- */

static bool stop;
static grant_entry_v1_t *victim;

static void *rewriter(void *arg)
{
    unsigned int seed = 1;

    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        static const uint16_t kinds[] = { GTF_permit_access, GTF_permit_access | GTF_readonly, GTF_transitive, GTF_permit_access | GTF_sub_page, 0 };

        const uint64_t frame = page_of(0, 0).v + (unsigned int)rand_r(&seed) % (3 * PAGES_PER_DOMAIN);

        __atomic_store_n((uint64_t *)(void *)victim, frame << 32 | 2u << 16 | kinds[rand_r(&seed) % 5], __ATOMIC_SEQ_CST);
        ((volatile uint64_t *)victim)[1] = frame; /* version 2 */
        for (int i = rand_r(&seed) % 16; i > 0; i--)
            cpu_relax();
    }
    return NULL;
}

/* Until mappings have been won often enough for the unlikely paths; however the threads are scheduled, it ends. */
static void hammer(void)
{
    unsigned int ok = 0;
    grant_handle_t h;

    for (unsigned int i = 0; i < 1000000 && ok < 3000; i++) {
        if (map(1, 20, 0x1000, i % 2 ? GNTMAP_host_map : GNTMAP_host_map | GNTMAP_readonly, &h) == GNTST_okay) {
            ok++;
            assert_int_equal(unmap(h, 0x1000, 0), GNTST_okay);
        }
        copy_ref(1, 20, (uint16_t)(i % 4096), 0, 0, 1);
        assert_false(grant_is_pinned(grant_active(world_table(1), 20)));
    }
}

static void hostile_granter(void **state)
{
    pthread_t thread;

    for (unsigned int version = 1; version <= 2; version++) {
        be(1, 0);
        assert_int_equal(set_version(version), 0);
        be(2, 0);
        victim = version == 1 ? v1(1, 20) : (grant_entry_v1_t *)(void *)v2(1, 20);
        stop = false;
        assert_int_equal(pthread_create(&thread, NULL, rewriter, NULL), 0);
        hammer();
        __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
        pthread_join(thread, NULL);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(map_and_unmap), T(refused_mappings), T(pinned_entries_are_fixed), T(host_and_device), T(replace), T(own_grants),
        T(handles_run_out), T(granter_dies), T(user_dies), T(arrays), T(elements_before_a_fault_are_done), T(copies),
        T(consecutive_copies_share_a_claim), T(version_2), T(sub_pages), T(transitive_grants), T(tables), T(creation), T(swaps),
        T(cache_flushes), T(transfers), T(hostile_granter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

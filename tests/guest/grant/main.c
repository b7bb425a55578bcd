/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grant tables: set-up, a mapping of one's own grant, copy, errors. */
#include "../lib/guest.h"

const char test_name[] = "grant";

static struct grant_entry_v1 *table;

static void setup(void)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(op.frame_list, &frame);
    CHECK_RC(HC3(grant_table_op, GNTTABOP_setup_table, &op, 1), 0);
    CHECK(op.status == GNTST_okay && frame != 0);
    table = page_alloc();
    CHECK_RC(set_pte(table, frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG), 0);

    struct gnttab_query_size query = { .dom = DOMID_SELF };
    CHECK_RC(HC3(grant_table_op, GNTTABOP_query_size, &query, 1), 0);
    CHECK(query.status == GNTST_okay && query.nr_frames >= 1 && query.max_nr_frames >= query.nr_frames);
}

static void allow(unsigned int ref, const void *page, uint16_t flags)
{
    table[ref].domid = start_info->flags & SIF_INITDOMAIN ? 0 : DOMID_SELF;
    table[ref].frame = (uint32_t)va_to_mfn(page);
    __atomic_store_n(&table[ref].flags, flags, __ATOMIC_SEQ_CST);
}

static void copy(void)
{
    char *from = page_alloc(), *to = page_alloc();
    struct gnttab_copy op = {
        .source = { .u.ref = 9, .domid = DOMID_SELF, .offset = 100 },
        .dest = { .u.gmfn = va_to_mfn(to), .domid = DOMID_SELF, .offset = 200 },
        .len = 64, .flags = GNTCOPY_source_gref,
    };

    for (unsigned int i = 0; i < 64; i++)
        from[100 + i] = (char)i;
    allow(9, from, GTF_permit_access | GTF_readonly);
    CHECK_RC(HC3(grant_table_op, GNTTABOP_copy, &op, 1), 0);
    CHECK(op.status == GNTST_okay);
    CHECK(memcmp(from + 100, to + 200, 64) == 0);
    CHECK((table[9].flags & (GTF_reading | GTF_writing)) == 0);

    op.len = 4096;
    CHECK_RC(HC3(grant_table_op, GNTTABOP_copy, &op, 1), 0);
    CHECK(op.status != GNTST_okay);
    op.len = 64;
    op.source.u.ref = 10; /* not granted */
    CHECK_RC(HC3(grant_table_op, GNTTABOP_copy, &op, 1), 0);
    CHECK(op.status == GNTST_bad_gntref || op.status == GNTST_general_error || op.status == GNTST_permission_denied);
}

static void map(void)
{
    uint64_t *page = page_alloc(), *at = page_alloc();
    struct gnttab_map_grant_ref m = { .host_addr = (uint64_t)at, .flags = GNTMAP_host_map, .ref = 11, .dom = 0 /* our own: these tests run as dom0 */ };

    page[0] = 77;
    CHECK_RC(set_pte(at, 0, UVMF_INVLPG), 0);
    allow(11, page, GTF_permit_access);
    CHECK_RC(HC3(grant_table_op, GNTTABOP_map_grant_ref, &m, 1), 0);
    if (m.status != GNTST_okay)
        print("  map status %d\n", m.status);
    CHECK(m.status == GNTST_okay);
    if (m.status != GNTST_okay)
        return;
    CHECK(at[0] == 77);
    at[0] = 78;
    CHECK(page[0] == 78);
    CHECK(table[11].flags & GTF_writing);

    struct gnttab_unmap_grant_ref u = { .host_addr = (uint64_t)at, .handle = m.handle };
    CHECK_RC(HC3(grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK(u.status == GNTST_okay);
    CHECK(!try_write(at, 1));
    CHECK((table[11].flags & (GTF_reading | GTF_writing)) == 0);
    CHECK_RC(HC3(grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK(u.status == GNTST_bad_handle);
}

void test_main(void)
{
    setup();
    copy();
    map();
}

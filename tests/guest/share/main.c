/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grant tables, versions 1 and 2: every operation's errors, mappings of all kinds, status frames, copies in chains. */
#include "../lib/guest.h"

const char test_name[] = "share";

static struct grant_entry_v1 *v1;
static union grant_entry_v2 *v2;
static grant_status_t *status_page;
static unsigned int version = 1;

static long op(unsigned int cmd, void *arg, unsigned int count) { return HC3(grant_table_op, cmd, arg, count); }

static void grant(unsigned int ref, domid_t domid, uint64_t mfn, uint16_t flags)
{
    if (version == 1) {
        v1[ref].flags = 0;
        v1[ref].domid = domid;
        v1[ref].frame = (uint32_t)mfn;
        __atomic_store_n(&v1[ref].flags, flags, __ATOMIC_SEQ_CST);
    } else {
        v2[ref].hdr.flags = 0;
        v2[ref].full_page.hdr.domid = domid;
        v2[ref].full_page.frame = mfn;
        __atomic_store_n(&v2[ref].hdr.flags, flags, __ATOMIC_SEQ_CST);
    }
}

static unsigned int in_use(unsigned int ref)
{
    return version == 1 ? v1[ref].flags & (GTF_reading | GTF_writing) : status_page[ref];
}

static void map_frames(void *at, uint64_t frame, uint64_t flags)
{
    CHECK_RC(set_pte(at, frame << 12 | PTE_P | PTE_A | PTE_D | flags, UVMF_INVLPG), 0);
}

static long setup(domid_t dom, unsigned int nr, xen_pfn_t *frames, int16_t *status)
{
    struct gnttab_setup_table s = { .dom = dom, .nr_frames = nr };

    set_xen_guest_handle(s.frame_list, frames);
    const long rc = op(GNTTABOP_setup_table, &s, 1);
    *status = s.status;
    return rc;
}

static void setups(void)
{
    static xen_pfn_t frames[128];
    int16_t st = 0;
    struct gnttab_query_size q = { .dom = DOMID_SELF };

    SHOW(op(GNTTABOP_query_size, &q, 1));
    print("= size %u of %u, status %d\n", q.nr_frames, q.max_nr_frames, q.status);
    q.dom = 1;
    SHOW(op(GNTTABOP_query_size, &q, 1));
    SHOW(q.status);
    q.dom = DOMID_IO;
    SHOW(op(GNTTABOP_query_size, &q, 1));
    SHOW(q.status);
    SHOW(op(GNTTABOP_query_size, &q, 2));
    SHOW(op(GNTTABOP_query_size, (void *)0x1000, 1));
    SHOW(op(GNTTABOP_query_size, (void *)0x1000, 0));
    SHOW(setup(DOMID_SELF, 65, frames, &st));
    SHOW(st);
    SHOW(setup(DOMID_SELF, ~0u, frames, &st));
    SHOW(st);
    SHOW(setup(DOMID_SELF, 0, frames, &st));
    SHOW(st);
    SHOW(setup(1, 1, frames, &st));
    SHOW(st);
    SHOW(setup(0, 1, frames, &st));
    SHOW(st);
    SHOW(setup(DOMID_SELF, 2, (xen_pfn_t *)0x1000, &st));
    SHOW(st);
    SHOW(setup(DOMID_SELF, 2, (xen_pfn_t *)0xffff830000000000, &st));
    SHOW(st);
    SHOW(setup(DOMID_SELF, 0, (xen_pfn_t *)0xffff830000000000, &st));
    SHOW(st);
    SHOW(setup(DOMID_SELF, 2, (xen_pfn_t *)0x8000000000000000, &st));
    SHOW(st);
    SHOW(setup(DOMID_SELF, 2, frames, &st));
    SHOW(st);
    SHOW(frames[0] != frames[1] && frames[1] != 0);
    v1 = page_alloc();
    map_frames(v1, frames[0], PTE_RW);
    q.dom = DOMID_SELF;
    SHOW(op(GNTTABOP_query_size, &q, 1));
    SHOW(q.nr_frames);
    for (unsigned int cmd = 0; cmd < 15; cmd++)
        for (unsigned int n = 0; n < 2; n++)
            if (cmd != GNTTABOP_dump_table)
                print("= op %u count %u without argument: %ld\n", cmd, n, op(cmd, 0, n));
    SHOW(op(0, 0, ~0u));
    SHOW(op(~0u, 0, 0));
}

static uint64_t *granted, *window;

static int16_t map(unsigned int ref, unsigned int flags, uint64_t host_addr, domid_t dom, grant_handle_t *handle, uint64_t *bus)
{
    struct gnttab_map_grant_ref m = { .host_addr = host_addr, .flags = flags, .ref = ref, .dom = dom };

    if (op(GNTTABOP_map_grant_ref, &m, 1) != 0)
        return -99;
    *handle = m.handle;
    if (bus)
        *bus = m.dev_bus_addr;
    return m.status;
}

static int16_t unmap(grant_handle_t handle, uint64_t host_addr, uint64_t dev)
{
    struct gnttab_unmap_grant_ref u = { .host_addr = host_addr, .dev_bus_addr = dev, .handle = handle };

    if (op(GNTTABOP_unmap_grant_ref, &u, 1) != 0)
        return -99;
    return u.status;
}

static void mappings(void)
{
    grant_handle_t h = 0, h2 = 0;
    uint64_t bus = 0, v;
    const uint64_t at = (uint64_t)window;

    print("= mappings, version %u\n", version);
    granted[0] = 0x11;
    grant(8, 0, va_to_mfn(granted), GTF_permit_access);
    SHOW(set_pte(window, 0, UVMF_INVLPG));
    SHOW(map(8, GNTMAP_host_map, at, 0, &h, &bus));
    SHOW(bus == va_to_mfn(granted) << 12);
    SHOW(window[0]);
    SHOW_HEX(*pte_of(window) & 0xfff0000000000fffull & ~(PTE_A | PTE_D));
    SHOW(try_write(window, 0x12));
    SHOW(granted[0]);
    SHOW_HEX(in_use(8));
    SHOW(map(8, GNTMAP_host_map | GNTMAP_readonly, at, 0, &h2, NULL));   /* over another */
    SHOW(unmap(h2, at, 0));
    SHOW(unmap(h, at, 0));
    SHOW_HEX(in_use(8));
    SHOW(try_read(window, &v));
    SHOW(unmap(h, at, 0));

    SHOW(map(8, GNTMAP_host_map | GNTMAP_readonly, at, 0, &h, NULL));
    SHOW_HEX(*pte_of(window) & 0xfff0000000000fffull & ~(PTE_A | PTE_D));
    SHOW(try_write(window, 0x13));
    SHOW_HEX(in_use(8));
    SHOW(make_readonly(granted));                    /* the owner may look at it differently */
    SHOW(make_writable(granted));
    SHOW(unmap(h, at + 8, 0));
    SHOW(unmap(h, at + PAGE_SIZE, 0));
    SHOW(unmap(h, 0x1000, 0));
    SHOW(unmap(h, 0, 0));
    SHOW(unmap(h, at, 0x1000));
    SHOW_HEX(in_use(8));
    SHOW(unmap(h, at, 0));
    SHOW_HEX(in_use(8));

    SHOW(map(8, GNTMAP_host_map | GNTMAP_application_map, at, 0, &h, NULL));
    SHOW_HEX(*pte_of(window) & 0xfff0000000000fffull & ~(PTE_A | PTE_D));
    SHOW(unmap(h, at, 0));
    SHOW(map(8, GNTMAP_host_map | GNTMAP_contains_pte, pte_maddr(window), 0, &h, NULL));
    SHOW(try_write(window, 0x14));
    SHOW(unmap(h, at, 0));
    SHOW(unmap(h, pte_maddr(window) + 8, 0));
    SHOW(unmap(h, pte_maddr(window), 0));
    SHOW(try_read(window, &v));
    SHOW(map(8, GNTMAP_host_map | GNTMAP_contains_pte, pte_maddr(window) + 1, 0, &h, NULL));
    SHOW(map(8, GNTMAP_host_map | GNTMAP_contains_pte, va_to_mfn(granted) << 12, 0, &h, NULL));
    SHOW(map(8, GNTMAP_host_map | GNTMAP_contains_pte, 0xfffffff000, 0, &h, NULL));
    SHOW(map(8, GNTMAP_device_map, 0, 0, &h, &bus));
    SHOW(bus == va_to_mfn(granted) << 12);
    SHOW_HEX(in_use(8));
    SHOW(unmap(h, 0, bus));
    SHOW_HEX(in_use(8));
    SHOW(map(8, GNTMAP_device_map | GNTMAP_host_map, at, 0, &h, &bus));
    SHOW(unmap(h, 0, bus));
    SHOW_HEX(in_use(8));
    SHOW(unmap(h, at, 0));
    SHOW_HEX(in_use(8));

    SHOW(map(8, 0, at, 0, &h, NULL));
    SHOW(map(8, GNTMAP_readonly, at, 0, &h, NULL));
    SHOW(map(8, GNTMAP_host_map, 0x1000, 0, &h, NULL));
    SHOW(map(8, GNTMAP_host_map, 0xffff830000000000, 0, &h, NULL));
    SHOW(map(8, GNTMAP_host_map, 0x8000000000000000, 0, &h, NULL));
    SHOW(map(8, GNTMAP_host_map, at + 8, 0, &h, NULL));
    if (h != 0)
        SHOW(unmap(h, at + 8, 0));
    SHOW(map(8, GNTMAP_host_map, at, 1, &h, NULL));
    SHOW(map(8, GNTMAP_host_map, at, DOMID_SELF, &h, NULL));
    SHOW(map(8, GNTMAP_host_map, at, DOMID_IO, &h, NULL));
    SHOW(map(9, GNTMAP_host_map, at, 0, &h, NULL));               /* an empty entry */
    SHOW(map(511, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW(map(100000, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW(map(~0u, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW(unmap(~0u, at, 0));
    SHOW(unmap(77, at, 0));
    grant(9, 5, va_to_mfn(granted), GTF_permit_access);           /* for another domain */
    SHOW(map(9, GNTMAP_host_map, at, 0, &h, NULL));
    grant(9, 0, va_to_mfn(granted), GTF_permit_access | GTF_readonly);
    SHOW(map(9, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW(map(9, GNTMAP_host_map | GNTMAP_readonly, at, 0, &h, NULL));
    SHOW_HEX(in_use(9));
    SHOW(unmap(h, at, 0));
    grant(9, 0, va_to_mfn(granted), GTF_accept_transfer);
    SHOW(map(9, GNTMAP_host_map, at, 0, &h, NULL));
    grant(9, 0, va_to_mfn(pte_of(granted)), GTF_permit_access);   /* a page table */
    SHOW(map(9, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW(map(9, GNTMAP_host_map | GNTMAP_readonly, at, 0, &h, NULL));
    SHOW(unmap(h, at, 0));
    grant(9, 0, 0xffffff, GTF_permit_access);                     /* no frame */
    SHOW(map(9, GNTMAP_host_map, at, 0, &h, NULL));
    grant(9, 0, 0, GTF_permit_access);                            /* not ours */
    SHOW(map(9, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW_HEX(in_use(9));

    /* The same grant several times; the guest's own entry goes while it is mapped. */
    uint64_t *second = page_alloc();
    SHOW(set_pte(second, 0, UVMF_INVLPG));
    SHOW(map(8, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW(map(8, GNTMAP_host_map | GNTMAP_readonly, (uint64_t)second, 0, &h2, NULL));
    SHOW_HEX(in_use(8));
    SHOW(unmap(h, at, 0));
    SHOW_HEX(in_use(8));
    SHOW(unmap(h2, (uint64_t)second, 0));
    SHOW_HEX(in_use(8));
    SHOW(map(8, GNTMAP_host_map, at, 0, &h, NULL));
    SHOW(set_pte(window, 0, UVMF_INVLPG));                        /* the mapping is overwritten */
    SHOW(unmap(h, at, 0));
    SHOW_HEX(in_use(8));
    SHOW(unmap(h, 0, 0));
    SHOW_HEX(in_use(8));
    SHOW(make_writable(window));
    SHOW(make_writable(second));
}

static void replace(void)
{
    struct gnttab_unmap_and_replace r;
    grant_handle_t h = 0;
    uint64_t *fresh = page_alloc();

    fresh[0] = 0x77;
    SHOW(set_pte(window, 0, UVMF_INVLPG));
    SHOW(map(8, GNTMAP_host_map, (uint64_t)window, 0, &h, NULL));
    r = (struct gnttab_unmap_and_replace){ .host_addr = (uint64_t)window, .new_addr = 0x1000, .handle = h };
    SHOW(op(GNTTABOP_unmap_and_replace, &r, 1));
    SHOW(r.status);
    r.new_addr = 0xffff830000000000;
    SHOW(op(GNTTABOP_unmap_and_replace, &r, 1));
    SHOW(r.status);
    r.handle = 99;
    SHOW(op(GNTTABOP_unmap_and_replace, &r, 1));
    SHOW(r.status);
    r.handle = h;
    r.new_addr = (uint64_t)fresh;
    SHOW(op(GNTTABOP_unmap_and_replace, &r, 1));
    SHOW(r.status);
    SHOW_HEX(in_use(8));
    SHOW(window[0]);
    SHOW(try_write(fresh, 1));
    SHOW(set_pte(fresh, pte(fresh, PTE_RW), UVMF_INVLPG));
    SHOW(make_writable(window));
}

static int16_t copy(struct gnttab_copy *c)
{
    const long rc = op(GNTTABOP_copy, c, 1);

    return rc ? (int16_t)rc : c->status;
}

static void copies(void)
{
    uint8_t *from = page_alloc(), *to = page_alloc();
    struct gnttab_copy c, many[70];

    print("= copies, version %u\n", version);
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        from[i] = (uint8_t)(i * 3);
    grant(20, 0, va_to_mfn(from), GTF_permit_access | GTF_readonly);
    grant(21, 0, va_to_mfn(to), GTF_permit_access);
#define RESET c = (struct gnttab_copy){ .source = { .u.ref = 20, .domid = 0, .offset = 0 }, .dest = { .u.ref = 21, .domid = 0, .offset = 0 }, \
                                        .len = 100, .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref }
#define TRY_COPY(change) do { RESET; change; show(#change, copy(&c)); } while (0)
    TRY_COPY();
    SHOW(memcmp(from, to, 100));
    TRY_COPY(c.len = 0);
    TRY_COPY(c.len = 4096);
    SHOW(memcmp(from, to, 4096));
    TRY_COPY(c.len = 4097);
    TRY_COPY((c.len = 1, c.source.offset = 4095));
    TRY_COPY((c.len = 2, c.source.offset = 4095));
    TRY_COPY((c.len = 2, c.dest.offset = 4095));
    TRY_COPY(c.dest.offset = 5000);
    TRY_COPY(c.len = 0xffff);
    TRY_COPY((c.dest.u.ref = 20));                       /* read-only */
    TRY_COPY((c.source.u.ref = 22));
    TRY_COPY((c.source.u.ref = 100000));
    TRY_COPY((c.source.domid = 1));
    TRY_COPY((c.dest.domid = 1));
    TRY_COPY((c.source.domid = DOMID_SELF));
    TRY_COPY((c.dest.domid = DOMID_SELF));
    TRY_COPY((c.source.domid = DOMID_IO));
    TRY_COPY((c.flags = GNTCOPY_source_gref));           /* the destination is a frame now: 21 */
    TRY_COPY((c.flags = GNTCOPY_source_gref, c.dest.u.gmfn = va_to_mfn(to)));
    TRY_COPY((c.flags = GNTCOPY_source_gref, c.dest.u.gmfn = va_to_mfn(to), c.dest.domid = DOMID_SELF));
    TRY_COPY((c.flags = GNTCOPY_dest_gref, c.source.u.gmfn = va_to_mfn(from), c.source.domid = DOMID_SELF));
    TRY_COPY((c.flags = 0, c.source.u.gmfn = va_to_mfn(from), c.source.domid = DOMID_SELF, c.dest.u.gmfn = va_to_mfn(to), c.dest.domid = DOMID_SELF));
    TRY_COPY((c.flags = 0, c.source.u.gmfn = ~0ul, c.source.domid = DOMID_SELF, c.dest.u.gmfn = va_to_mfn(to), c.dest.domid = DOMID_SELF));
    TRY_COPY((c.flags = GNTCOPY_source_gref, c.dest.u.gmfn = va_to_mfn(pte_of(to)), c.dest.domid = DOMID_SELF));
    TRY_COPY((c.flags = GNTCOPY_source_gref, c.dest.u.gmfn = 0xffffff, c.dest.domid = DOMID_SELF));
    TRY_COPY((c.flags = 0xffff));
    TRY_COPY((c.source.u.ref = 21, c.source.offset = 0, c.dest.offset = 50));   /* overlapping */
    SHOW_HEX(in_use(20));
    SHOW_HEX(in_use(21));
    /* A chain: some succeed, some fail; all are tried. */
    for (unsigned int i = 0; i < 70; i++) {
        RESET;
        c.dest.offset = (uint16_t)(i * 50);
        c.source.offset = (uint16_t)(i * 7);
        c.len = 50;
        if (i == 33)
            c.source.u.ref = 22;
        if (i == 34)
            c.dest.offset = 4090;
        many[i] = c;
    }
    memset(to, 0, PAGE_SIZE);
    SHOW(op(GNTTABOP_copy, many, 70));
    unsigned int good = 0;
    for (unsigned int i = 0; i < 70; i++)
        if (many[i].status == GNTST_okay && memcmp(from + i * 7, to + i * 50, 50) == 0)
            good++;
    SHOW(good);
    SHOW(many[33].status);
    SHOW(many[34].status);
    SHOW_HEX(in_use(20));
    SHOW_HEX(in_use(21));
    many[69].source.u.ref = 20;
    SHOW(op(GNTTABOP_copy, (char *)pte_of(from) + 0, 0));
    SHOW(op(GNTTABOP_copy, (void *)0x1000, 1));
}

static void versions(void)
{
    struct gnttab_set_version s = { .version = 3 };
    struct gnttab_get_version g = { .dom = DOMID_SELF };
    static uint64_t frames[64];
    struct gnttab_get_status_frames f = { .nr_frames = 1, .dom = DOMID_SELF };
    xen_pfn_t table[2];
    int16_t st;
    grant_handle_t h = 0;

    SHOW(op(GNTTABOP_get_version, &g, 1));
    SHOW(g.version);
    g.dom = 1;
    SHOW(op(GNTTABOP_get_version, &g, 1));
    set_xen_guest_handle(f.frame_list, frames);
    SHOW(op(GNTTABOP_get_status_frames, &f, 1));
    SHOW(f.status);
    SHOW(op(GNTTABOP_set_version, &s, 1));
    s.version = 0;
    SHOW(op(GNTTABOP_set_version, &s, 1));
    s.version = 1;
    SHOW(op(GNTTABOP_set_version, &s, 1));
    /* A grant is mapped: no change. */
    SHOW(set_pte(window, 0, UVMF_INVLPG));
    SHOW(map(8, GNTMAP_host_map, (uint64_t)window, 0, &h, NULL));
    s.version = 2;
    SHOW(op(GNTTABOP_set_version, &s, 1));
    SHOW(s.version);
    SHOW(unmap(h, (uint64_t)window, 0));
    SHOW(make_writable(window));
    v1[0].flags = GTF_permit_access;                     /* the first eight survive */
    v1[0].domid = 3;
    v1[0].frame = 0x1234;
    s.version = 2;
    SHOW(op(GNTTABOP_set_version, &s, 1));
    SHOW(s.version);
    g.dom = DOMID_SELF;
    SHOW(op(GNTTABOP_get_version, &g, 1));
    SHOW(g.version);
    version = 2;
    v2 = (union grant_entry_v2 *)v1;
    print("= entry 0: %x %u %lx; entry 8: %x\n", v2[0].hdr.flags, v2[0].hdr.domid, v2[0].full_page.frame, v2[8].hdr.flags);
    f.nr_frames = 0;
    SHOW(op(GNTTABOP_get_status_frames, &f, 1));
    SHOW(f.status);
    f.nr_frames = 1000;
    SHOW(op(GNTTABOP_get_status_frames, &f, 1));
    SHOW(f.status);
    f.nr_frames = 1;
    f.dom = 1;
    SHOW(op(GNTTABOP_get_status_frames, &f, 1));
    SHOW(f.status);
    f.dom = DOMID_SELF;
    set_xen_guest_handle(f.frame_list, (uint64_t *)0x1000);
    SHOW(op(GNTTABOP_get_status_frames, &f, 1));
    SHOW(f.status);
    set_xen_guest_handle(f.frame_list, (uint64_t *)0xffff830000000000);
    f.status = 55;
    SHOW(op(GNTTABOP_get_status_frames, &f, 1));
    SHOW(f.status);
    set_xen_guest_handle(f.frame_list, frames);
    SHOW(op(GNTTABOP_get_status_frames, &f, 1));
    SHOW(f.status);
    SHOW(frames[0] != 0);
    status_page = page_alloc();
    SHOW(set_pte(status_page, frames[0] << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG));
    SHOW(set_pte(status_page, frames[0] << 12 | PTE_P | PTE_A | PTE_D, UVMF_INVLPG));
    SHOW(setup(DOMID_SELF, 2, table, &st));
    SHOW(st);
}

static void special_entries(void)
{
    uint8_t *from = page_alloc(), *to = page_alloc();
    struct gnttab_copy c;
    grant_handle_t h = 0;

    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        from[i] = (uint8_t)i;
    grant(21, 0, va_to_mfn(to), GTF_permit_access);
    /* Part of a page. */
    v2[20].sub_page.hdr.flags = 0;
    v2[20].sub_page.hdr.domid = 0;
    v2[20].sub_page.page_off = 100;
    v2[20].sub_page.length = 50;
    v2[20].sub_page.frame = va_to_mfn(from);
    v2[20].hdr.flags = GTF_permit_access | GTF_sub_page;
    SHOW(set_pte(window, 0, UVMF_INVLPG));
    SHOW(map(20, GNTMAP_host_map, (uint64_t)window, 0, &h, NULL));
    TRY_COPY((c.len = 50, c.source.offset = 100));
    TRY_COPY((c.len = 50, c.source.offset = 0));
    TRY_COPY((c.len = 51, c.source.offset = 100));
    TRY_COPY((c.len = 49, c.source.offset = 101));
    TRY_COPY((c.len = 1, c.source.offset = 99));
    TRY_COPY((c.len = 1, c.source.offset = 150));
    v2[20].sub_page.page_off = 4000;
    v2[20].sub_page.length = 4000;
    TRY_COPY((c.len = 10, c.source.offset = 4050));
    SHOW_HEX(in_use(20));
    /* Another domain's grant, passed on: our own here. */
    grant(22, 0, va_to_mfn(from), GTF_permit_access);
    v2[23].transitive.hdr.flags = 0;
    v2[23].transitive.hdr.domid = 0;
    v2[23].transitive.trans_domid = 0;
    v2[23].transitive.gref = 22;
    v2[23].hdr.flags = GTF_transitive;
    SHOW(map(23, GNTMAP_host_map, (uint64_t)window, 0, &h, NULL));
    TRY_COPY((c.source.u.ref = 23));
    SHOW_HEX(in_use(23));
    SHOW_HEX(in_use(22));
    v2[23].transitive.gref = 23;                          /* itself */
    TRY_COPY((c.source.u.ref = 23));
    v2[23].transitive.trans_domid = 7;
    TRY_COPY((c.source.u.ref = 23));
    v2[23].hdr.flags = 0;
    SHOW(make_writable(window));
}

static void swaps(void)
{
    struct gnttab_swap_grant_ref s = { .ref_a = 20, .ref_b = 22 };
    grant_handle_t h = 0;

    grant(20, 0, va_to_mfn(granted), GTF_permit_access);
    grant(22, 5, 0x55, GTF_permit_access | GTF_readonly);
    SHOW(op(GNTTABOP_swap_grant_ref, &s, 1));
    SHOW(s.status);
    print("= after: %x %x\n", version == 1 ? v1[20].flags : v2[20].hdr.flags, version == 1 ? v1[22].domid : v2[22].hdr.domid);
    SHOW(op(GNTTABOP_swap_grant_ref, &s, 1));
    SHOW(s.status);
    s.ref_b = 20;
    SHOW(op(GNTTABOP_swap_grant_ref, &s, 1));
    SHOW(s.status);
    s.ref_b = 1000000;
    SHOW(op(GNTTABOP_swap_grant_ref, &s, 1));
    SHOW(s.status);
    s.ref_b = 22;
    SHOW(set_pte(window, 0, UVMF_INVLPG));
    SHOW(map(20, GNTMAP_host_map, (uint64_t)window, 0, &h, NULL));
    SHOW(op(GNTTABOP_swap_grant_ref, &s, 1));
    SHOW(s.status);
    SHOW(unmap(h, (uint64_t)window, 0));
    SHOW(make_writable(window));
}

static void others(void)
{
    struct gnttab_transfer t = { .mfn = va_to_mfn(granted), .domid = 0, .ref = 9 };
    struct gnttab_cache_flush f = { .a.dev_bus_addr = va_to_mfn(granted) << 12, .length = 64, .op = GNTTAB_CACHE_CLEAN };

    grant(9, 0, 0, GTF_accept_transfer);
    SHOW(op(GNTTABOP_transfer, &t, 1));
    SHOW(t.status);
    t.domid = 1;
    SHOW(op(GNTTABOP_transfer, &t, 1));
    SHOW(t.status);
    t.mfn = 0xffffff;
    SHOW(op(GNTTABOP_transfer, &t, 1));
    SHOW(t.status);
    SHOW(op(GNTTABOP_cache_flush, &f, 1));
    f.length = 0;
    SHOW(op(GNTTABOP_cache_flush, &f, 1));
    f.offset = 4000;
    f.length = 200;
    SHOW(op(GNTTABOP_cache_flush, &f, 1));
    f.offset = 0;
    f.op = 0;
    SHOW(op(GNTTABOP_cache_flush, &f, 1));
    f.op = GNTTAB_CACHE_SOURCE_GREF | GNTTAB_CACHE_CLEAN;
    SHOW(op(GNTTABOP_cache_flush, &f, 1));
    f.op = GNTTAB_CACHE_CLEAN;
    f.a.dev_bus_addr = 0xfffffff000;
    SHOW(op(GNTTABOP_cache_flush, &f, 1));
}

void test_main(void)
{
    granted = page_alloc();
    window = page_alloc();
    setups();
    mappings();
    replace();
    copies();
    swaps();
    versions();
    mappings();
    copies();
    special_entries();
    swaps();
    others();
    struct gnttab_set_version s = { .version = 1 };
    SHOW(op(GNTTABOP_set_version, &s, 1));
    SHOW(s.version);
    SHOW(set_pte(status_page, 0, UVMF_INVLPG));
    SHOW(op(GNTTABOP_set_version, &s, 1));
    SHOW(s.version);
}

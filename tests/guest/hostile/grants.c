/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants, memory reservations. */
#include "hostile.h"

static uint8_t *table_frames;                /* the first page of our grant table, or NULL */

void set_up_grants(void)
{
    static uint64_t *window;
    xen_pfn_t frames[4] = { 0 };
    struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };

    if (!window)
        window = page_alloc();
    set_xen_guest_handle(s.frame_list, frames);
    if (HC3(grant_table_op, GNTTABOP_setup_table, &s, 1) == 0 && s.status == GNTST_okay &&
        set_pte(window, frames[0] << 12 | PTE_P | PTE_RW | PTE_A, UVMF_INVLPG) == 0)
        table_frames = (uint8_t *)window;
}

static void write_grant(void)
{
    const unsigned int ref = (unsigned int)rnd(64);
    union grant_entry_v2 *v2 = (union grant_entry_v2 *)table_frames + ref;
    struct grant_entry_v1 *v1 = (struct grant_entry_v1 *)table_frames + ref;
    static const uint16_t flags[] = { 0, 1, 1, 1, 5, 2, 3, 9, 0x11, 0x19, 0x100 | 1, 0x101, 0x201 };
    const domid_t who = (domid_t)(one_in(4) ? 0 : one_in(2) ? neighbour() : some_domid());

    if (one_in(2)) {
        v1->domid = who;
        v1->frame = (uint32_t)some_mfn();
        __atomic_store_n(&v1->flags, PICK(flags), __ATOMIC_SEQ_CST);
    } else {
        v2->full_page.hdr.domid = who;
        v2->full_page.pad0 = (uint32_t)rnd64();
        v2->full_page.frame = some_mfn();
        __atomic_store_n(&v2->full_page.hdr.flags, PICK(flags), __ATOMIC_SEQ_CST);
    }
}

void op_grant(void)
{
    unsigned int cmd = (unsigned int)rnd(14), count = one_in(4) ? (unsigned int)rnd(20) : 1;

    if (one_in(60) && cmd > GNTTABOP_copy)
        count = (unsigned int)rnd64() | 64;

    if (table_frames)
        write_grant();
    switch (cmd) {
    case GNTTABOP_map_grant_ref: {
        struct gnttab_map_grant_ref *m = (void *)me->buffer[0];

        for (unsigned int i = 0; i < count; i++)
            m[i] = (struct gnttab_map_grant_ref){ .host_addr = one_in(4) ? pte_maddr(pool_page()) : one_in(6) ? some_va() : (uint64_t)pool_page(),
                                                  .flags = one_in(4) ? (uint32_t)rnd(0x40) : GNTMAP_host_map | (uint32_t)rnd(2) * GNTMAP_readonly,
                                                  .ref = (grant_ref_t)(one_in(20) ? value() : rnd(64)), .dom = (domid_t)(one_in(3) ? some_domid() : neighbour()) };
        HC3(grant_table_op, cmd, m, count);
        break;
    }
    case GNTTABOP_unmap_grant_ref: {
        struct gnttab_unmap_grant_ref *u = (void *)me->buffer[0];

        for (unsigned int i = 0; i < count; i++)
            u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = one_in(4) ? 0 : one_in(4) ? pte_maddr(pool_page()) : (uint64_t)pool_page(),
                                                    .dev_bus_addr = one_in(3) ? pool_mfn() << 12 : 0, .handle = (grant_handle_t)(one_in(10) ? value() : rnd(40)) };
        HC3(grant_table_op, cmd, u, count);
        break;
    }
    case GNTTABOP_unmap_and_replace: {
        struct gnttab_unmap_and_replace *u = (void *)me->buffer[0];

        *u = (struct gnttab_unmap_and_replace){ .host_addr = (uint64_t)pool_page(), .new_addr = one_in(4) ? bad_va() : (uint64_t)pool_page(), .handle = (grant_handle_t)rnd(40) };
        HC3(grant_table_op, cmd, u, 1);
        break;
    }
    case GNTTABOP_copy: {
        struct gnttab_copy *c = (void *)me->buffer[0];

        for (unsigned int i = 0; i < count; i++) {
            c[i] = (struct gnttab_copy){ .source = { .domid = (domid_t)some_domid(), .offset = (uint16_t)rnd(5000) }, .dest = { .domid = (domid_t)some_domid(), .offset = (uint16_t)rnd(5000) },
                                         .len = (uint16_t)rnd(one_in(4) ? 0x10000 : 600), .flags = (uint16_t)rnd(4) };
            c[i].source.u.gmfn = c[i].flags & GNTCOPY_source_gref ? rnd(64) : some_mfn();
            c[i].dest.u.gmfn = c[i].flags & GNTCOPY_dest_gref ? rnd(64) : pool_mfn();
        }
        HC3(grant_table_op, cmd, c, count);
        break;
    }
    case GNTTABOP_set_version: {
        struct gnttab_set_version *v = (void *)me->buffer[0];

        v->version = (uint32_t)(one_in(8) ? value() : 1 + rnd(2));
        if (one_in(5))
            HC3(grant_table_op, cmd, v, 1);
        break;
    }
    case GNTTABOP_setup_table:
        if (one_in(4)) {
            set_up_grants();
            break;
        }
        /* fall through */
    default:
        if (cmd != GNTTABOP_dump_table)
            HC3(grant_table_op, cmd, count > 20 ? (uint64_t *)bad_va() : argument(0, 64), count);
    }
}

void op_exchange(void)
{
    struct xen_memory_exchange *x = (void *)me->buffer[0];
    xen_pfn_t *in = me->buffer[1], *out = me->buffer[2];
    const unsigned int n = 1 + (unsigned int)rnd(8);

    for (unsigned int i = 0; i < 512; i++) {
        in[i] = one_in(200) ? some_mfn() : pool_mfn();
        out[i] = va_to_pfn(pool_page());
    }
    *x = (struct xen_memory_exchange){ .in = { .nr_extents = n, .domid = DOMID_SELF }, .out = { .nr_extents = n, .domid = (domid_t)(one_in(10) ? some_domid() : DOMID_SELF) } };
    if (one_in(6))
        x->nr_exchanged = rnd(4);
    if (one_in(6))
        x->out.extent_order = (unsigned int)rnd(12), x->out.nr_extents = 1, x->in.nr_extents = 1ul << x->out.extent_order;
    if (one_in(10))
        x->in.extent_order = (unsigned int)rnd(70);
    if (x->in.nr_extents > 512)
        return;
    set_xen_guest_handle(x->in.extent_start, in);
    set_xen_guest_handle(x->out.extent_start, one_in(20) ? (xen_pfn_t *)some_va() : out);
    HC2(memory_op, XENMEM_exchange, x);
    if (x->nr_exchanged == n && x->out.extent_order == 0)
        for (unsigned int i = 0; i < n; i++)
            mfn_at[rnd(NR_PAGES)] = out[i];
}

void op_memory(void)
{
    struct xen_memory_reservation *r = (void *)me->buffer[0];
    xen_pfn_t *list = me->buffer[1];
    unsigned int cmd = one_in(3) ? (unsigned int)rnd(34) : (unsigned int)rnd(3) * 3 % 7, n = 1 + (unsigned int)rnd(8);
    const unsigned int first = (unsigned int)rnd(NR_PAGES - 16);

    switch (cmd) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        *r = (struct xen_memory_reservation){ .nr_extents = one_in(40) ? value() : n, .extent_order = one_in(12) ? (unsigned int)rnd(30) : 0,
                                              .mem_flags = one_in(4) ? (unsigned int)value() : 0, .domid = (domid_t)(one_in(10) && !is_dom0 ? some_domid() : DOMID_SELF) };
        /* Trust yourself: an order frees neighbours, which may be our own. */
        if (cmd == XENMEM_decrease_reservation && r->extent_order)
            r->extent_order = 0;
        if (r->nr_extents > 512 && cmd != XENMEM_decrease_reservation)
            r->nr_extents = 20;
        for (unsigned int i = 0; i < 512; i++)
            list[i] = cmd == XENMEM_populate_physmap ? va_to_pfn(page[(first + i) % NR_PAGES]) : pool_mfn();
        set_xen_guest_handle(r->extent_start, one_in(40) ? (xen_pfn_t *)some_va() : list);
        const long done = HC2(memory_op, cmd, r);
        if (cmd != XENMEM_decrease_reservation)
            for (long i = 0; i < done && i < 16 && r->extent_order == 0; i++)
                if (list[i] < 0x100000)
                    mfn_at[(first + (unsigned int)i) % NR_PAGES] = list[i];
        break;
    case XENMEM_exchange:
        op_exchange();
        break;
    case XENMEM_claim_pages:
        if (!is_dom0)
            HC2(memory_op, cmd, argument(0, 16));
        break;
    default:
        HC2(memory_op, cmd | (one_in(20) ? (unsigned int)rnd64() << 6 : 0), argument(0, 16));
    }
}

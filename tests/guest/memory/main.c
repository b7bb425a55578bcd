/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: reservations, exchange, maps and lists of the machine, what is for other kinds of domain. */
#include "../lib/guest.h"

const char test_name[] = "memory";

static long op(unsigned int cmd, void *arg) { return HC2(memory_op, cmd, arg); }

static xen_pfn_t list[1024], list2[1024];

static struct xen_memory_reservation reservation(xen_pfn_t *extents, unsigned long nr, unsigned int order, unsigned int flags, domid_t dom)
{
    struct xen_memory_reservation r = { .nr_extents = nr, .extent_order = order, .mem_flags = flags, .domid = dom };

    set_xen_guest_handle(r.extent_start, extents);
    return r;
}

static long reserve(unsigned int cmd, xen_pfn_t *extents, unsigned long nr, unsigned int order, unsigned int flags, domid_t dom)
{
    struct xen_memory_reservation r = reservation(extents, nr, order, flags, dom);

    return op(cmd, &r);
}

static unsigned long current_pages(void)
{
    domid_t self = DOMID_SELF;

    return (unsigned long)op(XENMEM_current_reservation, &self);
}

/* Unmaps a page so that it can be given back; its frame. */
static xen_pfn_t detach(void *page)
{
    const xen_pfn_t mfn = va_to_mfn(page);

    CHECK_RC(set_pte(page, 0, UVMF_INVLPG), 0);
    return mfn;
}

static void attach(void *page, xen_pfn_t mfn)
{
    ((uint64_t *)start_info->mfn_list)[va_to_pfn(page)] = mfn;
    CHECK_RC(make_writable(page), 0);
}

static void numbers(void)
{
    domid_t id = DOMID_SELF;

    SHOW(op(XENMEM_maximum_ram_page, 0));
    SHOW(op(XENMEM_current_reservation, &id));
    SHOW(op(XENMEM_maximum_reservation, &id));
    SHOW(op(XENMEM_maximum_gpfn, &id));
    id = 0;
    SHOW(op(XENMEM_current_reservation, &id));
    id = 1;
    SHOW(op(XENMEM_current_reservation, &id));
    SHOW(op(XENMEM_maximum_gpfn, &id));
    id = DOMID_IO;
    SHOW(op(XENMEM_current_reservation, &id));
    id = DOMID_XEN;
    SHOW(op(XENMEM_maximum_reservation, &id));
    id = DOMID_INVALID;
    SHOW(op(XENMEM_maximum_reservation, &id));
    for (unsigned int cmd = 0; cmd < 32; cmd++)
        if (cmd != XENMEM_maximum_ram_page)
            print("= memory_op %u at nothing: %ld\n", cmd, op(cmd, (void *)0x1000));
    SHOW(op(63, 0));
    SHOW(op(64, 0));
    SHOW(op(~0u, 0));
}

static void simple_reservations(void)
{
    void *page[4];

    for (unsigned int i = 0; i < 4; i++)
        page[i] = page_alloc();
    const unsigned long before = current_pages();

#define R(cmd, nr, order, flags, dom) show(#cmd " " #nr " order " #order " flags " #flags " dom " #dom, reserve(XENMEM_##cmd, list, nr, order, flags, dom))
    /* Still mapped: it goes with the last mapping. */
    uint64_t *mapped = page_alloc();
    list[0] = va_to_mfn(mapped);
    R(decrease_reservation, 1, 0, 0, DOMID_SELF);
    SHOW(current_pages() - before);
    SHOW(try_write(mapped, 1));
    SHOW(make_readonly(mapped));
    R(decrease_reservation, 1, 0, 0, DOMID_SELF);
    SHOW(current_pages() - before);
    SHOW(set_pte(mapped, 0, UVMF_INVLPG));
    SHOW(current_pages() - before);
    SHOW(make_writable(mapped));
    list[0] = va_to_pfn(mapped);
    R(populate_physmap, 1, 0, 0, DOMID_SELF);
    attach(mapped, list[0]);
    list[0] = detach(page[0]);
    R(decrease_reservation, 0, 0, 0, DOMID_SELF);
    R(decrease_reservation, 1, 30, 0, DOMID_SELF);
    R(decrease_reservation, 1, ~0u, 0, DOMID_SELF);
    R(decrease_reservation, ~0ul, 0, 0, DOMID_SELF);
    R(decrease_reservation, 1ul << 40, 0, 0, DOMID_SELF);
    R(decrease_reservation, 1, 0, 0, 1);
    R(decrease_reservation, 1, 0, 0, DOMID_IO);
    list[0] = ~0ul;
    R(decrease_reservation, 1, 0, 0, DOMID_SELF);
    list[0] = 0;
    R(decrease_reservation, 1, 0, 0, DOMID_SELF);
    SHOW(current_pages() - before);

    for (unsigned int i = 0; i < 4; i++)
        list[i] = i == 0 ? va_to_mfn(page[0]) : detach(page[i]);
    list2[0] = list[2];
    list[2] = ~0ul;
    R(decrease_reservation, 4, 0, 0, DOMID_SELF);            /* stops at the third */
    SHOW(current_pages() - before);
    R(increase_reservation, 2, 0, 0, DOMID_SELF);
    SHOW(current_pages() - before);
    R(increase_reservation, 1, 0, 0, DOMID_SELF);            /* above the maximum */
    R(increase_reservation, 1, 1, 0, DOMID_SELF);
    SHOW(current_pages() - before);
    attach(page[0], list[0]);
    attach(page[1], list[1]);
    SHOW(*(uint64_t *)page[0]);
    list[0] = detach(page[0]);
    R(decrease_reservation, 1, 0, 0, DOMID_SELF);
    R(populate_physmap, 1, 0, 0, 1);
    R(populate_physmap, 1, 0, XENMEMF_populate_on_demand, DOMID_SELF);
    R(populate_physmap, 1, 0, XENMEMF_exact_node(5), DOMID_SELF);
    R(populate_physmap, 1, 0, XENMEMF_address_bits(13), DOMID_SELF);
    list[0] = va_to_pfn(page[0]);
    R(populate_physmap, 1, 0, XENMEMF_vnode, DOMID_SELF);
    attach(page[0], list[0]);
    list[0] = detach(page[0]);
    R(decrease_reservation, 1, 0, 0, DOMID_SELF);
    list[0] = va_to_pfn(page[0]);
    R(populate_physmap, 1, 0, XENMEMF_address_bits(32), DOMID_SELF);
    SHOW(list[0] < 0x100000);
    SHOW(((const uint64_t *)0xffff800000000000)[list[0]] == va_to_pfn(page[0]));
    SHOW(current_pages() - before);
    attach(page[0], list[0]);
    SHOW(*(uint64_t *)page[0]);
    SHOW(reserve(XENMEM_increase_reservation, (xen_pfn_t *)0x1000, 1, 0, 0, DOMID_SELF));
    SHOW(reserve(XENMEM_decrease_reservation, (xen_pfn_t *)0x1000, 1, 0, 0, DOMID_SELF));
    SHOW(reserve(XENMEM_populate_physmap, (xen_pfn_t *)0x1000, 1, 0, 0, DOMID_SELF));
    SHOW(reserve(XENMEM_increase_reservation, (xen_pfn_t *)0xffff830000000000, 1, 0, 0, DOMID_SELF));
    SHOW(reserve(XENMEM_increase_reservation, 0, 1, 0, 0, DOMID_SELF));
    SHOW(current_pages() - before);
    attach(page[2], list2[0]);
    attach(page[3], va_to_mfn(page[3]));
}

/* Hundreds at once: long enough to be interrupted and continued. */
static void batches(void)
{
    static void *pages[800];
    const unsigned long before = current_pages();
    long done = 0;

    for (unsigned int i = 0; i < 800; i++)
        pages[i] = page_alloc();
    for (unsigned int i = 0; i < 800; i++)
        list[i] = detach(pages[i]);
    HC1(set_timer_op, system_time() + 100000);
    SHOW(reserve(XENMEM_decrease_reservation, list, 800, 0, 0, DOMID_SELF));
    SHOW(before - current_pages());
    for (unsigned int i = 0; i < 800; i++)
        list[i] = va_to_pfn(pages[i]);
    done = reserve(XENMEM_populate_physmap, list, 800, 0, 0, DOMID_SELF);
    SHOW(done);
    SHOW(before - current_pages());
    for (long i = 0; i < done; i++)
        attach(pages[i], list[i]);
    /* In a multicall, with others around. */
    struct multicall_entry calls[3] = {
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
        { .op = __HYPERVISOR_memory_op },
        { .op = __HYPERVISOR_xen_version, .args = { XENVER_version } },
    };
    for (unsigned int i = 0; i < 800; i++)
        list[i] = detach(pages[i]);
    struct xen_memory_reservation r = reservation(list, 800, 0, 0, DOMID_SELF);
    calls[1].args[0] = XENMEM_decrease_reservation;
    calls[1].args[1] = (uint64_t)&r;
    SHOW(HC2(multicall, calls, 3));
    SHOW((long)calls[0].result);
    SHOW((long)calls[1].result);
    SHOW((long)calls[2].result);
    SHOW(before - current_pages());
    for (unsigned int i = 0; i < 800; i++)
        list[i] = va_to_pfn(pages[i]);
    r = reservation(list, 800, 0, 0, DOMID_SELF);
    calls[1].args[0] = XENMEM_populate_physmap;
    SHOW(HC2(multicall, calls, 3));
    SHOW((long)calls[1].result);
    for (unsigned int i = 0; i < 800; i++)
        attach(pages[i], list[i]);
}

static long exchange(struct xen_memory_exchange *x) { return op(XENMEM_exchange, x); }

static void exchanges(void)
{
    void *page[4];
    struct xen_memory_exchange x;
    const unsigned long before = current_pages();

    for (unsigned int i = 0; i < 4; i++)
        page[i] = page_alloc();
#define FRESH(nin, oin, nout, oout) x = (struct xen_memory_exchange){ .in = reservation(list, nin, oin, 0, DOMID_SELF), .out = reservation(list2, nout, oout, 0, DOMID_SELF) }
    for (unsigned int i = 0; i < 4; i++) {
        list[i] = detach(page[i]);
        list2[i] = va_to_pfn(page[i]);
    }
    FRESH(4, 0, 4, 0);
    SHOW(exchange(&x));
    SHOW(x.nr_exchanged);
    SHOW(current_pages() - before);
    for (unsigned int i = 0; i < 4; i++) {
        CHECK(((const uint64_t *)0xffff800000000000)[list2[i]] == va_to_pfn(page[i]));
        attach(page[i], list2[i]);
    }
    /* Into one contiguous extent, and back into single pages. */
    for (unsigned int i = 0; i < 4; i++)
        list[i] = detach(page[i]);
    list2[0] = va_to_pfn(page[0]);
    FRESH(4, 0, 1, 2);
    x.out.mem_flags = XENMEMF_address_bits(32);
    SHOW(exchange(&x));
    SHOW(x.nr_exchanged);
    const xen_pfn_t first = list2[0];
    SHOW(first % 4);
    list[0] = first;
    for (unsigned int i = 0; i < 4; i++)
        list2[i] = va_to_pfn(page[i]);
    FRESH(1, 2, 4, 0);
    SHOW(exchange(&x));
    SHOW(x.nr_exchanged);
    for (unsigned int i = 0; i < 4; i++)
        attach(page[i], list2[i]);
    SHOW(current_pages() - before);

    /* Refused. */
    FRESH(4, 0, 3, 0);
    SHOW(exchange(&x));
    FRESH(1, 2, 2, 2);
    SHOW(exchange(&x));
    FRESH(1, 40, 1, 40);
    SHOW(exchange(&x));
    FRESH(1, 20, 1, 20);
    SHOW(exchange(&x));
    FRESH(~0ul, 0, ~0ul, 0);
    SHOW(exchange(&x));
    FRESH(4, 0, 4, 0);
    x.out.domid = 1;
    SHOW(exchange(&x));
    x.in.domid = 1;
    SHOW(exchange(&x));
    FRESH(1, 0, 1, 0);
    list[0] = va_to_mfn(page[0]);                            /* mapped */
    list2[0] = va_to_pfn(page[0]);
    SHOW(exchange(&x));
    SHOW(x.nr_exchanged);
    list[0] = ~0ul;
    SHOW(exchange(&x));
    list[0] = va_to_mfn(pte_of(page[0]));
    SHOW(exchange(&x));
    FRESH(1, 0, 1, 0);
    x.nr_exchanged = 2;
    SHOW(exchange(&x));
    x.nr_exchanged = 1;
    SHOW(exchange(&x));
    FRESH(1, 0, 1, 0);
    set_xen_guest_handle(x.in.extent_start, (xen_pfn_t *)0x1000);
    SHOW(exchange(&x));
    FRESH(1, 0, 1, 0);
    set_xen_guest_handle(x.in.extent_start, (xen_pfn_t *)0xffff830000000000);
    SHOW(exchange(&x));
    FRESH(1, 0, 1, 0);
    list[0] = detach(page[0]);
    set_xen_guest_handle(x.out.extent_start, (xen_pfn_t *)0x1000);
    SHOW(exchange(&x));
    SHOW(x.nr_exchanged);
    SHOW(current_pages() - before);
    FRESH(0, 0, 0, 0);
    SHOW(exchange(&x));
}

static void maps(void)
{
    static struct e820 { uint64_t addr, size; uint32_t type; } __attribute__((packed)) entries[128];
    struct xen_memory_map m = { .nr_entries = 128 };

    set_xen_guest_handle(m.buffer, (void *)entries);
    SHOW(op(XENMEM_memory_map, &m));
    SHOW(op(XENMEM_machine_memory_map, &m));
    SHOW(m.nr_entries > 3 && m.nr_entries < 20);
    SHOW(entries[0].addr);
    SHOW(entries[0].type);
    m.nr_entries = 2;
    SHOW(op(XENMEM_machine_memory_map, &m));
    SHOW(m.nr_entries);
    m.nr_entries = 0;
    SHOW(op(XENMEM_machine_memory_map, &m));
    m.nr_entries = 128;
    set_xen_guest_handle(m.buffer, (void *)0x1000);
    SHOW(op(XENMEM_machine_memory_map, &m));
    set_xen_guest_handle(m.buffer, (void *)0);
    SHOW(op(XENMEM_machine_memory_map, &m));

    struct xen_foreign_memory_map f = { .domid = DOMID_SELF, .map.nr_entries = 2 };
    entries[0] = (struct e820){ 0, 0x1000000, 1 };
    entries[1] = (struct e820){ 0x1000000, 0x1000, 2 };
    set_xen_guest_handle(f.map.buffer, (void *)entries);
    SHOW(op(XENMEM_set_memory_map, &f));
    f.domid = 1;
    SHOW(op(XENMEM_set_memory_map, &f));
    f.domid = DOMID_SELF;
    f.map.nr_entries = 10000;
    SHOW(op(XENMEM_set_memory_map, &f));
    memset(entries, 0, sizeof(entries));
    m.nr_entries = 128;
    set_xen_guest_handle(m.buffer, (void *)entries);
    SHOW(op(XENMEM_memory_map, &m));
    SHOW(m.nr_entries);
    SHOW(entries[1].size);
    m.nr_entries = 1;
    SHOW(op(XENMEM_memory_map, &m));
    SHOW(m.nr_entries);

    struct xen_machphys_mapping mapping;
    SHOW(op(XENMEM_machphys_mapping, &mapping));
    SHOW_HEX(mapping.v_start);
    SHOW_HEX(mapping.v_end);
    SHOW_HEX(mapping.max_mfn);
    struct xen_machphys_mfn_list l = { .max_extents = 1024 };
    set_xen_guest_handle(l.extent_start, list);
    SHOW(op(XENMEM_machphys_mfn_list, &l));
    SHOW(l.nr_extents);
    l.max_extents = 0;
    SHOW(op(XENMEM_machphys_mfn_list, &l));
    SHOW(l.nr_extents);
    l.max_extents = 1;
    set_xen_guest_handle(l.extent_start, (xen_pfn_t *)0x1000);
    SHOW(op(XENMEM_machphys_mfn_list, &l));
    set_xen_guest_handle(l.extent_start, list);
    SHOW(op(XENMEM_machphys_compat_mfn_list, &l));
}

static void for_others(void)
{
    struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = 10 };
    struct xen_remove_from_physmap rm = { .domid = DOMID_SELF, .gpfn = va_to_mfn(page_alloc()) };
    struct xen_pod_target pod = { .domid = DOMID_SELF };

    for (a.space = 0; a.space < 7; a.space++)
        print("= add_to_physmap space %u: %ld\n", a.space, op(XENMEM_add_to_physmap, &a));
    a.domid = 1;
    a.space = 0;
    SHOW(op(XENMEM_add_to_physmap, &a));
    SHOW(op(XENMEM_remove_from_physmap, &rm));
    rm.gpfn = ~0ul;
    SHOW(op(XENMEM_remove_from_physmap, &rm));
    rm.domid = 1;
    SHOW(op(XENMEM_remove_from_physmap, &rm));
    SHOW(op(XENMEM_get_pod_target, &pod));
    pod.domid = 0;
    SHOW(op(XENMEM_get_pod_target, &pod));
    SHOW(op(XENMEM_set_pod_target, &pod));
    pod.domid = 1;
    SHOW(op(XENMEM_get_pod_target, &pod));
    SHOW(op(XENMEM_get_sharing_freed_pages, 0));
    SHOW(op(XENMEM_get_sharing_shared_pages, 0));
    SHOW(reserve(XENMEM_claim_pages, 0, 10, 0, 0, DOMID_SELF));
    SHOW(reserve(XENMEM_claim_pages, 0, 10, 0, 0, 1));
    SHOW(reserve(XENMEM_claim_pages, list, 10, 0, 0, 0));
    SHOW(reserve(XENMEM_claim_pages, 0, 10, 1, 0, 0));
    SHOW(reserve(XENMEM_claim_pages, 0, 10, 0, 1, 0));
    SHOW(reserve(XENMEM_claim_pages, 0, ~0ul, 0, 0, 0));
    SHOW(reserve(XENMEM_claim_pages, 0, 1ul << 30, 0, 0, 0));
    SHOW(reserve(XENMEM_claim_pages, 0, 0, 0, 0, 0));
    struct xen_vnuma_topology_info vn = { .domid = DOMID_SELF };
    SHOW(op(XENMEM_get_vnumainfo, &vn));
    vn.pad = 1;
    SHOW(op(XENMEM_get_vnumainfo, &vn));
    struct xen_reserved_device_memory_map rd = { .nr_entries = 0 };
    SHOW(op(XENMEM_reserved_device_memory_map, &rd));
    struct xen_mem_acquire_resource ar = { .domid = DOMID_SELF, .type = XENMEM_resource_grant_table };
    SHOW(op(XENMEM_acquire_resource, &ar));
    ar.domid = 0;
    SHOW(op(XENMEM_acquire_resource, &ar));
    ar.domid = 1;
    SHOW(op(XENMEM_acquire_resource, &ar));
    ar.type = 99;
    SHOW(op(XENMEM_acquire_resource, &ar));
    struct xen_add_to_physmap_batch b = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = 0 };
    SHOW(op(XENMEM_add_to_physmap_batch, &b));
    b.size = 0;
    SHOW(op(XENMEM_add_to_physmap_batch, &b));
}

void test_main(void)
{
    numbers();
    simple_reservations();
    batches();
    exchanges();
    maps();
    for_others();
}

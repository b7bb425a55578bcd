/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments of hypercalls: numbers too large, lists in the wrong place, what comes back, what is logged. */
#include "advisory.h"
#include <xen/domctl.h>
#include <xen/sysctl.h>

static long reservation(void)
{
    domid_t self = DOMID_SELF;

    return HC2(memory_op, XENMEM_current_reservation, &self);
}

static long reserve(unsigned int cmd, xen_pfn_t *list, uint64_t n, unsigned int order, unsigned int flags)
{
    struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .mem_flags = flags, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, list);
    return HC2(memory_op, cmd, &r);
}

/* Periods and deadlines at the ends of the range. */
static void xsa_20_timers_overflow(void)
{
    static const uint64_t ns[] = { 0, 1, 999999, 1ull << 62, 1ull << 63, ~0ull, ~0ull - 1, ~0ull >> 1 };

    for (unsigned int i = 0; i < sizeof(ns) / sizeof(*ns); i++) {
        struct vcpu_set_periodic_timer p = { .period_ns = ns[i] };
        struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = ns[i], .flags = i % 2 };

        (void)HC3(vcpu_op, VCPUOP_set_periodic_timer, 0, &p);
        (void)HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &s);
        (void)HC1(set_timer_op, ns[i]);
        const uint64_t from = system_time();
        HC2(sched_op, SCHEDOP_yield, 0);
        CHECK(system_time() - from < 5000000000ul);
    }
    CHECK_RC(HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0), 0);
    CHECK_RC(HC3(vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0);
    CHECK_RC(HC1(set_timer_op, 0), 0);
}

/* Free ones are taken until there is none: that is an error, and nothing else. */
static void xsa_13_no_free_pirq(void)
{
    struct physdev_get_free_pirq g = { .type = MAP_PIRQ_TYPE_MSI };
    unsigned int n = 0;
    long rc;

    while ((rc = HC2(physdev_op, PHYSDEVOP_get_free_pirq, &g)) == 0 && n++ < 100000)
        CHECK(g.pirq < 100000);
    CHECK(rc < 0);
}

/* Interrupt numbers that are none. */
static void xsa_16_index_of_a_pirq(void)
{
    static const int numbers[] = { -1, -2, -0x7fffffff - 1, 0x7fffffff, 0x10000, 4096, 1 << 20 };

    for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = numbers[i], .pirq = numbers[i] };
        struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = numbers[i] };
        struct physdev_eoi e = { .irq = (uint32_t)numbers[i] };
        struct physdev_irq_status_query q = { .irq = (uint32_t)numbers[i] };
        struct evtchn_bind_pirq b = { .pirq = (uint32_t)numbers[i] };

        CHECK(HC2(physdev_op, PHYSDEVOP_map_pirq, &m) < 0);
        m.index = numbers[i], m.pirq = 5000000;
        CHECK(HC2(physdev_op, PHYSDEVOP_map_pirq, &m) < 0);
        CHECK(HC2(physdev_op, PHYSDEVOP_unmap_pirq, &u) < 0);
        CHECK(HC2(physdev_op, PHYSDEVOP_eoi, &e) < 0);
        CHECK(HC2(physdev_op, PHYSDEVOP_irq_status_query, &q) < 0);
        CHECK(HC2(event_channel_op, EVTCHNOP_bind_pirq, &b) < 0);
    }
}

/* A flag that is for guests of another kind. */
static void xsa_14_populate_on_demand(void)
{
    xen_pfn_t list[1] = { va_to_pfn(page_alloc()) };
    const long before = reservation(), n = reserve(XENMEM_populate_physmap, list, 1, 0, XENMEMF_populate_on_demand);

    CHECK(n <= 1);
    CHECK(reservation() == before + (n > 0));
    if (n > 0) {
        CHECK_RC(reserve(XENMEM_decrease_reservation, list, 1, 0, 0), 1);
        CHECK(reservation() == before);
    }
}

/* Orders beyond any, and numbers of extents that overflow with them. */
static void xsa_31_extent_orders(void)
{
    static const unsigned int orders[] = { 20, 31, 32, 51, 52, 63, 64, 65, 255, 0x7fffffff, ~0u };
    static const uint64_t counts[] = { 1, 2, 1ull << 32, 1ull << 44, 1ull << 52, ~0ull };
    xen_pfn_t list[2] = { va_to_mfn(page_alloc()), va_to_mfn(page_alloc()) };
    const long before = reservation();

    for (unsigned int o = 0; o < sizeof(orders) / sizeof(*orders); o++)
        for (unsigned int n = 0; n < sizeof(counts) / sizeof(*counts); n++)
            for (unsigned int cmd = 0; cmd < 3; cmd++) {
                static const unsigned int cmds[] = { XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap };

                CHECK(reserve(cmds[cmd], list, counts[n], orders[o], 0) <= 0);
            }
    CHECK(reservation() == before);
}

/* An exchange whose results go where the hypervisor is, directly or by the number of those that are done. */
static void xsa_212_exchange_into_the_hypervisor(void)
{
    static const uint64_t targets[] = { 0xffff800000000000, 0xffff808000000000, 0xffff82d040000000, 0xffff830000000000, 0xffff87fffffffff8 };
    static const uint64_t done[] = { 0, 1, 2, 1ull << 32, 1ull << 60, ~0ull, 0x1000000000000000ull };
    static xen_pfn_t in[512];
    const long before = reservation();
    uint64_t *page = page_alloc();

    for (unsigned int t = 0; t < sizeof(targets) / sizeof(*targets); t++)
        for (unsigned int i = 0; i < sizeof(done) / sizeof(*done); i++) {
            struct xen_memory_exchange x = { .in = { .nr_extents = 1, .domid = DOMID_SELF }, .out = { .nr_extents = 1, .domid = DOMID_SELF }, .nr_exchanged = done[i] };

            in[0] = va_to_mfn(page);
            set_xen_guest_handle(x.in.extent_start, in);
            set_xen_guest_handle(x.out.extent_start, (xen_pfn_t *)(targets[t] - done[i] * 8));
            CHECK(HC2(memory_op, XENMEM_exchange, &x) < 0 || done[i] >= 1);
            set_xen_guest_handle(x.out.extent_start, (xen_pfn_t *)targets[t]);
            CHECK(HC2(memory_op, XENMEM_exchange, &x) < 0 || done[i] >= 1);
        }
    CHECK(reservation() == before);
    page[0] = 1;
}

/* An exchange that fails half-way: nothing is lost. */
static void xsa_159_exchange_that_fails(void)
{
    static xen_pfn_t in[16], out[16];
    uint64_t *page[4];
    const long before = reservation();

    for (unsigned int i = 0; i < 4; i++) {
        page[i] = page_alloc();
        in[i] = va_to_mfn(page[i]);
        out[i] = va_to_pfn(page[i]);
    }
    /* Pages that are still mapped; the third is nobody's. */
    in[2] = 0x100000;
    struct xen_memory_exchange x = { .in = { .nr_extents = 4, .domid = DOMID_SELF }, .out = { .nr_extents = 4, .domid = DOMID_SELF } };
    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, out);
    CHECK(HC2(memory_op, XENMEM_exchange, &x) < 0);
    CHECK(x.nr_exchanged <= 2);
    CHECK(reservation() == before);
    for (unsigned int order = 1; order < 70; order += 9) {
        x.in.nr_extents = 1;
        x.in.extent_order = order;
        CHECK(HC2(memory_op, XENMEM_exchange, &x) < 0);
    }
    CHECK(reservation() == before);
}

/* What xen_version writes has no bytes of the hypervisor's stack behind the text. */
static void xsa_122_nothing_behind_the_version(void)
{
    static const unsigned int cmds[] = { XENVER_extraversion, XENVER_compile_info, XENVER_capabilities, XENVER_changeset, XENVER_commandline };
    static const unsigned int sizes[] = { 16, 64 + 16 + 32 + 32, 1024, 64, 1024 };
    static const unsigned int texts[][5] = { { 0, 16 }, { 0, 64, 80, 112, 144 }, { 0, 1024 }, { 0, 64 }, { 0, 1024 } };
    static uint8_t b[2048];

    for (unsigned int i = 0; i < 5; i++) {
        memset(b, 0xa5, sizeof(b));
        if (HC2(xen_version, cmds[i], b) < 0)
            continue;
        for (unsigned int t = 0; texts[i][t] < sizes[i]; t++) {
            unsigned int at = texts[i][t];

            while (at < texts[i][t + 1] && b[at] != 0)
                at++;
            CHECK(at < texts[i][t + 1]);
            for (; at < texts[i][t + 1]; at++)
                CHECK(b[at] == 0 || b[at] == 0xa5);
        }
    }
}

/* What a domctl gives back is its answer and what was there before. */
static void xsa_132_nothing_beside_the_answer(void)
{
    static const unsigned int cmds[] = { XEN_DOMCTL_gettscinfo, XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_get_address_size, XEN_DOMCTL_getvcpuinfo };
    static struct xen_domctl c;

    if (!is_dom0)
        return;
    for (unsigned int i = 0; i < 4; i++) {
        memset(&c, 0, sizeof(c));
        c.cmd = cmds[i];
        c.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        (void)HC1(domctl, &c);
        /* No word looks like an address of the hypervisor's. */
        for (unsigned int at = 0; at + 8 <= sizeof(c.u); at += 4) {
            uint64_t v;

            memcpy(&v, c.u.pad + at, 8);
            CHECK(v < 0xffff800000000000 || v > 0xffff87ffffffffff);
        }
    }
}

/* What a guest can make the hypervisor log is limited. */
static void xsa_152_log_is_limited(void)
{
    static char text[65536];
    static struct xen_sysctl s;
    const uint64_t from = system_time();

    for (unsigned int i = 0; i < 20000; i++) {
        TRY("wrmsr", : "a"(i), "d"(0), "c"(0x12345) : "memory");
        if (i % 16 == 0)
            (void)reserve(XENMEM_populate_physmap, (xen_pfn_t *)8, 1, 200, 0);
    }
    if (!is_dom0)
        return;
    s.cmd = XEN_SYSCTL_readconsole;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    s.u.readconsole.count = sizeof(text);
    set_xen_guest_handle(s.u.readconsole.buffer, text);
    CHECK_RC(HC1(sysctl, &s), 0);
    unsigned int lines = 0;
    for (unsigned int i = 0; i < s.u.readconsole.count; i++)
        lines += text[i] == '\n';
    const uint64_t seconds = (system_time() - from) / 1000000000 + 1;
    print("  %u lines of log after %lu s\n", lines, seconds);
    CHECK(lines < 600 + 50 * seconds);
}

/* More than the limit is refused, however it is asked for. */
static void xsa_385_memory_limit(void)
{
    static xen_pfn_t list[512];
    domid_t self = DOMID_SELF;
    const long limit = HC2(memory_op, XENMEM_maximum_reservation, &self), before = reservation();
    long n = 0;

    for (unsigned int round = 0; round < 4; round++) {
        for (unsigned int i = 0; i < 512; i++)
            list[i] = start_info->nr_pages + round * 512 + i;
        const long got = reserve(XENMEM_populate_physmap, list, 512, 0, 0);

        CHECK(got >= 0);
        n += got;
        CHECK(reservation() <= limit);
        CHECK(reservation() == before + n);
        if (got > 0)
            CHECK_RC(reserve(XENMEM_decrease_reservation, list, (uint64_t)got, 0, 0), got);
        n = 0;
    }
    CHECK(reservation() == before);
}

void control(void)
{
    CASE(xsa_14_populate_on_demand);
    CASE(xsa_16_index_of_a_pirq);
    CASE(xsa_20_timers_overflow);
    CASE(xsa_31_extent_orders);
    CASE(xsa_122_nothing_behind_the_version);
    CASE(xsa_132_nothing_beside_the_answer);
    CASE(xsa_152_log_is_limited);
    CASE(xsa_159_exchange_that_fails);
    CASE(xsa_212_exchange_into_the_hypervisor);
    CASE(xsa_385_memory_limit);
    CASE(xsa_13_no_free_pirq);
}

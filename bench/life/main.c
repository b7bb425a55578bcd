/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain costs: its making, its end, its memory. A control domain builds them from the image that it got as its
 * module (bench/pair's, told to be idle) by the calls that a toolstack makes for a PV domain.
 *
 * Creation: what all hypercalls from XEN_DOMCTL_createdomain to XEN_DOMCTL_setvcpucontext take; the builder's own work in
 * between (writing the page tables) is not in it. End: from XEN_DOMCTL_destroydomain until XEN_DOMCTL_getdomaininfo
 * does not find the domain and as much memory is free as before. Nobody clears memory behind our back: the CPU
 * never idles, so pages are cleared when they are handed out again, and that is part of a creation.
 */
#include "../guest/bench.h"
#include "../../tests/guest/nursery/builder.h"
#include <xen/sysctl.h>

const char test_name[] = "bench";

#define MIB         256u         /* pages */
#define ROUNDS      3u           /* that count, after one more */
#define SMALL_PAGES 4096u        /* of an idle domain */
#define SUPERPAGE   9u           /* order of the extents that toolstacks ask for */
#define E820_MAX    128u
#define CALM_ROUNDS 100u

static xen_pfn_t p2m[1024 * MIB];

static uint64_t tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) :: "memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t free_pages(void)
{
    static struct xen_sysctl s;

    s.cmd = XEN_SYSCTL_physinfo;
    s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    MUST(HC1(sysctl, &s));
    return s.u.physinfo.free_pages;
}

static uint64_t pages_of(domid_t id)
{
    const struct built d = { .id = id };

    MUST(domctl(&d, XEN_DOMCTL_getdomaininfo));
    return ctl.u.getdomaininfo.tot_pages;
}

/* Not asleep: idle CPUs clear memory. */
static void let_others_run(void)
{
    HC2(sched_op, SCHEDOP_yield, 0);
}

/* Domains are freed by work items: no more comes. */
static uint64_t settled_free_pages(void)
{
    uint64_t last = free_pages();

    for (unsigned int calm = 0; calm < CALM_ROUNDS; calm++) {
        let_others_run();
        if (free_pages() != last)
            calm = 0;
        last = free_pages();
    }
    return last;
}

/* ---- making and ending ---- */

/* Without an image it will not run. */
static uint64_t build(struct built *d, unsigned int nr_pages, unsigned int order, const void *image)
{
    uint64_t entry = 0;

    *d = (struct built){ .nr_pages = nr_pages, .nr_vcpus = 1, .max_grant_frames = 64, .max_maptrack_frames = 1024, .cmd_line = "idle=1", .p2m = p2m };
    build_ticks = 0;
    MUST(built_create(d) ? 0 : -1);
    built_populate(d, order);
    if (image != NULL)
        entry = built_load(d, image);
    built_write_start_info(d);
    built_make_tables(d);
    built_set_context(d, entry);
    return build_ticks;
}

static uint64_t end(struct built *d, uint64_t free_before)
{
    const uint64_t from = tsc();

    built_destroy(d);
    while (built_flags(d) != ~0u || free_pages() != free_before)
        let_others_run();
    return tsc() - from;
}

struct names { const char *create, *destroy; };

static void report_domain(const struct names *names, unsigned int nr_pages, unsigned int order)
{
    const bool forever = is_traced(names->create) || is_traced(names->destroy);
    static uint64_t ends[ROUNDS];
    uint64_t free_before = 0;
    struct built d;

    for (unsigned int i = 0; i <= ROUNDS || forever; i++) {
        /* What the first one makes the hypervisor keep for good is not a leak. */
        if (i == 1)
            free_before = settled_free_pages();
        const uint64_t ticks = build(&d, nr_pages, order, NULL);

        if (i == 0) {
            built_destroy(&d);
            built_await_end(&d);
            continue;
        }
        samples[(i - 1) % ROUNDS] = ticks;
        ends[(i - 1) % ROUNDS] = end(&d, free_before);
    }
    report_whole(names->create, ROUNDS);
    memcpy(samples, ends, sizeof(ends));
    report_whole(names->destroy, ROUNDS);
}

#define NAMES(what) { what ": create", what ": destroy" }

static void sizes(void)
{
    static const struct { unsigned int mib, order; struct names names; } rows[] = {
        { 64, SUPERPAGE, NAMES("domain of 64 MiB") },
        { 128, SUPERPAGE, NAMES("domain of 128 MiB") },
        { 256, SUPERPAGE, NAMES("domain of 256 MiB") },
        { 512, SUPERPAGE, NAMES("domain of 512 MiB") },
        { 1024, SUPERPAGE, NAMES("domain of 1 GiB") },
        { 128, 0, NAMES("domain of 128 MiB in extents of 4 KiB") },
    };

    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        report_domain(&rows[i].names, rows[i].mib * MIB, rows[i].order);
}

/* ---- beside others, which are idle ---- */

static struct built others[100];
static unsigned int nr_others;

static bool is_asleep(const struct built *d)
{
    return built_flags(d) & XEN_DOMINF_blocked;
}

static void start_other(void)
{
    struct built *d = &others[nr_others++];

    build(d, SMALL_PAGES, SUPERPAGE, (const void *)start_info->mod_start);
    MUST(domctl(d, XEN_DOMCTL_unpausedomain));
    while (!is_asleep(d))
        let_others_run();
}

static void end_others(void)
{
    while (nr_others != 0) {
        struct built *d = &others[--nr_others];

        built_destroy(d);
        built_await_end(d);
    }
}

#define NR_FOR_MEMORY 20u

static void crowds(void)
{
    static const struct { unsigned int nr; struct names names; } rows[] = {
        { 1, NAMES("domain of 64 MiB beside 1 other") },
        { 10, NAMES("domain of 64 MiB beside 10 others") },
        { 50, NAMES("domain of 64 MiB beside 50 others") },
        { 100, NAMES("domain of 64 MiB beside 100 others") },
    };

    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        while (nr_others < rows[i].nr)
            start_other();
        report_domain(&rows[i].names, 64 * MIB, SUPERPAGE);
    }
}

/* ---- memory ---- */

static uint64_t ram_pages(void)
{
    static struct { uint64_t addr, size; uint32_t type; } __attribute__((packed)) map[E820_MAX];
    struct xen_memory_map op = { .nr_entries = E820_MAX };
    uint64_t bytes = 0;

    set_xen_guest_handle(op.buffer, (void *)map);
    MUST(HC2(memory_op, XENMEM_machine_memory_map, &op));
    for (unsigned int i = 0; i < op.nr_entries; i++)
        bytes += map[i].type == 1 ? map[i].size : 0;
    return bytes / PAGE_SIZE;
}

static void print_bytes(const char *name, uint64_t bytes)
{
    print("BENCH %s %lu\n", name, bytes);
}

static void memory(void)
{
    const uint64_t before = settled_free_pages();
    uint64_t theirs = 0;

    print_bytes("memory of the hypervisor itself", (ram_pages() - before - pages_of(0)) * PAGE_SIZE);
    while (nr_others < NR_FOR_MEMORY)
        start_other();
    for (unsigned int i = 0; i < nr_others; i++)
        theirs += pages_of(others[i].id);
    print_bytes("memory of an idle domain beside its own pages", (before - free_pages() - theirs) * PAGE_SIZE / nr_others);
    end_others();
}

void test_main(void)
{
    events_disable();
    HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    builder_init();
    memory();
    crowds();
    end_others();
    sizes();
    print("BENCH-END\n");
}

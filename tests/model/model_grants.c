/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant pins with concurrent maps, unmaps and copies while the granter ends the access, rewrites the entry, or
 * dies: G1..G4 of docs/grants.md.
 */
// sources: hv/core/lock.c hv/control/access.c hv/grant/table.c hv/grant/pin.c hv/grant/maptrack.c hv/grant/array.c hv/grant/map.c hv/grant/copy.c hv/grant/transfer.c hv/grant/setup.c hv/grant/entry_ops.c hv/grant/op.c hv/grant/dump.c hv/grant/format_v1.c hv/grant/format_v2.c hv/mm/frame.c
#define RAM_FRAMES 80u
#include "explore.h"
#include "../unit/domains_host.h"
#include <arch/cpu.h>
#include <hv/param.h>
#include "../../hv/grant/table.h"

#define REF 8u
#define HOST_ADDR 0x1000u

static bool ended;                      /* the granter has its page back */
static bool is_mapped, was_mapped;      /* in domain 2's page tables */
static unsigned int flushes_at_unmap, unmaps;
static uint32_t handle;

int param_parse_bool(const char *s) { return 0; }
void m2p_set(mfn_t mfn, uint64_t pfn) { }
size_t strlcpy(char *dst, const char *src, size_t size) { return 0; }
int domain_frame_steal(struct domain *d, struct frame *f) { return -XEN_EINVAL; }
int domain_frames_assign(struct domain *d, struct frame *f, unsigned int order, uint32_t alloc_flags) { return -XEN_EINVAL; }
struct frame *buddy_alloc(unsigned int order, uint32_t alloc_flags) { return NULL; }
void buddy_free(struct frame *f, unsigned int order) { }
void arch_cache_clean(const void *p, size_t n) { }
void frame_share(void *page, struct domain *d, bool writable) { }

static struct frame *granted(void) { return frame_of(page_of(1, 3)); }
static grant_entry_v1_t *entry(void) { return (grant_entry_v1_t *)world[1].grants->frame[0] + REF; }

/* ---- page tables: one entry, which holds references like any other (P1) ---- */

int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags)
{
    if (is_mapped || !frame_get(frame_of(mfn), NULL))
        return GNTST_general_error;
    if (frame_take_type(frame_of(mfn), FRAME_WRITABLE) != 0)
        explore_fail("the granted page is not writable any more");
    is_mapped = was_mapped = true;
    return GNTST_okay;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags)
{
    if (!is_mapped)
        return GNTST_general_error;
    is_mapped = false;
    flushes_at_unmap = flushed;
    frame_put_and_drop(frame_of(mfn));
    return GNTST_okay;
}

/* ---- CPUs ---- */

static long op(unsigned int cmd, void *arg) { return hc_grant_table_op(cmd, (uintptr_t)arg, 1, 0, 0); }

static bool map(void)
{
    struct gnttab_map_grant_ref a = { .host_addr = HOST_ADDR, .flags = GNTMAP_host_map, .ref = REF, .dom = 1 };

    if (op(GNTTABOP_map_grant_ref, &a) != 0 || a.status != GNTST_okay)
        return false;
    handle = a.handle;
    return true;
}

static void unmap(void)
{
    struct gnttab_unmap_grant_ref a = { .host_addr = HOST_ADDR, .handle = handle };

    if (op(GNTTABOP_unmap_grant_ref, &a) == 0 && a.status == GNTST_okay)
        unmaps++;
}

static void map_and_unmap(void)
{
    if (map())
        unmap();
}

static void copy(void)
{
    struct gnttab_copy a = {
        .source = { .u.gmfn = page_of(2, 1).v, .domid = DOMID_SELF }, .dest = { .u.ref = REF, .domid = 1 }, .len = 8, .flags = GNTCOPY_dest_gref,
    };

    if (op(GNTTABOP_copy, &a) != 0)
        return;
}

/* By the public header: marks are looked at and the permission taken back in one step. */
static void end_access(void)
{
    uint16_t flags = __atomic_load_n(&entry()->flags, __ATOMIC_SEQ_CST);

    while (!(flags & (GTF_reading | GTF_writing)))
        if (__atomic_compare_exchange_n(&entry()->flags, &flags, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            ended = true;
            return;
        }
}

static void end_access_twice(void)
{
    end_access();
    if (!ended)
        end_access();
}

static void rewrite_entry(void)
{
    write_once(entry()->frame, (uint32_t)page_of(1, 4).v);
    write_once(entry()->frame, (uint32_t)page_of(2, 4).v);
    write_once(entry()->domid, 0);
}

/* The granter's last reference goes when nobody holds another. */
static void granter_dies(void)
{
    write_once(world[1].dying, DOMAIN_DYING);
    while (grant_domain_release_mappings(&world[1]) != 0)
        ;
    write_once(world[1].dying, DOMAIN_DEAD);
    domain_put(&world[1]);
    while (__atomic_load_n(&world[1].refs, __ATOMIC_SEQ_CST) != 0)
        cpu_relax();
    explore_assert(!is_mapped && granted()->refs == 1); /* G4 */
}

/* ---- invariants ---- */

static void check_ended(void)
{
    if (!ended)
        return;
    explore_assert(!is_mapped); /* G3 */
    explore_assert(!was_mapped || flushed != flushes_at_unmap);
    explore_assert(granted()->refs == 1 && frame_type_count(granted()->type_info) == 0);
}

static void check_nothing_held(void)
{
    for (unsigned int d = 1; d < NR_DOMAINS; d++) {
        explore_assert(world[d].refs == (world[d].dying != DOMAIN_DEAD));
        for (unsigned int i = 0; i < PAGES_PER_DOMAIN; i++)
            explore_assert(frame_of(page_of(d, i))->refs == 1 && frame_type_count(frame_of(page_of(d, i))->type_info) == 0); /* G1, G2 */
    }
    explore_assert(!is_mapped && !(entry()->flags & (GTF_reading | GTF_writing))); /* G3 */
    explore_assert(unmaps <= 1);
}

/* ---- set-up ---- */

static void setup(void)
{
    struct maptrack *m;

    world_create();
    for (unsigned int d = 1; d < NR_DOMAINS; d++)
        if (grant_domain_init(&world[d], 1, 1, 2) != 0)
            explore_fail("setup");
    *entry() = (grant_entry_v1_t){ .flags = GTF_permit_access, .domid = 2, .frame = (uint32_t)page_of(1, 3).v };
    m = &world[2].grants->maptrack;
    be(2, 0);
    maptrack_free(m, maptrack_alloc(m)); /* grown already */
    explore_share(entry(), sizeof(*entry()));
    explore_share(&world[1].grants->lock, sizeof(struct spinlock));
    explore_share(&world[1].refs, sizeof(world[1].refs));
    explore_share(&world[1].dying, sizeof(world[1].dying));
    explore_share(grant_active(world[1].grants, REF), sizeof(struct grant_active));
    explore_share(&m->free, sizeof(m->free));
    explore_share(m->block[0], 2 * sizeof(struct maptrack_entry));
    explore_share(granted(), sizeof(struct frame));
}

static void setup_mapped(void)
{
    setup();
    if (!map())
        explore_fail("setup: map");
}

#define MODEL(n, prepare, a, b, c) { \
    .name = n, .setup = prepare, .check = check_ended, .check_end = check_nothing_held, \
    .cpus = { { "mapper", a, &world_vcpu[2][0] }, { "mapper 2", b, &world_vcpu[2][1] }, { "granter", c, &world_vcpu[1][0] } } }

int main(int argc, char **argv)
{
    static const struct explore_model models[] = {
        MODEL("grants-map", setup, map_and_unmap, NULL, end_access_twice),
        MODEL("grants-copy", setup, copy, copy, end_access),
        MODEL("grants-unmap-twice", setup_mapped, unmap, unmap, end_access_twice),
        MODEL("grants-rewrite", setup, map_and_unmap, NULL, rewrite_entry),
        MODEL("grants-death", setup, map_and_unmap, NULL, granter_dies),
        { .name = NULL },
    };

    return explore_main(models, argc, argv);
}

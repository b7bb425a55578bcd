/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapping others' grants and unmapping them. The page-table part is arch_grant_map/_unmap; here
 * are the pins and handles around it. Context: current->domain is the one that maps.
 */
#include "table.h"

#include <arch/tlb.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/perfc.h>
#include <hv/trace.h>

/* ---- map ---- */

/* The granting domain of the last operation, referenced: operations of a batch mostly name one. */
struct map_state { struct domain *granter; domid_t named; };

static struct domain *granter_of(struct map_state *s, domid_t id)
{
    if (likely(s->granter != NULL && s->named == id))
        return s->granter;
    if (s->granter != NULL)
        domain_put(s->granter);
    s->granter = grant_domain_get(id);
    s->named = id;
    return s->granter;
}

static bool is_writable(uint32_t flags)
{
    return !(flags & GNTMAP_readonly);
}

static unsigned int kinds_of(uint32_t flags)
{
    return ((flags & GNTMAP_host_map) != 0) + ((flags & GNTMAP_device_map) != 0);
}

/* The entry's references, then the host mapping; undone if there can be none. */
static int pin_and_map(struct domain *rd, struct gnttab_map_grant_ref *op)
{
    const struct grant_pin_request request = {
        .grantee = current->domain->id, .writable = is_writable(op->flags), .for_map = true, .count = (uint8_t)kinds_of(op->flags),
    };
    const struct grant_active *a;
    int rc = grant_pin(rd->grants, op->ref, &request, &a);

    if (rc != GNTST_okay)
        return rc;
    if (op->flags & GNTMAP_host_map)
        rc = arch_grant_map(op->host_addr, frame_mfn(a->frame), op->flags);
    if (rc != GNTST_okay)
        grant_unpin(rd->grants, op->ref, request.writable, request.count);
    else
        op->dev_bus_addr = mfn_to_maddr(frame_mfn(a->frame)).v;
    return rc;
}

static int map_from(struct domain *rd, struct gnttab_map_grant_ref *op)
{
    struct maptrack *m = &current->domain->grants->maptrack;
    const uint32_t handle = maptrack_alloc(m);
    int rc;

    if (handle == MAPTRACK_NONE)
        return GNTST_no_space;
    rc = domain_get(rd) ? GNTST_okay : GNTST_bad_domain;
    if (rc == GNTST_okay && (rc = pin_and_map(rd, op)) != GNTST_okay)
        domain_put(rd);
    if (rc != GNTST_okay) {
        maptrack_free(m, handle);
        return rc;
    }
    trace(TRC_MEM_PAGE_GRANT_MAP, op->dom);
    maptrack_publish(m, handle, rd, op->ref, op->flags);
    op->handle = handle;
    return GNTST_okay;
}

static int map_one(struct map_state *s, struct gnttab_map_grant_ref *op)
{
    struct domain *rd;

    if (!(op->flags & GNTMAP_KINDS))
        return GNTST_bad_gntref;
    rd = granter_of(s, op->dom);
    return rd != NULL ? map_from(rd, op) : GNTST_bad_domain;
}

static void map_chunk(void *ops, unsigned int n, void *state)
{
    struct gnttab_map_grant_ref *op = ops;

    perfc_add(grant_maps, n);
    for (unsigned int i = 0; i < n; i++)
        op[i].status = (int16_t)map_one(state, &op[i]);
}

long grant_op_map(uint64_t uop, uint32_t count)
{
    struct map_state s = { .granter = NULL };
    const long rc = grant_for_each_chunk(uop, count, sizeof(struct gnttab_map_grant_ref), map_chunk, &s);

    if (s.granter != NULL)
        domain_put(s.granter);
    return rc;
}

/* ---- unmap: page tables first, then one TLB flush for the piece, then the pins (G3) ---- */

struct unmap {
    uint64_t host_addr, dev_bus_addr, new_addr;
    uint32_t handle;
    int16_t status;
    /* what is left to do after the flush */
    struct domain *granter;   /* referenced; NULL: nothing */
    grant_ref_t ref;
    uint32_t done;            /* GNTMAP_* kinds that went */
    bool writable, is_last;   /* is_last: the handle goes too */
};

static int check_bus_address(const struct unmap *u, mfn_t mfn)
{
    return u->dev_bus_addr == 0 || u->dev_bus_addr == mfn_to_maddr(mfn).v ? GNTST_okay : GNTST_general_error;
}

/* Takes the mappings away that u names. Returns the kinds that went. */
static uint32_t unmap_kinds(struct unmap *u, uint32_t flags, mfn_t mfn)
{
    uint32_t done = 0;

    u->status = (int16_t)check_bus_address(u, mfn);
    if (u->status == GNTST_okay && u->host_addr != 0 && (flags & GNTMAP_host_map)) {
        u->status = (int16_t)arch_grant_unmap(u->host_addr, mfn, u->new_addr, flags);
        if (u->status == GNTST_okay)
            done |= GNTMAP_host_map;
    }
    if (u->status == GNTST_okay && u->dev_bus_addr != 0)
        done |= flags & GNTMAP_device_map;
    return done;
}

/* The entry is ours, BUSY. What is left of the mapping is published again; the last kind keeps it ours. */
static void unmap_begin(struct unmap *u, struct maptrack_entry *e)
{
    const uint32_t flags = e->flags & ~MAPTRACK_BUSY;
    /* Our pins keep the active entry's frame as it is. */
    const struct frame *f = grant_active(e->granter->grants, e->ref)->frame;

    u->done = unmap_kinds(u, flags, frame_mfn(f));
    u->is_last = !(flags & GNTMAP_KINDS & ~u->done);
    u->writable = is_writable(flags);
    u->ref = e->ref;
    u->granter = e->granter;
    trace(TRC_MEM_PAGE_GRANT_UNMAP, e->granter->id);
    if (u->is_last)
        return;
    if (u->done == 0 || !domain_get(u->granter))
        u->granter = NULL;
    __atomic_store_n(&e->flags, flags & ~u->done, __ATOMIC_RELEASE);
}

static void unmap_end(struct maptrack *m, struct unmap *u)
{
    grant_unpin(u->granter->grants, u->ref, u->writable, kinds_of(u->done));
    domain_put(u->granter);
    if (u->is_last)
        maptrack_free(m, u->handle);
}

static void unmap_all(struct unmap *u, unsigned int n)
{
    struct domain *d = current->domain;
    struct maptrack *m = &d->grants->maptrack;
    uint32_t done = 0;

    perfc_add(grant_unmaps, n);
    for (unsigned int i = 0; i < n; i++) {
        struct maptrack_entry *e = maptrack_claim(m, u[i].handle);

        u[i].granter = NULL;
        u[i].status = GNTST_bad_handle;
        if (e != NULL) {
            unmap_begin(&u[i], e);
            done |= u[i].done;
        }
    }
    if (done & GNTMAP_host_map)
        tlb_flush_mask(&d->arch.dirty_cpus, TLB_FLUSH_GLOBAL, 0);
    for (unsigned int i = 0; i < n; i++)
        if (u[i].granter != NULL)
            unmap_end(m, &u[i]);
}

static void unmap_chunk(void *ops, unsigned int n, void *state)
{
    struct gnttab_unmap_grant_ref *op = ops;
    struct unmap u[GRANT_CHUNK];

    for (unsigned int i = 0; i < n; i++) {
        u[i].host_addr = op[i].host_addr;
        u[i].dev_bus_addr = op[i].dev_bus_addr;
        u[i].new_addr = 0;
        u[i].handle = op[i].handle;
    }
    unmap_all(u, n);
    for (unsigned int i = 0; i < n; i++)
        op[i].status = u[i].status;
}

long grant_op_unmap(uint64_t uop, uint32_t count)
{
    return grant_for_each_chunk(uop, count, sizeof(struct gnttab_unmap_grant_ref), unmap_chunk, NULL);
}

static void replace_chunk(void *ops, unsigned int n, void *state)
{
    struct gnttab_unmap_and_replace *op = ops;
    struct unmap u[GRANT_CHUNK];

    for (unsigned int i = 0; i < n; i++) {
        u[i].host_addr = op[i].host_addr;
        u[i].dev_bus_addr = 0;
        u[i].new_addr = op[i].new_addr;
        u[i].handle = op[i].handle;
    }
    unmap_all(u, n);
    for (unsigned int i = 0; i < n; i++)
        op[i].status = u[i].status;
}

long grant_op_unmap_and_replace(uint64_t uop, uint32_t count)
{
    return grant_for_each_chunk(uop, count, sizeof(struct gnttab_unmap_and_replace), replace_chunk, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maptrack: mappings that a domain made of others' grants, named by handles. Free ones are on
 * a lock-free stack, whose head counts its changes so that a slow pop cannot mistake a handle
 * that went and came back. Entries are never unmapped before the table goes. Lock: `lock` for growth.
 */
#include "table.h"

#include <hv/errno.h>
#include <hv/mm.h>

static struct maptrack_entry *entry(const struct maptrack *m, uint32_t handle)
{
    return &m->block[handle / MAPTRACK_PER_BLOCK][handle % MAPTRACK_PER_BLOCK];
}

static uint64_t head_after(uint64_t head, uint32_t handle)
{
    return ((head >> 32) + 1) << 32 | handle;
}

static uint32_t pop(struct maptrack *m)
{
    uint64_t head = __atomic_load_n(&m->free, __ATOMIC_ACQUIRE);

    while ((uint32_t)head != MAPTRACK_NONE) {
        const uint32_t next = read_once(entry(m, (uint32_t)head)->ref);

        if (__atomic_compare_exchange_n(&m->free, &head, head_after(head, next), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return (uint32_t)head;
    }
    return MAPTRACK_NONE;
}

/* first..last are chained already. */
static void push(struct maptrack *m, uint32_t first, uint32_t last)
{
    uint64_t head = __atomic_load_n(&m->free, __ATOMIC_RELAXED);

    do
        write_once(entry(m, last)->ref, (uint32_t)head);
    while (!__atomic_compare_exchange_n(&m->free, &head, head_after(head, first), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

static bool add_block(struct maptrack *m)
{
    const uint32_t first = m->nr_blocks * MAPTRACK_PER_BLOCK;
    struct maptrack_entry *block = m->nr_blocks < m->max_blocks ? pages_alloc(0, ALLOC_ZERO) : NULL;

    if (block == NULL)
        return false;
    for (uint32_t i = 0; i < MAPTRACK_PER_BLOCK; i++)
        block[i].ref = first + i + 1;
    m->block[m->nr_blocks] = block;
    /* Order: maptrack_claim reads the count before the block. */
    __atomic_store_n(&m->nr_blocks, m->nr_blocks + 1, __ATOMIC_RELEASE);
    push(m, first, first + MAPTRACK_PER_BLOCK - 1);
    return true;
}

static uint32_t grow_and_pop(struct maptrack *m)
{
    uint32_t handle;

    spin_lock(&m->lock);
    handle = pop(m); /* somebody else has grown it, or freed one */
    while (handle == MAPTRACK_NONE && add_block(m))
        handle = pop(m);
    spin_unlock(&m->lock);
    return handle;
}

uint32_t maptrack_alloc(struct maptrack *m)
{
    const uint32_t handle = pop(m);

    return likely(handle != MAPTRACK_NONE) ? handle : grow_and_pop(m);
}

void maptrack_publish(struct maptrack *m, uint32_t handle, struct domain *granter, grant_ref_t ref, uint32_t flags)
{
    struct maptrack_entry *e = entry(m, handle);

    e->granter = granter;
    e->ref = ref;
    /* Order: who sees the flags sees the rest. */
    __atomic_store_n(&e->flags, flags & (GNTMAP_guest_avail_mask | 0x1fu), __ATOMIC_RELEASE);
}

void maptrack_free(struct maptrack *m, uint32_t handle)
{
    struct maptrack_entry *e = entry(m, handle);

    e->granter = NULL;
    write_once(e->flags, 0);
    push(m, handle, handle);
}

struct maptrack_entry *maptrack_claim(struct maptrack *m, uint32_t handle)
{
    const uint32_t nr = __atomic_load_n(&m->nr_blocks, __ATOMIC_ACQUIRE) * MAPTRACK_PER_BLOCK;
    struct maptrack_entry *e;
    uint32_t flags;

    if (handle >= nr)
        return NULL;
    e = entry(m, (uint32_t)index_nospec(handle, nr));
    flags = read_once(e->flags);
    if (flags == 0 || (flags & MAPTRACK_BUSY))
        return NULL;
    return __atomic_compare_exchange_n(&e->flags, &flags, flags | MAPTRACK_BUSY, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED) ? e : NULL;
}

int maptrack_init(struct maptrack *m, unsigned int max_frames)
{
    spin_init(&m->lock, RANK_MAPTRACK);
    m->free = MAPTRACK_NONE;
    m->block = heap_new_array(struct maptrack_entry *, max(max_frames, 1u));
    if (m->block == NULL)
        return ERR(ENOMEM);
    m->max_blocks = max_frames;
    return 0;
}

void maptrack_fini(struct maptrack *m)
{
    for (uint32_t i = 0; i < m->nr_blocks; i++)
        pages_free(m->block[i], 0);
    heap_free(m->block);
}

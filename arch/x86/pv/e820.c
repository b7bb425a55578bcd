/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op's memory maps: XENMEM_memory_map, _set_memory_map, _machine_memory_map.
 * Lock: the domain's e820_lock guards its map; guest memory is touched without it.
 */
#include "e820.h"
#include "hv/hypercall/memory_op.h"
#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>

/* ---- the machine's map ---- */

struct map_writer {
    struct e820_entry *out;
    unsigned int nr, room;
    uint64_t at, gap_end; /* frames: what is described so far; end of the gap at work */
};

static void emit(struct map_writer *w, uint64_t start, uint64_t size, uint32_t kind)
{
    if (w->nr < w->room)
        w->out[w->nr] = (struct e820_entry){ start, size, kind };
    w->nr++;
}

/* A range that the domain may use: what lies before it in the gap is not for the domain. */
static int allowed_range(uint64_t first, uint64_t last, void *arg)
{
    struct map_writer *w = arg;

    if (last < w->at)
        return 0;
    if (first >= w->gap_end)
        return 1;
    if (first > w->at)
        emit(w, w->at << PAGE_SHIFT, (first - w->at) << PAGE_SHIFT, E820_RESERVED);
    w->at = min(last + 1, w->gap_end);
    return 0;
}

static void describe_gap(struct map_writer *w, struct rangeset *allowed, uint64_t end, bool is_last)
{
    if (end <= w->at)
        return;
    w->gap_end = end;
    (void)rangeset_walk(allowed, allowed_range, w);
    if (w->at < end && !is_last)
        emit(w, w->at << PAGE_SHIFT, (end - w->at) << PAGE_SHIFT, E820_RESERVED);
}

unsigned int e820_machine_map(const struct memory_range *range, unsigned int nr, struct rangeset *allowed,
                              uint64_t nr_frames, struct e820_entry *out, unsigned int room)
{
    struct map_writer w = { .out = out, .room = room };

    for (unsigned int i = 0; i < nr; i++) {
        describe_gap(&w, allowed, range[i].start >> PAGE_SHIFT, false);
        emit(&w, range[i].start, range[i].size, range[i].kind);
        w.at = max(w.at, (range[i].start + range[i].size + PAGE_SIZE - 1) >> PAGE_SHIFT);
    }
    describe_gap(&w, allowed, nr_frames, true);
    return w.nr;
}

static int write_map(struct xen_memory_map *m, const struct e820_entry *map, unsigned int nr)
{
    if (m->nr_entries < nr)
        return ERR(EINVAL);
    m->nr_entries = nr;
    return guest_write(handle_va(m->buffer), map, nr * sizeof(*map)) != 0 ? ERR(EFAULT) : 0;
}

static int machine_map_to_guest(struct xen_memory_map *m)
{
    struct rangeset *allowed = &current->domain->iomem_allowed;
    const uint64_t nr_frames = 1ULL << (cpu_features.phys_bits - PAGE_SHIFT);
    struct e820_entry *map = heap_new_array(struct e820_entry, E820_MAX_ENTRIES);
    unsigned int nr;
    int rc = 0;

    if (map == NULL)
        return ERR(ENOMEM);
    nr = e820_machine_map(boot_info.memory, boot_info.nr_memory, allowed, nr_frames, map, E820_MAX_ENTRIES);
    if (nr > E820_MAX_ENTRIES)
        rc = ERR(EINVAL);
    else if (handle_is_null(m->buffer))
        m->nr_entries = nr;
    else
        rc = write_map(m, map, nr);
    heap_free(map);
    return rc;
}

long memop_machine_memory_map(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_memory_map m;
    int rc;

    if (start)
        return ERR(ENOSYS);
    rc = memop_check(op);
    if (rc != 0)
        return rc;
    if (guest_read(&m, arg, sizeof(m)) != 0)
        return ERR(EFAULT);
    rc = machine_map_to_guest(&m);
    if (rc != 0)
        return rc;
    return guest_write(arg, &m, sizeof(m)) != 0 ? ERR(EFAULT) : 0;
}

/* ---- a domain's own map ---- */

static void map_replace(struct domain *d, struct e820_entry *map, unsigned int nr)
{
    struct e820_entry *old;

    spin_lock(&d->arch.e820_lock);
    old = d->arch.e820;
    d->arch.e820 = map;
    d->arch.nr_e820 = nr;
    spin_unlock(&d->arch.e820_lock);
    heap_free(old);
}

static int map_from_guest(struct domain *d, const struct xen_memory_map *m)
{
    struct e820_entry *map = heap_new_array(struct e820_entry, max(m->nr_entries, 1u));

    if (map == NULL)
        return ERR(ENOMEM);
    if (guest_read(map, handle_va(m->buffer), m->nr_entries * sizeof(*map)) != 0) {
        heap_free(map);
        return ERR(EFAULT);
    }
    map_replace(d, map, m->nr_entries);
    return 0;
}

long memop_set_memory_map(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_foreign_memory_map x;
    struct domain *d = NULL;
    int rc;

    if (start)
        return ERR(ENOSYS);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    if (x.map.nr_entries > E820_MAX_ENTRIES)
        return ERR(EINVAL);
    rc = memop_domain(op, x.domid, &d);
    if (rc != 0)
        return rc;
    rc = map_from_guest(d, &x.map);
    domain_put(d);
    return rc;
}

/* Copies entry i if there is one. */
static bool map_entry(struct domain *d, unsigned int i, struct e820_entry *out)
{
    bool has;

    spin_lock(&d->arch.e820_lock);
    has = i < d->arch.nr_e820;
    if (has)
        *out = d->arch.e820[i];
    spin_unlock(&d->arch.e820_lock);
    return has;
}

/* ABI: a domain that was given no map is told that there is no such operation. */
long memop_memory_map(unsigned int op, uint64_t start, uint64_t arg)
{
    struct domain *d = current->domain;
    struct xen_memory_map m;
    struct e820_entry e;
    unsigned int i = 0;

    if (start)
        return ERR(ENOSYS);
    if (guest_read(&m, arg, sizeof(m)) != 0)
        return ERR(EFAULT);
    if (!map_entry(d, 0, &e))
        return ERR(ENOSYS);
    for (; i < m.nr_entries && map_entry(d, i, &e); i++)
        if (guest_write(handle_va(m.buffer) + i * sizeof(e), &e, sizeof(e)) != 0)
            return ERR(EFAULT);
    m.nr_entries = i;
    return guest_write(arg, &m, sizeof(m)) != 0 ? ERR(EFAULT) : 0;
}

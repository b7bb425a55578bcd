/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dom0's memory: runs of frames as large as the allocator has them, kept as extents until the p2m list
 * is written. Nothing is cleared but what the kernel must find clear: as on a bare machine, the rest
 * holds what it held.
 */
#include "dom0.h"
#include <hv/lib.h>
#include <hv/log.h>

/* ---- extents ---- */

static boot_code void add_extent(struct dom0 *o, uint64_t pfn, mfn_t mfn, uint64_t nr)
{
    struct dom0_extent *last = o->nr_extents ? &o->extent[o->nr_extents - 1] : NULL;

    if (last != NULL && last->pfn + last->nr == pfn && last->mfn + last->nr == mfn.v) {
        last->nr += (uint32_t)nr;
        return;
    }
    if (o->nr_extents == DOM0_MAX_EXTENTS)
        panic("Free memory is in too many pieces for dom0: give it less with dom0_mem=.\n");
    o->extent[o->nr_extents++] = (struct dom0_extent){ (uint32_t)pfn, (uint32_t)mfn.v, (uint32_t)nr };
}

/* The extent that holds pfn; callers go through memory in order, so the last answer is a good guess. */
static boot_code const struct dom0_extent *find_extent(const struct dom0 *o, uint64_t pfn)
{
    static boot_data unsigned int guess;

    for (unsigned int n = 0; n < o->nr_extents; n++) {
        const unsigned int i = (guess + n) % o->nr_extents;
        const struct dom0_extent *e = &o->extent[i];

        if (pfn >= e->pfn && pfn - e->pfn < e->nr) {
            guess = i;
            return e;
        }
    }
    panic("dom0 has no frame %lx\n", pfn);
}

boot_code mfn_t dom0_mfn(const struct dom0 *o, uint64_t pfn)
{
    const struct dom0_extent *e = find_extent(o, pfn);

    return MFN(e->mfn + (pfn - e->pfn));
}

/* Where a byte is, and how many follow it in its extent. */
static boot_code char *place(const struct dom0 *o, uint64_t offset, uint64_t *run)
{
    const struct dom0_extent *e = find_extent(o, offset >> PAGE_SHIFT);
    const uint64_t at = offset - ((uint64_t)e->pfn << PAGE_SHIFT);

    *run = ((uint64_t)e->nr << PAGE_SHIFT) - at;
    return (char *)mfn_va(MFN(e->mfn)) + at;
}

boot_code void dom0_write(const struct dom0 *o, uint64_t offset, const void *src, uint64_t bytes)
{
    const char *from = src;

    while (bytes != 0) {
        uint64_t run;
        char *to = place(o, offset, &run);
        const uint64_t n = min(run, bytes);

        memcpy(to, from, n);
        from += n;
        offset += n;
        bytes -= n;
    }
}

boot_code void dom0_clear(const struct dom0 *o, uint64_t offset, uint64_t bytes)
{
    while (bytes != 0) {
        uint64_t run;
        char *to = place(o, offset, &run);
        const uint64_t n = min(run, bytes);

        memset(to, 0, n);
        offset += n;
        bytes -= n;
    }
}

/* ---- frames ---- */

static boot_code unsigned int order_below(uint64_t nr)
{
    return min(63u - (unsigned int)__builtin_clzll(nr), MAX_ORDER);
}

boot_code void dom0_memory_add(struct dom0 *o, uint64_t pfn, uint64_t nr)
{
    unsigned int order = MAX_ORDER;

    while (nr != 0) {
        order = min(order, order_below(nr));
        struct frame *f = domain_frames_alloc(o->d, order, ALLOC_NO_LIMIT | ALLOC_NO_SCRUB);

        if (f != NULL) {
            add_extent(o, pfn, frame_mfn(f), 1ULL << order);
            pfn += 1ULL << order;
            nr -= 1ULL << order;
        } else if (order-- == 0) {
            panic("Not enough memory for dom0: %lu pages are missing. Give it less with dom0_mem=.\n", nr);
        }
    }
}

/* ---- boot modules ---- */

/* Does another module begin or end in the pages of this one? */
static boot_code bool shares_pages(const struct boot_module *m)
{
    const uint64_t start = round_down(m->start.v, PAGE_SIZE), end = round_up(m->start.v + m->size_bytes, PAGE_SIZE);

    for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *other = &boot_info.module[i];

        if (other != m && other->start.v < end && other->start.v + other->size_bytes > start)
            return true;
    }
    return false;
}

static boot_code bool has_own_pages(const struct boot_module *m)
{
    return (m->start.v & ~PAGE_MASK) == 0 && !shares_pages(m);
}

boot_code void dom0_module_free(const struct boot_module *m)
{
    const uint64_t start = m->start.v, end = m->start.v + m->size_bytes;

    if (has_own_pages(m))
        buddy_add(MFN(start >> PAGE_SHIFT), MFN(round_up(end, PAGE_SIZE) >> PAGE_SHIFT));
    else if (round_up(start, PAGE_SIZE) < round_down(end, PAGE_SIZE))
        buddy_add(MFN(round_up(start, PAGE_SIZE) >> PAGE_SHIFT), MFN(round_down(end, PAGE_SIZE) >> PAGE_SHIFT));
}

static boot_code void adopt(struct dom0 *o, const struct boot_module *m)
{
    const mfn_t first = maddr_to_mfn(m->start);
    const uint64_t nr = o->layout.initrd_pages, tail = (nr << PAGE_SHIFT) - m->size_bytes;

    memset((char *)maddr_va(m->start) + m->size_bytes, 0, tail);
    for (uint64_t i = 0; i < nr; i++)
        if (domain_frames_assign(o->d, frame_of(mfn_add(first, i)), 0, ALLOC_NO_LIMIT) != 0)
            panic("The initrd's memory cannot be given to dom0.\n");
    add_extent(o, o->layout.initrd_pfn, first, nr);
}

boot_code void dom0_memory_add_initrd(struct dom0 *o)
{
    const struct boot_module *m = o->initrd_module;

    if (m == NULL || o->layout.initrd_pages == 0)
        return;
    if (has_own_pages(m)) {
        adopt(o, m);
        return;
    }
    dom0_memory_add(o, o->layout.initrd_pfn, o->layout.initrd_pages);
    dom0_write(o, o->layout.initrd_pfn << PAGE_SHIFT, maddr_va(m->start), m->size_bytes);
    dom0_module_free(m);
}

/* ---- p2m and M2P ---- */

/* Where the list is in pseudo-physical memory. */
static boot_code uint64_t p2m_offset(const struct dom0 *o)
{
    return o->layout.p2m_pages ? o->layout.p2m_pfn << PAGE_SHIFT : dom0_offset(o, o->layout.p2m.start);
}

static boot_code void write_extent(const struct dom0 *o, const struct dom0_extent *e)
{
    const uint64_t base = p2m_offset(o);
    uint64_t entry[256];

    for (uint64_t i = 0; i < e->nr;) {
        const uint64_t n = min((uint64_t)array_size(entry), e->nr - i);

        for (uint64_t k = 0; k < n; k++) {
            entry[k] = e->mfn + i + k;
            m2p_set(MFN(entry[k]), e->pfn + i + k);
        }
        dom0_write(o, base + (e->pfn + i) * sizeof(entry[0]), entry, n * sizeof(entry[0]));
        i += n;
    }
}

boot_code void dom0_write_p2m(const struct dom0 *o)
{
    const uint64_t bytes = o->nr_pages * sizeof(uint64_t);

    for (unsigned int i = 0; i < o->nr_extents; i++)
        write_extent(o, &o->extent[i]);
    dom0_clear(o, p2m_offset(o) + bytes, round_up(bytes, PAGE_SIZE) - bytes);
}

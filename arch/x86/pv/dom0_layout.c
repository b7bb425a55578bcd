/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are in dom0's memory (dom0.h has the picture). ABI: the order and the spare room are
 * those of xen/xen.h, "Start-of-day memory layout". Pure.
 */
#include "dom0.h"
#include <arch/page.h>
#include <hv/errno.h>

#define REGION_ALIGN (4ULL << 20)
#define SPARE_BYTES  (512ULL << 10)
#define MAX_REGION   (1ULL << 30)

static int bad(const char **why, const char *text)
{
    *why = text;
    return ERR(EINVAL);
}

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

uint64_t dom0_tables_for(uint64_t start, uint64_t end)
{
    uint64_t n = 0;

    for (unsigned int level = 1; level <= 3; level++) {
        const unsigned int shift = PAGE_SHIFT + 9 * level;

        n += ((end - 1) >> shift) - (start >> shift) + 1;
    }
    return n;
}

/* Ranges follow each other page by page. */
static struct dom0_range next_range(uint64_t *at, uint64_t bytes)
{
    const struct dom0_range r = { *at, *at + bytes };

    *at += pages(bytes) << PAGE_SHIFT;
    return r;
}

/* The tables are in the region that they map: more of them may need one more. */
static void place_tables(struct dom0_layout *l, uint64_t at)
{
    for (l->nr_tables = 1;;) {
        uint64_t p = at;

        l->tables = next_range(&p, l->nr_tables << PAGE_SHIFT);
        l->stack = next_range(&p, PAGE_SIZE);
        l->region.end = round_up(p + SPARE_BYTES, REGION_ALIGN);
        const uint64_t needed = 1 + dom0_tables_for(l->region.start, l->region.end);

        if (needed <= l->nr_tables)
            return;
        l->nr_tables = needed;
    }
}

static void place_region(struct dom0_layout *l, const struct xen_notes *n, const struct dom0_needs *needs)
{
    uint64_t at = round_up(l->kernel.end, PAGE_SIZE);

    l->initrd = next_range(&at, n->mod_start_pfn ? 0 : needs->initrd_bytes);
    l->initrd_pfn = (l->initrd.start - l->region.start) >> PAGE_SHIFT;
    if (n->p2m_base == XEN_NOTE_UNSET)
        l->p2m = next_range(&at, needs->nr_pages * sizeof(uint64_t));
    l->start_info = next_range(&at, needs->start_info_bytes);
    place_tables(l, at);
    l->region_pages = (l->region.end - l->region.start) >> PAGE_SHIFT;
}

/* What has frames, but no mapping in the region. */
static void place_rest(struct dom0_layout *l, const struct xen_notes *n, const struct dom0_needs *needs)
{
    l->end_pfn = l->region_pages;
    l->initrd_pages = pages(needs->initrd_bytes);
    if (n->mod_start_pfn) {
        l->initrd_pfn = l->end_pfn;
        l->end_pfn += l->initrd_pages;
    }
    if (n->p2m_base == XEN_NOTE_UNSET)
        return;
    l->p2m.start = n->p2m_base;
    l->p2m.end = n->p2m_base + needs->nr_pages * sizeof(uint64_t);
    l->p2m_pfn = l->end_pfn;
    l->p2m_pages = pages(l->p2m.end - l->p2m.start) + dom0_tables_for(l->p2m.start, l->p2m.end);
    l->end_pfn += l->p2m_pages;
}

/* Guests may map all but the hypervisor's slots, and no address wraps. */
static bool may_be_mapped(const struct dom0_range *r)
{
    return r->start < r->end && va_is_canonical(r->start) && va_is_canonical(r->end - 1) &&
           (r->end <= HV_VIRT_START || r->start >= HV_VIRT_END) && (r->start >> 47 == (r->end - 1) >> 47);
}

static bool overlap(const struct dom0_range *a, const struct dom0_range *b)
{
    return a->start < b->end && b->start < a->end;
}

static int check(const struct dom0_layout *l, const struct xen_notes *n, const struct dom0_needs *needs, const char **why)
{
    if (!may_be_mapped(&l->region) || l->region.end - l->region.start > MAX_REGION)
        return bad(why, "its virtual base address leaves no room for it");
    if (l->p2m_pages != 0 && (!may_be_mapped(&l->p2m) || (l->p2m.start & ~PAGE_MASK) || overlap(&l->p2m, &l->region)))
        return bad(why, "its Xen note INIT_P2M names an address that cannot be used");
    if (n->entry < l->kernel.start || n->entry >= l->kernel.end)
        return bad(why, "its entry point lies outside of it");
    if (needs->nr_pages >= l->end_pfn)
        return 0;
    *why = "it has too little memory for its kernel and initrd (dom0_mem=)";
    return ERR(ENOMEM);
}

int dom0_layout_make(const struct elf_kernel *k, const struct xen_notes *n, const struct dom0_needs *needs,
                     struct dom0_layout *out, const char **why)
{
    const uint64_t offset = n->virt_base - n->paddr_offset;

    *out = (struct dom0_layout){
        .kernel = { k->paddr_start + offset, k->paddr_end + offset },
        .region = { .start = n->virt_base },
    };
    if ((n->virt_base & ~PAGE_MASK) || out->kernel.end - out->region.start > MAX_REGION)
        return bad(why, "its virtual base address does not fit its load address");
    place_region(out, n, needs);
    place_rest(out, n, needs);
    return check(out, n, needs, why);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypervisor virtual addresses for device memory: first fit over a small set of free ranges. Lock: vmap_lock. */
#include <arch/page.h>
#include <arch/paging.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/lock.h>
#include <hv/rangeset.h>

static struct spinlock vmap_lock = SPINLOCK_INIT(RANK_VMAP);
static struct rangeset free_pages; /* page numbers of the vmap area */

void vmap_init(void)
{
    rangeset_init(&free_pages);
    if (rangeset_add(&free_pages, VMAP_BASE >> PAGE_SHIFT, (VMAP_END >> PAGE_SHIFT) - 1) != 0)
        panic("vmap: out of memory\n");
}

struct fit { uint64_t want, found; };

static int first_fit(uint64_t first, uint64_t last, void *arg)
{
    struct fit *fit = arg;

    if (last - first + 1 < fit->want)
        return 0;
    fit->found = first;
    return 1;
}

/* nr pages of address space with a gap behind; 0 if there are none. */
static uint64_t take_pages(uint64_t nr)
{
    struct fit fit = { .want = nr + 1 };

    if (!rangeset_walk(&free_pages, first_fit, &fit) ||
        rangeset_remove(&free_pages, fit.found, fit.found + nr) != 0)
        return 0;
    return fit.found << PAGE_SHIFT;
}

static uint64_t pte_flags(enum map_attr attr)
{
    switch (attr) {
    case MAP_UC: return HV_PTE_UC;
    case MAP_WC: return HV_PTE_WC;
    case MAP_RO: return HV_PTE_RO;
    default: return HV_PTE_RW;
    }
}

void *vmap_io(maddr_t start, size_t size, enum map_attr attr)
{
    const uint64_t offset = start.v & ~PAGE_MASK, nr = (offset + size + PAGE_SIZE - 1) >> PAGE_SHIFT;

    spin_lock(&vmap_lock);
    const uint64_t va = take_pages(nr);
    const int rc = va != 0 ? hv_map(va, maddr_to_mfn(start), nr, pte_flags(attr), true) : ERR(ENOMEM);
    spin_unlock(&vmap_lock);
    return rc == 0 ? (void *)(uintptr_t)(va + offset) : NULL;
}

void vmap_io_free(void *p, size_t size)
{
    const uint64_t va = (uintptr_t)p & PAGE_MASK, nr = (((uintptr_t)p & ~PAGE_MASK) + size + PAGE_SIZE - 1) >> PAGE_SHIFT;

    hv_unmap(va, nr);
    spin_lock(&vmap_lock);
    if (rangeset_add(&free_pages, va >> PAGE_SHIFT, (va >> PAGE_SHIFT) + nr) != 0)
        log_warn("vmap: lost %lu pages of address space\n", nr);
    spin_unlock(&vmap_lock);
}

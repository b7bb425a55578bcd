/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dom0's first page tables. They are written into its memory like any guest builder's, then pinned:
 * the page-table code checks them and takes all references, so nothing here knows its rules beyond
 * the ABI's: no writable mapping of a table.
 */
#include "dom0.h"
#include "mmu/mmu.h"
#include <arch/page.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define PAGE_FLAGS  (PTE_P | PTE_RW | PTE_A | PTE_D) /* without US: the guest kernel's (ABI, entry.c adjusts) */

/* Frames for tables, taken in order. */
struct pool { uint64_t pfn, end; };

static boot_code pte_t *new_table(const struct dom0 *o, struct pool *pool, mfn_t *mfn)
{
    if (pool->pfn == pool->end)
        panic("dom0's page tables do not fit where they should\n");
    *mfn = dom0_mfn(o, pool->pfn++);
    return memset(mfn_va(*mfn), 0, PAGE_SIZE);
}

/* The L1 table for va, made with those above it. */
static boot_code pte_t *l1_table(const struct dom0 *o, pte_t *l4, uint64_t va, struct pool *pool)
{
    pte_t *table = l4;

    for (unsigned int level = 4; level > 1; level--) {
        pte_t *e = &table[pt_index(va, level)];
        mfn_t mfn;

        if (*e & PTE_P) {
            table = mfn_va(pte_mfn(*e));
        } else {
            table = new_table(o, pool, &mfn);
            *e = pte_make(mfn, TABLE_FLAGS);
        }
    }
    return table;
}

/* A run of pages that follow each other both as addresses and as pseudo-physical frames. */
struct mapping {
    uint64_t va, end, pfn;
    uint64_t ro_pfn, ro_end;    /* these frames are mapped read-only: the tables */
};

static boot_code void map_pages(const struct dom0 *o, pte_t *l4, struct mapping m, struct pool *pool)
{
    pte_t *l1 = NULL;

    for (; m.va < m.end; m.va += PAGE_SIZE, m.pfn++) {
        const bool read_only = m.pfn >= m.ro_pfn && m.pfn < m.ro_end;

        if (l1 == NULL || pt_index(m.va, 1) == 0)
            l1 = l1_table(o, l4, m.va, pool);
        l1[pt_index(m.va, 1)] = pte_make(dom0_mfn(o, m.pfn), read_only ? PAGE_FLAGS & ~PTE_RW : PAGE_FLAGS);
    }
}

/* Limbo and preemption are for running guests: here the whole tree is checked in one go. */
static boot_code void pin(struct domain *d, mfn_t mfn)
{
    struct frame *f = frame_get_mfn(mfn, d);
    struct pt_context c;
    int rc;

    pt_context_init(&c, d, d);
    mmu_lock(d);
    rc = f == NULL ? ERR(EINVAL) : pt_take(&c, f, FRAME_L4);
    if (rc == 0)
        frame_type_flags(f, FRAME_PINNED, 0);
    mmu_unlock(d);
    if (rc != 0)
        panic("dom0's page tables were refused (error %d)\n", rc);
}

boot_code mfn_t dom0_make_tables(const struct dom0 *o)
{
    const struct dom0_layout *l = &o->layout;
    const uint64_t first = dom0_offset(o, l->tables.start) >> PAGE_SHIFT, p2m_list_pages = (l->p2m.end - l->p2m.start + PAGE_SIZE - 1) >> PAGE_SHIFT;
    struct pool region_pool = { first, first + l->nr_tables };
    struct pool p2m_pool = { l->p2m_pfn + p2m_list_pages, l->p2m_pfn + l->p2m_pages };
    const struct mapping region = { l->region.start, l->region.end, 0, first, first + l->nr_tables };
    const struct mapping p2m = { l->p2m.start, l->p2m.end, l->p2m_pfn, 0, 0 };
    mfn_t root;
    pte_t *l4 = new_table(o, &region_pool, &root);

    map_pages(o, l4, region, &region_pool);
    if (l->p2m_pages != 0)
        map_pages(o, l4, p2m, &p2m_pool);
    pin(o->d, root);
    return root;
}

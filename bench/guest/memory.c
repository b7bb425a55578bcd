/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single page-table entries: update_va_mapping, mmu_update, emulated writes; flushes; reservation. */
#include "bench.h"

#define RUN 128u

static char *page, *other;

static void update_va(void)
{
    const uint64_t rw = used_pte(page, PTE_RW), ro = used_pte(page, 0), next = used_pte(other, PTE_RW), clean = rw & ~(PTE_A | PTE_D);

    MEASURE_AFTER("update_va_mapping change mfn, no flush", set_pte(page, rw, 0), set_pte(page, next, 0));
    MEASURE_AFTER("update_va_mapping change mfn, INVLPG", set_pte(page, rw, 0), set_pte(page, next, UVMF_INVLPG));
    MEASURE_AFTER("update_va_mapping change mfn, TLB_FLUSH", set_pte(page, rw, 0), set_pte(page, next, UVMF_TLB_FLUSH));
    MEASURE_AFTER("update_va_mapping set (0 -> RW)", set_pte(page, 0, 0), set_pte(page, rw, 0));
    MEASURE_AFTER("update_va_mapping clear (RW -> 0), no flush", set_pte(page, rw, 0), set_pte(page, 0, 0));
    MEASURE_AFTER("update_va_mapping clear (RW -> 0), INVLPG", set_pte(page, rw, 0), set_pte(page, 0, UVMF_INVLPG));
    MEASURE_AFTER("update_va_mapping RW -> RO same mfn", set_pte(page, rw, 0), set_pte(page, ro, 0));
    MEASURE_AFTER("update_va_mapping RO -> RW same mfn", set_pte(page, ro, 0), set_pte(page, rw, 0));
    MEASURE_AFTER("update_va_mapping A/D bits only (fast path)", set_pte(page, rw, 0), set_pte(page, clean, 0));
    MUST(set_pte(page, rw, UVMF_INVLPG));
}

/* RUN pages in a row: most of their entries are in one table. */
static char *run[RUN];
static struct mmu_update to_old[RUN], to_new[RUN];

static void prepare_run(uint64_t old_flags, uint64_t new_flags)
{
    for (unsigned int i = 0; i < RUN; i++) {
        to_old[i].ptr = to_new[i].ptr = pte_maddr(run[i]);
        to_old[i].val = old_flags & PTE_P ? va_to_mfn(run[i]) << 12 | old_flags : 0;
        to_new[i].val = new_flags & PTE_P ? va_to_mfn(run[i]) << 12 | new_flags : 0;
    }
}

static void update_run(const char *one, const char *many, uint64_t old_flags, uint64_t new_flags)
{
    prepare_run(old_flags, new_flags);
    MEASURE_AFTER(one, MUST(HC4(mmu_update, to_old, 1, 0, DOMID_SELF)), HC4(mmu_update, to_new, 1, 0, DOMID_SELF));
    MEASURE_AFTER(many, MUST(HC4(mmu_update, to_old, RUN, 0, DOMID_SELF)), HC4(mmu_update, to_new, RUN, 0, DOMID_SELF));
}

static void updates(void)
{
    const uint64_t ro = PTE_P | PTE_A | PTE_D | PTE_US, rw = ro | PTE_RW;

    for (unsigned int i = 0; i < RUN; i++)
        run[i] = page_alloc();
    update_run("mmu_update 1: RW -> 0", "mmu_update 128: RW -> 0", rw, 0);
    update_run("mmu_update 1: 0 -> RW", "mmu_update 128: 0 -> RW", 0, rw);
    update_run("mmu_update 1: RW -> RO", "mmu_update 128: RW -> RO", rw, ro);
    update_run("mmu_update 1: same mfn A/D only", "mmu_update 128: same mfn A/D only", rw, rw & ~(PTE_A | PTE_D));
    MUST(HC4(mmu_update, to_old, RUN, 0, DOMID_SELF));
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
}

static void flushes(void)
{
    MEASURE("mmuext TLB_FLUSH_LOCAL", mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0));
    MEASURE("mmuext INVLPG_LOCAL", mmuext(MMUEXT_INVLPG_LOCAL, (uint64_t)page, 0));
    MEASURE("mmuext TLB_FLUSH_ALL", mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0));
    MEASURE("mmuext INVLPG_ALL", mmuext(MMUEXT_INVLPG_ALL, (uint64_t)page, 0));
    MEASURE("mmuext CLEAR_PAGE 4096 B", mmuext(MMUEXT_CLEAR_PAGE, va_to_mfn(page), 0));
    MEASURE("mmuext COPY_PAGE 4096 B", mmuext(MMUEXT_COPY_PAGE, va_to_mfn(page), va_to_mfn(other)));
}

static void emulated(void)
{
    volatile uint64_t *slot = pte_of(page);
    const uint64_t rw = used_pte(page, PTE_RW), ro = used_pte(page, 0);

    *slot = rw;
    MUST(*slot >> 12 << 12 == rw >> 12 << 12 ? 0 : 1);
    MEASURE("emulated PTE write, same value", *slot = rw);
    MEASURE_AFTER("emulated PTE write, RW -> 0", set_pte(page, rw, 0), *slot = 0);
    MEASURE_AFTER("emulated PTE write, 0 -> RW", set_pte(page, 0, 0), *slot = rw);
    MEASURE_AFTER("emulated PTE write, RW -> RO", set_pte(page, rw, 0), *slot = ro);
    uint64_t seen = *slot;
    MEASURE_AFTER("emulated PTE cmpxchg, A/D bits", seen = *slot,
                  __sync_val_compare_and_swap(slot, seen, seen ^ (PTE_A | PTE_D)));
    MUST(set_pte(page, rw, UVMF_INVLPG));
}

static xen_pfn_t extent;
static struct xen_memory_reservation extents = { .nr_extents = 1, .domid = DOMID_SELF };

static void give(void) { HC2(memory_op, XENMEM_decrease_reservation, &extents); }
static void take(void) { HC2(memory_op, XENMEM_populate_physmap, &extents); }

/* Giving, extent is a machine frame; taking, a guest one, and becomes the machine one. */
static void reservation(void)
{
    char *at = page_alloc();
    const uint64_t pfn = va_to_pfn(at);

    set_xen_guest_handle(extents.extent_start, &extent);
    extent = va_to_mfn(at);
    MUST(set_pte(at, 0, UVMF_INVLPG));
    MEASURE_AFTER("decrease_reservation 1 page", if (i_) { extent = pfn; take(); }, give());
    extent = pfn;
    MEASURE_AFTER("populate_physmap 1 page (scrubbed)", if (i_) { give(); extent = pfn; }, take());
    MUST(extent == pfn);
}

void bench_memory(void)
{
    page = page_alloc();
    other = page_alloc();
    update_va();
    updates();
    flushes();
    emulated();
    reservation();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables: type exclusion, pinning, updates, emulated writes. */
#include "../lib/guest.h"

const char test_name[] = "mmu";

static void va_mapping(void)
{
    uint64_t *a = page_alloc(), *b = page_alloc();

    a[0] = 0xa;
    b[0] = 0xb;
    CHECK_RC(set_pte(a, pte(b, PTE_RW), UVMF_INVLPG), 0);
    CHECK(a[0] == 0xb);
    CHECK_RC(set_pte(a, pte(a, 0), UVMF_INVLPG), 0);
    CHECK(a[0] == 0xa);
    CHECK(!try_write(a, 1));
    CHECK_RC(set_pte(a, 0, UVMF_INVLPG), 0);
    CHECK(!try_write(a, 1));
    CHECK_RC(set_pte(a, pte(a, PTE_RW), UVMF_INVLPG), 0);
    CHECK(try_write(a, 1));
    /* Frames that are not ours. */
    CHECK(set_pte(b, 0xfffffff000ull | PTE_P | PTE_RW, UVMF_INVLPG) != 0 || (start_info->flags & SIF_PRIVILEGED));
    CHECK(b[0] == 0xb || (start_info->flags & SIF_PRIVILEGED));
}

static void tables_are_read_only(void)
{
    uint64_t *l1 = page_alloc(), *page = page_alloc();

    l1[0] = pte(page, PTE_RW);
    CHECK(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(l1), 0) != 0);             /* still mapped writable */
    CHECK_RC(set_pte(l1, pte(l1, 0), UVMF_INVLPG), 0);
    CHECK_RC(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(l1), 0), 0);
    CHECK(set_pte(l1, pte(l1, PTE_RW), UVMF_INVLPG) != 0);              /* a table cannot be made writable */
    CHECK(mmuext(MMUEXT_PIN_L2_TABLE, va_to_mfn(l1), 0) != 0);             /* nor be a table of another level */

    struct mmu_update update = { .ptr = va_to_mfn(l1) << 12 | 8 | MMU_NORMAL_PT_UPDATE, .val = pte(page, 0) };
    unsigned int nr_done = 0;
    CHECK_RC(HC4(mmu_update, &update, 1, &nr_done, DOMID_SELF), 0);
    CHECK(nr_done == 1 && (l1[1] & PTE_P));

    l1[2] = pte(page, PTE_RW);                                          /* emulated */
    CHECK((l1[2] >> 12 & 0xffffffffff) == va_to_mfn(page));
    CHECK(__sync_bool_compare_and_swap(&l1[2], l1[2], 0));
    CHECK(l1[2] == 0);
    __atomic_exchange_n(&l1[1], 0, __ATOMIC_SEQ_CST);
    CHECK(l1[1] == 0);
    CHECK(!try_write(&l1[3], pte(l1, PTE_RW)));                         /* a writable mapping of itself */
    CHECK(l1[3] == 0);

    CHECK_RC(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l1), 0), 0);
    CHECK(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l1), 0) != 0);
    CHECK_RC(set_pte(l1, pte(l1, PTE_RW), UVMF_INVLPG), 0);
    CHECK(try_write(l1, 0));
}

static void pin_tree(void)
{
    uint64_t *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc(), *page = page_alloc();
    uint64_t *tables[] = { l4, l3, l2, l1 };

    for (unsigned int i = 0; i < 512; i++)
        l1[i] = pte(page, PTE_RW);
    l2[0] = pte(l1, PTE_RW);
    l3[0] = pte(l2, PTE_RW);
    l4[0] = pte(l3, PTE_RW);
    for (unsigned int i = 0; i < 4; i++)
        CHECK_RC(set_pte(tables[i], pte(tables[i], 0), UVMF_INVLPG), 0);
    CHECK_RC(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(l4), 0), 0);
    CHECK(l4[256] == 0 || (l4[256] & PTE_P));
    CHECK(!try_write(&l4[260], 0));                                     /* the hypervisor's slots */
    struct mmu_update update = { .ptr = va_to_mfn(l4) << 12 | 261 * 8, .val = pte(l3, PTE_RW) };
    unsigned int nr_done = 0;
    CHECK(HC4(mmu_update, &update, 1, &nr_done, DOMID_SELF) != 0);
    update.ptr = va_to_mfn(l2) << 12 | 8;
    update.val = pte(page, PTE_RW) | 0x80;                              /* superpage */
    CHECK(HC4(mmu_update, &update, 1, &nr_done, DOMID_SELF) != 0);
    CHECK_RC(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(l4), 0), 0);
    for (unsigned int i = 0; i < 4; i++)
        CHECK_RC(set_pte(tables[i], pte(tables[i], PTE_RW), UVMF_INVLPG), 0);
}

static void m2p(void)
{
    void *page = page_alloc();
    const uint64_t mfn = va_to_mfn(page);
    struct mmu_update update = { .ptr = mfn << 12 | MMU_MACHPHYS_UPDATE, .val = 0x123 };
    const volatile uint64_t *table = (const uint64_t *)0xffff800000000000;

    CHECK(table[mfn] == va_to_pfn(page));
    CHECK_RC(HC4(mmu_update, &update, 1, 0, DOMID_SELF), 0);
    CHECK(table[mfn] == 0x123);
    update.val = va_to_pfn(page);
    CHECK_RC(HC4(mmu_update, &update, 1, 0, DOMID_SELF), 0);
}

static void clear_and_copy(void)
{
    uint64_t *a = page_alloc(), *b = page_alloc();
    struct mmuext_op copy = { .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = va_to_mfn(b), .arg2.src_mfn = va_to_mfn(a) };

    a[0] = a[511] = 42;
    CHECK_RC(HC4(mmuext_op, &copy, 1, 0, DOMID_SELF), 0);
    CHECK(b[0] == 42 && b[511] == 42);
    CHECK_RC(mmuext(MMUEXT_CLEAR_PAGE, va_to_mfn(b), 0), 0);
    CHECK(b[0] == 0 && b[511] == 0);
}

static void reservation(void)
{
    void *page = page_alloc();
    xen_pfn_t mfn = va_to_mfn(page), pfn = va_to_pfn(page);
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    CHECK_RC(set_pte(page, 0, UVMF_INVLPG), 0);
    set_xen_guest_handle(r.extent_start, &mfn);
    CHECK_RC(HC2(memory_op, XENMEM_decrease_reservation, &r), 1);
    CHECK_RC(HC2(memory_op, XENMEM_decrease_reservation, &r), 0);
    set_xen_guest_handle(r.extent_start, &pfn);
    CHECK_RC(HC2(memory_op, XENMEM_populate_physmap, &r), 1);
    CHECK(set_pte(page, pfn << 12 | PTE_P | PTE_RW | PTE_A, UVMF_INVLPG) == 0);
    CHECK(*(uint64_t *)page == 0);
}

void test_main(void)
{
    va_mapping();
    tables_are_read_only();
    pin_tree();
    m2p();
    clear_and_copy();
    reservation();
}

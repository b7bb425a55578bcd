/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole page tables: pin, unpin, base pointers. */
#include "bench.h"

#define SHARED_SLOT 511u /* the kernel's part of the address space */

/* A tree of its own: l4 -> l3 -> l2 -> l1, all read-only. */
static uint64_t *l4, *l3, *l2, *l1;

static void fill_l1(uint64_t flags)
{
    char *page = page_alloc();

    MUST(set_pte(l1, used_pte(l1, PTE_RW), UVMF_INVLPG));
    for (unsigned int i = 0; i < 512; i++)
        l1[i] = used_pte(page, flags);
    MUST(set_pte(l1, used_pte(l1, 0), UVMF_INVLPG));
}

static void pin_and_unpin(const char *pin_name, const char *unpin_name, unsigned int cmd, const void *table)
{
    const uint64_t mfn = va_to_mfn(table);

    MUST(mmuext(cmd, mfn, 0));
    MUST(mmuext(MMUEXT_UNPIN_TABLE, mfn, 0));
    MEASURE_N(SAMPLES_LONG, pin_name, if (i_) mmuext(MMUEXT_UNPIN_TABLE, mfn, 0), mmuext(cmd, mfn, 0));
    MEASURE_N(SAMPLES_LONG, unpin_name, if (i_) mmuext(cmd, mfn, 0), mmuext(MMUEXT_UNPIN_TABLE, mfn, 0));
}

static uint64_t *new_l4(void)
{
    uint64_t *table = page_alloc();

    table[SHARED_SLOT] = ((const uint64_t *)start_info->pt_base)[SHARED_SLOT];
    MUST(set_pte(table, used_pte(table, 0), UVMF_INVLPG));
    MUST(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(table), 0));
    return table;
}

static void bases(void)
{
    const uint64_t kernel = va_to_mfn((void *)start_info->pt_base), a = va_to_mfn(new_l4()), b = va_to_mfn(new_l4());
    struct mmuext_op both[2] = { { .cmd = MMUEXT_NEW_BASEPTR }, { .cmd = MMUEXT_NEW_USER_BASEPTR } };

    MEASURE_AFTER("mmuext NEW_BASEPTR (other pinned L4)", MUST(mmuext(MMUEXT_NEW_BASEPTR, kernel, 0)), mmuext(MMUEXT_NEW_BASEPTR, a, 0));
    MUST(mmuext(MMUEXT_NEW_BASEPTR, kernel, 0));
    MEASURE("mmuext NEW_BASEPTR (same L4)", mmuext(MMUEXT_NEW_BASEPTR, kernel, 0));
    MEASURE_AFTER("mmuext NEW_USER_BASEPTR (other pinned L4)", MUST(mmuext(MMUEXT_NEW_USER_BASEPTR, a, 0)), mmuext(MMUEXT_NEW_USER_BASEPTR, b, 0));
    MEASURE_AFTER("mmuext NEW_BASEPTR + NEW_USER_BASEPTR, 2 ops",
                  both[0].arg1.mfn = i_ & 1 ? kernel : a; both[1].arg1.mfn = i_ & 1 ? a : b,
                  HC4(mmuext_op, both, 2, 0, DOMID_SELF));
    MUST(mmuext(MMUEXT_NEW_BASEPTR, kernel, 0));
    MUST(mmuext(MMUEXT_NEW_USER_BASEPTR, a, 0)); /* what bench_user runs on */
}

void bench_tables(void)
{
    uint64_t *tables[4];

    for (unsigned int i = 0; i < 4; i++)
        tables[i] = page_alloc();
    l4 = tables[0], l3 = tables[1], l2 = tables[2], l1 = tables[3];
    l2[0] = used_pte(l1, PTE_RW);
    l3[0] = used_pte(l2, PTE_RW);
    l4[0] = used_pte(l3, PTE_RW);
    for (unsigned int i = 0; i < 3; i++)
        MUST(set_pte(tables[i], used_pte(tables[i], 0), UVMF_INVLPG));
    fill_l1(0);
    pin_and_unpin("mmuext PIN_L1 (512 RO entries)", "mmuext UNPIN L1 (512 RO entries)", MMUEXT_PIN_L1_TABLE, l1);
    fill_l1(PTE_RW);
    pin_and_unpin("mmuext PIN_L1 (512 RW entries)", "mmuext UNPIN L1 (512 RW entries)", MMUEXT_PIN_L1_TABLE, l1);
    pin_and_unpin("mmuext PIN_L4 (L4+L3+L2+L1, 512 RW entries)", "mmuext UNPIN L4 (same tree)", MMUEXT_PIN_L4_TABLE, l4);
    bases();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables: updates by hypercalls and by instructions, random trees, pins. */
#include "hostile.h"

uint64_t entry(void)
{
    static const uint64_t extra[] = { 0, 0, 0, 0, 8, 16, 32, 64, 128, 256, 512, 1ull << 52, 1ull << 63, 1ull << 62 };
    uint64_t e = some_mfn() << 12 & 0x000ffffffffff000;

    if (one_in(30))
        return rnd64() & ~(is_dom0 ? 0x000fffffff000000ull : 0);
    if (!one_in(8))
        e |= PTE_P;
    if (one_in(2))
        e |= PTE_RW;
    if (!one_in(4))
        e |= PTE_US;
    return e | PICK(extra);
}

static uint64_t foreign(void)
{
    uint64_t who = one_in(12) ? some_domid() : DOMID_SELF;

    return one_in(30) ? who | some_domid() << 16 : who;
}

/* An array of n operations, or one that is not there of any length. */
static void hand_over(unsigned int nr, const void *array, unsigned int n)
{
    const bool is_bad = one_in(40);

    hypercall(nr, is_bad ? bad_va() : (uint64_t)array, is_bad ? rnd64() : n | (one_in(60) ? 0x80000000u : 0), one_in(3) ? some_va() : 0, foreign(), 0);
}

void op_mmu_update(void)
{
    struct mmu_update *u = (void *)me->buffer[0];
    const unsigned int n = one_in(4) ? 1 + (unsigned int)rnd(40) : 1;

    for (unsigned int i = 0; i < n; i++) {
        u[i].ptr = (one_in(10) && !is_dom0 ? bad_mfn() : pool_mfn()) << 12 | rnd(512) * 8;
        u[i].val = entry();
        /* Our own tables: only entries that are nobody's. */
        if (one_in(20))
            u[i].ptr = va_to_mfn((void *)start_info->pt_base) << 12 | (1 + rnd(250)) * 8;
        if (one_in(8))
            u[i].ptr |= one_in(4) ? rnd(8) : 2;
        if ((u[i].ptr & 3) == MMU_MACHPHYS_UPDATE)
            u[i].ptr = pool_mfn() << 12 | MMU_MACHPHYS_UPDATE;
    }
    hand_over(__HYPERVISOR_mmu_update, u, n);
}

void op_mmuext(void)
{
    struct mmuext_op *e = (void *)me->buffer[0];
    const unsigned int n = one_in(6) ? 1 + (unsigned int)rnd(8) : 1;

    for (unsigned int i = 0; i < n; i++) {
        e[i].cmd = (unsigned int)rnd(one_in(20) ? 64 : 21);
        if (e[i].cmd == MMUEXT_NEW_BASEPTR)
            e[i].cmd = MMUEXT_PIN_L4_TABLE;
        e[i].arg1.mfn = one_in(3) ? some_va() : some_mfn();
        if (e[i].cmd == MMUEXT_CLEAR_PAGE || e[i].cmd == MMUEXT_COPY_PAGE)
            e[i].arg1.mfn = pool_mfn();
        if (e[i].cmd == MMUEXT_SET_LDT)
            e[i].arg1.linear_addr = one_in(5) ? some_va() : (uint64_t)pool_page();
        e[i].arg2.src_mfn = one_in(2) ? some_mfn() : value();
        if (e[i].cmd == MMUEXT_SET_LDT)
            e[i].arg2.nr_ents = (unsigned int)rnd(one_in(4) ? 9000 : 600);
        if (one_in(16) && !is_dom0) {
            e[i].cmd = MMUEXT_UNPIN_TABLE;
            e[i].arg1.mfn = va_to_mfn((void *)start_info->pt_base);
        }
    }
    hand_over(__HYPERVISOR_mmuext_op, e, n);
}

uint64_t flush_flags(void)
{
    static const uint64_t flags[] = { UVMF_INVLPG, UVMF_INVLPG, UVMF_TLB_FLUSH, 0, 3, UVMF_INVLPG | UVMF_ALL, UVMF_TLB_FLUSH | UVMF_ALL };

    if (one_in(6))
        return (uint64_t)me->buffer[2] | rnd(3);
    return one_in(20) ? rnd64() : PICK(flags);
}

void op_update_va(void)
{
    const uint64_t va = one_in(10) ? bad_va() : (uint64_t)pool_page() + (one_in(8) ? rnd(4096) : 0);

    if (va >= 0xfffffffffffff000 && is_dom0)
        return;
    if (one_in(10))
        HC4(update_va_mapping_otherdomain, va, entry(), flush_flags(), some_domid());
    else
        HC3(update_va_mapping, va, entry(), flush_flags());
}

/* A pool page's own mapping, the frame that it should have: keeps things going. */
void op_protect(void)
{
    const unsigned int i = (unsigned int)rnd(NR_PAGES);

    set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A | (one_in(2) ? PTE_US : 0) | (one_in(2) ? PTE_RW : 0), UVMF_INVLPG);
}

/* A small tree of tables, mostly a valid one, then pinned and worked on. */
void op_tree(void)
{
    const unsigned int top = 1 + (unsigned int)rnd(4);
    uint64_t child = pool_mfn();

    for (unsigned int level = 1; level <= top; level++) {
        const unsigned int i = (unsigned int)rnd(NR_PAGES);

        set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A | PTE_RW, UVMF_INVLPG);
        for (unsigned int n = 0; n < 4; n++)
            if (!try_write(&page[i][rnd(512)], one_in(10) ? entry() : child << 12 | PTE_P | PTE_US | PTE_A | (one_in(2) ? PTE_RW : 0)))
                return;
        set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A, UVMF_INVLPG);
        child = mfn_at[i];
        if (level == top || one_in(3))
            mmuext(MMUEXT_PIN_L1_TABLE + level - 1, child, 0);
    }
    if (top == 4 && one_in(3))
        mmuext(MMUEXT_NEW_USER_BASEPTR, child, 0);
}

void op_empty(void)
{
    const unsigned int i = (unsigned int)rnd(NR_PAGES);

    set_pte(page[i], mfn_at[i] << 12 | PTE_P | PTE_A | PTE_RW, UVMF_INVLPG);
    TRY("rep stosq", "=D"((uint64_t){ 0 }), "=c"((uint64_t){ 0 }) : "D"(page[i]), "c"(512), "a"(0) : "memory");
}

/* Instructions that write, most of them to tables. */
void op_write(void)
{
    uint64_t *p = pool_page() + rnd(512);
    uint64_t v = entry(), old = 0;

    if (one_in(10))
        p = (uint64_t *)some_va();
    switch (rnd(14)) {
    case 0: case 1: case 2: case 3: try_write(p, v); break;
    case 4: TRY("movl %k1, (%0)", : "r"(p), "r"(v) : "memory"); break;
    case 5: TRY("movb %b1, (%0)", : "r"(p), "r"(v) : "memory"); break;
    case 6: TRY("xchg %1, (%0)", "+r"(p), "+r"(v) : : "memory"); break;
    case 7: TRY("lock; cmpxchg %2, (%1)", "+a"(old) : "r"(p), "r"(v) : "memory"); break;
    case 8: TRY("lock; btrq %1, (%0)", : "r"(p), "r"(v & 63) : "memory"); break;
    case 9: TRY("lock; btsq %1, (%0)", : "r"(p), "r"(v & 63) : "memory"); break;
    case 10: TRY("lock; xorq %1, (%0)", : "r"(p), "r"(v & 0xfff) : "memory"); break;
    case 11: TRY("movsq", "+D"(p), "+S"(p) : : "memory"); break;
    case 12: TRY("movq %%xmm0, (%0)", : "r"(p) : "memory"); break;
    default: try_read(p, &old); break;
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page tables in depth: conflicts of types and levels, big trees, batches, foreign domains, slots, emulated writes. */
#include "../lib/guest.h"

const char test_name[] = "table";

#define FULL 0xfff0000000000ffful

static uint64_t maddr(const void *page) { return va_to_mfn(page) << 12; }

static long update(const void *table, unsigned int index, uint64_t value) { return mmu_update(maddr(table) + index * 8, value); }

static uint64_t *table_page(void)
{
    uint64_t *t = page_alloc();

    CHECK_RC(make_readonly(t), 0);
    return t;
}

static void free_table(uint64_t *t) { SHOW(make_writable(t)); }

static long pin(unsigned int level, const void *page) { return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, va_to_mfn(page), 0); }
static long unpin(const void *page) { return mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page), 0); }

/* ---- levels and types ---- */

static void conflicts(void)
{
    uint64_t *t[5], *plain = page_alloc();

    for (unsigned int level = 1; level <= 4; level++)
        t[level] = table_page();
    for (unsigned int level = 1; level <= 4; level++)
        for (unsigned int as = 1; as <= 4; as++) {
            if (as == level)
                continue;
            SHOW(pin(level, t[level]));
            print("= level %u pinned, then as %u: %ld\n", level, as, pin(as, t[level]));
            SHOW(pin(level, t[level]));                  /* twice */
            SHOW(unpin(t[level]));
            SHOW(unpin(t[level]));
        }
    SHOW(pin(1, plain));                                 /* writable */
    SHOW(pin(4, plain));
    SHOW(pin(1, shared_info));
    SHOW(mmuext(MMUEXT_PIN_L1_TABLE, 0, 0));
    SHOW(mmuext(MMUEXT_PIN_L1_TABLE, 0xfffffff, 0));
    SHOW(mmuext(MMUEXT_PIN_L1_TABLE, ~0ul, 0));
    SHOW(mmuext(MMUEXT_UNPIN_TABLE, ~0ul, 0));
    SHOW(unpin(plain));
    SHOW(unpin(pte_of(plain)));                          /* a table, not pinned */

    /* Entries that lead to the wrong level, to themselves, to writable pages. */
    SHOW(pin(4, t[4]));
    SHOW(pin(3, t[3]));
    SHOW(pin(2, t[2]));
    SHOW(pin(1, t[1]));
    for (unsigned int in = 2; in <= 4; in++)
        for (unsigned int to = 1; to <= 4; to++) {
            print("= entry of level %u to level %u: %ld\n", in, to, update(t[in], 1, pte(t[to], PTE_RW)));
            print("=   is %lx\n", t[in][1] & FULL);
            print("=   gone: %ld\n", update(t[in], 1, 0));
        }
    for (unsigned int in = 2; in <= 4; in++) {
        print("= entry of level %u to a plain page: %ld\n", in, update(t[in], 1, pte(plain, PTE_RW)));
        print("= entry of level %u to no frame: %ld %ld\n", in, update(t[in], 1, 0xfffffff000 | PTE_P), update(t[in], 1, 0xffffffffff000 | PTE_P));
        print("= entry of level %u, not present: %ld", in, update(t[in], 1, pte(plain, PTE_RW) & ~PTE_P));
        print(" is %lx\n", t[in][1] & FULL);
        SHOW(update(t[in], 1, 0));
    }
    /* A table in use may be pinned, and outlives its parent. */
    SHOW(update(t[4], 0, pte(t[3], PTE_RW)));
    SHOW(unpin(t[3]));
    SHOW(make_writable(t[3]));
    SHOW(unpin(t[4]));
    SHOW(make_writable(t[3]));
    SHOW(make_readonly(t[3]));
    SHOW(unpin(t[2]));
    SHOW(unpin(t[1]));
    for (unsigned int level = 1; level <= 4; level++)
        free_table(t[level]);
}

/* ---- bits of entries ---- */

static void bits(void)
{
    uint64_t *t[5], *plain = page_alloc();

    for (unsigned int level = 1; level <= 4; level++) {
        t[level] = table_page();
        SHOW(pin(level, t[level]));
    }
    for (unsigned int level = 1; level <= 4; level++)
        for (unsigned int bit = 0; bit < 64; bit++) {
            if (bit >= 12 && bit < 50)
                continue;
            const uint64_t base = level == 1 ? maddr(plain) : maddr(t[level - 1]), value = base | PTE_P | PTE_A | 1ull << bit;

            print("= level %u bit %u: %ld", level, bit, update(t[level], 2, value));
            print(" is %lx\n", t[level][2] & FULL);
            CHECK_RC(update(t[level], 2, 0), 0);
        }
    for (unsigned int level = 4; level >= 1; level--) {
        SHOW(unpin(t[level]));
        free_table(t[level]);
    }
}

/* ---- slots of the hypervisor ---- */

static void slots(void)
{
    uint64_t *l4 = table_page(), *l3 = table_page();
    static const unsigned int slot[] = { 0, 255, 256, 257, 260, 271, 272, 510, 511 };

    SHOW(pin(4, l4));
    for (unsigned int i = 0; i < sizeof(slot) / sizeof(*slot); i++) {
        print("= slot %u: %ld\n", slot[i], update(l4, slot[i], pte(l3, PTE_RW)));
        print("= slot %u cleared: %ld\n", slot[i], update(l4, slot[i], 0));
        print("= slot %u not present: %ld\n", slot[i], update(l4, slot[i], 2));
        if (slot[i] < 256 || slot[i] > 271)
            SHOW(update(l4, slot[i], 0));
    }
    SHOW(unpin(l4));
    SHOW(make_writable(l4));
    /* What a guest puts there before the table is one does not matter. */
    memset(l4, 0, PAGE_SIZE);
    for (unsigned int i = 256; i < 272; i++)
        l4[i] = 0xdeadbeef001;
    SHOW(make_readonly(l4));
    SHOW(pin(4, l4));
    SHOW(l4[257] != 0xdeadbeef001);
    SHOW(unpin(l4));
    SHOW(make_writable(l4));
    memset(l4, 0, PAGE_SIZE);
    l4[5] = 0xdeadbeef001;
    SHOW(make_readonly(l4));
    SHOW(pin(4, l4));
    free_table(l4);
    free_table(l3);
}

/* ---- circles ---- */

static void circles(void)
{
    uint64_t *l4 = table_page(), *other = table_page(), *l3 = table_page();

    SHOW(pin(4, l4));
    SHOW(pin(4, other));
    /* Not shown: read-only references to another table of the same level, which stock Xen takes. */
    SHOW(update(l4, 3, pte(l4, PTE_RW)));
    SHOW(update(l4, 4, pte(other, PTE_RW)));
    SHOW(update(l4, 3, 0));
    SHOW(update(l4, 4, 0));
    SHOW(update(other, 4, 0));
    SHOW(pin(3, l3));
    SHOW(update(l3, 4, pte(l3, PTE_RW)));
    SHOW(update(l3, 4, 0));
    SHOW(unpin(l3));
    SHOW(unpin(l4));
    SHOW(unpin(other));
    /* Before it is a table. */
    SHOW(make_writable(l4));
    l4[7] = pte(l4, PTE_RW);
    SHOW(make_readonly(l4));
    SHOW(pin(4, l4));
    SHOW(unpin(l4));
    free_table(l4);
    free_table(other);
    free_table(l3);
}

/* ---- an L4 that names itself: all tables at one address, to read ---- */

#define SELF_SLOT 5ull
#define SAME_BUT_AD(a, b) ((((a) ^ (b)) & ~0x60ull) == 0)

/* Where the entry of `level` for va appears. */
static uint64_t *seen_at(const void *va, unsigned int level)
{
    uint64_t at = (uint64_t)va & 0xffffffffffff;

    for (unsigned int i = 0; i < level; i++)
        at = SELF_SLOT << 39 | (at >> 9 & 0x7ffffffff8);
    return (uint64_t *)at;
}

static void self_map(void)
{
    uint64_t *l4 = (uint64_t *)start_info->pt_base, *data = page_alloc(), *hv = seen_at((void *)0xffff800000000000, 3);

    SHOW(update(l4, SELF_SLOT, pte(l4, PTE_RW)));
    SHOW(update(l4, SELF_SLOT, pte(l4, 0)));
    SHOW(SAME_BUT_AD(*seen_at(data, 1), *pte_of(data)));
    SHOW(SAME_BUT_AD(*seen_at(data, 4), l4[(uint64_t)data >> 39 & 511]));
    SHOW(SAME_BUT_AD(*seen_at(seen_at(data, 1), 4), l4[SELF_SLOT]));
    SHOW(try_write(seen_at(data, 1), *pte_of(data) & ~2ull));   /* not emulated: what leads there is an L2 entry, which has RW */
    SHOW(try_write(data, 1));
    SHOW(set_pte(data, pte(data, PTE_RW), UVMF_INVLPG));
    SHOW(try_write(seen_at(data, 2), 0));
    SHOW(try_write(seen_at(data, 4), 0));
    SHOW(set_pte(seen_at(data, 1), 0, 0));
    SHOW(set_pte(seen_at(data, 3), 0, 0));
    SHOW(set_pte(hv, 0, 0));
    SHOW(try_write(hv, 0));
    SHOW(update(l4, SELF_SLOT, pte(l4, PTE_RW)));
    SHOW(update(l4, SELF_SLOT + 1, pte(l4, 0)));
    SHOW(update(l4, SELF_SLOT, 0));
    SHOW(update(l4, SELF_SLOT + 1, 0));
    SHOW(mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0));
}

/* ---- tables through a second address ---- */

static void second_address(void)
{
    uint64_t *t = table_page(), *other = page_alloc(), *l1 = pte_of(other);

    SHOW(pin(1, t));
    SHOW(set_pte(other, pte(t, PTE_RW), UVMF_INVLPG));   /* writable: refused */
    SHOW(set_pte(other, pte(t, 0), UVMF_INVLPG));
    other[9] = pte(start_info, 0) & ~PTE_US;             /* emulated through that address, too */
    SHOW_HEX(t[9] & FULL);
    SHOW(unpin(t));
    SHOW(set_pte(other, pte(t, PTE_RW), UVMF_INVLPG));   /* a plain page now */
    other[9] = 5;
    SHOW(pin(1, t));                                     /* mapped writable */
    SHOW(set_pte(other, pte(t, 0), UVMF_INVLPG));
    SHOW(try_write(&t[9], 0));
    SHOW(set_pte(other, pte(t, PTE_RW), UVMF_INVLPG));
    other[9] = 0;
    SHOW(set_pte(other, pte(t, 0), UVMF_INVLPG));
    SHOW(pin(1, t));
    SHOW(unpin(t));
    SHOW(update((void *)((uint64_t)l1 & ~4095ul), (unsigned int)((uint64_t)l1 & 4095) / 8, pte(other, PTE_RW)));
    free_table(t);
    /* A page of an L1 table that is live, through mappings of all kinds. */
    uint64_t *live = (uint64_t *)((uint64_t)l1 & ~4095ul);
    SHOW(set_pte(other, pte(live, PTE_RW), UVMF_INVLPG));
    SHOW(set_pte(other, pte(live, 0), UVMF_INVLPG));
    SHOW(other[0] == live[0]);
    SHOW(make_writable(other));
}

/* ---- emulated writes ---- */

#define EMULATED(text, ...) do { TRY(text, __VA_ARGS__); show_fault(text); print("=   is %lx\n", t[1] & FULL); } while (0)

static void emulated(void)
{
    uint64_t *t = table_page(), *page = page_alloc(), *two = page_alloc();
    const uint64_t value = pte(page, PTE_RW);
    uint64_t rax = 0, buffer[2] = { value, pte(two, 0) };

    SHOW(pin(1, t));
    EMULATED("mov %1, (%0)", : "r"(&t[1]), "r"(value) : "memory");
    EMULATED("movl $0, (%0)", : "r"(&t[1]) : "memory");
    EMULATED("movl %k1, (%0)", : "r"(&t[1]), "r"(value) : "memory");
    EMULATED("movl $0, 4(%0)", : "r"(&t[1]) : "memory");
    EMULATED("movb $0, (%0)", : "r"(&t[1]) : "memory");
    EMULATED("movw $0x67, (%0)", : "r"(&t[1]) : "memory");
    EMULATED("movq $0, (%0)", : "r"(&t[1]) : "memory");
    EMULATED("mov %1, 1(%0)", : "r"(&t[1]), "r"(value) : "memory");
    EMULATED("mov %1, 4(%0)", : "r"(&t[1]), "r"(value) : "memory");
    EMULATED("movl %k1, 2(%0)", : "r"(&t[1]), "r"(value) : "memory");
    EMULATED("mov %1, (%0)", : "r"(&t[1]), "r"(0xffffffffff003ul) : "memory");
    EMULATED("xchg %1, (%0)", "+r"(t), "+r"(rax) : : "memory");
    rax = value;
    EMULATED("xchg %1, 8(%0)", "+r"(t), "+r"(rax) : : "memory");
    SHOW_HEX(rax);
    EMULATED("lock; btrq $1, 8(%0)", : "r"(t) : "memory");
    EMULATED("lock; btsq $1, 8(%0)", : "r"(t) : "memory");
    EMULATED("lock; btcq $5, 8(%0)", : "r"(t) : "memory");
    EMULATED("btrq $6, 8(%0)", : "r"(t) : "memory");
    EMULATED("andq $~0x40, 8(%0)", : "r"(t) : "memory");
    EMULATED("orq $0x40, 8(%0)", : "r"(t) : "memory");
    EMULATED("xorq $0x40, 8(%0)", : "r"(t) : "memory");
    EMULATED("addq $0x200, 8(%0)", : "r"(t) : "memory");
    EMULATED("subq $0x200, 8(%0)", : "r"(t) : "memory");
    EMULATED("incb 9(%0)", : "r"(t) : "memory");
    EMULATED("notq 8(%0)", : "r"(t) : "memory");
    EMULATED("negq 8(%0)", : "r"(t) : "memory");
    EMULATED("movq $0, 8(%0)", : "r"(t) : "memory");
    rax = 0;
    EMULATED("lock; cmpxchg %2, 8(%1)", "+a"(rax) : "r"(t), "r"(value) : "memory");
    rax = 0;
    EMULATED("lock; cmpxchg %2, 8(%1)", "+a"(rax) : "r"(t), "r"(value) : "memory");
    SHOW((rax & FULL) == (t[1] & FULL));
    rax = t[1];
    EMULATED("cmpxchg %2, 8(%1)", "+a"(rax) : "r"(t), "r"(0ul) : "memory");
    rax = value;
    EMULATED("lock; xadd %0, 8(%1)", "+r"(rax) : "r"(t) : "memory");
    EMULATED("movnti %1, 8(%0)", : "r"(t), "r"(0ul) : "memory");
    __asm__ volatile("movq %0, %%xmm0" :: "r"(value));
    EMULATED("movq %%xmm0, 8(%0)", : "r"(t) : "memory");
    EMULATED("movdqu %%xmm0, 8(%0)", : "r"(t) : "memory");
    EMULATED("cmpxchg16b (%0)", : "r"(t), "a"(0ul), "d"(0ul), "b"(0ul), "c"(0ul) : "memory");
    void *to = &t[1], *from = buffer;
    EMULATED("movsq", "+D"(to), "+S"(from) : : "memory");
    uint64_t n = 1;
    to = &t[1];
    EMULATED("rep stosq", "+D"(to), "+c"(n) : "a"(0ul) : "memory");
    to = &t[1];
    from = buffer;
    n = 2;
    EMULATED("rep movsq", "+D"(to), "+S"(from), "+c"(n) : : "memory");
    SHOW(n);
    SHOW_HEX(t[2] & FULL);
    to = &t[1];
    n = 16;
    EMULATED("rep stosb", "+D"(to), "+c"(n) : "a"(0ul) : "memory");
    SHOW(n);
    EMULATED("setc 8(%0)", : "r"(t) : "memory");
    EMULATED("shlq $1, 8(%0)", : "r"(t) : "memory");
    EMULATED("movq $0, %%gs:8(%0)", : "r"(t) : "memory");
    EMULATED("movq $0, 8(%0)", : "r"(t) : "memory");
    EMULATED("movq $0, 0xff8(%0)", : "r"(t) : "memory");
    SHOW(unpin(t));
    free_table(t);
    /* Upper levels are not emulated. */
    t = table_page();
    for (unsigned int level = 2; level <= 4; level++) {
        SHOW(pin(level, t));
        EMULATED("movq $0, 8(%0)", : "r"(t) : "memory");
        SHOW(unpin(t));
    }
    free_table(t);
}

/* ---- mmu_update: commands, batches, foreign domains ---- */

static void batches(void)
{
    static struct mmu_update u[600];
    static struct mmuext_op e[64];
    uint64_t *t = table_page(), *page = page_alloc();
    unsigned int n_done = 99;

    SHOW(pin(1, t));
    for (unsigned int i = 0; i < 512; i++)
        u[i] = (struct mmu_update){ .ptr = maddr(t) + i * 8, .val = pte(page, PTE_RW) };
    SHOW(HC4(mmu_update, u, 512, &n_done, DOMID_SELF));
    SHOW(n_done);
    u[300].val = 0xfffffffff000 | PTE_P | PTE_RW;
    n_done = 99;
    SHOW(HC4(mmu_update, u, 512, &n_done, DOMID_SELF));
    SHOW(n_done);
    u[0].ptr |= 1;                                       /* the M2P */
    u[0].val = 0x777;
    u[1].ptr |= 2;
    u[2].ptr |= 3;
    u[3].ptr += 4;
    for (unsigned int i = 0; i < 4; i++) {
        n_done = 99;
        print("= single %u: %ld", i, HC4(mmu_update, &u[i], 1, &n_done, DOMID_SELF));
        print(" done %u\n", n_done);
    }
    const volatile uint64_t *m2p = (const uint64_t *)0xffff800000000000;
    SHOW_HEX(m2p[va_to_mfn(t)]);
    SHOW(mmu_update(maddr(t) | MMU_MACHPHYS_UPDATE, va_to_pfn(t)));
    SHOW(mmu_update(0xfffffff000 | MMU_MACHPHYS_UPDATE, 1));
    SHOW(mmu_update(0 | MMU_MACHPHYS_UPDATE, 1));
    /* A and D are kept on request. */
    SHOW(mmu_update(maddr(t) + 8, maddr(page) | PTE_P | PTE_RW | PTE_A | PTE_D));
    SHOW(mmu_update((maddr(t) + 8) | MMU_PT_UPDATE_PRESERVE_AD, maddr(page) | PTE_P | PTE_RW));
    SHOW_HEX(t[1] & FULL);
    SHOW(mmu_update((maddr(t) + 8) | MMU_PT_UPDATE_NO_TRANSLATE, maddr(page) | PTE_P));
    SHOW_HEX(t[1] & FULL);
    SHOW(unpin(t));
    /* A plain page, a read-only page, a descriptor page are written as words. */
    SHOW(mmu_update(maddr(page), 0x1234));
    SHOW_HEX(page[0]);
    SHOW(mmu_update(maddr(t), 0));
    SHOW(mmu_update(maddr(page) + 4, 0));
    SHOW(mmu_update(0xfffffff000, 0));
    SHOW(mmu_update(va_to_mfn(shared_info) << 12, 0));

    SHOW(HC4(mmu_update, u, 0, &n_done, DOMID_SELF));
    SHOW(n_done);
    SHOW(HC4(mmu_update, u, 1, 0x1000, DOMID_SELF));
    SHOW(HC4(mmu_update, 0x1000, 1, &n_done, DOMID_SELF));
    SHOW(HC4(mmu_update, 0xffff830000000000, 1, &n_done, DOMID_SELF));
    SHOW(HC4(mmu_update, 0x1000, 0, &n_done, DOMID_SELF));
    SHOW(HC4(mmu_update, u, 1, &n_done, 0));
    SHOW(HC4(mmu_update, u, 1, &n_done, 1));
    SHOW(HC4(mmu_update, u, 1, &n_done, DOMID_IO));
    SHOW(HC4(mmu_update, u, 1, &n_done, DOMID_XEN));
    SHOW(HC4(mmu_update, u, 1, &n_done, DOMID_INVALID));
    SHOW(HC4(mmu_update, u, 1, &n_done, DOMID_COW));
    SHOW(HC4(mmu_update, u, 1, &n_done, DOMID_SELF | 1 << 16));      /* the tables of domain 0 */
    SHOW(HC4(mmu_update, u, 1, &n_done, DOMID_SELF | 2 << 16));      /* of domain 1 */
    SHOW(HC4(mmu_update, u, 1, &n_done, DOMID_SELF | DOMID_IO << 16));
    SHOW(HC4(mmu_update, u, ~0u, &n_done, DOMID_SELF));
    SHOW(HC4(mmu_update, u, 0x80000000u, &n_done, DOMID_SELF));

    for (unsigned int i = 0; i < 64; i++)
        e[i] = (struct mmuext_op){ .cmd = MMUEXT_TLB_FLUSH_LOCAL };
    e[20].cmd = 99;
    n_done = 99;
    SHOW(HC4(mmuext_op, e, 64, &n_done, DOMID_SELF));
    SHOW(n_done);
    e[20].cmd = MMUEXT_INVLPG_LOCAL;
    SHOW(HC4(mmuext_op, e, 64, &n_done, DOMID_SELF));
    SHOW(n_done);
    SHOW(HC4(mmuext_op, e, 0, &n_done, DOMID_SELF));
    SHOW(n_done);
    SHOW(HC4(mmuext_op, e, 1, 0x1000, DOMID_SELF));
    SHOW(HC4(mmuext_op, 0x1000, 1, &n_done, DOMID_SELF));
    SHOW(HC4(mmuext_op, 0x1000, 0, &n_done, DOMID_SELF));
    static const domid_t domains[] = { 0, 1, DOMID_IO, DOMID_XEN, DOMID_INVALID };
    for (unsigned int d = 0; d < 5; d++)
        for (unsigned int cmd = 0; cmd < 24; cmd++) {
            e[0] = (struct mmuext_op){ .cmd = cmd, .arg1.mfn = va_to_mfn(t), .arg2.src_mfn = va_to_mfn(page) };
            print("= mmuext %u for domain %x: %ld\n", cmd, domains[d], HC4(mmuext_op, e, 1, 0, domains[d]));
        }
    free_table(t);
}

static void other_operations(void)
{
    uint64_t *t = table_page(), *page = page_alloc();

    SHOW(mmuext(MMUEXT_CLEAR_PAGE, va_to_mfn(t), 0));
    SHOW(mmuext(MMUEXT_CLEAR_PAGE, 0xfffffff, 0));
    SHOW(pin(1, t));
    SHOW(mmuext(MMUEXT_CLEAR_PAGE, va_to_mfn(t), 0));
    SHOW(mmuext(MMUEXT_COPY_PAGE, va_to_mfn(t), va_to_mfn(page)));
    SHOW(mmuext(MMUEXT_COPY_PAGE, va_to_mfn(page), va_to_mfn(t)));
    SHOW(mmuext(MMUEXT_COPY_PAGE, va_to_mfn(page), 0xfffffff));
    SHOW(mmuext(MMUEXT_COPY_PAGE, va_to_mfn(page), va_to_mfn(page)));
    SHOW(unpin(t));
    SHOW(mmuext(MMUEXT_FLUSH_CACHE, 0, 0));
    SHOW(mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0));
    SHOW(mmuext(MMUEXT_MARK_SUPER, va_to_mfn(page), 0));
    SHOW(mmuext(MMUEXT_UNMARK_SUPER, va_to_mfn(page), 0));
    SHOW(mmuext(MMUEXT_INVLPG_LOCAL, 0xffff830000000000, 0));
    SHOW(mmuext(MMUEXT_INVLPG_LOCAL, 0x8000000000000000, 0));
    SHOW(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(pte_of(t)), 0));
    SHOW(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(page), 0));
    SHOW(mmuext(MMUEXT_NEW_BASEPTR, ~0ul, 0));
    SHOW(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn((void *)start_info->pt_base), 0));

    /* update_va_mapping: addresses, flags. */
    static const uint64_t addresses[] = { 0, 0x1000, 0x7ffffffff000, 0x800000000000, 0xffff800000000000, 0xffff830000000000, 0xffff880000000000, ~0ul, 0xfffffffffffff000 };
    for (unsigned int i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
        print("= va %lx: %ld, to nothing %ld\n", addresses[i], set_pte((void *)addresses[i], pte(page, PTE_RW), 0), set_pte((void *)addresses[i], 0, 0));
    uint64_t mask = 1;
    static const uint64_t flags[] = { 0, 1, 2, 3, UVMF_ALL, UVMF_ALL | 1, UVMF_ALL | 2, UVMF_ALL | 3 };
    for (unsigned int i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        print("= flags %lx: %ld\n", flags[i], set_pte(page, pte(page, PTE_RW), flags[i]));
    SHOW(set_pte(page, pte(page, PTE_RW), UVMF_TLB_FLUSH | (uint64_t)&mask));
    SHOW(set_pte(page, pte(page, PTE_RW), UVMF_INVLPG | (uint64_t)&mask));
    SHOW(set_pte(page, pte(page, PTE_RW), (uint64_t)&mask));
    SHOW(set_pte(page, pte(page, PTE_RW), UVMF_TLB_FLUSH | 0x1000));
    SHOW(set_pte(page, pte(page, PTE_RW), UVMF_INVLPG | 0xffff830000000000));
    SHOW(set_pte((char *)page + 123, pte(page, PTE_RW), UVMF_INVLPG));
    SHOW(set_pte(page, 0xfffffff000 | PTE_P | PTE_RW, UVMF_INVLPG));
    SHOW(set_pte(page, 0 | PTE_P | PTE_RW, UVMF_INVLPG));         /* frame 0: dom0 may */
    SHOW(set_pte(page, 0xfee00000 | PTE_P, UVMF_INVLPG));         /* the local APIC: nobody may */
    SHOW(set_pte(page, 0xb8000 | PTE_P | PTE_RW, UVMF_INVLPG));
    SHOW(set_pte(page, 0xffffffffff000 | PTE_P, UVMF_INVLPG));
    SHOW(set_pte(page, pte(page, PTE_RW), UVMF_INVLPG));
    static const domid_t domains[] = { DOMID_SELF, 0, 1, DOMID_IO, DOMID_XEN, DOMID_INVALID };
    for (unsigned int d = 0; d < 6; d++) {
        print("= otherdomain %x: %ld\n", domains[d], HC4(update_va_mapping_otherdomain, page, pte(page, PTE_RW), UVMF_INVLPG, domains[d]));
        SHOW(set_pte(page, 0, UVMF_INVLPG));
        print("= otherdomain %x, I/O: %ld\n", domains[d], HC4(update_va_mapping_otherdomain, page, 0xb8000 | PTE_P | PTE_RW, UVMF_INVLPG, domains[d]));
        SHOW(set_pte(page, 0, UVMF_INVLPG));
    }
    SHOW(make_writable(page));
    free_table(t);
}

/* ---- big trees: long enough to be interrupted ---- */

#define NR_L1 400u

static void big_trees(void)
{
    uint64_t *l4 = table_page(), *l3 = table_page(), *l2 = table_page(), *page = page_alloc();
    static uint64_t *l1[NR_L1];
    struct mmuext_op e[2] = { { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = va_to_mfn(l4) }, { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = va_to_mfn(l4) } };
    unsigned int n_done;

    for (unsigned int i = 0; i < NR_L1; i++) {
        l1[i] = page_alloc();
        for (unsigned int j = 0; j < 512; j++)
            l1[i][j] = pte(page, j & 1 ? PTE_RW : 0);
        CHECK_RC(make_readonly(l1[i]), 0);
    }
    CHECK_RC(make_writable(l2), 0);
    for (unsigned int i = 0; i < NR_L1; i++)
        l2[i] = pte(l1[i], PTE_RW);
    CHECK_RC(make_readonly(l2), 0);
    CHECK_RC(make_writable(l3), 0);
    l3[0] = pte(l2, PTE_RW);
    CHECK_RC(make_readonly(l3), 0);
    CHECK_RC(make_writable(l4), 0);
    l4[0] = pte(l3, PTE_RW);
    CHECK_RC(make_readonly(l4), 0);
    for (unsigned int round = 0; round < 4; round++) {
        HC1(set_timer_op, system_time() + 50000 * (round + 1));
        n_done = 99;
        SHOW(HC4(mmuext_op, e, 2, &n_done, DOMID_SELF));
        SHOW(n_done);
    }
    /* In a multicall. */
    struct multicall_entry calls[2] = {
        { .op = __HYPERVISOR_mmuext_op, .args = { (uint64_t)&e[0], 1, 0, DOMID_SELF } },
        { .op = __HYPERVISOR_mmuext_op, .args = { (uint64_t)&e[1], 1, 0, DOMID_SELF } },
    };
    HC1(set_timer_op, system_time() + 50000);
    SHOW(HC2(multicall, calls, 2));
    SHOW((long)calls[0].result);
    SHOW((long)calls[1].result);
    /* A bad entry at the end: all is undone. */
    CHECK_RC(make_writable(l1[NR_L1 - 1]), 0);
    l1[NR_L1 - 1][511] = 0xffffffff000 | PTE_P;
    CHECK_RC(make_readonly(l1[NR_L1 - 1]), 0);
    n_done = 99;
    HC1(set_timer_op, system_time() + 50000);
    SHOW(HC4(mmuext_op, e, 2, &n_done, DOMID_SELF));
    SHOW(n_done);
    CHECK_RC(make_writable(l1[NR_L1 - 1]), 0);
    l1[NR_L1 - 1][511] = 0;
    CHECK_RC(make_readonly(l1[NR_L1 - 1]), 0);
    /* As base pointer: taken, used, given up. */
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(l4), 0));
    SHOW(make_writable(l4));
    HC1(set_timer_op, system_time() + 50000);
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0));
    /* Cleared by a single write of the entry above. */
    SHOW(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(l4), 0));
    HC1(set_timer_op, system_time() + 50000);
    SHOW(update(l4, 0, 0));
    SHOW(make_writable(l1[5]));
    SHOW(make_readonly(l1[5]));
    SHOW(update(l4, 0, pte(l3, PTE_RW)));
    SHOW(make_writable(l1[5]));
    HC1(set_timer_op, system_time() + 50000);
    SHOW(unpin(l4));
    free_table(l4);
    free_table(l3);
    free_table(l2);
    for (unsigned int i = 0; i < NR_L1; i++)
        CHECK_RC(make_writable(l1[i]), 0);
}

void test_main(void)
{
    conflicts();
    bits();
    slots();
    circles();
    self_map();
    second_address();
    emulated();
    batches();
    other_operations();
    big_trees();
}

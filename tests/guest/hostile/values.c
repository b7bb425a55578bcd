/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random values of the kinds that hypercalls take: good ones, near misses, nonsense. */
#include "hostile.h"

uint64_t rnd64(void)
{
    uint64_t x = me->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    me->random = x;
    return x * 2685821657736338717ull;
}

uint64_t rnd(uint64_t n) { return (rnd64() >> 11) % n; }
bool one_in(uint64_t n) { return rnd(n) == 0; }
uint64_t pool_mfn(void) { return mfn_at[rnd(NR_PAGES)]; }
uint64_t *pool_page(void) { return page[rnd(NR_PAGES)]; }

uint64_t bad_va(void)
{
    static const uint64_t bad[] = { 0, 1, 0x1000, 0x7ffffffffff8, 0x800000000000, 0x8000000000000000, 0xffff7ffffffffff8, 0xffff800000000000, 0xffff800000001000,
                                    0xffff808000000000, 0xffff820000000000, 0xffff82d040000000, 0xffff830000000000, 0xffff87fffffffff8, ~0ull, ~4095ull };

    return PICK(bad) + (one_in(4) ? rnd(64) : 0);
}

uint64_t some_va(void)
{
    if (one_in(6))
        return bad_va();
    return (uint64_t)pool_page() + (one_in(3) ? rnd(PAGE_SIZE) : rnd(512) * 8);
}

uint64_t bad_mfn(void)
{
    static const uint64_t bad[] = { 0, 1, 0x9f, 0xa0, 0xb8, 0xff, 0x100, 0x1ffff, 0x20000, 0xfec00, 0xfee00, 0xfffff, 0x100000, 0xfffffff, 0xffffffffff, ~0ull };

    return one_in(3) ? rnd(0x20000) : PICK(bad);
}

uint64_t some_mfn(void)
{
    if (one_in(8) && !is_dom0)
        return bad_mfn();
    /* Never our own tables, which would be written through such a mapping or grant. */
    if (one_in(12))
        return va_to_mfn(user_l1);
    return pool_mfn();
}

uint64_t neighbour(void)
{
    return mailbox ? mailbox->neighbour[rnd(NR_NEIGHBOURS)] : 0;
}

uint64_t some_domid(void)
{
    static const uint64_t ids[] = { 0, 1, 2, 3, 4, 100, DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID, DOMID_IDLE, 0xffff };

    return one_in(3) ? neighbour() : PICK(ids);
}

uint64_t value(void)
{
    switch (rnd(16)) {
    case 0: case 1: case 2: return rnd(8);
    case 3: return rnd(64);
    case 4: return rnd(4096);
    case 5: case 6: return some_mfn();
    case 7: return pool_mfn() << 12 | rnd(512) * 8;
    case 8: case 9: return some_va();
    case 10: return some_domid();
    case 11: return 1ull << rnd(64);
    case 12: return ~0ull >> rnd(64);
    case 13: return rnd64();
    case 14: return va_to_pfn(pool_page());
    default: return 0;
    }
}

/* An argument that the hypervisor reads, and may write to: mostly there. */
uint64_t *argument(unsigned int n, unsigned int words)
{
    uint64_t *b = me->buffer[n];

    for (unsigned int i = 0; i < words; i++)
        b[i] = one_in(3) ? value() | value() << 32 : value();
    return one_in(24) ? (uint64_t *)some_va() : b;
}

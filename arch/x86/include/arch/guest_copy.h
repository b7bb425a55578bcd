/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Short copies of constant size from and to the current PV guest, in line: hv/guest_access.h
 * includes this. The guest's address is never compared and branched upon, so there is nothing to
 * mispredict: an address in the hypervisor's slots becomes one that faults.
 */
#ifndef ARCH_GUEST_COPY_H
#define ARCH_GUEST_COPY_H

#include <arch/extable.h>
#include <arch/layout.h>
#include <arch/patch.h>
#include <hv/errno.h>

#define GUEST_INLINE_MAX 79u
#define HV_RANGE_SHIFT   43
_Static_assert(HV_VIRT_END - HV_VIRT_START == 1UL << HV_RANGE_SHIFT && HV_VIRT_START % (1UL << HV_RANGE_SHIFT) == 0,
               "one shift tells the hypervisor's range");

/* Trust: va is the guest's. Ascending accesses from the result meet a non-canonical address before the hypervisor's range. */
static always_inline uint64_t guest_clamp(uint64_t va)
{
    const uint64_t nowhere = 1ULL << 63;

    __asm__("cmpl %[range], %k[top]\n\tcmove %[nowhere], %[va]"
            : [va] "+r"(va) : [top] "r"(va >> HV_RANGE_SHIFT), [range] "i"((int)(HV_VIRT_START >> HV_RANGE_SHIFT)), [nowhere] "r"(nowhere) : "cc");
    return va;
}

/* The same for what is not copied by the functions here. Says, too, whether it was such an address: nothing rests on that branch. */
static always_inline bool guest_clamp_in_place(uint64_t *va)
{
    bool is_ours;

    __asm__("cmpl %[range], %k[top]\n\tcmove %[nowhere], %[va]"
            : [va] "+r"(*va), "=@cce"(is_ours)
            : [top] "r"(*va >> HV_RANGE_SHIFT), [range] "i"((int)(HV_VIRT_START >> HV_RANGE_SHIFT)), [nowhere] "r"(1ULL << 63));
    return is_ours;
}

/* May fault where the guest's side is: the load or the store. */
#define GUEST_LOAD(insn, reg, at)  "1: " insn " " at "(%[guest]), %%" reg "\n\t" EXTABLE_STR("1b", "%l[fault]") insn " %%" reg ", " at "(%[own])\n\t"
#define GUEST_STORE(insn, reg, at) insn " " at "(%[own]), %%" reg "\n\t1: " insn " %%" reg ", " at "(%[guest])\n\t" EXTABLE_STR("1b", "%l[fault]")
#define GUEST_MOVE(move, own_, guest_, insn, reg, at) \
    __asm__ goto(move(insn, reg, at) :: [own] "r"(own_), [guest] "r"(guest_) : "rax", "memory" : fault)

/* n is a constant: what remains of this is one move for each word. */
#define GUEST_COPY(move, own, guest, n)                                                      \
    do {                                                                                     \
        if ((n) >= 8) GUEST_MOVE(move, own, guest, "movq", "rax", "0");                      \
        if ((n) >= 16) GUEST_MOVE(move, own, guest, "movq", "rax", "8");                     \
        if ((n) >= 24) GUEST_MOVE(move, own, guest, "movq", "rax", "16");                    \
        if ((n) >= 32) GUEST_MOVE(move, own, guest, "movq", "rax", "24");                    \
        if ((n) >= 40) GUEST_MOVE(move, own, guest, "movq", "rax", "32");                    \
        if ((n) >= 48) GUEST_MOVE(move, own, guest, "movq", "rax", "40");                    \
        if ((n) >= 56) GUEST_MOVE(move, own, guest, "movq", "rax", "48");                    \
        if ((n) >= 64) GUEST_MOVE(move, own, guest, "movq", "rax", "56");                    \
        if ((n) >= 72) GUEST_MOVE(move, own, guest, "movq", "rax", "64");                    \
        if ((n) & 4) GUEST_MOVE(move, own + ((n) & ~7ul), guest + ((n) & ~7ul), "movl", "eax", "0"); \
        if ((n) & 2) GUEST_MOVE(move, own + ((n) & ~3ul), guest + ((n) & ~3ul), "movw", "ax", "0");  \
        if ((n) & 1) GUEST_MOVE(move, own + ((n) & ~1ul), guest + ((n) & ~1ul), "movb", "al", "0");  \
    } while (0)

static always_inline int guest_read_inline(char *own, uint64_t guest, size_t n)
{
    guest_access_begin();
    GUEST_COPY(GUEST_LOAD, own, guest, n);
    guest_access_end();
    return 0;
fault:
    return ERR(EFAULT);
}

static always_inline int guest_write_inline(uint64_t guest, const char *own, size_t n)
{
    guest_access_begin();
    GUEST_COPY(GUEST_STORE, own, guest, n);
    guest_access_end();
    return 0;
fault:
    return ERR(EFAULT);
}

#endif

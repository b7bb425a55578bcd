/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic with its flags (SDM1 3.4.3, SDM2 appendix of flags). Where the manuals leave a flag
 * undefined, AMD's and Intel's common behaviour is taken where there is one, else the flag is kept.
 */
#include "internal.h"

static uint64_t sign_bit(unsigned int bytes) { return 1ULL << (8 * bytes - 1); }

static uint64_t parity_flag(uint64_t result)
{
    const unsigned int b = (unsigned int)(result ^ result >> 4) & 15;

    return (0x9669u >> b) & 1 ? RFLAGS_PF : 0;
}

static uint64_t result_flags(uint64_t result, unsigned int bytes)
{
    return parity_flag(result) | (result == 0 ? RFLAGS_ZF : 0) | (result & sign_bit(bytes) ? RFLAGS_SF : 0);
}

static uint64_t finish(uint64_t result, uint64_t extra, unsigned int bytes, uint64_t *flags)
{
    *flags = (*flags & ~(uint64_t)ALU_FLAGS) | result_flags(result, bytes) | extra;
    return result;
}

static uint64_t add(uint64_t a, uint64_t b, uint64_t carry, unsigned int bytes, uint64_t *flags)
{
    const uint64_t r = (a + b + carry) & emul_mask(bytes);
    const uint64_t carries = (a & b) | ((a | b) & ~r); /* out of each bit */

    return finish(r, (carries & sign_bit(bytes) ? RFLAGS_CF : 0) | (carries & 8 ? RFLAGS_AF : 0) |
                     ((a ^ r) & (b ^ r) & sign_bit(bytes) ? RFLAGS_OF : 0), bytes, flags);
}

static uint64_t subtract(uint64_t a, uint64_t b, uint64_t borrow, unsigned int bytes, uint64_t *flags)
{
    const uint64_t r = (a - b - borrow) & emul_mask(bytes);
    const uint64_t borrows = (~a & b) | ((~a | b) & r); /* into each bit */

    return finish(r, (borrows & sign_bit(bytes) ? RFLAGS_CF : 0) | (borrows & 8 ? RFLAGS_AF : 0) |
                     ((a ^ b) & (a ^ r) & sign_bit(bytes) ? RFLAGS_OF : 0), bytes, flags);
}

uint64_t emul_alu(enum emul_alu op, uint64_t a, uint64_t b, unsigned int bytes, uint64_t *flags)
{
    const uint64_t carry = *flags & RFLAGS_CF;

    a &= emul_mask(bytes);
    b &= emul_mask(bytes);
    switch (op) {
    case ALU_ADD: return add(a, b, 0, bytes, flags);
    case ALU_ADC: return add(a, b, carry, bytes, flags);
    case ALU_SBB: return subtract(a, b, carry, bytes, flags);
    case ALU_OR:  return finish(a | b, 0, bytes, flags);
    case ALU_AND: return finish(a & b, 0, bytes, flags);
    case ALU_XOR: return finish(a ^ b, 0, bytes, flags);
    case ALU_SUB:
    case ALU_CMP: break;
    }
    return subtract(a, b, 0, bytes, flags);
}

uint64_t emul_increment(uint64_t a, bool down, unsigned int bytes, uint64_t *flags)
{
    const uint64_t carry = *flags & RFLAGS_CF; /* INC and DEC keep it */
    const uint64_t r = emul_alu(down ? ALU_SUB : ALU_ADD, a, 1, bytes, flags);

    *flags = (*flags & ~(uint64_t)RFLAGS_CF) | carry;
    return r;
}

static void set_carry_overflow(uint64_t *flags, bool carry, bool overflow)
{
    *flags = (*flags & ~(uint64_t)(RFLAGS_CF | RFLAGS_OF)) | (carry ? RFLAGS_CF : 0) | (overflow ? RFLAGS_OF : 0);
}

static uint64_t rotate(bool right, uint64_t a, unsigned int count, unsigned int bytes, uint64_t *flags)
{
    const unsigned int bits = 8 * bytes, n = count % bits;
    const uint64_t top = sign_bit(bytes);
    uint64_t r = a;

    if (n != 0)
        r = (right ? a >> n | a << (bits - n) : a << n | a >> (bits - n)) & emul_mask(bytes);
    if (right)
        set_carry_overflow(flags, r & top, ((r ^ r << 1) & top) != 0);
    else
        set_carry_overflow(flags, r & 1, (r & 1) != !!(r & top));
    return r;
}

/* Through the carry: bits + 1 positions, one step at a time (at most 64). */
static uint64_t rotate_carry(bool right, uint64_t a, unsigned int count, unsigned int bytes, uint64_t *flags)
{
    const uint64_t top = sign_bit(bytes);
    bool carry = *flags & RFLAGS_CF;

    for (unsigned int n = count % (8 * bytes + 1); n != 0; n--) {
        const bool out = a & (right ? 1 : top);

        a = right ? a >> 1 | (carry ? top : 0) : (a << 1 | carry) & emul_mask(bytes);
        carry = out;
    }
    set_carry_overflow(flags, carry, right ? ((a ^ a << 1) & top) != 0 : carry != !!(a & top));
    return a;
}

static uint64_t shift_left(uint64_t a, unsigned int n, unsigned int bytes, uint64_t *flags)
{
    const unsigned int bits = 8 * bytes;
    const uint64_t r = (n < 64 ? a << n : 0) & emul_mask(bytes);
    const bool carry = n <= bits && (a >> (bits - n) & 1);

    return finish(r, (carry ? RFLAGS_CF : 0) | (carry != !!(r & sign_bit(bytes)) ? RFLAGS_OF : 0), bytes, flags);
}

static uint64_t shift_right(uint64_t a, unsigned int n, bool arithmetic, unsigned int bytes, uint64_t *flags)
{
    const uint64_t wide = arithmetic ? (uint64_t)emul_sign_extend(a, bytes) : a;
    const uint64_t before = arithmetic ? (uint64_t)((int64_t)wide >> (n - 1)) : wide >> (n - 1);
    const uint64_t r = (arithmetic ? (uint64_t)((int64_t)before >> 1) : before >> 1) & emul_mask(bytes);
    const bool overflow = !arithmetic && (a & sign_bit(bytes));

    return finish(r, (before & 1 ? RFLAGS_CF : 0) | (overflow ? RFLAGS_OF : 0), bytes, flags);
}

uint64_t emul_shift(unsigned int kind, uint64_t a, unsigned int count, unsigned int bytes, uint64_t *flags)
{
    const unsigned int n = count & (bytes == 8 ? 63 : 31);

    a &= emul_mask(bytes);
    if (n == 0)
        return a;
    switch (kind & 7) {
    case 0: return rotate(false, a, n, bytes, flags);
    case 1: return rotate(true, a, n, bytes, flags);
    case 2: return rotate_carry(false, a, n, bytes, flags);
    case 3: return rotate_carry(true, a, n, bytes, flags);
    case 5: return shift_right(a, n, false, bytes, flags);
    case 7: return shift_right(a, n, true, bytes, flags);
    default: return shift_left(a, n, bytes, flags);
    }
}

uint64_t emul_shift_double(bool right, uint64_t a, uint64_t fill, unsigned int count, unsigned int bytes, uint64_t *flags)
{
    const unsigned int bits = 8 * bytes, n = count & (bytes == 8 ? 63 : 31);
    const uint64_t top = sign_bit(bytes), mask = emul_mask(bytes);

    /* More than the operand has (16-bit only): undefined, nothing happens here. */
    if (n == 0 || n > bits)
        return a;
    const uint64_t r = right ? (n == bits ? fill : (a >> n | fill << (bits - n))) & mask
                             : (n == bits ? fill : (a << n | fill >> (bits - n))) & mask;
    const bool carry = right ? a >> (n - 1) & 1 : a >> (bits - n) & 1;

    return finish(r, (carry ? RFLAGS_CF : 0) | ((a ^ r) & top ? RFLAGS_OF : 0), bytes, flags);
}

/* Conditions as encoded in the low four bits of Jcc, SETcc, CMOVcc (SDM2 appendix B.1.4.7). */
bool emul_condition(unsigned int code, uint64_t flags)
{
    const bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF);
    bool holds = false;

    switch (code >> 1 & 7) {
    case 0: holds = flags & RFLAGS_OF; break;
    case 1: holds = flags & RFLAGS_CF; break;
    case 2: holds = flags & RFLAGS_ZF; break;
    case 3: holds = flags & (RFLAGS_CF | RFLAGS_ZF); break;
    case 4: holds = flags & RFLAGS_SF; break;
    case 5: holds = flags & RFLAGS_PF; break;
    case 6: holds = less; break;
    case 7: holds = less || (flags & RFLAGS_ZF); break;
    }
    return holds != (code & 1);
}

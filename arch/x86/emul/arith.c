/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arithmetic, logic, shifts, bits, exchanges with arithmetic: one handler per kind of opcode row. */
#include <hv/lib.h>
#include "internal.h"

static enum emul_result undefined(struct emul_context *c) { return emul_raise(c, VEC_UD, 0); }

static void set_flags(struct emul_context *c, uint64_t flags) { c->regs->rflags = flags; }

/* r/m <- r/m op b, or only flags for CMP. */
static enum emul_result alu_to_rm(struct emul_context *c, const struct emul_insn *i, enum emul_alu op, uint64_t b)
{
    uint64_t flags = c->regs->rflags;
    struct emul_rm rm;

    if (op == ALU_CMP)
        EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    else
        EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    const uint64_t result = emul_alu(op, rm.value, b, i->op_bytes, &flags);

    if (op != ALU_CMP)
        EMUL_TRY(emul_rm_commit(c, i, &rm, result));
    set_flags(c, flags);
    return EMUL_OK;
}

static enum emul_result alu_to_reg(struct emul_context *c, const struct emul_insn *i, enum emul_alu op, unsigned int reg, uint64_t b)
{
    uint64_t flags = c->regs->rflags;
    const uint64_t result = emul_alu(op, emul_reg_read(c, i, reg, i->op_bytes), b, i->op_bytes, &flags);

    if (op != ALU_CMP)
        emul_reg_write(c, i, reg, i->op_bytes, result);
    set_flags(c, flags);
    return EMUL_OK;
}

/* 00..3f: bit 1 of the opcode is the direction */
enum emul_result op_alu(struct emul_context *c, const struct emul_insn *i)
{
    const enum emul_alu op = (enum emul_alu)(i->opcode >> 3 & 7);
    struct emul_rm rm;

    if (!(i->opcode & 2))
        return alu_to_rm(c, i, op, emul_reg_read(c, i, i->reg, i->op_bytes));
    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    return alu_to_reg(c, i, op, i->reg, rm.value);
}

enum emul_result op_alu_imm(struct emul_context *c, const struct emul_insn *i)
{
    if (i->has_modrm)
        return alu_to_rm(c, i, (enum emul_alu)(i->reg & 7), i->immediate);
    return alu_to_reg(c, i, (enum emul_alu)(i->opcode >> 3 & 7), 0, i->immediate);
}

static enum emul_result test(struct emul_context *c, const struct emul_insn *i, uint64_t a, uint64_t b)
{
    uint64_t flags = c->regs->rflags;

    (void)emul_alu(ALU_AND, a, b, i->op_bytes, &flags);
    set_flags(c, flags);
    return EMUL_OK;
}

enum emul_result op_test(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_rm rm;

    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    return test(c, i, rm.value, emul_reg_read(c, i, i->reg, i->op_bytes));
}

enum emul_result op_test_imm(struct emul_context *c, const struct emul_insn *i)
{
    return test(c, i, emul_reg_read(c, i, 0, i->op_bytes), i->immediate);
}

enum emul_result op_inc_dec(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t flags = c->regs->rflags;
    struct emul_rm rm;

    EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    EMUL_TRY(emul_rm_commit(c, i, &rm, emul_increment(rm.value, i->reg & 1, i->op_bytes, &flags)));
    set_flags(c, flags);
    return EMUL_OK;
}

/* 40..4f outside 64-bit code */
enum emul_result op_inc_dec_reg(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int reg = i->opcode & 7;
    uint64_t flags = c->regs->rflags;

    emul_reg_write(c, i, reg, i->op_bytes, emul_increment(emul_reg_read(c, i, reg, i->op_bytes), i->opcode & 8, i->op_bytes, &flags));
    set_flags(c, flags);
    return EMUL_OK;
}

static enum emul_result shift(struct emul_context *c, const struct emul_insn *i, unsigned int count)
{
    uint64_t flags = c->regs->rflags;
    struct emul_rm rm;

    EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    EMUL_TRY(emul_rm_commit(c, i, &rm, emul_shift(i->reg, rm.value, count, i->op_bytes, &flags)));
    set_flags(c, flags);
    return EMUL_OK;
}

enum emul_result op_shift_imm(struct emul_context *c, const struct emul_insn *i) { return shift(c, i, (uint8_t)i->immediate); }
enum emul_result op_shift_1(struct emul_context *c, const struct emul_insn *i) { return shift(c, i, 1); }
enum emul_result op_shift_cl(struct emul_context *c, const struct emul_insn *i) { return shift(c, i, (uint8_t)c->regs->rcx); }

/* a4, ac: count in the instruction; a5, ad: in CL; bit 3: right */
enum emul_result op_shift_double(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int count = i->opcode & 1 ? (uint8_t)c->regs->rcx : (uint8_t)i->immediate;
    uint64_t flags = c->regs->rflags;
    struct emul_rm rm;

    EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    const uint64_t result = emul_shift_double(i->opcode & 8, rm.value, emul_reg_read(c, i, i->reg, i->op_bytes), count, i->op_bytes, &flags);

    EMUL_TRY(emul_rm_commit(c, i, &rm, result));
    set_flags(c, flags);
    return EMUL_OK;
}

/* ---- multiplication and division ---- */

/* Double-width product or dividend: rdx:rax, or ax for bytes. */
static void write_double(struct emul_context *c, unsigned int bytes, uint64_t low, uint64_t high)
{
    if (bytes == 1) {
        emul_reg_set(&c->regs->rax, 2, (low & 0xff) | (high & 0xff) << 8);
        return;
    }
    emul_reg_set(&c->regs->rax, bytes, low);
    emul_reg_set(&c->regs->rdx, bytes, high);
}

static void multiply(uint64_t a, uint64_t b, bool is_signed, unsigned int bytes, uint64_t *low, uint64_t *high, bool *overflow)
{
    unsigned __int128 p;

    if (is_signed)
        p = (unsigned __int128)((__int128)emul_sign_extend(a, bytes) * emul_sign_extend(b, bytes));
    else
        p = (unsigned __int128)(a & emul_mask(bytes)) * (b & emul_mask(bytes));
    *low = (uint64_t)p & emul_mask(bytes);
    *high = (uint64_t)(p >> (8 * bytes)) & emul_mask(bytes);
    if (is_signed)
        *overflow = (__int128)p != (__int128)emul_sign_extend(*low, bytes);
    else
        *overflow = *high != 0;
}

static void set_product_flags(struct emul_context *c, bool overflow)
{
    c->regs->rflags = (c->regs->rflags & ~(uint64_t)(RFLAGS_CF | RFLAGS_OF)) | (overflow ? RFLAGS_CF | RFLAGS_OF : 0);
}

static enum emul_result multiply_rax(struct emul_context *c, const struct emul_insn *i, uint64_t b, bool is_signed)
{
    uint64_t low, high;
    bool overflow;

    multiply(c->regs->rax, b, is_signed, i->op_bytes, &low, &high, &overflow);
    write_double(c, i->op_bytes, low, high);
    set_product_flags(c, overflow);
    return EMUL_OK;
}

static enum emul_result multiply_reg(struct emul_context *c, const struct emul_insn *i, uint64_t a, uint64_t b)
{
    uint64_t low, high;
    bool overflow;

    multiply(a, b, true, i->op_bytes, &low, &high, &overflow);
    emul_reg_write(c, i, i->reg, i->op_bytes, low);
    set_product_flags(c, overflow);
    return EMUL_OK;
}

enum emul_result op_imul2(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_rm rm;

    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    return multiply_reg(c, i, emul_reg_read(c, i, i->reg, i->op_bytes), rm.value);
}

enum emul_result op_imul3(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_rm rm;

    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    return multiply_reg(c, i, rm.value, i->immediate);
}

/* 128 by 64 bits; high < divisor, so the quotient fits. */
static uint64_t divide128(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *remainder)
{
    uint64_t quotient;

    __asm__("divq %4" : "=a"(quotient), "=d"(*remainder) : "0"(low), "1"(high), "r"(divisor) : "cc");
    return quotient;
}

/* Magnitudes, then signs: the quotient's range is checked before anything is written. */
static enum emul_result divide(struct emul_context *c, const struct emul_insn *i, uint64_t divisor, bool is_signed)
{
    const unsigned int bytes = i->op_bytes, bits = 8 * bytes;
    uint64_t low = c->regs->rax & emul_mask(bytes);
    uint64_t high = bytes == 1 ? c->regs->rax >> 8 & 0xff : c->regs->rdx & emul_mask(bytes);
    const bool divisor_negative = is_signed && (divisor >> (bits - 1) & 1);
    const bool dividend_negative = is_signed && (high >> (bits - 1) & 1);
    uint64_t remainder, quotient, limit = emul_mask(bytes);

    if (divisor_negative)
        divisor = -divisor & emul_mask(bytes);
    if (dividend_negative) {
        high = (~high + (low == 0)) & emul_mask(bytes);
        low = -low & emul_mask(bytes);
    }
    if (high >= divisor)
        return emul_raise(c, VEC_DE, 0);
    if (bytes == 8) {
        quotient = divide128(high, low, divisor, &remainder);
    } else {
        quotient = (high << bits | low) / divisor;
        remainder = (high << bits | low) % divisor;
    }
    if (is_signed)
        limit = (limit >> 1) + (divisor_negative != dividend_negative);
    if (quotient > limit)
        return emul_raise(c, VEC_DE, 0);
    write_double(c, bytes, divisor_negative != dividend_negative ? -quotient : quotient, dividend_negative ? -remainder : remainder);
    return EMUL_OK;
}

static enum emul_result not_or_neg(struct emul_context *c, const struct emul_insn *i, bool negate)
{
    uint64_t flags = c->regs->rflags;
    struct emul_rm rm;

    EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    EMUL_TRY(emul_rm_commit(c, i, &rm, negate ? emul_alu(ALU_SUB, 0, rm.value, i->op_bytes, &flags) : ~rm.value & emul_mask(i->op_bytes)));
    set_flags(c, flags);
    return EMUL_OK;
}

enum emul_result op_group3(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int kind = i->reg & 7;
    struct emul_rm rm;

    if (kind == 2 || kind == 3)
        return not_or_neg(c, i, kind == 3);
    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    if (kind < 2)
        return test(c, i, rm.value, i->immediate);
    return kind < 6 ? multiply_rax(c, i, rm.value, kind == 5) : divide(c, i, rm.value, kind == 7);
}

/* ---- bits ---- */

enum bit_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

static enum emul_result bit(struct emul_context *c, const struct emul_insn *i, enum bit_op op, unsigned int n)
{
    const uint64_t one = 1ULL << n;
    struct emul_rm rm;
    uint64_t value;

    if (op == BIT_TEST)
        EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    else
        EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    value = op == BIT_SET ? rm.value | one : op == BIT_RESET ? rm.value & ~one : rm.value ^ one;
    if (op != BIT_TEST)
        EMUL_TRY(emul_rm_commit(c, i, &rm, value));
    c->regs->rflags = (c->regs->rflags & ~(uint64_t)RFLAGS_CF) | (rm.value & one ? RFLAGS_CF : 0);
    return EMUL_OK;
}

/* a3 bt, ab bts, b3 btr, bb btc: the register's whole value chooses the word in memory */
enum emul_result op_bit(struct emul_context *c, const struct emul_insn *i)
{
    const int64_t n = emul_sign_extend(emul_reg_read(c, i, i->reg, i->op_bytes), i->op_bytes);
    const unsigned int bits = 8u * i->op_bytes;
    struct emul_insn moved = *i;

    if (i->is_memory)
        moved.offset = (i->offset + (uint64_t)((n >> __builtin_ctz(bits)) * i->op_bytes)) & emul_mask(i->addr_bytes);
    return bit(c, &moved, (enum bit_op)(i->opcode >> 3 & 3), (unsigned int)n & (bits - 1));
}

enum emul_result op_bit_imm(struct emul_context *c, const struct emul_insn *i)
{
    if ((i->reg & 7) < 4)
        return undefined(c);
    return bit(c, i, (enum bit_op)(i->reg & 3), (unsigned int)i->immediate & (8u * i->op_bytes - 1));
}

static unsigned int lowest_bit(uint64_t v) { return (unsigned int)__builtin_ctzll(v); }
static unsigned int highest_bit(uint64_t v) { return 63u - (unsigned int)__builtin_clzll(v); }

/* F3 BC/BD on CPUs that have TZCNT/LZCNT: carry tells zero, the result is the width then. */
static enum emul_result count_zeros(struct emul_context *c, const struct emul_insn *i, uint64_t v)
{
    const unsigned int bits = 8u * i->op_bytes;
    const uint64_t n = v == 0 ? bits : i->opcode & 1 ? bits - 1 - highest_bit(v) : lowest_bit(v);

    emul_reg_write(c, i, i->reg, i->op_bytes, n);
    c->regs->rflags = (c->regs->rflags & ~(uint64_t)(RFLAGS_CF | RFLAGS_ZF)) | (v == 0 ? RFLAGS_CF : 0) | (n == 0 ? RFLAGS_ZF : 0);
    return EMUL_OK;
}

enum emul_result op_bit_scan(struct emul_context *c, const struct emul_insn *i)
{
    const bool reverse = i->opcode & 1;
    struct emul_rm rm;

    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    if (i->repeat == EMUL_REPE && (reverse ? c->has_lzcnt : c->has_tzcnt))
        return count_zeros(c, i, rm.value);
    c->regs->rflags = (c->regs->rflags & ~(uint64_t)RFLAGS_ZF) | (rm.value == 0 ? RFLAGS_ZF : 0);
    if (rm.value != 0)
        emul_reg_write(c, i, i->reg, i->op_bytes, reverse ? highest_bit(rm.value) : lowest_bit(rm.value));
    return EMUL_OK;
}

enum emul_result op_popcnt(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_rm rm;
    unsigned int n = 0;

    if (i->repeat != EMUL_REPE || !c->has_popcnt)
        return undefined(c);
    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    for (uint64_t v = rm.value; v != 0; v &= v - 1)
        n++;
    emul_reg_write(c, i, i->reg, i->op_bytes, n);
    c->regs->rflags = (c->regs->rflags & ~(uint64_t)ALU_FLAGS) | (n == 0 ? RFLAGS_ZF : 0);
    return EMUL_OK;
}

/* ---- exchanges ---- */

enum emul_result op_xadd(struct emul_context *c, const struct emul_insn *i)
{
    const uint64_t addend = emul_reg_read(c, i, i->reg, i->op_bytes);
    uint64_t flags = c->regs->rflags;
    struct emul_rm rm;

    EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    const uint64_t sum = emul_alu(ALU_ADD, rm.value, addend, i->op_bytes, &flags);

    /* Order: with one register as both operands the sum stays (SDM2 XADD). */
    if (!i->is_memory)
        emul_reg_write(c, i, i->reg, i->op_bytes, rm.value);
    EMUL_TRY(emul_rm_commit(c, i, &rm, sum));
    if (i->is_memory)
        emul_reg_write(c, i, i->reg, i->op_bytes, rm.value);
    set_flags(c, flags);
    return EMUL_OK;
}

enum emul_result op_cmpxchg(struct emul_context *c, const struct emul_insn *i)
{
    const uint64_t expected = emul_reg_read(c, i, 0, i->op_bytes) & emul_mask(i->op_bytes);
    uint64_t flags = c->regs->rflags;
    struct emul_rm rm;

    EMUL_TRY(emul_rm_modify(c, i, i->op_bytes, &rm));
    (void)emul_alu(ALU_CMP, expected, rm.value, i->op_bytes, &flags);
    if (rm.value == expected)
        EMUL_TRY(emul_rm_commit(c, i, &rm, emul_reg_read(c, i, i->reg, i->op_bytes)));
    else
        emul_reg_write(c, i, 0, i->op_bytes, rm.value);
    set_flags(c, flags);
    return EMUL_OK;
}

struct pair { uint64_t low, high; };

static void pair_to_registers(struct emul_context *c, unsigned int half, const uint8_t *bytes)
{
    struct pair p = { 0, 0 };

    memcpy(&p.low, bytes, half);
    memcpy(&p.high, bytes + half, half);
    emul_reg_set(&c->regs->rax, half, p.low);
    emul_reg_set(&c->regs->rdx, half, p.high);
}

static void pair_to_bytes(uint8_t *bytes, unsigned int half, uint64_t low, uint64_t high)
{
    memcpy(bytes, &low, half);
    memcpy(bytes + half, &high, half);
}

/* CMPXCHG8B, CMPXCHG16B: always one atomic access here, LOCK or not */
enum emul_result op_cmpxchg_pair(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int half = i->op_bytes == 8 ? 8 : 4;
    uint8_t expected[16], desired[16];
    uint64_t linear;
    bool done = false;

    if ((i->reg & 7) != 1)
        return EMUL_UNHANDLEABLE;
    if (!i->is_memory)
        return undefined(c);
    if (c->ops->cmpxchg == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(emul_operand_address(c, i, 2 * half, true, &linear));
    if (half == 8 && (linear & 15))
        return emul_raise(c, VEC_GP, 0);
    pair_to_bytes(expected, half, c->regs->rax, c->regs->rdx);
    pair_to_bytes(desired, half, c->regs->rbx, c->regs->rcx);
    EMUL_TRY(c->ops->cmpxchg(c, linear, expected, desired, 2 * half, &done));
    if (!done)
        pair_to_registers(c, half, expected);
    c->regs->rflags = (c->regs->rflags & ~(uint64_t)RFLAGS_ZF) | (done ? RFLAGS_ZF : 0);
    return EMUL_OK;
}

enum emul_result op_bswap(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t *reg = emul_register(c->regs, (i->opcode & 7) | (i->rex & 1 ? 8 : 0));

    if (i->op_bytes == 2)
        emul_reg_set(reg, 2, 0); /* undefined; every CPU gives 0 */
    else
        emul_reg_set(reg, i->op_bytes, i->op_bytes == 8 ? __builtin_bswap64(*reg) : __builtin_bswap32((uint32_t)*reg));
    return EMUL_OK;
}

/* CBW CWDE CDQE */
enum emul_result op_convert(struct emul_context *c, const struct emul_insn *i)
{
    emul_reg_set(&c->regs->rax, i->op_bytes, (uint64_t)emul_sign_extend(c->regs->rax, i->op_bytes / 2));
    return EMUL_OK;
}

/* CWD CDQ CQO */
enum emul_result op_sign_fill(struct emul_context *c, const struct emul_insn *i)
{
    emul_reg_set(&c->regs->rdx, i->op_bytes, c->regs->rax >> (8 * i->op_bytes - 1) & 1 ? ~0ULL : 0);
    return EMUL_OK;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moves, exchanges, stack, flags, segment registers. */
#include <hv/lib.h>
#include "internal.h"

static enum emul_result undefined(struct emul_context *c) { return emul_raise(c, VEC_UD, 0); }
/* The register in the opcode's low three bits, with REX.B. */
static unsigned int opcode_register(const struct emul_insn *i) { return (i->opcode & 7u) | (i->rex & 1 ? 8u : 0u); }

enum emul_result op_nop(struct emul_context *c, const struct emul_insn *i) { return EMUL_OK; }

enum emul_result op_mov_store(struct emul_context *c, const struct emul_insn *i)
{
    return emul_rm_store(c, i, i->op_bytes, emul_reg_read(c, i, i->reg, i->op_bytes));
}

enum emul_result op_mov_load(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_rm rm;

    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    emul_reg_write(c, i, i->reg, i->op_bytes, rm.value);
    return EMUL_OK;
}

enum emul_result op_mov_imm(struct emul_context *c, const struct emul_insn *i)
{
    return i->reg & 7 ? undefined(c) : emul_rm_store(c, i, i->op_bytes, i->immediate);
}

enum emul_result op_mov_reg_imm(struct emul_context *c, const struct emul_insn *i)
{
    emul_reg_write(c, i, opcode_register(i), i->op_bytes, i->immediate);
    return EMUL_OK;
}

/* a0, a1 load; a2, a3 store */
enum emul_result op_mov_moffs(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_insn at = *i;
    struct emul_rm rm;

    at.is_memory = true;
    if (i->opcode & 2)
        return emul_rm_store(c, &at, i->op_bytes, c->regs->rax);
    EMUL_TRY(emul_rm_read(c, &at, i->op_bytes, &rm));
    emul_reg_set(&c->regs->rax, i->op_bytes, rm.value);
    return EMUL_OK;
}

static enum emul_result extend(struct emul_context *c, const struct emul_insn *i, unsigned int from, bool is_signed)
{
    struct emul_rm rm;

    EMUL_TRY(emul_rm_read(c, i, from, &rm));
    emul_reg_write(c, i, i->reg, i->op_bytes, is_signed ? (uint64_t)emul_sign_extend(rm.value, from) : rm.value);
    return EMUL_OK;
}

enum emul_result op_movzx(struct emul_context *c, const struct emul_insn *i) { return extend(c, i, i->opcode & 1 ? 2 : 1, false); }
enum emul_result op_movsx(struct emul_context *c, const struct emul_insn *i) { return extend(c, i, i->opcode & 1 ? 2 : 1, true); }

/* ARPL outside 64-bit code, not for us */
enum emul_result op_movsxd(struct emul_context *c, const struct emul_insn *i)
{
    return c->code_bits == 64 ? extend(c, i, i->op_bytes == 2 ? 2 : 4, true) : EMUL_UNHANDLEABLE;
}

enum emul_result op_movnti(struct emul_context *c, const struct emul_insn *i)
{
    return i->is_memory && i->op_bytes != 2 ? op_mov_store(c, i) : undefined(c);
}

static uint64_t swap_bytes(uint64_t v, unsigned int bytes) { return __builtin_bswap64(v) >> (64 - 8 * bytes); }

enum emul_result op_movbe(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_rm rm;

    if (i->repeat == EMUL_REPNE)
        return EMUL_UNHANDLEABLE; /* CRC32 */
    if (!c->has_movbe || !i->is_memory)
        return undefined(c);
    if (i->opcode & 1)
        return emul_rm_store(c, i, i->op_bytes, swap_bytes(emul_reg_read(c, i, i->reg, i->op_bytes), i->op_bytes));
    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    emul_reg_write(c, i, i->reg, i->op_bytes, swap_bytes(rm.value, i->op_bytes));
    return EMUL_OK;
}

enum emul_result op_lea(struct emul_context *c, const struct emul_insn *i)
{
    if (!i->is_memory)
        return undefined(c);
    emul_reg_write(c, i, i->reg, i->op_bytes, i->offset);
    return EMUL_OK;
}

/* With memory it is atomic without LOCK too (SDM2 XCHG). */
enum emul_result op_xchg(struct emul_context *c, const struct emul_insn *i)
{
    const uint64_t value = emul_reg_read(c, i, i->reg, i->op_bytes);
    struct emul_insn locked = *i;
    struct emul_rm rm;

    locked.lock = true;
    EMUL_TRY(emul_rm_modify(c, &locked, i->op_bytes, &rm));
    EMUL_TRY(emul_rm_commit(c, &locked, &rm, value));
    emul_reg_write(c, i, i->reg, i->op_bytes, rm.value);
    return EMUL_OK;
}

/* 90 without REX.B is NOP (PAUSE) */
enum emul_result op_xchg_rax(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t *reg = emul_register(c->regs, opcode_register(i));
    const uint64_t old = *reg;

    if (reg == &c->regs->rax)
        return EMUL_OK;
    emul_reg_set(reg, i->op_bytes, c->regs->rax);
    emul_reg_set(&c->regs->rax, i->op_bytes, old);
    return EMUL_OK;
}

enum emul_result op_setcc(struct emul_context *c, const struct emul_insn *i)
{
    return emul_rm_store(c, i, 1, emul_condition(i->opcode, c->regs->rflags));
}

/* Reads its operand, and clears the upper half of a 32-bit target, whatever the condition. */
enum emul_result op_cmovcc(struct emul_context *c, const struct emul_insn *i)
{
    struct emul_rm rm;

    EMUL_TRY(emul_rm_read(c, i, i->op_bytes, &rm));
    if (!emul_condition(i->opcode, c->regs->rflags))
        rm.value = emul_reg_read(c, i, i->reg, i->op_bytes);
    emul_reg_write(c, i, i->reg, i->op_bytes, rm.value);
    return EMUL_OK;
}

enum emul_result op_xlat(struct emul_context *c, const struct emul_insn *i)
{
    const uint64_t offset = (c->regs->rbx + (c->regs->rax & 0xff)) & emul_mask(i->addr_bytes);
    struct emul_insn at = *i;
    struct emul_rm rm;

    at.is_memory = true;
    at.offset = offset;
    EMUL_TRY(emul_rm_read(c, &at, 1, &rm));
    emul_reg_set(&c->regs->rax, 1, rm.value);
    return EMUL_OK;
}

/* ---- stack ---- */

enum emul_result op_push_reg(struct emul_context *c, const struct emul_insn *i)
{
    return emul_push(c, i->op_bytes, *emul_register(c->regs, opcode_register(i)));
}

enum emul_result op_push_imm(struct emul_context *c, const struct emul_insn *i) { return emul_push(c, i->op_bytes, i->immediate); }

enum emul_result op_pop_reg(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    EMUL_TRY(emul_stack_read(c, i->op_bytes, 0, &value));
    emul_stack_move(c, i->op_bytes);
    emul_reg_set(emul_register(c->regs, opcode_register(i)), i->op_bytes, value);
    return EMUL_OK;
}

/* An address formed from the stack pointer uses its value after the pop (SDM2 POP). */
enum emul_result op_pop_rm(struct emul_context *c, const struct emul_insn *i)
{
    const uint64_t sp = c->regs->rsp;
    struct emul_insn at = *i;
    uint64_t value;
    enum emul_result r;

    if (i->reg & 7)
        return undefined(c);
    EMUL_TRY(emul_stack_read(c, i->op_bytes, 0, &value));
    emul_stack_move(c, i->op_bytes);
    if (i->base_is_rsp)
        at.offset = (i->offset + i->op_bytes) & emul_mask(i->addr_bytes);
    r = emul_rm_store(c, &at, i->op_bytes, value);
    if (r != EMUL_OK)
        c->regs->rsp = sp;
    return r;
}

enum emul_result op_pusha(struct emul_context *c, const struct emul_insn *i)
{
    const uint64_t sp = c->regs->rsp;

    for (unsigned int n = 0; n < 8; n++) {
        enum emul_result r = emul_push(c, i->op_bytes, n == 4 ? sp : *emul_register(c->regs, n));

        if (r != EMUL_OK) {
            c->regs->rsp = sp;
            return r;
        }
    }
    return EMUL_OK;
}

enum emul_result op_popa(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value[8];

    for (unsigned int n = 0; n < 8; n++)
        EMUL_TRY(emul_stack_read(c, i->op_bytes, (7 - n) * i->op_bytes, &value[n]));
    for (unsigned int n = 0; n < 8; n++)
        if (n != 4)
            emul_reg_set(emul_register(c->regs, n), i->op_bytes, value[n]);
    emul_stack_move(c, 8 * i->op_bytes);
    return EMUL_OK;
}

enum emul_result op_pushf(struct emul_context *c, const struct emul_insn *i)
{
    return emul_push(c, i->op_bytes, c->regs->rflags & ~(uint64_t)(RFLAGS_RF | RFLAGS_VM));
}

#define POPF_FLAGS (ALU_FLAGS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)

enum emul_result op_popf(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t writable = POPF_FLAGS, value;

    EMUL_TRY(emul_stack_read(c, i->op_bytes, 0, &value));
    if (c->cpl == 0)
        writable |= RFLAGS_IOPL;
    if (c->cpl <= c->iopl)
        writable |= RFLAGS_IF;
    writable &= emul_mask(i->op_bytes);
    emul_stack_move(c, i->op_bytes);
    c->regs->rflags = (c->regs->rflags & ~writable & ~(uint64_t)RFLAGS_RF) | (value & writable);
    return EMUL_OK;
}

#define AH_FLAGS (RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF | RFLAGS_CF)

enum emul_result op_lahf(struct emul_context *c, const struct emul_insn *i)
{
    c->regs->rax = (c->regs->rax & ~0xff00ULL) | ((c->regs->rflags & AH_FLAGS) | RFLAGS_MBS) << 8;
    return EMUL_OK;
}

enum emul_result op_sahf(struct emul_context *c, const struct emul_insn *i)
{
    c->regs->rflags = (c->regs->rflags & ~(uint64_t)AH_FLAGS) | (c->regs->rax >> 8 & AH_FLAGS);
    return EMUL_OK;
}

enum emul_result op_flag(struct emul_context *c, const struct emul_insn *i)
{
    switch (i->opcode) {
    case 0xf5: c->regs->rflags ^= RFLAGS_CF; break;
    case 0xf8: c->regs->rflags &= ~(uint64_t)RFLAGS_CF; break;
    case 0xf9: c->regs->rflags |= RFLAGS_CF; break;
    case 0xfc: c->regs->rflags &= ~(uint64_t)RFLAGS_DF; break;
    case 0xfd: c->regs->rflags |= RFLAGS_DF; break;
    }
    return EMUL_OK;
}

/* Without nested frames: with them it reads and writes up to 31 words */
enum emul_result op_enter(struct emul_context *c, const struct emul_insn *i)
{
    if (i->immediate2 & 31)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(emul_push(c, i->op_bytes, c->regs->rbp));
    emul_reg_set(&c->regs->rbp, i->op_bytes, c->regs->rsp);
    emul_stack_move(c, -(int64_t)i->immediate);
    return EMUL_OK;
}

enum emul_result op_leave(struct emul_context *c, const struct emul_insn *i)
{
    const uint64_t sp = c->regs->rsp;
    uint64_t value;

    emul_reg_set(&c->regs->rsp, c->stack_bits / 8, c->regs->rbp);
    enum emul_result r = emul_stack_read(c, i->op_bytes, 0, &value);

    if (r != EMUL_OK) {
        c->regs->rsp = sp;
        return r;
    }
    emul_stack_move(c, i->op_bytes);
    emul_reg_set(&c->regs->rbp, i->op_bytes, value);
    return EMUL_OK;
}

/* ---- segment registers ---- */

static enum emul_result segment_selector(struct emul_context *c, enum emul_segment seg, uint16_t *selector)
{
    struct emul_segment_cache cache;

    if (c->ops->segment_read == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(c->ops->segment_read(c, seg, &cache));
    *selector = cache.selector;
    return EMUL_OK;
}

static enum emul_result segment_load(struct emul_context *c, enum emul_segment seg, uint16_t selector)
{
    return c->ops->segment_load ? c->ops->segment_load(c, seg, selector) : EMUL_UNHANDLEABLE;
}

enum emul_result op_segment_store(struct emul_context *c, const struct emul_insn *i)
{
    uint16_t selector;

    if ((i->reg & 7) >= EMUL_NR_SEGMENTS)
        return undefined(c);
    EMUL_TRY(segment_selector(c, (enum emul_segment)(i->reg & 7), &selector));
    return emul_rm_store(c, i, i->is_memory ? 2 : i->op_bytes, selector);
}

enum emul_result op_segment_load(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int seg = i->reg & 7;
    struct emul_rm rm;

    if (seg >= EMUL_NR_SEGMENTS || seg == EMUL_CS)
        return undefined(c);
    EMUL_TRY(emul_rm_read(c, i, 2, &rm));
    EMUL_TRY(segment_load(c, (enum emul_segment)seg, (uint16_t)rm.value));
    c->interrupt_shadow = seg == EMUL_SS;
    return EMUL_OK;
}

/* 06 0e 16 1e, 0f a0, 0f a8: bits 3..5 are the segment */
static enum emul_segment opcode_segment(const struct emul_insn *i) { return (enum emul_segment)(i->opcode >> 3 & 7); }

enum emul_result op_push_segment(struct emul_context *c, const struct emul_insn *i)
{
    uint16_t selector;

    EMUL_TRY(segment_selector(c, opcode_segment(i), &selector));
    return emul_push(c, i->op_bytes, selector);
}

enum emul_result op_pop_segment(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    EMUL_TRY(emul_stack_read(c, i->op_bytes, 0, &value));
    EMUL_TRY(segment_load(c, opcode_segment(i), (uint16_t)value));
    emul_stack_move(c, i->op_bytes);
    c->interrupt_shadow = opcode_segment(i) == EMUL_SS;
    return EMUL_OK;
}

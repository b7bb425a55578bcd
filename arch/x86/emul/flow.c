/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Near control transfers. */
#include "internal.h"

/* Target cut to the operand size outside 64-bit code, canonical in it. */
static enum emul_result check_target(struct emul_context *c, const struct emul_insn *i, uint64_t *target)
{
    uint64_t linear;

    if (c->code_bits != 64)
        *target &= emul_mask(i->op_bytes);
    return emul_linear(c, EMUL_CS, *target, 1, false, &linear);
}

enum emul_result emul_jump(struct emul_context *c, const struct emul_insn *i, uint64_t target)
{
    EMUL_TRY(check_target(c, i, &target));
    c->regs->rip = target;
    c->branched = true;
    return EMUL_OK;
}

static enum emul_result call(struct emul_context *c, const struct emul_insn *i, uint64_t target)
{
    const unsigned int bytes = c->code_bits == 64 ? 8 : i->op_bytes;

    EMUL_TRY(check_target(c, i, &target));
    EMUL_TRY(emul_push(c, bytes, i->next_rip));
    c->regs->rip = target;
    c->branched = true;
    return EMUL_OK;
}

enum emul_result op_jcc(struct emul_context *c, const struct emul_insn *i)
{
    return emul_condition(i->opcode, c->regs->rflags) ? emul_jump(c, i, i->next_rip + i->immediate) : EMUL_OK;
}

enum emul_result op_jmp(struct emul_context *c, const struct emul_insn *i) { return emul_jump(c, i, i->next_rip + i->immediate); }
enum emul_result op_call(struct emul_context *c, const struct emul_insn *i) { return call(c, i, i->next_rip + i->immediate); }

enum emul_result op_ret(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t target;

    EMUL_TRY(emul_stack_read(c, i->op_bytes, 0, &target));
    EMUL_TRY(emul_jump(c, i, target));
    emul_stack_move(c, (int64_t)(i->op_bytes + (i->opcode == 0xc2 ? i->immediate : 0)));
    return EMUL_OK;
}

/* e0 loopne, e1 loope, e2 loop, e3 jcxz: the counter has the address size */
enum emul_result op_loop(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int kind = i->opcode & 3;
    const uint64_t old = c->regs->rcx, count = (old - (kind != 3)) & emul_mask(i->addr_bytes);
    bool taken = kind == 3 ? count == 0 : count != 0;

    if (kind < 2)
        taken = taken && !(c->regs->rflags & RFLAGS_ZF) == (kind == 0);
    if (taken)
        EMUL_TRY(emul_jump(c, i, i->next_rip + i->immediate));
    if (kind != 3)
        emul_reg_set(&c->regs->rcx, i->addr_bytes, count);
    return EMUL_OK;
}

enum emul_result op_group4(struct emul_context *c, const struct emul_insn *i)
{
    return (i->reg & 7) < 2 ? op_inc_dec(c, i) : emul_raise(c, VEC_UD, 0);
}

/* inc dec call callf jmp jmpf push -: the near ones are 8 bytes wide in 64-bit code, PUSH too but for the prefix */
enum emul_result op_group5(struct emul_context *c, const struct emul_insn *i)
{
    const bool is_64bit = c->code_bits == 64;
    struct emul_rm rm;

    switch (i->reg & 7) {
    case 0:
    case 1:
        return op_inc_dec(c, i);
    case 2:
        EMUL_TRY(emul_rm_read(c, i, is_64bit ? 8 : i->op_bytes, &rm));
        return call(c, i, rm.value);
    case 4:
        EMUL_TRY(emul_rm_read(c, i, is_64bit ? 8 : i->op_bytes, &rm));
        return emul_jump(c, i, rm.value);
    case 6:
        EMUL_TRY(emul_rm_read(c, i, is_64bit && !i->opsize_prefix ? 8 : i->op_bytes, &rm));
        return emul_push(c, rm.bytes, rm.value);
    case 7:
        return emul_raise(c, VEC_UD, 0);
    default:
        return EMUL_UNHANDLEABLE;
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * String instructions. Each iteration commits by itself, so a fault or a limit in the middle leaves the
 * counter and pointers as the CPU would at an interrupt (SDM2 REP).
 */
#include "internal.h"

static enum emul_result string_address(struct emul_context *c, const struct emul_insn *i, bool destination, bool write, uint64_t *linear)
{
    const uint64_t reg = destination ? c->regs->rdi : c->regs->rsi;

    /* The destination is in ES whatever prefix there is. */
    return emul_linear(c, destination ? EMUL_ES : i->segment, reg & emul_mask(i->addr_bytes), i->op_bytes, write, linear);
}

static enum emul_result source_read(struct emul_context *c, const struct emul_insn *i, uint64_t *value)
{
    uint64_t linear;

    *value = 0;
    EMUL_TRY(string_address(c, i, false, false, &linear));
    return c->ops->read ? c->ops->read(c, linear, value, i->op_bytes) : EMUL_UNHANDLEABLE;
}

static enum emul_result destination_read(struct emul_context *c, const struct emul_insn *i, uint64_t *value)
{
    uint64_t linear;

    *value = 0;
    EMUL_TRY(string_address(c, i, true, false, &linear));
    return c->ops->read ? c->ops->read(c, linear, value, i->op_bytes) : EMUL_UNHANDLEABLE;
}

static enum emul_result destination_write(struct emul_context *c, const struct emul_insn *i, uint64_t value)
{
    uint64_t linear;

    EMUL_TRY(string_address(c, i, true, true, &linear));
    return c->ops->write ? c->ops->write(c, linear, &value, i->op_bytes) : EMUL_UNHANDLEABLE;
}

static void advance(struct emul_context *c, const struct emul_insn *i, uint64_t *reg)
{
    const uint64_t step = c->regs->rflags & RFLAGS_DF ? -(uint64_t)i->op_bytes : i->op_bytes;

    emul_reg_set(reg, i->addr_bytes, *reg + step);
}

/* Runs the iterations that count and limit allow. `compares`: REPE and REPNE also look at ZF. */
static enum emul_result repeat(struct emul_context *c, const struct emul_insn *i, emul_fn *once, bool compares)
{
    unsigned int left = c->rep_limit ? c->rep_limit : 1;
    bool any = false;

    if (i->repeat == EMUL_NO_REP)
        return once(c, i);
    while ((c->regs->rcx & emul_mask(i->addr_bytes)) != 0) {
        if (left-- == 0) {
            c->rep_unfinished = true;
            return EMUL_OK;
        }
        enum emul_result r = once(c, i);

        if (r != EMUL_OK) {
            /* What is done is done; the rest is tried again and fails then with nothing before it. */
            c->rep_unfinished = any;
            return any && r != EMUL_EXCEPTION ? EMUL_OK : r;
        }
        any = true;
        emul_reg_set(&c->regs->rcx, i->addr_bytes, c->regs->rcx - 1);
        if (compares && !(c->regs->rflags & RFLAGS_ZF) != (i->repeat == EMUL_REPNE))
            break;
    }
    if (!any) /* a count of zero with 32-bit addresses still clears the upper half */
        emul_reg_set(&c->regs->rcx, i->addr_bytes, c->regs->rcx);
    return EMUL_OK;
}

static void compare(struct emul_context *c, const struct emul_insn *i, uint64_t a, uint64_t b)
{
    uint64_t flags = c->regs->rflags;

    (void)emul_alu(ALU_CMP, a, b, i->op_bytes, &flags);
    c->regs->rflags = flags;
}

static enum emul_result movs_once(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    EMUL_TRY(source_read(c, i, &value));
    EMUL_TRY(destination_write(c, i, value));
    advance(c, i, &c->regs->rsi);
    advance(c, i, &c->regs->rdi);
    return EMUL_OK;
}

static enum emul_result cmps_once(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t a, b;

    EMUL_TRY(source_read(c, i, &a));
    EMUL_TRY(destination_read(c, i, &b));
    compare(c, i, a, b);
    advance(c, i, &c->regs->rsi);
    advance(c, i, &c->regs->rdi);
    return EMUL_OK;
}

static enum emul_result stos_once(struct emul_context *c, const struct emul_insn *i)
{
    EMUL_TRY(destination_write(c, i, c->regs->rax));
    advance(c, i, &c->regs->rdi);
    return EMUL_OK;
}

static enum emul_result lods_once(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    EMUL_TRY(source_read(c, i, &value));
    emul_reg_set(&c->regs->rax, i->op_bytes, value);
    advance(c, i, &c->regs->rsi);
    return EMUL_OK;
}

static enum emul_result scas_once(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    EMUL_TRY(destination_read(c, i, &value));
    compare(c, i, c->regs->rax, value);
    advance(c, i, &c->regs->rdi);
    return EMUL_OK;
}

enum emul_result op_movs(struct emul_context *c, const struct emul_insn *i) { return repeat(c, i, movs_once, false); }
enum emul_result op_cmps(struct emul_context *c, const struct emul_insn *i) { return repeat(c, i, cmps_once, true); }
enum emul_result op_stos(struct emul_context *c, const struct emul_insn *i) { return repeat(c, i, stos_once, false); }
enum emul_result op_lods(struct emul_context *c, const struct emul_insn *i) { return repeat(c, i, lods_once, false); }
enum emul_result op_scas(struct emul_context *c, const struct emul_insn *i) { return repeat(c, i, scas_once, true); }

/* ---- ports: INS and OUTS; there is no 8-byte form ---- */

static struct emul_insn as_port_access(const struct emul_insn *i)
{
    struct emul_insn narrow = *i;

    if (narrow.op_bytes == 8)
        narrow.op_bytes = 4;
    return narrow;
}

static enum emul_result port_check(struct emul_context *c, const struct emul_insn *i)
{
    if (c->ops->io_check != NULL)
        return c->ops->io_check(c, (uint16_t)c->regs->rdx, i->op_bytes);
    return c->cpl <= c->iopl ? EMUL_OK : emul_raise(c, VEC_GP, 0);
}

static enum emul_result ins_once(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t linear, value64;
    uint32_t value;

    if (c->ops->io_read == NULL || c->ops->write == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(string_address(c, i, true, true, &linear));
    EMUL_TRY(c->ops->io_read(c, (uint16_t)c->regs->rdx, i->op_bytes, &value));
    value64 = value;
    EMUL_TRY(c->ops->write(c, linear, &value64, i->op_bytes));
    advance(c, i, &c->regs->rdi);
    return EMUL_OK;
}

static enum emul_result outs_once(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    if (c->ops->io_write == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(source_read(c, i, &value));
    EMUL_TRY(c->ops->io_write(c, (uint16_t)c->regs->rdx, i->op_bytes, (uint32_t)value));
    advance(c, i, &c->regs->rsi);
    return EMUL_OK;
}

enum emul_result op_ins(struct emul_context *c, const struct emul_insn *i)
{
    const struct emul_insn narrow = as_port_access(i);

    EMUL_TRY(port_check(c, &narrow));
    return repeat(c, &narrow, ins_once, false);
}

enum emul_result op_outs(struct emul_context *c, const struct emul_insn *i)
{
    const struct emul_insn narrow = as_port_access(i);

    EMUL_TRY(port_check(c, &narrow));
    return repeat(c, &narrow, outs_once, false);
}

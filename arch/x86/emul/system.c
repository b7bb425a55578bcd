/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports, interrupt flag, control and debug registers, MSRs: instructions that a hypervisor intercepts. */
#include "internal.h"

#define CR0_TS (1u << 3)
#define CR0_LMSW_BITS 0xfu /* PE MP EM TS */

static enum emul_result undefined(struct emul_context *c) { return emul_raise(c, VEC_UD, 0); }
static enum emul_result protection(struct emul_context *c) { return emul_raise(c, VEC_GP, 0); }

enum emul_result op_undefined(struct emul_context *c, const struct emul_insn *i) { return undefined(c); }

/* ---- ports ---- */

/* e4..e7: port in the instruction; ec..ef: in DX */
static uint16_t port_of(const struct emul_context *c, const struct emul_insn *i)
{
    return i->opcode & 8 ? (uint16_t)c->regs->rdx : (uint8_t)i->immediate;
}

static unsigned int port_bytes(const struct emul_insn *i) { return i->op_bytes == 8 ? 4 : i->op_bytes; }

static enum emul_result port_check(struct emul_context *c, uint16_t port, unsigned int bytes)
{
    if (c->ops->io_check != NULL)
        return c->ops->io_check(c, port, bytes);
    return c->cpl <= c->iopl ? EMUL_OK : protection(c);
}

enum emul_result op_in(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int bytes = port_bytes(i);
    uint32_t value = 0;

    if (c->ops->io_read == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(port_check(c, port_of(c, i), bytes));
    EMUL_TRY(c->ops->io_read(c, port_of(c, i), bytes, &value));
    emul_reg_set(&c->regs->rax, bytes, value);
    return EMUL_OK;
}

enum emul_result op_out(struct emul_context *c, const struct emul_insn *i)
{
    const unsigned int bytes = port_bytes(i);

    if (c->ops->io_write == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(port_check(c, port_of(c, i), bytes));
    return c->ops->io_write(c, port_of(c, i), bytes, (uint32_t)(c->regs->rax & emul_mask(bytes)));
}

/* ---- interrupt flag, halt ---- */

enum emul_result op_cli_sti(struct emul_context *c, const struct emul_insn *i)
{
    if (c->cpl > c->iopl)
        return protection(c);
    if (i->opcode & 1) {
        c->interrupt_shadow = !(c->regs->rflags & RFLAGS_IF);
        c->regs->rflags |= RFLAGS_IF;
    } else {
        c->regs->rflags &= ~(uint64_t)RFLAGS_IF;
    }
    return EMUL_OK;
}

enum emul_result op_hlt(struct emul_context *c, const struct emul_insn *i)
{
    if (c->cpl != 0)
        return protection(c);
    c->halted = true;
    return EMUL_OK;
}

/* ---- control and debug registers ---- */

static enum emul_result cr_read(struct emul_context *c, unsigned int nr, uint64_t *value)
{
    return c->ops->cr_read ? c->ops->cr_read(c, nr, value) : EMUL_UNHANDLEABLE;
}

static enum emul_result cr_write(struct emul_context *c, unsigned int nr, uint64_t value)
{
    return c->ops->cr_write ? c->ops->cr_write(c, nr, value) : EMUL_UNHANDLEABLE;
}

static unsigned int control_bytes(const struct emul_context *c) { return c->code_bits == 64 ? 8 : 4; }

/* 0f 20 reads, 0f 22 writes */
enum emul_result op_mov_cr(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    if (c->cpl != 0)
        return protection(c);
    if (i->opcode & 2)
        return cr_write(c, i->reg, *emul_register(c->regs, i->rm) & emul_mask(control_bytes(c)));
    EMUL_TRY(cr_read(c, i->reg, &value));
    emul_reg_set(emul_register(c->regs, i->rm), control_bytes(c), value);
    return EMUL_OK;
}

enum emul_result op_mov_dr(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t value;

    if (i->reg > 7)
        return undefined(c);
    if (c->cpl != 0)
        return protection(c);
    if (c->ops->dr_read == NULL || c->ops->dr_write == NULL)
        return EMUL_UNHANDLEABLE;
    if (i->opcode & 2)
        return c->ops->dr_write(c, i->reg, *emul_register(c->regs, i->rm) & emul_mask(control_bytes(c)));
    EMUL_TRY(c->ops->dr_read(c, i->reg, &value));
    emul_reg_set(emul_register(c->regs, i->rm), control_bytes(c), value);
    return EMUL_OK;
}

enum emul_result op_clts(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t cr0;

    if (c->cpl != 0)
        return protection(c);
    EMUL_TRY(cr_read(c, 0, &cr0));
    return cr_write(c, 0, cr0 & ~(uint64_t)CR0_TS);
}

/* ---- group 7 (0f 01) ---- */

static enum emul_result smsw(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t cr0;

    EMUL_TRY(cr_read(c, 0, &cr0));
    return emul_rm_store(c, i, i->is_memory ? 2 : i->op_bytes, cr0);
}

/* LMSW sets PE but never clears it. */
static enum emul_result lmsw(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t cr0;
    struct emul_rm rm;

    if (c->cpl != 0)
        return protection(c);
    EMUL_TRY(emul_rm_read(c, i, 2, &rm));
    EMUL_TRY(cr_read(c, 0, &cr0));
    return cr_write(c, 0, (cr0 & ~(uint64_t)(CR0_LMSW_BITS & ~1u)) | (rm.value & CR0_LMSW_BITS));
}

static enum emul_result invlpg(struct emul_context *c, const struct emul_insn *i)
{
    uint64_t linear;

    if (c->cpl != 0)
        return protection(c);
    if (c->ops->tlb_flush == NULL)
        return EMUL_UNHANDLEABLE;
    /* An address that is not canonical is no fault here (SDM2 INVLPG). */
    if (emul_operand_address(c, i, 1, false, &linear) != EMUL_OK)
        return EMUL_OK;
    return c->ops->tlb_flush(c, linear);
}

static enum emul_result xsetbv(struct emul_context *c)
{
    if (c->ops->xcr_write == NULL)
        return EMUL_UNHANDLEABLE;
    if (c->cpl != 0)
        return protection(c);
    return c->ops->xcr_write(c, (uint32_t)c->regs->rcx, (uint32_t)c->regs->rax | c->regs->rdx << 32);
}

static enum emul_result read_tsc(struct emul_context *c, bool with_aux)
{
    uint64_t tsc;
    uint32_t aux;

    if (c->ops->tsc_read == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(c->ops->tsc_read(c, &tsc, with_aux ? &aux : NULL));
    c->regs->rax = (uint32_t)tsc;
    c->regs->rdx = tsc >> 32;
    if (with_aux)
        c->regs->rcx = aux;
    return EMUL_OK;
}

enum emul_result op_group7(struct emul_context *c, const struct emul_insn *i)
{
    if (i->modrm == 0xd1)
        return i->opsize_prefix || i->repeat != EMUL_NO_REP ? undefined(c) : xsetbv(c);
    if (i->modrm == 0xf9)
        return read_tsc(c, true);
    switch (i->reg & 7) {
    case 4:
        return smsw(c, i);
    case 6:
        return lmsw(c, i);
    case 7:
        return i->is_memory ? invlpg(c, i) : EMUL_UNHANDLEABLE;
    default:
        return EMUL_UNHANDLEABLE;
    }
}

/* ---- the rest ---- */

enum emul_result op_rdtsc(struct emul_context *c, const struct emul_insn *i) { return read_tsc(c, false); }

/* 0f 08 INVD, 0f 09 WBINVD */
enum emul_result op_cache(struct emul_context *c, const struct emul_insn *i)
{
    if (c->cpl != 0)
        return protection(c);
    return c->ops->cache_flush ? c->ops->cache_flush(c, i->opcode & 1) : EMUL_UNHANDLEABLE;
}

/* 0f 30 WRMSR, 0f 32 RDMSR */
enum emul_result op_msr(struct emul_context *c, const struct emul_insn *i)
{
    const uint32_t msr = (uint32_t)c->regs->rcx;
    uint64_t value;

    if (c->cpl != 0)
        return protection(c);
    if (c->ops->msr_read == NULL || c->ops->msr_write == NULL)
        return EMUL_UNHANDLEABLE;
    if (!(i->opcode & 2))
        return c->ops->msr_write(c, msr, (uint32_t)c->regs->rax | c->regs->rdx << 32);
    EMUL_TRY(c->ops->msr_read(c, msr, &value));
    c->regs->rax = (uint32_t)value;
    c->regs->rdx = value >> 32;
    return EMUL_OK;
}

enum emul_result op_cpuid(struct emul_context *c, const struct emul_insn *i)
{
    uint32_t regs[4] = { (uint32_t)c->regs->rax, (uint32_t)c->regs->rbx, (uint32_t)c->regs->rcx, (uint32_t)c->regs->rdx };

    if (c->ops->cpuid == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(c->ops->cpuid(c, regs));
    c->regs->rax = regs[0];
    c->regs->rbx = regs[1];
    c->regs->rcx = regs[2];
    c->regs->rdx = regs[3];
    return EMUL_OK;
}

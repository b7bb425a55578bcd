/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operands: registers, memory through segments, the stack; and raising faults. */
#include <hv/lib.h>
#include "internal.h"

enum emul_result emul_raise(struct emul_context *c, unsigned int vector, uint32_t error_code)
{
    c->exception = (struct emul_exception){
        .vector = (uint8_t)vector,
        .has_error_code = (VECTORS_WITH_ERROR_CODE >> vector) & 1,
        .error_code = error_code,
    };
    return EMUL_EXCEPTION;
}

enum emul_result emul_raise_page_fault(struct emul_context *c, uint32_t error_code, uint64_t cr2)
{
    c->exception = (struct emul_exception){ .vector = VEC_PF, .has_error_code = true, .error_code = error_code, .cr2 = cr2 };
    return EMUL_EXCEPTION;
}

/* ---- registers ---- */

uint64_t *emul_register(struct trap_frame *r, unsigned int nr)
{
#define AT(name) offsetof(struct trap_frame, name)
    static const uint8_t offset[16] = {
        AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
        AT(r8), AT(r9), AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15),
    };
#undef AT

    return (uint64_t *)((char *)r + offset[nr & 15]);
}

void emul_reg_set(uint64_t *reg, unsigned int bytes, uint64_t value)
{
    switch (bytes) {
    case 1:
        *reg = (*reg & ~0xffULL) | (value & 0xff);
        break;
    case 2:
        *reg = (*reg & ~0xffffULL) | (value & 0xffff);
        break;
    case 4:
        *reg = (uint32_t)value;
        break;
    default:
        *reg = value;
        break;
    }
}

/* Without REX, byte registers 4..7 are AH CH DH BH (SDM2 table 2-4 ff). */
static bool is_high_byte(const struct emul_insn *i, unsigned int nr, unsigned int bytes)
{
    return bytes == 1 && i->rex == 0 && nr >= 4 && nr < 8;
}

uint64_t emul_reg_read(const struct emul_context *c, const struct emul_insn *i, unsigned int nr, unsigned int bytes)
{
    if (is_high_byte(i, nr, bytes))
        return (*emul_register(c->regs, nr & 3) >> 8) & 0xff;
    return *emul_register(c->regs, nr) & emul_mask(bytes);
}

void emul_reg_write(struct emul_context *c, const struct emul_insn *i, unsigned int nr, unsigned int bytes, uint64_t value)
{
    if (is_high_byte(i, nr, bytes)) {
        uint64_t *reg = emul_register(c->regs, nr & 3);

        *reg = (*reg & ~0xff00ULL) | (value & 0xff) << 8;
        return;
    }
    emul_reg_set(emul_register(c->regs, nr), bytes, value);
}

/* ---- segments ---- */

static bool is_canonical(uint64_t a) { return (uint64_t)((int64_t)(a << 16) >> 16) == a; }

static enum emul_result segment_fault(struct emul_context *c, enum emul_segment seg)
{
    return emul_raise(c, seg == EMUL_SS ? VEC_SS : VEC_GP, 0);
}

static enum emul_result linear64(struct emul_context *c, enum emul_segment seg, uint64_t offset, unsigned int bytes, uint64_t *linear)
{
    struct emul_segment_cache cache = { 0 };

    if (seg >= EMUL_FS) {
        if (c->ops->segment_read == NULL)
            return EMUL_UNHANDLEABLE;
        EMUL_TRY(c->ops->segment_read(c, seg, &cache));
    }
    *linear = cache.base + offset;
    if (!is_canonical(*linear) || !is_canonical(*linear + bytes - 1))
        return segment_fault(c, seg);
    return EMUL_OK;
}

/* Offsets first..last within the limit (SDM3 5.3) */
static bool within_limit(const struct emul_segment_cache *s, uint64_t first, uint64_t last)
{
    if (!s->expand_down)
        return last <= s->limit;
    return first > s->limit && last <= (s->big ? 0xffffffffULL : 0xffffULL);
}

enum emul_result emul_linear(struct emul_context *c, enum emul_segment seg, uint64_t offset, unsigned int bytes, bool write,
                             uint64_t *linear)
{
    struct emul_segment_cache cache;

    if (c->code_bits == 64)
        return linear64(c, seg, offset, bytes, linear);
    if (c->ops->segment_read == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(c->ops->segment_read(c, seg, &cache));
    offset = (uint32_t)offset;
    if (!within_limit(&cache, offset, offset + bytes - 1) || (write ? !cache.writable : seg != EMUL_CS && !cache.readable))
        return segment_fault(c, seg);
    *linear = (uint32_t)(cache.base + offset);
    return EMUL_OK;
}

enum emul_result emul_operand_address(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, bool write, uint64_t *linear)
{
    return emul_linear(c, i->segment, i->offset, bytes, write, linear);
}

/* ---- the r/m operand ---- */

static enum emul_result memory_read(struct emul_context *c, uint64_t linear, unsigned int bytes, uint64_t *value)
{
    *value = 0;
    return c->ops->read ? c->ops->read(c, linear, value, bytes) : EMUL_UNHANDLEABLE;
}

static enum emul_result memory_write(struct emul_context *c, uint64_t linear, unsigned int bytes, uint64_t value)
{
    return c->ops->write ? c->ops->write(c, linear, &value, bytes) : EMUL_UNHANDLEABLE;
}

static enum emul_result rm_fetch(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, bool write, struct emul_rm *rm)
{
    rm->bytes = bytes;
    if (!i->is_memory) {
        rm->value = emul_reg_read(c, i, i->rm, bytes);
        return EMUL_OK;
    }
    EMUL_TRY(emul_operand_address(c, i, bytes, write, &rm->linear));
    return memory_read(c, rm->linear, bytes, &rm->value);
}

enum emul_result emul_rm_read(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, struct emul_rm *rm)
{
    return rm_fetch(c, i, bytes, false, rm);
}

enum emul_result emul_rm_modify(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, struct emul_rm *rm)
{
    return rm_fetch(c, i, bytes, true, rm);
}

enum emul_result emul_cmpxchg_once(struct emul_context *c, uint64_t linear, uint64_t expected, uint64_t desired, unsigned int bytes)
{
    bool done = false;

    if (c->ops->cmpxchg == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(c->ops->cmpxchg(c, linear, &expected, &desired, bytes, &done));
    return done ? EMUL_OK : EMUL_RETRY;
}

enum emul_result emul_rm_commit(struct emul_context *c, const struct emul_insn *i, struct emul_rm *rm, uint64_t value)
{
    if (!i->is_memory) {
        emul_reg_write(c, i, i->rm, rm->bytes, value);
        return EMUL_OK;
    }
    if (i->lock)
        return emul_cmpxchg_once(c, rm->linear, rm->value, value, rm->bytes);
    return memory_write(c, rm->linear, rm->bytes, value);
}

enum emul_result emul_rm_store(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, uint64_t value)
{
    uint64_t linear;

    if (!i->is_memory) {
        emul_reg_write(c, i, i->rm, bytes, value);
        return EMUL_OK;
    }
    EMUL_TRY(emul_operand_address(c, i, bytes, true, &linear));
    return memory_write(c, linear, bytes, value);
}

/* ---- the stack ---- */

enum emul_result emul_push(struct emul_context *c, unsigned int bytes, uint64_t value)
{
    const unsigned int width = c->stack_bits / 8;
    const uint64_t sp = (c->regs->rsp - bytes) & emul_mask(width);
    uint64_t linear;

    EMUL_TRY(emul_linear(c, EMUL_SS, sp, bytes, true, &linear));
    EMUL_TRY(memory_write(c, linear, bytes, value));
    emul_reg_set(&c->regs->rsp, width, sp);
    return EMUL_OK;
}

enum emul_result emul_stack_read(struct emul_context *c, unsigned int bytes, unsigned int skip, uint64_t *value)
{
    uint64_t linear;

    EMUL_TRY(emul_linear(c, EMUL_SS, (c->regs->rsp + skip) & emul_mask(c->stack_bits / 8), bytes, false, &linear));
    return memory_read(c, linear, bytes, value);
}

void emul_stack_move(struct emul_context *c, int64_t bytes)
{
    emul_reg_set(&c->regs->rsp, c->stack_bits / 8, c->regs->rsp + (uint64_t)bytes);
}

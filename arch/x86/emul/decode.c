/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From bytes to struct emul_insn: prefixes, opcode, ModRM, SIB, displacement, immediates (SDM2 chapter 2). */
#include <hv/lib.h>
#include "internal.h"

#define MAX_INSN_BYTES 15u

/* REX bits */
#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

struct decoder {
    struct emul_context *c;
    struct emul_insn *i;
    uint8_t bytes[MAX_INSN_BYTES + sizeof(uint64_t)];
    unsigned int have, taken;
    bool address_prefix;
    int segment;               /* override, -1 none */
    unsigned int displacement_bytes;
    bool rip_relative;
};

/* More bytes, as far as the page goes; what lies beyond is fetched only if the instruction needs it. */
static enum emul_result refill(struct decoder *d)
{
    struct emul_context *c = d->c;
    uint64_t linear;

    if (d->have == MAX_INSN_BYTES)
        return emul_raise(c, VEC_GP, 0);
    EMUL_TRY(emul_linear(c, EMUL_CS, c->regs->rip + d->have, 1, false, &linear));

    const unsigned int in_page = 4096u - (unsigned int)(linear & 4095);
    const unsigned int want = min(MAX_INSN_BYTES - d->have, in_page);

    if (c->ops->fetch == NULL)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(c->ops->fetch(c, linear, d->bytes + d->have, want));
    d->have += want;
    return EMUL_OK;
}

static inline enum emul_result take_byte(struct decoder *d, uint8_t *out)
{
    if (unlikely(d->taken == d->have))
        EMUL_TRY(refill(d));
    *out = d->bytes[d->taken++];
    return EMUL_OK;
}

/* 1, 2, 4 or 8 bytes; the buffer has room behind it for the whole word. */
static enum emul_result take(struct decoder *d, unsigned int bytes, uint64_t *out)
{
    *out = 0;
    while (unlikely(d->have - d->taken < bytes))
        EMUL_TRY(refill(d));
    memcpy(out, d->bytes + d->taken, sizeof(*out));
    *out &= emul_mask(bytes);
    d->taken += bytes;
    return EMUL_OK;
}

static enum emul_result take_signed(struct decoder *d, unsigned int bytes, uint64_t *out)
{
    EMUL_TRY(take(d, bytes, out));
    *out = (uint64_t)emul_sign_extend(*out, bytes);
    return EMUL_OK;
}

/* In 64-bit code only FS and GS count (SDM2 2.1.1). */
static void override_segment(struct decoder *d, enum emul_segment seg)
{
    if (d->c->code_bits != 64 || seg >= EMUL_FS)
        d->segment = (int)seg;
}

static void note_legacy_prefix(struct decoder *d, uint8_t byte)
{
    struct emul_insn *i = d->i;

    switch (byte) {
    case 0x26: override_segment(d, EMUL_ES); break;
    case 0x2e: override_segment(d, EMUL_CS); break;
    case 0x36: override_segment(d, EMUL_SS); break;
    case 0x3e: override_segment(d, EMUL_DS); break;
    case 0x64: override_segment(d, EMUL_FS); break;
    case 0x65: override_segment(d, EMUL_GS); break;
    case 0x66: i->opsize_prefix = true; break;
    case 0x67: d->address_prefix = true; break;
    case 0xf0: i->lock = true; break;
    case 0xf2: i->repeat = EMUL_REPNE; break;
    case 0xf3: i->repeat = EMUL_REPE; break;
    }
    i->rex = 0; /* REX counts only right before the opcode */
}

static inline bool is_legacy_prefix(uint8_t byte)
{
    /* One bit a byte: 26 2e 36 3e, 64..67, f0 f2 f3. */
    static const uint32_t map[8] = { [1] = 1u << 6 | 1u << 14 | 1u << 22 | 1u << 30, [3] = 0xfu << 4, [7] = 0xdu << 16 };

    return map[byte >> 5] >> (byte & 31) & 1;
}

static enum emul_result take_prefixes(struct decoder *d, uint8_t *opcode)
{
    for (;;) {
        EMUL_TRY(take_byte(d, opcode));
        if (unlikely(is_legacy_prefix(*opcode)))
            note_legacy_prefix(d, *opcode);
        else if (d->c->code_bits == 64 && (*opcode & 0xf0) == 0x40)
            d->i->rex = *opcode;
        else
            return EMUL_OK;
    }
}

static enum emul_result decode_opcode(struct decoder *d)
{
    uint8_t byte;

    EMUL_TRY(take_prefixes(d, &byte));
    d->i->opcode = EMUL_OPCODE(0, byte);
    if (byte != 0x0f)
        return EMUL_OK;
    EMUL_TRY(take_byte(d, &byte));
    d->i->opcode = EMUL_OPCODE(1, byte);
    if (byte != 0x38 && byte != 0x3a)
        return EMUL_OK;
    const unsigned int map = byte == 0x38 ? 2 : 3;

    EMUL_TRY(take_byte(d, &byte));
    d->i->opcode = EMUL_OPCODE(map, byte);
    return EMUL_OK;
}

static void decode_sizes(struct decoder *d, unsigned int attributes)
{
    struct emul_insn *i = d->i;
    const unsigned int bits = d->c->code_bits;
    const bool wide = (bits == 32) != i->opsize_prefix;

    if (bits == 64) {
        i->op_bytes = (i->rex & REX_W) ? 8 : i->opsize_prefix ? 2 : 4;
        if (attributes & OP_FLOW64)
            i->op_bytes = 8;
        else if ((attributes & OP_STACK64) && !i->opsize_prefix)
            i->op_bytes = 8;
        i->addr_bytes = d->address_prefix ? 4 : 8;
    } else {
        i->op_bytes = wide ? 4 : 2;
        i->addr_bytes = (bits == 32) != d->address_prefix ? 4 : 2;
    }
    if (attributes & OP_BYTE)
        i->op_bytes = 1;
}

static uint64_t address_register(const struct decoder *d, unsigned int nr) { return *emul_register(d->c->regs, nr); }

/* 16-bit addressing forms (SDM2 table 2-1) */
static enum emul_result decode_address16(struct decoder *d, unsigned int mod)
{
    static const struct { uint8_t base, index; bool stack; } form[8] = { /* 16: none */
        { 3, 6, false }, { 3, 7, false }, { 5, 6, true }, { 5, 7, true }, { 6, 16, false }, { 7, 16, false }, { 5, 16, true }, { 3, 16, false },
    };
    const unsigned int rm = d->i->rm & 7;
    uint64_t displacement = 0, sum = 0;

    if (mod == 0 && rm == 6) {
        EMUL_TRY(take(d, 2, &displacement));
        d->i->offset = displacement;
        return EMUL_OK;
    }
    sum = address_register(d, form[rm].base);
    if (form[rm].index < 16)
        sum += address_register(d, form[rm].index);
    if (form[rm].stack)
        d->i->segment = EMUL_SS;
    if (mod != 0)
        EMUL_TRY(take_signed(d, mod, &displacement));
    d->i->offset = (sum + displacement) & 0xffff;
    return EMUL_OK;
}

/* Base (and index) of the 32 and 64-bit forms; *none: displacement only, 4 bytes. */
static enum emul_result decode_base(struct decoder *d, unsigned int mod, uint64_t *sum, bool *none)
{
    struct emul_insn *i = d->i;
    unsigned int base = i->rm & 7;

    *sum = 0;
    *none = false;
    if (base == 4) {
        uint8_t sib;

        EMUL_TRY(take_byte(d, &sib));
        const unsigned int index = (sib >> 3 & 7u) | ((i->rex & REX_X) ? 8 : 0);

        if (index != 4)
            *sum = address_register(d, index) << (sib >> 6);
        base = sib & 7;
        if (base == 5 && mod == 0) {
            *none = true;
            return EMUL_OK;
        }
    } else if (base == 5 && mod == 0) {
        *none = true;
        d->rip_relative = d->c->code_bits == 64;
        return EMUL_OK;
    }
    if (base == 4 || base == 5) {
        if (!(i->rex & REX_B)) {
            i->segment = EMUL_SS;
            i->base_is_rsp = base == 4;
        }
    }
    *sum += address_register(d, base | ((i->rex & REX_B) ? 8 : 0));
    return EMUL_OK;
}

static enum emul_result decode_address(struct decoder *d, unsigned int mod)
{
    uint64_t sum, displacement = 0;
    bool none;

    EMUL_TRY(decode_base(d, mod, &sum, &none));
    if (none || mod == 2)
        EMUL_TRY(take_signed(d, 4, &displacement));
    else if (mod == 1)
        EMUL_TRY(take_signed(d, 1, &displacement));
    d->i->offset = sum + displacement; /* cut, and made rip-relative, when the length is known */
    return EMUL_OK;
}

static enum emul_result decode_modrm(struct decoder *d, unsigned int attributes)
{
    struct emul_insn *i = d->i;
    uint8_t modrm;

    EMUL_TRY(take_byte(d, &modrm));
    const unsigned int mod = modrm >> 6;

    i->has_modrm = true;
    i->modrm = modrm;
    i->reg = (uint8_t)((modrm >> 3 & 7) | ((i->rex & REX_R) ? 8 : 0));
    i->rm = (uint8_t)((modrm & 7) | ((i->rex & REX_B) ? 8 : 0));
    if (mod == 3 || (attributes & OP_REGS))
        return EMUL_OK;
    i->is_memory = true;
    return i->addr_bytes == 2 ? decode_address16(d, mod) : decode_address(d, mod);
}

static enum emul_result decode_immediate(struct decoder *d, unsigned int attributes)
{
    struct emul_insn *i = d->i;
    const unsigned int z = i->op_bytes == 2 ? 2 : 4;

    if (!(attributes & (OP_MOFFS | OP_IMM8 | OP_IMMZ | OP_IMMV | OP_TESTIMM | OP_IMM16 | OP_ENTER)))
        return EMUL_OK;
    if (attributes & OP_MOFFS)
        return take(d, i->addr_bytes, &i->offset);
    if (attributes & OP_IMM8)
        return take_signed(d, 1, &i->immediate);
    if (attributes & OP_IMMZ)
        return take_signed(d, z, &i->immediate);
    if (attributes & OP_IMMV)
        return take_signed(d, i->op_bytes, &i->immediate);
    if ((attributes & OP_TESTIMM) && (i->reg & 6) == 0)
        return take_signed(d, i->op_bytes == 1 ? 1 : z, &i->immediate);
    if (attributes & (OP_IMM16 | OP_ENTER))
        EMUL_TRY(take(d, 2, &i->immediate));
    if (attributes & OP_ENTER)
        EMUL_TRY(take(d, 1, &i->immediate2));
    return EMUL_OK;
}

static void finish_address(struct decoder *d)
{
    struct emul_insn *i = d->i;

    i->length = (uint8_t)d->taken;
    i->next_rip = d->c->regs->rip + d->taken;
    if (d->c->code_bits != 64)
        i->next_rip &= emul_mask(d->c->code_bits / 8);
    if (d->rip_relative)
        i->offset += i->next_rip;
    i->offset &= emul_mask(i->addr_bytes);
    if (d->segment >= 0)
        i->segment = (enum emul_segment)d->segment;
}

/* CMP is the one of each ALU group that writes nothing; NOT and NEG the only ones of group 3 that do. */
static bool lock_is_valid(const struct emul_insn *i, unsigned int attributes)
{
    const unsigned int reg = i->reg & 7;

    if (!(attributes & OP_LOCK) || !i->is_memory)
        return false;
    switch (i->opcode) {
    case 0x80 ... 0x83:
        return reg != ALU_CMP;
    case 0xf6:
    case 0xf7:
        return reg == 2 || reg == 3;
    case 0xfe:
    case 0xff:
        return reg < 2;
    case EMUL_OPCODE(1, 0xba):
        return reg > 4;
    case EMUL_OPCODE(1, 0xc7):
        return reg == 1;
    default:
        return true;
    }
}

enum emul_result emul_decode(struct emul_context *c, struct emul_insn *i)
{
    struct decoder d = { .c = c, .i = i, .segment = -1 };
    const struct emul_opcode *row;

    *i = (struct emul_insn){ .segment = EMUL_DS };
    EMUL_TRY(decode_opcode(&d));
    row = emul_opcode_find(i->opcode);
    if (row == NULL || row->fn == NULL)
        return EMUL_UNHANDLEABLE;
    if (c->code_bits == 64 && (row->attributes & OP_NOT64))
        return emul_raise(c, VEC_UD, 0);
    decode_sizes(&d, row->attributes);
    if (row->attributes & OP_MODRM)
        EMUL_TRY(decode_modrm(&d, row->attributes));
    EMUL_TRY(decode_immediate(&d, row->attributes));
    finish_address(&d);
    if (i->lock && !lock_is_valid(i, row->attributes))
        return emul_raise(c, VEC_UD, 0);
    return EMUL_OK;
}

enum emul_result emul_execute(struct emul_context *c, const struct emul_insn *i)
{
    const struct emul_opcode *row = emul_opcode_find(i->opcode);

    if (row == NULL || row->fn == NULL)
        return EMUL_UNHANDLEABLE;
    c->rep_unfinished = c->branched = c->halted = c->interrupt_shadow = false;
    EMUL_TRY(row->fn(c, i));
    if (!c->branched && !c->rep_unfinished)
        c->regs->rip = i->next_rip;
    return EMUL_OK;
}

enum emul_result emul_step(struct emul_context *c)
{
    struct emul_insn i;

    EMUL_TRY(emul_decode(c, &i));
    return emul_execute(c, &i);
}

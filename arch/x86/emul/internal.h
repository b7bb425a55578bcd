/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared among the emulator's files: opcode table rows, operands, flags. */
#ifndef X86_EMUL_INTERNAL_H
#define X86_EMUL_INTERNAL_H

#include <arch/emul.h>

typedef enum emul_result emul_fn(struct emul_context *c, const struct emul_insn *i);

/* What decoding needs to know of an opcode. */
enum {
    OP_MODRM   = 1u << 0,
    OP_BYTE    = 1u << 1,   /* operands are bytes */
    OP_IMM8    = 1u << 2,   /* sign-extended */
    OP_IMMZ    = 1u << 3,   /* 2 or 4 bytes, sign-extended */
    OP_IMMV    = 1u << 4,   /* as large as the operand, 8 too */
    OP_IMM16   = 1u << 5,
    OP_MOFFS   = 1u << 6,   /* address in the instruction */
    OP_STACK64 = 1u << 7,   /* 64-bit code: operand is 8 bytes, or 2 with the prefix */
    OP_FLOW64  = 1u << 8,   /* 64-bit code: operand is 8 bytes */
    OP_NOT64   = 1u << 9,   /* undefined in 64-bit code */
    OP_LOCK    = 1u << 10,  /* LOCK is allowed with a memory operand */
    OP_REGS    = 1u << 11,  /* r/m names a register whatever mod says (MOV CR, MOV DR) */
    OP_TESTIMM = 1u << 12,  /* group 3: TEST has an immediate, the others none */
    OP_ENTER   = 1u << 13,  /* 2 bytes and 1 byte */
};

struct emul_opcode {
    emul_fn *fn;            /* NULL: EMUL_UNHANDLEABLE */
    uint16_t attributes;
};
/* NULL if the map has no such row. */
const struct emul_opcode *emul_opcode_find(uint16_t opcode);

/* ---- operand.c ---- */
static inline uint64_t emul_mask(unsigned int bytes) { return bytes >= 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1; }
static inline int64_t emul_sign_extend(uint64_t v, unsigned int bytes) { return (int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes); }

uint64_t emul_reg_read(const struct emul_context *c, const struct emul_insn *i, unsigned int nr, unsigned int bytes);
void emul_reg_write(struct emul_context *c, const struct emul_insn *i, unsigned int nr, unsigned int bytes, uint64_t value);
/* A counter or pointer register cut to `bytes`: 4 clears the upper half, 2 keeps it. */
void emul_reg_set(uint64_t *reg, unsigned int bytes, uint64_t value);
enum emul_result emul_linear(struct emul_context *c, enum emul_segment seg, uint64_t offset, unsigned int bytes, bool write, uint64_t *linear);

/* The r/m operand, read once and written at most once (rule E2). */
struct emul_rm {
    uint64_t linear; /* if in memory */
    uint64_t value;  /* as read */
    unsigned int bytes;
};
enum emul_result emul_rm_read(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, struct emul_rm *rm);
/* As read, for an instruction that writes it back: faults as a write does. */
enum emul_result emul_rm_modify(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, struct emul_rm *rm);
enum emul_result emul_rm_commit(struct emul_context *c, const struct emul_insn *i, struct emul_rm *rm, uint64_t value);
/* Written without being read. */
enum emul_result emul_rm_store(struct emul_context *c, const struct emul_insn *i, unsigned int bytes, uint64_t value);
enum emul_result emul_cmpxchg_once(struct emul_context *c, uint64_t linear, uint64_t expected, uint64_t desired, unsigned int bytes);

enum emul_result emul_push(struct emul_context *c, unsigned int bytes, uint64_t value);
/* Reads what is on the stack at `skip` bytes above its pointer; does not move the pointer. */
enum emul_result emul_stack_read(struct emul_context *c, unsigned int bytes, unsigned int skip, uint64_t *value);
void emul_stack_move(struct emul_context *c, int64_t bytes);

/* ---- alu.c ---- */
enum emul_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP }; /* as encoded */
#define ALU_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
/* Result, cut to bytes; *flags: RFLAGS before (carry) and after. */
uint64_t emul_alu(enum emul_alu op, uint64_t a, uint64_t b, unsigned int bytes, uint64_t *flags);
uint64_t emul_increment(uint64_t a, bool down, unsigned int bytes, uint64_t *flags);
/* kind as in ModRM.reg of group 2: rol ror rcl rcr shl shr shl sar. */
uint64_t emul_shift(unsigned int kind, uint64_t a, unsigned int count, unsigned int bytes, uint64_t *flags);
uint64_t emul_shift_double(bool right, uint64_t a, uint64_t fill, unsigned int count, unsigned int bytes, uint64_t *flags);
bool emul_condition(unsigned int code, uint64_t flags);

/* ---- one handler per row of opcodes.c ---- */
emul_fn op_alu, op_alu_imm, op_test, op_test_imm, op_inc_dec, op_inc_dec_reg, op_shift_imm, op_shift_1, op_shift_cl, op_group3,
    op_imul2, op_imul3, op_shift_double, op_bit, op_bit_imm, op_bit_scan, op_xadd, op_cmpxchg, op_cmpxchg_pair, op_bswap,
    op_popcnt, op_convert, op_sign_fill;
emul_fn op_mov_store, op_mov_load, op_mov_imm, op_mov_reg_imm, op_mov_moffs, op_movzx, op_movsx, op_movsxd, op_movnti, op_movbe,
    op_lea, op_xchg, op_xchg_rax, op_setcc, op_cmovcc, op_push_reg, op_pop_reg, op_push_imm, op_pop_rm, op_pusha, op_popa,
    op_pushf, op_popf, op_lahf, op_sahf, op_flag, op_xlat, op_enter, op_leave, op_nop, op_segment_store, op_segment_load,
    op_push_segment, op_pop_segment;
emul_fn op_jcc, op_jmp, op_call, op_ret, op_loop, op_group4, op_group5;
emul_fn op_movs, op_cmps, op_stos, op_lods, op_scas, op_ins, op_outs;
emul_fn op_in, op_out, op_cli_sti, op_hlt, op_group7, op_clts, op_cache, op_mov_cr, op_mov_dr, op_msr, op_rdtsc, op_cpuid, op_undefined;

/* Stack and flow helper for group 5. */
enum emul_result emul_jump(struct emul_context *c, const struct emul_insn *i, uint64_t target);

#define EMUL_TRY(expr) do { enum emul_result r_ = (expr); if (unlikely(r_ != EMUL_OK)) return r_; } while (0)

#endif

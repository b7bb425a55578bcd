/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 instruction decoder and executor: pure. It owns no state and knows no guest: memory,
 * ports, MSRs and control registers are reached through struct emul_ops, registers
 * live in the caller's struct trap_frame. Integer instructions in 16, 32 and 64-bit code;
 * no far control transfers, no x87/SSE (EMUL_UNHANDLEABLE).
 *
 * Two steps, so that a caller may look at the decoded instruction and refuse it:
 *     result = emul_decode(&c, &insn);   fetches, touches no state
 *     result = emul_execute(&c, &insn);  commits registers only with EMUL_OK
 * or emul_step() for both.
 *
 * Rules
 *   E1  Registers, flags and RIP change only when the instruction (or, for a repeated
 *       string instruction, an iteration) has completed.
 *   E2  A memory operand is read once and written once; a LOCKed one by one cmpxchg.
 *   E3  Whatever bytes the guest gives, decoding ends after 15 of them (SDM2 2.3.11) and a
 *       repeated string instruction after rep_limit iterations.
 */
#ifndef ARCH_EMUL_H
#define ARCH_EMUL_H

#include <arch/regs.h>

enum emul_result {
    EMUL_OK,
    EMUL_EXCEPTION,     /* deliver c->exception; no state changed */
    EMUL_UNHANDLEABLE,  /* not an instruction for us, or a collaborator refused; no state changed */
    EMUL_RETRY,         /* a collaborator wants the guest to execute it again (lost race, page came back) */
};

enum emul_segment { EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS, EMUL_NR_SEGMENTS }; /* as in ModRM.reg */

/* A segment register as the CPU caches it. Ignored in 64-bit code but for the base of FS and GS. */
struct emul_segment_cache {
    uint16_t selector;
    uint64_t base;
    uint32_t limit;       /* bytes, last valid offset */
    bool expand_down, writable, readable, big;
};

struct emul_exception {
    uint8_t vector;
    bool has_error_code;
    uint32_t error_code;
    uint64_t cr2;         /* #PF */
};

struct emul_context;

/*
 * Collaborators. Each returns an enum emul_result; a NULL one means that the instruction
 * is EMUL_UNHANDLEABLE. To raise a fault they call emul_raise() and return its value.
 * Addresses are linear. bytes is 1, 2, 4, 8, or 16 (cmpxchg16b); an access may cross a page.
 */
struct emul_ops {
    /* Instruction bytes; never more than the rest of the page that linear is in. */
    enum emul_result (*fetch)(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes);
    enum emul_result (*read)(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes);
    enum emul_result (*write)(struct emul_context *c, uint64_t linear, const void *src, unsigned int bytes);
    /* If memory equals *expected, stores *desired; else copies what is there to *expected. *done says which. Atomic. */
    enum emul_result (*cmpxchg)(struct emul_context *c, uint64_t linear, void *expected, const void *desired,
                                unsigned int bytes, bool *done);
    enum emul_result (*segment_read)(struct emul_context *c, enum emul_segment seg, struct emul_segment_cache *out);
    enum emul_result (*segment_load)(struct emul_context *c, enum emul_segment seg, uint16_t selector);
    /* bytes 1, 2, 4. May this port be used? asked before any memory is read for OUTS. */
    enum emul_result (*io_check)(struct emul_context *c, uint16_t port, unsigned int bytes);
    enum emul_result (*io_read)(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t *value);
    enum emul_result (*io_write)(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t value);
    enum emul_result (*cr_read)(struct emul_context *c, unsigned int nr, uint64_t *value);
    enum emul_result (*cr_write)(struct emul_context *c, unsigned int nr, uint64_t value);
    enum emul_result (*dr_read)(struct emul_context *c, unsigned int nr, uint64_t *value);
    enum emul_result (*dr_write)(struct emul_context *c, unsigned int nr, uint64_t value);
    enum emul_result (*msr_read)(struct emul_context *c, uint32_t msr, uint64_t *value);
    enum emul_result (*msr_write)(struct emul_context *c, uint32_t msr, uint64_t value);
    enum emul_result (*xcr_write)(struct emul_context *c, uint32_t nr, uint64_t value);
    enum emul_result (*tsc_read)(struct emul_context *c, uint64_t *tsc, uint32_t *aux);
    /* regs[0..3] = a, b, c, d in and out */
    enum emul_result (*cpuid)(struct emul_context *c, uint32_t regs[4]);
    enum emul_result (*cache_flush)(struct emul_context *c, bool write_back);
    enum emul_result (*tlb_flush)(struct emul_context *c, uint64_t linear);
};

struct emul_context {
    /* Set by the caller */
    const struct emul_ops *ops;
    void *opaque;                  /* the collaborators' */
    struct trap_frame *regs;
    uint8_t code_bits;             /* 16, 32, 64 */
    uint8_t stack_bits;            /* 16, 32, 64: size of the stack pointer */
    uint8_t cpl;                   /* 0..3, as the guest sees it */
    uint8_t iopl;                  /* 0..3, as the guest sees it: POPF, PUSHF, CLI, STI */
    bool has_movbe, has_popcnt, has_lzcnt, has_tzcnt; /* encodings that mean something else without */
    unsigned int rep_limit;        /* iterations of a repeated string instruction per call; 0 means 1 */
    /* Results */
    struct emul_exception exception; /* EMUL_EXCEPTION */
    bool rep_unfinished;           /* EMUL_OK, but RIP still at the instruction: iterations remain */
    bool branched;                 /* RIP was set by the instruction itself */
    bool halted;                   /* HLT */
    bool interrupt_shadow;         /* STI that set IF, MOV SS, POP SS */
};

/* Opcode number: 0xMMoo with map 0 (one byte), 1 (0f), 2 (0f38), 3 (0f3a). */
#define EMUL_OPCODE(map, byte) ((uint16_t)(((map) << 8) | (byte)))

enum emul_repeat { EMUL_NO_REP, EMUL_REPNE, EMUL_REPE };

struct emul_insn {
    uint16_t opcode;
    uint8_t length;                /* bytes */
    uint8_t op_bytes, addr_bytes;  /* 1 for byte instructions; 2, 4, 8 */
    uint8_t rex;                   /* 0 if none */
    bool lock, opsize_prefix;
    enum emul_repeat repeat;
    bool has_modrm, is_memory;     /* is_memory: the r/m operand is in memory */
    bool base_is_rsp;              /* … at an address formed from the stack pointer (POP looks at it) */
    uint8_t modrm, reg, rm;        /* reg and rm with REX.R and REX.B */
    enum emul_segment segment;     /* of the memory operand, override applied */
    uint64_t offset;               /* of the memory operand in its segment, cut to addr_bytes */
    uint64_t immediate;            /* sign-extended to 64 bits */
    uint64_t immediate2;           /* ENTER's nesting level */
    uint64_t next_rip;
};

enum emul_result emul_decode(struct emul_context *c, struct emul_insn *insn) must_check;
enum emul_result emul_execute(struct emul_context *c, const struct emul_insn *insn) must_check;
enum emul_result emul_step(struct emul_context *c) must_check;

/* Records a fault; returns EMUL_EXCEPTION. */
enum emul_result emul_raise(struct emul_context *c, unsigned int vector, uint32_t error_code);
enum emul_result emul_raise_page_fault(struct emul_context *c, uint32_t error_code, uint64_t cr2);
/* General register nr (0 rax .. 15 r15, as encoded). */
uint64_t *emul_register(struct trap_frame *regs, unsigned int nr);
/* Linear address of the r/m operand, checked for an access of `bytes`: EMUL_OK or a fault. */
enum emul_result emul_operand_address(struct emul_context *c, const struct emul_insn *insn, unsigned int bytes,
                                      bool write, uint64_t *linear) must_check;

#endif

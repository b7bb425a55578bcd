/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The opcode maps (SDM2 appendix A): how to decode each row, and who executes it. */
#include "internal.h"

#define M  OP_MODRM
#define B  OP_BYTE
#define I8 OP_IMM8
#define IZ OP_IMMZ
#define L  OP_LOCK
#define S  OP_STACK64
#define F  OP_FLOW64
#define N  OP_NOT64

/* Six rows of each of the eight two-operand instructions. */
#define ALU_ROWS(base, lock)                                                        \
    [(base) + 0] = { op_alu, M | B | (lock) }, [(base) + 1] = { op_alu, M | (lock) }, \
    [(base) + 2] = { op_alu, M | B }, [(base) + 3] = { op_alu, M },                 \
    [(base) + 4] = { op_alu_imm, B | I8 }, [(base) + 5] = { op_alu_imm, IZ }

static const struct emul_opcode one_byte[256] = {
    ALU_ROWS(0x00, L), ALU_ROWS(0x08, L), ALU_ROWS(0x10, L), ALU_ROWS(0x18, L),
    ALU_ROWS(0x20, L), ALU_ROWS(0x28, L), ALU_ROWS(0x30, L), ALU_ROWS(0x38, 0),
    [0x06] = { op_push_segment, N }, [0x07] = { op_pop_segment, N }, [0x0e] = { op_push_segment, N },
    [0x16] = { op_push_segment, N }, [0x17] = { op_pop_segment, N }, [0x1e] = { op_push_segment, N }, [0x1f] = { op_pop_segment, N },
    [0x40 ... 0x4f] = { op_inc_dec_reg, N },
    [0x50 ... 0x57] = { op_push_reg, S }, [0x58 ... 0x5f] = { op_pop_reg, S },
    [0x60] = { op_pusha, N }, [0x61] = { op_popa, N }, [0x63] = { op_movsxd, M },
    [0x68] = { op_push_imm, IZ | S }, [0x69] = { op_imul3, M | IZ }, [0x6a] = { op_push_imm, I8 | S }, [0x6b] = { op_imul3, M | I8 },
    [0x6c] = { op_ins, B }, [0x6d] = { op_ins, 0 }, [0x6e] = { op_outs, B }, [0x6f] = { op_outs, 0 },
    [0x70 ... 0x7f] = { op_jcc, I8 | F },
    [0x80] = { op_alu_imm, M | B | I8 | L }, [0x81] = { op_alu_imm, M | IZ | L },
    [0x82] = { op_alu_imm, M | B | I8 | L | N }, [0x83] = { op_alu_imm, M | I8 | L },
    [0x84] = { op_test, M | B }, [0x85] = { op_test, M }, [0x86] = { op_xchg, M | B | L }, [0x87] = { op_xchg, M | L },
    [0x88] = { op_mov_store, M | B }, [0x89] = { op_mov_store, M }, [0x8a] = { op_mov_load, M | B }, [0x8b] = { op_mov_load, M },
    [0x8c] = { op_segment_store, M }, [0x8d] = { op_lea, M }, [0x8e] = { op_segment_load, M }, [0x8f] = { op_pop_rm, M | S },
    [0x90 ... 0x97] = { op_xchg_rax, 0 }, [0x98] = { op_convert, 0 }, [0x99] = { op_sign_fill, 0 },
    [0x9c] = { op_pushf, S }, [0x9d] = { op_popf, S }, [0x9e] = { op_sahf, 0 }, [0x9f] = { op_lahf, 0 },
    [0xa0] = { op_mov_moffs, OP_MOFFS | B }, [0xa1] = { op_mov_moffs, OP_MOFFS },
    [0xa2] = { op_mov_moffs, OP_MOFFS | B }, [0xa3] = { op_mov_moffs, OP_MOFFS },
    [0xa4] = { op_movs, B }, [0xa5] = { op_movs, 0 }, [0xa6] = { op_cmps, B }, [0xa7] = { op_cmps, 0 },
    [0xa8] = { op_test_imm, B | I8 }, [0xa9] = { op_test_imm, IZ },
    [0xaa] = { op_stos, B }, [0xab] = { op_stos, 0 }, [0xac] = { op_lods, B }, [0xad] = { op_lods, 0 },
    [0xae] = { op_scas, B }, [0xaf] = { op_scas, 0 },
    [0xb0 ... 0xb7] = { op_mov_reg_imm, B | I8 }, [0xb8 ... 0xbf] = { op_mov_reg_imm, OP_IMMV },
    [0xc0] = { op_shift_imm, M | B | I8 }, [0xc1] = { op_shift_imm, M | I8 },
    [0xc2] = { op_ret, OP_IMM16 | F }, [0xc3] = { op_ret, F },
    [0xc6] = { op_mov_imm, M | B | I8 }, [0xc7] = { op_mov_imm, M | IZ },
    [0xc8] = { op_enter, OP_ENTER | S }, [0xc9] = { op_leave, S },
    [0xd0] = { op_shift_1, M | B }, [0xd1] = { op_shift_1, M }, [0xd2] = { op_shift_cl, M | B }, [0xd3] = { op_shift_cl, M },
    [0xd7] = { op_xlat, B },
    [0xe0 ... 0xe3] = { op_loop, I8 | F },
    [0xe4] = { op_in, B | I8 }, [0xe5] = { op_in, I8 }, [0xe6] = { op_out, B | I8 }, [0xe7] = { op_out, I8 },
    [0xe8] = { op_call, IZ | F }, [0xe9] = { op_jmp, IZ | F }, [0xeb] = { op_jmp, I8 | F },
    [0xec] = { op_in, B }, [0xed] = { op_in, 0 }, [0xee] = { op_out, B }, [0xef] = { op_out, 0 },
    [0xf4] = { op_hlt, 0 }, [0xf5] = { op_flag, 0 },
    [0xf6] = { op_group3, M | B | OP_TESTIMM | L }, [0xf7] = { op_group3, M | OP_TESTIMM | L },
    [0xf8] = { op_flag, 0 }, [0xf9] = { op_flag, 0 }, [0xfa] = { op_cli_sti, 0 }, [0xfb] = { op_cli_sti, 0 },
    [0xfc] = { op_flag, 0 }, [0xfd] = { op_flag, 0 },
    [0xfe] = { op_group4, M | B | L }, [0xff] = { op_group5, M | L },
};

static const struct emul_opcode two_byte[256] = {
    [0x01] = { op_group7, M }, [0x06] = { op_clts, 0 }, [0x08] = { op_cache, 0 }, [0x09] = { op_cache, 0 },
    [0x0b] = { op_undefined, 0 }, [0x0d] = { op_nop, M }, [0x18 ... 0x1f] = { op_nop, M },
    [0x20] = { op_mov_cr, M | OP_REGS }, [0x21] = { op_mov_dr, M | OP_REGS },
    [0x22] = { op_mov_cr, M | OP_REGS }, [0x23] = { op_mov_dr, M | OP_REGS },
    [0x30] = { op_msr, 0 }, [0x31] = { op_rdtsc, 0 }, [0x32] = { op_msr, 0 },
    [0x40 ... 0x4f] = { op_cmovcc, M }, [0x80 ... 0x8f] = { op_jcc, IZ | F }, [0x90 ... 0x9f] = { op_setcc, M | B },
    [0xa0] = { op_push_segment, S }, [0xa1] = { op_pop_segment, S }, [0xa2] = { op_cpuid, 0 }, [0xa3] = { op_bit, M },
    [0xa4] = { op_shift_double, M | I8 }, [0xa5] = { op_shift_double, M },
    [0xa8] = { op_push_segment, S }, [0xa9] = { op_pop_segment, S }, [0xab] = { op_bit, M | L },
    [0xac] = { op_shift_double, M | I8 }, [0xad] = { op_shift_double, M }, [0xaf] = { op_imul2, M },
    [0xb0] = { op_cmpxchg, M | B | L }, [0xb1] = { op_cmpxchg, M | L }, [0xb3] = { op_bit, M | L },
    [0xb6] = { op_movzx, M }, [0xb7] = { op_movzx, M }, [0xb8] = { op_popcnt, M },
    [0xba] = { op_bit_imm, M | I8 | L }, [0xbb] = { op_bit, M | L }, [0xbc] = { op_bit_scan, M }, [0xbd] = { op_bit_scan, M },
    [0xbe] = { op_movsx, M }, [0xbf] = { op_movsx, M },
    [0xc0] = { op_xadd, M | B | L }, [0xc1] = { op_xadd, M | L }, [0xc3] = { op_movnti, M }, [0xc7] = { op_cmpxchg_pair, M | L },
    [0xc8 ... 0xcf] = { op_bswap, 0 },
};

static const struct emul_opcode movbe[2] = { { op_movbe, M }, { op_movbe, M } };

const struct emul_opcode *emul_opcode_find(uint16_t opcode)
{
    const unsigned int byte = opcode & 0xff;

    switch (opcode >> 8) {
    case 0:
        return &one_byte[byte];
    case 1:
        return &two_byte[byte];
    case 2:
        return byte == 0xf0 || byte == 0xf1 ? &movbe[byte & 1] : NULL;
    default:
        return NULL;
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers as the entry code lays them out on the stack. */
#ifndef ARCH_REGS_H
#define ARCH_REGS_H

#include <hv/compiler.h>

/* Offsets are used by entry.S through build/asm-offsets.h. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;   /* as the CPU pushed it, or 0 */
    uint32_t vector;       /* 0..255, or TRAP_SYSCALL … below */
    uint64_t rip;
    uint64_t cs;           /* low 16 bits */
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

#define TRAP_SYSCALL   0x100u /* entered by SYSCALL from 64-bit code */
#define TRAP_SYSCALL32 0x101u /* … from 32-bit code */
#define TRAP_SYSENTER  0x102u

/* Exception vectors (SDM3 6.3.1) */
enum {
    VEC_DE = 0, VEC_DB, VEC_NMI, VEC_BP, VEC_OF, VEC_BR, VEC_UD, VEC_NM, VEC_DF,
    VEC_CSO, VEC_TS, VEC_NP, VEC_SS, VEC_GP, VEC_PF, VEC_SPURIOUS, VEC_MF, VEC_AC,
    VEC_MC, VEC_XM, VEC_VE, VEC_CP,
};
#define VECTORS_WITH_ERROR_CODE 0x00227d00u /* DF TS NP SS GP PF AC CP */

/* #PF error code (SDM3 4.7) */
#define PFEC_PRESENT  (1u << 0)
#define PFEC_WRITE    (1u << 1)
#define PFEC_USER     (1u << 2)
#define PFEC_RSVD     (1u << 3)
#define PFEC_FETCH    (1u << 4)

/* RFLAGS (SDM1 3.4.3) */
#define RFLAGS_CF   (1u << 0)
#define RFLAGS_MBS  (1u << 1)
#define RFLAGS_PF   (1u << 2)
#define RFLAGS_AF   (1u << 4)
#define RFLAGS_ZF   (1u << 6)
#define RFLAGS_SF   (1u << 7)
#define RFLAGS_TF   (1u << 8)
#define RFLAGS_IF   (1u << 9)
#define RFLAGS_DF   (1u << 10)
#define RFLAGS_OF   (1u << 11)
#define RFLAGS_IOPL (3u << 12)
#define RFLAGS_NT   (1u << 14)
#define RFLAGS_RF   (1u << 16)
#define RFLAGS_VM   (1u << 17)
#define RFLAGS_AC   (1u << 18)
#define RFLAGS_VIF  (1u << 19)
#define RFLAGS_VIP  (1u << 20)
#define RFLAGS_ID   (1u << 21)
/* What a guest may have: no IOPL, VM, VIF, VIP, nothing reserved. */
#define RFLAGS_ALLOWED (0x3fffffu & ~(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP))
/* Cleared on entry to a guest's handler, as an interrupt gate does (SDM3 6.12.1.3), and AC for supervisor code. */
#define RFLAGS_CLEARED (RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC)
/* ABI: as stock does: ID is off in a SYSCALL handler, DF is left as it was. */
#define RFLAGS_CLEARED_BY_CALL (RFLAGS_CLEARED | RFLAGS_ID)

static inline bool frame_from_guest(const struct trap_frame *f) { return (f->cs & 3) != 0; }

/* Selectors in the hypervisor's reserved part of every GDT (page 14 of the CPU window on). */
#define HV_GDT_FIRST      (14 * 512)           /* FIRST_RESERVED_GDT_ENTRY of the public header */
#define SEL_HV_CS32       ((HV_GDT_FIRST + 0) * 8)       /* not used at run time */
#define SEL_HV_CS         0xe008
#define SEL_HV_DS         0xe010               /* = FLAT_RING0 data; null-able */
#define SEL_GUEST_CS32    0xe023               /* FLAT_RING3_CS32 */
#define SEL_GUEST_DS      0xe02b               /* FLAT_RING3_SS64, FLAT_RING3_DS32 */
#define SEL_GUEST_CS64    0xe033               /* FLAT_RING3_CS64 */
#define SEL_TSS           0xe040
#define SEL_LDT           0xe050

#endif

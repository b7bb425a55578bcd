/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All indirect calls and jumps, and all returns of C, go by these (GCC's names). What they do is chosen at boot: where
 * nothing is needed cpu/patch.c puts the branch itself in place of the way here. docs/side-channels.md
 *
 * Each branch lies in the upper half of a cache line: CPUs with ITS predict those soundly (Intel, "Indirect Target Selection").
 */
#include <arch/patch.h>

.macro LFENCE_JMP reg
    lfence
    jmp *%\reg
.endm

/* Retpoline: the prediction of its RET is the loop. */
.macro THUNK reg
    .balign THUNK_BYTES, 0xcc
    .skip THUNK_BYTES / 2, 0xcc
    .globl __x86_indirect_thunk_\reg
__x86_indirect_thunk_\reg:
    call .Ltarget_\reg
.Lloop_\reg:
    pause
.Lend_\reg:
    lfence
    jmp .Lloop_\reg
.Ltarget_\reg:
    movq %\reg, (%rsp)
    ret
    PATCH_AT PATCH_THUNK_LFENCE, __x86_indirect_thunk_\reg, .Lend_\reg, LFENCE_JMP \reg
    PATCH_AT PATCH_THUNK_JMP, __x86_indirect_thunk_\reg, .Lend_\reg, jmp *%\reg
.endm

    /* Returns of entry code are among them: arch/xpti.h */
    .section .entry_text, "ax"
    /* By the registers' numbers; there is none for %rsp, whose place is left empty. */
    .globl indirect_thunks
    .balign THUNK_BYTES, 0xcc
indirect_thunks:
    .irp reg, rax, rcx, rdx, rbx
    THUNK \reg
    .endr
    .balign THUNK_BYTES, 0xcc
    .skip THUNK_BYTES, 0xcc
    .irp reg, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    THUNK \reg
    .endr

    .balign THUNK_BYTES, 0xcc
    .skip THUNK_BYTES / 2, 0xcc
    .globl __x86_return_thunk
__x86_return_thunk:
    ret
    int3

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uint64_t efi_stub(function, a1, a2, a3, a4, a5): from our calling convention to UEFI's
 * (UEFI 2.9 2.3.4): rcx, rdx, r8, r9, then the stack behind 32 bytes for the callee; the stack aligned to 16.
 */
#include <arch/patch.h>

    .text
    .globl efi_stub
    .hidden efi_stub
efi_stub:
    push %rbp
    mov %rsp, %rbp
    and $-16, %rsp
    sub $48, %rsp
    mov %rdi, %rax
    mov %r9, 32(%rsp)           /* a5 */
    mov %r8, %r9                /* a4 */
    mov %rcx, %r8               /* a3 */
    mov %rsi, %rcx              /* a1; a2 is in rdx already */
    cld
    call __x86_indirect_thunk_rax
    cld
    leave
    RET

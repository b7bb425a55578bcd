/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies that may fault on the guest's side. C callers: guest_access.c. */
#include <arch/extable.h>

    .text
/* uint64_t copy_fallible(void *dst, const void *src, uint64_t n): bytes not copied. */
    .globl copy_fallible
copy_fallible:
    movq %rdx, %rcx
    cmpq $64, %rdx
    jae 2f
    shrq $3, %rcx
    andl $7, %edx
    testq %rcx, %rcx
    jz 4f
3:  movq (%rsi), %rax
5:  movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    decq %rcx
    jnz 3b
4:  movl %edx, %ecx
1:  rep movsb
    movq %rcx, %rax
    ret
2:  rep movsb
    movq %rcx, %rax
    ret
6:  leaq (%rdx, %rcx, 8), %rax
    ret
7:  movq %rcx, %rax
    ret
    EXTABLE 3b, 6b
    EXTABLE 5b, 6b
    EXTABLE 1b, 7b
    EXTABLE 2b, 7b

/* uint64_t zero_fallible(void *dst, uint64_t n): bytes not written. */
    .globl zero_fallible
zero_fallible:
    movq %rsi, %rcx
    xorl %eax, %eax
8:  rep stosb
9:  movq %rcx, %rax
    ret
    EXTABLE 8b, 9b

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies that may fault on the guest's side. C callers: guest_access.c. */
#include <arch/extable.h>
#include <arch/patch.h>

    .text
/* uint64_t copy_fallible(void *dst, const void *src, uint64_t n): 0: all copied. Upwards. */
    .globl copy_fallible
copy_fallible:
    SET_AC
    movq %rdx, %rcx
    andl $7, %edx
    shrq $3, %rcx
    jz 5f
    cmpq $8, %rcx
    jb 4f
1:  rep movsq
    jmp 5f
    /* Starting a string instruction costs more than some words. */
4:  leaq (%rsi, %rcx, 8), %rsi
    leaq (%rdi, %rcx, 8), %rdi
    negq %rcx
2:  movq (%rsi, %rcx, 8), %rax
3:  movq %rax, (%rdi, %rcx, 8)
    incq %rcx
    jnz 2b
5:  testl $4, %edx
    jz 8f
6:  movl (%rsi), %eax
7:  movl %eax, (%rdi)
    addq $4, %rsi
    addq $4, %rdi
8:  andl $3, %edx
    jnz 9f
    xorl %eax, %eax
    CLEAR_AC
    RET
9:  movl %edx, %ecx
10: rep movsb
    xorl %eax, %eax
    CLEAR_AC
    RET
    /* The fault has cleared AC (extable_fixup). */
11: movl $1, %eax
    RET
    EXTABLE 1b, 11b
    EXTABLE 2b, 11b
    EXTABLE 3b, 11b
    EXTABLE 6b, 11b
    EXTABLE 7b, 11b
    EXTABLE 10b, 11b

/* uint64_t zero_fallible(void *dst, uint64_t n): bytes not written. */
    .globl zero_fallible
zero_fallible:
    SET_AC
    movq %rsi, %rcx
    xorl %eax, %eax
8:  rep stosb
    CLEAR_AC
9:  movq %rcx, %rax
    RET
    EXTABLE 8b, 9b

    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shortest handlers a PV kernel can have, and the user-mode loops. Frames: rcx r11 [code] rip cs rflags rsp ss. */

#define SAMPLES 257

/* rip and the rest are on the stack, rcx and r11 in registers. */
.macro IRET flags
    pushq \flags
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $23, %eax
    syscall
.endm

    .text
    .globl fault_code_entry, fault_entry
fault_code_entry:
    popq %rcx
    popq %r11
    addq $8, %rsp
    jmp 1f
fault_entry:
    popq %rcx
    popq %r11
1:  pushq %rax
    movq fault_skip, %rax
    addq %rax, 8(%rsp)
    popq %rax
    IRET $0

/* All ports are in the first word. Fields of shared_info: a vcpu_info of 64 bytes each from 0, evtchn_pending at 32 * 64 = 0x800. */
.macro UPCALL name, info, stamp
    .globl \name
\name:
    popq %rcx
    popq %r11
    pushq %rax
    pushq %rdx
    rdtsc
    movl %eax, \stamp
    movq shared_info, %rdx
    movb $0, \info(%rdx)
    movq $0, \info+8(%rdx)
    movq $0, 0x800(%rdx)
    popq %rdx
    popq %rax
    IRET $0
.endm
    UPCALL upcall_entry, 0, upcall_stamp
    UPCALL upcall_entry_of_1, 64, upcall_stamp_of_1

    .globl user_call_entry
user_call_entry:
    testq %rax, %rax
    js user_done
    popq %rcx
    popq %r11
    IRET user_call_flags

/* void bench_user_run(const char *code) */
    .globl bench_user_run
bench_user_run:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, kernel_rsp
    pushq $0xe02b
    pushq $user_stack_top
    pushq $0x202                     /* events are on in user mode, as with every kernel */
    pushq $0xe033
    pushq %rdi
    IRET $0
user_done:
    movq kernel_rsp, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

.macro USER_LOOP name, operation:vararg
    .globl \name
\name:
    movl $SAMPLES, %ebx
    movq $samples, %rdi
    movl $0x1000, %esi
1:  rdtsc
    movl %eax, %r8d
    \operation
    rdtsc
    subl %r8d, %eax
    movq %rax, (%rdi)
    addq $8, %rdi
    decl %ebx
    jnz 1b
    movq $-1, %rax
    syscall
    ud2
.endm
    USER_LOOP user_nothing, nop
    USER_LOOP user_syscall, syscall
    USER_LOOP user_int3, int3
    USER_LOOP user_int80, int $0x80
    USER_LOOP user_pf, movq (%rsi), %rax
    USER_LOOP user_ud, ud2

    .data
    .balign 8
    .globl fault_skip, user_call_flags, upcall_stamp, upcall_stamp_of_1
fault_skip: .quad 0
user_call_flags: .quad 0
kernel_rsp: .quad 0
upcall_stamp: .long 0
upcall_stamp_of_1: .long 0
    .bss
    .balign 16
    .skip 4096
user_stack_top:
    .section .note.GNU-stack, "", @progbits

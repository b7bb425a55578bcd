/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entry, notes, exception and event stubs of a bare-metal PV test guest. */
#include <xen/elfnote.h>

#define NOTE(type, kind, value) \
    .pushsection .note.xen, "a", @note; .balign 4; .long 4, 2f - 1f, type; .asciz "Xen"; \
1:  kind value; \
2:  .balign 4; .popsection

    NOTE(XEN_ELFNOTE_GUEST_OS, .asciz, "zendo-test")
    NOTE(XEN_ELFNOTE_GUEST_VERSION, .asciz, "1")
    NOTE(XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0")
    NOTE(XEN_ELFNOTE_VIRT_BASE, .quad, 0xffffffff80000000)
    NOTE(XEN_ELFNOTE_PADDR_OFFSET, .quad, 0)
    NOTE(XEN_ELFNOTE_ENTRY, .quad, _start)
    NOTE(XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page)
    NOTE(XEN_ELFNOTE_FEATURES, .asciz, "!writable_page_tables|pae_pgdir_above_4gb")
    NOTE(XEN_ELFNOTE_SUPPORTED_FEATURES, .quad, 0x801)
    NOTE(XEN_ELFNOTE_PAE_MODE, .asciz, "yes")
    NOTE(XEN_ELFNOTE_LOADER, .asciz, "generic")

    .text
    .globl _start
_start:
    cld
    leaq vcpu_stacks + 65536(%rip), %rsp
    xorl %ebp, %ebp
    movq %rsi, %rdi
    call guest_start
    ud2

/* ---- exceptions: the hypervisor has pushed rcx, r11, [error code], rip, cs, rflags, rsp, ss ---- */

/* Opens a gap for the error code: rcx and r11 move down. */
.macro MAKE_ERROR_CODE
    subq $8, %rsp
    pushq %rax
    movq 16(%rsp), %rax
    movq %rax, 8(%rsp)
    movq 24(%rsp), %rax
    movq %rax, 16(%rsp)
    movq $0, 24(%rsp)
    popq %rax
.endm

.macro STUB n, has_error
stub\n:
    .if !\has_error
    MAKE_ERROR_CODE
    .endif
    pushq $\n
    jmp exception_common
.endm

    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 9, 16, 18, 19, 0x80, 0x81, 0x82
    STUB \n, 0
    .endr
    .irp n, 8, 10, 11, 12, 13, 14, 17
    STUB \n, 1
    .endr

exception_common:
    pushfq
    popq entry_rflags(%rip)
    cld
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    movq %rsp, %rbx
    andq $-16, %rsp
    call exception_c
    movq %rbx, %rsp
return_common:
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rdx
    popq %rsi
    popq %rdi
    /* struct iret_context: rax, r11, rcx, flags, rip, cs, rflags, rsp, ss. The flags are where the error code was. */
    addq $8, %rsp
    movq (%rsp), %rcx
    movq 8(%rsp), %r11
    addq $16, %rsp
    pushq %rcx
    pushq %r11
    pushq %rax
    movl $23, %eax
    syscall
    ud2

/* Event upcall and failsafe come without an error code. */
    .globl event_entry, failsafe_entry, syscall_entry
event_entry:
    MAKE_ERROR_CODE
    pushq $0x100
    jmp exception_common
/* Failsafe frames carry ds, es, fs, gs behind rcx and r11. */
failsafe_entry:
    popq %rcx
    popq %r11
    popq failsafe_segments(%rip)
    popq failsafe_segments+8(%rip)
    popq failsafe_segments+16(%rip)
    popq failsafe_segments+24(%rip)
    pushq $0
    pushq %r11
    pushq %rcx
    pushq $0x101
    jmp exception_common
/* SYSCALL and SYSENTER from guest user mode. */
    .globl syscall32_entry, sysenter_entry, nmi_entry
syscall_entry:
    MAKE_ERROR_CODE
    pushq $0x102
    jmp exception_common
syscall32_entry:
    MAKE_ERROR_CODE
    pushq $0x103
    jmp exception_common
sysenter_entry:
    MAKE_ERROR_CODE
    pushq $0x104
    jmp exception_common
nmi_entry:
    MAKE_ERROR_CODE
    pushq $2
    jmp exception_common

/* void user_enter(struct regs *frame, uint64_t *kernel_rsp): loads what frame says, as a return from an exception. */
    .globl user_enter, user_leave
user_enter:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rsi)
    movq %rdi, %rsp
    jmp return_common
/* void user_leave(uint64_t kernel_rsp): returns from that user_enter. */
user_leave:
    movq %rdi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .globl recovery_set, recovery_go
recovery_set:
    movq %rbx, (%rdi)
    movq %rbp, 8(%rdi)
    movq %r12, 16(%rdi)
    movq %r13, 24(%rdi)
    movq %r14, 32(%rdi)
    movq %r15, 40(%rdi)
    leaq 8(%rsp), %rax
    movq %rax, 48(%rdi)
    movq (%rsp), %rax
    movq %rax, 56(%rdi)
    xorl %eax, %eax
    ret
recovery_go:
    movq (%rdi), %rbx
    movq 8(%rdi), %rbp
    movq 16(%rdi), %r12
    movq 24(%rdi), %r13
    movq 32(%rdi), %r14
    movq 40(%rdi), %r15
    movq 48(%rdi), %rsp
    movl $1, %eax
    jmpq *56(%rdi)

/* Where another vCPU begins: rdi is its argument, rsi what it does. */
    .globl vcpu_entry
vcpu_entry:
    cld
    xorl %ebp, %ebp
    call *%rsi
    ud2

    .section .rodata
    .balign 8
    .globl exception_table
exception_table:
    .irp n, 0, 1, 3, 4, 5, 6, 7, 9, 16, 18, 19, 0x80, 0x81, 0x82, 8, 10, 11, 12, 13, 14, 17
    .byte \n
    .if \n == 3 || \n == 4 || \n == 0x80 || \n == 0x82
    .byte 3
    .else
    .byte 0
    .endif
    .short 0xe033
    .balign 8
    .quad stub\n
    .endr
    .quad 0, 0

    .section .bss
    .balign 4096
    .globl vcpu_stacks
vcpu_stacks:
    .skip 8 * 65536
    .globl failsafe_segments, entry_rflags
entry_rflags:
    .skip 8
failsafe_segments:
    .skip 32
    .section .text.hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096
    .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every way into the hypervisor and back out. Registers go into a struct trap_frame:
 * from a guest always at the top of the CPU's stack (TSS.RSP0 and the SYSCALL stubs agree),
 * from the hypervisor wherever the stack is. No GS, no swapgs: see arch/percpu.h.
 *
 * What runs before spec_enter() and after spec_leave() may be on a guest's reduced tables (arch/xpti.h): it is in
 * .entry_text, and touches the stack and the CPU's window alone.
 */
#include <arch/layout.h>
#include <arch/extable.h>
#include <arch/patch.h>
#include "asm-offsets.h"

#define TRAP_SYSCALL   0x100
#define TRAP_SYSCALL32 0x101
#define TRAP_SYSENTER  0x102
#define SEL_GUEST_CS64 0xe033
#define SEL_GUEST_CS32 0xe023
#define SEL_GUEST_DS   0xe02b
#define VECTORS_WITH_ERROR_CODE 0x00227d00
#define DATA_STACK_TOP 0
#define DATA_GUEST_RSP 8

.macro SAVE_REGISTERS
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

.macro LOAD_REGISTERS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
.endm

/* Nothing of the guest's stays in registers that C does not set (speculation, plain mistakes). */
.macro CLEAR_REGISTERS
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
.endm

    .section .entry_text, "ax"

/* ---- exceptions and interrupts ---- */

    .globl trap_stubs
    .balign 16
trap_stubs:
vector = 0
.rept 256
    .balign 16
    .if !((vector < 32) && ((VECTORS_WITH_ERROR_CODE >> (vector & 31)) & 1))
    pushq $0
    .endif
    movl $vector, 4(%rsp)
    jmp trap_common
vector = vector + 1
.endr

/* Interrupts leave AC as it was (SDM3 6.12.1.3): it is the guest's, or that of a copy that was interrupted. */
trap_common:
    SAVE_REGISTERS
    CLEAR_REGISTERS
    CLEAR_AC
    PATCH PATCH_SPEC_ENTRY, NOP5, call spec_enter
    cld
    movq %rsp, %rdi
    call trap_entry
    testb $3, FRAME_CS(%rsp)
    jnz exit_to_guest
    LOAD_REGISTERS
    addq $8, %rsp
    iretq

/* #DB and #MC come on their own stacks. From a guest the frame moves to the CPU's stack, where guest frames live. */
    .globl trap_ist_stub_db, trap_ist_stub_mc, trap_ist_stub_nmi, trap_ist_stub_df
trap_ist_stub_db:
    pushq $0
    movl $1, 4(%rsp)
    jmp trap_ist
trap_ist_stub_mc:
    pushq $0
    movl $18, 4(%rsp)
    jmp trap_ist
trap_ist_stub_nmi:
    pushq $0
    movl $2, 4(%rsp)
trap_ist:
    SAVE_REGISTERS
    CLEAR_REGISTERS
    CLEAR_AC
    cld
    testb $3, FRAME_CS(%rsp)
    jz 1f
    PATCH PATCH_SPEC_ENTRY, NOP5, call spec_enter
    movq %rsp, %rsi
    movq %rsp, %rdi
    orq $(STACK_BYTES - 1), %rdi
    subq $(CPU_INFO_SIZE - 1 - CPU_INFO_GUEST), %rdi
    movq %rdi, %rsp
    movl $(FRAME_SIZE / 8), %ecx
    rep movsq
    movq %rsp, %rdi
    call trap_entry
    jmp exit_to_guest
1:  PATCH PATCH_SPEC_IST, NOP5, call spec_ist_enter
    movq %rsp, %rdi
    call trap_entry
    PATCH PATCH_SPEC_IST, NOP5, call spec_ist_leave
    LOAD_REGISTERS
    addq $8, %rsp
    iretq

trap_ist_stub_df:
    movl $8, 4(%rsp)
    SAVE_REGISTERS
    cld
    PATCH PATCH_XPTI, NOP5, call xpti_leave_reduced
    movq %rsp, %rdi
    call trap_entry
    ud2

/* ---- system calls ---- */

/*
 * SYSCALL switches no stack: each CPU has stubs of its own, which find the CPU's data by a rip-relative
 * access. All branches are direct: nothing has been done about the guest's predictions yet.
 */
.macro SYSCALL_STUB data, cs, vector, to
    .balign SYSCALL_STUB_BYTES
    movq %rsp, \data + DATA_GUEST_RSP(%rip)
    movq \data + DATA_STACK_TOP(%rip), %rsp
    pushq $SEL_GUEST_DS
    pushq \data + DATA_GUEST_RSP(%rip)
    pushq %r11
    pushq $\cs
    pushq %rcx
    pushq $0
    movl $\vector, 4(%rsp)
    jmp \to
.endm

    .globl syscall_stubs
    .balign SYSCALL_STUB_BYTES
syscall_stubs:
data = 0
.rept MAX_CPUS
    SYSCALL_STUB cpu_window_data + data, SEL_GUEST_CS64, TRAP_SYSCALL, syscall_entry
    SYSCALL_STUB cpu_window_data + data, SEL_GUEST_CS32, TRAP_SYSCALL32, syscall_by_c
data = data + CPU_WINDOW_BYTES
.endr

/*
 * SYSENTER gives neither return address nor stack (SDM2 SYSENTER): the frame says so by zeros, IF as the guest
 * must have had it. Unlike SYSCALL it leaves all other flags as the guest had them: DF, NT and AC are not for us.
 */
    .globl sysenter_entry
sysenter_entry:
    pushq $SEL_GUEST_DS
    pushq $0
    pushfq
    orl $0x200, (%rsp)
    pushq $3
    pushq $0
    pushq $0
    movl $TRAP_SYSENTER, 4(%rsp)
    pushq $2
    popfq
    /* falls through: SYSENTER, and the system calls that trap/syscall.S leaves to C */
    .globl syscall_by_c
syscall_by_c:
    SAVE_REGISTERS
    CLEAR_REGISTERS
    PATCH PATCH_SPEC_ENTRY, NOP5, call spec_enter
    movq %rsp, %rdi
    sti
    call pv_syscall
    jmp exit_to_guest

    /* A hypercall, where nothing is done about speculation; rcx is not the guest's. */
    .globl hypercall_entry
hypercall_entry:
    movq FRAME_RIP - FRAME_ERROR_CODE(%rsp), %rcx
    SAVE_REGISTERS
    CLEAR_REGISTERS
    movq %rsp, %rdi
    sti
    call pv_hypercall
    /* falls through */

/* ---- back to the guest; %rsp is at cpu_info.guest ---- */

    .globl exit_to_guest
exit_to_guest:
    cli
    /* Is there anything? Mostly not: guest_exit_work() looks closer. Order: interrupts are off, whoever sends later kicks this CPU. */
    movq CPU_INFO_PERCPU - CPU_INFO_GUEST(%rsp), %rax
    leaq percpu_softirqs(%rip), %rcx
    movq CPU_INFO_CURRENT - CPU_INFO_GUEST(%rsp), %rdx
    movl (%rax, %rcx), %eax
    orw VCPU_NMI_PENDING(%rdx), %ax   /* and mce_pending behind it */
    movq VCPU_INFO(%rdx), %rdx
    orb VCPU_INFO_UPCALL_PENDING(%rdx), %al
    testl %eax, %eax
    jnz 4f
5:  PATCH PATCH_SPEC_EXIT, NOP5, jmp spec_leave
    .globl spec_left
spec_left:
    cmpl $TRAP_SYSCALL, FRAME_VECTOR(%rsp)
    jne 2f
    /*
     * SYSRET only if it gives what IRET would: rcx and r11 hold rip and rflags, flat selectors, canonical rip.
     * ABI: but TF traps after SYSRET itself, as at the end of any instruction that a guest steps over.
     */
    movq FRAME_RIP(%rsp), %rax
    cmpq FRAME_RCX(%rsp), %rax
    jne 2f
    movq FRAME_RFLAGS(%rsp), %rcx
    cmpq FRAME_R11(%rsp), %rcx
    jne 2f
    testl $0x10000, %ecx              /* RF */
    jnz 2f
    sarq $47, %rax
    jnz 3f
1:  cmpw $SEL_GUEST_CS64, FRAME_CS(%rsp)
    jne 2f
    cmpw $SEL_GUEST_DS, FRAME_SS(%rsp)
    jne 2f
    LOAD_REGISTERS
    movq FRAME_RSP - FRAME_ERROR_CODE(%rsp), %rsp
    sysretq
3:  incq %rax
    jz 1b
    jmp 2f
4:  call guest_exit_work
    jmp 5b
2:  LOAD_REGISTERS
    addq $8, %rsp
    .globl iret_to_guest
iret_to_guest:
    iretq
    EXTABLE iret_to_guest, iret_failed

/* IRET refused the guest's selectors or rip (what the cause was is kept). Its frame is intact at the top of the stack: rebuild ours around it. */
iret_failed:
    pushq $0
    SAVE_REGISTERS
    movq %rsp, %rdi
    call trap_iret_failed
    jmp exit_to_guest

/* As IRET failed, but what it missed is there now (the guest's LDT): once more, from where the way to the guest begins. */
    .globl iret_again
iret_again:
    pushq $0
    SAVE_REGISTERS
    jmp exit_to_guest

/* void context_enter_guest(struct trap_frame *top): continue the current vCPU. */
    .globl context_enter_guest
context_enter_guest:
    movq %rdi, %rsp
    jmp exit_to_guest

    .section .note.GNU-stack, "", @progbits

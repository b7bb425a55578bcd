/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SYSCALL of 64-bit guests, from the stub in entry.S. Two kinds are most of all entries and are done here, without C and
 * without saving what the guest keeps anyway: a system call of guest user, which goes to the guest kernel, and the IRET
 * hypercall, by which it returns. Whatever is not as usual goes by C, which does all of it again from the start:
 * pv/bounce.c and pv/iret.c say what each step means, this file must do the same.
 *
 *  - Interrupts are off from SYSCALL to the guest; nothing here takes long.
 *  - The frame that the stub pushed stays as it is until nothing can fail any more (hv/: validate, then commit).
 *  - If entry or exit have anything to do about speculation (PATCH_SYSCALL_BY_C), all go by C.
 */
#include <arch/layout.h>
#include <arch/extable.h>
#include <arch/patch.h>
#include "asm-offsets.h"

#define SEL_GUEST_CS64 0xe033
#define SEL_GUEST_DS   0xe02b
#define RFLAGS_IF      0x200
#define RFLAGS_RF      0x10000
#define RFLAGS_SET     0x202     /* IF and the bit that is always 1 */
#define HV_RANGE_SHIFT 43        /* arch/guest_copy.h */
#define HV_RANGE       0x1ffff0
#define FRAME_BYTES    56        /* of a system call, on the guest kernel's stack */

/* %rsp is at the frame's error code. */
#define REG(field)  (field - FRAME_ERROR_CODE)
#define INFO(field) (field - CPU_INFO_GUEST - FRAME_ERROR_CODE)

/* `insn` touches guest memory; if that fails, on to `to`. */
.macro GUEST to, insn:vararg
.Lguest\@:
    \insn
    EXTABLE .Lguest\@, \to
.endm

/* arch/guest_copy.h, guest_clamp(): from the result upwards nothing is the hypervisor's. Clobbers rax. */
.macro CLAMP reg
    movq %\reg, %rax
    shrq $HV_RANGE_SHIFT, %rax
    cmpl $HV_RANGE, %eax
    cmoveq nowhere(%rip), %\reg
.endm

/*
 * rcx: the vCPU. Gives in eax whether there is something to be done first: a softirq, NMI, machine check, upcall; r11: vcpu_info.
 * On to `by_c` if the guest has asked for a virtual IOPL. `pushed`: bytes below the frame.
 * Order: interrupts are off, whoever sends later kicks this CPU.
 */
.macro LOOK pushed, by_c
    movq VCPU_DOMAIN(%rcx), %r11
    testb $ASSIST_IOPL, DOMAIN_VM_ASSIST(%r11)
    jnz \by_c
    movq INFO(CPU_INFO_PERCPU) + \pushed(%rsp), %r11
    leaq percpu_softirqs(%rip), %rax
    movl (%r11, %rax), %eax
    movq VCPU_INFO(%rcx), %r11
    orw VCPU_NMI_PENDING(%rcx), %ax   /* and mce_pending behind it */
    orb VCPU_INFO_UPCALL_PENDING(%r11), %al
.endm

/* The user's tables and GS base: pv_enter_mode(). There are such tables. Clobbers rax. */
.macro ENTER_USER
    movq VCPU_CR3_OF_USER(%rcx), %rax
    swapgs
    movb $0, VCPU_IN_KERNEL(%rcx)
    movq %rax, VCPU_CR3_LOADED(%rcx)
    movq %rax, %cr3
.endm

    .section .rodata
    .balign 8
nowhere:
    .quad 1 << 63

    /* With XPTI only the first instruction runs: arch/xpti.h */
    .section .entry_text, "ax"
    .globl syscall_entry
syscall_entry:
    PATCH PATCH_SYSCALL_BY_C, NOP5, jmp syscall_by_c
    movq INFO(CPU_INFO_CURRENT)(%rsp), %rcx
    cmpb $0, VCPU_IN_KERNEL(%rcx)
    je from_user
    cmpq $CALL_IRET, %rax
    je iret_call
    jmp hypercall_entry

/* ---- guest user calls guest kernel ---- */

from_user:
    pushq %rax
    pushq %rdx
    LOOK 16, user_by_c
    /* Events are masked in user mode, or a runstate area is to be brought up to date: not usual. */
    orb VCPU_INFO_UPCALL_MASK(%r11), %al
    orb VCPU_RUNSTATE_STALE(%rcx), %al
    testl %eax, %eax
    jnz user_by_c
    cmpq $0, VCPU_SYSCALL_RIP(%rcx)
    je user_by_c
    movq VCPU_KERNEL_SP(%rcx), %rdx
    andq $-16, %rdx
    subq $FRAME_BYTES, %rdx
    CLAMP rdx

    /* The kernel's tables and GS base: pv_enter_mode() */
    movq VCPU_CR3_OF_KERNEL(%rcx), %rax
    swapgs
    movb $1, VCPU_IN_KERNEL(%rcx)
    movq %rax, VCPU_CR3_LOADED(%rcx)
    movq %rax, %cr3

    /* rcx r11 rip cs rflags rsp ss, upwards */
    SET_AC
    movq REG(FRAME_RIP) + 16(%rsp), %rax
    GUEST user_fault, movq %rax, (%rdx)
    GUEST user_fault, movq %rax, 16(%rdx)
    movq REG(FRAME_RFLAGS) + 16(%rsp), %rax
    GUEST user_fault, movq %rax, 8(%rdx)
    GUEST user_fault, movq $SEL_GUEST_CS64, 24(%rdx)
    GUEST user_fault, movq %rax, 32(%rdx)
    movq REG(FRAME_RSP) + 16(%rsp), %rax
    GUEST user_fault, movq %rax, 40(%rdx)
    GUEST user_fault, movq $SEL_GUEST_DS, 48(%rdx)
    CLEAR_AC

    movzbl VCPU_SYSCALL_MASKS(%rcx), %eax
    movb %al, VCPU_INFO_UPCALL_MASK(%r11)
    movq INFO(CPU_INFO_PERCPU) + 16(%rsp), %r11
    leaq percpu_perfc + PERFC_SYSCALLS(%rip), %rax
    incq (%r11, %rax)
    /* SYSRET needs a canonical address: that of a callback is. */
    movq VCPU_SYSCALL_RIP(%rcx), %rcx
    movl REG(FRAME_RFLAGS) + 16(%rsp), %r11d
    andl $~RFLAGS_CLEARED_BY_CALL, %r11d
    movq %rdx, REG(FRAME_RSP) + 16(%rsp)
    popq %rdx
    popq %rax
    movq REG(FRAME_RSP)(%rsp), %rsp
    sysretq

/* The guest's stack cannot take the frame: as if nothing had been done. */
user_fault:
    ENTER_USER
user_by_c:
    popq %rdx
    popq %rax
    movq REG(FRAME_RIP)(%rsp), %rcx
    movq REG(FRAME_RFLAGS)(%rsp), %r11
    jmp syscall_by_c

/* ---- guest kernel returns ---- */

/* What was read, below the frame. */
#define GOT_SS     0
#define GOT_RSP    8
#define GOT_RFLAGS 16
#define GOT_CS     24
#define GOT_RIP    32
#define GOT_RCX    40
#define GOT_R11    48
#define GOT_RAX    56
#define GOT_BYTES  64

/* IF becomes the upcall mask, RFLAGS harmless, the handler is left. Clobbers rax, rcx. r11: vcpu_info */
.macro COMMIT
    testl $RFLAGS_IF, GOT_RFLAGS(%rsp)
    setz VCPU_INFO_UPCALL_MASK(%r11)
    andq $RFLAGS_ALLOWED, GOT_RFLAGS(%rsp)
    orl $RFLAGS_SET, GOT_RFLAGS(%rsp)
    movw $0, VCPU_IN_NMI(%rcx)        /* and in_mce behind it */
    movq INFO(CPU_INFO_PERCPU) + GOT_BYTES(%rsp), %rax
    leaq percpu_hypercall_count + 8 * CALL_IRET(%rip), %rcx
    incq (%rax, %rcx)
.endm

iret_call:
    LOOK 0, iret_by_c
    orl trace_live(%rip), %eax
    testl %eax, %eax
    jnz iret_by_c
    movq REG(FRAME_RSP)(%rsp), %r11
    CLAMP r11
    /* struct iret_context: rax r11 rcx flags rip cs rflags rsp ss. Trust: each is read once. */
    SET_AC
    GUEST iret_by_c, pushq (%r11)
    GUEST iret_by_c, pushq 8(%r11)
    GUEST iret_by_c, pushq 16(%r11)
    GUEST iret_by_c, pushq 32(%r11)
    GUEST iret_by_c, pushq 40(%r11)
    GUEST iret_by_c, pushq 48(%r11)
    GUEST iret_by_c, pushq 56(%r11)
    GUEST iret_by_c, pushq 64(%r11)
    GUEST iret_by_c, testl $IRET_IN_SYSCALL, 24(%r11)
    CLEAR_AC
    movq VCPU_INFO(%rcx), %r11
    movl GOT_CS(%rsp), %eax
    jz by_iret

    /* By SYSRET, to 64-bit user mode. */
    cmpw $SEL_GUEST_CS64, %ax
    jne iret_by_c
    cmpq $-1, VCPU_CR3_USER(%rcx)
    je iret_by_c
    ENTER_USER
    COMMIT
    movq GOT_RIP(%rsp), %rcx
    movl GOT_RFLAGS(%rsp), %r11d
    /* Only where SYSRET gives what IRET would: canonical, of the lower half, and no RF. */
    movq %rcx, %rax
    shrq $47, %rax
    jnz 1f
    testl $RFLAGS_RF, %r11d
    jnz 1f
    movq GOT_RAX(%rsp), %rax
    movq GOT_RSP(%rsp), %rsp
    sysretq
    /* rcx and r11 and the selectors are as SYSRET leaves them all the same. */
1:  movq %rcx, GOT_RCX(%rsp)
    movq %r11, GOT_R11(%rsp)
    movw $SEL_GUEST_DS, GOT_SS(%rsp)
    jmp load_and_iret

by_iret:
    notl %eax
    testb $3, %al
    jnz 2f
    cmpq $-1, VCPU_CR3_USER(%rcx)
    je iret_by_c
    ENTER_USER
2:  COMMIT
load_and_iret:
    andq $0xffff, GOT_CS(%rsp)
    andq $0xffff, GOT_SS(%rsp)
    orb $3, GOT_CS(%rsp)
    orb $3, GOT_SS(%rsp)
    /* To the stub's frame, at the top of the stack: there a failing IRET wants it. POP counts from behind what it pops. */
    popq GOT_BYTES + REG(FRAME_SS) - GOT_SS - 8(%rsp)
    popq GOT_BYTES + REG(FRAME_RSP) - GOT_RSP - 8(%rsp)
    popq GOT_BYTES + REG(FRAME_RFLAGS) - GOT_RFLAGS - 8(%rsp)
    popq GOT_BYTES + REG(FRAME_CS) - GOT_CS - 8(%rsp)
    popq GOT_BYTES + REG(FRAME_RIP) - GOT_RIP - 8(%rsp)
    popq %rcx
    popq %r11
    popq %rax
    addq $8, %rsp
    jmp iret_to_guest

/* As if nothing had been done: the stub's frame is at the top of the stack. */
iret_by_c:
    orq $(STACK_BYTES - 1), %rsp
    subq $(CPU_INFO_SIZE - 1 - CPU_INFO_GUEST - FRAME_ERROR_CODE), %rsp
    movl $CALL_IRET, %eax
    movq REG(FRAME_RIP)(%rsp), %rcx
    movq REG(FRAME_RFLAGS)(%rsp), %r11
    jmp syscall_by_c

    .section .note.GNU-stack, "", @progbits

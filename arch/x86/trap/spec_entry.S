/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What entry and exit do against speculation, called from patched places of entry.S; each step here is patched in too
 * (arch/patch.h). Clobbers rax, rcx, rdx. docs/side-channels.md says which step answers what.
 */
#include <arch/layout.h>
#include <arch/patch.h>
#include <arch/spec_ctrl.h>
#include <arch/xpti.h>
#include "asm-offsets.h"

#define SEL_HV_DS 0xe010

/* The CPU's cpu_info, from any of its stacks: its end in \reg. */
.macro CPU_INFO_END reg
    movq %rsp, %\reg
    orq $(STACK_BYTES - 1), %\reg
.endm
#define INFO(field) (field - CPU_INFO_SIZE + 1)

    .section .entry_text, "ax"
verw_selector:
    .word SEL_HV_DS

/*
 * From trap entry: the frame is above the return address. A frame of the hypervisor's needs nothing, but that of an
 * IRET to a guest that failed: the guest's settings were loaded already.
 */
    .globl spec_enter
spec_enter:
    testb $3, 8 + FRAME_CS(%rsp)
    jnz 1f
    leaq iret_to_guest(%rip), %rax
    cmpq %rax, 8 + FRAME_RIP(%rsp)
    jne 2f
1:  PATCH PATCH_XPTI, NOP5, call load_full_tables
    PATCH PATCH_SPEC_IBPB, NOP5, call flush_predictions
    PATCH PATCH_SPEC_RSB, NOP5, call fill_return_stack
    PATCH PATCH_SPEC_MSR, NOP5, call load_own_msr
    PATCH PATCH_SPEC_BHB, NOP5, call clear_history
    /* Nothing above is passed over by a branch that was guessed. */
2:  lfence
    RET

/* To the guest, registers still to be loaded, frame at %rsp, which is cpu_info's. No return is predicted after the MSR. */
    .globl spec_leave
spec_leave:
    PATCH PATCH_XPTI, NOP5, jmp load_reduced_tables
reduced_tables_loaded:
    PATCH PATCH_SPEC_DIV, NOP5, call scrub_divider
    PATCH PATCH_SPEC_MSR, NOP5, jmp load_guest_msr
guest_msr_loaded:
    PATCH PATCH_SPEC_VERW, NOP5, jmp leave_without_data
    jmp spec_left
leave_without_data:
    verw verw_selector(%rip)
    jmp spec_left

load_guest_msr:
    movl $MSR_SPEC_CTRL, %ecx
    movl CPU_INFO_SPEC_GUEST_MSR - CPU_INFO_GUEST(%rsp), %eax
    xorl %edx, %edx
    wrmsr
    jmp guest_msr_loaded

/*
 * NMI, #MC, #DB on top of the hypervisor may have come between its two sides: the MSR and CR3 may be the guest's or ours.
 * What they were goes to %r12d and %r13, which C keeps, and comes back by spec_ist_leave.
 */
    .globl spec_ist_enter, spec_ist_leave
spec_ist_enter:
    PATCH PATCH_XPTI, NOP5, call xpti_leave_reduced
    PATCH PATCH_SPEC_MSR, NOP5, call save_msr
    RET
spec_ist_leave:
    PATCH PATCH_XPTI, NOP5, call restore_reduced
    PATCH PATCH_SPEC_MSR, NOP5, call restore_msr
    PATCH PATCH_SPEC_VERW, NOP5, jmp spec_drop_data
    RET

    .globl spec_drop_data
spec_drop_data:
    verw verw_selector(%rip)
    RET

save_msr:
    movl $MSR_SPEC_CTRL, %ecx
    rdmsr
    movl %eax, %r12d
load_own_msr:
    movl $MSR_SPEC_CTRL, %ecx
    movl spec_own_msr(%rip), %eax
    xorl %edx, %edx
    wrmsr
    RET
restore_msr:
    movl $MSR_SPEC_CTRL, %ecx
    movl %r12d, %eax
    xorl %edx, %edx
    wrmsr
    RET

/* X1: on entry from a guest; its tables with all that is the hypervisor's. */
load_full_tables:
    CPU_INFO_END rax
    testb $SPEC_FLAG_XPTI, INFO(CPU_INFO_SPEC_FLAGS)(%rax)
    jz 1f
    movq INFO(CPU_INFO_FULL_CR3)(%rax), %rax
    movq %rax, %cr3
1:  RET

/* To the guest: this CPU's copy of its tables. They are the same still in nearly all cases. */
load_reduced_tables:
    testb $SPEC_FLAG_XPTI, CPU_INFO_SPEC_FLAGS - CPU_INFO_GUEST(%rsp)
    jz reduced_tables_loaded
1:  movq CPU_INFO_CURRENT - CPU_INFO_GUEST(%rsp), %rdx
    movq CPU_INFO_PERCPU - CPU_INFO_GUEST(%rsp), %rax
    leaq percpu_xpti(%rip), %rcx
    addq %rax, %rcx
    movzbl VCPU_IN_KERNEL(%rdx), %eax
    movq VCPU_CR3_LOADED(%rdx), %rdx
    cmpq %rdx, XPTI_COPY_OF(%rcx, %rax, 8)
    jne 2f
    movq %rdx, CPU_INFO_FULL_CR3 - CPU_INFO_GUEST(%rsp)
    shll $XPTI_MODE_SHIFT, %eax
    addq CPU_INFO_XPTI_CR3 - CPU_INFO_GUEST(%rsp), %rax
    movq %rax, %cr3
    jmp reduced_tables_loaded
2:  call xpti_refresh
    jmp 1b

/* X4: is CR3 one of this CPU's copies, which are side by side? Then it goes to %r13, which is 0 else, and the full tables come. */
    .globl xpti_leave_reduced
xpti_leave_reduced:
    xorl %r13d, %r13d
    CPU_INFO_END rdx
    movq %cr3, %rax
    movq %rax, %rcx
    andq $-XPTI_BYTES, %rcx
    cmpq INFO(CPU_INFO_XPTI_CR3)(%rdx), %rcx
    jne 1f
    movq %rax, %r13
    movq INFO(CPU_INFO_FULL_CR3)(%rdx), %rax
    movq %rax, %cr3
1:  RET
restore_reduced:
    testq %r13, %r13
    jz 1f
    movq %r13, %cr3
1:  RET

flush_predictions:
    CPU_INFO_END rax
    testb $SPEC_FLAG_IBPB_ENTRY, INFO(CPU_INFO_SPEC_FLAGS)(%rax)
    jz 1f
    movl $MSR_PRED_CMD, %ecx
    movl $PRED_CMD_IBPB, %eax
    xorl %edx, %edx
    wrmsr
1:  RET

/* 32 calls that never return; a return that is predicted by one of them stays where it does no harm. */
fill_return_stack:
    movl $16, %ecx
1:  call 3f
2:  pause
    lfence
    jmp 2b
3:  call 5f
4:  pause
    lfence
    jmp 4b
5:  decl %ecx
    jnz 1b
    addq $(32 * 8), %rsp
    RET

/* A divider that has done something of no interest. */
scrub_divider:
    xorl %edx, %edx
    movl $1, %eax
    movl $1, %ecx
    divq %rcx
    RET

/* Taken branches, calls and returns among them, until no branch of the guest's is in the history. */
clear_history:
    CPU_INFO_END rax
    testb $SPEC_FLAG_BHB_ENTRY, INFO(CPU_INFO_SPEC_FLAGS)(%rax)
    jz 1f
    movl spec_bhb_outer(%rip), %edx
    call 2f
1:  RET
    .balign 64
2:  call 3f
    RET
    .balign 64
3:  movl spec_bhb_inner(%rip), %ecx
4:  jmp 5f
    .balign 16
5:  decl %ecx
    jnz 4b
    decl %edx
    jnz 2b
    RET

    .section .note.GNU-stack, "", @progbits

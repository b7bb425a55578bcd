/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What entry and exit do against speculation, called from patched places of entry.S; each step here is patched in too
 * (arch/patch.h). Clobbers rax, rcx, rdx. docs/side-channels.md says which step answers what.
 */
#include <arch/layout.h>
#include <arch/patch.h>
#include <arch/spec_ctrl.h>
#include "asm-offsets.h"

#define SEL_HV_DS 0xe010

/* The CPU's cpu_info, from any of its stacks: its end in \reg. */
.macro CPU_INFO_END reg
    movq %rsp, %\reg
    orq $(STACK_BYTES - 1), %\reg
.endm
#define INFO(field) (field - CPU_INFO_SIZE + 1)

    .section .rodata
verw_selector:
    .word SEL_HV_DS

    .text

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
1:  PATCH PATCH_SPEC_IBPB, NOP5, call flush_predictions
    PATCH PATCH_SPEC_RSB, NOP5, call fill_return_stack
    PATCH PATCH_SPEC_MSR, NOP5, call load_own_msr
    PATCH PATCH_SPEC_BHB, NOP5, call clear_history
    /* Nothing above is passed over by a branch that was guessed. */
2:  lfence
    RET

/* To the guest, registers still to be loaded, frame at %rsp, which is cpu_info's. No return is predicted after the MSR. */
    .globl spec_leave
spec_leave:
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
 * NMI, #MC, #DB on top of the hypervisor may have come between its two sides: the MSR may be the guest's or ours.
 * What it was goes to %r12d, which C keeps, and comes back by spec_ist_leave.
 */
    .globl spec_ist_enter, spec_ist_leave
spec_ist_enter:
    PATCH PATCH_SPEC_MSR, NOP5, call save_msr
    RET
spec_ist_leave:
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

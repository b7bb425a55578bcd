/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a CPU begins after a start-up IPI: real mode at CS:0, CS = page / 16 (SDM3 8.4.3). The
 * code is copied to a page below 640 KiB and finds itself by CS. One CPU at a time passes here;
 * cpu/smp.c fills the arguments, and makes page tables that show the page at its own address
 * and the hypervisor where it belongs.
 */
#define CR0_PE_ET_NE_WP_PG 0x80010031
#define MSR_EFER           0xc0000080
#define OFFSET(sym)        ((sym) - trampoline_start)

    .section .rodata.trampoline, "a"
    .balign 16
    .globl trampoline_start, trampoline_args, trampoline_end

    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movzwl %ax, %ebx
    shll $4, %ebx                     /* linear address of this page, kept throughout */

    /* Two addresses depend on where we are. */
    leal OFFSET(gdt)(%ebx), %eax
    movl %eax, OFFSET(gdt_pointer) + 2
    leal OFFSET(start32)(%ebx), %eax
    movl %eax, OFFSET(far32)
    leal OFFSET(start64)(%ebx), %eax
    movl %eax, OFFSET(far64)

    lgdtl OFFSET(gdt_pointer)
    movl $0x11, %eax                  /* PE, ET; caches on */
    movl %eax, %cr0
    ljmpl *OFFSET(far32)

    .code32
start32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x20, %eax                  /* PAE */
    movl %eax, %cr4
    movl OFFSET(arg_low_cr3)(%ebx), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    movl OFFSET(arg_efer)(%ebx), %eax
    xorl %edx, %edx
    wrmsr
    movl $CR0_PE_ET_NE_WP_PG, %eax
    movl %eax, %cr0
    ljmpl *OFFSET(far64)(%ebx)

    .code64
start64:
    movl %ebx, %ebx
    movq OFFSET(arg_stack)(%rbx), %rsp
    movq OFFSET(arg_cr3)(%rbx), %rdi
    movq OFFSET(arg_entry)(%rbx), %rax
    jmp *%rax

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff          /* 32-bit code */
    .quad 0x00cf93000000ffff          /* data */
    .quad 0x00af9b000000ffff          /* 64-bit code */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long 0
far32:
    .long 0
    .word 0x08
far64:
    .long 0
    .word 0x18

    /* struct trampoline_args of cpu/smp.c */
    .balign 8
trampoline_args:
arg_stack:   .quad 0
arg_entry:   .quad 0
arg_cr3:     .quad 0
arg_low_cr3: .long 0
arg_efer:    .long 0
trampoline_end:

    /* Runs at its linked address, on the CPU's own stack: leaves the low page tables behind. */
    .text
    .code64
    .globl smp_ap_start
smp_ap_start:
    movq %rdi, %cr3
    xorl %ebp, %ebp
    call smp_ap_entry
    ud2

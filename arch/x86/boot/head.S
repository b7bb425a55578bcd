/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the loader's 32-bit hand-over (multiboot 1, multiboot 2, PVH) to 64-bit C.
 * Ends in hv_main(protocol, info). Everything here runs once on the boot CPU.
 *
 * On entry: protected mode, flat segments, paging off, interrupts off.
 *   multiboot 1 (spec 3.2): eax = 0x2badb002, ebx = info
 *   multiboot 2 (spec 3.2): eax = 0x36d76289, ebx = info
 *   PVH (xen/arch-x86/hvm/start_info.h): ebx = info, at another entry point
 */
#include <arch/layout.h>
#include <xen/elfnote.h>
#include "asm-offsets.h"

#define PADDR(sym) ((sym) - IMAGE_BASE)

#define MB1_MAGIC    0x1badb002
#define MB1_FLAGS    0x00010003 /* page-aligned modules, memory information, address fields */
#define MB2_MAGIC    0xe85250d6

    .section .head, "ax"
    .code32
    .globl image_head
image_head:

    .balign 4
mb1_header:
    .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
    .long PADDR(mb1_header), LOAD_PADDR, load_end_paddr, bss_end_paddr, PADDR(entry_multiboot)

    .balign 8
mb2_header:
    .long MB2_MAGIC, 0, mb2_header_end - mb2_header, -(MB2_MAGIC + (mb2_header_end - mb2_header))
    .short 2, 0     /* address tag */
    .long 24, PADDR(mb2_header), LOAD_PADDR, load_end_paddr, bss_end_paddr
    .short 3, 0     /* entry address tag */
    .long 12, PADDR(entry_multiboot), 0
    .short 6, 0     /* page-aligned modules */
    .long 8
    .short 0, 0     /* end */
    .long 8
mb2_header_end:

    .globl entry_paddr
entry_paddr = PADDR(entry_multiboot)

entry_multiboot:
    cld
    cli
    cmpl $0x2badb002, %eax
    movl $1, %ebp
    je start32
    cmpl $0x36d76289, %eax
    movl $2, %ebp
    je start32
    movl $PADDR(msg_loader), %esi
    jmp fail

entry_pvh:
    cld
    cli
    movl $3, %ebp

/* ebp: protocol, ebx: information. */
start32:
    movl $PADDR(boot_stack + STACK_BYTES), %esp
    /* Long mode? (APM3 E.4.2) */
    pushl %ebx
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    popl %ebx
    btl $29, %edx
    jnc no_long_mode
    btl $20, %edx
    jnc no_nx

    /* The first 4 GiB by 2 MiB pages: identity, direct map and image share these tables. */
    movl $PADDR(boot_l2), %edi
    movl $0x83, %eax
    xorl %ecx, %ecx
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    incl %ecx
    cmpl $2048, %ecx
    jb 1b

    movl $PADDR(boot_l3), %edi
    movl $PADDR(boot_l2) + 3, %eax
    xorl %ecx, %ecx
2:  movl %eax, (%edi, %ecx, 8)
    addl $4096, %eax
    incl %ecx
    cmpl $4, %ecx
    jb 2b

    movl $PADDR(boot_l3) + 3, %eax
    movl %eax, PADDR(boot_l4)
    movl %eax, PADDR(boot_l4) + 8 * 261 /* image */
    movl %eax, PADDR(boot_l4) + 8 * 262 /* direct map */

    movl %cr4, %eax
    orl $0xa0, %eax                   /* PAE, PGE */
    movl %eax, %cr4
    movl $PADDR(boot_l4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx            /* EFER: LME, NXE, SCE */
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80050033, %eax            /* PG WP AM NE ET MP PE */
    movl %eax, %cr0

    lgdt PADDR(boot_gdt_pointer)
    ljmp $8, $PADDR(start64)

no_long_mode:
    movl $PADDR(msg_long_mode), %esi
    jmp fail
no_nx:
    movl $PADDR(msg_nx), %esi
/* Writes the text at esi to the screen and COM1, then stops. */
fail:
    movl $0xb8000, %edi
3:  lodsb
    testb %al, %al
    jz 5f
    movb $0x4f, %ah
    stosw
    movb %al, %bl
    movw $0x3fd, %dx
    movl $100000, %ecx
4:  inb %dx, %al
    testb $0x20, %al
    loopz 4b
    movw $0x3f8, %dx
    movb %bl, %al
    outb %al, %dx
    jmp 3b
5:  cli
    hlt
    jmp 5b

    .code64
start64:
    movabs $6f, %rax
    jmp *%rax
6:  xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl $0x10, %eax
    movl %eax, %ss
    movabs $boot_stack + STACK_BYTES - CPU_INFO_SIZE, %rsp
    movl %ebp, %edi
    movl %ebx, %esi
    xorl %ebp, %ebp
    movabs $hv_main, %rax
    call *%rax
    ud2

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff          /* 64-bit code */
    .quad 0x00cf93000000ffff          /* data */
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long PADDR(boot_gdt)
    .long 0

msg_loader:
    .asciz "Zendo: not started by a multiboot 1, multiboot 2 or PVH loader. Load it with GRUB's multiboot2 command. "
msg_long_mode:
    .asciz "Zendo: this CPU has no 64-bit mode; Zendo cannot run on it. "
msg_nx:
    .asciz "Zendo: no-execute is missing or disabled. Enable 'Execute Disable' (XD, NX) in the firmware set-up. "

    /* How Xen starts us as a PVH guest. */
    .section .note.xen, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long PADDR(entry_pvh)

    .section .bss.boot_stack, "aw", @nobits   /* aligned by the linker script */
    .globl boot_stack
boot_stack:
    .skip STACK_BYTES

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
    .globl hv_l4
hv_l4:
    .skip 4096
boot_l4:
    .skip 4096
boot_l3:
    .skip 4096
boot_l2:
    .skip 4096 * 4

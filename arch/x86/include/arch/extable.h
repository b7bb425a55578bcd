/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exception table: an instruction of the hypervisor that may fault, and where to go on.
 * Entries are pairs of 32-bit offsets from themselves. On a fix-up the registers are as at
 * the fault, with the vector in %eax's place left alone; code that needs the cause reads fixup_vector.
 */
#ifndef ARCH_EXTABLE_H
#define ARCH_EXTABLE_H

#ifdef __ASSEMBLY__
.macro EXTABLE from, to
    .pushsection .ex_table, "a"
    .balign 4
    .long \from - ., \to - .
    .popsection
.endm
#else
/* Inside an asm template: EXTABLE_STR("1b", "2b"). */
#define EXTABLE_STR(from, to) \
    ".pushsection .ex_table, \"a\"\n\t.balign 4\n\t.long " from " - ., " to " - .\n\t.popsection\n\t"

#include <hv/compiler.h>
struct trap_frame;
/* If regs->rip is in the table, moves it to the fix-up and returns true. */
bool extable_fixup(struct trap_frame *regs);
#endif

#endif

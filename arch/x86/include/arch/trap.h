/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entry code (trap/entry.S) and its first C (trap/trap.c). */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <arch/regs.h>

/* 256 stubs of 16 bytes each; own stubs for the vectors with their own stacks. */
extern const char trap_stubs[], trap_ist_stub_db[], trap_ist_stub_nmi[], trap_ist_stub_mc[], trap_ist_stub_df[];

/* The IRET that returns to guests. */
extern const char iret_to_guest[];
/* Where to go on when that one faulted, and need not any more. */
extern const char iret_again[];

/* Called by entry.S, interrupts disabled. */
void trap_entry(struct trap_frame *regs);
void trap_iret_failed(struct trap_frame *regs);
/* An NMI: nmi=fatal makes it a crash. */
void trap_nmi(const struct trap_frame *regs);
/* Behind the INT3 of debug key '%', the only one that is no mistake. */
extern const char trap_key_breakpoint[];
/* Registers the debug keys of trap/keys.c. */
void trap_keys_init(void);
/* Softirqs until there are none, then what is pending for the guest. May switch away. */
void guest_exit_work(void);
/* Leaves the C stack behind and continues `current` from its registers at top. */
void context_enter_guest(struct trap_frame *top) noreturn;

#endif

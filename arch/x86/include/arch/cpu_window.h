/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each CPU's window into the hypervisor's address space (arch/layout.h) and what entry code
 * keeps there. Windows are mapped with 4 KiB pages before the CPU starts.
 */
#ifndef ARCH_CPU_WINDOW_H
#define ARCH_CPU_WINDOW_H

#include <arch/layout.h>
#include <arch/percpu.h>

struct vcpu;

static inline uint64_t cpu_window(unsigned int cpu) { return CPU_WINDOW_BASE + (uint64_t)cpu * CPU_WINDOW_BYTES; }

/* Interrupt stack table: index 1.. in gates. Page i of the stack block. */
enum { IST_NONE, IST_DF, IST_NMI, IST_MC, IST_DB, IST_COUNT = 4 };

/* Page CPU_WINDOW_DATA, reached rip-relative by the CPU's system-call stub. Layout known to trap/entry.S. */
struct syscall_stub_data {
    uint64_t stack_top;   /* just past cpu_info.guest */
    uint64_t guest_rsp;   /* scratch */
};
#define ENTRY_DATA_TSS 128 /* offset of the CPU's TSS in that page: what a guest cannot run without is in the window */

/* A CPU's: for 64-bit code, then for 32-bit code. */
extern const char syscall_stubs[][2][SYSCALL_STUB_BYTES];
extern const char sysenter_entry[];

/* What an unused page of the GDT window shows. */
mfn_t cpu_window_empty_mfn(void);
/* Maps cpu's window and fills its stack block's cpu_info. 0 or -ENOMEM. Before the CPU runs C code. */
int cpu_window_init(unsigned int cpu) must_check;
/* Leaves start-up code for the idle loop on the CPU's own stack. */
void cpu_enter_idle(void) noreturn;
void trap_load_idt(void);
/* The page that is all CPUs' IDT. */
const void *trap_idt(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated machine on which the hypervisor's own sources run: RAM, CPUs with a TLB that forgets
 * only what is flushed, interrupts between CPUs, a clock; and guests' access to memory by their
 * page tables. One thread plays all CPUs: another one runs when it is chosen, when it is waited for, or
 * when it is called.
 */
#ifndef FUZZ_MACHINE_H
#define FUZZ_MACHINE_H

#include <stdlib.h>
#include <string.h>
#include <arch/pv.h>
#include <hv/domain.h>

#define MACHINE_FRAMES 1024u
#define MACHINE_CPUS   4u

/* A vCPU's arguments: memory that every guest has, whatever its page tables say. */
#define ARGS_VA        0x0000600000000000ULL
#define ARGS_BYTES     0x10000u
extern uint8_t machine_args[ARGS_BYTES];
/* tests/unit/host_support.c */
extern uint64_t host_now_ns;
extern unsigned long host_heap_outstanding, host_heap_fail_at;

/* Hypercalls made by guests, continuations and the calls in a multicall not counted. */
extern uint64_t machine_hypercalls;

/* Called before each copy from or to a guest. */
extern void (*machine_copy_hook)(void);

/* Something that must not be. Does not return. */
void finding(const char *fmt, ...) noreturn printf_like(1, 2);

void machine_init(void);
/* Another CPU's turn: current and guest_regs() become its. */
void machine_cpu(unsigned int cpu);
/* What the CPU does before it returns to a guest: timers, work, scheduling. */
void machine_softirqs(unsigned int cpu);
void machine_advance(uint64_t ns);
/* Between the guest's kernel and its user code. */
void machine_set_mode(struct vcpu *v, bool in_kernel);
/*
 * A hypercall of the current vCPU, with its continuations, as far as it stays on the CPU. What is left
 * goes on with machine_resume() when it runs again.
 */
#define LEFT_THE_CPU (-0x7fffffffffL)
long machine_hypercall(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
long machine_resume(void);
/* The current guest's own access by its page tables; false: it faults. */
bool machine_load(uint64_t va, uint64_t *value) must_check;
bool machine_store(uint64_t va, uint64_t value) must_check;
/* Translations that a TLB holds against the rules. */
void machine_check_tlbs(void);
/* Pages of the CPU's descriptor table windows. */
#define WINDOW_SLOTS 32u
extern pte_t machine_window_slots[MACHINE_CPUS][WINDOW_SLOTS];

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls across CPUs. */
#ifndef HV_SMP_H
#define HV_SMP_H

#include <hv/cpumask.h>

/*
 * Runs fn(arg) with interrupts disabled on every online CPU of the mask (the caller's own
 * included, directly) and, if wait, returns after all have run it.
 * Context: interrupts enabled, no lock of rank >= RANK_FLUSH held.
 */
void smp_call(const cpumask_t *cpus, void (*fn)(void *arg), void *arg, bool wait);
/*
 * Returns after every code that ran with interrupts disabled, on any CPU, has ended: interrupt handlers, and
 * holders of locks taken with them off. Context: as smp_call.
 */
void smp_wait_for_irqs_off(void);
/* Makes the CPUs notice their pending softirqs. Any context. */
void smp_kick(unsigned int cpu);

/* Arch contract (arch/x86/irq/ipi.c): send the call or kick interrupt. */
void arch_smp_send_call(const cpumask_t *cpus);
void arch_smp_send_kick(unsigned int cpu);
/* Called by the arch's call-interrupt handler. */
void smp_call_interrupt(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLB flushes and the flush clock. A frame is stamped when it loses its last type
 * reference; a CPU that has flushed after the stamp needs no flush for it (invariant F5).
 */
#ifndef ARCH_TLB_H
#define ARCH_TLB_H

#include <hv/cpumask.h>
#include <hv/types.h>

struct vcpu;

#define TLB_FLUSH_NONGLOBAL 1u /* CR3 reload */
#define TLB_FLUSH_GLOBAL    2u /* everything, global entries too */
#define TLB_FLUSH_CACHE     4u /* WBINVD */

/* On this CPU. */
void tlb_flush_local(unsigned int flags);
void tlb_flush_local_page(uint64_t va);
/* On all CPUs of the mask, waits. va used if flags is 0: one page. Interrupts must be enabled if the mask has others. */
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va);

uint32_t tlb_clock_now(void);
/* Removes from *cpus those that have flushed since stamp. */
void tlb_filter(cpumask_t *cpus, uint32_t stamp);
/* Loads CR3 and notes the flush; global: global entries are dropped too. */
void tlb_load_cr3(uint64_t cr3, bool global);

#endif

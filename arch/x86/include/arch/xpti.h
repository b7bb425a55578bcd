/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Meltdown: while a guest with arch_domain.xpti runs, CR3 is a copy of its L4 table that this CPU has, with next to nothing
 * of the hypervisor's in it. Copies follow what they were made from: invariants X1..X5, docs/side-channels.md.
 */
#ifndef ARCH_XPTI_H
#define ARCH_XPTI_H

/* Tables of a copy: the one in CR3, and what an entry that names the table itself leads to, seen as an L3, an L2, an L1. */
#define XPTI_DEPTH 4u
#define XPTI_ORDER 3u
#define XPTI_BYTES 0x8000 /* both copies, aligned: known to trap/spec_entry.S */
#define XPTI_MODE_SHIFT 14

#ifndef __ASSEMBLY__
#include <arch/page.h>
#include <arch/percpu.h>
#include <hv/lock.h>

/* Of each CPU; [arch_vcpu.in_kernel]. Known to trap/spec_entry.S. */
struct xpti {
    uint64_t copy_of[2];    /* CR3 that each copy stands for, kept equal; 0: none */
    bool names_itself[2];   /* the deeper tables of the copy count */
    struct spinlock lock;   /* innermost: a copy's content, and that it stands for something */
    pte_t *copies;
};
_Static_assert(2 * XPTI_DEPTH * PAGE_SIZE == XPTI_BYTES && XPTI_DEPTH * PAGE_SIZE == 1u << XPTI_MODE_SHIFT, "as the assembly has it");

/* Makes the CPU's copies, without guest slots yet, if XPTI is used at all. The window is mapped. 0 or -ENOMEM. */
int xpti_init_cpu(unsigned int cpu, struct cpu_info *info) must_check;
/* From exit to the guest, interrupts off: the copy for current's mode becomes one of its table. */
void xpti_refresh(void);
/* *slot, of a validated L4 table, is another: before what it named is released. */
void xpti_slot_changed(const pte_t *slot);
/* The L4 table is none any more; no CPU uses it. */
void xpti_forget(mfn_t l4);
#endif

#endif

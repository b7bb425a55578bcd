/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The surroundings of arch/x86/pv/xpti.c: CPUs with copies, tables to copy, and what entry needs of the image. For one program's only source. */
#ifndef XPTI_HOST_H
#define XPTI_HOST_H

#include "host_support.h"
#include <arch/cpu_window.h>
#include <arch/paging.h>
#include <arch/spec_ctrl.h>
#include <arch/xpti.h>
#include <hv/domain.h>

#define XPTI_CPUS 2u

/* Two pages of code that entry needs, in the image. */
__asm__(".pushsection .rodata\n.balign 4096\n.globl entry_text_start, entry_text_end\n"
        "entry_text_start: .skip 8192\nentry_text_end:\n.popsection");
static const char idt[PAGE_SIZE] aligned(PAGE_SIZE);
static pte_t window_l1[XPTI_CPUS][PT_ENTRIES] aligned(PAGE_SIZE);
DECLARE_PER_CPU(struct xpti, xpti);
static bool xpti_is_used = true;

bool spec_ctrl_xpti_is_used(void) { return xpti_is_used; }
const void *trap_idt(void) { return idt; }
mfn_t image_mfn(const void *p) { return MFN((uintptr_t)p >> PAGE_SHIFT & 0xfffff); }
pte_t *hv_l1_entry(uint64_t va) { return &window_l1[va >= cpu_window(1)][pt_index(va, 1)]; }

static struct cpu_info info[XPTI_CPUS];
static struct vcpu vcpu[XPTI_CPUS];

static pte_t *new_table(void)
{
    pte_t *t = pages_alloc(0, ALLOC_ZERO);

    for (unsigned int i = 0; i < PT_ENTRIES; i += 3)
        t[i] = (0x100000ULL + i) << PAGE_SHIFT | PTE_P | PTE_RW | PTE_US;
    t[pt_index(M2P_RO_BASE, 4)] = 0x55000 | PTE_P | PTE_US;
    return t;
}

static int make_cpus(size_t nr_frames)
{
    host_ram_init(nr_frames);
    cpu_online_mask = (cpumask_t){ { (1u << XPTI_CPUS) - 1 } };
    for (unsigned int cpu = 0; cpu < XPTI_CPUS; cpu++) {
        percpu_xpti[cpu] = (struct xpti){ .copy_of = { 0 } };
        info[cpu] = (struct cpu_info){ .xpti_cr3 = 0 };
        if (xpti_init_cpu(cpu, &info[cpu]) != 0)
            return 1;
    }
    return 0;
}

/* The current CPU goes to its guest's kernel or user, as exit does. */
static void enter_guest(bool kernel, const pte_t *table)
{
    struct vcpu *v = host_test_current;

    v->arch.in_kernel = kernel;
    v->arch.cr3_loaded = va_maddr(table).v;
    if (read_once(this_cpu(xpti).copy_of[kernel]) != v->arch.cr3_loaded)
        xpti_refresh();
}

static pte_t *copy(unsigned int cpu, bool kernel)
{
    return (pte_t *)((char *)maddr_va(MADDR(info[cpu].xpti_cr3)) + ((size_t)kernel << XPTI_MODE_SHIFT));
}

#endif

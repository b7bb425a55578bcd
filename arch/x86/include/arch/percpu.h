/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-CPU data is found by masking the stack pointer: a PV guest owns both GS bases and an
 * NMI may come at any instruction, so there is no swapgs window. The block (STACK_BYTES, aligned):
 *
 *   page 0  #DF stack     page 1  NMI stack    page 2  #MC stack    page 3  #DB stack
 *   page 4  not mapped: an overflow faults    pages 5..7  the stack; its top is struct cpu_info
 */
#ifndef ARCH_PERCPU_H
#define ARCH_PERCPU_H

#include <arch/layout.h>
#include <arch/regs.h>

struct vcpu;

struct cpu_info {
    uint64_t pad;                /* puts the end of `guest` on 16 bytes, as the CPU's pushes need */
    struct trap_frame guest;     /* registers of the interrupted guest: TSS.RSP0 points just past it */
    uint64_t percpu_offset;
    struct vcpu *current_vcpu;
    unsigned int cpu;
    uint32_t spec_flags;         /* SPEC_FLAG_*, of current (arch/spec_ctrl.h) */
    uint32_t spec_guest_msr;     /* MSR_SPEC_CTRL of current */
    uint32_t pad_end;
    uint64_t full_cr3;           /* what to load when a guest on reduced tables is left (arch/xpti.h) */
    uint64_t xpti_cr3;           /* the CPU's copies of L4 tables, XPTI_BYTES: of the guest user's, of the guest kernel's; 0: none */
};
_Static_assert(sizeof(struct cpu_info) % 16 == 0, "stack alignment");
_Static_assert((offsetof(struct cpu_info, guest) + sizeof(struct trap_frame)) % 16 == 0, "TSS.RSP0 alignment");

#ifdef HV_HOST_TEST
#include <hv/percpu.h>
extern __thread struct vcpu *host_test_current;
extern struct trap_frame host_test_regs;
#define current           host_test_current
#define guest_regs()      (&host_test_regs)
#else
static always_inline struct cpu_info *cpu_info(void)
{
    uintptr_t sp;
    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_BYTES - 1)) + 1 - sizeof(struct cpu_info));
}
#define this_cpu_id()     (cpu_info()->cpu)
#define this_cpu_offset() (cpu_info()->percpu_offset)
#define current           (cpu_info()->current_vcpu)
/* Registers of current, which entered the hypervisor; valid until it is switched away. */
#define guest_regs()      (&cpu_info()->guest)
#endif

#endif

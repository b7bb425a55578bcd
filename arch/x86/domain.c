/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Switching a CPU between vCPUs, and the x86 part of domain life. State is saved in full when a
 * vCPU leaves: nothing of it stays on the CPU, so another CPU may continue it at once.
 */
#include <arch/cpu.h>
#include <arch/cpu_window.h>
#include <arch/pv.h>
#include <arch/tlb.h>
#include <arch/trap.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/smp.h>

static void leave(struct vcpu *prev)
{
    if (prev->is_idle)
        return;
    prev->arch.regs = *guest_regs();
    pv_save_state(prev);
}

/* Order: the idle tables, or next's, are in CR3 before prev's may be torn down (sched_switched). */
static void switch_address_space(struct vcpu *prev, struct vcpu *next)
{
    const unsigned int cpu = this_cpu_id();
    const bool same_domain = prev->domain == next->domain;

    if (!next->is_idle) {
        cpumask_atomic_set(&next->domain->arch.dirty_cpus, cpu);
        pv_mmu_load(next);
    } else if (!prev->is_idle) {
        tlb_load_cr3(image_mfn(hv_l4).v << PAGE_SHIFT, true);
    }
    if (!prev->is_idle && !same_domain)
        cpumask_atomic_clear(&prev->domain->arch.dirty_cpus, cpu);
}

static void noreturn resume(struct vcpu *v)
{
    if (v->is_idle)
        cpu_enter_idle();
    context_enter_guest(guest_regs());
}

void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    leave(prev);
    cpu_info()->current_vcpu = next;
    switch_address_space(prev, next);
    sched_switched(prev);
    if (!next->is_idle) {
        *guest_regs() = next->arch.regs;
        pv_descriptors_load(next);
        pv_restore_state(next);
        time_update_vcpu(next);
    }
    resume(next);
}

void arch_continue_running(struct vcpu *same)
{
    resume(same);
}

void arch_vcpu_sync_state(struct vcpu *v)
{
    (void)v; /* saved in full by arch_context_switch */
}

void arch_event_notify(struct vcpu *v)
{
    const unsigned int cpu = read_once(v->sched.cpu);

    /* A running vCPU notices on its next exit: make one. */
    if (v != current && read_once(v->sched.running))
        smp_kick(cpu);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Switching a CPU between vCPUs, and the x86 part of domain life. State is saved in full when a
 * vCPU leaves: nothing of it stays on the CPU, so another CPU may continue it at once.
 */
#include <arch/cpu.h>
#include <arch/cpu_window.h>
#include <arch/pv.h>
#include <arch/spec_ctrl.h>
#include <arch/time.h>
#include <arch/tlb.h>
#include <arch/trap.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/smp.h>
#include <xen/domctl.h>

/* The compiler's own copy goes by halves of words. */
static void copy_regs(struct trap_frame *to, const struct trap_frame *from)
{
    uint64_t words = sizeof(*to) / 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) :: "memory");
}

static void leave(struct vcpu *prev)
{
    if (prev->is_idle)
        return;
    copy_regs(&prev->arch.regs, guest_regs());
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
    current = next;
    switch_address_space(prev, next);
    sched_switched(prev);
    if (!next->is_idle) {
        copy_regs(guest_regs(), &next->arch.regs);
        pv_descriptors_load(next);
        pv_restore_state(next);
        spec_ctrl_switch(next);
        sched_entered(next);
    }
    resume(next);
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

/* ---- life ---- */

int arch_domain_create(struct domain *d, const struct domain_config *config)
{
    struct arch_domain *a = &d->arch;

    if (config->flags & ~(uint32_t)(XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain))
        return ERR(EINVAL); /* hardware-assisted guests and what goes with them are not there */
    if (config->arch_emulation_flags != 0 || config->arch_misc_flags & ~(uint32_t)XEN_X86_MSR_RELAXED)
        return ERR(EINVAL);
    rangeset_init(&a->ioports_allowed);
    rw_init(&a->mmu_lock, RANK_PV_MMU);
    spin_init(&a->e820_lock, RANK_LEAF);
    a->relinquish_list = FRAME_NO_LINK;
    a->msr_relaxed = (config->arch_misc_flags & XEN_X86_MSR_RELAXED) != 0;
    vtsc_domain_init(d);
    spec_ctrl_domain_init(d);
    return cpu_policy_init_domain(d);
}

void arch_domain_fini(struct domain *d)
{
    cpu_policy_fini_domain(d);
    rangeset_fini(&d->arch.ioports_allowed);
    heap_free(d->arch.e820);
    d->arch.e820 = NULL;
}

int arch_domain_relinquish(struct domain *d)
{
    return pv_mmu_relinquish(d);
}

int arch_vcpu_create(struct vcpu *v)
{
    struct arch_vcpu *a = &v->arch;

    a->dirty_cpu = ~0u;
    a->cr3_kernel = a->cr3_user = MFN_INVALID;
    if (v->is_idle)
        return 0;
    for (unsigned int i = 0; i < array_size(a->gdt_frames); i++)
        a->gdt_frames[i] = MFN_INVALID;
    a->trap_table = heap_new_array(struct pv_trap_entry, 256);
    if (a->trap_table == NULL)
        return ERR(ENOMEM);
    const int rc = pv_fpu_init(v);

    if (rc != 0) {
        heap_free(a->trap_table);
        a->trap_table = NULL;
        return rc;
    }
    return arch_vcpu_reset(v);
}

void arch_vcpu_fini(struct vcpu *v)
{
    if (v->is_idle)
        return;
    pv_fpu_fini(v);
    heap_free(v->arch.trap_table);
    v->arch.trap_table = NULL;
}

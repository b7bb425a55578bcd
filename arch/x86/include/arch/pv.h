/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paravirtualised guests: contracts among arch/x86/pv's files and the entry code. */
#ifndef ARCH_PV_H
#define ARCH_PV_H

#include <arch/cpu.h>
#include <hv/domain.h>

/* ---- entry (trap/) calls these; interrupts enabled, regs == guest_regs() ---- */

/* An exception in the guest; regs->vector says which. cr2 for #PF was read early. */
void pv_exception(struct trap_frame *regs, uint64_t cr2);
/* SYSCALL and SYSENTER: the guest kernel's SYSCALL is a hypercall, regs->rax its number; all others are bounced to the guest kernel. */
void pv_syscall(struct trap_frame *regs);
/* The former alone. */
void pv_hypercall(struct trap_frame *regs);
void pv_syscall_from_user(struct trap_frame *regs);
/* The IRET hypercall: regs becomes what is on the guest kernel's stack. Crashes the domain if that cannot be. */
void pv_iret(struct vcpu *v, struct trap_frame *regs);
/* Last step before return to the guest: delivers NMI, MCE, event upcall. Interrupts disabled. */
void pv_deliver_pending(struct vcpu *v);
/* Order: a sender sets pending before it kicks this CPU; interrupts are off, so a later kick brings us here again. */
static inline bool pv_has_pending(const struct vcpu *v)
{
    const struct vcpu_info *info = v->vcpu_info;

    if (unlikely(v->mce_pending | v->nmi_pending))
        return true;
    return unlikely(read_once(info->evtchn_upcall_pending)) && !read_once(info->evtchn_upcall_mask);
}

/* ---- bounce.c: enter the guest kernel ---- */
#define PV_BOUNCE_ERROR_CODE   1u  /* the frame has an error code */
#define PV_BOUNCE_MASK_EVENTS  2u  /* the handler starts with events masked */
#define PV_BOUNCE_SEGMENTS     4u  /* failsafe: the frame has DS, ES, FS, GS */
#define PV_BOUNCE_SYSCALL      8u  /* by SYSCALL, from guest user mode */
/* Builds a frame without error code on the guest kernel's stack and points regs at the handler; crashes the domain if the stack is bad. */
void pv_bounce(struct vcpu *v, uint64_t rip, unsigned int how);
/* The same for SYSCALL from guest user mode. */
void pv_bounce_syscall(struct vcpu *v, const struct pv_callback *handler);
/* The guest's selectors, base or return address could not be loaded: its failsafe callback. */
void pv_failsafe(struct vcpu *v);
/* Delivers an exception through the guest's trap table. */
void pv_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error_code);
void pv_inject_page_fault(struct vcpu *v, uint32_t error_code, uint64_t cr2);
/* Switches between guest kernel and guest user page tables and GS base. */
void pv_toggle_mode(struct vcpu *v);

/* ---- context switch, called by arch/x86/domain.c ---- */
void pv_save_state(struct vcpu *v);     /* segments, bases, debug registers, FPU */
void pv_restore_state(struct vcpu *v);
void pv_fpu_save(struct vcpu *v);       /* if loaded */
void pv_fpu_lazy_restore(struct vcpu *v); /* #NM or eager on switch-in */
int pv_fpu_init(struct vcpu *v) must_check;
void pv_fpu_fini(struct vcpu *v);
/* The 512-byte FXSAVE image of struct vcpu_guest_context. v is not running. */
void pv_fpu_set_legacy(struct vcpu *v, const void *image);
void pv_fpu_get_legacy(const struct vcpu *v, void *image);
void pv_fpu_reset(struct vcpu *v);
/* XSETBV of register 0 by the current guest. */
bool pv_xcr0_valid(uint64_t xcr0);
void pv_set_xcr0(struct vcpu *v, uint64_t xcr0);
/* CR4 that belongs in the CPU while v runs, given what is in it now. */
uint64_t pv_real_cr4(const struct vcpu *v, uint64_t cr4);
/* What v's guest sees in CR4 after writing cr4. */
uint64_t pv_guest_cr4(const struct vcpu *v, uint64_t cr4);
/* Sets or clears the guest's CR0.TS. v is current. */
void pv_fpu_taskswitch(struct vcpu *v, bool set);
/* ABI: 0, -EPERM, -ENODEV as do_set_debugreg. Loads the CPU's if v is current. */
int pv_set_debugreg(struct vcpu *v, unsigned int reg, uint64_t value) must_check;
/* 0, or -ENODEV: no such register (or #UD by CR4.DE). */
int pv_get_debugreg(const struct vcpu *v, unsigned int reg, uint64_t *value) must_check;
void pv_debugreg_save(struct vcpu *v);
void pv_debugreg_restore(struct vcpu *v);
void pv_segments_save(struct vcpu *v);
/* false: a selector was refused and is null now. */
bool pv_segments_restore(struct vcpu *v) must_check;
/* Registers the handler of CALLBACKTYPE_nmi. 0 or -EINVAL (not canonical). */
int pv_register_nmi(struct vcpu *v, uint64_t rip) must_check;

/* ---- mmu/ ---- */
/* #PF that the hypervisor itself may resolve: LDT window, emulated page-table write. true: handled, retry or skipped. */
bool pv_mmu_fixup_fault(struct vcpu *v, struct trap_frame *regs, uint64_t cr2);
/* Installs v's CR3 for its mode and drops what the TLB holds; used by context switch. */
void pv_mmu_load(struct vcpu *v);
/* As pv_mmu_load between the kernel and user tables of a vCPU that is running: user mappings, which are global, stay in the TLB. */
#ifdef HV_HOST_TEST
void pv_mmu_switch_mode(struct vcpu *v);
void cpu_swapgs(void);
#else
static inline void pv_mmu_switch_mode(struct vcpu *v) { write_cr3(v->arch.cr3_loaded); }
static inline void cpu_swapgs(void) { __asm__ volatile("swapgs" ::: "memory"); }
#endif
/* The tables and GS base of one mode instead of the other's; the latter waits in MSR_KERNEL_GS_BASE, the hypervisor uses neither (arch/percpu.h). */
static always_inline void pv_enter_mode(struct vcpu *v, bool kernel)
{
    cpu_swapgs();
    v->arch.in_kernel = kernel;
    v->arch.cr3_loaded = v->arch.cr3_of_mode[kernel];
    pv_mmu_switch_mode(v);
}
/* Computes v->arch.cr3_of_mode and cr3_loaded from cr3_kernel/cr3_user/in_kernel. */
void pv_mmu_update_cr3(struct vcpu *v);
/* The GDT and LDT windows of this CPU show v's tables; LGDT, LLDT. */
void pv_descriptors_load(struct vcpu *v);
/* Replaces the GDT. frames: mfns; entries 1..7168. -EINVAL. */
int pv_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries) must_check;
void pv_drop_gdt(struct vcpu *v);
/* Unmaps the LDT window pages of v (on its CPU) and drops their references. */
void pv_drop_ldt(struct vcpu *v);
/* Sets kernel and user base pointers (MFN_INVALID: none) from a context: takes references. v does not run. -EINVAL; -ERESTART: call again. */
int pv_set_base_pointers(struct vcpu *v, mfn_t kernel, mfn_t user) must_check;
/* Drops v's base pointers. Preemptible: -ERESTART. */
int pv_drop_base_pointers(struct vcpu *v) must_check;
/* Releases page tables, descriptor tables and allocated pages of a dying domain whose vCPUs do not run. Preemptible: -ERESTART. */
int pv_mmu_relinquish(struct domain *d) must_check;
/* Is this segment descriptor safe for a guest? May adjust it (DPL, ABI). */
bool pv_descriptor_fix(uint64_t *desc);
/* Selector usable as guest CS/SS: forces RPL 3 (ABI: fixup_guest_{code,stack}_selector). */
static inline uint16_t pv_fix_selector(uint16_t sel) { return sel | 3; }
/* Guest page-table walk in software: L1 entry for va in v's current kernel tables, 0 if not present. */
pte_t pv_guest_l1e(struct vcpu *v, uint64_t va);

/* ---- priv/: instructions that fault ---- */
/* Guest kernel executed something privileged (#GP) or #UD (forced emulation). true: done or injected. */
bool pv_emulate_privileged(struct vcpu *v, struct trap_frame *regs);
bool pv_emulate_forced(struct vcpu *v, struct trap_frame *regs);

/* ---- policy ---- */
/* CPUID as d sees it. */
void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *out);
/* 0, or -EINVAL: inject #GP. */
int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value) must_check;
int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value) must_check;
int cpu_policy_init_domain(struct domain *d) must_check;
void cpu_policy_fini_domain(struct domain *d);

/* ---- dom0 ---- */
/* Builds dom0 from the boot modules; panics with a message that helps. */
struct domain *dom0_build(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IRET hypercall: how a 64-bit PV kernel leaves a handler (xen/arch-x86/xen-x86_64.h, struct iret_context). The usual
 * case does not come here: trap/syscall.S does the same in fewer steps.
 */
#include <arch/extable.h>
#include <arch/guest_copy.h>
#include <arch/patch.h>
#include <arch/pv.h>
#include <hv/log.h>
#include <hv/percpu.h>

/* From kernel to user: needs a user page table. */
static bool leave_kernel(struct vcpu *v)
{
    if (unlikely(mfn_is_invalid(v->arch.cr3_user))) {
        domain_crash(v->domain, "return to user mode without a user page table\n");
        return false;
    }
    pv_enter_mode(v, false);
    return true;
}

/* One word of struct iret_context into the register frame, or to `fault`. */
#define LOAD(to, from)                                                                               \
    __asm__ goto("1: movq %0, %%rax\n\tmovq %%rax, %1\n\t" EXTABLE_STR("1b", "%l[fault]")            \
                 :: "m"(((const struct iret_context *)frame)->from), "m"(*(to)) : "rax", "memory" : fault)

/* Trust: read once, upwards, straight into the registers of the vCPU. false: not readable, some of them are spoilt. */
static inline bool read_frame(struct trap_frame *regs, uint64_t frame, uint64_t *flags)
{
    if (unlikely(guest_clamp_in_place(&frame)))
        return false;
    guest_access_begin();
    LOAD(&regs->rax, rax);
    LOAD(&regs->r11, r11);
    LOAD(&regs->rcx, rcx);
    LOAD(flags, flags);
    LOAD(&regs->rip, rip);
    LOAD(&regs->cs, cs);
    LOAD(&regs->rflags, rflags);
    LOAD(&regs->rsp, rsp);
    LOAD(&regs->ss, ss);
    guest_access_end();
    return true;
fault:
    return false;
}

/* ABI: rcx, r11 and the selectors are as SYSRET leaves them, whichever instruction returns. */
static inline void return_by_sysret(struct trap_frame *regs)
{
    regs->rcx = regs->rip;
    regs->r11 = regs->rflags;
    if (regs->cs != SEL_GUEST_CS32)
        regs->cs = SEL_GUEST_CS64;
    regs->ss = SEL_GUEST_DS;
    regs->vector = TRAP_SYSCALL;
}

void pv_iret(struct vcpu *v, struct trap_frame *regs)
{
    const uint64_t frame = regs->rsp;
    uint64_t flags = 0;
    const bool readable = read_frame(regs, frame, &flags), to_user = (regs->cs & 3) == 3;
    const uint64_t rflags = regs->rflags;

    /* Trust: harmless before anything can fail: a domain that crashes may be resumed. The CPU checks the selectors at IRET, in ring 3. */
    regs->cs = (uint16_t)(regs->cs | 3);
    regs->ss = (uint16_t)(regs->ss | 3);
    regs->rflags = (rflags & RFLAGS_ALLOWED) | RFLAGS_IF | RFLAGS_MBS;
    regs->vector = 0;
    if (unlikely(!readable)) {
        domain_crash(v->domain, "IRET with an unreadable stack %#lx\n", frame);
        return;
    }
    if (to_user && !leave_kernel(v))
        return;
    if (unlikely(v->domain->vm_assist & (1ULL << VMASST_TYPE_architectural_iopl)))
        v->arch.iopl = (unsigned int)(rflags >> 12) & 3;
    write_once(v->vcpu_info->evtchn_upcall_mask, !(rflags & RFLAGS_IF));
    if (flags & VGCF_IN_SYSCALL)
        return_by_sysret(regs);
    v->arch.in_nmi = v->arch.in_mce = false;
}

long hc_iret(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    pv_iret(current, guest_regs());
    return (long)guest_regs()->rax;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IRET hypercall: how a 64-bit PV kernel leaves a handler (xen/arch-x86/xen-x86_64.h, struct iret_context). */
#include <arch/pv.h>
#include <hv/guest_access.h>
#include <hv/log.h>
#include <hv/percpu.h>

/* From kernel to user: needs a user page table. */
static bool leave_kernel(struct vcpu *v)
{
    if (unlikely(mfn_is_invalid(v->arch.cr3_user))) {
        domain_crash(v->domain, "return to user mode without a user page table\n");
        return false;
    }
    pv_toggle_mode(v);
    return true;
}

static void load_frame(struct trap_frame *regs, const struct iret_context *c)
{
    regs->rip = c->rip;
    /* Trust: the CPU checks the selectors at IRET, in ring 3; a refusal is the failsafe callback. */
    regs->cs = (c->cs | 3) & 0xffff;
    regs->ss = (c->ss | 3) & 0xffff;
    regs->rsp = c->rsp;
    regs->rflags = (c->rflags & ~(uint64_t)(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP)) | RFLAGS_IF | RFLAGS_MBS;
    regs->rflags &= 0x3fffffu;
}

long hc_iret(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = current;
    struct trap_frame *regs = guest_regs();
    struct iret_context c;

    if (unlikely(guest_read(&c, regs->rsp, sizeof(c)) != 0)) {
        domain_crash(v->domain, "IRET with an unreadable stack %#lx\n", regs->rsp);
        return 0;
    }
    if ((c.cs & 3) == 3 && !leave_kernel(v))
        return 0;
    if (v->domain->vm_assist & (1ULL << VMASST_TYPE_architectural_iopl))
        v->arch.iopl = (unsigned int)(c.rflags >> 12) & 3;
    load_frame(regs, &c);
    if (c.flags & VGCF_IN_SYSCALL) {
        /* ABI: rcx and r11 are as SYSRET leaves them, whichever instruction returns. */
        regs->rcx = regs->rip;
        regs->r11 = regs->rflags;
        regs->vector = TRAP_SYSCALL;
    } else {
        regs->rcx = c.rcx;
        regs->r11 = c.r11;
        regs->vector = 0;
    }
    write_once(v->vcpu_info->evtchn_upcall_mask, !(c.rflags & RFLAGS_IF));
    v->arch.in_nmi = v->arch.in_mce = false;
    return (long)c.rax;
}

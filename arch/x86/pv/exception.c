/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions and system calls of a running PV guest: which are the hypervisor's business, which
 * are the guest's, and how they look to it. Frames are built in bounce.c.
 */
#include "trace.h"
#include <arch/pv.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/trace.h>
#include <arch/platform.h>

#define DR6_DEFAULT        0xffff0ff0ULL /* SDM3 17.2.3: bits that read as one when nothing happened */
#define INT_N_LENGTH       2u
#define ERROR_CODE_EXT     1u            /* SDM3 6.13 */
#define ERROR_CODE_IDT     2u

/* INT n of a guest: the CPU refused it by our gate's DPL 0, the guest's own table decides. */
static bool try_software_interrupt(struct vcpu *v, struct trap_frame *regs)
{
    const unsigned int vector = (regs->error_code >> 3) & 0xff;
    const unsigned int cpl = v->arch.in_kernel ? 1 : 3;

    if (v->arch.trap_table[vector].dpl < cpl)
        return false;
    regs->rip += INT_N_LENGTH;
    pv_inject_exception(v, vector, 0);
    return true;
}

/* The record names the instruction, which is behind the guest then. */
static bool emulate_privileged(struct vcpu *v, struct trap_frame *regs)
{
    const uint64_t rip = regs->rip;

    if (!pv_emulate_privileged(v, regs))
        return false;
    perfc_inc(privileged);
    if (trace_wants(TRC_PV_ENTRY))
        pv_trace_rip(TRC_PV_EMULATE_PRIVOP, rip);
    return true;
}

static bool emulate_forced(struct vcpu *v, struct trap_frame *regs)
{
    const uint64_t rip = regs->rip;

    if (!pv_emulate_forced(v, regs))
        return false;
    perfc_inc(forced);
    if (trace_wants(TRC_PV_ENTRY))
        pv_trace_rip(TRC_PV_FORCED_INVALID_OP, rip);
    return true;
}

static void general_protection(struct vcpu *v, struct trap_frame *regs)
{
    const uint32_t error_code = regs->error_code & 0xffff;

    if (!(error_code & ERROR_CODE_EXT)) {
        if (error_code & ERROR_CODE_IDT) {
            if (try_software_interrupt(v, regs))
                return;
        } else if (error_code == 0 && emulate_privileged(v, regs)) {
            return;
        }
    }
    pv_inject_exception(v, VEC_GP, error_code);
}

static void int80(struct vcpu *v, struct trap_frame *regs)
{
    const struct pv_trap_entry *t = &v->arch.trap_table[VECTOR_SYSCALL_INT80];

    if (likely(t->rip != 0)) {
        pv_bounce(v, t->rip, t->disables_events ? PV_BOUNCE_MASK_EVENTS : 0);
        return;
    }
    regs->rip -= INT_N_LENGTH;
    pv_inject_exception(v, VEC_GP, VECTOR_SYSCALL_INT80 << 3 | ERROR_CODE_IDT);
}

/* ABI: the guest reads the cause in its virtual DR6, cause bits add up until it clears them. */
static void debug(struct vcpu *v)
{
    const uint64_t dr6 = read_dr6();

    write_dr6(DR6_DEFAULT);
    v->arch.dr6 |= dr6 & ~DR6_DEFAULT;
    v->arch.dr6 &= dr6 | ~DR6_DEFAULT;
    pv_inject_exception(v, VEC_DB, 0);
}

/* ABI: TS is cleared for the guest on the way (xen/arch-x86/xen.h, fpu_taskswitch). */
static void device_not_available(struct vcpu *v)
{
    const bool wanted = v->arch.cr0 & CR0_TS;

    trace(TRC_PV_MATH_STATE_RESTORE);
    pv_fpu_taskswitch(v, false);
    if (wanted)
        pv_inject_exception(v, VEC_NM, 0);
}

void pv_exception(struct trap_frame *regs, uint64_t cr2)
{
    struct vcpu *v = current;
    const unsigned int vector = regs->vector;

    if (likely(vector == VEC_PF)) {
        perfc_inc_at(exceptions, VEC_PF);
        if (pv_mmu_fixup_fault(v, regs, cr2))
            perfc_inc(page_faults_fixed);
        else
            pv_inject_page_fault(v, regs->error_code, cr2);
        return;
    }
    if (vector == VECTOR_SYSCALL_INT80) {
        int80(v, regs);
        return;
    }
    perfc_inc_at(exceptions, vector & 31);
    switch (vector) {
    case VEC_GP:
        general_protection(v, regs);
        return;
    case VEC_NM:
        device_not_available(v);
        return;
    case VEC_DB:
        debug(v);
        return;
    case VEC_UD:
        if (!emulate_forced(v, regs))
            pv_inject_exception(v, VEC_UD, 0);
        return;
    case VEC_MC:
        panic("machine check while dom%u ran\n", v->domain->id);
    default:
        pv_inject_exception(v, vector, regs->error_code & 0xffff);
        return;
    }
}

/* No handler: as if the CPU did not know SYSCALL. */
static void syscall_undefined(struct vcpu *v, struct trap_frame *regs)
{
    regs->rip -= 2;
    pv_inject_exception(v, VEC_UD, 0);
}

static void bounce_sysenter(struct vcpu *v)
{
    if (v->arch.sysenter.rip == 0)
        pv_inject_exception(v, VEC_GP, 0);
    else
        pv_bounce(v, v->arch.sysenter.rip, v->arch.sysenter.disables_events ? PV_BOUNCE_MASK_EVENTS : 0);
}

void pv_syscall_from_user(struct trap_frame *regs)
{
    struct vcpu *v = current;
    const struct pv_callback *handler = regs->vector == TRAP_SYSCALL ? &v->arch.syscall : &v->arch.syscall32;

    perfc_inc(syscalls);
    if (regs->vector == TRAP_SYSENTER) {
        bounce_sysenter(v);
        return;
    }
    if (unlikely(handler->rip == 0)) {
        syscall_undefined(v, regs);
        return;
    }
    pv_bounce_syscall(v, handler);
}

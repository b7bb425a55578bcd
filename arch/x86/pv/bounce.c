/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entering a PV guest's kernel: exception, event, NMI, system-call and failsafe frames on its
 * stack. Owns the layout of those frames; what enters is decided elsewhere. Lock: none, v is
 * current. Context: interrupts on or off, CR3 is the guest's.
 *
 * Frame of a 64-bit guest, from its stack pointer upwards (xen/arch-x86/xen-x86_64.h and every PV kernel):
 *
 *   rcx  r11  [ds es fs gs]  [error code]  rip  cs | upcall mask << 32  rflags  rsp  ss
 */
#include "trace.h"
#include <arch/extable.h>
#include <arch/guest_copy.h>
#include <arch/patch.h>
#include <arch/pv.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/softirq.h>
#include <hv/trace.h>
#include <xen/vcpu.h>

/* What user page tables do not show was left for now. */
static inline void publish_stale(struct vcpu *v)
{
    if (unlikely(v->sched.runstate_stale))
        vcpu_runstate_publish_stale(v);
}

void pv_toggle_mode(struct vcpu *v)
{
    pv_enter_mode(v, !v->arch.in_kernel);
    if (v->arch.in_kernel)
        publish_stale(v);
}

/* One word of the frame, or to `fault` if the guest's stack cannot take it. */
#define STORE(va, word) \
    __asm__ goto("1: movq %1, %0\n\t" EXTABLE_STR("1b", "%l[fault]") :: "m"(*(uint64_t *)(va)), "r"((uint64_t)(word)) : "memory" : fault)

/* IF shows the upcall mask, IOPL the virtual one if the guest asked for that. */
static inline uint64_t flags_for_guest(const struct vcpu *v, uint64_t rflags, uint8_t upcall_mask)
{
    uint64_t flags = rflags & ~(uint64_t)(RFLAGS_IF | RFLAGS_IOPL);

    if (upcall_mask == 0)
        flags |= RFLAGS_IF;
    if (unlikely(v->domain->vm_assist & (1ULL << VMASST_TYPE_architectural_iopl)))
        flags |= (uint64_t)v->arch.iopl << 12;
    return flags;
}

/*
 * Registers of the handler's first instruction. rcx and r11, saved in the frame, are those that
 * SYSRET leaves, so that the exit path may use it.
 */
static inline void point_at_handler(struct trap_frame *regs, uint64_t rip, uint64_t sp, uint64_t cleared)
{
    regs->rflags &= ~cleared;
    regs->rip = rip;
    regs->cs = SEL_GUEST_CS64;
    regs->ss = SEL_GUEST_DS;
    regs->rsp = sp;
    regs->rcx = rip;
    regs->r11 = regs->rflags;
    regs->vector = TRAP_SYSCALL;
}

static noinline cold void cannot_enter(const struct vcpu *v, uint64_t rip, uint64_t sp)
{
    domain_crash(v->domain, "cannot enter guest kernel: handler %#lx, stack %#lx, from rip %#lx\n", rip, sp, guest_regs()->rip);
}

/* `how` is a constant but for PV_BOUNCE_MASK_EVENTS: each use becomes straight code. */
static always_inline void enter_kernel(struct vcpu *v, uint64_t rip, unsigned int how, uint32_t error_code)
{
    struct trap_frame *regs = guest_regs();
    struct vcpu_info *info = v->vcpu_info;
    const uint8_t mask = read_once(info->evtchn_upcall_mask);
    uint64_t sp, cs = (uint16_t)regs->cs;

    if (!(how & PV_BOUNCE_SYSCALL) && v->arch.in_kernel) {
        /* ABI: a frame that interrupts the kernel says so by RPL 0. */
        cs &= ~3ULL;
        sp = regs->rsp;
    } else {
        pv_enter_mode(v, true);
        sp = v->arch.kernel_sp;
    }
    sp = (sp & ~15ULL) - (7 + (how & PV_BOUNCE_ERROR_CODE ? 1 : 0) + (how & PV_BOUNCE_SEGMENTS ? 4 : 0)) * 8;
    /* Trust: the guest's stack pointer, but not into the hypervisor; stores go upwards from it. Presence and canonical form are the CPU's to check. */
    if (unlikely(guest_clamp_in_place(&sp)) || unlikely(rip == 0))
        goto fault;
    uint64_t at = sp + 16;

    guest_access_begin();
    STORE(sp, regs->rcx);
    STORE(sp + 8, regs->r11);
    if (how & PV_BOUNCE_SEGMENTS) {
        STORE(at, v->arch.ds);
        STORE(at + 8, v->arch.es);
        STORE(at + 16, v->arch.fs);
        STORE(at + 24, v->arch.gs);
        at += 32;
    }
    if (how & PV_BOUNCE_ERROR_CODE) {
        STORE(at, error_code);
        at += 8;
    }
    STORE(at, regs->rip);
    STORE(at + 8, cs | (uint64_t)mask << 32);
    STORE(at + 16, flags_for_guest(v, regs->rflags, mask));
    STORE(at + 24, regs->rsp);
    STORE(at + 32, (uint16_t)regs->ss);
    guest_access_end();
    if (how & PV_BOUNCE_MASK_EVENTS)
        write_once(info->evtchn_upcall_mask, 1);
    point_at_handler(regs, rip, sp, how & PV_BOUNCE_SYSCALL ? RFLAGS_CLEARED_BY_CALL : RFLAGS_CLEARED);
    publish_stale(v);
    return;
fault:
    cannot_enter(v, rip, sp);
}

void pv_bounce(struct vcpu *v, uint64_t rip, unsigned int how)
{
    enter_kernel(v, rip, how & PV_BOUNCE_MASK_EVENTS, 0);
}

/* Most do not mask events: two straight pieces of code. */
void pv_bounce_syscall(struct vcpu *v, const struct pv_callback *handler)
{
    if (handler->disables_events)
        enter_kernel(v, handler->rip, PV_BOUNCE_SYSCALL | PV_BOUNCE_MASK_EVENTS, 0);
    else
        enter_kernel(v, handler->rip, PV_BOUNCE_SYSCALL, 0);
}

static noinline cold void unhandled(const struct vcpu *v, unsigned int vector, uint32_t error_code)
{
    guest_printk(LOG_ERR, "unhandled exception %u, error code %04x, rip %#lx, cr2 %#lx\n", vector, error_code,
                 guest_regs()->rip, v->arch.cr2);
    domain_crash(v->domain, "no handler for exception %u\n", vector);
}

void pv_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error_code)
{
    const struct pv_trap_entry *t = &v->arch.trap_table[vector & 0xff];
    const unsigned int how = t->disables_events ? PV_BOUNCE_MASK_EVENTS : 0;

    if (trace_wants(TRC_PV_ENTRY))
        pv_trace_trap(vector, error_code);
    if (unlikely(t->rip == 0))
        unhandled(v, vector, error_code);
    else if (vector < 32 && (VECTORS_WITH_ERROR_CODE >> vector) & 1)
        enter_kernel(v, t->rip, how | PV_BOUNCE_ERROR_CODE, error_code);
    else
        enter_kernel(v, t->rip, how, 0);
}

void pv_inject_page_fault(struct vcpu *v, uint32_t error_code, uint64_t cr2)
{
    /* ABI: the guest's kernel runs in ring 3 too; "user" means guest user. */
    error_code &= ~PFEC_USER;
    if (!v->arch.in_kernel)
        error_code |= PFEC_USER;
    if (trace_wants(TRC_PV_ENTRY))
        pv_trace_page_fault(cr2, error_code);
    v->arch.cr2 = cr2;
    write_once(v->vcpu_info->arch.cr2, cr2);
    pv_inject_exception(v, VEC_PF, error_code);
}

void pv_failsafe(struct vcpu *v)
{
    uint16_t sel[4];

    __asm__("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3" : "=r"(sel[0]), "=r"(sel[1]), "=r"(sel[2]), "=r"(sel[3]));
    v->arch.ds = sel[0];
    v->arch.es = sel[1];
    v->arch.fs = sel[2];
    v->arch.gs = sel[3];
    enter_kernel(v, v->arch.failsafe.rip, PV_BOUNCE_SEGMENTS | (v->arch.failsafe.disables_events ? PV_BOUNCE_MASK_EVENTS : 0), 0);
}

/* A machine check or NMI for the guest, unless it is still in the handler of the last one. */
static noinline void deliver_asynchronous(struct vcpu *v, unsigned int vector, bool *pending, bool *active)
{
    if (*active || v->arch.trap_table[vector].rip == 0)
        return;
    *pending = false;
    *active = true;
    pv_inject_exception(v, vector, 0);
}

void pv_deliver_pending(struct vcpu *v)
{
    struct vcpu_info *info = v->vcpu_info;

    if (unlikely(v->mce_pending))
        deliver_asynchronous(v, VEC_MC, &v->mce_pending, &v->arch.in_mce);
    if (unlikely(v->nmi_pending))
        deliver_asynchronous(v, VEC_NMI, &v->nmi_pending, &v->arch.in_nmi);
    /* Order: a sender sets pending before it kicks this CPU; interrupts are off, so a later kick brings us here again. */
    if (read_once(info->evtchn_upcall_pending) && !read_once(info->evtchn_upcall_mask))
        pv_bounce(v, v->arch.event.rip, PV_BOUNCE_MASK_EVENTS);
}

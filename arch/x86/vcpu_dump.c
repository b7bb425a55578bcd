/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest vCPU's registers and stack, for debug keys and crash reports. */
#include <arch/pv.h>
#include <hv/guest_access.h>
#include <hv/log.h>
#include <hv/percpu.h>

#define STACK_WORDS 24u

static void dump_registers(const struct vcpu *v, const struct trap_frame *r)
{
    log_warn("----[ d%uv%u ]----\n", v->domain->id, v->id);
    log_warn("RIP:    %04lx:[<%016lx>]   guest %s mode\n", r->cs & 0xffff, r->rip, v->arch.in_kernel ? "kernel" : "user");
    log_warn("RFLAGS: %016lx   pause flags %x count %d, events %s, CPU %u\n", r->rflags, v->pause_flags, v->pause_count,
             read_once(v->vcpu_info->evtchn_upcall_mask) ? "masked" : "enabled", v->sched.cpu);
    log_warn("rax: %016lx   rbx: %016lx   rcx: %016lx\n", r->rax, r->rbx, r->rcx);
    log_warn("rdx: %016lx   rsi: %016lx   rdi: %016lx\n", r->rdx, r->rsi, r->rdi);
    log_warn("rbp: %016lx   rsp: %016lx   r8:  %016lx\n", r->rbp, r->rsp, r->r8);
    log_warn("r9:  %016lx   r10: %016lx   r11: %016lx\n", r->r9, r->r10, r->r11);
    log_warn("r12: %016lx   r13: %016lx   r14: %016lx\n", r->r12, r->r13, r->r14);
    log_warn("r15: %016lx   cr2: %016lx   cr3: %016lx\n", r->r15, v->arch.cr2, v->arch.cr3_loaded);
}

/* Only the current vCPU's page tables are in use: of others the stack is not shown. */
static void dump_stack(uint64_t rsp)
{
    uint64_t word;

    log_warn("Guest stack trace from rsp=%016lx:\n", rsp);
    for (unsigned int i = 0; i < STACK_WORDS; i++) {
        if (guest_read(&word, rsp + i * sizeof(word), sizeof(word)) != 0) {
            log_warn("   (stack is not mapped)\n");
            return;
        }
        log_warn("%s%016lx%s", i % 3 == 0 ? "   " : " ", word, i % 3 == 2 ? "\n" : "");
    }
}

void arch_vcpu_dump(struct vcpu *v)
{
    const bool is_current = v == current;
    const struct trap_frame *regs = is_current ? guest_regs() : &v->arch.regs;

    if (v->is_idle)
        return;
    dump_registers(v, regs);
    if (is_current)
        dump_stack(regs->rsp);
}

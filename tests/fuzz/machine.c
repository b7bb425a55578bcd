/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simulated machine; see machine.h. Its TLB and guest memory are in machine_memory.c. */
#include "machine_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <arch/cpu.h>
#include <arch/cpu_policy.h>
#include <arch/trap.h>
#include <hv/percpu.h>
#include <hv/smp.h>
#include <hv/softirq.h>

#define RIP_AFTER_CALL 0x1000u
#define MAX_CONTINUATIONS 20000u
#define MAX_WAITING 1000u

uint64_t machine_hypercalls;
uint64_t *host_m2p;

static struct { struct vcpu *current; struct trap_frame regs; bool irqs; uint64_t timer_ns; } cpus[MACHINE_CPUS];
static jmp_buf *leave_softirqs;
static unsigned int waiting;

void finding(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "FINDING: ");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

/* ---- CPUs ---- */

void machine_cpu(unsigned int cpu)
{
    cpus[host_test_cpu].current = host_test_current;
    cpus[host_test_cpu].regs = host_test_regs;
    cpus[host_test_cpu].irqs = host_test_irqs;
    host_test_cpu = cpu;
    host_test_current = cpus[cpu].current;
    host_test_regs = cpus[cpu].regs;
    host_test_irqs = cpus[cpu].irqs;
}

struct vcpu *machine_current(unsigned int cpu)
{
    return cpu == host_test_cpu ? current : cpus[cpu].current;
}

void machine_softirqs(unsigned int cpu)
{
    const unsigned int before = host_test_cpu;
    jmp_buf here, *const outer = leave_softirqs;

    machine_cpu(cpu);
    if (cpus[cpu].timer_ns <= host_now_ns)
        softirq_raise(SOFTIRQ_TIMER);
    if (current->is_idle)
        softirq_raise(SOFTIRQ_SCHEDULE);
    leave_softirqs = &here;
    if (_setjmp(here) == 0 || softirq_pending())
        softirq_run();
    leave_softirqs = outer;
    host_test_irqs = true;
    machine_cpu(before);
}

/* The way into a vCPU: the stack of the one that left is given up. */
void context_enter_guest(struct trap_frame *regs)
{
    host_test_irqs = true;
    _longjmp(*leave_softirqs, 1);
}

void cpu_enter_idle(void)
{
    context_enter_guest(NULL);
}

/* A CPU waits for another one: that one's turn. */
void machine_relax(void)
{
    if (++waiting > MAX_WAITING)
        finding("CPU %u waits for ever", host_test_cpu);
    for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++)
        if (cpu != host_test_cpu)
            machine_softirqs(cpu);
}

void arch_smp_send_call(const cpumask_t *targets)
{
    const unsigned int before = host_test_cpu;
    unsigned int cpu;

    cpumask_for_each(cpu, targets) {
        machine_cpu(cpu);
        const uint64_t flags = irq_save();

        smp_call_interrupt();
        irq_restore(flags);
        machine_cpu(before);
    }
}

void arch_smp_send_kick(unsigned int cpu) { }

/* ---- time ---- */

void arch_timer_program(uint64_t deadline_ns)
{
    cpus[host_test_cpu].timer_ns = deadline_ns;
}

void machine_advance(uint64_t ns)
{
    host_now_ns += ns;
}

void arch_guest_clock(const struct vcpu *v, struct guest_clock *out)
{
    *out = (struct guest_clock){ .tsc = host_now_ns, .system_ns = host_now_ns, .mul = 1u << 31, .shift = 1, .epoch = 1 };
}

uint32_t arch_guest_clock_epoch(const struct vcpu *v) { return 1; }
uint32_t arch_tsc_khz(void) { return 1000000; }
bool clock_tsc_is_stable(void) { return true; }
bool arch_calendar_read(uint64_t *unix_seconds, bool *at_edge) { return false; }

/* ---- hypercalls ---- */

/* Trust: the guest takes its upcall before the hypercall goes on. */
static void take_upcall(struct vcpu *v)
{
    v->vcpu_info->evtchn_upcall_pending = 0;
}

void machine_set_mode(struct vcpu *v, bool in_kernel)
{
    if (v->arch.in_kernel == in_kernel)
        return;
    v->arch.in_kernel = in_kernel;
    pv_mmu_update_cr3(v);
    pv_mmu_switch_mode(v);
}

long machine_resume(void)
{
    struct vcpu *v = current;

    for (unsigned int n = 0; guest_regs()->rip != RIP_AFTER_CALL; n++) {
        if (n > MAX_CONTINUATIONS)
            finding("hypercall %lu does not end", guest_regs()->rax);
        take_upcall(v);
        guest_regs()->rip = RIP_AFTER_CALL;
        waiting = 0;
        pv_syscall(guest_regs());
        machine_softirqs(host_test_cpu);
        if (current != v)
            return LEFT_THE_CPU;
    }
    return (long)guest_regs()->rax;
}

long machine_hypercall(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct trap_frame *regs = guest_regs();
    struct vcpu *v = current;

    regs->rax = nr;
    regs->rdi = a1;
    regs->rsi = a2;
    regs->rdx = a3;
    regs->r10 = a4;
    regs->r8 = a5;
    regs->rip = RIP_AFTER_CALL;
    machine_hypercalls++;
    regs->vector = TRAP_SYSCALL;
    waiting = 0;
    machine_set_mode(v, true);
    pv_syscall(regs);
    if (!host_test_irqs)
        finding("hypercall %lu returns with interrupts off", nr);
    machine_softirqs(host_test_cpu);
    return current == v ? machine_resume() : LEFT_THE_CPU;
}

/* ---- pages of the hypervisor ---- */

void *pages_alloc(unsigned int order, uint32_t alloc_flags)
{
    struct frame *f = buddy_alloc(order, alloc_flags);

    for (uint64_t i = 0; f && i < 1ULL << order; i++)
        f[i].flags = FRAME_HYPERVISOR;
    return f ? frame_va(f) : NULL;
}

void pages_free(void *p, unsigned int order)
{
    struct frame *f = frame_of(va_mfn(p));

    for (uint64_t i = 0; i < 1ULL << order; i++) {
        if (!(f[i].flags & FRAME_HYPERVISOR) || f[i].refs != 0)
            finding("page %lx is freed, flags %x, refs %u", frame_mfn(&f[i]).v, f[i].flags, f[i].refs);
        f[i].flags = (uint16_t)((f[i].flags & ~FRAME_HYPERVISOR) | FRAME_NEED_SCRUB);
    }
    buddy_free(f, order);
}

/* ---- start ---- */

static void init_ram(void)
{
    host_ram = aligned_alloc(PAGE_SIZE, MACHINE_FRAMES * PAGE_SIZE);
    host_frame_table = calloc(MACHINE_FRAMES, sizeof(struct frame));
    host_m2p = calloc(MACHINE_FRAMES, sizeof(uint64_t));
    memset(host_ram, 0, MACHINE_FRAMES * PAGE_SIZE);
    frame_table_nr = max_mfn = MACHINE_FRAMES;
    for (unsigned int i = 0; i < MACHINE_FRAMES; i++)
        host_frame_table[i].owner = DOMID_INVALID;
    buddy_add(MFN(1), MFN(MACHINE_FRAMES));
}

bool mfn_is_valid(mfn_t mfn) { return mfn.v < MACHINE_FRAMES; }

void machine_init(void)
{
    init_ram();
    cpu_features.nx = cpu_features.pge = cpu_features.syscall32 = true;
    cpu_features.phys_bits = 40;
    cpu_features.linear_bits = 48;
    nr_cpu_ids = MACHINE_CPUS;
    host_now_ns = NS_PER_S;
    machine_memory_init();
    domain_init();
    sched_init();
    cpus[0].irqs = true;
    for (unsigned int cpu = 1; cpu < MACHINE_CPUS; cpu++) {
        cpumask_set(&cpu_online_mask, cpu);
        sched_init_cpu(cpu);
        cpus[cpu].current = sched_idle_vcpu(cpu);
        cpus[cpu].irqs = true;
        cpus[cpu].timer_ns = ~0ULL;
    }
    for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++)
        machine_softirqs(cpu);
}

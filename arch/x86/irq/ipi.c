/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt entry by vector, and the interrupts that CPUs send each other. The fixed vectors
 * 0xf0..0xff are ours; below them are the devices' (desc.c).
 */
#include "apic_regs.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/smp.h>
#include <hv/softirq.h>

static void kick_interrupt(void)
{
    /* The way back to the guest looks for soft interrupts: being interrupted is all. */
    perfc_inc(ipis);
}

static void timer_interrupt(void)
{
    softirq_raise(SOFTIRQ_TIMER);
}

static void (*fixed_handler[256 - VECTOR_PIC])(void) = {
    [VECTOR_CALL - VECTOR_PIC] = smp_call_interrupt,
    [VECTOR_KICK - VECTOR_PIC] = kick_interrupt,
    [VECTOR_TIMER - VECTOR_PIC] = timer_interrupt,
};

void apic_set_vector_handler(unsigned int vector, void (*fn)(void))
{
    ASSERT(vector >= VECTOR_PIC && vector < VECTOR_SPURIOUS);
    write_once(fixed_handler[vector - VECTOR_PIC], fn);
}

static bool is_in_service(unsigned int vector)
{
    return (apic_read(APIC_REG_ISR + 16 * (vector / 32)) >> (vector % 32)) & 1;
}

static void unexpected_interrupt(unsigned int vector)
{
    static unsigned int reported;

    /* A PIC's spurious interrupt and the local APIC's own are not in service and want no EOI. */
    if (is_in_service(vector))
        apic_eoi();
    else if (vector >= VECTOR_PIC)
        return;
    if (reported < 16) {
        reported++;
        log_warn("CPU%u: unexpected interrupt, vector 0x%02x\n", this_cpu_id(), vector);
    }
}

static void fixed_interrupt(unsigned int vector)
{
    void (*fn)(void) = read_once(fixed_handler[vector - VECTOR_PIC]);

    if (!fn) {
        unexpected_interrupt(vector);
        return;
    }
    apic_eoi();
    fn();
}

void irq_interrupt(struct trap_frame *regs)
{
    unsigned int vector = regs->vector & 0xff;

    if (vector >= VECTOR_PIC)
        fixed_interrupt(vector);
    else if (!irq_dispatch(vector))
        unexpected_interrupt(vector);
}

void arch_smp_send_call(const cpumask_t *cpus)
{
    unsigned int cpu, self = this_cpu_id();

    cpumask_for_each(cpu, cpus)
        if (cpu != self)
            apic_send_ipi(cpu_topology[cpu].apic_id, APIC_MODE_FIXED | APIC_ICR_ASSERT | VECTOR_CALL);
}

void arch_smp_send_kick(unsigned int cpu)
{
    apic_send_ipi(cpu_topology[cpu].apic_id, APIC_MODE_FIXED | APIC_ICR_ASSERT | VECTOR_KICK);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each CPU's clock interrupt: the local APIC's timer, by TSC deadline or by one-shot count (SDM3 10.5.4).
 * It may come early (a count is 32 bits wide): the timer softirq looks at the clock and asks again.
 */
#include "clock.h"

#include <arch/cpu.h>
#include <arch/platform.h>
#include <arch/spec_ctrl.h>
#include <hv/perfc.h>
#include <hv/sched.h>
#include <hv/softirq.h>

#define LONGEST_WAIT_NS (4 * NS_PER_S)

struct time_scale ns_to_apic;

static void timer_interrupt(void)
{
    perfc_inc(timer_irqs);
    softirq_raise(SOFTIRQ_TIMER);
}

void clock_timer_init(void)
{
    apic_set_vector_handler(VECTOR_TIMER, timer_interrupt);
}

/* What is to be written for a wait of wait_ns from tsc on; late rather than early. */
static uint64_t apic_value(uint64_t tsc, uint64_t wait_ns)
{
    uint64_t count;

    if (apic_timer_is_deadline())
        return tsc + scale_apply(wait_ns, ns_to_tsc) + 1;
    count = scale_apply(wait_ns, ns_to_apic) + 1;
    return count > 0xffffffff ? 0xffffffff : count;
}

void arch_timer_program(uint64_t deadline_ns)
{
    uint64_t tsc, now;

    if (deadline_ns == ~0ULL) {
        apic_timer_arm(0);
        return;
    }
    tsc = rdtsc();
    now = scale_apply(tsc - this_cpu(tsc_base), tsc_to_ns);
    if (unlikely(deadline_ns <= now))
        softirq_raise(SOFTIRQ_TIMER);
    else
        apic_timer_arm(apic_value(tsc, min(deadline_ns - now, (uint64_t)LONGEST_WAIT_NS)));
}

void arch_idle(void)
{
    /* SDM2 STI: interrupts are held off until after the next instruction, so none is lost before HLT. */
    spec_ctrl_idle();
    __asm__ volatile("sti; hlt" ::: "memory");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to arch/x86/time. */
#ifndef ARCH_TIME_CLOCK_H
#define ARCH_TIME_CLOCK_H

#include <arch/time.h>
#include <arch/time_scale.h>
#include <hv/percpu.h>
#include <hv/time.h>

extern struct time_scale tsc_to_ns, ns_to_tsc, ns_to_apic;
/* TSC of the CPU at system time 0. */
DECLARE_PER_CPU(uint64_t, tsc_base);

/* Takes over the local APIC timer's vector. */
void clock_timer_init(void);
/* Changes a clock into that of d's emulated TSC. */
void vtsc_guest_clock(const struct domain *d, struct guest_clock *clock);

#endif

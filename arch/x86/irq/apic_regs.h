/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APIC registers and bits (SDM3 tables 10-1, 10-6, figures 10-8, 10-12). */
#ifndef IRQ_APIC_REGS_H
#define IRQ_APIC_REGS_H

#include <arch/platform.h>

#define APIC_REG_ID          0x020u
#define APIC_REG_VERSION     0x030u
#define APIC_REG_TPR         0x080u
#define APIC_REG_EOI         0x0b0u
#define APIC_REG_SPURIOUS    0x0f0u
#define APIC_REG_ISR         0x100u /* eight registers, 16 bytes apart */
#define APIC_REG_ESR         0x280u
#define APIC_REG_LVT_CMCI    0x2f0u
#define APIC_REG_ICR_LOW     0x300u
#define APIC_REG_ICR_HIGH    0x310u
#define APIC_REG_LVT_THERMAL 0x330u
#define APIC_REG_LVT_PERF    0x340u
#define APIC_REG_LVT_LINT0   0x350u
#define APIC_REG_LVT_LINT1   0x360u
#define APIC_REG_LVT_ERROR   0x370u

/* MSR_APIC_BASE */
#define APIC_BASE_X2APIC     (1u << 10)
#define APIC_BASE_ENABLE     (1u << 11)
#define APIC_BASE_ADDRESS    0x000ffffffffff000ULL

#define APIC_SPURIOUS_ENABLE (1u << 8)
#define APIC_BROADCAST_XAPIC 0xffu

/* Local vector table and interrupt command register: delivery modes, flags */
#define APIC_MODE_FIXED      (0u << 8)
#define APIC_MODE_NMI        (4u << 8)
#define APIC_MODE_INIT       (5u << 8)
#define APIC_MODE_STARTUP    (6u << 8)
#define APIC_MODE_EXTINT     (7u << 8)
#define APIC_ICR_BUSY        (1u << 12)
#define APIC_ICR_ASSERT      (1u << 14)
#define APIC_LVT_MASKED      (1u << 16)

#define APIC_TIMER_ONE_SHOT    0u
#define APIC_TIMER_DEADLINE    (2u << 17)
#define APIC_TIMER_DIVIDE_BY_1 0xbu

#endif

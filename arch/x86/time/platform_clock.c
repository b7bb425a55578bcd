/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's reference counters, best first: HPET (IA-PC HPET specification 1.0a), ACPI power
 * management timer (ACPI 6.4, 4.8.3.3), the time-stamp counter where its rate is told, channel 2 of the
 * 8254 interval timer. Started at boot, only read afterwards.
 */
#include "platform_clock.h"

#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/param.h>

static boot_data char opt_clocksource[16];
BOOT_PARAM_STRING(clocksource, "clocksource", opt_clocksource);

#define HPET_CAPABILITIES  0x000u  /* period in femtoseconds in bits 63:32 */
#define HPET_CONFIG        0x010u
#define HPET_COUNTER       0x0f0u
#define HPET_CONFIG_ENABLE (1u << 0)
#define HPET_CONFIG_LEGACY (1u << 1)
#define HPET_MAX_PERIOD_FS 100000000u
#define FS_PER_S           1000000000000000ULL

#define PM_TIMER_HZ   3579545u
#define PIT_HZ        1193182u
#define PIT_CHANNEL2  0x42u
#define PIT_COMMAND   0x43u
#define PORT_B        0x61u   /* bit 0: gate of channel 2; bit 1: speaker */

static volatile uint32_t *hpet;

static struct platform_clock clocks[];
enum { CLOCK_HPET, CLOCK_PM_TIMER, CLOCK_TSC, CLOCK_PIT };

static boot_code bool hpet_probe(void)
{
    uint32_t period_fs;

    if (acpi_info.hpet_address == 0)
        return false;
    hpet = vmap_io(MADDR(acpi_info.hpet_address), PAGE_SIZE, MAP_UC);
    if (hpet == NULL)
        return false;
    period_fs = hpet[HPET_CAPABILITIES / 4 + 1];
    if (period_fs == 0 || period_fs > HPET_MAX_PERIOD_FS)
        return false;
    hpet[HPET_CONFIG / 4] = (hpet[HPET_CONFIG / 4] & ~HPET_CONFIG_LEGACY) | HPET_CONFIG_ENABLE;
    clocks[CLOCK_HPET].hz = (FS_PER_S + period_fs / 2) / period_fs;
    return true;
}

static uint64_t hpet_read(void)
{
    return hpet[HPET_COUNTER / 4];
}

static boot_code bool pm_timer_probe(void)
{
    return acpi_info.pm_timer_port != 0;
}

static uint64_t pm_timer_read(void)
{
    return inl(acpi_info.pm_timer_port);
}

/* Core crystal ratio (SDM2 CPUID leaf 15H). */
uint64_t tsc_hz_told(void)
{
    struct cpuid_leaf l;

    if (cpuid(0).a >= 0x15) {
        l = cpuid(0x15);
        if (l.a != 0 && l.b != 0 && l.c != 0)
            return (uint64_t)l.c * l.b / l.a;
    }
    return xen_guest_tsc_hz();
}

static boot_code bool tsc_probe(void)
{
    clocks[CLOCK_TSC].hz = tsc_hz_told();
    return clocks[CLOCK_TSC].hz != 0;
}

static uint64_t tsc_read(void)
{
    return rdtsc_ordered();
}

/* Mode 0 (8254 data sheet): counts down through zero and on. */
static boot_code bool pit_probe(void)
{
    outb(PORT_B, (uint8_t)((inb(PORT_B) & ~2u) | 1u));
    outb(PIT_COMMAND, 0xb0);
    outb(PIT_CHANNEL2, 0xff);
    outb(PIT_CHANNEL2, 0xff);
    return true;
}

static uint64_t pit_read(void)
{
    uint32_t low, high;

    outb(PIT_COMMAND, 0x80); /* latch */
    low = inb(PIT_CHANNEL2);
    high = inb(PIT_CHANNEL2);
    return 0xffff - (high << 8 | low);
}

static struct platform_clock clocks[] = {
    [CLOCK_HPET] = { "hpet", "HPET", 0, 0xffffffff, hpet_probe, hpet_read },
    [CLOCK_PM_TIMER] = { "acpi", "ACPI PM Timer", PM_TIMER_HZ, 0xffffff, pm_timer_probe, pm_timer_read },
    [CLOCK_TSC] = { "tsc", "TSC", 0, ~0ULL, tsc_probe, tsc_read },
    [CLOCK_PIT] = { "pit", "PIT", PIT_HZ, 0xffff, pit_probe, pit_read },
};

bool platform_clock_is_tsc(const struct platform_clock *c)
{
    return c == &clocks[CLOCK_TSC];
}

/* A counter that does not count would hang whoever waits for it. */
static boot_code bool is_counting(const struct platform_clock *c)
{
    const uint64_t start = c->read();

    for (unsigned int i = 0; i < 100000; i++)
        if (c->read() != start)
            return true;
    log_warn("%s does not count\n", c->name);
    return false;
}

boot_code const struct platform_clock *platform_clock_choose(void)
{
    const struct platform_clock *best = NULL;

    for (unsigned int i = 0; i < array_size(clocks); i++) {
        const bool named = strcmp(opt_clocksource, clocks[i].option) == 0;

        if ((best == NULL || named) && clocks[i].probe() && is_counting(&clocks[i]))
            best = &clocks[i];
    }
    if (best == NULL)
        panic("No HPET, ACPI PM timer, TSC of known rate or 8254 timer counts: there is no clock to go by\n");
    if (opt_clocksource[0] != '\0' && strcmp(opt_clocksource, "tsc") != 0 && strcmp(opt_clocksource, best->option) != 0)
        log_warn("clocksource=%s is not to be had, using %s\n", opt_clocksource, best->option);
    return best;
}

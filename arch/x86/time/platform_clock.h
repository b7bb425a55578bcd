/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to time/: free-running counters of known frequency, to measure the CPU's clocks against. */
#ifndef ARCH_TIME_PLATFORM_CLOCK_H
#define ARCH_TIME_PLATFORM_CLOCK_H

#include <hv/compiler.h>

struct platform_clock {
    const char *option;        /* as clocksource= calls it */
    const char *name;          /* as the log calls it */
    uint64_t hz;               /* after probe */
    uint64_t mask;             /* the counter wraps here */
    bool (*probe)(void);       /* starts it; false: not there */
    uint64_t (*read)(void);
};

/* Rate of the time-stamp counter, by the CPU or the hypervisor below; 0: not told. */
uint64_t tsc_hz_told(void);
bool platform_clock_is_tsc(const struct platform_clock *c);
/* The one that clocksource= names, or else the best; never NULL. Boot only. */
const struct platform_clock *platform_clock_choose(void);

#endif

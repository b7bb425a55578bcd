/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time-stamp counter that a domain sees: the machine's own, or one that is computed from system
 * time at a rate of the domain's (RDTSC then traps). Changed only while the domain is paused.
 */
#include "clock.h"

#include <arch/cpu.h>
#include <hv/domain.h>
#include <hv/errno.h>

#define CPUID_TSC_EMULATED (1u << 0)
#define CPUID_TSC_RELIABLE (1u << 1)
#define CPUID_TSC_RDTSCP   (1u << 2)

static void set_rate(struct arch_domain *a, uint32_t khz)
{
    a->tsc_khz = khz ? khz : arch_tsc_khz();
    a->vtsc_to_ns = scale_make((uint64_t)a->tsc_khz * 1000, NS_PER_S);
    a->ns_to_vtsc = scale_make(NS_PER_S, (uint64_t)a->tsc_khz * 1000);
}

/* Default mode emulates where the real counter would not keep the promise: constant, and the rate the guest began with. */
static bool needs_emulation(const struct domain *d, uint32_t mode)
{
    if (d->is_hardware || mode == TSC_MODE_NEVER_EMULATE)
        return false;
    if (mode == TSC_MODE_ALWAYS_EMULATE)
        return true;
    return !clock_tsc_is_stable() || d->arch.tsc_khz != arch_tsc_khz();
}

int vtsc_set_info(struct domain *d, uint32_t mode, uint64_t elapsed_ns, uint32_t khz, uint32_t incarnation)
{
    struct arch_domain *a = &d->arch;

    if (mode > TSC_MODE_NEVER_EMULATE)
        return ERR(EINVAL);
    a->tsc_mode = mode;
    a->vtsc_zero_ns = now_ns() - elapsed_ns;
    a->tsc_incarnation = incarnation + 1;
    set_rate(a, khz);
    a->vtsc = needs_emulation(d, mode);
    return 0;
}

void vtsc_domain_init(struct domain *d)
{
    d->arch.tsc_mode = TSC_MODE_DEFAULT;
    d->arch.vtsc_zero_ns = now_ns();
    d->arch.tsc_incarnation = 1;
    set_rate(&d->arch, 0);
    d->arch.vtsc = needs_emulation(d, TSC_MODE_DEFAULT);
}

void vtsc_get_info(const struct domain *d, uint32_t *mode, uint64_t *elapsed_ns, uint32_t *khz, uint32_t *incarnation)
{
    const struct arch_domain *a = &d->arch;
    int64_t elapsed = 0;

    *mode = a->tsc_mode;
    *incarnation = a->tsc_incarnation;
    *khz = 0;
    if (a->tsc_mode == TSC_MODE_ALWAYS_EMULATE || a->vtsc) {
        elapsed = (int64_t)(now_ns() - a->vtsc_zero_ns);
        *khz = a->tsc_khz;
    } else if (a->tsc_mode == TSC_MODE_DEFAULT) {
        elapsed = (int64_t)scale_apply(rdtsc(), a->vtsc_to_ns);
        *khz = arch_tsc_khz();
    }
    *elapsed_ns = elapsed > 0 ? (uint64_t)elapsed : 0;
}

static uint64_t vtsc_at(const struct domain *d, uint64_t system_ns)
{
    return scale_apply(system_ns - d->arch.vtsc_zero_ns, d->arch.ns_to_vtsc);
}

uint64_t vtsc_read(const struct domain *d)
{
    return vtsc_at(d, now_ns());
}

void vtsc_guest_clock(const struct domain *d, struct guest_clock *clock)
{
    clock->system_ns = now_ns();
    clock->tsc = vtsc_at(d, clock->system_ns);
    clock->mul = d->arch.vtsc_to_ns.mul;
    clock->shift = d->arch.vtsc_to_ns.shift;
}

void vtsc_cpuid(const struct domain *d, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *dd)
{
    const struct arch_domain *arch = &d->arch;

    *a = *b = *c = *dd = 0;
    switch (sub) {
    case 0:
        *a = (arch->vtsc ? CPUID_TSC_EMULATED : 0) | (clock_tsc_is_stable() ? CPUID_TSC_RELIABLE : 0) |
             (cpu_features.rdtscp ? CPUID_TSC_RDTSCP : 0);
        *b = arch->tsc_mode;
        *c = arch->tsc_khz;
        *dd = arch->tsc_incarnation;
        break;
    case 1:
        *a = (uint32_t)arch->vtsc_zero_ns;
        *b = (uint32_t)(arch->vtsc_zero_ns >> 32);
        *c = arch->vtsc_to_ns.mul;
        *dd = (uint32_t)arch->vtsc_to_ns.shift;
        break;
    case 2:
        *a = arch_tsc_khz();
        break;
    }
}

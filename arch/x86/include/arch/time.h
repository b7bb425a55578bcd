/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86 clocks beyond hv/time.h: the TSC that a domain sees, and start-up checks. */
#ifndef ARCH_TIME_H
#define ARCH_TIME_H

#include <hv/compiler.h>

struct domain;
struct vcpu;

/* Compares the CPUs' time-stamp counters. Boot CPU, once all are online, interrupts enabled. */
void arch_time_check_cpus(void);
/* One unchanging rate, the same on all CPUs: guests may go by it unaided. */
bool clock_tsc_is_stable(void);

/* XEN_DOMCTL_settscinfo modes (xl tsc_mode=). */
enum { TSC_MODE_DEFAULT, TSC_MODE_ALWAYS_EMULATE, TSC_MODE_NEVER_EMULATE };

/* Default mode, TSC counting from now. arch_domain_create. */
void vtsc_domain_init(struct domain *d);
/* Sets mode and, for an emulated TSC, how long it has counted and at which rate (0: the machine's). d is paused. -EINVAL: mode. */
int vtsc_set_info(struct domain *d, uint32_t mode, uint64_t elapsed_ns, uint32_t khz, uint32_t incarnation) must_check;
/* As XEN_DOMCTL_gettscinfo answers. */
void vtsc_get_info(const struct domain *d, uint32_t *mode, uint64_t *elapsed_ns, uint32_t *khz, uint32_t *incarnation);
/* The TSC of a domain whose RDTSC traps (arch.vtsc: CR4.TSD is set while it runs). */
uint64_t vtsc_read(const struct domain *d);
/*
 * Members of CPUID leaf 0x40000003 (xen/arch-x86/cpuid.h): sub-leaf 0 flags, mode, kHz and incarnation;
 * sub-leaf 1 offset and scale from TSC to system time; sub-leaf 2 the host's kHz.
 */
void vtsc_cpuid(const struct domain *d, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *dd);

#endif

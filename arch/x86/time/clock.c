/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock: system time is the time-stamp counter through one scale, the very scale that guests are
 * given (arch_guest_clock), so that theirs and ours never part. A CPU whose counter started at another
 * time has another base. Everything here is set at boot and only read afterwards.
 */
#include "clock.h"

#include "platform_clock.h"

#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include <hv/smp.h>

#define CALIBRATE_DIVISOR 100u       /* measure over 1/100 s */
#define STUCK_TSC_TICKS   20000000000ULL
#define WARP_TEST_TICKS_SHIFT 9      /* 1/512 s */

struct time_scale tsc_to_ns, ns_to_tsc;
DEFINE_PER_CPU(uint64_t, tsc_base);
static DEFINE_PER_CPU(uint32_t, clock_epoch);

static uint64_t tsc_hz;
static bool tsc_is_stable;           /* same rate for ever, and the same on every CPU */
static bool opt_tsc_unstable;
static const struct platform_clock *platform_clock;

/* A reading of both clocks at nearly one time. */
struct sample { uint64_t counter, tsc; };
static struct sample boot_sample;    /* when system time was 0 */

static boot_code int parse_tsc(const char *s)
{
    if (strcmp(s, "unstable") == 0 || strcmp(s, "skewed") == 0)
        opt_tsc_unstable = true;
    else if (strcmp(s, "stable:socket") != 0)
        return ERR(EINVAL);
    return 0;
}
BOOT_PARAM_CUSTOM(tsc, "tsc", parse_tsc);

uint64_t now_ns(void)
{
    return scale_apply(rdtsc_ordered() - this_cpu(tsc_base), tsc_to_ns);
}

uint32_t arch_tsc_khz(void)
{
    return (uint32_t)(tsc_hz / 1000);
}

const char *arch_platform_clock_name(void)
{
    return platform_clock->name;
}

bool clock_tsc_is_stable(void)
{
    return read_once(tsc_is_stable);
}

/* The tightest of a few tries: an interrupt of the host's in between spoils one. */
static struct sample take_sample(void)
{
    struct sample best = { 0, 0 };
    uint64_t best_width = ~0ULL;

    for (unsigned int i = 0; i < 5; i++) {
        const uint64_t before = rdtsc_ordered();
        const uint64_t counter = platform_clock->read();
        const uint64_t width = rdtsc_ordered() - before;

        if (width < best_width) {
            best_width = width;
            best = (struct sample){ counter, before + width / 2 };
        }
    }
    return best;
}

static uint64_t counter_elapsed(uint64_t from, uint64_t to)
{
    return (to - from) & platform_clock->mask;
}

static boot_code void wait_for_ticks(uint64_t from, uint64_t ticks)
{
    const uint64_t start = rdtsc();

    while (counter_elapsed(from, platform_clock->read()) < ticks) {
        if (rdtsc() - start > STUCK_TSC_TICKS)
            panic("%s stopped counting\n", platform_clock->name);
        cpu_relax();
    }
}

/* Counts both the TSC and, unless it follows the TSC, the local APIC's timer against the platform clock. */
static boot_code void measure(uint64_t *apic_hz)
{
    struct sample start, end;
    uint64_t ticks, apic_ticks;

    apic_timer_arm(apic_timer_is_deadline() ? 0 : 0xffffffff);
    start = take_sample();
    wait_for_ticks(start.counter, platform_clock->hz / CALIBRATE_DIVISOR);
    end = take_sample();
    apic_ticks = 0xffffffffu - apic_read(APIC_REG_TIMER_CURRENT);
    apic_timer_arm(0);

    ticks = counter_elapsed(start.counter, end.counter);
    tsc_hz = (end.tsc - start.tsc) * platform_clock->hz / ticks;
    *apic_hz = apic_ticks * platform_clock->hz / ticks;
}

/*
 * The local APIC timer's count began a little before and was read a little after the TSC's window:
 * it is a few ticks too fast, so that interrupts come late rather than early.
 */
static boot_code void calibrate(void)
{
    uint64_t apic_hz = 0;

    if (apic_timer_is_deadline())
        tsc_hz = tsc_hz_told();
    if (tsc_hz == 0)
        measure(&apic_hz);
    if (platform_clock_is_tsc(platform_clock)) /* then there was nothing to measure it against */
        tsc_hz = platform_clock->hz;
    if (tsc_hz == 0 || (apic_hz == 0 && !apic_timer_is_deadline()))
        panic("The time-stamp counter or the local APIC timer does not count\n");
    tsc_to_ns = scale_make(tsc_hz, NS_PER_S);
    ns_to_tsc = scale_make(NS_PER_S, tsc_hz);
    if (!apic_timer_is_deadline())
        ns_to_apic = scale_make(NS_PER_S, apic_hz);
}

/* A virtual CPU's counter is kept steady by its host. (CPUID leaf 1, ECX bit 31) */
static boot_code bool rate_is_constant(void)
{
    return cpu_features.tsc_invariant || (cpuid(1).c & (1u << 31)) != 0;
}

boot_code void arch_time_init(void)
{
    platform_clock = platform_clock_choose();
    calibrate();
    tsc_is_stable = rate_is_constant() && !opt_tsc_unstable;
    boot_sample = take_sample();
    this_cpu(tsc_base) = boot_sample.tsc;
    this_cpu(clock_epoch) = 1;
    clock_timer_init();
    time_wallclock_sample();
    log_info("Platform timer is %lu.%03luMHz %s\n", platform_clock->hz / 1000000,
             platform_clock->hz / 1000 % 1000, platform_clock->name);
    log_info("Detected %lu.%03lu MHz processor.\n", tsc_hz / 1000000, tsc_hz / 1000 % 1000);
}

/*
 * How far this CPU's counter is from the boot CPU's, in ns of its own, as the platform clock tells: good for
 * gross differences, since the error of the calibration grows with time.
 */
static int64_t tsc_skew_ns(const struct sample *s)
{
    const uint64_t ns = scale_apply(s->tsc - boot_sample.tsc, tsc_to_ns);
    const unsigned int bits = (unsigned int)__builtin_popcountll(platform_clock->mask);
    const struct time_scale to_ticks = scale_make(NS_PER_S, platform_clock->hz);
    const struct time_scale to_ns = scale_make(platform_clock->hz, NS_PER_S);
    const uint64_t difference = scale_apply(ns, to_ticks) - (s->counter - boot_sample.counter);
    const int64_t ticks = (int64_t)(difference << (64 - bits)) >> (64 - bits);

    return ticks < 0 ? -(int64_t)scale_apply((uint64_t)-ticks, to_ns) : (int64_t)scale_apply((uint64_t)ticks, to_ns);
}

/* 200 us, and what the calibration may be wrong by. */
static bool skew_is_real(int64_t skew_ns, uint64_t elapsed_ns)
{
    const uint64_t size = (uint64_t)(skew_ns < 0 ? -skew_ns : skew_ns);

    return size > 200000 + elapsed_ns / 4096;
}

void arch_time_init_cpu(void)
{
    const unsigned int cpu = this_cpu_id();
    const struct sample s = take_sample();
    const uint64_t elapsed_ns = scale_apply(s.tsc - boot_sample.tsc, tsc_to_ns);
    const int64_t skew_ns = tsc_skew_ns(&s);

    this_cpu(tsc_base) = boot_sample.tsc;
    this_cpu(clock_epoch) = 1;
    if (platform_clock->mask > 0xffff && skew_is_real(skew_ns, elapsed_ns)) {
        log_warn("CPU%u: time-stamp counter is %ld us from the boot CPU's\n", cpu, skew_ns / 1000);
        this_cpu(tsc_base) += skew_ns < 0 ? -scale_apply((uint64_t)-skew_ns, ns_to_tsc) : scale_apply((uint64_t)skew_ns, ns_to_tsc);
        this_cpu(clock_epoch) = 1 + cpu;
        write_once(tsc_is_stable, false);
    }
}

/* ---- do the CPUs' counters agree to the tick? ---- */

struct warp_test {
    struct spinlock lock;  /* RANK_LEAF */
    uint64_t last, worst;  /* latest system time seen by any CPU; largest step back */
    uint64_t ticks;        /* how long each CPU tries */
};

static void warp_test_cpu(void *arg)
{
    struct warp_test *w = arg;
    const uint64_t start = rdtsc();

    while (rdtsc() - start < w->ticks) {
        const uint64_t flags = spin_lock_irqsave(&w->lock);
        const uint64_t now = now_ns();

        if (now < w->last)
            w->worst = max(w->worst, w->last - now);
        else
            w->last = now;
        spin_unlock_irqrestore(&w->lock, flags);
        cpu_relax();
    }
}

boot_code void arch_time_check_cpus(void)
{
    struct warp_test w = { .lock = SPINLOCK_INIT(RANK_LEAF), .ticks = tsc_hz >> WARP_TEST_TICKS_SHIFT };

    time_wallclock_sample();
    if (!tsc_is_stable || cpumask_weight(&cpu_online_mask) < 2)
        return;
    smp_call(&cpu_online_mask, warp_test_cpu, &w, true);
    if (w.worst == 0)
        return;
    log_warn("Time-stamp counters of CPUs differ by up to %lu ns\n", w.worst);
    tsc_is_stable = false;
}

/* ---- what guests are told ---- */

/* ABI: epoch 0 is never used (hv/time.h). A change of the stable flag would need new epochs; it changes at boot only. */
uint32_t arch_guest_clock_epoch(const struct vcpu *v)
{
    return v->domain->arch.vtsc ? UINT32_MAX - v->domain->arch.tsc_incarnation : this_cpu(clock_epoch);
}

void arch_guest_clock(const struct vcpu *v, struct guest_clock *out)
{
    *out = (struct guest_clock){
        .tsc = this_cpu(tsc_base),
        .system_ns = 0,
        .mul = tsc_to_ns.mul,
        .shift = tsc_to_ns.shift,
        .flags = tsc_is_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
    };
    if (v->domain->arch.vtsc)
        vtsc_guest_clock(v->domain, out);
    out->epoch = arch_guest_clock_epoch(v);
}

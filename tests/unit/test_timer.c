/* SPDX-License-Identifier: GPL-2.0-or-later */
// sources: hv/time/timer.c hv/time/timer_queue.c hv/time/wallclock.c arch/x86/time/scale.c arch/x86/time/rtc.c
/* Timers against a simple model on four CPUs; scales, the calendar, and the narrowing of the wall clock. */
#include "host_support.h"

#include "arch/x86/time/rtc.h"
#include "hv/time/timer_queue.h"
#include "hv/time/wallclock.h"

#include <arch/cpu.h>
#include <arch/time_scale.h>
#include <hv/domain.h>
#include <hv/percpu.h>
#include <hv/softirq.h>
#include <arch/platform.h>
#include <time.h>

struct acpi_info acpi_info = { .has_cmos_rtc = true };
bool xen_guest_calendar(uint64_t *unix_seconds) { return false; }

#define NR_CPUS   4
#define NR_TIMERS 150

unsigned int nr_cpu_ids = NR_CPUS;
static softirq_fn *run_timers;
static uint64_t programmed[NR_CPUS];
static bool asked[NR_CPUS]; /* SOFTIRQ_TIMER pending */

void softirq_register(enum softirq nr, softirq_fn *fn)
{
    if (nr == SOFTIRQ_TIMER)
        run_timers = fn;
}

void softirq_raise_on(unsigned int cpu, enum softirq nr)
{
    asked[cpu] = true;
}

void arch_timer_program(uint64_t deadline_ns)
{
    programmed[host_test_cpu] = deadline_ns;
}

struct domain *domain_next(struct domain *prev) { return NULL; }

/* ---- model ---- */

static struct timer timers[NR_TIMERS];
static uint64_t model[NR_TIMERS];         /* deadline, 0: not set */
static unsigned int fired[NR_TIMERS];
static uint64_t last_fired_deadline;

static void on_timer(void *arg)
{
    const unsigned int i = (unsigned int)(uintptr_t)arg;

    assert_int_not_equal(model[i], 0);
    assert_true(model[i] <= host_now_ns);
    assert_true(model[i] >= last_fired_deadline);
    assert_int_equal(timers[i].cpu, host_test_cpu);
    last_fired_deadline = model[i];
    model[i] = 0;
    fired[i]++;
}

static void on_cpu(unsigned int cpu)
{
    host_test_cpu = cpu;
}

static uint64_t earliest(unsigned int cpu)
{
    uint64_t first = ~0ULL;

    for (unsigned int i = 0; i < NR_TIMERS; i++)
        if (model[i] != 0 && timers[i].cpu == cpu)
            first = min(first, model[i]);
    return first;
}

static void service(unsigned int cpu)
{
    on_cpu(cpu);
    asked[cpu] = false;
    last_fired_deadline = 0;
    run_timers();
}

/* Every CPU's clock comes no later than its first timer; after service exactly then, and nothing is overdue. */
static void check_all(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        assert_true(asked[cpu] || programmed[cpu] <= earliest(cpu));
    for (unsigned int i = 0; i < NR_TIMERS; i++)
        assert_int_equal(timer_is_active(&timers[i]), model[i] != 0);
}

static void advance(uint64_t to)
{
    host_now_ns = to;
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        if (!asked[cpu] && programmed[cpu] > host_now_ns)
            continue;
        service(cpu);
        assert_int_equal(programmed[cpu], earliest(cpu));
        assert_true(earliest(cpu) > host_now_ns);
    }
}

static int setup(void **state)
{
    host_now_ns = 1000;
    timer_subsystem_init();
    memset(asked, 0, sizeof(asked));
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        timer_init_cpu(cpu);
        programmed[cpu] = ~0ULL;
    }
    for (uintptr_t i = 0; i < NR_TIMERS; i++) {
        timer_init(&timers[i], on_timer, (void *)i, i % NR_CPUS);
        model[i] = fired[i] = 0;
    }
    return 0;
}

static void test_random(void **state)
{
    srand(7);
    for (unsigned int n = 0; n < 60000; n++) {
        const unsigned int i = (unsigned int)rand() % NR_TIMERS;

        on_cpu((unsigned int)rand() % NR_CPUS);
        switch (rand() % 8) {
        case 0: case 1: case 2:
            model[i] = host_now_ns + 1 + (uint64_t)(rand() % 3000);
            timer_set(&timers[i], model[i]);
            break;
        case 3:
            model[i] = host_now_ns + 1 + (uint64_t)(rand() % 50);
            timer_set_here(&timers[i], model[i]);
            assert_int_equal(timers[i].cpu, host_test_cpu);
            break;
        case 4:
            model[i] = 0;
            timer_stop(&timers[i]);
            break;
        case 5:
            timer_migrate(&timers[i], (unsigned int)rand() % NR_CPUS);
            break;
        default:
            advance(host_now_ns + (uint64_t)(rand() % 40));
        }
        check_all();
        assert_int_equal(host_locks_held, 0);
    }
}

static void test_past_deadline_and_kill(void **state)
{
    on_cpu(1);
    model[5] = 500;
    timer_set_here(&timers[5], 500);
    assert_int_equal(programmed[1], 500); /* the arch asks for the softirq at once */
    service(1);
    assert_int_equal(fired[5], 1);
    model[6] = 0;
    timer_set(&timers[6], 2000);
    timer_kill(&timers[6]);
    timer_set(&timers[6], 3000);
    assert_false(timer_is_active(&timers[6]));
    advance(5000);
    assert_int_equal(fired[6], 0);
}

/* Many of one deadline, and removal from every position. */
static void test_heap_shapes(void **state)
{
    struct timer_queue q = { NULL };

    for (unsigned int n = 1; n <= 64; n++) {
        for (unsigned int i = 0; i < n; i++) {
            timers[i].expires_ns = i * 7 % 13;
            timer_queue_insert(&q, &timers[i]);
        }
        for (unsigned int i = 0; i < n; i += 3)
            timer_queue_remove(&q, &timers[i]);
        for (uint64_t last = 0; q.first != NULL;) {
            struct timer *t = q.first;

            assert_true(t->expires_ns >= last);
            last = t->expires_ns;
            timer_queue_remove(&q, t);
        }
    }
}

/* ---- scales ---- */

static void test_scales(void **state)
{
    static const uint64_t hz[] = { 1000000000, 999999000, 3000000001, 1193182, 14318180, 100000000, 1, 5000000000 };

    for (unsigned int i = 0; i < array_size(hz); i++) {
        const struct time_scale s = scale_make(hz[i], NS_PER_S), back = scale_invert(s);
        const uint64_t day = hz[i] * 86400, ns = scale_apply(day, s);

        assert_true(s.mul & 0x80000000u);
        assert_true(ns <= 86400 * NS_PER_S && ns > 86400 * NS_PER_S - 100000);
        assert_true(scale_apply(NS_PER_S, back) <= hz[i] && scale_apply(NS_PER_S, back) + 2 > hz[i]);
    }
}

/* ---- calendar ---- */

static void test_rtc_decode(void **state)
{
    const uint8_t bcd[] = { 0x59, 0x30, 0x23, 0x29, 0x02, 0x24 }, noon12[] = { 0, 0, 0x92, 1, 1, 0 };
    const uint8_t midnight12[] = { 0, 0, 0x12, 1, 1, 0 }, bad[] = { 0x5a, 0x30, 0x25, 0, 0x13, 0x24 };
    struct rtc_time t;

    assert_true(rtc_decode(bcd, 0x02, &t));
    assert_int_equal(rtc_to_unix(&t), 1709249459); /* 2024-02-29 23:30:59 */
    assert_true(rtc_decode(noon12, 0x00, &t));
    assert_int_equal(t.hour, 12);
    assert_true(rtc_decode(midnight12, 0x00, &t));
    assert_int_equal(t.hour, 0);
    assert_false(rtc_decode(bad, 0x02, &t));
}

static void test_unix_against_libc(void **state)
{
    for (uint64_t s = 0; s < 4200000000u; s += 86400 * 13 + 4567) {
        const time_t c = (time_t)s;
        struct tm tm;

        gmtime_r(&c, &tm);
        const struct rtc_time t = { (unsigned int)tm.tm_sec, (unsigned int)tm.tm_min, (unsigned int)tm.tm_hour,
                                    (unsigned int)tm.tm_mday, (unsigned int)tm.tm_mon + 1, (unsigned int)tm.tm_year + 1900 };

        assert_int_equal(rtc_to_unix(&t), s);
    }
}

static void test_wallclock_narrows(void **state)
{
    const int64_t truth = 1700000000LL * 1000000000 + 654321000;
    struct wallclock_bounds b = { INT64_MIN, INT64_MAX };

    for (uint64_t now = 0; now < 3 * NS_PER_S; now += 130000000) {
        wallclock_narrow(&b, (uint64_t)(truth + (int64_t)now) / NS_PER_S, now, false);
        assert_true(b.low_ns <= truth && truth < b.high_ns);
    }
    assert_true(b.high_ns - b.low_ns < 140000000);
    wallclock_narrow(&b, 1800000000, 3 * NS_PER_S, true); /* a clock that was set meanwhile */
    assert_int_equal(b.high_ns - b.low_ns, WALLCLOCK_EDGE_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_random, setup),
        cmocka_unit_test_setup(test_past_deadline_and_kill, setup),
        cmocka_unit_test_setup(test_heap_shapes, setup),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_rtc_decode),
        cmocka_unit_test(test_unix_against_libc),
        cmocka_unit_test(test_wallclock_narrows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

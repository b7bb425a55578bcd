/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Soft interrupts, work items, and calls across simulated CPUs. */
// sources: hv/core/softirq.c hv/core/smp_call.c hv/lib/bitmap.c
#include "host_support.h"
#include <arch/cpu.h>
#include <hv/smp.h>
#include <hv/softirq.h>

static char order[64];
static unsigned int kicks[4], calls[4];

static void note(char c) { order[strlen(order)] = c; }

/* The other CPUs serve a call as soon as it is sent. */
void arch_smp_send_call(const cpumask_t *cpus)
{
    unsigned int self = host_test_cpu;

    cpumask_for_each(host_test_cpu, cpus)
        smp_call_interrupt();
    host_test_cpu = self;
}

void arch_smp_send_kick(unsigned int cpu) { kicks[cpu]++; }

static int clean(void **state)
{
    memset(order, 0, sizeof(order));
    memset(kicks, 0, sizeof(kicks));
    memset(calls, 0, sizeof(calls));
    host_test_cpu = 0;
    host_test_irqs = true;
    return 0;
}

static void on_timer(void) { assert_true(irq_is_enabled()); note('t'); }
static void on_time(void) { note('c'); softirq_raise(SOFTIRQ_TIMER); }
static void on_schedule(void) { note('s'); }

static void lowest_first(void **state)
{
    softirq_register(SOFTIRQ_TIMER, on_timer);
    softirq_register(SOFTIRQ_TIME, on_time);
    softirq_register(SOFTIRQ_SCHEDULE, on_schedule);
    softirq_raise(SOFTIRQ_SCHEDULE);
    softirq_raise(SOFTIRQ_TIME);
    assert_true(softirq_pending());
    irq_disable();
    softirq_run();
    assert_string_equal(order, "cst"); /* what is raised meanwhile comes in the next round: nothing starves */
    assert_false(softirq_pending());
}

static void other_cpus_are_kicked_once(void **state)
{
    softirq_raise_on(2, SOFTIRQ_TIMER);
    softirq_raise_on(2, SOFTIRQ_TIMER);
    softirq_raise_on(0, SOFTIRQ_TIMER);
    assert_int_equal(kicks[2], 1);
    assert_int_equal(kicks[0], 0);
    softirq_run();
    host_test_cpu = 2;
    assert_true(softirq_pending());
    softirq_run();
    assert_string_equal(order, "tt");
}

static struct work first, second;

static void do_first(void *arg) { note('1'); }
static void do_second(void *arg) { note('2'); if (strlen(order) < 4) work_schedule(&second); }

static void work_runs_once_per_schedule(void **state)
{
    work_init(&first, do_first, NULL);
    work_init(&second, do_second, NULL);
    work_schedule(&second);
    work_schedule(&first);
    work_schedule(&second);
    softirq_run();
    assert_string_equal(order, "2122");
    work_schedule(&first);
    softirq_run();
    assert_string_equal(order, "21221");
}

static void freeing(void *arg) { note('f'); free(arg); }

static void work_may_free_itself(void **state)
{
    struct work *w = malloc(sizeof(*w));

    work_init(w, freeing, w);
    work_schedule(w);
    softirq_run();
    assert_string_equal(order, "f");
}

static void count_call(void *arg)
{
    assert_false(irq_is_enabled() && host_test_cpu == 1);
    calls[host_test_cpu] += *(unsigned int *)arg;
}

static void calls_reach_online_cpus(void **state)
{
    cpumask_t all = cpumask_all();
    unsigned int one = 1;

    for (unsigned int cpu = 0; cpu < 3; cpu++)
        cpumask_set(&cpu_online_mask, cpu);
    host_test_cpu = 1;
    smp_call(&all, count_call, &one, true);
    smp_call(&all, count_call, &one, false);
    assert_int_equal(calls[0], 2);
    assert_int_equal(calls[1], 2);
    assert_int_equal(calls[2], 2);
    assert_int_equal(calls[3], 0);
    assert_true(irq_is_enabled());
}

static void a_call_to_oneself_needs_no_interrupts(void **state)
{
    cpumask_t self = cpumask_of(1);
    unsigned int one = 1;

    host_test_cpu = 1;
    irq_disable();
    smp_call(&self, count_call, &one, true);
    assert_int_equal(calls[1], 1);
    assert_false(irq_is_enabled());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lowest_first, clean),
        cmocka_unit_test_setup(other_cpus_are_kicked_once, clean),
        cmocka_unit_test_setup(work_runs_once_per_schedule, clean),
        cmocka_unit_test_setup(work_may_free_itself, clean),
        cmocka_unit_test_setup(calls_reach_online_cpus, clean),
        cmocka_unit_test_setup(a_call_to_oneself_needs_no_interrupts, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ticket locks, and the check of their ranks. */
// sources: hv/core/lock.c
#include <pthread.h>
#include "host_support.h"
#include <arch/cpu.h>
#include <hv/lock.h>

static struct spinlock low = SPINLOCK_INIT(RANK_HEAP), high = SPINLOCK_INIT(RANK_TIMER), top = SPINLOCK_INIT(RANK_LEAF);

/* A panic leaves a lock taken and its mark on the CPU: each test has a CPU of its own. */
static int new_cpu(void **state)
{
    host_test_cpu = (host_test_cpu + 1) % 4;
    host_test_irqs = true;
    host_log_quiet = true;
    spin_init(&low, RANK_HEAP);
    spin_init(&high, RANK_TIMER);
    spin_init(&top, RANK_LEAF);
    return 0;
}

static void ascending(void **state)
{
    uint64_t flags;

    spin_lock(&low);
    flags = spin_lock_irqsave(&high);
    assert_false(irq_is_enabled());
    assert_true(spin_is_held(&low));
    assert_false(spin_is_held(&top));
    spin_lock(&top);
    spin_unlock(&top);
    spin_unlock_irqrestore(&high, flags);
    assert_true(irq_is_enabled());
    spin_unlock(&low);
    assert_false(spin_is_held(&low));
}

static void released_in_any_order(void **state)
{
    spin_lock(&low);
    spin_lock(&high);
    spin_unlock(&low);
    spin_unlock(&high);
    spin_lock(&low);
    spin_unlock(&low);
}

static void an_interrupt_may_take_a_lower_rank(void **state)
{
    uint64_t flags;

    spin_lock(&high);
    irq_disable(); /* the handler of an interrupt that came now */
    flags = spin_lock_irqsave(&low);
    spin_unlock_irqrestore(&low, flags);
    irq_enable();
    spin_unlock(&high);
}

static void tries_are_not_ordered(void **state)
{
    spin_lock(&high);
    assert_true(spin_trylock(&low));
    assert_false(spin_trylock(&low));
    spin_unlock(&low);
    spin_unlock(&high);
}

static void pairs(void **state)
{
    struct spinlock a = SPINLOCK_INIT(RANK_GRANT), b = SPINLOCK_INIT(RANK_GRANT);

    spin_lock_pair(&b, &a);
    assert_true(spin_is_held(&a) && spin_is_held(&b));
    spin_lock(&low);
    spin_unlock(&low);
    spin_unlock_pair(&a, &b);
    spin_lock_pair(&a, &a);
    spin_unlock_pair(&a, &a);
    assert_false(spin_is_held(&a) || spin_is_held(&b));
}

static void descending_panics(void **state)
{
    spin_lock(&high);
    host_expect_panic(spin_lock(&low));
    assert_non_null(strstr(host_last_log, "lock order"));
}

static void twice_panics(void **state)
{
    (void)!spin_lock_irqsave(&high);
    host_expect_panic(spin_lock(&high));
}

static void foreign_unlock_panics(void **state)
{
    host_expect_panic(spin_unlock(&high));
}

#define ROUNDS 20000
static unsigned long counter;

static void *contend(void *arg)
{
    for (unsigned int i = 0; i < ROUNDS; i++) {
        while (!spin_trylock(&top))
            cpu_relax();
        counter++;
        spin_unlock(&top);
    }
    return NULL;
}

/* All threads are one simulated CPU, so the checks would object to plain waiting; tickets do not care. */
static void excludes(void **state)
{
    pthread_t threads[3];

    for (unsigned int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, contend, NULL);
    for (unsigned int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter, 3 * ROUNDS);
    assert_int_equal(top.next, top.serving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ascending, new_cpu),
        cmocka_unit_test_setup(released_in_any_order, new_cpu),
        cmocka_unit_test_setup(an_interrupt_may_take_a_lower_rank, new_cpu),
        cmocka_unit_test_setup(tries_are_not_ordered, new_cpu),
        cmocka_unit_test_setup(pairs, new_cpu),
        cmocka_unit_test_setup(excludes, new_cpu),
        /* These leave marks of locks behind, each on its CPU. */
        cmocka_unit_test_setup(descending_panics, new_cpu),
        cmocka_unit_test_setup(twice_panics, new_cpu),
        cmocka_unit_test_setup(foreign_unlock_panics, new_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

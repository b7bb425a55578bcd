/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reader-writer locks: who keeps whom out, that nobody starves, and the order of ranks. */
// sources: hv/core/lock.c hv/core/rwlock.c
// cflags: -pthread
#include <pthread.h>
#include <sched.h>
#include "host_support.h"
#include <arch/cpu.h>
#include <hv/rwlock.h>

#define ROUNDS 3000u

static struct rwlock lock = RWLOCK_INIT(RANK_PV_MMU);
static struct spinlock lower = SPINLOCK_INIT(RANK_GRANT), higher = SPINLOCK_INIT(RANK_LEAF);
static uint32_t inside, met;
static unsigned long written;
static bool stopped;

static int new_cpu(void **state)
{
    host_test_cpu = (host_test_cpu + 1) % 4;
    host_log_quiet = true;
    rw_init(&lock, RANK_PV_MMU);
    return 0;
}

static void *read_often(void *cpu)
{
    host_test_cpu = (unsigned int)(uintptr_t)cpu;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        rw_read_lock(&lock);
        const unsigned long seen = read_once(written);

        __atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED);
        cpu_relax();
        if (read_once(written) != seen)
            abort();
        __atomic_sub_fetch(&inside, 1, __ATOMIC_RELAXED);
        rw_read_unlock(&lock);
    }
    return NULL;
}

static void *write_often(void *cpu)
{
    host_test_cpu = (unsigned int)(uintptr_t)cpu;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        rw_write_lock(&lock);
        if (read_once(inside) != 0)
            abort();
        written++; /* nobody else: a plain addition */
        rw_write_unlock(&lock);
    }
    return NULL;
}

static void *write_until_stopped(void *cpu)
{
    host_test_cpu = (unsigned int)(uintptr_t)cpu;
    while (!read_once(stopped)) {
        rw_write_lock(&lock);
        rw_write_unlock(&lock);
    }
    return NULL;
}

static void run(void *(*const *bodies)(void *), unsigned int nr)
{
    pthread_t threads[4];

    for (unsigned int i = 0; i < nr; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], (void *)(uintptr_t)i), 0);
    for (unsigned int i = 0; i < nr; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(lock.readers, 0);
    assert_false(rw_is_contended(&lock));
}

/* Each waits inside for the other; not for ever. */
static void *read_together(void *cpu)
{
    host_test_cpu = (unsigned int)(uintptr_t)cpu;
    rw_read_lock(&lock);
    __atomic_add_fetch(&met, 1, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < 10000000 && read_once(met) < 2; i++)
        sched_yield();
    if (read_once(met) < 2)
        abort();
    rw_read_unlock(&lock);
    return NULL;
}

static void readers_are_not_alone(void **state)
{
    void *(*const bodies[])(void *) = { read_together, read_together };

    met = 0;
    run(bodies, 2);
}

static void writers_are_alone(void **state)
{
    void *(*const bodies[])(void *) = { read_often, read_often, write_often, write_often };

    written = 0;
    run(bodies, 4);
    assert_int_equal(written, 2 * ROUNDS);
}

/* Two writers that hand the lock to each other for ever do not keep a reader out. */
static void *read_then_stop(void *cpu)
{
    read_often(cpu);
    write_once(stopped, true);
    return NULL;
}

static void a_reader_gets_its_turn(void **state)
{
    void *(*const bodies[])(void *) = { read_then_stop, write_until_stopped, write_until_stopped };

    stopped = false;
    run(bodies, 3);
}

static void the_order_of_ranks_counts(void **state)
{
    rw_read_lock(&lock);
    spin_lock(&higher);
    spin_unlock(&higher);
    rw_read_unlock(&lock);
    rw_write_lock(&lock);
    assert_false(rw_is_contended(&lock));
    rw_write_unlock(&lock);
    spin_lock(&lower);
    rw_read_lock(&lock);
    rw_read_unlock(&lock);
    spin_unlock(&lower);
}

static void a_reader_that_wants_to_write_panics(void **state)
{
    rw_read_lock(&lock);
    host_expect_panic(rw_write_lock(&lock));
}

static void a_writer_that_wants_to_read_panics(void **state)
{
    rw_write_lock(&lock);
    host_expect_panic(rw_read_lock(&lock));
}

static void reading_twice_panics(void **state)
{
    rw_read_lock(&lock);
    host_expect_panic(rw_read_lock(&lock));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_order_of_ranks_counts, new_cpu),
        cmocka_unit_test_setup(writers_are_alone, new_cpu), cmocka_unit_test_setup(readers_are_not_alone, new_cpu),
        cmocka_unit_test_setup(a_reader_gets_its_turn, new_cpu),
        /* These leave marks of locks behind, each on its CPU. */
        cmocka_unit_test_setup(a_reader_that_wants_to_write_panics, new_cpu),
        cmocka_unit_test_setup(a_writer_that_wants_to_read_panics, new_cpu),
        cmocka_unit_test_setup(reading_twice_panics, new_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A batch of hypercalls: results, continuation, and IRET, which ends it. */
// sources: hv/hypercall/multicall.c
#include "host_support.h"
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <arch/percpu.h>

static struct domain domain = { .id = 1 };
static struct vcpu vcpu = { .domain = &domain };
static uint64_t called[8];
static unsigned int nr_called, continue_at;
static uint64_t next_call[3];

int guest_read(void *dst, uint64_t va, size_t n) { memcpy(dst, (void *)va, n); return 0; }
int guest_write(uint64_t va, const void *src, size_t n) { memcpy((void *)va, src, n); return 0; }
bool guest_range_ok(uint64_t va, size_t n) { return true; }
bool hypercall_preempt_check(void) { return false; }

static long call(uint64_t nr, uint64_t a1)
{
    called[nr_called++] = nr;
    assert_true(vcpu.hypercall.in_multicall);
    if (nr_called == continue_at) {
        vcpu.hypercall = (struct vcpu_hypercall){ .continued = true, .in_multicall = true, .nr = nr, .args = { a1 + 100 } };
        return 0;
    }
    return (long)a1 + 1;
}

/* Handlers are not told their number. */
#define HANDLER(nr) static long call_##nr(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5) { return call(nr, a1); }
HANDLER(17)
HANDLER(23)
HANDLER(24)
HANDLER(29)
static hypercall_fn *const handlers[MAX_HYPERCALL] = { [17] = call_17, [23] = call_23, [24] = call_24, [29] = call_29 };
hypercall_fn *const *hypercall_table = handlers;
DEFINE_PER_CPU(uint64_t[MAX_HYPERCALL], hypercall_count);

long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    next_call[0] = nr;
    next_call[1] = a1;
    next_call[2] = a2;
    return 0;
}

static long run(struct multicall_entry *calls, unsigned int nr)
{
    nr_called = 0;
    memset(next_call, 0, sizeof(next_call));
    current = &vcpu;
    return hc_multicall((uintptr_t)calls, nr, 0, 0, 0);
}

static void results_are_written(void **state)
{
    struct multicall_entry calls[3] = { { .op = 17, .args = { 5 } }, { .op = 24, .args = { 6 } }, { .op = 29, .args = { 7 } } };

    continue_at = 0;
    assert_int_equal(run(calls, 3), 0);
    assert_int_equal(nr_called, 3);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(calls[i].result, 6 + i);
}

static void it_goes_on_where_an_entry_stopped(void **state)
{
    struct multicall_entry calls[3] = { { .op = 17, .args = { 5 } }, { .op = 24, .args = { 6 } }, { .op = 29, .args = { 7 } } };

    continue_at = 2;
    (void)!run(calls, 3);
    assert_int_equal(nr_called, 2);
    assert_int_equal(next_call[0], __HYPERVISOR_multicall);
    assert_int_equal(next_call[1], (uintptr_t)&calls[1]);
    assert_int_equal(next_call[2], 2);
    assert_int_equal(calls[1].args[0], 106);
}

/* After it the guest's user page tables are loaded: an entry more could have given them up while in use. */
static void iret_is_the_last(void **state)
{
    struct multicall_entry calls[3] = { { .op = 17 }, { .op = __HYPERVISOR_iret, .args = { 41 }, .result = 9 }, { .op = __HYPERVISOR_mmuext_op } };

    continue_at = 0;
    assert_int_equal(run(calls, 3), 42); /* the register's value */
    assert_int_equal(nr_called, 2);
    assert_int_equal(calls[1].result, 9);
    assert_false(vcpu.hypercall.in_multicall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_written), cmocka_unit_test(it_goes_on_where_an_entry_stopped), cmocka_unit_test(iret_is_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

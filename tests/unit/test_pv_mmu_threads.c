/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two vCPUs of a guest and the control domain at work on the guest's page tables at the same time, each
 * a thread, and a CPU that sets accessed and dirty bits meanwhile. When all have stopped, every count
 * must be what the tables' content says. What happens in between, docs/models.md's explorer looks at.
 */
// sources: hv/core/lock.c hv/core/rwlock.c hv/mm/frame.c hv/lib/bitmap.c hv/lib/rangeset.c arch/x86/pv/mmu/entry.c arch/x86/pv/mmu/table.c arch/x86/pv/mmu/settle.c arch/x86/pv/mmu/call.c arch/x86/pv/mmu/update.c arch/x86/pv/mmu/mmuext.c arch/x86/pv/mmu/base.c arch/x86/pv/mmu/grant_map.c arch/x86/pv/mmu/relinquish.c
// cflags: -pthread
#include <pthread.h>
#include "pv_mmu_host.h"

#define ROUNDS 40u
#define STEPS  3000u
#define FIRST_L1 8u
#define NR_L1    6u

struct cpu {
    struct vcpu *v;
    unsigned int id;
    uint64_t seed;
};

static bool stopped;

/* What fault.c does: the table is looked at under the lock. */
static void write_by_fault(const struct op *op)
{
    struct frame *f = fr((unsigned int)op->mfn);
    pte_t *slot = (pte_t *)page((unsigned int)op->mfn) + op->slot;
    struct pt_context c;
    pte_t old;

    pt_context_init(&c, &dom_a, &dom_a);
    mmu_lock_shared(&dom_a);
    old = read_once(*slot);
    if (frame_is_type(frame_type_info(f), FRAME_L1) && (frame_type_info(f) & FRAME_VALIDATED))
        while (l1e_change_if(&c, slot, &old, (old & AD) | op->value) == -XEN_EAGAIN)
            ;
    mmu_unlock_shared(&dom_a);
}

static int move_grant(const struct op *op)
{
    const unsigned int ro = rnd(2) ? GNTMAP_readonly : 0;

    return arch_grant_unmap(op->va + PAGE_SIZE, MFN(FIRST_0 + 1 + rnd(4)), op->va, GNTMAP_host_map | ro);
}

static void step(struct vcpu *v)
{
    const struct op op = pick_op(v);

    if (op.kind == OP_EMULATED) {
        write_by_fault(&op);
    } else if (op.kind == OP_GRANT_MOVE) {
        (void)move_grant(&op);
    } else {
        (void)begin(&op);
        while (continued && rnd(8)) /* else it gives up */
            (void)dispatch();
    }
}

static void *run_cpu(void *arg)
{
    const struct cpu *c = arg;

    host_test_cpu = c->id;
    host_test_current = c->v;
    random_state = c->seed;
    preempt_percent = 10;
    for (unsigned int i = 0; i < STEPS; i++)
        step(c->v);
    return NULL;
}

/* As the CPU does: in present entries only, atomically. */
static void *set_bits(void *arg)
{
    random_state = 7;
    while (!read_once(stopped)) {
        pte_t *slot = (pte_t *)page(FIRST_L1 + rnd(NR_L1)) + slots[rnd(array_size(slots))];
        pte_t e = __atomic_load_n(slot, __ATOMIC_RELAXED);

        if (e & PTE_P)
            (void)__atomic_compare_exchange_n(slot, &e, e | AD, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void round_of_all(uint64_t seed)
{
    struct cpu cpus[] = { { &vcpu_a0, 0, seed }, { &vcpu_a1, 1, seed + 1000 }, { &vcpu_0, 2, seed + 2000 } };
    pthread_t threads[array_size(cpus)], walker;

    stopped = false;
    assert_int_equal(pthread_create(&walker, NULL, set_bits, NULL), 0);
    for (unsigned int i = 0; i < array_size(cpus); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_cpu, &cpus[i]), 0);
    for (unsigned int i = 0; i < array_size(cpus); i++)
        pthread_join(threads[i], NULL);
    write_once(stopped, true);
    pthread_join(walker, NULL);
    check_invariants();
}

static void counts_are_right_after_any_race(void **state)
{
    cpus_are_threads = true;
    for (unsigned int i = 0; i < ROUNDS; i++)
        round_of_all(i);
    assert_int_equal(dom_a.arch.mmu_lock.readers, 0);
    assert_int_equal(dom_a.arch.mmu_lock.turn.next, dom_a.arch.mmu_lock.turn.serving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_are_right_after_any_race, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
// sources: hv/sched/core.c hv/sched/queue.c hv/sched/ratelimit.c hv/sched/wake.c hv/sched/vcpu.c hv/sched/policy_fair.c hv/sched/runstate.c hv/sched/vcpu_timer.c hv/lib/bitmap.c hv/lib/parse.c
/*
 * The scheduler on four simulated CPUs. A switch is cut in two (decided; state saved), and other CPUs act
 * in between. Random operations, then rules S1 to S4 and that no CPU idles while work waits that it may do.
 */
#include "host_support.h"

#include "hv/sched/internal.h"

#include <arch/cpu.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/guest_access.h>

void time_update_wallclock(struct domain *d) { }

#define NR_CPUS  4
#define NR_VCPUS 12

cpumask_t cpu_online_mask = { { (1 << NR_CPUS) - 1 } };
unsigned int nr_cpu_ids = NR_CPUS;

static softirq_fn *run_schedule;
static struct vcpu *on_cpu_now[NR_CPUS];
static bool pending[NR_CPUS];
static jmp_buf cpu_loop;
static bool interfere;              /* act from other CPUs in the middle of switches */
static unsigned int switches;

static struct domain domains[2];
static struct vcpu vcpus[NR_VCPUS];
static struct vcpu *vcpu_table[2][NR_VCPUS];
static uint64_t poll_masks[2];
static struct vcpu_info infos[NR_VCPUS];

/* ---- surroundings ---- */

void softirq_register(enum softirq nr, softirq_fn *fn)
{
    if (nr == SOFTIRQ_SCHEDULE)
        run_schedule = fn;
}
void softirq_raise_on(unsigned int cpu, enum softirq nr) { pending[cpu] = true; }
void softirq_raise(enum softirq nr) { pending[host_test_cpu] = true; }
void softirq_run(void) { host_test_irqs = true; }
DEFINE_PER_CPU(uint32_t, softirqs);
void work_schedule(struct work *w) { }
void debug_key_register(unsigned char key, debug_key_fn *fn, const char *help) { }
void timer_subsystem_init(void) { }
void timer_init_cpu(unsigned int cpu) { }
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu) { *t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu }; }
void timer_set(struct timer *t, uint64_t expires) { t->expires_ns = expires; t->active = true; }
void timer_set_here(struct timer *t, uint64_t expires) { t->cpu = host_test_cpu; timer_set(t, expires); }
void timer_stop(struct timer *t) { t->active = false; }
void timer_kill(struct timer *t) { t->active = false; t->dead = true; }
void timer_migrate(struct timer *t, unsigned int cpu) { t->cpu = cpu; }
void time_update_vcpu(struct vcpu *v) { }
void event_send_virq(struct vcpu *v, unsigned int virq) { }
void event_vcpu_moved(struct vcpu *v) { }
bool event_deliverable(const struct vcpu *v) { return v->vcpu_info->evtchn_upcall_pending && !v->vcpu_info->evtchn_upcall_mask; }
int guest_write(uint64_t va, const void *src, size_t n) { return -XEN_EFAULT; }
int arch_vcpu_create(struct vcpu *v) { return 0; }
bool domain_get(struct domain *d) { d->refs++; return true; }
void domain_put(struct domain *d) { d->refs--; }
struct domain *domain_next(struct domain *prev) { return NULL; }
void arch_idle(void) { longjmp(cpu_loop, 1); }

/* ---- the simulation ---- */

static void become(unsigned int cpu)
{
    host_test_cpu = cpu;
    host_test_current = on_cpu_now[cpu];
}

static void random_operation(unsigned int cpu);

/* Another CPU acts; then we are back on ours, which has its interrupts off. */
static void others_act(unsigned int cpu)
{
    for (unsigned int n = (unsigned int)rand() % 4; interfere && n > 0; n--) {
        const unsigned int other = (cpu + 1 + (unsigned int)rand() % (NR_CPUS - 1)) % NR_CPUS;

        host_test_irqs = true;
        become(other);
        random_operation(other);
    }
    host_test_irqs = false;
    become(cpu);
}

void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    const unsigned int cpu = host_test_cpu;

    assert_int_equal(host_locks_held, 0);
    assert_false(host_test_irqs);
    assert_true(prev->sched.running && next->sched.running);
    assert_ptr_equal(on_cpu_now[cpu], prev);
    switches++;
    others_act(cpu);
    on_cpu_now[cpu] = host_test_current = next;
    sched_switched(prev);
    others_act(cpu);
    sched_entered(next);
    host_test_irqs = true;
    if (next->is_idle)
        idle_loop(); /* ends in arch_idle */
    longjmp(cpu_loop, 1);
}

static void run_cpu(unsigned int cpu)
{
    become(cpu);
    pending[cpu] = false;
    if (setjmp(cpu_loop) == 0) {
        run_schedule();
        if (host_test_current->is_idle)
            idle_loop();
    }
    host_test_irqs = true;
}

static void settle(void)
{
    for (unsigned int round = 0;; round++) {
        unsigned int cpu, start = (unsigned int)rand();
        bool any = false;

        assert_true(round < 1000); /* it comes to rest */
        for (unsigned int i = 0; i < NR_CPUS; i++) {
            cpu = (start + i) % NR_CPUS;
            if (pending[cpu]) {
                any = true;
                run_cpu(cpu);
            }
        }
        if (!any)
            return;
    }
}

static void expire_slices(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        struct timer *t = &per_cpu(cpu_sched, cpu).slice;

        if (t->active && t->expires_ns <= host_now_ns) {
            t->active = false;
            become(cpu);
            t->fn(t->arg);
        }
    }
}

/* ---- rules ---- */

static unsigned int cpus_that_run(const struct vcpu *v)
{
    unsigned int n = 0;

    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        n += on_cpu_now[cpu] == v;
    return n;
}

static void check_vcpu(const struct vcpu *v)
{
    const unsigned int running = cpus_that_run(v);

    assert_true(running <= 1);
    assert_int_equal(v->sched.running, running);
    if (running)
        assert_ptr_equal(on_cpu_now[v->sched.cpu], v);
    assert_false(running && v->sched.queued);
    assert_int_equal(vcpu_is_runnable(v), running || v->sched.queued);
    if (running || v->sched.queued)
        assert_true(cpumask_test(&v->sched.hard_affinity, v->sched.cpu));
    assert_int_equal(v->sched.runstate == RUNSTATE_running, running);
    if (v->sched.queued)
        assert_int_equal(v->sched.runstate, RUNSTATE_runnable);
    if (!running && !v->sched.queued)
        assert_int_equal(v->sched.runstate, v->pause_flags & VPF_BLOCKED ? RUNSTATE_blocked : RUNSTATE_offline);
}

static bool is_wasteful(void)
{
    for (unsigned int i = 0; i < NR_VCPUS; i++)
        for (unsigned int cpu = 0; vcpus[i].sched.queued && cpu < NR_CPUS; cpu++)
            if (on_cpu_now[cpu]->is_idle && cpumask_test(&vcpus[i].sched.hard_affinity, cpu))
                return true;
    return false;
}

static void check_queues(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        unsigned int queued = 0;

        for (unsigned int i = 0; i < NR_VCPUS; i++)
            queued += vcpus[i].sched.queued && vcpus[i].sched.cpu == cpu;
        assert_int_equal(queued, sched_policy->nr_queued(cpu));
        assert_ptr_equal(per_cpu(cpu_sched, cpu).current_vcpu, on_cpu_now[cpu]);
        assert_int_equal(cpumask_test(&sched_idle_cpus, cpu), on_cpu_now[cpu]->is_idle);
        assert_int_equal(cpumask_test(&sched_crowded_cpus, cpu), queued > 0);
        if (queued > 0) {
            assert_true(per_cpu(cpu_sched, cpu).slice.active);
            assert_true(per_cpu(cpu_sched, cpu).slice.expires_ns <= per_cpu(cpu_sched, cpu).turn_end_ns);
        }
    }
}

static void check_all(void)
{
    for (unsigned int i = 0; i < NR_VCPUS; i++)
        check_vcpu(&vcpus[i]);
    assert_false(is_wasteful());
    check_queues();
    assert_int_equal(host_locks_held, 0);
    assert_int_equal(domains[0].refs + domains[1].refs, 2);
}

/* ---- operations ---- */

static unsigned int pauses[NR_VCPUS];

static void block_current(unsigned int cpu)
{
    struct vcpu *v = on_cpu_now[cpu];

    if (v->is_idle || cpu != host_test_cpu)
        return;
    v->vcpu_info->evtchn_upcall_pending = rand() % 4 == 0;
    if (rand() % 4 != 0) {
        vcpu_block();
    } else {
        vcpu_poll_begin(v, -1);
        vcpu_poll_commit(v, 0);
    }
}

static void random_affinity(struct vcpu *v)
{
    const cpumask_t mask = { { (uint64_t)(rand() % ((1 << NR_CPUS) - 1)) + 1 } };

    if (rand() % 2)
        assert_int_equal(vcpu_set_hard_affinity(v, &mask), 0);
    else
        vcpu_set_soft_affinity(v, &mask);
}

static void random_operation(unsigned int cpu)
{
    const unsigned int i = (unsigned int)rand() % NR_VCPUS;
    struct vcpu *v = &vcpus[i];

    switch (rand() % 12) {
    case 0: case 1: case 2: case 3:
        vcpu_unblock(v);
        break;
    case 4: case 5:
        block_current(cpu);
        break;
    case 6:
        pauses[i]++;
        vcpu_pause_nosync(v);
        break;
    case 7: case 8:
        if (pauses[i] > 0) {
            pauses[i]--;
            vcpu_unpause(v);
        }
        break;
    case 9:
        random_affinity(v);
        break;
    case 10:
        if (!on_cpu_now[cpu]->is_idle)
            vcpu_yield();
        break;
    default:
        host_now_ns += (uint64_t)(rand() % 4) * NS_PER_MS;
        if (!interfere || host_test_irqs)
            expire_slices();
        become(cpu);
    }
}

static int setup(void **state)
{
    memset(vcpus, 0, sizeof(vcpus));
    memset(pauses, 0, sizeof(pauses));
    memset(infos, 0, sizeof(infos));
    memset(&sched_idle_cpus, 0, sizeof(sched_idle_cpus));
    memset(&sched_crowded_cpus, 0, sizeof(sched_crowded_cpus));
    host_now_ns = 1000000;
    host_log_quiet = true;
    interfere = false;
    become(0);
    sched_init();
    for (unsigned int cpu = 1; cpu < NR_CPUS; cpu++)
        sched_init_cpu(cpu);
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        pending[cpu] = false;
        on_cpu_now[cpu] = sched_idle_vcpu(cpu);
        become(cpu);
        if (setjmp(cpu_loop) == 0)
            idle_loop();
    }
    for (unsigned int i = 0; i < 2; i++) {
        domains[i] = (struct domain){ .id = (domid_t)(i + 1), .refs = 1, .max_vcpus = NR_VCPUS, .vcpu = vcpu_table[i] };
        domains[i].events.poll_mask = &poll_masks[i];
        sched_domain_init(&domains[i]);
    }
    for (unsigned int i = 0; i < NR_VCPUS; i++) {
        struct vcpu *v = &vcpus[i];

        v->id = i;
        v->domain = &domains[i % 2];
        v->pause_flags = VPF_DOWN;
        v->vcpu_info = &infos[i];
        vcpu_table[i % 2][i] = v;
        assert_int_equal(sched_vcpu_init(v), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        heap_free(sched_idle_vcpu(cpu));
    return 0;
}

static void start(struct vcpu *v)
{
    v->pause_flags = 0;
    vcpu_wake(v);
    settle();
}

/* A CPU that was sent for waiting work may find work of its own first: the end of the turn sends again. */
static void settle_quietly(bool with_interference)
{
    settle();
    if (!with_interference && !is_wasteful())
        return;
    interfere = false;
    host_now_ns += 10 * NS_PER_MS;
    expire_slices();
    settle();
    interfere = with_interference;
}

static void random_run(bool with_interference, unsigned int steps)
{
    interfere = with_interference;
    for (unsigned int i = 0; i < NR_VCPUS; i++)
        start(&vcpus[i]);
    for (unsigned int n = 0; n < steps; n++) {
        const unsigned int cpu = (unsigned int)rand() % NR_CPUS;

        become(cpu);
        random_operation(cpu);
        if (rand() % 2) {
            settle_quietly(with_interference);
            check_all();
        } else if (pending[cpu]) {
            run_cpu(cpu);
        }
    }
    assert_true(switches > steps / 50);
}

static void test_random(void **state)
{
    srand(1);
    random_run(false, 100000);
}

static void test_random_during_switches(void **state)
{
    srand(2);
    random_run(true, 200000);
}

/* ---- fairness ---- */

static void run_for(uint64_t ns)
{
    for (const uint64_t end = host_now_ns + ns; host_now_ns < end; host_now_ns += NS_PER_MS / 4) {
        expire_slices();
        settle();
    }
}

static uint64_t run_time(const struct vcpu *v)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(v, &info);
    assert_int_equal(info.time[0] + info.time[1] + info.time[2] + info.time[3], host_now_ns - 1000000);
    return info.time[RUNSTATE_running];
}

static void test_weights_share_a_cpu(void **state)
{
    const cpumask_t cpu2 = cpumask_of(2);

    domains[0].sched.weight = 512;
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(vcpu_set_hard_affinity(&vcpus[i], &cpu2), 0);
        start(&vcpus[i]);
    }
    run_for(12 * NS_PER_S);
    for (unsigned int i = 0; i < 4; i++) {
        const uint64_t share_ms = run_time(&vcpus[i]) / NS_PER_MS, want = i % 2 ? 2000 : 4000;

        assert_in_range(share_ms, want - want / 20, want + want / 20);
    }
}

/* A sleeper runs at once beside a busy vCPU, but gains no time by having slept. */
static void test_sleeper_runs_at_once(void **state)
{
    const cpumask_t cpu0 = cpumask_of(0);

    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(vcpu_set_hard_affinity(&vcpus[i], &cpu0), 0);
    start(&vcpus[0]);
    start(&vcpus[1]);
    become(0);
    while (on_cpu_now[0] != &vcpus[1])
        run_for(NS_PER_MS);
    become(0);
    vcpu_block();
    settle();
    run_for(5 * NS_PER_S);
    assert_ptr_equal(on_cpu_now[0], &vcpus[0]);
    become(1);
    vcpu_unblock(&vcpus[1]);
    settle();
    assert_ptr_equal(on_cpu_now[0], &vcpus[1]);
    run_for(2 * NS_PER_S);
    assert_in_range(run_time(&vcpus[1]) / NS_PER_MS, 950, 1100);
}

static struct cpu_sched *start_two_on_cpu0(void)
{
    const cpumask_t cpu0 = cpumask_of(0);

    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(vcpu_set_hard_affinity(&vcpus[i], &cpu0), 0);
        start(&vcpus[i]);
    }
    return &per_cpu(cpu_sched, 0);
}

/* On CPU 0, vCPU 0 begins a turn now, after a long sleep, beside vCPU 1, which sleeps since a moment. */
static struct cpu_sched *begin_turn_beside_sleeper(void)
{
    struct cpu_sched *c = start_two_on_cpu0();

    become(0);
    while (on_cpu_now[0] != &vcpus[1])
        run_for(NS_PER_MS);
    become(0);
    vcpu_block();
    settle();
    run_for(5 * NS_PER_S);
    become(0);
    vcpu_block();
    settle();
    become(1);
    vcpu_unblock(&vcpus[0]);
    settle();
    assert_ptr_equal(on_cpu_now[0], &vcpus[0]);
    return c;
}

static void wake_after_300us(struct vcpu *v)
{
    host_now_ns += 300000;
    become(1);
    vcpu_unblock(v);
    settle();
}

/* Two that wake each other: the first has slept for long, and still it waits for its turn. */
static void test_who_has_just_begun_goes_on(void **state)
{
    struct cpu_sched *c = begin_turn_beside_sleeper();
    const uint64_t began = host_now_ns;

    wake_after_300us(&vcpus[1]);
    assert_ptr_equal(on_cpu_now[0], &vcpus[0]);
    assert_true(c->slice.active && c->turn_end_ns == began + NS_PER_MS);
    host_now_ns = c->turn_end_ns;
    expire_slices();
    settle();
    assert_ptr_equal(on_cpu_now[0], &vcpus[1]);
    assert_int_equal(sched_ratelimit_set(99), -XEN_EINVAL);
    assert_int_equal(sched_ratelimit_set(500001), -XEN_EINVAL);
    assert_int_equal(sched_ratelimit_us(), 1000);
    assert_int_equal(sched_ratelimit_set(0), 0);
    assert_int_equal(sched_ratelimit_set(1000), 0);
}

/* All of a guest's input and output waits for dom0. */
static void test_dom0_preempts_who_has_just_begun(void **state)
{
    begin_turn_beside_sleeper();
    vcpus[1].domain->is_hardware = true;
    wake_after_300us(&vcpus[1]);
    vcpus[1].domain->is_hardware = false;
    assert_ptr_equal(on_cpu_now[0], &vcpus[1]);
}

/* S5. */
static void test_slice_timer_is_set_when_it_has_come(void **state)
{
    struct cpu_sched *c = start_two_on_cpu0();

    settle();
    const uint64_t first = c->slice.expires_ns;

    assert_true(c->slice.active);
    while (host_now_ns + NS_PER_MS < first) {
        host_now_ns += NS_PER_MS;
        become(0);
        vcpu_yield();
        settle();
        assert_int_equal(c->slice.expires_ns, first);
    }
    host_now_ns = first;
    expire_slices();
    assert_false(pending[0]); /* that turn is over long since */
    assert_true(c->slice.active && c->slice.expires_ns == c->turn_end_ns && c->turn_end_ns > first);
    host_now_ns = c->turn_end_ns;
    expire_slices();
    assert_true(pending[0]);
    settle();
    become(0);
    vcpu_block();
    settle();
    host_now_ns = c->slice.expires_ns;
    expire_slices();
    assert_false(pending[0]); /* nobody waits */
    assert_false(c->slice.active);
}

static void test_spreads_over_idle_cpus(void **state)
{
    for (unsigned int i = 0; i < NR_CPUS; i++)
        start(&vcpus[i]);
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        assert_false(on_cpu_now[cpu]->is_idle);
    check_all();
}

static void test_pin_override(void **state)
{
    const cpumask_t low = { { 3 } };

    assert_int_equal(vcpu_set_hard_affinity(&vcpus[0], &low), 0);
    start(&vcpus[0]);
    assert_int_equal(vcpu_pin_override(&vcpus[0], -1), -XEN_EINVAL);
    assert_int_equal(vcpu_pin_override(&vcpus[0], 77), -XEN_EINVAL);
    assert_int_equal(vcpu_pin_override(&vcpus[0], 3), 0);
    settle();
    assert_ptr_equal(on_cpu_now[3], &vcpus[0]);
    assert_int_equal(vcpu_pin_override(&vcpus[0], 2), -XEN_EBUSY);
    assert_int_equal(vcpu_pin_override(&vcpus[0], -1), 0);
    settle();
    assert_true(vcpus[0].sched.cpu < 2);
    check_all();
}

static void test_control_pauses_are_limited(void **state)
{
    domains[0].control_pause_count = domains[0].pause_count = 0;
    become(1);
    for (unsigned int i = 0; i < 255; i++)
        assert_int_equal(domain_pause_by_control(&domains[0]), 0);
    assert_int_equal(domain_pause_by_control(&domains[0]), -XEN_EOVERFLOW);
    for (unsigned int i = 0; i < 255; i++)
        assert_int_equal(domain_unpause_by_control(&domains[0]), 0);
    assert_int_equal(domain_unpause_by_control(&domains[0]), -XEN_EINVAL);
    assert_int_equal(domains[0].pause_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_during_switches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weights_share_a_cpu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sleeper_runs_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_just_begun_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dom0_preempts_who_has_just_begun, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slice_timer_is_set_when_it_has_come, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spreads_over_idle_cpus, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pin_override, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_pauses_are_limited, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

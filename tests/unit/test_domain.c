/* SPDX-License-Identifier: GPL-2.0-or-later */
// sources: hv/domain/domain.c hv/domain/lifecycle.c hv/domain/vcpu.c hv/domain/dump.c hv/lib/rangeset.c hv/lib/bitmap.c
/* Life of domains: creation with memory failing anywhere, references, shutdown, resume, preempted destruction, watchdogs. */
#include "host_support.h"

#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/irq.h>
#include <hv/percpu.h>

static unsigned int nr_events, nr_grants, nr_archs, nr_pirqs, nr_arch_vcpus; /* parts alive */
static unsigned int virqs, suspend_events;
static unsigned int restarts_left;       /* answers of -ERESTART that a step still gives */
static bool arch_create_fails;
static struct work *works[64];
static unsigned int nr_works;
static struct domain control;
static struct vcpu control_vcpu;
static int machine_stopped_for = -1;
static jmp_buf machine_stop;

/* ---- collaborators ---- */

void work_schedule(struct work *w)
{
    if (!w->queued) {
        w->queued = true;
        works[nr_works++] = w;
    }
}

static void run_works(void)
{
    for (unsigned int i = 0; i < nr_works; i++) {
        works[i]->queued = false;
        works[i]->fn(works[i]->arg);
    }
    nr_works = 0;
}

int event_domain_init(struct domain *d, unsigned int max_port)
{
    spin_init(&d->events.lock, RANK_EVENT_DOMAIN);
    d->events.poll_mask = heap_new_array(uint64_t, BITMAP_WORDS(d->max_vcpus));
    if (d->events.poll_mask == NULL)
        return -XEN_ENOMEM;
    nr_events++;
    return 0;
}
int event_vcpu_init(struct vcpu *v) { return 0; }
int event_domain_destroy(struct domain *d) { return restarts_left && restarts_left-- ? -XEN_ERESTART : 0; }
void event_domain_fini(struct domain *d) { nr_events--; heap_free(d->events.poll_mask); }
void event_send_global_virq(unsigned int virq) { assert_int_equal(virq, VIRQ_DOM_EXC); virqs++; }
int event_send(struct domain *d, evtchn_port_t port) { suspend_events++; return 0; }
void event_mark_upcall(struct vcpu *v) { v->vcpu_info->evtchn_upcall_pending = 1; }
int grant_domain_init(struct domain *d, unsigned int f, unsigned int m, unsigned int v)
{
    d->grants = heap_zalloc(8, 8);
    nr_grants += d->grants != NULL;
    return d->grants ? 0 : -XEN_ENOMEM;
}
int grant_domain_release_mappings(struct domain *d) { return restarts_left && restarts_left-- ? -XEN_ERESTART : 0; }
void grant_domain_fini(struct domain *d) { nr_grants--; heap_free(d->grants); }
int pirq_domain_init(struct domain *d)
{
    d->arch.pirqs = heap_zalloc(8, 8);
    nr_pirqs += d->arch.pirqs != NULL;
    return d->arch.pirqs ? 0 : -XEN_ENOMEM;
}
void pirq_domain_fini(struct domain *d)
{
    nr_pirqs -= d->arch.pirqs != NULL;
    heap_free(d->arch.pirqs);
    d->arch.pirqs = NULL;
}
void pirq_domain_release(struct domain *d) { }
void debug_key_register(unsigned char key, debug_key_fn *fn, const char *help) { }
int domain_claim_pages(struct domain *d, uint64_t pages) { return 0; }
int arch_domain_create(struct domain *d, const struct domain_config *config)
{
    if (arch_create_fails)
        return -XEN_EINVAL;
    nr_archs++;
    return 0;
}
void arch_domain_fini(struct domain *d) { nr_archs--; }
int arch_domain_relinquish(struct domain *d) { return restarts_left && restarts_left-- ? -XEN_ERESTART : 0; }
int arch_vcpu_create(struct vcpu *v)
{
    v->arch.fpu = heap_zalloc(16, 16);
    nr_arch_vcpus += v->arch.fpu != NULL;
    return v->arch.fpu ? 0 : -XEN_ENOMEM;
}
void arch_vcpu_fini(struct vcpu *v) { nr_arch_vcpus--; heap_free(v->arch.fpu); }
int arch_vcpu_reset(struct vcpu *v) { return 0; }
void arch_vcpu_dump(struct vcpu *v) { }
int sched_vcpu_init(struct vcpu *v) { return 0; }
void sched_vcpu_fini(struct vcpu *v) { }
void sched_domain_init(struct domain *d) { d->sched.weight = 256; }
void vcpu_wake(struct vcpu *v) { }
void vcpu_unblock(struct vcpu *v) { }
void vcpu_set_periodic(struct vcpu *v, uint64_t ns) { v->periodic_ns = ns; }
void vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask) { }
void vcpu_sleep_nosync(struct vcpu *v) { }
void vcpu_pause(struct vcpu *v) { v->pause_count++; }
void vcpu_pause_nosync(struct vcpu *v) { v->pause_count++; }
void vcpu_unpause(struct vcpu *v) { v->pause_count--; }
void domain_pause(struct domain *d) { d->pause_count++; }
void domain_unpause(struct domain *d) { d->pause_count--; }
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu) { *t = (struct timer){ .fn = fn, .arg = arg }; }
void timer_set(struct timer *t, uint64_t ns) { t->active = true; t->expires_ns = ns; }
void timer_stop(struct timer *t) { t->active = false; }
void timer_kill(struct timer *t) { t->active = false; t->dead = true; }
void time_update_wallclock(struct domain *d) { }
void hardware_domain_shutdown(int reason)
{
    machine_stopped_for = reason;
    longjmp(machine_stop, 1);
}

/* Frames: a share holds the domain as the real one does. */
static struct domain *owner_of[64];
void frame_share(void *page, struct domain *d, bool writable)
{
    struct frame *f = frame_of(va_mfn(page));

    f->refs = 1;
    f->flags = FRAME_ALLOCATED | FRAME_HYPERVISOR;
    owner_of[frame_mfn(f).v] = d;
    d->nr_shared_pages++;
    assert_true(domain_get(d));
}
void frame_put(struct frame *f)
{
    struct domain *d = owner_of[frame_mfn(f).v];

    if (--f->refs == 0) {
        d->nr_shared_pages--;
        domain_put(d);
    }
}
void domain_frame_release(struct frame *f)
{
    assert_true(f->flags & FRAME_ALLOCATED);
    f->flags &= (uint16_t)~FRAME_ALLOCATED;
    frame_put(f);
}
static struct frame *guest_frame;
struct frame *frame_get_mfn(mfn_t mfn, const struct domain *d)
{
    if (guest_frame == NULL || mfn.v != frame_mfn(guest_frame).v)
        return NULL;
    guest_frame->refs++;
    return guest_frame;
}
int frame_take_type(struct frame *f, enum frame_type type) { f->refs++; return 0; }
void frame_drop_type(struct frame *f) { f->refs--; }

/* ---- help ---- */

static const struct domain_config config = { .max_vcpus = 40, .max_evtchn_port = 1023, .grant_version = 2 };

static int setup(void **state)
{
    host_log_quiet = true;
    host_ram_init(64);
    control = (struct domain){ .id = 0, .refs = 1, .is_control = true };
    control_vcpu = (struct vcpu){ .domain = &control };
    host_test_current = &control_vcpu;
    nr_events = nr_grants = nr_archs = nr_pirqs = nr_arch_vcpus = virqs = suspend_events = restarts_left = nr_works = 0;
    arch_create_fails = false;
    guest_frame = NULL;
    hardware_domain = NULL;
    return 0;
}

static int teardown(void **state)
{
    host_ram_free();
    assert_int_equal(host_locks_held, 0);
    return 0;
}

static void assert_nothing_left(void)
{
    assert_int_equal(nr_events | nr_grants | nr_archs | nr_pirqs | nr_arch_vcpus, 0);
    assert_null(domain_next(NULL));
}

static struct domain *make(domid_t id, unsigned int vcpus)
{
    struct domain *d;
    struct vcpu *v;

    assert_int_equal(domain_create(id, &config, &d), 0);
    for (unsigned int i = 0; i < vcpus; i++)
        assert_int_equal(vcpu_create(d, i, &v), 0);
    return d;
}

/* ---- tests ---- */

static void test_create_and_kill(void **state)
{
    struct domain *d = make(3, 2), *found;

    assert_int_equal(d->refs, 3); /* creation, caller, shared pages */
    assert_true(d->created_paused);
    assert_int_equal(d->pause_count, 1);
    found = domain_get_by_id(3);
    assert_ptr_equal(found, d);
    domain_put(found);
    assert_int_equal(domain_create(3, &config, &found), -XEN_EEXIST);
    assert_int_equal(domain_kill(d), 0);
    assert_int_equal(domain_kill(d), 0);
    assert_int_equal(virqs, 1);
    found = domain_get_by_id(3); /* a zombie is still seen */
    assert_ptr_equal(found, d);
    domain_put(found);
    domain_put(d);
    run_works();
    assert_null(domain_get_by_id(3));
    assert_nothing_left();
}

static void test_memory_fails_anywhere(void **state)
{
    struct domain *d;
    struct vcpu *v;
    const unsigned long before_chunk = host_heap_outstanding;

    d = make(600, 0);
    assert_int_equal(domain_kill(d), 0);
    domain_put(d);
    run_works();
    const unsigned long before = host_heap_outstanding; /* the table's chunk stays */

    assert_true(before >= before_chunk);
    for (unsigned long n = 1;; n++) {
        int rc;

        host_heap_fail_at = n;
        rc = domain_create(601, &config, &d);
        if (rc == 0)
            break;
        assert_int_equal(rc, -XEN_ENOMEM);
        assert_int_equal(host_heap_outstanding, before);
        nr_works = 0;
        assert_nothing_left();
    }
    for (unsigned long n = 1; n < 3; n++) {
        host_heap_fail_at = n;
        assert_int_equal(vcpu_create(d, 0, &v), -XEN_ENOMEM);
        assert_null(domain_vcpu(d, 0));
    }
    host_heap_fail_at = 0;
    assert_int_equal(vcpu_create(d, 0, &v), 0);
    assert_int_equal(vcpu_create(d, 0, &v), -XEN_EEXIST);
    assert_int_equal(vcpu_create(d, 40, &v), -XEN_EINVAL);
    assert_int_equal(domain_kill(d), 0);
    domain_put(d);
    run_works();
    assert_int_equal(host_heap_outstanding, before);
    assert_nothing_left();
}

static void test_bad_configuration(void **state)
{
    struct domain_config c = config;
    struct domain *d;

    assert_int_equal(domain_create(DOMID_FIRST_RESERVED, &c, &d), -XEN_EINVAL);
    c.max_vcpus = 0;
    assert_int_equal(domain_create(1, &c, &d), -XEN_EINVAL);
    c.max_vcpus = MAX_VCPUS_PER_DOMAIN + 1;
    assert_int_equal(domain_create(1, &c, &d), -XEN_EINVAL);
    c.max_vcpus = 1;
    arch_create_fails = true;
    assert_int_equal(domain_create(1, &c, &d), -XEN_EINVAL);
    nr_works = 0;
    assert_nothing_left();
}

static void test_kill_is_preemptible(void **state)
{
    struct domain *d = make(9, 1);
    unsigned int calls = 0;

    restarts_left = 7;
    while (domain_kill(d) == -XEN_ERESTART) {
        assert_int_equal(d->dying, DOMAIN_DYING);
        assert_int_equal(d->pause_count, 2);
        calls++;
    }
    assert_int_equal(calls, 7);
    assert_int_equal(d->dying, DOMAIN_DEAD);
    domain_put(d);
    run_works();
    assert_nothing_left();
    assert_int_equal(domain_kill(&control), -XEN_EINVAL);
}

/* D1, D3: who still maps a page keeps the zombie. */
static void test_foreign_mapping_keeps_zombie(void **state)
{
    struct domain *d = make(4, 0);
    struct frame *f = frame_of(va_mfn(d->shared_info));

    f->refs++;
    assert_int_equal(domain_kill(d), 0);
    domain_put(d);
    run_works();
    d = domain_get_by_id(4);
    assert_non_null(d);
    domain_put(d);
    frame_put(f);
    run_works();
    assert_null(domain_get_by_id(4));
    assert_nothing_left();
}

static void test_walk_in_order(void **state)
{
    static const domid_t ids[] = { 700, 2, 511, 512, 32751 };
    struct domain *d, *made[array_size(ids)];
    int last = -1;
    unsigned int n = 0;

    for (unsigned int i = 0; i < array_size(ids); i++)
        made[i] = make(ids[i], 0);
    for_each_domain(d) {
        assert_true(d->id > last);
        last = d->id;
        n++;
    }
    assert_int_equal(n, array_size(ids));
    for (unsigned int i = 0; i < array_size(ids); i++) {
        assert_int_equal(domain_kill(made[i]), 0);
        domain_put(made[i]);
    }
    run_works();
    assert_nothing_left();
}

static void test_ids_go_up(void **state)
{
    const int first = domain_free_id(), second = domain_free_id();

    assert_true(first > 0);
    assert_int_equal(second, first + 1);
    for (unsigned int i = 0; i < 2u * DOMID_FIRST_RESERVED; i++) {
        const int id = domain_free_id();

        assert_true(id > 0 && id < (int)DOMID_FIRST_RESERVED);
    }
}

static void test_shutdown_and_resume(void **state)
{
    struct domain *d = make(5, 3);

    domain_shutdown(d, SHUTDOWN_suspend);
    assert_true(d->is_shut_down);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(d->vcpu[i]->pause_count, 1);
    domain_shutdown(d, SHUTDOWN_crash);
    assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
    assert_int_equal(d->vcpu[0]->pause_count, 1);
    run_works();
    assert_int_equal(virqs, 1);
    domain_resume(d);
    assert_false(d->is_shutting_down || d->is_shut_down);
    assert_int_equal(d->vcpu[2]->pause_count, 0);

    d->suspend_port = 7;
    domain_set_shutdown_code(d, SHUTDOWN_suspend); /* latched before */
    domain_shutdown(d, SHUTDOWN_poweroff);
    run_works();
    assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
    assert_int_equal(suspend_events, 1);
    assert_int_equal(virqs, 1);
    domain_resume(d);
    domain_crash(d, "test %d", 1);
    assert_int_equal(d->shutdown_code, SHUTDOWN_crash);
    run_works();
    assert_int_equal(virqs, 2);
    assert_int_equal(domain_kill(d), 0);
    domain_put(d);
    run_works();
    assert_nothing_left();
}

static void test_hardware_domain_stops_machine(void **state)
{
    struct domain_config c = config;
    struct domain *d;

    c.is_hardware = true;
    assert_int_equal(domain_create(1, &c, &d), 0);
    assert_ptr_equal(hardware_domain, d);
    if (setjmp(machine_stop) == 0)
        domain_shutdown(d, SHUTDOWN_reboot);
    assert_int_equal(machine_stopped_for, SHUTDOWN_reboot);
    assert_int_equal(domain_kill(d), 0);
    domain_put(d);
    run_works();
}

static void test_watchdogs(void **state)
{
    struct domain *d = make(6, 1);

    assert_int_equal(domain_watchdog(d, 3, 1), -XEN_EINVAL);
    assert_int_equal(domain_watchdog(d, 1, 1), -XEN_EINVAL);
    assert_int_equal(domain_watchdog(d, 0, 30), 1);
    assert_int_equal(domain_watchdog(d, 0, 30), 2);
    assert_int_equal(domain_watchdog(d, 0, 30), -XEN_ENOSPC);
    assert_int_equal(domain_watchdog(d, 2, 0), 0);
    assert_int_equal(domain_watchdog(d, 2, 5), -XEN_EINVAL);
    assert_int_equal(domain_watchdog(d, 1, 60), 0);
    assert_int_equal(d->watchdog[0].expires_ns, host_now_ns + 60 * NS_PER_S);
    d->watchdog[0].fn(d->watchdog[0].arg);
    assert_int_equal(d->shutdown_code, SHUTDOWN_watchdog);
    run_works();
    assert_int_equal(domain_kill(d), 0);
    domain_put(d);
    run_works();
    assert_nothing_left();
}

static void test_vcpu_info(void **state)
{
    struct domain *d = make(8, 36);
    struct vcpu *low = domain_vcpu(d, 1), *high = domain_vcpu(d, 35);
    void *page = pages_alloc(0, ALLOC_ZERO);

    guest_frame = frame_of(va_mfn(page));
    guest_frame->refs = 1;
    const gfn_t gfn = GFN(frame_mfn(guest_frame).v);

    assert_ptr_equal(low->vcpu_info, &d->shared_info->vcpu_info[1]);
    assert_true(vcpu_info_is_placeholder(high));
    low->vcpu_info->arch.cr2 = 0x1234;
    assert_int_equal(vcpu_register_info(low, gfn, 4033), -XEN_ENXIO);
    assert_int_equal(vcpu_register_info(low, gfn, 4), -XEN_ENXIO);
    assert_int_equal(vcpu_register_info(low, GFN(63), 64), -XEN_EINVAL);
    low->pause_flags = 0;
    assert_int_equal(vcpu_register_info(low, gfn, 64), -XEN_EINVAL);
    low->pause_flags = VPF_DOWN;
    assert_int_equal(vcpu_register_info(low, gfn, 64), 0);
    assert_int_equal(vcpu_register_info(low, gfn, 128), -XEN_EINVAL);
    assert_ptr_equal(low->vcpu_info, (char *)page + 64);
    assert_int_equal(low->vcpu_info->arch.cr2, 0x1234);
    assert_int_equal(low->vcpu_info->evtchn_pending_sel, ~0UL);
    assert_int_equal(low->vcpu_info->evtchn_upcall_pending, 1);
    assert_int_equal(vcpu_register_info(high, gfn, 4096 - sizeof(struct vcpu_info)), 0);
    assert_false(vcpu_info_is_placeholder(high));
    assert_int_equal(guest_frame->refs, 5);
    assert_int_equal(vcpu_reset(low), 0);
    assert_ptr_equal(low->vcpu_info, &d->shared_info->vcpu_info[1]);
    assert_int_equal(guest_frame->refs, 3);
    assert_int_equal(domain_kill(d), 0);
    assert_int_equal(guest_frame->refs, 1);
    domain_put(d);
    run_works();
    assert_nothing_left();
    pages_free(page, 0);
}

static void test_up_and_down(void **state)
{
    struct domain *d = make(11, 2);
    struct vcpu *a = domain_vcpu(d, 0), *b = domain_vcpu(d, 1);

    assert_int_equal(vcpu_up(a), -XEN_EINVAL);
    a->is_initialised = b->is_initialised = true;
    assert_int_equal(vcpu_up(a), 0);
    assert_int_equal(vcpu_up(b), 0);
    vcpu_down(b);
    assert_int_equal(b->pause_flags, VPF_DOWN);
    assert_false(d->is_shutting_down);
    vcpu_down(a);
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_poweroff);
    run_works();
    assert_int_equal(domain_kill(d), 0);
    domain_put(d);
    run_works();
    assert_nothing_left();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_kill), TEST(test_memory_fails_anywhere), TEST(test_bad_configuration),
        TEST(test_kill_is_preemptible), TEST(test_foreign_mapping_keeps_zombie), TEST(test_walk_in_order),
        TEST(test_ids_go_up), TEST(test_shutdown_and_resume), TEST(test_hardware_domain_stops_machine),
        TEST(test_watchdogs), TEST(test_vcpu_info), TEST(test_up_and_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

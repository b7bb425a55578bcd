/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels through the hypercall, in the 2-level format: bindings, sending, closing, life. */
// sources: hv/control/access.c hv/event/port.c hv/event/send.c hv/event/bind.c hv/event/close.c hv/event/global_virq.c hv/event/format_2level.c hv/event/format_fifo.c hv/event/fifo_setup.c hv/event/op.c hv/event/dump.c hv/lib/bitmap.c hv/mm/frame.c
#include "domains_host.h"

#define MAX_PORT 130u

static int pirq_bind_result;
static unsigned int pirqs_bound, pirq_cpu;

int pirq_bind(struct vcpu *v, unsigned int pirq, bool will_share) { pirqs_bound += pirq_bind_result == 0; return pirq_bind_result; }
void pirq_unbind(struct domain *d, unsigned int pirq) { pirqs_bound--; }
void pirq_set_affinity(struct domain *d, unsigned int pirq, const cpumask_t *mask) { pirq_cpu = cpumask_first(mask); }
unsigned int pirq_limit(const struct domain *d) { return 32; }
bool pirq_is_permitted(struct domain *d, unsigned int pirq) { return pirq != 9; }

static long call(unsigned int cmd, void *arg) { return hc_event_channel_op(cmd, (uintptr_t)arg, 0, 0, 0); }

static evtchn_port_t alloc_unbound(domid_t dom, domid_t remote)
{
    struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = remote };

    assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), 0);
    return a.port;
}

static long bind_interdomain(domid_t remote, evtchn_port_t port, evtchn_port_t *local)
{
    struct evtchn_bind_interdomain a = { .remote_dom = remote, .remote_port = port };
    const long rc = call(EVTCHNOP_bind_interdomain, &a);

    *local = a.local_port;
    return rc;
}

static long send(evtchn_port_t port) { struct evtchn_send a = { port }; return call(EVTCHNOP_send, &a); }
static long close_port(evtchn_port_t port) { struct evtchn_close a = { port }; return call(EVTCHNOP_close, &a); }
static long unmask(evtchn_port_t port) { struct evtchn_unmask a = { port }; return call(EVTCHNOP_unmask, &a); }

static struct evtchn_status status(domid_t dom, evtchn_port_t port)
{
    struct evtchn_status a = { .dom = dom, .port = port };

    assert_int_equal(call(EVTCHNOP_status, &a), 0);
    return a;
}

static long bind_virq(uint32_t virq, uint32_t vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_virq a = { .virq = virq, .vcpu = vcpu };
    const long rc = call(EVTCHNOP_bind_virq, &a);

    *port = a.port;
    return rc;
}

static bool take_pending(unsigned int dom, evtchn_port_t n)
{
    return atomic_bit_test_clear(world_info[dom]->evtchn_pending, n);
}

/* Was the vCPU told about port n? Takes the notice, as a guest does. */
static bool take_upcall(unsigned int dom, unsigned int vcpu, evtchn_port_t n)
{
    struct vcpu_info *info = &world_info[dom]->vcpu_info[vcpu];
    const bool told = info->evtchn_upcall_pending && (info->evtchn_pending_sel & (1UL << (n / 64)));

    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    return told && take_pending(dom, n);
}

static int setup(void **state)
{
    world_create();
    pirq_bind_result = 0;
    pirqs_bound = 0;
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        assert_int_equal(event_domain_init(&world[i], MAX_PORT), 0);
        for (unsigned int v = 0; v < NR_VCPUS; v++)
            assert_int_equal(event_vcpu_init(&world_vcpu[i][v]), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        world[i].dying = DOMAIN_DYING;
        while (event_domain_destroy(&world[i]) != 0)
            ;
        assert_int_equal(world[i].events.nr_active, 0);
    }
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        event_domain_fini(&world[i]);
    world_destroy();
    return 0;
}

static void two_domains_talk(void **state)
{
    evtchn_port_t a, b;

    be(1, 0);
    a = alloc_unbound(DOMID_SELF, 2);
    assert_int_equal(a, 1);
    assert_int_equal(status(DOMID_SELF, a).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(DOMID_SELF, a).u.unbound.dom, 2);
    assert_int_equal(send(a), 0); /* nobody there: silently */
    be(0, 0);
    assert_int_equal(bind_interdomain(1, a, &b), -XEN_EINVAL); /* not for 0 */
    be(2, 0);
    assert_int_equal(bind_interdomain(7, a, &b), -XEN_ESRCH);
    assert_int_equal(bind_interdomain(1, a, &b), 0);
    assert_true(take_upcall(2, 0, b)); /* starts pending */
    assert_int_equal(bind_interdomain(1, a, &b), -XEN_EINVAL); /* taken */
    assert_int_equal(send(1), 0);
    assert_true(take_upcall(1, 0, a));
    be(1, 0);
    assert_int_equal(send(a), 0);
    assert_int_equal(send(a), 0);
    assert_true(take_upcall(2, 0, 1));
    assert_int_equal(status(DOMID_SELF, a).status, EVTCHNSTAT_interdomain);
    assert_int_equal(status(DOMID_SELF, a).u.interdomain.dom, 2);
    assert_int_equal(status(DOMID_SELF, a).u.interdomain.port, 1);
    be(2, 0);
    assert_int_equal(close_port(1), 0);
    assert_int_equal(status(DOMID_SELF, 1).status, EVTCHNSTAT_closed);
    assert_int_equal(send(1), -XEN_EINVAL);
    be(1, 0);
    assert_int_equal(status(DOMID_SELF, a).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(DOMID_SELF, a).u.unbound.dom, 2);
    assert_int_equal(close_port(a), 0);
    assert_int_equal(close_port(a), -XEN_EINVAL);
}

static void within_one_domain(void **state)
{
    evtchn_port_t a, b;

    a = alloc_unbound(DOMID_SELF, DOMID_SELF);
    assert_int_equal(bind_interdomain(DOMID_SELF, a, &b), 0);
    assert_true(take_upcall(1, 0, b));
    assert_int_equal(send(a), 0);
    assert_true(take_upcall(1, 0, b));
    assert_int_equal(close_port(a), 0);
    assert_int_equal(status(1, b).status, EVTCHNSTAT_unbound);
}

static void who_may(void **state)
{
    struct evtchn_alloc_unbound a = { .dom = 2, .remote_dom = 0 };
    struct evtchn_status s = { .dom = 2, .port = 1 };
    struct evtchn_reset r = { .dom = 2 };

    be(1, 0);
    assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), -XEN_EPERM);
    assert_int_equal(call(EVTCHNOP_status, &s), -XEN_EPERM);
    assert_int_equal(call(EVTCHNOP_reset, &r), -XEN_EPERM);
    be(0, 0);
    assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), 0);
    assert_int_equal(a.port, 1);
    assert_int_equal(call(EVTCHNOP_status, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_unbound);
    assert_int_equal(call(EVTCHNOP_reset, &r), -XEN_EINVAL); /* not paused */
    world[2].control_pause_count = 1;
    assert_int_equal(call(EVTCHNOP_reset, &r), 0);
    assert_int_equal(world[2].events.nr_active, 0);
    s.dom = 9;
    assert_int_equal(call(EVTCHNOP_status, &s), -XEN_ESRCH);
}

static void virqs(void **state)
{
    evtchn_port_t timer, console, p;
    struct evtchn_bind_vcpu b;

    be(0, 0);
    assert_int_equal(bind_virq(NR_VIRQS, 0, &p), -XEN_EINVAL);
    assert_int_equal(bind_virq(VIRQ_CONSOLE, 1, &p), -XEN_EINVAL);
    assert_int_equal(bind_virq(VIRQ_TIMER, 2, &p), -XEN_ENOENT);
    assert_int_equal(bind_virq(VIRQ_TIMER, 1, &timer), 0);
    assert_int_equal(bind_virq(VIRQ_TIMER, 1, &p), -XEN_EEXIST);
    assert_int_equal(bind_virq(VIRQ_CONSOLE, 0, &console), 0);
    assert_int_equal(send(timer), -XEN_EINVAL);
    event_send_virq(&world_vcpu[0][0], VIRQ_TIMER); /* not bound there */
    assert_false(take_upcall(0, 0, timer));
    event_send_virq(&world_vcpu[0][1], VIRQ_TIMER);
    assert_true(take_upcall(0, 1, timer));
    event_send_global_virq(VIRQ_CONSOLE);
    assert_true(take_upcall(0, 0, console));
    b = (struct evtchn_bind_vcpu){ .port = timer, .vcpu = 0 };
    assert_int_equal(call(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL);
    b = (struct evtchn_bind_vcpu){ .port = console, .vcpu = 1 };
    assert_int_equal(call(EVTCHNOP_bind_vcpu, &b), 0);
    event_send_global_virq(VIRQ_CONSOLE);
    assert_true(take_upcall(0, 1, console));
    assert_int_equal(close_port(console), 0);
    event_send_global_virq(VIRQ_CONSOLE);
    assert_false(take_pending(0, console));
    assert_int_equal(bind_virq(VIRQ_CONSOLE, 0, &p), 0);
}

static void global_virq_handler(void **state)
{
    evtchn_port_t p;

    be(1, 0);
    assert_int_equal(bind_virq(VIRQ_DOM_EXC, 0, &p), 0);
    event_send_global_virq(VIRQ_DOM_EXC);
    assert_false(take_pending(1, p));
    assert_int_equal(event_set_global_virq_handler(&world[1], VIRQ_TIMER), -XEN_EINVAL);
    assert_int_equal(event_set_global_virq_handler(&world[1], NR_VIRQS), -XEN_EINVAL);
    assert_int_equal(event_set_global_virq_handler(&world[2], VIRQ_DOM_EXC), 0);
    assert_int_equal(event_set_global_virq_handler(&world[1], VIRQ_DOM_EXC), 0);
    assert_int_equal(world[2].refs, 1);
    event_send_global_virq(VIRQ_DOM_EXC);
    assert_true(take_upcall(1, 0, p));
    world[2].dying = DOMAIN_DYING;
    assert_int_equal(event_set_global_virq_handler(&world[2], VIRQ_DOM_EXC), -XEN_EINVAL);
}

static void ipis_and_masks(void **state)
{
    struct evtchn_bind_ipi i = { .vcpu = 1 };
    struct evtchn_bind_vcpu b;

    be(1, 0);
    assert_int_equal(call(EVTCHNOP_bind_ipi, &i), 0);
    assert_int_equal(status(1, i.port).vcpu, 1);
    b = (struct evtchn_bind_vcpu){ .port = i.port, .vcpu = 0 };
    assert_int_equal(call(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL);
    b.vcpu = 5;
    assert_int_equal(call(EVTCHNOP_bind_vcpu, &b), -XEN_ENOENT);
    bit_set(world_info[1]->evtchn_mask, i.port);
    assert_int_equal(send(i.port), 0);
    assert_false(world_info[1]->vcpu_info[1].evtchn_upcall_pending);
    assert_true(bit_test(world_info[1]->evtchn_pending, i.port));
    world_vcpu[1][1].pause_flags = VPF_BLOCKED;
    assert_int_equal(unmask(i.port), 0);
    assert_int_equal(world_vcpu[1][1].pause_flags, 0);
    assert_int_equal(notified, 1);
    assert_true(take_upcall(1, 1, i.port));
    assert_int_equal(unmask(5000), -XEN_EINVAL);
    i.vcpu = 2;
    assert_int_equal(call(EVTCHNOP_bind_ipi, &i), -XEN_ENOENT);
}

static void deliverable(void **state)
{
    struct vcpu *v = &world_vcpu[1][0];

    assert_false(event_deliverable(v));
    v->vcpu_info->evtchn_upcall_pending = 1;
    assert_true(event_deliverable(v));
    v->vcpu_info->evtchn_upcall_mask = 1;
    assert_false(event_deliverable(v));
}

static void pirqs(void **state)
{
    struct evtchn_bind_pirq a = { .pirq = 32 };
    evtchn_port_t p;

    be(0, 0);
    event_send_pirq(&world[0], 5); /* nothing bound yet */
    assert_int_equal(call(EVTCHNOP_bind_pirq, &a), -XEN_EINVAL);
    a.pirq = 9;
    assert_int_equal(call(EVTCHNOP_bind_pirq, &a), -XEN_EPERM);
    a.pirq = 5;
    pirq_bind_result = -XEN_EBUSY;
    assert_int_equal(call(EVTCHNOP_bind_pirq, &a), -XEN_EBUSY);
    assert_int_equal(world[0].events.nr_active, 0);
    pirq_bind_result = 0;
    assert_int_equal(call(EVTCHNOP_bind_pirq, &a), 0);
    p = a.port;
    assert_int_equal(call(EVTCHNOP_bind_pirq, &a), -XEN_EEXIST);
    a.pirq = 6;
    assert_int_equal(call(EVTCHNOP_bind_pirq, &a), 0);
    event_send_pirq(&world[0], 5);
    assert_true(take_upcall(0, 0, p));
    world_vcpu[0][0].sched.cpu = 3;
    event_vcpu_moved(&world_vcpu[0][0]);
    assert_int_equal(pirq_cpu, 3);
    world_vcpu[0][1].sched.cpu = 2;
    struct evtchn_bind_vcpu b = { .port = p, .vcpu = 1 };
    assert_int_equal(call(EVTCHNOP_bind_vcpu, &b), 0);
    assert_int_equal(pirq_cpu, 2);
    event_send_pirq(&world[0], 5);
    assert_true(take_upcall(0, 1, p));
    bit_set(world_info[0]->evtchn_mask, p);
    event_unmask_pirq(&world[0], 5);
    assert_false(bit_test(world_info[0]->evtchn_mask, p));
    assert_int_equal(close_port(p), 0);
    assert_int_equal(pirqs_bound, 1);
    assert_int_equal(world_vcpu[0][1].events.first_pirq, 0);
    assert_int_equal(world_vcpu[0][0].events.first_pirq, a.port);
}

static void limits_and_reuse(void **state)
{
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF };

    for (evtchn_port_t n = 1; n <= MAX_PORT; n++)
        assert_int_equal(alloc_unbound(DOMID_SELF, 0), n);
    assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), -XEN_ENOSPC);
    assert_int_equal(close_port(77), 0);
    assert_int_equal(close_port(5), 0);
    assert_int_equal(alloc_unbound(DOMID_SELF, 0), 5);
    assert_int_equal(alloc_unbound(DOMID_SELF, 0), 77);
    assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), -XEN_ENOSPC);
    assert_int_equal(close_port(0), -XEN_EINVAL);
    assert_int_equal(close_port(MAX_PORT + 1000), -XEN_EINVAL);
}

static void out_of_memory(void **state)
{
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF };

    for (evtchn_port_t n = 1; n < 64; n++)
        alloc_unbound(DOMID_SELF, 0);
    host_heap_fail_at = 1;
    assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), -XEN_ENOMEM);
    assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), 0);
    assert_int_equal(a.port, 64);
}

static void polling(void **state)
{
    evtchn_port_t a, b;
    struct vcpu *v = &world_vcpu[1][1];

    assert_int_equal(bind_virq(VIRQ_TIMER, 0, &a), 0);
    assert_int_equal(bind_virq(VIRQ_DEBUG, 0, &b), 0);
    assert_int_equal(event_port_pending(&world[1], a), 0);
    assert_int_equal(event_port_pending(&world[1], 4000), -XEN_EINVAL);
    v->pause_flags = VPF_POLLING;
    v->poll_port = (int)a;
    atomic_bit_set(world[1].events.poll_mask, 1);
    event_send_virq(&world_vcpu[1][0], VIRQ_DEBUG);
    assert_int_equal(v->pause_flags, VPF_POLLING); /* another port */
    bit_set(world_info[1]->evtchn_mask, a); /* polled ports are masked */
    event_send_virq(&world_vcpu[1][0], VIRQ_TIMER);
    assert_int_equal(v->pause_flags, 0);
    assert_int_equal(event_port_pending(&world[1], a), 1);
    v->pause_flags = VPF_POLLING;
    v->poll_port = -1;
    atomic_bit_set(world[1].events.poll_mask, 1);
    take_pending(1, b);
    event_send_virq(&world_vcpu[1][0], VIRQ_DEBUG);
    assert_int_equal(v->pause_flags, 0);
}

static unsigned int consumed;
static void consumer(struct vcpu *v, evtchn_port_t port) { consumed += port; }

static void hypervisor_consumers(void **state)
{
    struct evtchn_status s = { .dom = DOMID_SELF };
    struct evtchn_bind_vcpu b;
    struct evtchn_reset r = { .dom = DOMID_SELF };
    evtchn_port_t mine, theirs;

    assert_int_equal(event_bind_consumer(&world_vcpu[1][1], 0, consumer, &mine), 0);
    be(0, 0);
    assert_int_equal(bind_interdomain(1, mine, &theirs), 0);
    take_upcall(0, 0, theirs);
    consumed = 0;
    assert_int_equal(send(theirs), 0);
    assert_int_equal(consumed, mine);
    event_notify_remote(&world[1], mine);
    assert_true(take_upcall(0, 0, theirs));
    be(1, 0);
    assert_int_equal(send(mine), -XEN_EINVAL);
    assert_int_equal(close_port(mine), -XEN_EINVAL);
    s.port = mine;
    assert_int_equal(call(EVTCHNOP_status, &s), -XEN_EACCES);
    b = (struct evtchn_bind_vcpu){ .port = mine };
    assert_int_equal(call(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL);
    assert_int_equal(call(EVTCHNOP_reset, &r), 0); /* stays */
    assert_int_equal(world[1].events.nr_active, 1);
    event_unbind_consumer(&world[1], mine);
    assert_int_equal(status(DOMID_SELF, mine).status, EVTCHNSTAT_closed);
}

static void reset_is_preemptible(void **state)
{
    struct evtchn_reset r = { .dom = DOMID_SELF };

    for (unsigned int i = 0; i < 100; i++)
        alloc_unbound(DOMID_SELF, 0);
    assert_int_equal(call(14, &r), -XEN_EBUSY); /* nothing to go on with */
    preempt_after = 0;
    assert_int_equal(call(EVTCHNOP_reset, &r), 0);
    assert_true(continuation.valid);
    assert_int_equal(continuation.a1, 14);
    assert_true(world[1].events.nr_active > 0);
    assert_int_equal(call(EVTCHNOP_reset, &r), -XEN_EBUSY);
    assert_int_equal(call(14, &r), 0);
    assert_int_equal(world[1].events.nr_active, 0);
    assert_int_equal(alloc_unbound(DOMID_SELF, 0), 1);
}

static void death_disconnects(void **state)
{
    evtchn_port_t a, b;
    unsigned int steps = 0;
    struct evtchn_alloc_unbound x = { .dom = 1 };

    be(1, 0);
    for (unsigned int i = 0; i < 99; i++)
        alloc_unbound(DOMID_SELF, 0);
    a = alloc_unbound(DOMID_SELF, 2);
    be(2, 0);
    assert_int_equal(bind_interdomain(1, a, &b), 0);
    world[1].dying = DOMAIN_DYING;
    preempt_after = 0;
    while (event_domain_destroy(&world[1]) == -XEN_ERESTART)
        steps++;
    assert_int_equal(steps, 1);
    assert_int_equal(world[1].events.nr_active, 0);
    assert_int_equal(status(DOMID_SELF, b).status, EVTCHNSTAT_unbound);
    assert_int_equal(send(b), 0);
    be(0, 0);
    assert_int_equal(call(EVTCHNOP_alloc_unbound, &x), -XEN_EINVAL);
}

static void no_vcpu_yet(void **state)
{
    evtchn_port_t a, b;

    world_vcpus[2][0] = NULL;
    be(0, 0);
    a = alloc_unbound(2, 0);
    assert_int_equal(bind_interdomain(2, a, &b), 0);
    assert_int_equal(send(b), 0);
    assert_true(take_pending(2, a));
    world_vcpus[2][0] = &world_vcpu[2][0];
}

static void bad_arguments(void **state)
{
    struct evtchn_op op = { .cmd = EVTCHNOP_send, .u.send.port = 3 };
    struct evtchn_set_priority pr = { .port = 1 };

    assert_int_equal(call(15, &op), -XEN_ENOSYS);
    assert_int_equal(call(~0u, &op), -XEN_ENOSYS);
    assert_int_equal(call(EVTCHNOP_send, NULL), -XEN_EFAULT);
    assert_int_equal(call(EVTCHNOP_set_priority, &pr), -XEN_ENOSYS);
    pr.port = 9999;
    assert_int_equal(call(EVTCHNOP_set_priority, &pr), -XEN_EINVAL);
    assert_int_equal(hc_event_channel_op_compat((uintptr_t)&op, 0, 0, 0, 0), -XEN_EINVAL);
    op = (struct evtchn_op){ .cmd = EVTCHNOP_alloc_unbound, .u.alloc_unbound = { .dom = DOMID_SELF } };
    assert_int_equal(hc_event_channel_op_compat((uintptr_t)&op, 0, 0, 0, 0), 0);
    assert_int_equal(op.u.alloc_unbound.port, 1);
    op.cmd = EVTCHNOP_reset;
    assert_int_equal(hc_event_channel_op_compat((uintptr_t)&op, 0, 0, 0, 0), -XEN_ENOSYS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(two_domains_talk), T(within_one_domain), T(who_may), T(virqs), T(global_virq_handler), T(ipis_and_masks), T(deliverable),
        T(pirqs), T(limits_and_reuse), T(out_of_memory), T(polling), T(hypervisor_consumers), T(reset_is_preemptible),
        T(death_disconnects), T(no_vcpu_yet), T(bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

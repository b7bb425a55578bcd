/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channel operations and their errors, virqs, polling, blocking, masks: the 2-level format. */
#include "../lib/guest.h"

const char test_name[] = "port";

static volatile unsigned int upcalls;
static uint64_t last_selector, last_word;

static long op(int cmd, void *arg) { return HC2(event_channel_op, cmd, arg); }

static void on_event(void)
{
    upcalls++;
    last_selector = __atomic_exchange_n(&my_info()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    last_word = __atomic_exchange_n(&shared_info->evtchn_pending[0], 0, __ATOMIC_SEQ_CST);
}

static long close_port(evtchn_port_t port)
{
    struct evtchn_close c = { .port = port };

    return op(EVTCHNOP_close, &c);
}

static long send(evtchn_port_t port)
{
    struct evtchn_send s = { .port = port };

    return op(EVTCHNOP_send, &s);
}

static long unmask(evtchn_port_t port)
{
    struct evtchn_unmask u = { .port = port };

    return op(EVTCHNOP_unmask, &u);
}

static long status(domid_t dom, evtchn_port_t port)
{
    struct evtchn_status s = { .dom = dom, .port = port };
    const long rc = op(EVTCHNOP_status, &s);

    if (rc == 0)
        print("= port %u: status %u vcpu %u other %u %u\n", port, s.status, s.vcpu, s.u.interdomain.dom, s.u.interdomain.port);
    return rc;
}

static long unbound(domid_t dom, domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = remote };
    const long rc = op(EVTCHNOP_alloc_unbound, &a);

    *port = a.port;
    return rc;
}

static long connect(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain b = { .remote_dom = remote, .remote_port = remote_port };
    const long rc = op(EVTCHNOP_bind_interdomain, &b);

    *port = b.local_port;
    return rc;
}

static long move(evtchn_port_t port, unsigned int vcpu)
{
    struct evtchn_bind_vcpu b = { .port = port, .vcpu = vcpu };

    return op(EVTCHNOP_bind_vcpu, &b);
}

static void errors(void)
{
    evtchn_port_t p, q;

    SHOW(unbound(DOMID_SELF, DOMID_SELF, &p));
    SHOW(p);
    SHOW(status(DOMID_SELF, p));
    SHOW(close_port(p));
    SHOW(unbound(0, 0, &p));
    SHOW(close_port(p));
    SHOW(unbound(1, 0, &p));
    SHOW(unbound(DOMID_IO, 0, &p));
    SHOW(unbound(DOMID_XEN, 0, &p));
    SHOW(unbound(DOMID_INVALID, 0, &p));
    SHOW(unbound(DOMID_SELF, 77, &p));
    SHOW(status(DOMID_SELF, p));
    SHOW(connect(DOMID_SELF, p, &q));                       /* reserved for domain 77 */
    SHOW(close_port(p));
    SHOW(unbound(DOMID_SELF, DOMID_INVALID, &p));
    SHOW(close_port(p));
    SHOW(connect(1, 1, &q));
    SHOW(connect(DOMID_IO, 1, &q));
    SHOW(connect(DOMID_SELF, 0, &q));
    SHOW(connect(DOMID_SELF, 100, &q));
    SHOW(connect(DOMID_SELF, ~0u, &q));
    SHOW(status(DOMID_SELF, 0));
    SHOW(status(DOMID_SELF, 99));
    SHOW(status(DOMID_SELF, ~0u));
    SHOW(status(1, 1));
    SHOW(status(0, 0));
    SHOW(close_port(0));
    SHOW(close_port(99));
    SHOW(close_port(~0u));
    SHOW(send(99));
    SHOW(send(4095));
    SHOW(send(4096));
    SHOW(unmask(0));
    SHOW(unmask(99));
    SHOW(unmask(~0u));
    SHOW(unbound(DOMID_SELF, DOMID_SELF, &p));
    SHOW(send(p));                                          /* unbound: nobody hears, no error */
    SHOW(move(p, 0));
    SHOW(move(p, 1));
    SHOW(move(99, 0));
    SHOW(move(~0u, 0));
    SHOW(unmask(p));
    SHOW(connect(DOMID_SELF, p, &q));
    SHOW(status(DOMID_SELF, p));
    SHOW(status(DOMID_SELF, q));
    SHOW(close_port(p));
    SHOW(status(DOMID_SELF, q));                            /* unbound again */
    SHOW(connect(DOMID_SELF, q, &p));
    SHOW(close_port(q));
    SHOW(close_port(p));

    struct evtchn_bind_pirq pirq = { .pirq = ~0u };
    SHOW(op(EVTCHNOP_bind_pirq, &pirq));
    pirq.pirq = 100000;
    SHOW(op(EVTCHNOP_bind_pirq, &pirq));
    struct evtchn_bind_ipi ipi = { .vcpu = 1 };
    SHOW(op(EVTCHNOP_bind_ipi, &ipi));
    ipi.vcpu = ~0u;
    SHOW(op(EVTCHNOP_bind_ipi, &ipi));
    struct evtchn_reset r = { .dom = 1 };
    SHOW(op(EVTCHNOP_reset, &r));
    r.dom = DOMID_IO;
    SHOW(op(EVTCHNOP_reset, &r));
    struct evtchn_set_priority prio = { .port = 1, .priority = 0 };
    SHOW(op(EVTCHNOP_set_priority, &prio));
    struct evtchn_expand_array e = { .array_gfn = va_to_mfn(shared_info) };
    SHOW(op(EVTCHNOP_expand_array, &e));
    for (int cmd = 0; cmd < 18; cmd++)
        print("= op %d with no argument: %ld\n", cmd, op(cmd, 0));
    SHOW(op(-1, &r));
    SHOW(HC1(event_channel_op_compat, 0));
    struct evtchn_op compat = { .cmd = EVTCHNOP_status, .u.status = { .dom = DOMID_SELF, .port = 0 } };
    SHOW(HC1(event_channel_op_compat, &compat));
    SHOW(compat.u.status.status);
    compat.cmd = 99;
    SHOW(HC1(event_channel_op_compat, &compat));
}

static void virqs(void)
{
    for (uint32_t virq = 0; virq < 26; virq++) {
        struct evtchn_bind_virq b = { .virq = virq, .vcpu = 0 };
        const long rc = op(EVTCHNOP_bind_virq, &b);

        print("= virq %u: %ld\n", virq, rc);
        if (rc != 0)
            continue;
        SHOW(status(DOMID_SELF, b.port));
        print("= virq %u again: %ld, move %ld, send %ld\n", virq, op(EVTCHNOP_bind_virq, &b), move(b.port, 0), send(b.port));
        SHOW(close_port(b.port));
    }
    struct evtchn_bind_virq b = { .virq = 3, .vcpu = 1 };
    SHOW(op(EVTCHNOP_bind_virq, &b));
    b.vcpu = ~0u;
    SHOW(op(EVTCHNOP_bind_virq, &b));
}

static void masks(void)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    unsigned int before;

    event_handler = on_event;
    events_disable();
    my_info()->evtchn_upcall_pending = 0;
    my_info()->evtchn_pending_sel = 0;
    for (unsigned int i = 0; i < 64; i++)
        shared_info->evtchn_pending[i] = 0;
    SHOW(op(EVTCHNOP_bind_ipi, &ipi));
    const uint64_t bit = 1ul << ipi.port;
    shared_info->evtchn_mask[0] |= bit;
    SHOW(send(ipi.port));
    SHOW((shared_info->evtchn_pending[0] & bit) != 0);
    SHOW(my_info()->evtchn_pending_sel);
    SHOW(my_info()->evtchn_upcall_pending);
    SHOW(unmask(ipi.port));
    SHOW((shared_info->evtchn_mask[0] & bit) != 0);
    SHOW(my_info()->evtchn_pending_sel);
    SHOW(my_info()->evtchn_upcall_pending);
    before = upcalls;
    events_enable();
    SHOW(upcalls - before);
    SHOW(last_selector);
    SHOW(last_word == bit);
    /* Pending already: no second upcall. */
    events_disable();
    SHOW(send(ipi.port));
    SHOW(send(ipi.port));
    SHOW(my_info()->evtchn_pending_sel);
    my_info()->evtchn_pending_sel = 0;
    my_info()->evtchn_upcall_pending = 0;
    SHOW(send(ipi.port));
    SHOW(my_info()->evtchn_pending_sel);
    SHOW(my_info()->evtchn_upcall_pending);
    shared_info->evtchn_pending[0] = 0;
    /* The selector bit is set: pending, but no new upcall. */
    my_info()->evtchn_pending_sel = 1;
    SHOW(send(ipi.port));
    SHOW(my_info()->evtchn_upcall_pending);
    before = upcalls;
    events_enable();
    SHOW(upcalls - before);
    my_info()->evtchn_pending_sel = 0;
    shared_info->evtchn_pending[0] = 0;

    /* Blocking with something pending comes back at once; block enables events. */
    events_disable();
    SHOW(send(ipi.port));
    before = upcalls;
    SHOW(HC2(sched_op, SCHEDOP_block, 0));
    SHOW(upcalls - before);
    SHOW(my_info()->evtchn_upcall_mask);

    /* Polling: masked ports, several, timeouts. */
    evtchn_port_t ports[130] = { 0 };
    struct sched_poll poll = { .nr_ports = 2, .timeout = 1 };
    events_disable();
    ports[0] = ipi.port;
    set_xen_guest_handle(poll.ports, ports);
    shared_info->evtchn_mask[0] |= bit;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    poll.timeout = system_time() + 2000000;
    const uint64_t t = system_time();
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    SHOW(system_time() - t >= 1000000);
    poll.timeout = 0;
    SHOW(send(ipi.port));
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    SHOW(my_info()->evtchn_upcall_mask);
    poll.nr_ports = 129;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    poll.nr_ports = 128;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    poll.nr_ports = ~0u;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    poll.nr_ports = 1;
    ports[0] = 4096;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    ports[0] = ~0u;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    ports[0] = 4095;
    poll.timeout = 1;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)0x1000);
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)0xffff830000000000);
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    SHOW(HC2(sched_op, SCHEDOP_poll, 0x1000));
    SHOW(close_port(ipi.port));
}

static void capacity(void)
{
    evtchn_port_t p = 0, last = 0;
    unsigned int n = 0;
    long rc;

    while ((rc = unbound(DOMID_SELF, DOMID_SELF, &p)) == 0)
        n++, last = p;
    SHOW(rc);
    SHOW(n > 1000);
    SHOW(last);
    struct evtchn_reset r = { .dom = DOMID_SELF };
    SHOW(op(EVTCHNOP_reset, &r));
    SHOW(unbound(DOMID_SELF, DOMID_SELF, &p));
    SHOW(p);
}

void test_main(void)
{
    errors();
    virqs();
    masks();
    capacity();
}

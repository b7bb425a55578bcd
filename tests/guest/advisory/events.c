/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels: limits, resets, and FIFO control blocks that come late. */
#include "advisory.h"

static long op(unsigned int cmd, void *arg) { return HC2(event_channel_op, cmd, arg); }

static long allocate(evtchn_port_t *port)
{
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    const long rc = op(EVTCHNOP_alloc_unbound, &a);

    *port = a.port;
    return rc;
}

static long reset(void)
{
    struct evtchn_reset r = { .dom = DOMID_SELF };

    return op(EVTCHNOP_reset, &r);
}

static long poll(evtchn_port_t port)
{
    struct sched_poll p = { .nr_ports = 1, .timeout = 1 };

    set_xen_guest_handle(p.ports, &port);
    return HC2(sched_op, SCHEDOP_poll, &p);
}

static long expand(void)
{
    struct evtchn_expand_array e = { .array_gfn = va_to_mfn(page_alloc()) };

    return op(EVTCHNOP_expand_array, &e);
}

static long init_control(unsigned int vcpu, uint64_t mfn, unsigned int offset)
{
    struct evtchn_init_control i = { .control_gfn = mfn, .offset = offset, .vcpu = vcpu };

    return op(EVTCHNOP_init_control, &i);
}

/* Ports that are polled may be any number. */
static void xsa_221_poll_any_port(void)
{
    static const evtchn_port_t ports[] = { 0, 63, 64, 127, 128, 1000, 4095, 4096, 131071, 131072, 0x7fffffff, 0x80000000, ~0u };

    for (unsigned int i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
        const long rc = poll(ports[i]);

        CHECK(rc == 0 || rc == -XEN_EINVAL);
        if (ports[i] >= 131072)
            CHECK_RC(rc, -XEN_EINVAL);
    }
}

/* Each port that there may be, then one more: an error, and the ports that there are still work. */
static void xsa_317_no_port_beyond_the_limit(void)
{
    evtchn_port_t port, last = 0, n = 0;
    long rc;

    while ((rc = allocate(&port)) == 0 && n < 200000)
        last = port, n++;
    CHECK_RC(rc, -XEN_ENOSPC);
    CHECK(last < 4096);
    for (unsigned int i = 0; i < 3; i++) {
        struct evtchn_bind_ipi ipi = { .vcpu = 0 };
        struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG, .vcpu = 0 };

        CHECK_RC(op(EVTCHNOP_bind_ipi, &ipi), -XEN_ENOSPC);
        CHECK_RC(op(EVTCHNOP_bind_virq, &virq), -XEN_ENOSPC);
    }
    struct evtchn_status s = { .dom = DOMID_SELF, .port = last };
    CHECK_RC(op(EVTCHNOP_status, &s), 0);
    CHECK_RC(s.status, EVTCHNSTAT_unbound);
}

/* All of them go in one call, which may stop for more urgent things. */
static void xsa_344_reset_of_many_ports(void)
{
    evtchn_port_t port;
    struct evtchn_status s = { .dom = DOMID_SELF };

    HC1(set_timer_op, system_time() + 100000);
    CHECK_RC(reset(), 0);
    for (s.port = 1; s.port < 1024; s.port++)
        if (op(EVTCHNOP_status, &s) == 0)
            CHECK_RC(s.status, EVTCHNSTAT_closed);
    CHECK_RC(allocate(&port), 0);
    CHECK_RC(port, 1);
    CHECK_RC(reset(), 0);
}

/* While one vCPU resets, another one binds, sends and closes. */
static void busy(void)
{
    evtchn_port_t port;
    struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };

    if (allocate(&port) != 0)
        return;
    b.remote_port = port;
    if (op(EVTCHNOP_bind_interdomain, &b) == 0) {
        struct evtchn_send s = { .port = b.local_port };
        struct evtchn_bind_vcpu v = { .port = port, .vcpu = 1 };

        op(EVTCHNOP_send, &s);
        op(EVTCHNOP_bind_vcpu, &v);
    }
    struct evtchn_bind_ipi ipi = { .vcpu = 1 };
    op(EVTCHNOP_bind_ipi, &ipi);
    struct evtchn_close c = { .port = b.local_port };
    op(EVTCHNOP_close, &c);
}

static void xsa_343_reset_against_everything(void)
{
    evtchn_port_t port;
    uint64_t end = 0;

    start_other(busy);
    while (racing(&end)) {
        const long rc = reset();

        CHECK(rc == 0 || rc == -XEN_EAGAIN || rc == -XEN_EBUSY);
    }
    stop_other();
    CHECK_RC(reset(), 0);
    CHECK_RC(allocate(&port), 0);
    CHECK_RC(port, 1);
    CHECK_RC(reset(), 0);
}

/* A control block that is refused leaves nothing behind that a later call takes for one. */
static void xsa_188_bad_control_block(void)
{
    CHECK(init_control(0, ~0ul >> 12, 0) < 0);
    CHECK(init_control(0, 0x100000, 0) < 0);
    CHECK(init_control(0, va_to_mfn(pte_of(page_alloc())), 0) < 0);
    CHECK(init_control(0, va_to_mfn(page_alloc()), 4095) < 0);
    CHECK(init_control(0, va_to_mfn(page_alloc()), 4088) < 0);
    CHECK(expand() < 0);
    CHECK(init_control(99, va_to_mfn(page_alloc()), 0) < 0);
    CHECK(expand() < 0);
}

/* Events for a vCPU whose control block does not exist yet; then it comes while they are sent. */
static evtchn_port_t ipi_port;

static void send_ipi(void)
{
    struct evtchn_send s = { .port = ipi_port };

    op(EVTCHNOP_send, &s);
}

static void use_fifo(void)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 1 };

    CHECK_RC(init_control(0, va_to_mfn(page_alloc()), 0), 0);
    CHECK_RC(expand(), 0);
    CHECK_RC(op(EVTCHNOP_bind_ipi, &ipi), 0);
    ipi_port = ipi.port;
}

static void xsa_107_event_without_control_block(void)
{
    use_fifo();
    for (unsigned int i = 0; i < 16; i++) {
        struct evtchn_set_priority p = { .port = ipi_port, .priority = i };

        CHECK_RC(op(EVTCHNOP_set_priority, &p), 0);
        send_ipi();
    }
    struct evtchn_bind_ipi other = { .vcpu = 7 };
    (void)op(EVTCHNOP_bind_ipi, &other);
    CHECK_RC(reset(), 0);
}

static void xsa_358_control_block_under_fire(void)
{
    for (unsigned int i = 0; i < 10; i++) {
        use_fifo();
        start_other(send_ipi);
        CHECK_RC(init_control(1, va_to_mfn(page_alloc()), 0), 0);
        stop_other();
        CHECK_RC(reset(), 0);
    }
}

/* With FIFO there are more ports than two levels can have; after a reset those are no ports any more. */
static void xsa_338_ports_end_with_their_format(void)
{
    evtchn_port_t port = 0;

    if (!is_dom0)
        return;                  /* builders give domains fewer ports than that */
    CHECK_RC(init_control(0, va_to_mfn(page_alloc()), 0), 0);
    for (unsigned int i = 0; i < 5; i++)
        CHECK_RC(expand(), 0);
    while (port < 4200 && allocate(&port) == 0)
        ;
    CHECK(port >= 4200);
    CHECK_RC(reset(), 0);
    for (unsigned int i = 4096; i <= 4200; i += 8) {
        struct evtchn_send s = { .port = i };
        struct evtchn_bind_vcpu v = { .port = i };

        CHECK(op(EVTCHNOP_send, &s) < 0);
        CHECK(op(EVTCHNOP_bind_vcpu, &v) < 0);
        CHECK_RC(poll(i), -XEN_EINVAL);
    }
    CHECK_RC(allocate(&port), 0);
    CHECK_RC(port, 1);
    CHECK_RC(reset(), 0);
}

void events(void)
{
    CHECK_RC(reset(), 0);
    CASE(xsa_221_poll_any_port);
    CASE(xsa_317_no_port_beyond_the_limit);
    CASE(xsa_344_reset_of_many_ports);
    CASE(xsa_343_reset_against_everything);
    CASE(xsa_188_bad_control_block);
    CASE(xsa_107_event_without_control_block);
    CASE(xsa_358_control_block_under_fire);
    CASE(xsa_338_ports_end_with_their_format);
}

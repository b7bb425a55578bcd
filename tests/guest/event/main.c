/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels: allocation, IPIs, interdomain loops, masks, timers' virq. */
#include "../lib/guest.h"

const char test_name[] = "event";

static volatile unsigned int upcalls;

static void count(void)
{
    upcalls++;
    for (unsigned int w = 0; w < 64; w++)
        __atomic_fetch_and(&shared_info->evtchn_pending[w], 0, __ATOMIC_SEQ_CST);
    shared_info->vcpu_info[0].evtchn_pending_sel = 0;
}

static void wait_upcall(unsigned int before)
{
    for (unsigned int i = 0; i < 1000000 && upcalls == before; i++)
        HC2(sched_op, SCHEDOP_yield, 0);
}

static long op(int cmd, void *arg) { return HC2(event_channel_op, cmd, arg); }

static void unmask(evtchn_port_t port)
{
    struct evtchn_unmask u = { .port = port };

    __atomic_fetch_and(&shared_info->evtchn_mask[port / 64], ~(1ul << (port % 64)), __ATOMIC_SEQ_CST);
    CHECK_RC(op(EVTCHNOP_unmask, &u), 0);
}

static void ipi(void)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    struct evtchn_status status = { .dom = DOMID_SELF };

    CHECK_RC(op(EVTCHNOP_bind_ipi, &bind), 0);
    unmask(bind.port);
    status.port = bind.port;
    CHECK_RC(op(EVTCHNOP_status, &status), 0);
    CHECK(status.status == EVTCHNSTAT_ipi && status.vcpu == 0);

    const unsigned int before = upcalls;
    struct evtchn_send send = { .port = bind.port };
    CHECK_RC(op(EVTCHNOP_send, &send), 0);
    wait_upcall(before);
    CHECK(upcalls == before + 1);

    struct evtchn_close close = { .port = bind.port };
    CHECK_RC(op(EVTCHNOP_close, &close), 0);
    CHECK_RC(op(EVTCHNOP_close, &close), -22);
    CHECK_RC(op(EVTCHNOP_send, &send), -22);
}

static void loop(void)
{
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

    CHECK_RC(op(EVTCHNOP_alloc_unbound, &unbound), 0);
    struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF, .remote_port = unbound.port };
    CHECK_RC(op(EVTCHNOP_bind_interdomain, &bind), 0);
    CHECK(bind.local_port != unbound.port);
    CHECK_RC(op(EVTCHNOP_bind_interdomain, &bind), -22);
    unmask(unbound.port);

    const unsigned int before = upcalls;
    struct evtchn_send send = { .port = bind.local_port };
    CHECK_RC(op(EVTCHNOP_send, &send), 0);
    wait_upcall(before);
    CHECK(upcalls > before);

    struct evtchn_close close = { .port = bind.local_port };
    CHECK_RC(op(EVTCHNOP_close, &close), 0);
    close.port = unbound.port;
    CHECK_RC(op(EVTCHNOP_close, &close), 0);
}

static void timer(void)
{
    struct evtchn_bind_virq bind = { .virq = VIRQ_TIMER, .vcpu = 0 };
    const struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;
    const unsigned int before = upcalls;

    CHECK_RC(op(EVTCHNOP_bind_virq, &bind), 0);
    CHECK_RC(op(EVTCHNOP_bind_virq, &bind), -17);
    unmask(bind.port);
    CHECK((t->version & 1) == 0 && t->tsc_to_system_mul != 0);
    CHECK_RC(HC1(set_timer_op, t->system_time + 20000000), 0);
    wait_upcall(before);
    CHECK(upcalls > before);
}

static void errors(void)
{
    struct evtchn_bind_virq bind = { .virq = 99, .vcpu = 0 };
    struct evtchn_send send = { .port = 0 };

    CHECK_RC(op(EVTCHNOP_bind_virq, &bind), -22);
    CHECK_RC(op(EVTCHNOP_send, &send), -22);
    send.port = ~0u;
    CHECK_RC(op(EVTCHNOP_send, &send), -22);
    CHECK_RC(op(99, &send), -38);
    CHECK_RC(op(EVTCHNOP_send, (void *)0xffff830000000000), -14);
}

void test_main(void)
{
    event_handler = count;
    events_enable();
    ipi();
    loop();
    timer();
    errors();
}

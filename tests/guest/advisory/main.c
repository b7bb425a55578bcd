/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As dom0 and as a domain of another: the tests of the four sections, with a second vCPU for races. */
#include "advisory.h"

const char test_name[] = "advisory";

domid_t own_id;
bool is_dom0;
static void (*volatile job)(void);
static volatile uint64_t rounds;

static void other(void *arg)
{
    events_disable();
    for (;;) {
        void (*fn)(void) = __atomic_load_n(&job, __ATOMIC_SEQ_CST);

        if (fn)
            fn();
        else
            HC2(sched_op, SCHEDOP_yield, 0);
        rounds++;
    }
}

static void await_round(void)
{
    const uint64_t from = rounds;

    while (rounds < from + 2)
        HC2(sched_op, SCHEDOP_yield, 0);
}

void start_other(void (*fn)(void))
{
    __atomic_store_n(&job, fn, __ATOMIC_SEQ_CST);
    await_round();
}

void stop_other(void)
{
    __atomic_store_n(&job, NULL, __ATOMIC_SEQ_CST);
    await_round();
}

static domid_t find_own_id(void)
{
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    struct evtchn_status s = { .dom = DOMID_SELF };

    CHECK_RC(HC2(event_channel_op, EVTCHNOP_alloc_unbound, &a), 0);
    s.port = a.port;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_status, &s), 0);
    struct evtchn_close c = { .port = a.port };
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_close, &c), 0);
    return s.u.unbound.dom;
}

void test_main(void)
{
    is_dom0 = start_info->flags & SIF_INITDOMAIN;
    own_id = find_own_id();
    events_disable();
    user_init();
    CHECK_RC(vcpu_start(1, other, 0), 0);
    grants();
    traps();
    control();
    events();
}

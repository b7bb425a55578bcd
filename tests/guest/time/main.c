/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System time, wall clock, timers, runstate. */
#include "../lib/guest.h"

const char test_name[] = "time";

static void singleshot(void)
{
    struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = system_time() + 10000000, .flags = 0 };

    CHECK_RC(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &t), 0);
    CHECK_RC(HC3(vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0);
    t.timeout_abs_ns = 1;
    t.flags = VCPU_SSHOTTMR_future;                                     /* stock 4.17 ignores it */
    CHECK_RC(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &t), 0);
    CHECK_RC(HC3(vcpu_op, VCPUOP_is_up, 0, 0), 1);
    CHECK_RC(HC3(vcpu_op, VCPUOP_is_up, 9999, 0), -2);
}

static void runstate(void)
{
    struct vcpu_runstate_info info = { 0 };

    CHECK_RC(HC3(vcpu_op, VCPUOP_get_runstate_info, 0, &info), 0);
    CHECK(info.state == RUNSTATE_running && info.time[RUNSTATE_running] != 0);
}

void test_main(void)
{
    const uint64_t a = system_time();
    struct sched_poll poll = { .timeout = a + 30000000 };

    CHECK(a != 0);
    CHECK_RC(HC2(sched_op, SCHEDOP_poll, &poll), 0);
    const uint64_t b = system_time();
    CHECK(b >= a + 30000000 && b < a + 3000000000);
    CHECK(shared_info->wc_sec > 1000000000 || shared_info->wc_sec_hi != 0);
    singleshot();
    runstate();
}

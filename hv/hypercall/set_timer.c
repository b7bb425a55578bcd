/* SPDX-License-Identifier: GPL-2.0-or-later */
/* set_timer_op: current's single-shot timer, in system time. */
#include <hv/domain.h>
#include <hv/percpu.h>

#define FAR_FUTURE_SHIFT 50                 /* 13 days: no kernel means that */
#define FALLBACK_NS      (100 * NS_PER_MS)

/*
 * ABI: 0 stops the timer. Old Linux kernels ask for times that are negative or absurdly far
 * when they mean "soon enough": they are woken after 100 ms.
 */
static uint64_t deadline_of(int64_t timeout, uint64_t now)
{
    const int64_t ahead = timeout - (int64_t)now;

    if (timeout < 0 || (ahead > 0 && (ahead >> FAR_FUTURE_SHIFT) != 0))
        return now + FALLBACK_NS;
    return (uint64_t)timeout;
}

long hc_set_timer_op(uint64_t timeout, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct timer *t = &current->singleshot_timer;

    if (timeout == 0)
        timer_stop(t);
    else
        timer_set_here(t, deadline_of((int64_t)timeout, now_ns()));
    return 0;
}

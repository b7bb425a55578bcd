/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's timers: single-shot (set_timer_op), periodic, and the time limit of a poll. They live on
 * the CPU that the vCPU runs on. The periodic one ticks only while the vCPU runs (xen/vcpu.h).
 */
#include "internal.h"

static void single_shot(void *arg)
{
    event_send_virq(arg, VIRQ_TIMER);
}

static void poll_timeout(void *arg)
{
    struct vcpu *v = arg;

    if (read_once(v->pause_flags) & VPF_POLLING)
        vcpu_unblock(v);
}

/* v is current. Ticks that were missed are one tick. */
static void tick_if_due(struct vcpu *v)
{
    const uint64_t now = now_ns(), period = read_once(v->periodic_ns);

    if (period == 0)
        return;
    if (now - v->periodic_last_ns >= period) {
        v->periodic_last_ns = now;
        event_send_virq(v, VIRQ_TIMER);
    }
    timer_set_here(&v->periodic_timer, v->periodic_last_ns + period);
}

static void periodic(void *arg)
{
    if (arg == current)
        tick_if_due(arg);
}

void vcpu_timers_init(struct vcpu *v, unsigned int cpu)
{
    timer_init(&v->singleshot_timer, single_shot, v, cpu);
    timer_init(&v->periodic_timer, periodic, v, cpu);
    timer_init(&v->poll_timer, poll_timeout, v, cpu);
}

void vcpu_timers_kill(struct vcpu *v)
{
    timer_kill(&v->singleshot_timer);
    timer_kill(&v->periodic_timer);
    timer_kill(&v->poll_timer);
}

void vcpu_timers_leave(struct vcpu *v)
{
    timer_stop(&v->periodic_timer);
}

void vcpu_timers_enter(struct vcpu *v, unsigned int cpu)
{
    if (unlikely(read_once(v->singleshot_timer.cpu) != cpu))
        timer_migrate(&v->singleshot_timer, cpu);
    if (unlikely(v->periodic_ns != 0))
        tick_if_due(v);
}

void vcpu_set_periodic(struct vcpu *v, uint64_t period_ns)
{
    write_once(v->periodic_ns, period_ns);
    /* Its CPU sets the timer: at once if v runs, else when it does. */
    if (read_once(v->sched.running))
        softirq_raise_on(read_once(v->sched.cpu), SOFTIRQ_SCHEDULE);
}

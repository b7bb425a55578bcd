/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels, upcalls, timers. */
#include "bench.h"

#define FAR 3600000000000ull

static struct vcpu_info *info;

static void ports(void)
{
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    struct evtchn_close close;
    struct evtchn_status status = { .dom = DOMID_SELF, .port = 1 };

    MEASURE_AFTER("evtchn alloc_unbound", if (i_) { close.port = alloc.port; HC2(event_channel_op, EVTCHNOP_close, &close); },
                  HC2(event_channel_op, EVTCHNOP_alloc_unbound, &alloc));
    MEASURE_AFTER("evtchn close", if (i_) HC2(event_channel_op, EVTCHNOP_alloc_unbound, &alloc); close.port = alloc.port,
                  HC2(event_channel_op, EVTCHNOP_close, &close));
    HC2(event_channel_op, EVTCHNOP_alloc_unbound, &alloc);
    status.port = alloc.port;
    MEASURE("evtchn status", HC2(event_channel_op, EVTCHNOP_status, &status));
    close.port = alloc.port;
    MUST(HC2(event_channel_op, EVTCHNOP_close, &close));
}

static void clear(unsigned int port)
{
    shared_info->evtchn_pending[port / 64] = 0;
    info->evtchn_pending_sel = 0;
    info->evtchn_upcall_pending = 0;
}

/* All ports are below 64: the upcall stub clears one word. */
static void sends(void)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    struct evtchn_send send;

    MUST(HC2(event_channel_op, EVTCHNOP_bind_ipi, &bind));
    send.port = bind.port;
    info->evtchn_upcall_mask = 1;
    shared_info->evtchn_mask[0] |= 1ul << send.port;
    MEASURE_AFTER("evtchn send, port masked, clear->pending", clear(send.port), HC2(event_channel_op, EVTCHNOP_send, &send));
    MEASURE("evtchn send, already pending", HC2(event_channel_op, EVTCHNOP_send, &send));
    shared_info->evtchn_mask[0] &= ~(1ul << send.port);
    MEASURE_AFTER("evtchn send, upcalls masked (vcpu_info)", clear(send.port), HC2(event_channel_op, EVTCHNOP_send, &send));
    clear(send.port);
    info->evtchn_upcall_mask = 0;
    MEASURE("evtchn send IPI self + upcall", HC2(event_channel_op, EVTCHNOP_send, &send));
    info->evtchn_upcall_mask = 1;
    shared_info->evtchn_mask[0] |= 1ul << send.port;
}

uint64_t system_time_at(uint32_t tsc_low)
{
    const volatile struct vcpu_time_info *t = &info->time;
    uint32_t version, lo, hi;
    uint64_t tsc, time;

    do {
        version = t->version;
        __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
        tsc = (((uint64_t)hi << 32 | lo) - (uint32_t)(lo - tsc_low)) - t->tsc_timestamp;
        tsc = t->tsc_shift < 0 ? tsc >> -t->tsc_shift : tsc << t->tsc_shift;
        time = t->system_time + (uint64_t)((unsigned __int128)tsc * t->tsc_to_system_mul >> 32);
        __asm__ volatile("" ::: "memory");
    } while ((version & 1) || version != t->version);
    return time;
}

/* From the deadline to the upcall's first instructions; blocked or running meanwhile. */
static void deadlines(const char *name, bool block)
{
    for (unsigned int i = 0; i < SAMPLES; i++) {
        upcall_stamp = 0;
        const uint64_t deadline = system_time_at(stamp()) + 50000;

        HC1(set_timer_op, deadline);
        if (block)
            HC2(sched_op, SCHEDOP_block, 0);
        else
            info->evtchn_upcall_mask = 0;
        while (upcall_stamp == 0)
            ;
        info->evtchn_upcall_mask = 1;
        samples[i] = system_time_at(upcall_stamp) - deadline;
    }
    report_whole(name, SAMPLES);
}

static void timers(void)
{
    struct evtchn_bind_virq bind = { .virq = VIRQ_TIMER };
    struct vcpu_set_singleshot_timer shot = { .timeout_abs_ns = system_time_at(stamp()) + FAR };

    MEASURE("set_timer_op far future (re-arm)", HC1(set_timer_op, shot.timeout_abs_ns));
    MEASURE_AFTER("set_timer_op 0 (stop)", HC1(set_timer_op, shot.timeout_abs_ns), HC1(set_timer_op, 0));
    MEASURE("vcpu_op set_singleshot_timer far", HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &shot));
    HC1(set_timer_op, 0);
    HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);

    MUST(HC2(event_channel_op, EVTCHNOP_bind_virq, &bind));
    shared_info->evtchn_mask[0] &= ~(1ul << bind.port);
    clear(bind.port);
    deadlines("timer: deadline -> upcall handler, vcpu running", false);
    deadlines("timer: deadline -> upcall handler, vcpu blocked/halted", true);
}

void bench_events(void)
{
    struct callback_register event = { .type = CALLBACKTYPE_event, .address = (unsigned long)upcall_entry };

    info = &shared_info->vcpu_info[0];
    MUST(HC2(callback_op, CALLBACKOP_register, &event));
    shared_info->evtchn_mask[0] = ~0ul;
    ports();
    sends();
    timers();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers of all kinds, runstate and time areas, watchdog, shutdown codes: the arguments and what they do. */
#include "../lib/guest.h"

const char test_name[] = "timer";

#define MS 1000000ull

static volatile unsigned int ticks;

static void on_event(void)
{
    my_info()->evtchn_pending_sel = 0;
    if (__atomic_exchange_n(&shared_info->evtchn_pending[0], 0, __ATOMIC_SEQ_CST))
        ticks++;
}

static void wait_ms(unsigned int ms)
{
    const uint64_t end = system_time() + ms * MS;

    while (system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
}

static bool wait_ticks(unsigned int n)
{
    const uint64_t end = system_time() + 5000 * MS;

    while (ticks < n && system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
    return ticks >= n;
}

static void periodic(void)
{
    static const uint64_t periods[] = { 0, 1, MS - 1, MS, 1ull << 62, 1ull << 63, ~0ull, 5 * MS };

    for (unsigned int i = 0; i < sizeof(periods) / sizeof(*periods); i++) {
        struct vcpu_set_periodic_timer p = { .period_ns = periods[i] };

        print("= period %lu: %ld\n", periods[i], HC3(vcpu_op, VCPUOP_set_periodic_timer, 0, &p));
    }
    ticks = 0;
    CHECK(wait_ticks(5));
    SHOW(HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0));
    wait_ms(10);
    ticks = 0;
    wait_ms(30);
    SHOW(ticks);
    SHOW(HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0));
    SHOW(HC3(vcpu_op, VCPUOP_stop_periodic_timer, 1, 0));
    SHOW(HC3(vcpu_op, VCPUOP_set_periodic_timer, 0, 0x1000));
}

static void single(void)
{
    struct vcpu_set_singleshot_timer s = { 0 };

    ticks = 0;
    s.timeout_abs_ns = system_time() + 20 * MS;
    SHOW(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &s));
    CHECK(wait_ticks(1));
    CHECK(system_time() >= s.timeout_abs_ns);
    ticks = 0;
    s.timeout_abs_ns = 1;
    SHOW(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &s));
    CHECK(wait_ticks(1));
    ticks = 0;
    s.timeout_abs_ns = ~0ull;
    SHOW(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &s));
    wait_ms(5);
    SHOW(ticks);
    s.timeout_abs_ns = 1ull << 63;
    SHOW(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &s));
    wait_ms(5);
    SHOW(ticks);
    SHOW(HC3(vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0));
    s.flags = ~0u;
    s.timeout_abs_ns = system_time() + 1000 * MS;
    SHOW(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &s));
    SHOW(HC3(vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0));
    SHOW(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 1, &s));
    SHOW(HC3(vcpu_op, VCPUOP_set_singleshot_timer, 0, 0x1000));

    ticks = 0;
    SHOW(HC1(set_timer_op, system_time() + 10 * MS));
    CHECK(wait_ticks(1));
    ticks = 0;
    SHOW(HC1(set_timer_op, 1));
    CHECK(wait_ticks(1));
    ticks = 0;
    SHOW(HC1(set_timer_op, system_time() + 500 * MS));
    SHOW(HC1(set_timer_op, 0));
    wait_ms(600);
    SHOW(ticks);
    SHOW(HC1(set_timer_op, ~0ull));
    wait_ms(120);
    print("  far negative timeout: %u ticks\n", ticks);
    SHOW(HC1(set_timer_op, 0));
}

static struct vcpu_runstate_info area __attribute__((aligned(64)));
static struct vcpu_time_info time_area __attribute__((aligned(64)));

static void areas(void)
{
    struct vcpu_register_runstate_memory_area r = { 0 };
    struct vcpu_register_time_memory_area t = { 0 };
    struct vcpu_runstate_info now = { 0 };
    static char two_pages[2 * PAGE_SIZE] page_aligned;

    events_disable();
    r.addr.h.p = &area;
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r));
    SHOW(area.state);
    SHOW(area.state_entry_time != 0);
    const uint64_t entry = area.state_entry_time;
    struct sched_poll poll = { .timeout = system_time() + 5 * MS };
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    SHOW(area.state_entry_time > entry);
    SHOW(area.time[RUNSTATE_blocked] >= 1 * MS);
    SHOW(HC3(vcpu_op, VCPUOP_get_runstate_info, 0, &now));
    SHOW(now.state);
    SHOW(now.time[RUNSTATE_blocked] == area.time[RUNSTATE_blocked]);
    SHOW(now.time[RUNSTATE_running] >= area.time[RUNSTATE_running]);
    SHOW(HC2(vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag));
    poll.timeout = system_time() + 5 * MS;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    SHOW(area.state_entry_time >> 63);
    SHOW(HC2(vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag));
    /* Across two pages, at nothing, null, in the hypervisor. */
    r.addr.h.p = (void *)(two_pages + PAGE_SIZE - 20);
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r));
    poll.timeout = system_time() + 2 * MS;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    SHOW(((struct vcpu_runstate_info *)(two_pages + PAGE_SIZE - 20))->time[RUNSTATE_blocked] != 0);
    r.addr.h.p = (void *)0x1000;
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r));
    poll.timeout = system_time() + 2 * MS;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    r.addr.h.p = (void *)0xffff830000000000;
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r));
    r.addr.h.p = (void *)0x8000000000000000;
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r));
    r.addr.h.p = 0;
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &r));
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 1, &r));
    SHOW(HC3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, 0x1000));
    SHOW(HC3(vcpu_op, VCPUOP_get_runstate_info, 0, 0x1000));
    SHOW(HC3(vcpu_op, VCPUOP_get_runstate_info, 0, 0));

    t.addr.h.p = &time_area;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &t));
    SHOW(time_area.version != 0 && (time_area.version & 1) == 0);
    SHOW(time_area.tsc_to_system_mul == my_info()->time.tsc_to_system_mul);
    t.addr.h.p = (void *)0x1000;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &t));
    t.addr.h.p = (void *)0xffff830000000000;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &t));
    t.addr.h.p = 0;
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, &t));
    SHOW(HC3(vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, 0x1000));
}

static void vcpu_operations(void)
{
    struct vcpu_get_physid id = { 0 };

    SHOW(HC3(vcpu_op, VCPUOP_get_physid, 0, &id));
    SHOW(HC3(vcpu_op, VCPUOP_is_up, 0, 0));
    SHOW(HC3(vcpu_op, VCPUOP_up, 0, 0));
    for (int cmd = 13; cmd < 20; cmd++)
        print("= vcpu_op %d: %ld\n", cmd, HC3(vcpu_op, cmd, 0, 0));
    SHOW(HC3(vcpu_op, -1, 0, 0));
    SHOW(HC3(vcpu_op, VCPUOP_is_up, ~0u, 0));
    SHOW(HC3(vcpu_op, VCPUOP_is_up, 8191, 0));
    SHOW(HC3(vcpu_op, VCPUOP_send_nmi, 1, 0));
}

static void scheduling(void)
{
    struct sched_watchdog w = { .id = 0, .timeout = 0 };
    struct sched_shutdown s = { .reason = 99 };

    for (w.id = 1; w.id < 5; w.id++)
        print("= watchdog %u, no timeout: %ld\n", w.id, HC2(sched_op, SCHEDOP_watchdog, &w));
    w.timeout = 100;
    for (w.id = 1; w.id < 5; w.id++)
        print("= watchdog %u: %ld\n", w.id, HC2(sched_op, SCHEDOP_watchdog, &w));
    w.id = 0;
    SHOW(HC2(sched_op, SCHEDOP_watchdog, &w));
    SHOW(HC2(sched_op, SCHEDOP_watchdog, &w));
    w.timeout = 0;
    for (w.id = 1; w.id < 5; w.id++)
        print("= watchdog %u, no timeout: %ld\n", w.id, HC2(sched_op, SCHEDOP_watchdog, &w));
    SHOW(HC2(sched_op, SCHEDOP_watchdog, 0x1000));
    SHOW(HC2(sched_op, SCHEDOP_shutdown_code, 0x1000));
    SHOW(HC2(sched_op, SCHEDOP_shutdown_code, &s));
    SHOW(HC2(sched_op, SCHEDOP_shutdown, 0x1000));
    struct sched_remote_shutdown remote = { .domain_id = 1 };
    SHOW(HC2(sched_op, SCHEDOP_remote_shutdown, &remote));
    remote.domain_id = DOMID_IO;
    SHOW(HC2(sched_op, SCHEDOP_remote_shutdown, &remote));
    SHOW(HC2(sched_op, SCHEDOP_remote_shutdown, 0x1000));
    struct sched_pin_override pin = { .pcpu = 0 };
    SHOW(HC2(sched_op, SCHEDOP_pin_override, &pin));
    SHOW(HC2(sched_op, SCHEDOP_pin_override, &pin));
    pin.pcpu = -1;
    SHOW(HC2(sched_op, SCHEDOP_pin_override, &pin));
    pin.pcpu = 9999;
    SHOW(HC2(sched_op, SCHEDOP_pin_override, &pin));
    SHOW(HC2(sched_op, SCHEDOP_pin_override, 0x1000));
    SHOW(HC2(sched_op, SCHEDOP_yield, 0x1000));
    SHOW(HC2(sched_op, 99, 0));
    SHOW(HC2(sched_op, -1, 0));
    SHOW(HC2(sched_op_compat, SCHEDOP_yield, 0));
    SHOW(HC2(sched_op_compat, 3, 0));
}

void test_main(void)
{
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER, .vcpu = 0 };

    event_handler = on_event;
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_bind_virq, &virq), 0);
    struct evtchn_unmask u = { .port = virq.port };
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_unmask, &u), 0);
    events_enable();
    periodic();
    single();
    areas();
    vcpu_operations();
    scheduling();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two domains do. */
#include "pair.h"

#define PAUSE_NS 1000000ul
#define EMPTY_PAIR_MAX 8u        /* more: RDTSC is not ours */
#define COPY_TASK "grant copy ref->gmfn "
#define FOREIGN   " (another domain's)"

static struct mail *mail;
static evtchn_port_t port;

static void pause(void)
{
    struct sched_poll poll = { .timeout = system_time() + PAUSE_NS };

    HC2(sched_op, SCHEDOP_poll, &poll);
}

static void set_upcall(const char *entry)
{
    struct callback_register event = { .type = CALLBACKTYPE_event, .address = (unsigned long)entry };

    MUST(HC2(callback_op, CALLBACKOP_register, &event));
}

/* ---- events: one sends and sleeps, the other wakes, sends back and sleeps ---- */

static void send(evtchn_port_t to)
{
    struct evtchn_send op = { .port = to };

    HC2(event_channel_op, EVTCHNOP_send, &op);
}

/* Upcalls come while we sleep and at no other time. */
static void await_upcall(struct vcpu_info *info, volatile uint32_t *seen)
{
    while (*seen == 0) {
        HC2(sched_op, SCHEDOP_block, 0);
        info->evtchn_upcall_mask = 1;
    }
    *seen = 0;
}

static void call_and_await(evtchn_port_t to)
{
    send(to);
    await_upcall(&shared_info->vcpu_info[0], &upcall_stamp);
}

/* As often as the other one measures; for ever if somebody looks on. */
static void answer(const char *name, evtchn_port_t to, struct vcpu_info *info, volatile uint32_t *seen)
{
    const bool forever = is_traced(name);

    for (unsigned int i = 0; i < SAMPLES || forever; i++) {
        await_upcall(info, seen);
        send(to);
    }
}

static void bind(void)
{
    struct evtchn_bind_interdomain op = { .remote_dom = mail->peer, .remote_port = mail->port };

    MUST(HC2(event_channel_op, EVTCHNOP_bind_interdomain, &op));
    port = op.local_port;
}

/* Binding has raised an event. */
static void forget_events(void)
{
    shared_info->evtchn_pending[0] = 0;
    shared_info->vcpu_info[0].evtchn_pending_sel = 0;
    shared_info->vcpu_info[0].evtchn_upcall_pending = 0;
    upcall_stamp = 0;
}

static void measure_events(void)
{
    port = mail->port;
    shared_info->evtchn_mask[0] = ~(1ul << port);
    forget_events();
    MEASURE(EVENTS_TASK, call_and_await(port));
}

static void answer_events(void)
{
    bind();
    shared_info->evtchn_mask[0] = ~(1ul << port);
    forget_events();
    mail->ready = TASK_EVENTS;
    answer(EVENTS_TASK, port, &shared_info->vcpu_info[0], &upcall_stamp);
    shared_info->evtchn_mask[0] = ~0ul;
}

/* ---- yield: both do nothing else ---- */

static void measure_yield(void)
{
    MEASURE(YIELD_TASK, HC2(sched_op, SCHEDOP_yield, 0));
}

static void answer_yield(void)
{
    mail->ready = TASK_YIELD;
    while (mail->task == TASK_YIELD)
        HC2(sched_op, SCHEDOP_yield, 0);
}

/* ---- grants of the other domain's pages ---- */

static void measure_grants(void)
{
    grants_copy(COPY_TASK "1 op 4096 B" FOREIGN, 1, 4096, mail->peer, true);
    grants_copy(COPY_TASK "32 ops 4096 B" FOREIGN, 32, 4096, mail->peer, true);
    grants_copy(COPY_TASK "1 op 64 B" FOREIGN, 1, 64, mail->peer, true);
    grants_copy(COPY_TASK "32 ops 64 B" FOREIGN, 32, 64, mail->peer, true);
    grants_map("grant map 1" FOREIGN, "grant unmap 1" FOREIGN, 1, mail->peer);
    grants_map("grant map 32" FOREIGN, "grant unmap 32" FOREIGN, 32, mail->peer);
}

static void answer_grants(void)
{
    grants_offer(mail->peer);
    mail->ready = TASK_GRANTS;
    while (mail->task == TASK_GRANTS)
        pause();
}

/* ---- the same between two vCPUs of one domain ---- */

#define VCPU_EVENTS_TASK "two vCPUs of a domain: IPI there and back (send, block, upcall)"
#define VCPU_YIELD_TASK  "two vCPUs of a domain: sched_op yield there and back"

static evtchn_port_t ipi_to[2];
static volatile uint32_t vcpu_ready, vcpu_stop;

static evtchn_port_t bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };

    MUST(HC2(event_channel_op, EVTCHNOP_bind_ipi, &op));
    return op.port;
}

static void other_vcpu(void *arg)
{
    HC3(vcpu_op, VCPUOP_stop_periodic_timer, 1, 0);
    set_upcall(upcall_entry_of_1);
    vcpu_ready = 1;
    answer(VCPU_EVENTS_TASK, ipi_to[0], &shared_info->vcpu_info[1], &upcall_stamp_of_1);
    vcpu_ready = 2;
    while (vcpu_stop == 0)
        HC2(sched_op, SCHEDOP_yield, 0);
    HC3(vcpu_op, VCPUOP_down, 1, 0);
}

static void measure_vcpus(void)
{
    ipi_to[0] = bind_ipi(0);
    ipi_to[1] = bind_ipi(1);
    shared_info->vcpu_info[1].evtchn_upcall_mask = 1;
    shared_info->evtchn_mask[0] = ~(1ul << ipi_to[0] | 1ul << ipi_to[1]);
    MUST(vcpu_start(1, other_vcpu, NULL));
    while (vcpu_ready != 1)
        pause();
    forget_events();
    MEASURE(VCPU_EVENTS_TASK, call_and_await(ipi_to[1]));
    while (vcpu_ready != 2)
        pause();
    MEASURE(VCPU_YIELD_TASK, HC2(sched_op, SCHEDOP_yield, 0));
    vcpu_stop = 1;
}

static void answer_vcpus(void)
{
    mail->ready = TASK_VCPUS;
}

/* ---- tasks ---- */

static void (*const measuring[NR_TASKS])(void) = {
    [TASK_EVENTS] = measure_events, [TASK_YIELD] = measure_yield, [TASK_GRANTS] = measure_grants, [TASK_VCPUS] = measure_vcpus,
};
static void (*const answering[NR_TASKS])(void) = {
    [TASK_EVENTS] = answer_events, [TASK_YIELD] = answer_yield, [TASK_GRANTS] = answer_grants, [TASK_VCPUS] = answer_vcpus,
};

static void work(void (*const tasks[])(void), enum task task)
{
    while (mail->task != task)
        pause();
    tasks[task]();
    mail->done = task;
}

void domain_main(void)
{
    const uint64_t *m2p = (const uint64_t *)0xffff800000000000;

    while (option("idle", 0))
        HC2(sched_op, SCHEDOP_block, 0);
    mail = (struct mail *)(0xffffffff80000000 + m2p[start_info->store_mfn] * PAGE_SIZE);
    MUST(measure_empty_pair() > EMPTY_PAIR_MAX);
    set_upcall(upcall_entry);
    for (enum task task = TASK_EVENTS; task < NR_TASKS; task++)
        work(mail->measures ? measuring : answering, task);
    for (;;)
        HC2(sched_op, SCHEDOP_block, 0);
}

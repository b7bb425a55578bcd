/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels in the FIFO format: set-up, order by priority, masks, many ports, back to 2-level. */
#include "../lib/guest.h"

const char test_name[] = "fifo";

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)
#define PER_PAGE 1024u

static struct evtchn_fifo_control_block *control[2];
static uint32_t *array[16];
static unsigned int nr_pages;
static uint32_t heads[2][16];
static unsigned int order[4096], nr_seen;
static volatile unsigned int consumed;

static long op(int cmd, void *arg) { return HC2(event_channel_op, cmd, arg); }
static uint32_t *word(unsigned int port) { return &array[port / PER_PAGE][port % PER_PAGE]; }

static long init(unsigned int vcpu, uint64_t gfn, uint32_t offset)
{
    struct evtchn_init_control c = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    const long rc = op(EVTCHNOP_init_control, &c);

    if (rc == 0)
        SHOW(c.link_bits);
    return rc;
}

static long expand(uint64_t gfn)
{
    struct evtchn_expand_array e = { .array_gfn = gfn };

    return op(EVTCHNOP_expand_array, &e);
}

/* As a kernel consumes: the highest priority's queue first, links cleared one by one. */
static void consume(void)
{
    const unsigned int v = vcpu_id();
    uint32_t ready = __atomic_exchange_n(&control[v]->ready, 0, __ATOMIC_SEQ_CST);

    while (ready != 0) {
        const unsigned int q = (unsigned int)__builtin_ctz(ready);
        uint32_t *head = &heads[v][q];
        unsigned int port = *head ? *head : control[v]->head[q];
        uint32_t w, next;

        do {
            w = __atomic_load_n(word(port), __ATOMIC_SEQ_CST);
            next = w & EVTCHN_FIFO_LINK_MASK;
        } while (!__atomic_compare_exchange_n(word(port), &w, w & ~(LINKED | EVTCHN_FIFO_LINK_MASK), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
        *head = next;
        if (next == 0)
            ready &= ~(1u << q);
        if ((*word(port) & PENDING) && !(*word(port) & MASKED)) {
            if (__atomic_fetch_and(word(port), ~PENDING, __ATOMIC_SEQ_CST) & PENDING)
                __atomic_fetch_add(&consumed, 1, __ATOMIC_SEQ_CST);
            if (nr_seen < 4096)
                order[nr_seen++] = port;
        }
        ready |= __atomic_exchange_n(&control[v]->ready, 0, __ATOMIC_SEQ_CST);
    }
}

static void setup_errors(void)
{
    const uint64_t mfn0 = va_to_mfn(control[0]);

    SHOW(expand(va_to_mfn(array[0])));                  /* before the format is chosen */
    SHOW(init(2, mfn0, 0));
    SHOW(init(~0u, mfn0, 0));
    SHOW(init(0, ~0ul, 0));
    SHOW(init(0, va_to_mfn(pte_of(array[0])), 0));
    SHOW(init(0, mfn0, 4096));
    SHOW(init(0, mfn0, 4092));
    SHOW(init(0, mfn0, 4096 - 64));
    SHOW(init(0, mfn0, 4));
    SHOW(init(0, mfn0, 1));
    SHOW(op(EVTCHNOP_init_control, (void *)0x1000));
    struct evtchn_set_priority p = { .port = 1, .priority = 3 };
    SHOW(op(EVTCHNOP_set_priority, &p));
}

static evtchn_port_t ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi b = { .vcpu = vcpu };

    CHECK_RC(op(EVTCHNOP_bind_ipi, &b), 0);
    return b.port;
}

static void send(evtchn_port_t port)
{
    struct evtchn_send s = { .port = port };

    CHECK_RC(op(EVTCHNOP_send, &s), 0);
}

static long unmask(evtchn_port_t port)
{
    struct evtchn_unmask u = { .port = port };

    return op(EVTCHNOP_unmask, &u);
}

static void priorities(void)
{
    evtchn_port_t ports[8];
    static const uint32_t priority[8] = { 7, 0, 15, 3, 3, 8, 0, 7 };

    for (unsigned int i = 0; i < 8; i++) {
        ports[i] = ipi(0);
        SHOW(*word(ports[i]) >> 28);                     /* masked from birth? */
        struct evtchn_set_priority p = { .port = ports[i], .priority = priority[i] };
        SHOW(op(EVTCHNOP_set_priority, &p));
        SHOW(unmask(ports[i]));
    }
    struct evtchn_set_priority p = { .port = ports[0], .priority = 16 };
    SHOW(op(EVTCHNOP_set_priority, &p));
    p.port = 4000;
    p.priority = 1;
    SHOW(op(EVTCHNOP_set_priority, &p));
    events_disable();
    for (unsigned int i = 0; i < 8; i++)
        send(ports[i]);
    for (unsigned int i = 0; i < 8; i++)
        send(ports[i]);
    SHOW_HEX(control[0]->ready);
    nr_seen = 0;
    consume();
    for (unsigned int i = 0; i < nr_seen; i++)
        for (unsigned int j = 0; j < 8; j++)
            if (order[i] == ports[j])
                print("= seen %u\n", j);

    /* Masked: pending, but not linked until it is unmasked. */
    __atomic_fetch_or(word(ports[0]), MASKED, __ATOMIC_SEQ_CST);
    send(ports[0]);
    SHOW(*word(ports[0]) >> 28);
    SHOW_HEX(control[0]->ready);
    SHOW(unmask(ports[0]));
    SHOW(*word(ports[0]) >> 28);
    SHOW_HEX(control[0]->ready);
    nr_seen = 0;
    consume();
    SHOW(nr_seen);
    /* Changed priority while it is linked, then sent again. */
    send(ports[1]);
    p.port = ports[1];
    p.priority = 9;
    SHOW(op(EVTCHNOP_set_priority, &p));
    send(ports[1]);
    SHOW_HEX(control[0]->ready);
    nr_seen = 0;
    consume();
    SHOW(nr_seen);
    send(ports[1]);
    SHOW_HEX(control[0]->ready);
    consume();
    /* Closed while pending. */
    send(ports[2]);
    struct evtchn_close c = { .port = ports[2] };
    SHOW(op(EVTCHNOP_close, &c));
    SHOW(*word(ports[2]) >> 28);
    nr_seen = 0;
    consume();
    SHOW(nr_seen);
    /* Polling looks at the words. */
    struct sched_poll poll = { .nr_ports = 1, .timeout = system_time() + 1000000 };
    set_xen_guest_handle(poll.ports, &ports[3]);
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    send(ports[3]);
    poll.timeout = 0;
    SHOW(HC2(sched_op, SCHEDOP_poll, &poll));
    consume();
    for (unsigned int i = 0; i < 8; i++)
        if (i != 2) {
            c.port = ports[i];
            SHOW(op(EVTCHNOP_close, &c));
        }
}

static volatile unsigned int upcalls[2];
static void on_event(void)
{
    upcalls[vcpu_id()]++;
    consume();
}

static volatile bool other_runs;
static void other(void *arg)
{
    events_enable();
    for (;;) {
        other_runs = true;
        HC2(sched_op, SCHEDOP_yield, 0);
    }
}

static void two_vcpus(void)
{
    evtchn_port_t to_other, moving;
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

    event_handler = on_event;
    SHOW(vcpu_start(1, other, 0));
    while (!other_runs)
        HC2(sched_op, SCHEDOP_yield, 0);
    to_other = ipi(1);
    SHOW(unmask(to_other));
    const unsigned int at_first = consumed;

    for (unsigned int n = 1; n < 100; n++) {
        const unsigned int before = consumed;

        send(to_other);
        for (unsigned int i = 0; i < 1000000 && consumed == before; i++)
            HC2(sched_op, SCHEDOP_yield, 0);
    }
    /* An upcall may take more than one of them: the next comes as soon as the last was taken. */
    SHOW(consumed - at_first);
    SHOW(upcalls[0]);
    CHECK(upcalls[1] > 0);
    /* One that moves between the queues of two vCPUs. */
    SHOW(op(EVTCHNOP_alloc_unbound, &a));
    struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = a.port };
    SHOW(op(EVTCHNOP_bind_interdomain, &b));
    moving = a.port;
    SHOW(unmask(moving));
    events_enable();
    for (unsigned int n = 0; n < 200; n++) {
        struct evtchn_bind_vcpu v = { .port = moving, .vcpu = n & 1 };
        const unsigned int before = consumed;

        CHECK_RC(op(EVTCHNOP_bind_vcpu, &v), 0);
        send(b.local_port);
        /* While the old vCPU has not unlinked the last event, the next one still comes to it. */
        for (unsigned int i = 0; i < 1000000 && consumed == before; i++)
            HC2(sched_op, SCHEDOP_yield, 0);
        CHECK(consumed == before + 1);
    }
    events_disable();
}

static void many_ports(void)
{
    struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    long rc = 0;
    unsigned int n = 0, last = 0;

    for (unsigned int i = 1; i < 6; i++)
        SHOW(expand(va_to_mfn(array[i])));
    SHOW(expand(va_to_mfn(array[0])));                  /* in use twice is the guest's business */
    while (n < 5000 && (rc = op(EVTCHNOP_alloc_unbound, &a)) == 0)
        n++, last = a.port;
    SHOW(rc);
    SHOW(n);
    SHOW(last > 4096);
    struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = last };
    SHOW(op(EVTCHNOP_bind_interdomain, &b));
    SHOW(unmask(last));
    send(b.local_port);
    SHOW(*word(last) >> 28);
    nr_seen = 0;
    consume();
    SHOW(nr_seen == 1 && order[0] == last);
}

static void reset(void)
{
    struct evtchn_reset r = { .dom = DOMID_SELF };
    struct evtchn_bind_ipi b = { .vcpu = 0 };

    SHOW(op(EVTCHNOP_reset, &r));
    SHOW(op(EVTCHNOP_bind_ipi, &b));
    SHOW(b.port);
    SHOW(make_readonly(control[0]));                    /* released */
    SHOW(make_writable(control[0]));
    shared_info->evtchn_mask[0] = 0;
    shared_info->evtchn_pending[0] = 0;
    send(b.port);
    SHOW(shared_info->evtchn_pending[0] >> b.port & 1);
    SHOW(expand(va_to_mfn(array[0])));
    struct evtchn_close c = { .port = b.port };
    SHOW(op(EVTCHNOP_close, &c));
    SHOW(init(0, va_to_mfn(control[0]), 0));
    SHOW(expand(va_to_mfn(array[0])));
}

void test_main(void)
{
    events_disable();
    for (unsigned int i = 0; i < 2; i++)
        control[i] = page_alloc();
    for (unsigned int i = 0; i < 16; i++)
        array[i] = page_alloc();
    setup_errors();
    SHOW(init(0, va_to_mfn(control[0]), 0));
    SHOW(init(0, va_to_mfn(control[0]), 0));
    SHOW(init(1, va_to_mfn(control[0]), 128));
    control[1] = (struct evtchn_fifo_control_block *)((char *)control[0] + 128);
    SHOW(expand(~0ul));
    SHOW(expand(va_to_mfn(pte_of(array[0]))));
    struct evtchn_bind_ipi b = { .vcpu = 0 };
    SHOW(op(EVTCHNOP_bind_ipi, &b));                    /* no page of the array yet */
    SHOW(expand(va_to_mfn(array[0])));
    nr_pages = 1;
    SHOW(make_readonly(array[0]));                      /* in use, which does not hinder */
    SHOW(make_writable(array[0]));
    priorities();
    two_vcpus();
    many_ports();
    SHOW(HC3(vcpu_op, VCPUOP_down, 1, 0));
    reset();
}

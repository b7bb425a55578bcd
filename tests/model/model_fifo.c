/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FIFO queue with senders and a guest that masks, unmasks, clears and consumes meanwhile: F1..F4 of
 * docs/events.md. No event is lost, none is queued twice.
 */
// sources: hv/core/lock.c hv/control/access.c hv/event/port.c hv/event/send.c hv/event/bind.c hv/event/close.c hv/event/global_virq.c hv/event/format_2level.c hv/event/format_fifo.c hv/event/fifo_setup.c hv/event/op.c hv/event/dump.c hv/lib/bitmap.c hv/mm/frame.c
#define RAM_FRAMES 72u
#include "explore.h"
#include "../unit/domains_host.h"
#include "../../hv/event/port.h"

#define P (1u << EVTCHN_FIFO_PENDING)
#define M (1u << EVTCHN_FIFO_MASKED)
#define L (1u << EVTCHN_FIFO_LINKED)
#define B (1u << EVTCHN_FIFO_BUSY)

static evtchn_port_t port_a, port_b;
static uint32_t handled_a, handled_b;

int pirq_bind(struct vcpu *v, unsigned int pirq, bool will_share) { return 0; }
void pirq_unbind(struct domain *d, unsigned int pirq) { }
void pirq_set_affinity(struct domain *d, unsigned int pirq, const cpumask_t *mask) { }
unsigned int pirq_limit(const struct domain *d) { return 0; }
bool pirq_is_permitted(struct domain *d, unsigned int pirq) { return false; }

static event_word_t *word(evtchn_port_t n) { return (event_word_t *)mfn_va(page_of(1, 2)) + n; }
static struct evtchn_fifo_control_block *control(void) { return mfn_va(page_of(1, 0)); }
static struct vcpu_info *info(void) { return world_vcpu[1][0].vcpu_info; }

/* ---- the guest, by the public description of the ABI ---- */

static void handle(evtchn_port_t n)
{
    __atomic_fetch_and(word(n), ~P, __ATOMIC_SEQ_CST);
    *(n == port_a ? &handled_a : &handled_b) += 1;
}

/* The head's link is taken over, then its event is handled. Returns the new head. */
static uint32_t consume_one(uint32_t head)
{
    const event_word_t w = __atomic_fetch_and(word(head), ~(L | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
    const event_word_t now = __atomic_load_n(word(head), __ATOMIC_SEQ_CST);

    explore_assert(head == port_a || head == port_b);
    explore_assert(w & L); /* else it was queued twice, or not at all */
    if ((now & P) && !(now & M))
        handle(head);
    return w & EVTCHN_FIFO_LINK_MASK;
}

static void consume_queue(unsigned int priority)
{
    uint32_t head = __atomic_load_n(&control()->head[priority], __ATOMIC_SEQ_CST);

    while (head != 0)
        head = consume_one(head);
}

static void upcall(void)
{
    uint32_t ready;

    if (!__atomic_exchange_n(&info()->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST))
        return;
    while ((ready = __atomic_exchange_n(&control()->ready, 0, __ATOMIC_SEQ_CST)) != 0)
        for (; ready != 0; ready &= ready - 1)
            consume_queue((unsigned int)__builtin_ctz(ready));
}

static void unmask_port(evtchn_port_t n)
{
    const event_word_t w = __atomic_load_n(word(n), __ATOMIC_SEQ_CST);

    if (!(w & M))
        return;
    if ((w & (P | B)) || !__atomic_compare_exchange_n(word(n), &(event_word_t){ w }, w & ~M, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        if (event_unmask(&world[1], n) != 0)
            explore_fail("unmask");
}

/* ---- CPUs ---- */

static void send(evtchn_port_t n)
{
    if (event_send(&world[1], n) != 0)
        explore_fail("send");
}
static void send_a(void) { send(port_a); }
static void send_a_twice(void) { send_a(); send_a(); }
static void send_b(void) { send(port_b); }
static void send_a_and_b(void) { send_a(); send_b(); }
static void take_upcalls(void) { upcall(); upcall(); }
static void mask_and_unmask_a(void) { __atomic_fetch_or(word(port_a), M, __ATOMIC_SEQ_CST); unmask_port(port_a); }
static void take_upcall_and_move_a(void) { upcall(); (void)event_format_fifo.set_priority(event_port_find(&world[1], port_a), 3); upcall(); }

/* ---- invariants ---- */

static void check_words(void)
{
    explore_assert((*word(port_a) & EVTCHN_FIFO_LINK_MASK) != port_a); /* F2: nobody follows himself */
    explore_assert((*word(port_b) & EVTCHN_FIFO_LINK_MASK) != port_b);
}

/* Everybody is done; what is announced the guest handles yet. Then nothing is pending that nobody will look at. */
static void check_nothing_lost(void)
{
    upcall();
    explore_assert(!(*word(port_a) & P) || (*word(port_a) & M));
    explore_assert(!(*word(port_b) & P));
    explore_assert(handled_a >= 1 && handled_b >= 1);
}

/* ---- set-up ---- */

static evtchn_port_t bind_ipi(void)
{
    struct evtchn_bind_ipi a = { .vcpu = 0 };

    if (hc_event_channel_op(EVTCHNOP_bind_ipi, (uintptr_t)&a, 0, 0, 0) != 0)
        explore_fail("bind");
    return a.port;
}

static void setup(void)
{
    struct evtchn_init_control init = { .control_gfn = page_of(1, 0).v };
    struct evtchn_expand_array expand = { .array_gfn = page_of(1, 2).v };

    world_create();
    if (event_domain_init(&world[1], ~0u) != 0 || event_vcpu_init(&world_vcpu[1][0]) != 0 ||
        hc_event_channel_op(EVTCHNOP_init_control, (uintptr_t)&init, 0, 0, 0) != 0 ||
        hc_event_channel_op(EVTCHNOP_expand_array, (uintptr_t)&expand, 0, 0, 0) != 0)
        explore_fail("FIFO");
    port_a = bind_ipi();
    port_b = bind_ipi();
    __atomic_fetch_and(word(port_a), ~M, __ATOMIC_SEQ_CST);
    __atomic_fetch_and(word(port_b), ~M, __ATOMIC_SEQ_CST);
    explore_share(word(0), 4 * sizeof(event_word_t));
    explore_share(control(), sizeof(*control()));
    explore_share(&info()->evtchn_upcall_pending, 1);
    explore_share(event_port_find(&world[1], port_a), 2 * sizeof(struct event_port));
    explore_share(world_vcpu[1][0].events.fifo, sizeof(*world_vcpu[1][0].events.fifo));
}

/* Both have been queued and handled once: b is its queue's tail. */
static void setup_used(void)
{
    setup();
    send_a();
    send_b();
    upcall();
    handled_a = handled_b = 0;
}

#define MODEL(n, prepare, a, b, c) { \
    .name = n, .setup = prepare, .check = check_words, .check_end = check_nothing_lost, \
    .cpus = { { "sender", a, &world_vcpu[1][1] }, { "sender 2", b, &world_vcpu[1][1] }, { "guest", c, &world_vcpu[1][0] } } }

int main(int argc, char **argv)
{
    static const struct explore_model models[] = {
        MODEL("fifo-two-senders", setup, send_a, send_b, take_upcalls),
        MODEL("fifo-used", setup_used, send_a, send_b, take_upcalls),
        MODEL("fifo-again", setup_used, send_a_twice, send_b, upcall),
        MODEL("fifo-mask", setup_used, send_a_and_b, mask_and_unmask_a, upcall),
        MODEL("fifo-priority", setup_used, send_a_and_b, NULL, take_upcall_and_move_a),
        { .name = NULL },
    };

    return explore_main(models, argc, argv);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FIFO format against a model guest: set-up, order and priorities, no lost events under random
 * operations and with a guest consuming in another thread, and guests that scribble over everything.
 */
// sources: hv/control/access.c hv/event/port.c hv/event/send.c hv/event/bind.c hv/event/close.c hv/event/global_virq.c hv/event/format_2level.c hv/event/format_fifo.c hv/event/fifo_setup.c hv/event/op.c hv/event/dump.c hv/lib/bitmap.c hv/mm/frame.c
// cflags: -pthread
#include "domains_host.h"

#define P (1u << EVTCHN_FIFO_PENDING)
#define M (1u << EVTCHN_FIFO_MASKED)
#define L (1u << EVTCHN_FIFO_LINKED)
#define NR_PORTS 8

int pirq_bind(struct vcpu *v, unsigned int pirq, bool will_share) { return 0; }
void pirq_unbind(struct domain *d, unsigned int pirq) { }
void pirq_set_affinity(struct domain *d, unsigned int pirq, const cpumask_t *mask) { }
unsigned int pirq_limit(const struct domain *d) { return 0; }
bool pirq_is_permitted(struct domain *d, unsigned int pirq) { return false; }

static long call(unsigned int cmd, void *arg) { return hc_event_channel_op(cmd, (uintptr_t)arg, 0, 0, 0); }

/* ---- the guest ---- */

static event_word_t *word(evtchn_port_t n) { return (event_word_t *)mfn_va(page_of(1, 2 + n / 1024)) + n % 1024; }
static struct evtchn_fifo_control_block *control(unsigned int vcpu) { return mfn_va(page_of(1, vcpu)); }
static uint32_t local_head[NR_VCPUS][16];
static unsigned int handled[4096];
static evtchn_port_t last_handled;

static void consume_one(unsigned int vcpu, unsigned int priority, uint32_t *ready)
{
    uint32_t head = local_head[vcpu][priority];
    event_word_t w;

    if (head == 0)
        head = __atomic_load_n(&control(vcpu)->head[priority], __ATOMIC_SEQ_CST);
    w = __atomic_fetch_and(word(head), ~(L | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
    local_head[vcpu][priority] = w & EVTCHN_FIFO_LINK_MASK;
    if ((w & EVTCHN_FIFO_LINK_MASK) == 0)
        *ready &= ~(1u << priority);
    w = __atomic_load_n(word(head), __ATOMIC_SEQ_CST);
    if ((w & P) && !(w & M)) {
        __atomic_fetch_and(word(head), ~P, __ATOMIC_SEQ_CST);
        handled[head]++;
        last_handled = head;
    }
}

static void consume(unsigned int vcpu)
{
    uint32_t ready = __atomic_exchange_n(&control(vcpu)->ready, 0, __ATOMIC_SEQ_CST);

    while (ready) {
        consume_one(vcpu, (unsigned int)__builtin_ctz(ready), &ready);
        ready |= __atomic_exchange_n(&control(vcpu)->ready, 0, __ATOMIC_SEQ_CST);
    }
}

static bool take_upcall(unsigned int vcpu) { return __atomic_exchange_n(&world_info[1]->vcpu_info[vcpu].evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST); }

/* ---- set-up ---- */

static long init_control(uint64_t gfn, uint32_t offset, uint32_t vcpu)
{
    struct evtchn_init_control a = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    const long rc = call(EVTCHNOP_init_control, &a);

    if (rc == 0)
        assert_int_equal(a.link_bits, EVTCHN_FIFO_LINK_BITS);
    return rc;
}

static long expand(uint64_t gfn) { struct evtchn_expand_array a = { gfn }; return call(EVTCHNOP_expand_array, &a); }
static long send(evtchn_port_t port) { struct evtchn_send a = { port }; return call(EVTCHNOP_send, &a); }
static long unmask(evtchn_port_t port) { struct evtchn_unmask a = { port }; return call(EVTCHNOP_unmask, &a); }
static long close_port(evtchn_port_t port) { struct evtchn_close a = { port }; return call(EVTCHNOP_close, &a); }

static evtchn_port_t bind_ipi(uint32_t vcpu)
{
    struct evtchn_bind_ipi a = { .vcpu = vcpu };

    assert_int_equal(call(EVTCHNOP_bind_ipi, &a), 0);
    return a.port;
}

static long set_priority(evtchn_port_t port, uint32_t priority)
{
    struct evtchn_set_priority a = { .port = port, .priority = priority };

    return call(EVTCHNOP_set_priority, &a);
}

static int setup(void **state)
{
    world_create();
    memset(local_head, 0, sizeof(local_head));
    memset(handled, 0, sizeof(handled));
    assert_int_equal(event_domain_init(&world[1], ~0u), 0);
    for (unsigned int v = 0; v < NR_VCPUS; v++)
        assert_int_equal(event_vcpu_init(&world_vcpu[1][v]), 0);
    return 0;
}

static int setup_fifo(void **state)
{
    setup(state);
    assert_int_equal(init_control(page_of(1, 0).v, 0, 0), 0);
    assert_int_equal(init_control(page_of(1, 1).v, 0, 1), 0);
    assert_int_equal(expand(page_of(1, 2).v), 0);
    return 0;
}

static int teardown(void **state)
{
    world[1].dying = DOMAIN_DYING;
    while (event_domain_destroy(&world[1]) != 0)
        ;
    event_domain_fini(&world[1]);
    world_destroy();
    return 0;
}

/* ---- tests ---- */

static void bad_setup(void **state)
{
    assert_int_equal(expand(page_of(1, 2).v), -XEN_EOPNOTSUPP);
    assert_int_equal(init_control(page_of(1, 0).v, 0, 2), -XEN_ENOENT);
    assert_int_equal(init_control(page_of(1, 0).v, 4, 0), -XEN_EINVAL);
    assert_int_equal(init_control(page_of(1, 0).v, PAGE_SIZE - 64, 0), -XEN_EINVAL);
    assert_int_equal(init_control(page_of(2, 0).v, 0, 0), -XEN_EINVAL); /* another's */
    assert_int_equal(init_control(~0ULL, 0, 0), -XEN_EINVAL);
    frame_of(page_of(1, 0))->type_info = ((uint64_t)FRAME_L1 << FRAME_TYPE_SHIFT) | 1;
    assert_int_equal(init_control(page_of(1, 0).v, 0, 0), -XEN_EINVAL); /* a page table */
    frame_of(page_of(1, 0))->type_info = 0;
    host_heap_fail_at = 2;
    assert_int_equal(init_control(page_of(1, 0).v, 0, 0), -XEN_ENOMEM);
    assert_ptr_equal(world[1].events.fifo, NULL);
    assert_int_equal(init_control(page_of(1, 0).v, 8, 0), 0);
    assert_int_equal(init_control(page_of(1, 1).v, 0, 0), -XEN_EINVAL); /* again */
    assert_int_equal(expand(page_of(2, 2).v), -XEN_EINVAL);
    for (unsigned int i = 0; i < 128; i++)
        assert_int_equal(expand(page_of(1, 2).v), 0); /* one page many times: the guest's own business */
    assert_int_equal(expand(page_of(1, 2).v), -XEN_ENOSPC);
    assert_int_equal(set_priority(1, 16), -XEN_EINVAL);
    assert_int_equal(set_priority(1, 15), 0);
}

static void order_and_priority(void **state)
{
    const evtchn_port_t a = bind_ipi(0), b = bind_ipi(0), c = bind_ipi(0), urgent = bind_ipi(0);

    assert_int_equal(set_priority(urgent, 0), 0);
    send(b);
    assert_true(take_upcall(0));
    send(a);
    send(c);
    send(b); /* already there */
    assert_false(take_upcall(0)); /* announced once */
    send(urgent);
    assert_true(take_upcall(0)); /* another queue */
    assert_int_equal(control(0)->ready, (1u << 7) | 1);
    assert_int_equal(control(0)->head[7], b);
    assert_int_equal(*word(b), P | L | a);
    assert_int_equal(*word(a), P | L | c);
    assert_int_equal(*word(c), P | L);
    consume(0);
    assert_int_equal(last_handled, c);
    assert_int_equal(handled[urgent] + handled[a] + handled[b] + handled[c], 4);
    send(c);
    assert_int_equal(control(0)->head[7], c);
}

static void masked_events_wait(void **state)
{
    const evtchn_port_t a = bind_ipi(1);

    *word(a) = M;
    send(a);
    assert_int_equal(*word(a), P | M);
    assert_false(take_upcall(1));
    assert_int_equal(unmask(a), 0);
    assert_true(take_upcall(1));
    consume(1);
    assert_int_equal(handled[a], 1);
    *word(a) = M;
    assert_int_equal(unmask(a), 0); /* nothing pending */
    assert_int_equal(*word(a), 0);
}

static void carried_over(void **state)
{
    const evtchn_port_t a = bind_ipi(0), b = bind_ipi(1);

    world_info[1]->evtchn_mask[0] = ~0UL;
    send(a);
    assert_int_equal(init_control(page_of(1, 0).v, 0, 0), 0);
    send(b); /* no event word yet, no control block of vCPU 1 either */
    assert_int_equal(init_control(page_of(1, 1).v, 0, 1), 0);
    take_upcall(0);
    assert_int_equal(expand(page_of(1, 2).v), 0);
    assert_true(take_upcall(0));
    assert_true(take_upcall(1));
    consume(0);
    consume(1);
    assert_int_equal(handled[a], 1);
    assert_int_equal(handled[b], 1);
}

static void busy_ports_are_not_reused(void **state)
{
    const evtchn_port_t a = bind_ipi(0);

    send(a);
    assert_int_equal(close_port(a), 0);
    assert_int_equal(*word(a), L); /* not pending any more, but queued */
    assert_int_equal(bind_ipi(0), a + 1);
    consume(0);
    assert_int_equal(handled[a], 0);
    assert_int_equal(bind_ipi(0), a);
}

static void moving_the_tail(void **state)
{
    const evtchn_port_t a = bind_ipi(0), b = bind_ipi(0), c = bind_ipi(0);

    send(a);
    consume(0); /* a is the tail of queue 7 still */
    set_priority(a, 3);
    send(a);
    send(b); /* must not be linked behind a */
    assert_int_equal(control(0)->head[3], a);
    assert_int_equal(control(0)->head[7], b);
    send(c);
    assert_int_equal(*word(b) & EVTCHN_FIFO_LINK_MASK, c);
    assert_int_equal(*word(a) & EVTCHN_FIFO_LINK_MASK, 0);
    consume(0);
    assert_int_equal(handled[a] + handled[b] + handled[c], 4);
}

static void reset_goes_back(void **state)
{
    struct evtchn_reset r = { .dom = DOMID_SELF };
    const evtchn_port_t a = bind_ipi(0);

    send(a);
    assert_int_equal(call(EVTCHNOP_reset, &r), 0);
    assert_ptr_equal(world[1].events.fifo, NULL);
    assert_int_equal(frame_of(page_of(1, 2))->refs, 1);
    assert_int_equal(bind_ipi(0), a);
    send(a);
    assert_true(bit_test(world_info[1]->evtchn_pending, a));
    memset(word(0), 0, PAGE_SIZE);
    memset(control(0), 0, PAGE_SIZE);
    assert_int_equal(init_control(page_of(1, 0).v, 0, 0), 0);
    assert_int_equal(expand(page_of(1, 2).v), 0);
    consume(0);
    assert_int_equal(handled[a], 1);
}

/* Random operations; at quiet times whatever is pending and unmasked has been handled. */
static void nothing_is_lost(void **state)
{
    evtchn_port_t port[NR_PORTS];
    unsigned int seed = 4711;

    for (unsigned int i = 0; i < NR_PORTS; i++) {
        struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
        struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };

        assert_int_equal(call(EVTCHNOP_alloc_unbound, &a), 0);
        b.remote_port = a.port;
        assert_int_equal(call(EVTCHNOP_bind_interdomain, &b), 0);
        port[i] = b.local_port; /* sends arrive at port - 1 */
        assert_int_equal(b.local_port, a.port + 1);
    }
    for (unsigned int step = 0; step < 200000; step++) {
        const evtchn_port_t sender = port[rand_r(&seed) % NR_PORTS], target = sender - 1;
        struct evtchn_bind_vcpu b = { .port = target, .vcpu = (uint32_t)rand_r(&seed) % NR_VCPUS };

        switch (rand_r(&seed) % 8) {
        case 0: __atomic_fetch_or(word(target), M, __ATOMIC_SEQ_CST); break;
        case 1: unmask(target); break;
        case 2: set_priority(target, (uint32_t)rand_r(&seed) % 16); break;
        case 3: call(EVTCHNOP_bind_vcpu, &b); break;
        case 4: if (take_upcall(b.vcpu)) consume(b.vcpu); break;
        default: send(sender); break;
        }
        if (step % 64 != 0)
            continue;
        for (unsigned int v = 0; v < NR_VCPUS; v++)
            if (take_upcall(v))
                consume(v);
        for (unsigned int i = 0; i < NR_PORTS; i++)
            assert_false((*word(port[i] - 1) & (P | M)) == P);
    }
}

static bool stop;

static void *consumer(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
        if (take_upcall(0))
            consume(0);
    return NULL;
}

static void nothing_is_lost_in_parallel(void **state)
{
    evtchn_port_t port[NR_PORTS];
    unsigned int seed = 42;
    pthread_t thread;

    for (unsigned int i = 0; i < NR_PORTS; i++)
        port[i] = bind_ipi(0);
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, consumer, NULL), 0);
    for (unsigned int step = 0; step < 300000; step++) {
        const evtchn_port_t n = port[rand_r(&seed) % NR_PORTS];

        switch (rand_r(&seed) % 8) {
        case 0: __atomic_fetch_or(word(n), M, __ATOMIC_SEQ_CST); unmask(n); break;
        case 1: set_priority(n, (uint32_t)rand_r(&seed) % 4); break;
        default: send(n); break;
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    if (take_upcall(0))
        consume(0);
    for (unsigned int i = 0; i < NR_PORTS; i++)
        assert_int_equal(*word(port[i]) & (P | L), 0);
}

static void *scribbler(void *arg)
{
    unsigned int seed = 1;

    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        const unsigned int at = (unsigned int)rand_r(&seed) % (3 * PAGE_SIZE / 4);
        uint32_t *target = (uint32_t *)mfn_va(page_of(1, 0)) + at;

        __atomic_store_n(target, (uint32_t)rand_r(&seed) * 2654435761u, __ATOMIC_SEQ_CST);
        __atomic_fetch_xor(word(1 + at % NR_PORTS), L | M, __ATOMIC_SEQ_CST);
        world_info[1]->vcpu_info[0].evtchn_upcall_pending = (uint8_t)seed;
    }
    return NULL;
}

/* The sanitizers watch; every call must return. */
static void hostile_guest(void **state)
{
    unsigned int seed = 99;
    pthread_t thread;

    for (unsigned int i = 0; i < NR_PORTS; i++)
        bind_ipi(i % 2);
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, scribbler, NULL), 0);
    for (unsigned int step = 0; step < 300000; step++) {
        const evtchn_port_t n = 1 + (evtchn_port_t)rand_r(&seed) % NR_PORTS;

        switch (rand_r(&seed) % 8) {
        case 0: unmask(n); break;
        case 1: set_priority(n, (uint32_t)rand_r(&seed) % 16); break;
        case 2: if (close_port(n) == 0) {
                    struct evtchn_bind_ipi a = { .vcpu = (uint32_t)seed % 2 };
                    assert_int_equal(call(EVTCHNOP_bind_ipi, &a), 0);
                }
                break;
        default: send(n); break;
        }
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
}

#define T(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TF(f) cmocka_unit_test_setup_teardown(f, setup_fifo, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(bad_setup), TF(order_and_priority), TF(masked_events_wait), T(carried_over), TF(busy_ports_are_not_reused),
        TF(moving_the_tail), TF(reset_goes_back), TF(nothing_is_lost), TF(nothing_is_lost_in_parallel), TF(hostile_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

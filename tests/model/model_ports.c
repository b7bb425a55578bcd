/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event ports with a sender while either end closes, dies, or uses the port for something else: E1, E2 and E4
 * of docs/events.md. What is freed with a domain nobody touches.
 */
// sources: hv/core/lock.c hv/control/access.c hv/event/port.c hv/event/send.c hv/event/bind.c hv/event/close.c hv/event/global_virq.c hv/event/format_2level.c hv/event/format_fifo.c hv/event/fifo_setup.c hv/event/op.c hv/event/dump.c hv/lib/bitmap.c hv/mm/frame.c
#define RAM_FRAMES 72u
#include "explore.h"
#include "../unit/domains_host.h"
#include <arch/cpu.h>
#include "../../hv/event/port.h"

static evtchn_port_t port_1, port_2;   /* ends in domains 1 and 2 */
static bool port_2_is_ipi, domain_2_is_gone;

int pirq_bind(struct vcpu *v, unsigned int pirq, bool will_share) { return 0; }
void pirq_unbind(struct domain *d, unsigned int pirq) { }
void pirq_set_affinity(struct domain *d, unsigned int pirq, const cpumask_t *mask) { }
unsigned int pirq_limit(const struct domain *d) { return 0; }
bool pirq_is_permitted(struct domain *d, unsigned int pirq) { return false; }

static long op(unsigned int cmd, void *arg) { return hc_event_channel_op(cmd, (uintptr_t)arg, 0, 0, 0); }

/* ---- CPUs ---- */

static void send_from_1(void) { if (event_send(&world[1], port_1) != 0) return; }
static void send_from_2(void) { if (event_send(&world[2], port_2) != 0) return; }
static void send_virq(void) { event_send_virq(&world_vcpu[2][0], VIRQ_DEBUG); }
static void close_1(void) { if (event_port_close(&world[1], port_1, true) != 0) return; }
static void close_2(void) { if (event_port_close(&world[2], port_2, true) != 0) return; }

/* The lowest free port: the one that was closed. */
static void close_2_and_bind_ipi(void)
{
    struct evtchn_bind_ipi a = { .vcpu = 0 };

    close_2();
    if (op(EVTCHNOP_bind_ipi, &a) == 0 && a.port == port_2)
        port_2_is_ipi = true;
}

static void bind_again(void)
{
    struct evtchn_bind_interdomain a = { .remote_dom = 1, .remote_port = port_1 };

    close_2();
    if (op(EVTCHNOP_bind_interdomain, &a) == 0)
        port_2 = a.local_port;
}

/* Its last reference goes when nobody is at work on it any more. */
static void domain_2_dies(void)
{
    write_once(world[2].dying, DOMAIN_DYING);
    while (event_domain_destroy(&world[2]) != 0)
        ;
    domain_put(&world[2]);
    while (__atomic_load_n(&world[2].refs, __ATOMIC_SEQ_CST) != 0)
        cpu_relax();
    domain_2_is_gone = true;
    event_domain_fini(&world[2]);
}

/* ---- invariants ---- */

static bool is_locked(const struct spinlock *l) { return l->next != l->serving; }

/* E1, E3: of an end that says "interdomain" and is not being changed now, the other end is there, and knows it or is closing. */
static void check_end_of(const struct domain *d, evtchn_port_t n)
{
    const struct event_port *p = event_port_find(d, n), *rp;

    if (p == NULL || p->state != EVENT_INTERDOMAIN || is_locked(&p->lock))
        return;
    explore_assert(p->remote != NULL);
    explore_assert(p->remote != &world[2] || !domain_2_is_gone);
    rp = event_port_find(p->remote, p->remote_port);
    explore_assert(rp != NULL);
    explore_assert(is_locked(&rp->lock) || is_locked(&d->events.lock) || (rp->state == EVENT_INTERDOMAIN && rp->remote == d && rp->remote_port == n));
}

static void check_ends(void)
{
    check_end_of(&world[1], port_1);
    if (!domain_2_is_gone)
        check_end_of(&world[2], port_2);
}

/* E2, E4: nobody but its owner could raise what the port is used for now, and he has not. */
static void check_not_raised(void)
{
    if (port_2_is_ipi)
        explore_assert(!event_format_2level.is_pending(&world[2], event_port_find(&world[2], port_2)));
    explore_assert(world[1].refs == 1 && world[2].refs == !domain_2_is_gone);
}

/* ---- set-up ---- */

static void must(long rc)
{
    if (rc != 0)
        explore_fail("setup: %ld", rc);
}

static void setup_domains(void)
{
    world_create();
    for (unsigned int d = 1; d < NR_DOMAINS; d++) {
        must(event_domain_init(&world[d], ~0u));
        must(event_vcpu_init(&world_vcpu[d][0]));
        explore_share(&world[d].events, sizeof(world[d].events));
        explore_share(&world[d].refs, sizeof(world[d].refs));
        explore_share(event_port_find(&world[d], 1), sizeof(struct event_port));
        explore_share(&world_info[d]->evtchn_pending[0], sizeof(unsigned long));
    }
}

static void setup(void)
{
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = 2 };
    struct evtchn_bind_interdomain bind = { .remote_dom = 1 };

    setup_domains();
    be(1, 0);
    must(op(EVTCHNOP_alloc_unbound, &alloc));
    port_1 = bind.remote_port = alloc.port;
    be(2, 0);
    must(op(EVTCHNOP_bind_interdomain, &bind));
    port_2 = bind.local_port;
    world_info[2]->evtchn_pending[0] = 0;
}

static void setup_virq(void)
{
    struct evtchn_bind_virq bind = { .virq = VIRQ_DEBUG };

    setup_domains();
    be(2, 0);
    must(op(EVTCHNOP_bind_virq, &bind));
    port_2 = bind.port;
    explore_share(&world_vcpu[2][0].events, sizeof(world_vcpu[2][0].events));
}

#define MODEL(n, prepare, a, b, c) { \
    .name = n, .setup = prepare, .check = check_ends, .check_end = check_not_raised, \
    .cpus = { { "sender", a, &world_vcpu[1][0] }, { "domain 1", b, &world_vcpu[1][1] }, { "domain 2", c, &world_vcpu[2][0] } } }

int main(int argc, char **argv)
{
    static const struct explore_model models[] = {
        MODEL("ports-close", setup, send_from_1, close_1, close_2),
        MODEL("ports-close-peer", setup, send_from_2, close_1, close_2),
        MODEL("ports-reuse", setup, send_from_1, NULL, close_2_and_bind_ipi),
        MODEL("ports-rebind", setup, send_from_1, close_1, bind_again),
        MODEL("ports-death", setup, send_from_1, NULL, domain_2_dies),
        MODEL("ports-death-close", setup, NULL, close_1, domain_2_dies),
        MODEL("ports-virq", setup_virq, send_virq, NULL, close_2_and_bind_ipi),
        { .name = NULL },
    };

    return explore_main(models, argc, argv);
}

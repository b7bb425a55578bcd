/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug key 'e': the bound ports of every domain. */
#include "port.h"

#include <hv/console.h>
#include <hv/log.h>

static void dump_binding(const struct event_port *p)
{
    switch (p->state) {
    case EVENT_UNBOUND:
        log_info(" unbound, for d%u", p->remote_id);
        break;
    case EVENT_INTERDOMAIN:
        log_info(" interdomain, d%u port %u", p->remote->id, p->remote_port);
        break;
    case EVENT_PIRQ:
        log_info(" pirq %u", p->source);
        break;
    case EVENT_VIRQ:
        log_info(" virq %u", p->source);
        break;
    default:
        log_info(" ipi");
        break;
    }
    log_info(p->consumer != NULL ? ", hypervisor's\n" : "\n");
}

static void dump_port(const struct domain *d, const struct event_port *p)
{
    const struct event_format *format = event_format_of(d);

    const bool is_guests = p->consumer == NULL;

    log_info("  port %4u v%u%s%s", p->number, p->vcpu, is_guests && format->is_pending(d, p) ? " pending" : "",
             is_guests && format->is_masked(d, p) ? " masked" : "");
    dump_binding(p);
}

void event_dump(struct domain *d)
{
    spin_lock(&d->events.lock);
    log_info("d%u: %s events, %u ports in use, limit %u\n", d->id, event_format_of(d)->name, d->events.nr_active, d->events.nr_limit);
    for (evtchn_port_t n = 1; n < d->events.nr_valid; n++) {
        const struct event_port *p = event_port_find(d, n);

        if (event_port_is_bound(p))
            dump_port(d, p);
    }
    spin_unlock(&d->events.lock);
}

static void dump_all(unsigned char key)
{
    struct domain *d;

    for_each_domain(d)
        event_dump(d);
}

void event_init(void)
{
    debug_key_register('e', dump_all, "dump event channels");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Global virqs: events of the machine, which one domain handles: the hardware domain unless the
 * toolstack named another. Lock: `lock`, interrupts off; a named handler is referenced.
 */
#include "port.h"

#include <hv/errno.h>

static struct spinlock lock = SPINLOCK_INIT(RANK_VIRQ);
static struct domain *handler[NR_VIRQS]; /* atomic; NULL: the hardware domain */

void event_send_global_virq(unsigned int virq)
{
    if (likely(read_once(handler[virq]) == NULL)) {
        event_send_guest_virq(hardware_domain, virq);
        return;
    }
    const uint64_t flags = spin_lock_irqsave(&lock);

    event_send_guest_virq(handler[virq] != NULL ? handler[virq] : hardware_domain, virq);
    spin_unlock_irqrestore(&lock, flags);
}

/* Returns the handler that was, whose reference is the caller's now. */
static struct domain *replace(unsigned int virq, struct domain *d)
{
    const uint64_t flags = spin_lock_irqsave(&lock);
    struct domain *old = handler[virq];

    write_once(handler[virq], d);
    spin_unlock_irqrestore(&lock, flags);
    return old;
}

int event_set_global_virq_handler(struct domain *d, unsigned int virq)
{
    struct domain *old;

    if (virq >= NR_VIRQS || !virq_is_global(virq) || d->dying != DOMAIN_ALIVE || !domain_get(d))
        return ERR(EINVAL);
    old = replace(virq, d);
    if (old != NULL)
        domain_put(old);
    return 0;
}

void event_global_virqs_drop(struct domain *d)
{
    for (unsigned int virq = 0; virq < NR_VIRQS; virq++)
        if (read_once(handler[virq]) == d && replace(virq, NULL) == d)
            domain_put(d);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl operations about a domain's life: pause, resume, destroy, and whom its events go to. */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/percpu.h>

long domctl_pausedomain(struct domain *d, struct xen_domctl *op)
{
    return d == current->domain ? ERR(EINVAL) : domain_pause_by_control(d);
}

long domctl_unpausedomain(struct domain *d, struct xen_domctl *op)
{
    return domain_unpause_by_control(d);
}

long domctl_resumedomain(struct domain *d, struct xen_domctl *op)
{
    if (d == current->domain)
        return ERR(EINVAL);
    domain_resume(d);
    return 0;
}

long domctl_destroydomain(struct domain *d, struct xen_domctl *op)
{
    return domain_kill(d);
}

/* The port that says "suspended" to the toolstack. The domain's own ports are checked when it is sent to. */
long domctl_subscribe(struct domain *d, struct xen_domctl *op)
{
    write_once(d->suspend_port, op->u.subscribe.port);
    return 0;
}

long domctl_set_virq_handler(struct domain *d, struct xen_domctl *op)
{
    return event_set_global_virq_handler(d, op->u.set_virq_handler.virq);
}

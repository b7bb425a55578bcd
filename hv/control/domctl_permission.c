/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl operations that let a domain use parts of the machine: interrupts and device memory. Nobody gives
 * away what it may not use itself.
 */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/percpu.h>

static int change(struct rangeset *set, uint64_t first, uint64_t last, bool allow)
{
    return allow ? rangeset_add(set, first, last) : rangeset_remove(set, first, last);
}

/* ABI: the interrupt is named by the caller's pirq. */
long domctl_irq_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_irq_permission *a = &op->u.irq_permission;
    unsigned int irq;

    if (a->pirq >= pirq_limit(current->domain))
        return ERR(EINVAL);
    irq = pirq_to_irq(current->domain, a->pirq);
    if (irq == 0 || !rangeset_contains(&current->domain->irqs_allowed, irq, irq))
        return ERR(EPERM);
    return change(&d->irqs_allowed, irq, irq, a->allow_access != 0);
}

long domctl_iomem_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_iomem_permission *a = &op->u.iomem_permission;
    const uint64_t last = a->first_mfn + a->nr_mfns - 1;

    /* ABI: none at all, counted from frame 0, is all of them, which nobody may use. */
    if (last < a->first_mfn)
        return ERR(EINVAL);
    if (!rangeset_contains(&current->domain->iomem_allowed, a->first_mfn, last))
        return ERR(EPERM);
    return change(&d->iomem_allowed, a->first_mfn, last, a->allow_access != 0);
}

/* They do not wrap and can be addressed. */
static bool frames_exist(uint64_t first, uint64_t nr)
{
    const uint64_t last = first + nr - 1;

    return last >= first && last >> (52 - PAGE_SHIFT) == 0;
}

/* A PV guest maps device memory itself, which is where its rights are checked: there is nothing to do. */
long domctl_memory_mapping(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_memory_mapping *a = &op->u.memory_mapping;
    return frames_exist(a->first_mfn, a->nr_mfns) && frames_exist(a->first_gfn, a->nr_mfns) ? 0 : ERR(EINVAL);
}

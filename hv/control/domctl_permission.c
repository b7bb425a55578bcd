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

/* Frames first..last; -EINVAL if they wrap or cannot be addressed. */
static int frame_range(uint64_t first, uint64_t nr, uint64_t *last)
{
    *last = first + nr - 1;
    return nr == 0 || *last < first || *last >> (52 - PAGE_SHIFT) ? ERR(EINVAL) : 0;
}

long domctl_iomem_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_iomem_permission *a = &op->u.iomem_permission;
    uint64_t last;
    const int rc = frame_range(a->first_mfn, a->nr_mfns, &last);

    if (rc != 0)
        return rc;
    if (!rangeset_contains(&current->domain->iomem_allowed, a->first_mfn, last))
        return ERR(EPERM);
    return change(&d->iomem_allowed, a->first_mfn, last, a->allow_access != 0);
}

/* A PV guest maps device memory itself, so there is nothing to do once it is allowed. */
long domctl_memory_mapping(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_memory_mapping *a = &op->u.memory_mapping;
    uint64_t last, last_gfn;

    if (frame_range(a->first_mfn, a->nr_mfns, &last) != 0 || frame_range(a->first_gfn, a->nr_mfns, &last_gfn) != 0)
        return ERR(EINVAL);
    if (!rangeset_contains(&current->domain->iomem_allowed, a->first_mfn, last) ||
        !rangeset_contains(&d->iomem_allowed, a->first_mfn, last))
        return ERR(EPERM);
    return 0;
}

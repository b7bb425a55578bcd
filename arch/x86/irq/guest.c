/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests as handlers of an interrupt. A message or an edge is acknowledged and passed on; a level-
 * triggered line is masked, acknowledged, passed on, and unmasked when every guest that was told
 * has answered (I3). Several domains may share a line if all agreed to.
 *
 * Lock: desc->lock (RANK_IRQ). Events are sent after it is released: their locks rank lower.
 */
#include <arch/irq.h>
#include <arch/platform.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>

#define MAX_SHARE 32u

/* The line is open again unless somebody still has to answer or it is held back. */
static void maybe_unmask(struct irq_desc *desc)
{
    if (desc->started && desc->nr_due == 0 && !desc->limited && desc->masked)
        irq_desc_unmask(desc);
}

static void clear_due(struct irq_desc *desc, struct pirq *p)
{
    if (p->eoi_due) {
        p->eoi_due = false;
        desc->nr_due--;
    }
}

void irq_guest_interrupt(struct irq_desc *desc, uint64_t flags)
{
    struct { struct domain *d; unsigned int pirq; } told[MAX_SHARE];
    unsigned int n = 0;
    struct pirq *p;

    if (desc->level)
        irq_desc_mask(desc);
    else
        irq_limit(desc);
    list_for_each(p, &desc->guests, link) {
        if (desc->level && !p->eoi_due) {
            p->eoi_due = true;
            desc->nr_due++;
        }
        told[n].d = p->domain;
        told[n++].pirq = p->pirq;
    }
    /* Order: masked before acknowledged, or an asserted line comes again at once. */
    apic_eoi();
    spin_unlock_irqrestore(&desc->lock, flags);
    /* The domains stay: pirq_domain_fini waits for interrupts in progress (pirq.c). */
    for (unsigned int i = 0; i < n; i++)
        event_send_pirq(told[i].d, told[i].pirq);
}

int irq_guest_add(struct irq_desc *desc, struct pirq *p, bool will_share, unsigned int cpu)
{
    if (desc->fn) {
        guest_printk(LOG_INFO, "Cannot bind IRQ%u to dom%u. In use by '%s'.\n", desc->irq, p->domain->id, desc->name);
        return ERR(EBUSY);
    }
    if (desc->nr_guests && (!will_share || !desc->may_share)) {
        guest_printk(LOG_INFO, "Cannot bind IRQ%u to dom%u. Will not share with others.\n", desc->irq, p->domain->id);
        return ERR(EBUSY);
    }
    if (desc->nr_guests == MAX_SHARE)
        return ERR(EBUSY);
    if (desc->nr_guests == 0) {
        desc->may_share = will_share;
        int ret = irq_desc_start(desc, cpu);
        if (ret)
            return ret;
    }
    list_add_tail(&desc->guests, &p->link);
    desc->nr_guests++;
    p->bound = true;
    return 0;
}

void irq_guest_remove(struct irq_desc *desc, struct pirq *p)
{
    list_remove(&p->link);
    p->bound = false;
    clear_due(desc, p);
    if (--desc->nr_guests == 0)
        irq_desc_stop(desc);
    else
        maybe_unmask(desc);
}

void irq_guest_eoi(struct irq_desc *desc, struct pirq *p)
{
    if (!p->eoi_due)
        return;
    clear_due(desc, p);
    maybe_unmask(desc);
}

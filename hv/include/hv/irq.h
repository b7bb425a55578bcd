/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine interrupts. An irq is a number of the hypervisor: GSIs first (irq == gsi),
 * then dynamically allocated MSI irqs. Guests name interrupts by pirq, a number of
 * the domain, mapped to an irq by physdev_op.
 */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include <hv/cpumask.h>
#include <hv/lock.h>

struct domain;
struct vcpu;

extern unsigned int nr_gsis;  /* irqs below this are GSIs */
extern unsigned int nr_irqs;  /* irqs below this exist */

/* The hypervisor's own handler. Context of fn: interrupt. */
int irq_request(unsigned int irq, void (*fn)(unsigned int irq, void *arg), void *arg, const char *name) must_check;
void irq_release(unsigned int irq);

/*
 * EVTCHNOP_bind_pirq: makes the interrupt behind v's domain's pirq arrive as event_send_pirq.
 * -EINVAL: number out of range. -EPERM: not mapped, or not permitted. -EBUSY: in use by the
 * hypervisor, or by a domain with which it cannot be shared. -EEXIST: already bound. -ENOMEM.
 */
int pirq_bind(struct vcpu *v, unsigned int pirq, bool will_share) must_check;
void pirq_unbind(struct domain *d, unsigned int pirq);
/* Guest finished with a level interrupt (PHYSDEVOP_eoi, unmask of the port). */
void pirq_eoi(struct domain *d, unsigned int pirq);
/* Interrupts of the port now go to this vCPU's CPU. */
void pirq_set_affinity(struct domain *d, unsigned int pirq, const cpumask_t *mask);
/*
 * Undoes all of d's pirq maps and bindings, for good: d is dying and does not run. Gives up the page of
 * PHYSDEVOP_pirq_eoi_gmfn, so it belongs before d's memory goes. Interrupts enabled. Twice is harmless.
 */
void pirq_domain_release(struct domain *d);
/* Frees what is left; nobody refers to d any more. */
void pirq_domain_fini(struct domain *d);
int pirq_domain_init(struct domain *d) must_check;
/* Number of pirqs of d: they are 0 .. limit-1. */
unsigned int pirq_limit(const struct domain *d);
/* The irq that d's pirq is mapped to, 0 if none (irq 0 is never a guest's). */
unsigned int pirq_to_irq(struct domain *d, unsigned int pirq);
/* d's irqs_allowed holds the irq behind the pirq. */
bool pirq_is_permitted(struct domain *d, unsigned int pirq);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to event/: the sub-operations that the hypercall offers to the current domain. Errors are those of the public header's operations. */
#ifndef HV_EVENT_BIND_H
#define HV_EVENT_BIND_H

#include "port.h"

int event_alloc_unbound(struct domain *d, domid_t remote, evtchn_port_t *port) must_check;
int event_bind_interdomain(struct domain *ld, struct domain *rd, evtchn_port_t remote_port, evtchn_port_t *port) must_check;
int event_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, evtchn_port_t *port) must_check;
int event_bind_ipi(struct domain *d, uint32_t vcpu, evtchn_port_t *port) must_check;
int event_bind_pirq(struct domain *d, uint32_t pirq, bool will_share, evtchn_port_t *port) must_check;
int event_bind_vcpu(struct domain *d, evtchn_port_t port, uint32_t vcpu) must_check;
/* Fills status, vcpu and u. -EINVAL, -EACCES (the hypervisor's). */
int event_status(struct domain *d, evtchn_port_t port, struct evtchn_status *out) must_check;
int event_set_priority(struct domain *d, evtchn_port_t port, uint32_t priority) must_check;

#endif

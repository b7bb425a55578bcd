/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels (public header xen/event_channel.h): ports of a domain, bound to
 * another domain's port, a virq, a pirq, an IPI, or to the hypervisor. How
 * "pending" looks in guest memory is the format's business (2-level, FIFO).
 */
#ifndef HV_EVENT_H
#define HV_EVENT_H

#include <hv/lock.h>
#include <xen/event_channel.h>

struct domain;
struct vcpu;
struct event_port;         /* event/port.h, private */
struct event_format;       /* event/format.h, private */
struct event_fifo_domain;
struct event_fifo_vcpu;

struct event_domain {
    struct spinlock lock;            /* RANK_EVENT_DOMAIN: allocation, binding, closing */
    struct event_port **buckets;     /* two-level array of ports; grows only */
    unsigned int nr_valid;           /* ports below this have an entry (atomic read) */
    unsigned int nr_limit;           /* max_evtchn_port of createdomain */
    unsigned int nr_active;          /* allocated, not counting hypervisor-bound */
    const struct event_format *format;
    struct event_fifo_domain *fifo;
    uint64_t *poll_mask;             /* vCPUs that poll (bitmap of max_vcpus) */
};

struct event_vcpu {
    struct spinlock virq_lock;
    evtchn_port_t virq_to_port[NR_VIRQS]; /* 0: none */
    struct event_fifo_vcpu *fifo;
};

int event_domain_init(struct domain *d, unsigned int max_port) must_check; /* 0, -ENOMEM */
int event_vcpu_init(struct vcpu *v) must_check;
/* Closes every port. Preemptible: -ERESTART. Domain is dying. */
int event_domain_destroy(struct domain *d) must_check;
/* Frees what is left, nobody refers to d any more. */
void event_domain_fini(struct domain *d);

/* Raises a virq on v if it is bound. Any context, interrupts too. */
void event_send_virq(struct vcpu *v, unsigned int virq);
/* To the vCPU that bound this per-domain virq in d. */
void event_send_guest_virq(struct domain *d, unsigned int virq);
/* VIRQ_CONSOLE, VIRQ_DOM_EXC …: to whoever handles it (hardware domain unless set). */
void event_send_global_virq(unsigned int virq);
int event_set_global_virq_handler(struct domain *d, unsigned int virq) must_check;
/* A machine interrupt bound to pirq of d arrived. Any context. */
void event_send_pirq(struct domain *d, unsigned int pirq);
/* Clears the mask bit of the port bound to d's pirq, as EVTCHNOP_unmask; nothing if none is (PHYSDEVOP_eoi after PHYSDEVOP_pirq_eoi_gmfn_v1). */
void event_unmask_pirq(struct domain *d, unsigned int pirq);
/* Send on a port of ld. 0, -EINVAL. */
int event_send(struct domain *ld, evtchn_port_t port) must_check;
/* Are unmasked, deliverable events pending for v? (evtchn_upcall_pending && !mask) */
bool event_deliverable(const struct vcpu *v);
/* Marks the upcall pending and unblocks or kicks v. Formats call it. */
void event_mark_upcall(struct vcpu *v);
/* sched_op poll: does v have one of these ports pending? 0/1, -EINVAL. */
int event_port_pending(struct domain *d, evtchn_port_t port) must_check;
/* v moved to another CPU: pirq affinity follows. */
void event_vcpu_moved(struct vcpu *v);
/* Domain reset (soft reset, EVTCHNOP_reset). Preemptible. */
int event_domain_reset(struct domain *d) must_check;
void event_dump(struct domain *d); /* debug key 'e' */

/* Ports whose consumer is the hypervisor (device-model requests, later). */
typedef void event_consumer_fn(struct vcpu *v, evtchn_port_t port);
int event_bind_consumer(struct vcpu *v, domid_t remote, event_consumer_fn *fn, evtchn_port_t *port) must_check;

long hc_event_channel_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);

/* Arch contract: kick v so that it notices evtchn_upcall_pending. */
void arch_event_notify(struct vcpu *v);

#endif

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
struct event_format;       /* event/port.h, private */
struct event_fifo_domain;
struct event_fifo_vcpu;

struct event_domain {
    struct spinlock lock;            /* RANK_EVENT_DOMAIN: allocation, binding, closing */
    struct event_port **buckets;     /* two-level array of ports, sized at creation; a bucket that is there stays */
    uint32_t nr_valid;               /* ports below this have an entry (atomic) */
    uint32_t nr_limit;               /* highest port number allowed: max_evtchn_port of createdomain */
    uint32_t first_free;             /* no port below this is free */
    uint32_t nr_active;              /* bound or waiting to be, hypervisor-bound ones included */
    uint32_t nr_consumers;           /* of these, hypervisor-bound */
    const struct event_format *format; /* atomic */
    struct event_fifo_domain *fifo;  /* NULL: 2-level */
    uint64_t *poll_mask;             /* vCPUs that poll (atomic bitmap of max_vcpus) */
    evtchn_port_t *pirq_to_port;     /* atomic entries, 0: none; NULL before the first EVTCHNOP_bind_pirq */
    unsigned int nr_pirqs;           /* entries of pirq_to_port */
    evtchn_port_t next_reset;        /* EVTCHNOP_reset goes on here, 0: none under way */
    evtchn_port_t next_destroy;      /* event_domain_destroy goes on here */
};

struct event_vcpu {
    evtchn_port_t virq_to_port[NR_VIRQS]; /* atomic entries, 0: none */
    evtchn_port_t first_pirq;        /* list of pirq ports that notify this vCPU, under the domain's lock */
    struct event_fifo_vcpu *fifo;    /* NULL: no control block yet */
};

/* Registers the debug key. Boot. */
void event_init(void);
/* max_port: highest port number, as createdomain's max_evtchn_port. d->max_vcpus is set. 0, -ENOMEM. */
int event_domain_init(struct domain *d, unsigned int max_port) must_check;
int event_vcpu_init(struct vcpu *v) must_check;
/* Closes every port. Preemptible: -ERESTART. Domain is dying and none of its vCPUs runs. */
int event_domain_destroy(struct domain *d) must_check;
/* Frees what is left, nobody refers to d any more. */
void event_domain_fini(struct domain *d);

/* Raises a virq on v if it is bound. Any context, interrupts too. */
void event_send_virq(struct vcpu *v, unsigned int virq);
/* To the vCPU that bound this per-domain virq in d. */
void event_send_guest_virq(struct domain *d, unsigned int virq);
/* VIRQ_CONSOLE, VIRQ_DOM_EXC …: to whoever handles it (hardware domain unless set). */
void event_send_global_virq(unsigned int virq);
/* d handles the global virq from now on, until it dies. -EINVAL: not a global virq, or d is dying. */
int event_set_global_virq_handler(struct domain *d, unsigned int virq) must_check;
/* A machine interrupt bound to pirq of d arrived. Any context. */
void event_send_pirq(struct domain *d, unsigned int pirq);
/* Clears the mask bit of the port bound to d's pirq, as EVTCHNOP_unmask; nothing if none is (PHYSDEVOP_eoi after PHYSDEVOP_pirq_eoi_gmfn_v1). */
void event_unmask_pirq(struct domain *d, unsigned int pirq);
/* Send on a port of ld, as EVTCHNOP_send. 0, -EINVAL. Any context. */
int event_send(struct domain *ld, evtchn_port_t port) must_check;
/* Are unmasked, deliverable events pending for v? (evtchn_upcall_pending && !mask) */
bool event_deliverable(const struct vcpu *v);
/* Marks the upcall pending and unblocks or kicks v. Formats call it. */
void event_mark_upcall(struct vcpu *v);
/* sched_op poll: does v have one of these ports pending? 0/1, -EINVAL. */
int event_port_pending(struct domain *d, evtchn_port_t port) must_check;
/* v moved to another CPU: pirq affinity follows. No lock of RANK_EVENT_DOMAIN or above is held. */
void event_vcpu_moved(struct vcpu *v);
/*
 * Closes every port but the hypervisor's and goes back to the 2-level format (soft reset).
 * -ERESTART: call again. -EAGAIN: the guest bound ports meanwhile. Context: d is paused.
 */
int event_domain_reset(struct domain *d) must_check;
void event_dump(struct domain *d); /* debug key 'e' */

/*
 * Ports whose consumer is the hypervisor (device-model requests, later): `remote` may bind to
 * the port; a send by it calls fn with interrupts off and the sender's port locked. fn only
 * wakes something up.
 */
typedef void event_consumer_fn(struct vcpu *v, evtchn_port_t port);
/* -ENOSPC, -ENOMEM, -EINVAL (dying). */
int event_bind_consumer(struct vcpu *v, domid_t remote, event_consumer_fn *fn, evtchn_port_t *port) must_check;
void event_unbind_consumer(struct domain *d, evtchn_port_t port);
/* Sends from a hypervisor-bound port to whoever bound to it; nothing if nobody did. */
void event_notify_remote(struct domain *d, evtchn_port_t port);

long hc_event_channel_op(uint64_t cmd, uint64_t arg, uint64_t, uint64_t, uint64_t);

/* Arch contract: kick v so that it notices evtchn_upcall_pending. */
void arch_event_notify(struct vcpu *v);

#endif

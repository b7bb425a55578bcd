/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains and vCPUs as objects. Life: domain_create -> (vCPUs, memory) -> running ->
 * domain_shutdown (guest's wish) -> domain_kill (dying, preemptible) -> last reference
 * gone -> freed.
 *
 * D1  A struct domain lives while refs > 0; being findable by domid holds one.
 * D2  is_dying only goes up: alive, dying, dead.
 * D3  A dead domain's pages are all released; those that others still hold keep it a zombie.
 */
#ifndef HV_DOMAIN_H
#define HV_DOMAIN_H

#include <hv/event.h>
#include <hv/hypercall.h>
#include <hv/lock.h>
#include <hv/mm.h>
#include <hv/rangeset.h>
#include <hv/sched.h>
#include <xen/xen.h>
#include <arch/domain.h> /* struct arch_domain, struct arch_vcpu */

struct grant_table;

enum domain_dying { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

#define MAX_VCPUS_PER_DOMAIN 512u

struct domain {
    domid_t id;
    uint32_t refs;                  /* atomic */
    enum domain_dying dying;
    bool is_control;                /* may use the control plane (dom0) */
    bool is_hardware;               /* owns the machine's devices (dom0) */
    bool is_hvm;                    /* false: PV */
    bool created_paused;            /* not yet unpaused by the toolstack for the first time */
    uint8_t handle[16];             /* UUID of the toolstack */
    uint32_t ssidref;
    uint32_t create_flags;          /* XEN_DOMCTL_CDF_* */

    struct spinlock control_lock;   /* RANK_DOMCTL: one control operation at a time */

    /* vCPUs; the array is fixed, entries appear once (atomic pointer) */
    unsigned int max_vcpus;
    struct vcpu **vcpu;

    /* Pages; under page_lock */
    struct spinlock page_lock;      /* RANK_DOMAIN_PAGES */
    uint32_t pages;                 /* first mfn of the list, FRAME_NO_LINK if empty */
    uint32_t nr_pages;
    uint32_t max_pages;
    uint32_t nr_outstanding;        /* claimed, not yet allocated (XENMEM_claim_pages) */
    uint32_t nr_shared_pages;       /* hypervisor pages shown to it (xenheap pages) */
    unsigned int page_bits;         /* addressable width limit of its pages, 0 = none */

    /* Pausing */
    int pause_count;                /* atomic */
    int control_pause_count;        /* of pause_count: the toolstack's */

    /* Shutdown */
    struct spinlock shutdown_lock;  /* RANK_LEAF */
    bool is_shutting_down;          /* shutdown requested */
    bool is_shut_down;              /* all vCPUs paused for it */
    bool watchdog_armed;
    int shutdown_code;              /* SHUTDOWN_* ; -1 none */
    evtchn_port_t suspend_port;     /* XEN_DOMCTL_subscribe: port to signal, 0 none */

    struct shared_info *shared_info; /* one hypervisor page, shared with the guest */

    struct event_domain events;
    struct grant_table *grants;
    struct sched_domain sched;

    /* What of the machine it may use (XEN_DOMCTL_*_permission) */
    struct rangeset iomem_allowed;  /* machine frames */
    struct rangeset irqs_allowed;   /* pirqs */

    /* Time */
    int64_t time_offset_s;          /* XEN_DOMCTL_settimeoffset */
    uint64_t vm_assist;             /* VMASST_TYPE_* bits */

    struct arch_domain arch;
};

/* struct vcpu.pause_flags: reasons, atomic bits */
#define VPF_BLOCKED  (1u << 0)  /* waits for an event */
#define VPF_DOWN     (1u << 1)  /* not brought up, or taken down */
#define VPF_POLLING  (1u << 2)  /* sched_op poll */

struct vcpu {
    unsigned int id;
    struct domain *domain;
    uint32_t pause_flags;           /* VPF_*, atomic */
    int pause_count;                /* atomic */
    bool is_initialised;            /* has a context */
    bool is_idle;
    bool paused_for_shutdown;
    bool nmi_pending, mce_pending;
    bool defer_shutdown;
    int poll_port;                  /* VPF_POLLING: port, -1 if several */

    struct vcpu_info *vcpu_info;    /* in shared_info, or where VCPUOP_register_vcpu_info put it; never NULL */
    struct frame *vcpu_info_frame;  /* held reference of the registered page, NULL if none */
    uint64_t runstate_va;           /* guest virtual address registered for runstate, 0 none */
    uint64_t time_va;               /* secondary time area, 0 none */

    struct timer singleshot_timer, periodic_timer, poll_timer;
    uint64_t periodic_ns, periodic_last_ns;

    struct event_vcpu events;
    struct sched_vcpu sched;
    struct vcpu_hypercall hypercall;
    struct arch_vcpu arch;
};

extern struct domain *hardware_domain; /* dom0, NULL before it is built */
extern struct domain *domain_xen, *domain_io; /* pseudo domains DOMID_XEN, DOMID_IO: never scheduled */

struct domain_config {               /* checked before: control/domctl_create.c, dom0 builder */
    uint32_t flags;                  /* XEN_DOMCTL_CDF_* */
    uint32_t ssidref;
    uint8_t handle[16];
    unsigned int max_vcpus;          /* 1.. */
    unsigned int max_evtchn_port;
    unsigned int max_grant_frames, max_maptrack_frames, grant_version;
    uint32_t arch_emulation_flags, arch_misc_flags;
    bool is_control, is_hardware;
};

/* New domain, paused, without memory or vCPUs, one reference plus D1's. -EINVAL -ENOMEM -EEXIST. */
int domain_create(domid_t id, const struct domain_config *config, struct domain **out) must_check;
/* Creates vCPU `id` (down, no context). */
int vcpu_create(struct domain *d, unsigned int id, struct vcpu **out) must_check;
/* A free domid, or -ENOMEM. */
int domain_free_id(void) must_check;

/* References. */
struct domain *domain_get_by_id(domid_t id) must_check;  /* NULL if none or dead; DOMID_SELF is current's */
bool domain_get(struct domain *d) must_check;
void domain_put(struct domain *d);
/* As domain_get_by_id for a guest-supplied domid; DOMID_XEN/IO included if asked for by id. NULL: -ESRCH */
struct domain *domain_get_any(domid_t id) must_check;
/* Walk in domid order; each step moves the reference. domain_next(NULL) is the first; pass the last to go on; NULL at the end. */
struct domain *domain_next(struct domain *prev) must_check;
#define for_each_domain(d) for (d = domain_next(NULL); d; d = domain_next(d))
struct vcpu *domain_vcpu(struct domain *d, uint64_t id); /* NULL if out of range or absent */
#define for_each_vcpu(d, v) \
    for (unsigned int i_##v = 0; i_##v < (d)->max_vcpus; i_##v++) \
        if (((v) = read_once((d)->vcpu[i_##v])) != NULL)

/* Guest asks to stop (SHUTDOWN_*), or it crashed. Pauses all its vCPUs, tells dom0 (VIRQ_DOM_EXC). dom0: machine reboots or halts. */
void domain_shutdown(struct domain *d, int reason);
void domain_resume(struct domain *d);
/* Guest-caused impossibility: log (once) with the vCPU's state, and SHUTDOWN_crash. Returns. */
void domain_crash(struct domain *d, const char *why, ...) cold printf_like(2, 3);
/* Preemptible destruction: -ERESTART until it is done. */
int domain_kill(struct domain *d) must_check;
/* Machine shutdown as dom0 wishes: SHUTDOWN_poweroff/reboot … */
void hardware_domain_shutdown(int reason) noreturn;
void machine_restart(unsigned int delay_ms) noreturn; /* arch */
void machine_halt(void) noreturn;                      /* arch */

/* Registers vcpu_info at gfn:offset. 0, -EINVAL, -ENOMEM. */
int vcpu_register_info(struct vcpu *v, gfn_t gfn, unsigned int offset) must_check;
/* Bring a vCPU with a context up / take it down. */
void vcpu_up(struct vcpu *v);
void vcpu_reset(struct vcpu *v);

/* Arch contract. */
int arch_domain_create(struct domain *d, const struct domain_config *config) must_check;
void arch_domain_fini(struct domain *d);
/* Drops page tables, mappings and memory. Preemptible: -ERESTART. */
int arch_domain_relinquish(struct domain *d) must_check;
int arch_vcpu_create(struct vcpu *v) must_check;
void arch_vcpu_fini(struct vcpu *v);
void arch_vcpu_reset(struct vcpu *v);
/* From a vcpu_guest_context. Context: v paused. */
int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctxt) must_check;
void arch_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *ctxt);
/* Prints registers and the guest stack (debug keys, crashes). */
void arch_vcpu_dump(struct vcpu *v);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains and vCPUs as objects. Life: domain_create -> (vCPUs, memory) -> running ->
 * domain_shutdown (guest's wish) -> domain_kill (dying, preemptible) -> last reference
 * gone -> freed.
 *
 * D1  A struct domain lives, and is found by its domid, while refs > 0. One reference
 *     comes with creation and goes when domain_kill is done; one is held while the
 *     domain owns pages (nr_pages + nr_shared_pages > 0).
 * D2  `dying` only goes up: alive, dying, dead.
 * D3  A dead domain's pages are all released; those that others still hold keep it a zombie.
 */
#ifndef HV_DOMAIN_H
#define HV_DOMAIN_H

#include <hv/console.h>
#include <hv/event.h>
#include <hv/hypercall.h>
#include <hv/lock.h>
#include <hv/mm.h>
#include <hv/rangeset.h>
#include <hv/sched.h>
#include <hv/softirq.h>
#include <xen/sched.h>
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
    struct spinlock shutdown_lock;  /* RANK_SHUTDOWN */
    bool is_shutting_down;          /* shutdown requested */
    bool is_shut_down;              /* all vCPUs paused for it */
    int shutdown_code;              /* SHUTDOWN_* ; -1 none; may be latched before the shutdown */
    bool shutdown_notify;           /* atomic: shutdown_work is on its way and holds a reference */
    struct work shutdown_work;      /* tells whoever waits for the shutdown */
    unsigned int kill_step;         /* domain_kill: steps that are done */
    struct work free_work;          /* frees the domain after its last reference */
    struct timer watchdog[2];       /* SCHEDOP_watchdog; watchdog_in_use under shutdown_lock */
    uint32_t watchdog_in_use;
    evtchn_port_t suspend_port;     /* XEN_DOMCTL_subscribe: port to signal, 0 none */

    struct shared_info *shared_info; /* one hypervisor page, shared with the guest */

    struct event_domain events;
    struct grant_table *grants;
    struct sched_domain sched;

    /* What of the machine it may use (XEN_DOMCTL_*_permission) */
    struct rangeset iomem_allowed;  /* machine frames */
    struct rangeset irqs_allowed;   /* pirqs */

    struct console_line console_line; /* console/guest_io.c */

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
    bool nmi_pending, mce_pending;  /* assembly looks at both at once */
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

/* The pseudo domains. Boot, after sched_init. */
void domain_init(void);
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

/* True for vCPUs above XEN_LEGACY_MAX_VCPUS that have not registered a vcpu_info: vcpu_info is a stand-in that nobody sees. */
bool vcpu_info_is_placeholder(const struct vcpu *v);

/* Guest asks to stop (SHUTDOWN_*), or it crashed. Pauses all its vCPUs, tells dom0 (VIRQ_DOM_EXC). dom0: machine reboots or halts. */
void domain_shutdown(struct domain *d, int reason);
/* The code that a later domain_shutdown reports. */
void domain_set_shutdown_code(struct domain *d, int code);
/* SCHEDOP_watchdog: id 0 sets one up and returns its id; else re-arms, or with timeout_s 0 removes it. -EINVAL -ENOSPC. */
int domain_watchdog(struct domain *d, unsigned int id, uint32_t timeout_s) must_check;
void domain_resume(struct domain *d);
/* Guest-caused impossibility: log (once) with the vCPU's state, and SHUTDOWN_crash. Returns. */
void domain_crash(struct domain *d, const char *why, ...) cold printf_like(2, 3);
/* Preemptible destruction: -ERESTART until it is done. */
int domain_kill(struct domain *d) must_check;
/* Machine shutdown as dom0 wishes: SHUTDOWN_poweroff/reboot … */
void hardware_domain_shutdown(int reason) noreturn;
void machine_restart(unsigned int delay_ms) noreturn; /* arch */
void machine_halt(void) noreturn;                      /* arch */

/* Registers vcpu_info at gfn:offset. 0; -EINVAL: page, registered already, v runs; -ENXIO: offset. */
int vcpu_register_info(struct vcpu *v, gfn_t gfn, unsigned int offset) must_check;
/* Brings a vCPU up. -EINVAL: it has no context. */
int vcpu_up(struct vcpu *v) must_check;
/* Takes it down; the last one to go down powers the domain off. v need not be current. */
void vcpu_down(struct vcpu *v);
/* Back to the state after vcpu_create: down, no context. Its domain is paused, and not the caller's. Preemptible: -ERESTART. */
int vcpu_reset(struct vcpu *v) must_check;

/* Arch contract. */
int arch_domain_create(struct domain *d, const struct domain_config *config) must_check;
void arch_domain_fini(struct domain *d);
/* Drops page tables, mappings and memory. Preemptible: -ERESTART. */
int arch_domain_relinquish(struct domain *d) must_check;
int arch_vcpu_create(struct vcpu *v) must_check;
void arch_vcpu_fini(struct vcpu *v);
/* Preemptible: -ERESTART. */
int arch_vcpu_reset(struct vcpu *v) must_check;
/* From a vcpu_guest_context. Context: v paused. */
int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctxt) must_check;
void arch_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *ctxt);
/* Prints registers and the guest stack (debug keys, crashes). */
void arch_vcpu_dump(struct vcpu *v);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl operations that are x86's: ports, hypercall page, triggers, TSC, what a domain's frames are used as. */
#include <arch/time.h>
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

#define NR_PORTS 65536u

long domctl_ioport_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_ioport_permission *a = &op->u.ioport_permission;
    const uint64_t end = (uint64_t)a->first_port + a->nr_ports;

    if (a->nr_ports == 0 || end > NR_PORTS)
        return ERR(EINVAL);
    if (!rangeset_contains(&current->domain->arch.ioports_allowed, a->first_port, end - 1))
        return ERR(EPERM);
    if (a->allow_access)
        return rangeset_add(&d->arch.ioports_allowed, a->first_port, end - 1);
    return rangeset_remove(&d->arch.ioports_allowed, a->first_port, end - 1);
}

long domctl_hypercall_init(struct domain *d, struct xen_domctl *op)
{
    struct frame *f = frame_get_mfn(MFN(op->u.hypercall_init.gmfn), d);

    if (f == NULL)
        return ERR(EINVAL);
    if (frame_take_type(f, FRAME_WRITABLE) != 0) {
        frame_put(f);
        return ERR(EINVAL);
    }
    arch_hypercall_page_fill(frame_va(f));
    frame_put_and_drop(f);
    return 0;
}

/* ABI: a PV guest has no power button; reset and INIT are nobody's. */
long domctl_sendtrigger(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_sendtrigger *a = &op->u.sendtrigger;
    struct vcpu *v = domain_vcpu(d, a->vcpu);

    if (v == NULL)
        return ERR(ESRCH);
    switch (a->trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        if (!__atomic_exchange_n(&v->nmi_pending, true, __ATOMIC_SEQ_CST)) {
            vcpu_unblock(v);
            arch_event_notify(v);
        }
        return 0;
    case XEN_DOMCTL_SENDTRIGGER_POWER:
    case XEN_DOMCTL_SENDTRIGGER_SLEEP:
        return ERR(EINVAL);
    default:
        return ERR(ENOSYS);
    }
}

/* ---- width ---- */

/* Every domain is 64 bits wide. ABI: the answers of a stock Xen without 32-bit PV guests. */
long domctl_set_address_size(struct domain *d, struct xen_domctl *op)
{
    switch (op->u.address_size.size) {
    case 64: return 0;
    case 32: return d->created_paused ? ERR(EOPNOTSUPP) : ERR(EACCES);
    default: return d->created_paused ? ERR(EINVAL) : ERR(EACCES);
    }
}

long domctl_get_address_size(struct domain *d, struct xen_domctl *op)
{
    op->u.address_size.size = 64;
    return 0;
}

/* ---- TSC ---- */

long domctl_gettscinfo(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_tsc_info *a = &op->u.tsc_info;
    uint64_t elapsed_ns;

    if (d == current->domain)
        return ERR(EINVAL);
    domain_pause(d);
    vtsc_get_info(d, &a->tsc_mode, &elapsed_ns, &a->gtsc_khz, &a->incarnation);
    domain_unpause(d);
    a->elapsed_nsec = elapsed_ns;
    return 0;
}

long domctl_settscinfo(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_tsc_info *a = &op->u.tsc_info;
    int rc;

    if (d == current->domain)
        return ERR(EINVAL);
    domain_pause(d);
    rc = vtsc_set_info(d, a->tsc_mode, a->elapsed_nsec, a->gtsc_khz, a->incarnation);
    domain_unpause(d);
    return rc;
}

/* ---- frames ---- */

#define MAX_FRAMES_AT_ONCE 1024u /* ABI: what the tools ask for in one call */

static uint32_t frame_kind(struct domain *d, uint64_t gfn)
{
    struct frame *f = frame_get_mfn(MFN(gfn), d);
    uint32_t kind = XEN_DOMCTL_PFINFO_NOTAB;
    uint64_t info;

    if (f == NULL)
        return XEN_DOMCTL_PFINFO_XTAB;
    info = frame_type_info(f);
    if (frame_type_count(info) != 0 && frame_type_of(info) >= FRAME_L1 && frame_type_of(info) <= FRAME_L4) {
        kind = (frame_type_of(info) - FRAME_L1 + 1) << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
        if (info & FRAME_PINNED)
            kind |= XEN_DOMCTL_PFINFO_LPINTAB;
    }
    frame_put(f);
    return kind;
}

long domctl_getpageframeinfo3(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_getpageframeinfo3 *a = &op->u.getpageframeinfo3;

    if (a->num > MAX_FRAMES_AT_ONCE)
        return ERR(E2BIG);
    for (uint64_t i = 0; i < a->num; i++) {
        xen_pfn_t entry;

        if (copy_from_guest_at(&entry, a->array, i, 1))
            return ERR(EFAULT);
        entry = frame_kind(d, entry);
        if (copy_to_guest_at(a->array, i, &entry, 1))
            return ERR(EFAULT);
    }
    return 0;
}

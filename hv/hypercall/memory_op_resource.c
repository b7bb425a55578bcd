/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypervisor-owned frames that a tool may map: a domain's grant table (XENMEM_acquire_resource), the
 * machine-to-physical table (XENMEM_machphys_*). A PV tool gets machine frame numbers and maps
 * them itself.
 */
#include "memory_op.h"
#include <arch/paging.h>
#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

#define BATCH 32u

/* ---- resources of a domain ---- */

/* Size of the resource; 0: the domain has no such thing. */
static unsigned int resource_limit(const struct domain *d, unsigned int type, unsigned int id)
{
    if (type != XENMEM_resource_grant_table)
        return 0;
    const unsigned int nr = grant_max_frames(d);

    if (id == XENMEM_resource_grant_table_id_shared)
        return nr;
    /* One status word per entry of the v2 table (xen/grant_table.h). */
    if (id == XENMEM_resource_grant_table_id_status)
        return div_round_up(nr * (unsigned int)(PAGE_SIZE / sizeof(grant_entry_v2_t)), (unsigned int)(PAGE_SIZE / sizeof(grant_status_t)));
    return 0;
}

static int resource_frames(struct domain *d, unsigned int id, uint32_t first, uint32_t nr, xen_pfn_t *out)
{
    for (uint32_t i = 0; i < nr; i++) {
        mfn_t mfn;
        const int rc = grant_table_frame(d, first + i, id == XENMEM_resource_grant_table_id_status, &mfn);

        if (rc != 0)
            return rc;
        out[i] = mfn.v;
    }
    return 0;
}

/* -ERESTART with *done advanced if it takes long. */
static int resource_list(struct domain *d, const struct xen_mem_acquire_resource *x, uint32_t *done)
{
    xen_pfn_t list[BATCH];

    while (*done < x->nr_frames) {
        const uint32_t n = min(x->nr_frames - *done, BATCH);
        int rc = resource_frames(d, x->id, (uint32_t)x->frame + *done, n, list);

        if (rc == 0 && copy_to_guest_at(x->frame_list, *done, list, n) != 0)
            rc = ERR(EFAULT);
        if (rc != 0)
            return rc;
        *done += n;
        if (*done < x->nr_frames && hypercall_preempt_check())
            return ERR(ERESTART);
    }
    return 0;
}

static int resource_ask_size(struct xen_mem_acquire_resource *x, uint32_t limit, uint64_t start, uint64_t arg)
{
    if (x->nr_frames != 0 || start != 0)
        return ERR(EINVAL);
    x->nr_frames = limit;
    return guest_write(arg + offsetof(struct xen_mem_acquire_resource, nr_frames), &x->nr_frames, sizeof(x->nr_frames)) != 0 ? ERR(EFAULT) : 0;
}

static int resource_acquire(struct domain *d, struct xen_mem_acquire_resource *x, uint32_t *done, uint64_t arg)
{
    const uint32_t limit = resource_limit(d, x->type, x->id);

    if (limit == 0)
        return ERR(EINVAL);
    if (handle_is_null(x->frame_list))
        return resource_ask_size(x, limit, *done, arg);
    /* Trust: from here on frame + nr_frames fits 32 bits; each frame is checked by grant_table_frame. */
    if (x->frame > UINT32_MAX || x->frame + x->nr_frames > UINT32_MAX || *done > x->nr_frames)
        return ERR(EINVAL);
    return resource_list(d, x, done);
}

/* Another domain than the caller, which the caller controls. */
static int resource_domain(domid_t id, struct domain **out)
{
    int rc;

    if (id == DOMID_SELF) /* ABI: by its number only */
        return ERR(ESRCH);
    rc = memop_domain(XENMEM_acquire_resource, id, out);
    if (rc == 0 && *out == current->domain) {
        domain_put(*out);
        rc = ERR(EPERM);
    }
    return rc;
}

long memop_acquire_resource(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_mem_acquire_resource x;
    uint32_t done = (uint32_t)start;
    struct domain *d = NULL;
    int rc;

    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    if (x.pad != 0)
        return ERR(EINVAL);
    if (x.nr_frames > MEMOP_MAX_EXTENTS || start > MEMOP_MAX_EXTENTS)
        return ERR(E2BIG);
    rc = resource_domain(x.domid, &d);
    if (rc != 0)
        return rc;
    rc = resource_acquire(d, &x, &done, arg);
    domain_put(d);
    return rc == -XEN_ERESTART ? memop_continue(op, done, arg) : rc;
}

/* ---- the machine-to-physical table ---- */

long memop_machphys_mapping(unsigned int op, uint64_t start, uint64_t arg)
{
    const struct xen_machphys_mapping m = {
        .v_start = M2P_RO_BASE,
        .v_end = M2P_RO_END,
        .max_mfn = current->domain->is_hardware ? max_mfn - 1 : (M2P_RO_END - M2P_RO_BASE) / sizeof(uint64_t) - 1,
    };

    if (start)
        return ERR(ENOSYS);
    return guest_write(arg, &m, sizeof(m)) != 0 ? ERR(EFAULT) : 0;
}

long memop_machphys_mfn_list(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_machphys_mfn_list x;
    unsigned int i;
    mfn_t mfn;

    if (start)
        return ERR(ENOSYS);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    for (i = 0; i < x.max_extents && !mfn_is_invalid(mfn = hv_m2p_chunk(i)); i++) {
        const xen_pfn_t v = mfn.v;

        if (copy_to_guest_at(x.extent_start, i, &v, 1) != 0)
            return ERR(EFAULT);
    }
    x.nr_extents = i;
    return guest_write(arg, &x, sizeof(x)) != 0 ? ERR(EFAULT) : 0;
}

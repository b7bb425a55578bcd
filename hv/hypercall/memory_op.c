/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op (public header xen/memory.h): dispatch, and the operations that only ask or tell a
 * number. Reservations are in memory_op_reservation.c, exchange in memory_op_exchange.c, what shows
 * hypervisor-owned frames to a tool in memory_op_resource.c, memory maps in arch/x86/pv/e820.c.
 */
#include "memory_op.h"
#include <hv/access.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

static memop_fn *const handler[MEMOP_CMD_MASK + 1] = {
#define MEMOP(number, name, who) [number] = memop_##name,
#include "../../abi/memory.def"
#undef MEMOP
};

static const uint8_t access_of[MEMOP_CMD_MASK + 1] = {
#define MEMOP(number, name, who) [number] = ACCESS_##who,
#include "../../abi/memory.def"
#undef MEMOP
};

long hc_memory_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    const unsigned int op = (unsigned int)cmd & MEMOP_CMD_MASK;
    memop_fn *fn = handler[index_nospec(op, array_size(handler))];

    return fn ? fn(op, cmd >> MEMOP_EXTENT_SHIFT, arg) : ERR(ENOSYS);
}

long memop_continue(unsigned int op, uint64_t done, uint64_t arg)
{
    return hypercall_continue(__HYPERVISOR_memory_op, op | (done << MEMOP_EXTENT_SHIFT), arg, 0, 0, 0);
}

int memop_domain(unsigned int op, domid_t id, struct domain **out)
{
    return access_get_domain(access_of[op], id, out);
}

int memop_check(unsigned int op)
{
    return access_check(access_of[op], current->domain, NULL);
}

/* ABI: 2 MiB for any guest, 16 MiB for the owner of devices, 1 GiB for the builder of domains. */
unsigned int memop_max_order(void)
{
    const struct domain *d = current->domain;

    if (d->is_control)
        return 18;
    return d->is_hardware ? 12 : 9;
}

long memop_maximum_ram_page(unsigned int op, uint64_t start, uint64_t arg)
{
    return start ? ERR(EINVAL) : (long)max_mfn;
}

/* ABI: a PV guest keeps the number of frames in its shared info; the operation tells the last frame. */
static long last_gpfn(const struct domain *d)
{
    const uint64_t nr = d->shared_info ? read_once(d->shared_info->arch.max_pfn) : 0;

    return (long)((nr ? nr : 1) - 1);
}

long memop_domain_number(unsigned int op, uint64_t start, uint64_t arg)
{
    struct domain *d;
    domid_t id;
    long rc;

    if (start)
        return ERR(EINVAL);
    if (guest_read(&id, arg, sizeof(id)) != 0)
        return ERR(EFAULT);
    rc = memop_domain(op, id, &d);
    if (rc != 0)
        return rc;
    if (op == XENMEM_current_reservation)
        rc = (long)read_once(d->nr_pages);
    else if (op == XENMEM_maximum_reservation)
        rc = (long)read_once(d->max_pages);
    else
        rc = last_gpfn(d);
    domain_put(d);
    return rc;
}

/* ABI: malformed claims and unknown domains are all -EINVAL. */
long memop_claim_pages(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_memory_reservation r;
    struct domain *d;
    long rc;

    if (start)
        return ERR(EINVAL);
    if (guest_read(&r, arg, sizeof(r)) != 0)
        return ERR(EFAULT);
    if (!handle_is_null(r.extent_start) || r.extent_order != 0 || r.mem_flags != 0 || r.domid == DOMID_SELF)
        return ERR(EINVAL);
    rc = memop_domain(op, r.domid, &d);
    if (rc != 0)
        return rc == -XEN_ESRCH ? ERR(EINVAL) : rc;
    rc = domain_claim_pages(d, r.nr_extents);
    domain_put(d);
    return rc;
}

/* ---- what only guests with a translated memory have: the checks come first, as in stock Xen ---- */

static long translated_only(unsigned int op, domid_t id)
{
    struct domain *d;
    const int rc = memop_domain(op, id, &d);

    if (rc != 0)
        return rc;
    domain_put(d);
    return ERR(EACCES);
}

long memop_add_to_physmap(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_add_to_physmap x;

    if (start > UINT16_MAX)
        return ERR(EDOM);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    return x.space == XENMAPSPACE_gmfn_foreign ? ERR(ENOSYS) : translated_only(op, x.domid);
}

long memop_add_to_physmap_batch(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_add_to_physmap_batch x;

    if (start > UINT16_MAX)
        return ERR(EDOM);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    return x.space == XENMAPSPACE_gmfn_range ? ERR(EOPNOTSUPP) : translated_only(op, x.domid);
}

long memop_remove_from_physmap(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_remove_from_physmap x;

    if (start)
        return ERR(EINVAL);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    return translated_only(op, x.domid);
}

long memop_access_op(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_mem_access_op x;
    struct domain *d;
    long rc;

    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    rc = memop_domain(op, x.domid, &d);
    if (rc != 0)
        return rc;
    rc = d == current->domain ? ERR(EPERM) : ERR(EINVAL);
    domain_put(d);
    return rc;
}

/* ---- features that no domain has here; the answers are stock Xen's for domains without them ---- */

long memop_get_vnumainfo(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_vnuma_topology_info x;
    struct domain *d;
    int rc;

    if (start)
        return ERR(EINVAL);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    if (x.pad != 0)
        return ERR(EINVAL);
    rc = memop_domain(op, x.domid, &d);
    if (rc != 0)
        return rc;
    domain_put(d);
    return ERR(EOPNOTSUPP);
}

/* Without an IOMMU no device has reserved memory: the list has no entries. */
long memop_reserved_device_memory_map(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_reserved_device_memory_map x;

    if (start)
        return ERR(EINVAL);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    if (x.flags & ~XENMEM_RDM_ALL)
        return ERR(EINVAL);
    x.nr_entries = 0;
    return guest_write(arg, &x, sizeof(x)) != 0 ? ERR(EFAULT) : 0;
}

/* No page is shared between domains. */
long memop_sharing_number(unsigned int op, uint64_t start, uint64_t arg)
{
    return start ? ERR(ENOSYS) : 0;
}

long memop_not_supported(unsigned int op, uint64_t start, uint64_t arg)
{
    return start ? ERR(ENOSYS) : ERR(EOPNOTSUPP);
}

/* ABI: a PV domain populates nothing on demand and has no target for that. */
long memop_pod_target(unsigned int op, uint64_t start, uint64_t arg)
{
    struct xen_pod_target x;
    struct domain *d;
    int rc;

    if (start)
        return ERR(ENOSYS);
    if (guest_read(&x, arg, sizeof(x)) != 0)
        return ERR(EFAULT);
    rc = memop_domain(op, x.domid, &d);
    if (rc != 0)
        return rc;
    domain_put(d);
    return ERR(EINVAL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl (xen/domctl.h): what the toolstack does to domains. Dispatch from the rows of abi/domctl.def;
 * the operations are in domctl_*.c and arch/<arch>/control. Lock: domctl_lock, one operation at a
 * time. It is only ever tried: a vCPU that waited for it in the hypervisor could not be paused by
 * the operation that holds it.
 */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

enum target {
    TARGET_NONE,   /* the operation is not about a domain that exists */
    TARGET_DOMAIN, /* op->domain */
    TARGET_NEXT,   /* op->domain, or the one after it */
};

struct domctl_row {
    domctl_fn *fn;  /* NULL: always answers `refusal` */
    uint8_t who;    /* enum access_class */
    uint8_t target; /* enum target */
    uint8_t back;   /* enum control_back */
    int16_t refusal;
};

static const struct domctl_row table[] = {
#define DOMCTL(number, name, who, target, back) [number] = { domctl_##name, ACCESS_##who, TARGET_##target, BACK_##back, 0 },
#define DOMCTL_REFUSED(number, name, error)     [number] = { NULL, ACCESS_CONTROL, TARGET_DOMAIN, BACK_IN, XEN_##error },
#include "../../abi/domctl.def"
};

static const struct domctl_row unknown = { NULL, ACCESS_CONTROL, TARGET_DOMAIN, BACK_IN, XEN_ENOSYS };

static struct spinlock domctl_lock = SPINLOCK_INIT(RANK_CONTROL);

static const struct domctl_row *find_row(uint32_t cmd)
{
    const struct domctl_row *row;

    if (cmd >= array_size(table))
        return &unknown;
    row = &table[index_nospec(cmd, array_size(table))];
    return row->fn || row->refusal ? row : &unknown;
}

static struct domain *at_or_after(domid_t id)
{
    struct domain *d = domain_next(NULL);

    while (d != NULL && d->id < id)
        d = domain_next(d);
    return d;
}

/* ABI: DOMID_SELF and the other special numbers name nobody here. */
static int find_target(const struct domctl_row *row, domid_t id, struct domain **d)
{
    *d = NULL;
    if (row->target == TARGET_NONE)
        return 0;
    if (row->target == TARGET_NEXT)
        *d = at_or_after(id);
    else if (id < DOMID_FIRST_RESERVED)
        *d = domain_get_by_id(id);
    return *d ? 0 : ERR(ESRCH);
}

static long run(const struct domctl_row *row, struct domain *d, struct xen_domctl *op, uint64_t at)
{
    long rc;

    if (!spin_trylock(&domctl_lock))
        return hypercall_continue(__HYPERVISOR_domctl, at, 0, 0, 0, 0);
    rc = row->fn(d, op);
    spin_unlock(&domctl_lock);

    if (rc == -XEN_ERESTART)
        return hypercall_continue(__HYPERVISOR_domctl, at, 0, 0, 0, 0);
    if ((row->back == BACK_ALWAYS || (row->back == BACK_OUT && rc >= 0)) && guest_write(at, op, sizeof(*op)) != 0)
        return ERR(EFAULT);
    return rc;
}

long hc_domctl(uint64_t at, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_domctl op;
    const struct domctl_row *row;
    struct domain *d;
    long rc;

    if (guest_read(&op, at, sizeof(op)) != 0)
        return ERR(EFAULT);
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return ERR(EACCES);
    row = find_row(op.cmd);
    rc = find_target(row, op.domain, &d);
    if (rc != 0)
        return rc;
    rc = access_check(row->who, current->domain, d);
    if (rc == 0)
        rc = row->fn ? run(row, d, &op, at) : -row->refusal;
    if (d != NULL)
        domain_put(d);
    return rc;
}

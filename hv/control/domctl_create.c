/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl operations that make domains: the domain, its vCPUs, its limits. */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>

/* ---- createdomain ---- */

#define KNOWN_FLAGS (XEN_DOMCTL_CDF_MAX | (XEN_DOMCTL_CDF_MAX - 1))

/* What no machine may do; what this one cannot do, arch_domain_create refuses. */
static int check_config(const struct xen_domctl_createdomain *c)
{
    if (c->flags & ~(uint32_t)KNOWN_FLAGS || c->max_vcpus == 0 || c->max_vcpus > MAX_VCPUS_PER_DOMAIN)
        return ERR(EINVAL);
    if ((c->flags & XEN_DOMCTL_CDF_hap) && !(c->flags & XEN_DOMCTL_CDF_hvm))
        return ERR(EINVAL);
    if (c->iommu_opts != 0 || c->vmtrace_size != 0) /* there is neither IOMMU nor processor trace */
        return ERR(EINVAL);
    if (c->grant_opts & ~(uint32_t)XEN_DOMCTL_GRANT_version_mask)
        return ERR(EINVAL);
    return c->cpupool_id == CONTROL_POOL_ID ? 0 : ERR(EINVAL);
}

/* ABI: 0 and the special numbers leave the choice to us. */
static int choose_id(domid_t wanted)
{
    return wanted > 0 && wanted < DOMID_FIRST_RESERVED ? wanted : domain_free_id();
}

static struct domain_config translate(const struct xen_domctl_createdomain *c)
{
    struct domain_config config = {
        .flags = c->flags,
        .ssidref = c->ssidref,
        .max_vcpus = c->max_vcpus,
        .max_evtchn_port = min(c->max_evtchn_port, (uint32_t)INT32_MAX),
        .max_grant_frames = (unsigned int)c->max_grant_frames,
        .max_maptrack_frames = (unsigned int)c->max_maptrack_frames,
        .grant_version = XEN_DOMCTL_GRANT_version(c->grant_opts),
        .arch_emulation_flags = c->arch.emulation_flags,
        .arch_misc_flags = c->arch.misc_flags,
    };

    memcpy(config.handle, c->handle, sizeof(config.handle));
    return config;
}

long domctl_createdomain(struct domain *none, struct xen_domctl *op)
{
    const struct domain_config config = translate(&op->u.createdomain);
    struct domain *d;
    int id, rc;

    id = choose_id(op->domain);
    if (id < 0)
        return id;
    rc = check_config(&op->u.createdomain);
    if (rc == 0)
        rc = domain_create((domid_t)id, &config, &d);
    if (rc != 0)
        return rc;
    op->domain = d->id;
    domain_put(d);
    return 0;
}

/* ---- vCPUs ---- */

/* ABI: the number was fixed with the domain; repeating the call after -ENOMEM goes on. */
long domctl_max_vcpus(struct domain *d, struct xen_domctl *op)
{
    int rc = 0;

    if (d == current->domain || d->dying != DOMAIN_ALIVE || op->u.max_vcpus.max != d->max_vcpus)
        return ERR(EINVAL);
    domain_pause(d);
    for (unsigned int id = 0; id < d->max_vcpus && rc == 0; id++) {
        struct vcpu *v;

        if (d->vcpu[id] == NULL)
            rc = vcpu_create(d, id, &v);
    }
    domain_unpause(d);
    return rc;
}

/* ---- limits and names ---- */

/* ABI: a limit below what the domain has is allowed: it can only give pages back from then on. */
long domctl_max_mem(struct domain *d, struct xen_domctl *op)
{
    const uint64_t pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

    spin_lock(&d->page_lock);
    d->max_pages = (uint32_t)min(pages, (uint64_t)UINT32_MAX - 1);
    spin_unlock(&d->page_lock);
    return 0;
}

long domctl_setdomainhandle(struct domain *d, struct xen_domctl *op)
{
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    return 0;
}

long domctl_settimeoffset(struct domain *d, struct xen_domctl *op)
{
    d->time_offset_s = op->u.settimeoffset.time_offset_seconds;
    time_update_wallclock(d);
    return 0;
}

/* Only hardware-assisted guests have device models. */
long domctl_set_target(struct domain *d, struct xen_domctl *op)
{
    const domid_t id = op->u.set_target.target;
    struct domain *target = id < DOMID_FIRST_RESERVED ? domain_get_by_id(id) : NULL;

    if (target == NULL)
        return ERR(ESRCH);
    domain_put(target);
    return target == d ? ERR(EINVAL) : ERR(EOPNOTSUPP);
}

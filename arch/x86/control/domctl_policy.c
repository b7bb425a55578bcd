/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl operations on a domain's CPU policy: what CPUID and MSRs tell it. */
#include "cpu_policy_ops.h"

#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

long domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *a = &op->u.cpu_policy;
    const int rc = policy_write_leaves(d->arch.cpu_policy, handle_va(a->leaves), &a->nr_leaves);

    return rc ? rc : policy_write_msrs(d->arch.cpu_policy, handle_va(a->msrs), &a->nr_msrs);
}

/* ---- set: a copy of the old policy is changed, checked, and put in its place ---- */

static int apply_leaves(struct cpu_policy *p, const struct xen_domctl_cpu_policy *a, struct cpu_policy_error *err)
{
    xen_cpuid_leaf_t *leaves;
    int rc;

    if (a->nr_leaves > CPU_POLICY_MAX_LEAVES)
        return ERR(E2BIG);
    leaves = heap_new_array(xen_cpuid_leaf_t, CPU_POLICY_MAX_LEAVES);
    if (leaves == NULL)
        return ERR(ENOMEM);
    if (copy_from_guest(leaves, a->leaves, a->nr_leaves))
        rc = ERR(EFAULT);
    else
        rc = cpu_policy_from_leaves(p, leaves, a->nr_leaves, err);
    heap_free(leaves);
    return rc;
}

static int apply_msrs(struct cpu_policy *p, const struct xen_domctl_cpu_policy *a, struct cpu_policy_error *err)
{
    xen_msr_entry_t msrs[CPU_POLICY_MAX_MSRS];

    if (a->nr_msrs > CPU_POLICY_MAX_MSRS)
        return ERR(E2BIG);
    if (copy_from_guest(msrs, a->msrs, a->nr_msrs))
        return ERR(EFAULT);
    return cpu_policy_from_msrs(p, msrs, a->nr_msrs, err);
}

static int change_policy(struct domain *d, const struct xen_domctl_cpu_policy *a, struct cpu_policy_error *err)
{
    struct cpu_policy *p = heap_new(struct cpu_policy);
    int rc;

    if (p == NULL)
        return ERR(ENOMEM);
    *p = *d->arch.cpu_policy;
    rc = apply_leaves(p, a, err);
    if (rc == 0)
        rc = apply_msrs(p, a, err);
    if (rc == 0)
        rc = cpu_policy_set_domain(d, p, err);
    heap_free(p);
    return rc;
}

long domctl_set_cpu_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *a = &op->u.cpu_policy;
    struct cpu_policy_error err = { ~0u, ~0u, ~0u };
    int rc;

    if (d == current->domain)
        return ERR(EINVAL);
    domain_pause(d);
    rc = d->created_paused ? change_policy(d, a, &err) : ERR(EEXIST);
    domain_unpause(d);
    a->err_leaf = err.leaf;
    a->err_subleaf = err.subleaf;
    a->err_msr = err.msr;
    return rc;
}

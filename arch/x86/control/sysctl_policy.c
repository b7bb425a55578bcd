/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl operations about the system's CPU policies and feature sets. */
#include "cpu_policy_ops.h"

#include <hv/errno.h>
#include <hv/guest_access.h>

int policy_write_leaves(const struct cpu_policy *p, uint64_t to, uint32_t *nr)
{
    xen_cpuid_leaf_t *leaves;
    int rc;

    *nr = to && *nr < CPU_POLICY_MAX_LEAVES ? *nr : CPU_POLICY_MAX_LEAVES;
    if (to == 0)
        return 0;
    leaves = heap_new_array(xen_cpuid_leaf_t, CPU_POLICY_MAX_LEAVES);
    if (leaves == NULL)
        return ERR(ENOMEM);
    rc = cpu_policy_copy_to_leaves(p, leaves, nr);
    if (rc == 0 && guest_write(to, leaves, *nr * sizeof(*leaves)) != 0)
        rc = ERR(EFAULT);
    heap_free(leaves);
    return rc;
}

int policy_write_msrs(const struct cpu_policy *p, uint64_t to, uint32_t *nr)
{
    xen_msr_entry_t msrs[CPU_POLICY_MAX_MSRS];
    int rc;

    *nr = to && *nr < CPU_POLICY_MAX_MSRS ? *nr : CPU_POLICY_MAX_MSRS;
    if (to == 0)
        return 0;
    rc = cpu_policy_copy_to_msrs(p, msrs, nr);
    return rc == 0 && guest_write(to, msrs, *nr * sizeof(*msrs)) != 0 ? ERR(EFAULT) : rc;
}

static const struct cpu_policy *find_policy(uint32_t index, int *error)
{
    const struct cpu_policy *p = NULL;

    *error = ERR(EINVAL);
    if (index <= XEN_SYSCTL_cpu_policy_hvm_default) {
        p = cpu_policy_system(index);
        *error = ERR(EOPNOTSUPP); /* of a kind of guest that is not there */
    }
    return p;
}

long sysctl_get_cpu_policy(struct xen_sysctl *op)
{
    struct xen_sysctl_cpu_policy *a = &op->u.cpu_policy;
    int rc;
    const struct cpu_policy *p = find_policy(a->index, &rc);

    if (p == NULL)
        return rc;
    rc = policy_write_leaves(p, handle_va(a->leaves), &a->nr_leaves);
    return rc ? rc : policy_write_msrs(p, handle_va(a->msrs), &a->nr_msrs);
}

long sysctl_get_cpu_levelling_caps(struct xen_sysctl *op)
{
    op->u.cpu_levelling_caps.caps = cpu_levelling_caps();
    return 0;
}

/* The policies in the order of the feature sets' numbers. */
static const uint8_t policy_of_featureset[] = {
    [XEN_SYSCTL_cpu_featureset_raw] = XEN_SYSCTL_cpu_policy_raw,
    [XEN_SYSCTL_cpu_featureset_host] = XEN_SYSCTL_cpu_policy_host,
    [XEN_SYSCTL_cpu_featureset_pv] = XEN_SYSCTL_cpu_policy_pv_default,
    [XEN_SYSCTL_cpu_featureset_hvm] = XEN_SYSCTL_cpu_policy_hvm_default,
    [XEN_SYSCTL_cpu_featureset_pv_max] = XEN_SYSCTL_cpu_policy_pv_max,
    [XEN_SYSCTL_cpu_featureset_hvm_max] = XEN_SYSCTL_cpu_policy_hvm_max,
};

/* ABI: with too little room the part that fits is written, and -ENOBUFS says that there is more. */
long sysctl_get_cpu_featureset(struct xen_sysctl *op)
{
    struct xen_sysctl_cpu_featureset *a = &op->u.cpu_featureset;
    uint32_t words[CPU_FEATURE_WORDS];
    const uint32_t nr = handle_is_null(a->features) ? CPU_FEATURE_WORDS : min(a->nr_features, CPU_FEATURE_WORDS);
    const struct cpu_policy *p;
    int rc;

    if (a->index >= array_size(policy_of_featureset))
        return ERR(EINVAL);
    a->nr_features = nr;
    if (handle_is_null(a->features))
        return 0;
    p = find_policy(policy_of_featureset[a->index], &rc);
    if (p == NULL)
        return rc;
    cpu_policy_to_features(p, words);
    if (copy_to_guest(a->features, words, nr))
        return ERR(EFAULT);
    return nr < CPU_FEATURE_WORDS ? ERR(ENOBUFS) : 0;
}

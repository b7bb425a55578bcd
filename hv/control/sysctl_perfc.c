/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl perfc_op: the performance counters, for xenperf. */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/perfc.h>

/* ABI: names are cut to the field, values to 32 bits. */
static int write_counter(const struct xen_sysctl_perfc_op *a, unsigned int n, const char *name, unsigned int nr, uint32_t at)
{
    struct xen_sysctl_perfc_desc desc = { .nr_vals = nr };

    strlcpy(desc.name, name, sizeof(desc.name));
    if (!handle_is_null(a->desc) && copy_to_guest_at(a->desc, n, &desc, 1) != 0)
        return ERR(EFAULT);
    for (unsigned int i = 0; i < nr && !handle_is_null(a->val); i++) {
        const xen_sysctl_perfc_val_t value = (xen_sysctl_perfc_val_t)perfc_value(n, i);

        if (copy_to_guest_at(a->val, at + i, &value, 1) != 0)
            return ERR(EFAULT);
    }
    return 0;
}

/* ABI: without buffers it is asked how large they must be. */
static int query(struct xen_sysctl_perfc_op *a)
{
    const char *name;
    unsigned int nr;
    int rc = 0;

    a->nr_counters = a->nr_vals = 0;
    while (rc == 0 && (name = perfc_name(a->nr_counters, &nr)) != NULL) {
        rc = write_counter(a, a->nr_counters, name, nr, a->nr_vals);
        a->nr_counters++;
        a->nr_vals += nr;
    }
    return rc;
}

long sysctl_perfc_op(struct xen_sysctl *op)
{
    struct xen_sysctl_perfc_op *a = &op->u.perfc_op;

    switch (a->cmd) {
    case XEN_SYSCTL_PERFCOP_reset:
        perfc_reset();
        return 0;
    case XEN_SYSCTL_PERFCOP_query:
        return query(a);
    default:
        return ERR(EINVAL);
    }
}

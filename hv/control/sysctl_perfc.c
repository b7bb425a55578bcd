/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl perfc_op: counters for people (xenperf). There is one, with a value for each hypercall number.
 * Lock: sysctl_lock guards the values at the last reset.
 */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/hypercall_count.h>

#define NR_VALUES 64u

static uint64_t at_reset[NR_VALUES];

static void reset(void)
{
    for (unsigned int i = 0; i < NR_VALUES; i++)
        at_reset[i] = hypercall_count_of(i);
}

/* ABI: without buffers it is asked how large they must be; values are cut to 32 bits. */
static int query(const struct xen_sysctl_perfc_op *a)
{
    static const struct xen_sysctl_perfc_desc hypercalls = { .name = "hypercalls", .nr_vals = NR_VALUES };
    xen_sysctl_perfc_val_t value[NR_VALUES];

    for (unsigned int i = 0; i < NR_VALUES; i++)
        value[i] = (xen_sysctl_perfc_val_t)(hypercall_count_of(i) - at_reset[i]);
    if (!handle_is_null(a->desc) && copy_to_guest(a->desc, &hypercalls, 1))
        return ERR(EFAULT);
    return !handle_is_null(a->val) && copy_to_guest(a->val, value, NR_VALUES) ? ERR(EFAULT) : 0;
}

long sysctl_perfc_op(struct xen_sysctl *op)
{
    struct xen_sysctl_perfc_op *a = &op->u.perfc_op;

    a->nr_counters = 1;
    a->nr_vals = NR_VALUES;
    switch (a->cmd) {
    case XEN_SYSCTL_PERFCOP_reset:
        reset();
        return 0;
    case XEN_SYSCTL_PERFCOP_query:
        return query(a);
    default:
        return ERR(EINVAL);
    }
}

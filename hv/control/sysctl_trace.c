/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl tbuf_op: trace buffers, for xentrace. */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/trace.h>

static void tell(struct xen_sysctl_tbuf_op *a)
{
    mfn_t mfn;

    trace_info(&mfn, &a->size);
    a->buffer_mfn = mfn.v;
    a->evt_mask = trace_events();
}

static int set_cpus(const struct xen_sysctl_tbuf_op *a)
{
    cpumask_t cpus = { { 0 } };
    const int rc = control_bitmap_read(&a->cpu_mask, cpus.bits, nr_cpu_ids);

    if (rc == 0)
        trace_set_cpus(&cpus);
    return rc;
}

long sysctl_tbuf_op(struct xen_sysctl *op)
{
    struct xen_sysctl_tbuf_op *a = &op->u.tbuf_op;

    switch (a->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        tell(a);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_cpu_mask:
        return set_cpus(a);
    case XEN_SYSCTL_TBUFOP_set_evt_mask:
        trace_set_events(a->evt_mask);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_size:
        return trace_set_size(a->size);
    case XEN_SYSCTL_TBUFOP_enable:
        return trace_enable();
    case XEN_SYSCTL_TBUFOP_disable:
        trace_disable();
        return 0;
    default:
        return ERR(EINVAL);
    }
}

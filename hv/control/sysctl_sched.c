/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl operations about scheduling. There is one pool with every CPU in it; what would need
 * another one is refused.
 */
#include <hv/control.h>
#include <hv/errno.h>

static uint32_t nr_domains(void)
{
    uint32_t nr = 0;
    struct domain *d;

    for_each_domain(d)
        nr++;
    return nr;
}

static int write_cpus(struct xenctl_bitmap *to, const cpumask_t *cpus)
{
    return control_bitmap_write(to, cpus->bits, nr_cpu_ids);
}

/* ABI: the pool of that number or the next higher one. */
static long pool_info(struct xen_sysctl_cpupool_op *a)
{
    if (a->cpupool_id > CONTROL_POOL_ID)
        return ERR(ENOENT);
    a->cpupool_id = CONTROL_POOL_ID;
    a->sched_id = sched_policy_current()->id;
    a->n_dom = nr_domains();
    return write_cpus(&a->cpumap, &cpu_online_mask);
}

/* CPUs without a pool: none. */
static long pool_free_cpus(struct xen_sysctl_cpupool_op *a)
{
    const cpumask_t none = { { 0 } };

    return write_cpus(&a->cpumap, &none);
}

static long pool_add_cpu(const struct xen_sysctl_cpupool_op *a)
{
    if (a->cpu != XEN_SYSCTL_CPUPOOL_PAR_ANY && a->cpu >= nr_cpu_ids)
        return ERR(EINVAL);
    return a->cpupool_id == CONTROL_POOL_ID ? ERR(EBUSY) : ERR(ENOENT);
}

static long pool_remove_cpu(const struct xen_sysctl_cpupool_op *a)
{
    if (a->cpupool_id != CONTROL_POOL_ID)
        return ERR(ENOENT);
    if (a->cpu != XEN_SYSCTL_CPUPOOL_PAR_ANY && (a->cpu >= nr_cpu_ids || !cpumask_test(&cpu_online_mask, a->cpu)))
        return ERR(EINVAL);
    return ERR(EOPNOTSUPP);
}

static long pool_move_domain(const struct xen_sysctl_cpupool_op *a)
{
    struct domain *d = a->domid < DOMID_FIRST_RESERVED ? domain_get_by_id((domid_t)a->domid) : NULL;

    if (d == NULL)
        return ERR(ESRCH);
    domain_put(d);
    return a->cpupool_id == CONTROL_POOL_ID ? 0 : ERR(ENOENT);
}

long sysctl_cpupool_op(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *a = &op->u.cpupool_op;

    switch (a->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO: return pool_info(a);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: return pool_free_cpus(a);
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU: return pool_add_cpu(a);
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU: return pool_remove_cpu(a);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN: return pool_move_domain(a);
    case XEN_SYSCTL_CPUPOOL_OP_CREATE: return ERR(EOPNOTSUPP);
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY: return a->cpupool_id == CONTROL_POOL_ID ? ERR(EBUSY) : ERR(ENOENT);
    default: return ERR(ENOSYS);
    }
}

long sysctl_scheduler_op(struct xen_sysctl *op)
{
    struct xen_sysctl_scheduler_op *a = &op->u.scheduler_op;

    if (a->cpupool_id != CONTROL_POOL_ID)
        return ERR(ESRCH);
    if (a->cmd != XEN_SYSCTL_SCHEDOP_putinfo && a->cmd != XEN_SYSCTL_SCHEDOP_getinfo)
        return ERR(EINVAL);
    if (a->sched_id != sched_policy_current()->id)
        return ERR(EINVAL);
    if (a->cmd == XEN_SYSCTL_SCHEDOP_putinfo)
        return sched_ratelimit_set(a->u.sched_credit2.ratelimit_us);
    a->u.sched_credit2.ratelimit_us = sched_ratelimit_us();
    return 0;
}

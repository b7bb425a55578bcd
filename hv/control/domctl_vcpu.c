/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl operations on vCPUs: their context, what they do, where they may run. */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

/* ---- contexts ---- */

/*
 * ABI: no context at all (NULL) takes the vCPU back to its beginning.
 * Order: paused first, so that no vCPU of d waits for control_lock while its stop is waited for.
 */
static int set_context(struct vcpu *v, const struct vcpu_guest_context *context)
{
    struct domain *d = v->domain;
    int rc;

    domain_pause(d);
    spin_lock(&d->control_lock);
    rc = context ? arch_vcpu_set_context(v, context) : vcpu_reset(v);
    spin_unlock(&d->control_lock);
    domain_unpause(d);
    return rc;
}

long domctl_setvcpucontext(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpucontext *a = &op->u.vcpucontext;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    struct vcpu_guest_context *context;
    long rc;

    /* A dying domain takes no references to its own pages any more: they would hold it for ever. */
    if (d == current->domain || v == NULL || d->dying != DOMAIN_ALIVE)
        return ERR(EINVAL);
    if (handle_is_null(a->ctxt))
        return set_context(v, NULL);
    context = heap_alloc(sizeof(*context), __alignof__(*context));
    if (context == NULL)
        return ERR(ENOMEM);
    rc = copy_from_guest(context, a->ctxt, 1) ? ERR(EFAULT) : set_context(v, context);
    heap_free(context);
    return rc;
}

long domctl_getvcpucontext(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpucontext *a = &op->u.vcpucontext;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    struct vcpu_guest_context *context;
    long rc;

    if (v == NULL || v == current)
        return ERR(EINVAL);
    if (!v->is_initialised)
        return ERR(ENODATA);
    context = heap_alloc(sizeof(*context), __alignof__(*context));
    if (context == NULL)
        return ERR(ENOMEM);
    vcpu_pause(v);
    arch_vcpu_get_context(v, context);
    vcpu_unpause(v);
    rc = copy_to_guest(a->ctxt, context, 1) ? ERR(EFAULT) : 0;
    heap_free(context);
    return rc;
}

/* -EINVAL: a number that d cannot have; -ESRCH: one that it does not have yet. */
static int find_vcpu(struct domain *d, uint32_t id, struct vcpu **v)
{
    *v = domain_vcpu(d, id);
    if (*v != NULL)
        return 0;
    return id < d->max_vcpus ? ERR(ESRCH) : ERR(EINVAL);
}

long domctl_getvcpuinfo(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *a = &op->u.getvcpuinfo;
    struct vcpu_runstate_info runstate;
    struct vcpu *v;
    const int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0)
        return rc;
    vcpu_runstate_get(v, &runstate);
    a->online = !(read_once(v->pause_flags) & VPF_DOWN);
    a->blocked = (read_once(v->pause_flags) & VPF_BLOCKED) != 0;
    a->running = read_once(v->sched.running);
    a->cpu_time = runstate.time[RUNSTATE_running];
    a->cpu = read_once(v->sched.cpu);
    return 0;
}

/* ---- affinity ---- */

static bool affinity_request_ok(const struct xen_domctl_vcpuaffinity *a)
{
    return (a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) &&
           !((a->flags & XEN_VCPUAFFINITY_HARD) && handle_is_null(a->cpumap_hard.bitmap)) &&
           !((a->flags & XEN_VCPUAFFINITY_SOFT) && handle_is_null(a->cpumap_soft.bitmap));
}

static const cpumask_t *hard_affinity(const struct vcpu *v)
{
    return v->sched.pin_overridden ? &v->sched.saved_affinity : &v->sched.hard_affinity;
}

/* Answers with the CPUs that are left of the wish. */
static int set_hard(struct vcpu *v, struct xen_domctl_vcpuaffinity *a)
{
    cpumask_t wish, effective;
    int rc = control_bitmap_read(&a->cpumap_hard, wish.bits, MAX_CPUS);

    if (rc == 0)
        rc = vcpu_set_hard_affinity(v, &wish);
    if (rc != 0)
        return rc;
    effective = cpumask_and(hard_affinity(v), &cpu_online_mask);
    return control_bitmap_write(&a->cpumap_hard, effective.bits, nr_cpu_ids);
}

static int set_soft(struct vcpu *v, struct xen_domctl_vcpuaffinity *a)
{
    cpumask_t wish, effective;
    const int rc = control_bitmap_read(&a->cpumap_soft, wish.bits, MAX_CPUS);

    if (rc != 0)
        return rc;
    vcpu_set_soft_affinity(v, &wish);
    effective = cpumask_and(hard_affinity(v), &cpu_online_mask);
    effective = cpumask_and(&effective, &wish);
    return control_bitmap_write(&a->cpumap_soft, effective.bits, nr_cpu_ids);
}

/* If the second half of a change fails, the first is taken back. */
long domctl_setvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v;
    cpumask_t before;
    int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0)
        return rc;
    if (!affinity_request_ok(a))
        return ERR(EINVAL);
    before = *hard_affinity(v);
    if ((a->flags & XEN_VCPUAFFINITY_FORCE) && v->sched.pin_overridden)
        rc = vcpu_pin_override(v, -1);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_HARD))
        rc = set_hard(v, a);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = set_soft(v, a);
    if (rc != 0)
        (void)!vcpu_set_hard_affinity(v, &before);
    return rc;
}

long domctl_getvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v;
    int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0)
        return rc;
    if (!affinity_request_ok(a))
        return ERR(EINVAL);
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = control_bitmap_write(&a->cpumap_hard, hard_affinity(v)->bits, nr_cpu_ids);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT))
        rc = control_bitmap_write(&a->cpumap_soft, v->sched.soft_affinity.bits, nr_cpu_ids);
    return rc;
}

/* There is one node, so every set that has it means "anywhere". */
long domctl_setnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    uint64_t nodes;
    const int rc = control_bitmap_read(&op->u.nodeaffinity.nodemap, &nodes, BITS_PER_WORD);

    if (rc != 0)
        return rc;
    return bit_test(&nodes, CONTROL_NODE_ID) ? 0 : ERR(EINVAL);
}

long domctl_getnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    const uint64_t nodes = 1ULL << CONTROL_NODE_ID;

    return control_bitmap_write(&op->u.nodeaffinity.nodemap, &nodes, BITS_PER_WORD);
}

/* ---- scheduling parameters ---- */

#define CREDIT2_KEEP_CAP UINT16_MAX

/* Trust: weight 0 means "as it is", so it never reaches the policy, which divides by it. Caps are not enforced. */
static long put_credit2(struct domain *d, const struct xen_domctl_sched_credit2 *p)
{
    if (p->cap != 0 && p->cap != CREDIT2_KEEP_CAP)
        return ERR(EOPNOTSUPP);
    if (p->weight != 0)
        write_once(d->sched.weight, p->weight);
    return 0;
}

/* ABI: this policy, credit2 to the tools, has no parameters of single vCPUs. */
long domctl_scheduler_op(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *a = &op->u.scheduler_op;

    if (a->sched_id != sched_policy_current()->id)
        return ERR(EINVAL);
    switch (a->cmd) {
    case XEN_DOMCTL_SCHEDOP_putinfo:
        return put_credit2(d, &a->u.credit2);
    case XEN_DOMCTL_SCHEDOP_getinfo:
        a->u.credit2 = (struct xen_domctl_sched_credit2){ .weight = d->sched.weight, .cap = d->sched.cap };
        return 0;
    default:
        return ERR(EINVAL);
    }
}

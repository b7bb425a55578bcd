/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl operations that tell about a domain and its vCPUs. */
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/lib.h>

static uint64_t cpu_time_ns(const struct vcpu *v)
{
    struct vcpu_runstate_info r;

    vcpu_runstate_get(v, &r);
    return r.time[RUNSTATE_running];
}

/* ABI: blocked if every vCPU that is up is, running if one is on a CPU. */
static uint32_t fill_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    uint32_t flags = XEN_DOMINF_blocked;
    struct vcpu *v;

    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for_each_vcpu(d, v) {
        info->cpu_time += cpu_time_ns(v);
        info->max_vcpu_id = v->id;
        if (read_once(v->pause_flags) & VPF_DOWN)
            continue;
        info->nr_online_vcpus++;
        if (!(read_once(v->pause_flags) & VPF_BLOCKED))
            flags &= ~XEN_DOMINF_blocked;
        if (read_once(v->sched.running))
            flags |= XEN_DOMINF_running;
    }
    return info->nr_online_vcpus ? flags : 0;
}

static uint32_t state_flags(const struct domain *d)
{
    return (d->dying == DOMAIN_DEAD ? XEN_DOMINF_dying : 0) | (d->is_shut_down ? XEN_DOMINF_shutdown : 0) |
           (read_once(d->control_pause_count) > 0 ? XEN_DOMINF_paused : 0) | (d->is_hvm ? XEN_DOMINF_hvm_guest : 0) |
           (d->create_flags & XEN_DOMCTL_CDF_xs_domain ? XEN_DOMINF_xs_domain : 0) |
           (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
}

void control_domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    info->flags = fill_vcpus(d, info) | state_flags(d);
    info->tot_pages = read_once(d->nr_pages);
    info->max_pages = read_once(d->max_pages);
    info->outstanding_pages = read_once(d->nr_outstanding);
    info->shared_info_frame = va_mfn(d->shared_info).v;
    info->ssidref = d->ssidref;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->cpupool = CONTROL_POOL_ID;
}

long domctl_getdomaininfo(struct domain *d, struct xen_domctl *op)
{
    control_domain_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    return 0;
}

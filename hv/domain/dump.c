/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug key 'q': domains and their vCPUs. The values are read without locks: a look, not a proof. */
#include "lifecycle.h"

#include <hv/console.h>
#include <hv/log.h>

static const char *life_of(const struct domain *d)
{
    switch (d->dying) {
    case DOMAIN_DYING: return "dying";
    case DOMAIN_DEAD: return "dead";
    default: return d->is_shut_down ? "shut down" : "alive";
    }
}

static void dump_domain(const struct domain *d)
{
    const uint8_t *h = d->handle;

    log_info("General information for domain %u:\n", d->id);
    log_info("    %s, %s%s%s, refs %u, pauses %d (toolstack's %d), shutdown code %d\n", d->is_hvm ? "HVM" : "PV", life_of(d),
             d->is_control ? ", control" : "", d->is_hardware ? ", hardware" : "", d->refs, d->pause_count,
             d->control_pause_count, d->shutdown_code);
    log_info("    pages %u of at most %u, claimed %u, of the hypervisor's %u\n", d->nr_pages, d->max_pages, d->nr_outstanding,
             d->nr_shared_pages);
    log_info("    handle %02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x vm_assist %lx weight %u\n", h[0], h[1],
             h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15], d->vm_assist,
             d->sched.weight);
}

static void dump_vcpu(const struct vcpu *v)
{
    const uint32_t flags = read_once(v->pause_flags);

    log_info("    VCPU%u: CPU%u %s%s%s%s, pauses %d, upcall %u mask %u\n", v->id, v->sched.cpu,
             v->sched.running ? "running" : "not running", flags & VPF_DOWN ? ", down" : "",
             flags & VPF_BLOCKED ? ", blocked" : "", flags & VPF_POLLING ? ", polls" : "", v->pause_count,
             v->vcpu_info->evtchn_upcall_pending, v->vcpu_info->evtchn_upcall_mask);
}

static void dump_all(unsigned char key)
{
    struct domain *d;
    struct vcpu *v;

    for_each_domain(d) {
        dump_domain(d);
        for_each_vcpu(d, v)
            dump_vcpu(v);
    }
}

void domain_dump_init(void)
{
    debug_key_register('q', dump_all, "dump domains and their vCPUs");
}

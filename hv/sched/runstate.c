/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long each vCPU has been running, runnable, blocked and offline (xen/vcpu.h), and the guest's
 * copy of it. Lock: the vCPU's run queue; what belongs to current changes on its own CPU only.
 */
#include "internal.h"

#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/trace.h>

void runstate_set(struct vcpu *v, int state, uint64_t now)
{
    struct sched_vcpu *s = &v->sched;

    if (s->runstate == state)
        return;
    /* ABI: the event's number tells the states (xentrace's tools). */
    trace(TRC_SCHED_RUNSTATE_CHANGE | (uint32_t)s->runstate << 8 | (uint32_t)state << 4, trace_who(v));
    if (now > s->runstate_since_ns) {
        s->runstate_ns[s->runstate] += now - s->runstate_since_ns;
        s->runstate_since_ns = now;
    }
    s->runstate = state;
}

/* ABI: "blocked" wins over being paused; whatever else keeps a vCPU from running is "offline". */
int runstate_off_cpu(const struct vcpu *v)
{
    if (read_once(v->pause_flags) & VPF_BLOCKED)
        return RUNSTATE_blocked;
    return vcpu_is_runnable(v) ? RUNSTATE_runnable : RUNSTATE_offline;
}

void runstate_copy(const struct vcpu *v, struct vcpu_runstate_info *out)
{
    memset(out, 0, sizeof(*out)); /* padding goes to guests too */
    out->state = v->sched.runstate;
    out->state_entry_time = v->sched.runstate_since_ns;
    for (unsigned int i = 0; i < array_size(out->time); i++)
        out->time[i] = v->sched.runstate_ns[i];
}

void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out)
{
    uint64_t flags, now;
    struct cpu_sched *c = sched_lock_cpu_of(v, &flags);

    runstate_copy(v, out);
    spin_unlock_irqrestore(&c->lock, flags);
    now = now_ns();
    if (now > out->state_entry_time)
        out->time[out->state] += now - out->state_entry_time;
}

uint64_t sched_idle_ns(unsigned int cpu)
{
    struct vcpu_runstate_info info;

    if (per_cpu(cpu_sched, cpu).idle == NULL)
        return 0;
    vcpu_runstate_get(per_cpu(cpu_sched, cpu).idle, &info);
    return info.time[RUNSTATE_running];
}

static bool write_entry_time(uint64_t area, uint64_t entry_time)
{
    return guest_write(area + offsetof(struct vcpu_runstate_info, state_entry_time), &entry_time, sizeof(entry_time)) == 0;
}

/* ABI (xen/vcpu.h): who asked for it sees XEN_RUNSTATE_UPDATE set while the rest changes. */
static bool write_flagged(uint64_t area, struct vcpu_runstate_info *copy)
{
    const uint64_t entry_time = copy->state_entry_time;

    copy->state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (!write_entry_time(area, copy->state_entry_time))
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (guest_write(area, copy, sizeof(*copy)) != 0)
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return write_entry_time(area, entry_time);
}

void runstate_publish_copy(struct vcpu *v, struct vcpu_runstate_info *copy)
{
    const bool flagged = (v->domain->vm_assist & (1ULL << VMASST_TYPE_runstate_update_flag)) != 0;
    const bool written = flagged ? write_flagged(v->runstate_va, copy)
                                 : guest_write(v->runstate_va, copy, sizeof(*copy)) == 0;

    v->sched.runstate_stale = !written;
}

void vcpu_runstate_publish(struct vcpu *v)
{
    struct vcpu_runstate_info copy;

    if (likely(v->runstate_va == 0))
        return;
    runstate_copy(v, &copy);
    runstate_publish_copy(v, &copy);
}

void vcpu_runstate_publish_stale(struct vcpu *v)
{
    if (unlikely(v->sched.runstate_stale))
        vcpu_runstate_publish(v);
}

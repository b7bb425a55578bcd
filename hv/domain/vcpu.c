/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs beyond scheduling: where their vcpu_info lies, and going up and down. Callers hold the domain's
 * control_lock where two of them could meet.
 */
#include "lifecycle.h"

#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/smp.h>

/* ABI: vCPUs from XEN_LEGACY_MAX_VCPUS on have no place in shared_info, and may not start before they register one. */
static struct vcpu_info placeholder = { .evtchn_upcall_mask = 1 };

bool vcpu_info_is_placeholder(const struct vcpu *v)
{
    return v->vcpu_info == &placeholder;
}

static struct vcpu_info *default_info(const struct vcpu *v)
{
    return v->id < XEN_LEGACY_MAX_VCPUS ? &v->domain->shared_info->vcpu_info[v->id] : &placeholder;
}

/* ABI: dom0's vCPUs start with events masked; who builds another domain says so in its shared_info. */
void vcpu_info_init(struct vcpu *v)
{
    v->vcpu_info = default_info(v);
    if (v->domain->is_hardware)
        v->vcpu_info->evtchn_upcall_mask = 1;
}

/* The page that v had registered, if any, is the caller's to drop. */
static struct frame *leave_info(struct vcpu *v, struct vcpu_info *to)
{
    struct frame *f = v->vcpu_info_frame;

    v->vcpu_info_frame = NULL;
    write_once(v->vcpu_info, to);
    return f;
}

void vcpu_info_drop(struct vcpu *v)
{
    struct frame *f = leave_info(v, &placeholder);

    if (f != NULL)
        frame_put_and_drop(f);
}

/* Order: senders in other domains use vcpu_info with interrupts off; when they are done, its page may go. */
static void reset_info(struct vcpu *v)
{
    struct frame *f = leave_info(v, default_info(v));

    if (f == NULL)
        return;
    smp_wait_for_irqs_off();
    frame_put_and_drop(f);
}

static void move_info(struct vcpu *v, struct vcpu_info *to)
{
    if (vcpu_info_is_placeholder(v)) {
        memset(to, 0, sizeof(*to));
        to->evtchn_upcall_mask = !v->domain->is_hvm;
    } else {
        memcpy(to, v->vcpu_info, sizeof(*to));
    }
    /* Order: from here on events go to the new place; what went to the old one since the copy is made up for below. */
    __atomic_store_n(&v->vcpu_info, to, __ATOMIC_SEQ_CST);
}

int vcpu_register_info(struct vcpu *v, gfn_t gfn, unsigned int offset)
{
    struct frame *f;

    if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || offset % __alignof__(struct vcpu_info) != 0)
        return ERR(ENXIO);
    if (v->vcpu_info_frame != NULL || (v != current && !(read_once(v->pause_flags) & VPF_DOWN)))
        return ERR(EINVAL);
    f = frame_get_mfn(MFN(gfn.v), v->domain);
    if (f == NULL)
        return ERR(EINVAL);
    if (frame_take_type(f, FRAME_WRITABLE) != 0) {
        frame_put(f);
        return ERR(EINVAL);
    }
    v->vcpu_info_frame = f;
    move_info(v, (struct vcpu_info *)((char *)frame_va(f) + offset));
    /* ABI: whatever was lost in the move, the guest looks at every port once. */
    write_once(v->vcpu_info->evtchn_pending_sel, ~0UL);
    write_once(v->vcpu_info->evtchn_upcall_pending, 0);
    event_mark_upcall(v);
    return 0;
}

int vcpu_up(struct vcpu *v)
{
    if (!v->is_initialised)
        return ERR(EINVAL);
    if (__atomic_fetch_and(&v->pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN)
        vcpu_wake(v);
    return 0;
}

static bool is_last_up(const struct vcpu *v)
{
    struct vcpu *other;

    for_each_vcpu(v->domain, other)
        if (other != v && !(read_once(other->pause_flags) & VPF_DOWN))
            return false;
    return true;
}

void vcpu_down(struct vcpu *v)
{
    if (is_last_up(v)) {
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
        return;
    }
    if (!(__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN))
        vcpu_sleep_nosync(v);
}

int vcpu_reset(struct vcpu *v)
{
    const cpumask_t all = cpumask_all();
    int rc;

    /* First of all, so that nobody starts it in a pause for others. */
    v->is_initialised = false;
    __atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
    rc = arch_vcpu_reset(v);
    if (rc != 0)
        return rc;
    reset_info(v);
    v->runstate_va = v->time_va = 0;
    v->nmi_pending = v->mce_pending = false;
    vcpu_set_periodic(v, 0);
    timer_stop(&v->singleshot_timer);
    vcpu_set_soft_affinity(v, &all);
    vcpu_unblock(v);
    return 0;
}

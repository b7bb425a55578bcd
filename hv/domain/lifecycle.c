/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a domain stops and dies: shutdown by its own wish, crash, watchdog, resume, and preemptible
 * destruction. Lock: shutdown_lock guards the shutdown state; destruction is the control plane's,
 * one call at a time.
 */
#include "lifecycle.h"

#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>

/* ---- shutdown ---- */

/* Deferred: domain_shutdown may be called with locks held that are above the event channels'. */
static void notify_shutdown(void *arg)
{
    struct domain *d = arg;
    const evtchn_port_t port = read_once(d->suspend_port);

    __atomic_store_n(&d->shutdown_notify, false, __ATOMIC_SEQ_CST);
    if (d->shutdown_code != SHUTDOWN_suspend || port == 0 || event_send(d, port) != 0)
        event_send_global_virq(VIRQ_DOM_EXC);
    domain_put(d);
}

static void schedule_notification(struct domain *d)
{
    if (!__atomic_exchange_n(&d->shutdown_notify, true, __ATOMIC_SEQ_CST) && domain_get(d))
        work_schedule(&d->shutdown_work);
}

/* shutdown_lock held. */
static void stop_vcpus(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v) {
        if (v->paused_for_shutdown)
            continue;
        v->paused_for_shutdown = true;
        vcpu_pause_nosync(v);
    }
}

void domain_shutdown(struct domain *d, int reason)
{
    bool first;

    spin_lock(&d->shutdown_lock);
    if (d->shutdown_code < 0)
        d->shutdown_code = reason;
    reason = d->shutdown_code;
    first = !d->is_shutting_down;
    if (first && !d->is_hardware) {
        d->is_shutting_down = true;
        stop_vcpus(d);
        d->is_shut_down = true;
    }
    spin_unlock(&d->shutdown_lock);
    if (d->is_hardware)
        hardware_domain_shutdown(reason);
    if (first)
        schedule_notification(d);
}

void domain_set_shutdown_code(struct domain *d, int code)
{
    spin_lock(&d->shutdown_lock);
    d->shutdown_code = code;
    spin_unlock(&d->shutdown_lock);
}

/* shutdown_lock held. */
static void restart_vcpus(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v) {
        const bool was_stopped = v->paused_for_shutdown;

        v->paused_for_shutdown = false;
        if (was_stopped)
            vcpu_unpause(v);
    }
}

void domain_resume(struct domain *d)
{
    domain_pause(d); /* none runs before all may */
    spin_lock(&d->shutdown_lock);
    d->shutdown_code = -1;
    d->is_shut_down = false;
    d->is_shutting_down = false;
    restart_vcpus(d);
    spin_unlock(&d->shutdown_lock);
    domain_unpause(d);
}

void domain_crash(struct domain *d, const char *why, ...)
{
    char text[160];
    va_list ap;

    if (read_once(d->is_shutting_down))
        return; /* said already */
    va_start(ap, why);
    vsnprintf(text, sizeof(text), why, ap);
    va_end(ap);
    guest_printk(LOG_ERR, "Domain %u crashed: %s%s", d->id, text, strchr(text, '\n') ? "" : "\n");
    if (current->domain == d) {
        guest_printk(LOG_ERR, "Domain %u (vcpu#%u) crashed on cpu#%u:\n", d->id, current->id, this_cpu_id());
        arch_vcpu_dump(current);
    }
    domain_shutdown(d, SHUTDOWN_crash);
}

/* ---- watchdogs ---- */

static void watchdog_bites(void *arg)
{
    struct domain *d = arg;

    if (read_once(d->is_shutting_down) || read_once(d->dying) != DOMAIN_ALIVE)
        return;
    log_warn("Watchdog timer fired for domain %u\n", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

/* shutdown_lock held. Its number + 1, or -ENOSPC. */
static int new_watchdog(struct domain *d)
{
    for (unsigned int i = 0; i < array_size(d->watchdog); i++)
        if (!(d->watchdog_in_use & (1u << i))) {
            d->watchdog_in_use |= 1u << i;
            return (int)i + 1;
        }
    return ERR(ENOSPC);
}

/* ABI: a new one without time bites at once, an old one is put away. */
static int feed_watchdog(struct domain *d, unsigned int id, uint32_t timeout_s, bool is_new)
{
    struct timer *t;

    if (!(d->watchdog_in_use & (1u << (id - 1))))
        return ERR(EINVAL);
    t = &d->watchdog[id - 1];
    if (timeout_s != 0 || is_new) {
        timer_set(t, now_ns() + timeout_s * NS_PER_S);
        return 0;
    }
    d->watchdog_in_use &= ~(1u << (id - 1));
    timer_stop(t);
    return 0;
}

int domain_watchdog(struct domain *d, unsigned int id, uint32_t timeout_s)
{
    int rc;

    if (id > array_size(d->watchdog))
        return ERR(EINVAL);
    spin_lock(&d->shutdown_lock);
    rc = id ? (int)id : new_watchdog(d);
    if (rc > 0) {
        const int fed = feed_watchdog(d, (unsigned int)rc, timeout_s, id == 0);

        rc = id || fed ? fed : rc;
    }
    spin_unlock(&d->shutdown_lock);
    return rc;
}

void domain_lifecycle_init(struct domain *d)
{
    work_init(&d->shutdown_work, notify_shutdown, d);
    for (unsigned int i = 0; i < array_size(d->watchdog); i++)
        timer_init(&d->watchdog[i], watchdog_bites, d, this_cpu_id());
}

void domain_lifecycle_fini(struct domain *d)
{
    for (unsigned int i = 0; i < array_size(d->watchdog); i++)
        timer_kill(&d->watchdog[i]);
}

/* ---- destruction ---- */

/* Order: after the locks have been taken once, everybody sees that d is dying. */
static int step_stop(struct domain *d)
{
    domain_pause(d);
    write_once(d->dying, DOMAIN_DYING);
    const int rc = domain_claim_pages(d, 0); /* giving a claim up does not fail */

    spin_lock(&d->events.lock);
    spin_unlock(&d->events.lock);
    return rc;
}

static int step_interrupts(struct domain *d)
{
    pirq_domain_release(d);
    return 0;
}

/* Events are gone: nobody writes to the vCPUs' vcpu_info any more. */
static int step_vcpu_info(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v)
        vcpu_info_drop(v);
    return 0;
}

/* The domain must not own pages on its own account, or it holds itself. The memory goes with the domain. */
static int step_shared_info(struct domain *d)
{
    domain_frame_release(frame_of(va_mfn(d->shared_info)));
    return 0;
}

static int (*const kill_steps[])(struct domain *d) = {
    step_stop,
    event_domain_destroy,
    step_interrupts,
    grant_domain_release_mappings,
    step_vcpu_info,
    arch_domain_relinquish,
    step_shared_info,
};

int domain_kill(struct domain *d)
{
    if (d == current->domain)
        return ERR(EINVAL);
    if (d->dying == DOMAIN_DEAD)
        return 0;
    for (; d->kill_step < array_size(kill_steps); d->kill_step++) {
        const int rc = kill_steps[d->kill_step](d);

        if (rc != 0)
            return rc;
    }
    write_once(d->dying, DOMAIN_DEAD);
    domain_put(d); /* that of D1 */
    event_send_global_virq(VIRQ_DOM_EXC);
    return 0;
}

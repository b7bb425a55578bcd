/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wall clock: UTC at system time 0, shown to every domain in its shared_info. It starts from
 * the machine's calendar clock, which counts whole seconds. Waiting for a second to begin
 * would cost start-up up to a second; instead each of a few readings bounds from both sides when
 * UTC second 0 was, and the middle of what is left is taken (pure: wallclock_narrow).
 * Lock: wallclock_lock. The control domain sets the clock later (XENPF_settime).
 */
#include "wallclock.h"

#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/log.h>

static struct spinlock wallclock_lock = SPINLOCK_INIT(RANK_TIME);
static int64_t utc_at_zero_ns; /* UTC, ns since 1970, when system time was 0 */
static boot_data struct wallclock_bounds bounds = { INT64_MIN, INT64_MAX };

void wallclock_narrow(struct wallclock_bounds *b, uint64_t unix_seconds, uint64_t system_ns, bool at_edge)
{
    const int64_t low = (int64_t)(unix_seconds * NS_PER_S - system_ns);
    const int64_t high = low + (int64_t)(at_edge ? WALLCLOCK_EDGE_NS : NS_PER_S);
    const struct wallclock_bounds cut = { max(b->low_ns, low), min(b->high_ns, high) };

    /* A clock that jumped contradicts what it said before: believe the last reading. */
    *b = cut.low_ns < cut.high_ns ? cut : (struct wallclock_bounds){ low, high };
}

boot_code void time_wallclock_sample(void)
{
    uint64_t seconds;
    bool at_edge;

    if (!arch_calendar_read(&seconds, &at_edge))
        return;
    wallclock_narrow(&bounds, seconds, now_ns(), at_edge);
    utc_at_zero_ns = bounds.low_ns + (bounds.high_ns - bounds.low_ns) / 2;
}

static int64_t utc_at_zero(void)
{
    const uint64_t flags = spin_lock_irqsave(&wallclock_lock);
    const int64_t ns = utc_at_zero_ns;

    spin_unlock_irqrestore(&wallclock_lock, flags);
    return ns;
}

/*
 * ABI (xen.h, shared_info): wc_version is odd while the rest changes. Order: under the lock, so
 * that two writers do not mix. Trust: the page is the guest's to spoil, for itself.
 */
void time_update_wallclock(struct domain *d)
{
    struct shared_info *s = d->shared_info;

    if (s == NULL)
        return;
    const uint64_t flags = spin_lock_irqsave(&wallclock_lock);
    const int64_t utc_ns = utc_at_zero_ns;
    int64_t seconds = utc_ns / (int64_t)NS_PER_S;
    int64_t rest = utc_ns % (int64_t)NS_PER_S;
    const uint32_t version = read_once(s->wc_version) | 1;

    if (rest < 0) {
        rest += (int64_t)NS_PER_S;
        seconds--;
    }
    seconds += d->time_offset_s;
    write_once(s->wc_version, version);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write_once(s->wc_sec, (uint32_t)seconds);
    write_once(s->wc_sec_hi, (uint32_t)((uint64_t)seconds >> 32));
    write_once(s->wc_nsec, (uint32_t)rest);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write_once(s->wc_version, version + 1);
    spin_unlock_irqrestore(&wallclock_lock, flags);
}

void time_set_wallclock(uint64_t secs, uint32_t nsecs, uint64_t system_ns)
{
    const uint64_t flags = spin_lock_irqsave(&wallclock_lock);
    struct domain *d;

    utc_at_zero_ns = (int64_t)(secs * NS_PER_S + nsecs - system_ns);
    spin_unlock_irqrestore(&wallclock_lock, flags);
    for_each_domain(d)
        time_update_wallclock(d);
}

void time_wallclock(uint64_t *secs, uint32_t *nsecs)
{
    const uint64_t utc_ns = (uint64_t)utc_at_zero() + now_ns();

    *secs = utc_ns / NS_PER_S;
    *nsecs = (uint32_t)(utc_ns % NS_PER_S);
}

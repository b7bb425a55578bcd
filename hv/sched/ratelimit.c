/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rate limit: who has just begun to run goes on that long before one that wakes up may preempt (queue.c). ABI: option,
 * range and default are stock Xen's.
 */
#include "internal.h"

#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <xen/sysctl.h>

static uint32_t ratelimit_us = 1000;

uint32_t sched_ratelimit_us(void)
{
    return read_once(ratelimit_us);
}

int sched_ratelimit_set(uint64_t us)
{
    if (us != 0 && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN || us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
        return ERR(EINVAL);
    write_once(ratelimit_us, (uint32_t)us);
    return 0;
}

static boot_code int parse_ratelimit(const char *value)
{
    const char *end;
    const uint64_t us = parse_u64(value, &end, 0);

    return end == value || *end != '\0' ? ERR(EINVAL) : sched_ratelimit_set(us);
}
BOOT_PARAM_CUSTOM(sched_ratelimit_us, "sched_ratelimit_us", parse_ratelimit);

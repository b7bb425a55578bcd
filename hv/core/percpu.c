/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Areas of per-CPU data. The boot CPU uses the linked section itself (offset 0); every
 * other CPU gets zeroed pages of its size.
 */
#include <hv/cpumask.h>
#include <hv/errno.h>
#include <hv/mm.h>
#include <hv/percpu.h>

extern char percpu_start[], percpu_end[]; /* linker script */

uint64_t percpu_offset[MAX_CPUS];

static unsigned int order_of(size_t bytes)
{
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

int percpu_alloc(unsigned int cpu)
{
    char *area = pages_alloc(order_of((size_t)(percpu_end - percpu_start)), ALLOC_ZERO);

    if (!area)
        return ERR(ENOMEM);
    percpu_offset[cpu] = (uint64_t)(area - percpu_start);
    return 0;
}

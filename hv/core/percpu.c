/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Areas of per-CPU data. The boot CPU uses the linked section itself (offset 0); every
 * other CPU gets pages filled with the section's initial content, kept aside by
 * percpu_init() because the boot CPU's copy is in use when the others come up.
 */
#include <hv/cpumask.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/percpu.h>

#define PERCPU_LIMIT (32u * 1024)

extern char percpu_start[], percpu_end[]; /* linker script */

uint64_t percpu_offset[MAX_CPUS];
static char initial_content[PERCPU_LIMIT];

static size_t percpu_bytes(void)
{
    return (size_t)(percpu_end - percpu_start);
}

void percpu_init(void)
{
    BUG_ON(percpu_bytes() > sizeof(initial_content));
    memcpy(initial_content, percpu_start, percpu_bytes());
}

static unsigned int order_of(size_t bytes)
{
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

int percpu_alloc(unsigned int cpu)
{
    char *area = pages_alloc(order_of(percpu_bytes()), 0);

    if (!area)
        return ERR(ENOMEM);
    memcpy(area, initial_content, percpu_bytes());
    percpu_offset[cpu] = (uint64_t)(area - percpu_start);
    return 0;
}

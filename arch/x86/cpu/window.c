/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps a CPU's window: GDT, LDT, system-call data and TSS, guarded stacks. */
#include <arch/cpu_window.h>
#include <arch/page.h>
#include <arch/platform.h>
#include <arch/xpti.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/sched.h>

#define STACK_GUARD_PAGE 4u

/* What an empty slot of a guest's GDT shows: null descriptors. */
static const uint64_t empty_page[PAGE_SIZE / 8] aligned(PAGE_SIZE);

mfn_t image_mfn(const void *p)
{
    return MFN(((uintptr_t)p - IMAGE_BASE) >> PAGE_SHIFT);
}

mfn_t cpu_window_empty_mfn(void)
{
    return image_mfn(empty_page);
}

/* A zeroed page at va. */
static int map_new_page(uint64_t va)
{
    void *page = pages_alloc(0, ALLOC_ZERO);

    if (page == NULL)
        return ERR(ENOMEM);
    return hv_map(va, va_mfn(page), 1, HV_PTE_RW, true);
}

static int map_gdt(uint64_t window)
{
    for (unsigned int i = 0; i < 14; i++) {
        const int rc = hv_map(window + CPU_WINDOW_GDT + i * PAGE_SIZE, cpu_window_empty_mfn(), 1, HV_PTE_RO & ~PTE_G, true);

        if (rc != 0)
            return rc;
    }
    return map_new_page(window + CPU_WINDOW_GDT + 14 * PAGE_SIZE);
}

/* Makes the L1 table of the LDT window without mapping anything there. */
static int map_ldt(uint64_t window)
{
    const int rc = hv_map(window + CPU_WINDOW_LDT, cpu_window_empty_mfn(), 1, HV_PTE_RO, true);

    if (rc == 0)
        *hv_l1_entry(window + CPU_WINDOW_LDT) = 0;
    return rc;
}

static int map_stack(uint64_t window)
{
    for (unsigned int i = 0; i < STACK_BYTES / PAGE_SIZE; i++) {
        if (i == STACK_GUARD_PAGE)
            continue;
        const int rc = map_new_page(window + CPU_WINDOW_STACK + i * PAGE_SIZE);

        if (rc != 0)
            return rc;
    }
    return 0;
}

int cpu_window_init(unsigned int cpu)
{
    const uint64_t window = cpu_window(cpu);
    struct cpu_info *info = (void *)(uintptr_t)(window + CPU_WINDOW_STACK + STACK_BYTES - sizeof(*info));
    int rc = map_gdt(window);

    if (rc == 0)
        rc = map_ldt(window);
    if (rc == 0)
        rc = map_new_page(window + CPU_WINDOW_DATA);
    if (rc == 0)
        rc = map_stack(window);
    if (rc != 0)
        return rc;
    info->cpu = cpu;
    info->percpu_offset = percpu_offset[cpu];
    info->current_vcpu = NULL;
    return xpti_init_cpu(cpu, info);
}

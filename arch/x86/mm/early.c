/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See early.h. Ranges are kept sorted and are carved from their ends. */
#include "early.h"
#include <arch/layout.h>
#include <hv/mm.h>
#include <hv/boot_info.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>

#define MAX_RANGES (BOOT_MAX_MEMORY + BOOT_MAX_MODULES + 4)
#define FOUR_GIB   0x100000000ULL

static boot_data struct { uint64_t start, end; } range[MAX_RANGES]; /* bytes, page aligned */
static boot_data unsigned int nr_ranges;
static bool over;

extern const char image_start[], image_end[];

static boot_code void add(uint64_t start, uint64_t end)
{
    if (start < end && nr_ranges < MAX_RANGES) {
        range[nr_ranges].start = start;
        range[nr_ranges].end = end;
        nr_ranges++;
    }
}

/* Takes [start, end) out of every range: what stays in front keeps its place, what stays behind is added. */
static boot_code void exclude(uint64_t start, uint64_t end)
{
    const unsigned int n = nr_ranges;

    start = round_down(start, PAGE_SIZE);
    end = round_up(end, PAGE_SIZE);
    for (unsigned int i = 0; i < n; i++) {
        const uint64_t old_end = range[i].end;

        if (start >= old_end || end <= range[i].start)
            continue;
        if (end < old_end)
            add(max(end, range[i].start), old_end);
        range[i].end = max(range[i].start, min(start, old_end));
    }
}

boot_code void early_memory_init(void)
{
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct memory_range *m = &boot_info.memory[i];

        if (m->kind == MEMORY_RAM)
            add(round_up(m->start, PAGE_SIZE), round_down(min(m->start + m->size, DIRECT_MAP_END - DIRECT_MAP_BASE), PAGE_SIZE));
    }
    exclude(0, 0x100000);
    exclude((uintptr_t)image_start - IMAGE_BASE, (uintptr_t)image_end - IMAGE_BASE);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        exclude(boot_info.module[i].start.v, boot_info.module[i].start.v + boot_info.module[i].size_bytes);
}

boot_code mfn_t early_alloc(uint64_t nr_frames, uint64_t align_frames)
{
    const uint64_t size = nr_frames << PAGE_SHIFT, align = align_frames << PAGE_SHIFT;
    uint64_t best = 0;
    unsigned int from = MAX_RANGES;

    ASSERT(!over);
    /* The highest fit below 4 GiB: low memory is scarce and some devices need it. */
    for (unsigned int i = 0; i < nr_ranges; i++) {
        const uint64_t end = min(range[i].end, FOUR_GIB);

        if (range[i].start >= end || end - range[i].start < size)
            continue;
        const uint64_t at = round_down(end - size, align);

        if (at >= range[i].start && at > best) {
            best = at;
            from = i;
        }
    }
    if (from == MAX_RANGES)
        panic("Not enough memory for the hypervisor's own tables: give the machine at least 512 MiB.\n");
    const uint64_t tail = best + size, old_end = range[from].end;

    range[from].end = best;
    add(tail, old_end);
    memset(maddr_va(MADDR(best)), 0, size);
    return MFN(best >> PAGE_SHIFT);
}

boot_code void early_memory_release(void)
{
    over = true;
    for (unsigned int i = 0; i < nr_ranges; i++)
        if (range[i].start < range[i].end)
            buddy_add(MFN(range[i].start >> PAGE_SHIFT), MFN(range[i].end >> PAGE_SHIFT));
}

bool early_memory_is_over(void)
{
    return over;
}

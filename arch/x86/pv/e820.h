/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory maps in the format of the BIOS call (ACPI 6.4, 15.1): a guest's own, and the machine's as dom0 sees it. */
#ifndef ARCH_PV_E820_H
#define ARCH_PV_E820_H

#include <hv/boot_info.h>
#include <hv/rangeset.h>

#define E820_MAX_ENTRIES 1024u
#define E820_RESERVED    2u

struct e820_entry {
    uint64_t start, size;
    uint32_t kind;
} packed;

/*
 * The machine's map for a domain that may use the machine frames of `allowed`: firmware's ranges, and as
 * reserved the gaps between them that the domain may not use (interrupt controllers and such), so that it
 * places nothing there. Writes at most `room` entries; returns how many there are.
 */
unsigned int e820_machine_map(const struct memory_range *range, unsigned int nr, struct rangeset *allowed,
                              uint64_t nr_frames, struct e820_entry *out, unsigned int room);

#endif

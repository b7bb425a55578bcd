/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot protocols: each fills boot_info from what its loader left in memory. */
#ifndef ARCH_BOOT_PROTOCOL_H
#define ARCH_BOOT_PROTOCOL_H

#include <hv/boot_info.h>

/* No loader leaves a longer list than this; a length beyond it is a fault of the loader's, and is cut. */
#define BOOT_LIST_MAX_BYTES (1u << 20)

enum boot_protocol { BOOT_MULTIBOOT1 = 1, BOOT_MULTIBOOT2 = 2, BOOT_PVH = 3 };

void boot_from_multiboot1(uint32_t info_paddr);
void boot_from_multiboot2(uint32_t info_paddr);
void boot_from_pvh(uint32_t info_paddr);

/* For the protocols: text is copied to hypervisor memory, too long is cut with a warning. */
const char *boot_copy_text(const char *text);
void boot_add_module(uint64_t start, uint64_t end, const char *command_line);
void boot_add_memory(uint64_t start, uint64_t size, uint32_t kind);
/* Loaders other than GRUB 2 put the file's name before the options. */
const char *boot_skip_file_name(const char *text);
/* Dispatches and tidies: memory sorted, overlaps resolved in favour of the more restrictive kind. */
void boot_collect(enum boot_protocol protocol, uint32_t info_paddr);

#endif

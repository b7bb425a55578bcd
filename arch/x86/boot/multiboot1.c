/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot 1 (specification 0.6.96, section 3.3): QEMU's -kernel, GRUB's multiboot command. */
#include "protocol.h"
#include <hv/mm.h>

#define MB1_COMMAND_LINE (1u << 2)
#define MB1_MODULES      (1u << 3)
#define MB1_MEMORY_MAP   (1u << 6)
#define MB1_LOADER_NAME  (1u << 9)

struct mb1_info {
    uint32_t flags, mem_lower_kib, mem_upper_kib, boot_device, command_line, nr_modules, modules;
    uint32_t symbols[4];
    uint32_t memory_map_bytes, memory_map;
    uint32_t drives_bytes, drives, config_table, loader_name;
};

struct mb1_module { uint32_t start, end, text, reserved; };

struct mb1_memory {
    uint32_t size; /* of the rest */
    uint64_t start, bytes;
    uint32_t kind;
} packed;

static boot_code const void *at(uint32_t paddr)
{
    return maddr_va(MADDR(paddr));
}

static boot_code void read_memory_map(const struct mb1_info *info)
{
    const char *map = at(info->memory_map);
    const uint32_t bytes = min(info->memory_map_bytes, BOOT_LIST_MAX_BYTES);

    for (uint64_t off = 0; off < bytes;) {
        const struct mb1_memory *m = (const void *)(map + off);

        if (m->size < sizeof(*m) - sizeof(m->size))
            break;
        boot_add_memory(m->start, m->bytes, m->kind);
        off += (uint64_t)m->size + sizeof(m->size);
    }
}

boot_code void boot_from_multiboot1(uint32_t info_paddr)
{
    const struct mb1_info *info = at(info_paddr);

    if (info->flags & MB1_LOADER_NAME)
        boot_info.loader = boot_copy_text(at(info->loader_name));
    if (info->flags & MB1_COMMAND_LINE)
        boot_info.command_line = boot_skip_file_name(boot_copy_text(at(info->command_line)));
    if (info->flags & MB1_MODULES)
        for (uint32_t i = 0; i < min(info->nr_modules, BOOT_MAX_MODULES); i++) {
            const struct mb1_module *m = (const struct mb1_module *)at(info->modules) + i;

            boot_add_module(m->start, m->end, m->text != 0 ? at(m->text) : "");
        }
    if (info->flags & MB1_MEMORY_MAP) {
        read_memory_map(info);
    } else {
        boot_add_memory(0, (uint64_t)info->mem_lower_kib << 10, MEMORY_RAM);
        boot_add_memory(0x100000, (uint64_t)info->mem_upper_kib << 10, MEMORY_RAM);
    }
    boot_info.has_video = true; /* a BIOS text screen */
}

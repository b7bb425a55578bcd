/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every boot protocol (multiboot 1, multiboot 2, PVH) is turned into. */
#ifndef HV_BOOT_INFO_H
#define HV_BOOT_INFO_H

#include <hv/compiler.h>

#define BOOT_MAX_MODULES 8u
#define BOOT_MAX_MEMORY  128u
#define BOOT_MAX_FIRMWARE_MEMORY 256u

struct boot_module {
    maddr_t start;
    uint64_t size_bytes;
    const char *command_line; /* "" if none; in hypervisor memory */
};

enum memory_kind { MEMORY_RAM = 1, MEMORY_RESERVED, MEMORY_ACPI, MEMORY_NVS, MEMORY_UNUSABLE }; /* ACPI 6.4 table 15.3 */

struct memory_range {
    uint64_t start, size; /* bytes */
    uint32_t kind;        /* enum memory_kind or the firmware's own number */
};

/* UEFI's own map (UEFI 2.9 7.2, EFI_MEMORY_DESCRIPTOR). */
struct firmware_memory {
    uint64_t start, nr_pages, attributes;
    uint32_t kind;
};

struct boot_info {
    const char *loader;        /* name, "" if unknown */
    const char *command_line;
    unsigned int nr_modules;
    struct boot_module module[BOOT_MAX_MODULES];
    unsigned int nr_memory;    /* sorted, not overlapping */
    struct memory_range memory[BOOT_MAX_MEMORY];
    maddr_t rsdp;              /* 0: search the BIOS area */
    bool is_efi;
    maddr_t efi_system_table;  /* 0: not booted by UEFI, or by a 32-bit one */
    unsigned int nr_firmware_memory;
    struct firmware_memory *firmware_memory; /* during start-up only */
    bool has_video;
    uint8_t video[64] aligned(8); /* struct dom0_vga_console_info as prepared for dom0 */
};

extern struct boot_info boot_info;

#endif

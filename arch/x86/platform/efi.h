/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UEFI's tables and services (UEFI 2.9). efi.c knows the tables, efi_runtime.c calls. */
#ifndef PLATFORM_EFI_H
#define PLATFORM_EFI_H

#include <hv/boot_info.h>
#include <xen/platform.h>

#define EFI_ERROR_BIT   (1ULL << 63)    /* appendix D */
#define EFI_UNSUPPORTED (EFI_ERROR_BIT | 3)

struct efi_table_header {
    uint64_t signature;
    uint32_t revision, bytes, crc32, reserved;
};

/* 4.3 */
struct efi_system_table {
    struct efi_table_header header;
    uint64_t vendor;
    uint32_t firmware_revision, pad;
    uint64_t console_in_handle, console_in, console_out_handle, console_out, error_handle, error;
    uint64_t runtime, boot_services;
    uint64_t nr_config, config;
};

/* 4.5: addresses of functions, which are called without the hypervisor's help (8.1) */
struct efi_runtime_table {
    struct efi_table_header header;
    uint64_t get_time, set_time, get_wakeup_time, set_wakeup_time;
    uint64_t set_virtual_address_map, convert_pointer;
    uint64_t get_variable, get_next_variable_name, set_variable;
    uint64_t get_next_high_monotonic_count, reset_system, update_capsule, query_capsule_capabilities;
    uint64_t query_variable_info;
};

#define EFI_VERSION_2 (2u << 16)

/* 7.2 */
enum efi_memory_kind { EFI_MEMORY_RUNTIME_CODE = 5, EFI_MEMORY_RUNTIME_DATA = 6, EFI_MEMORY_MMIO = 11, EFI_MEMORY_MMIO_PORTS = 12 };
#define EFI_MEMORY_WB      (1ULL << 3)
#define EFI_MEMORY_RUNTIME (1ULL << 63)

/* Makes the services in `table` (a machine address) callable. false: they cannot be used. */
bool efi_runtime_init(uint64_t table, const struct firmware_memory *map, unsigned int nr);
/* Revision of the run-time services; 0: there are none. */
uint32_t efi_runtime_revision(void);
/* Calls a service by its address, on this CPU, with the firmware's address space: pointers are hypervisor addresses. */
uint64_t efi_call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
const struct efi_runtime_table *efi_services(void);

#endif

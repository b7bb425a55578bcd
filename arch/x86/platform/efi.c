/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What dom0 learns of UEFI: the loader has left boot services behind and hands over the address of the
 * system table, which stays where it is, as do the tables that it points to (UEFI 2.9 4.6). dom0's
 * kernel finds ACPI and SMBIOS through the configuration tables, whose address it asks for.
 * Lock: none; nothing changes after start-up. See docs/boot.md.
 */
#include "efi.h"
#include <arch/platform.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>

#define SYSTEM_TABLE_SIGNATURE 0x5453595320494249ULL /* "IBI SYST" */
#define MAX_VENDOR             64u                   /* characters of 16 bits, with the NUL */

static struct {
    bool is_there;
    uint32_t revision, firmware_revision;
    uint64_t config;
    uint32_t nr_config;
    uint16_t vendor[MAX_VENDOR];
    struct firmware_memory *memory;
    unsigned int nr_memory;
} efi;

static boot_code bool copy_from_machine(void *to, uint64_t from, size_t n)
{
    void *p = from != 0 ? vmap_io(MADDR(from), n, MAP_RO) : NULL;

    if (p == NULL)
        return false;
    memcpy(to, p, n);
    vmap_io_free(p, n);
    return true;
}

/* The rest of the page at most: what follows need not be memory. */
static boot_code void read_vendor(uint64_t from)
{
    const size_t room = min(sizeof(efi.vendor) - sizeof(efi.vendor[0]), PAGE_SIZE - (from & ~PAGE_MASK));

    if (!copy_from_machine(efi.vendor, from, room & ~(size_t)1))
        efi.vendor[0] = 0;
}

static boot_code void keep_memory_map(void)
{
    efi.memory = heap_new_array(struct firmware_memory, max(boot_info.nr_firmware_memory, 1u));
    if (efi.memory == NULL)
        return;
    efi.nr_memory = boot_info.nr_firmware_memory;
    memcpy(efi.memory, boot_info.firmware_memory, efi.nr_memory * sizeof(*efi.memory));
    boot_info.firmware_memory = NULL;
}

static boot_code bool read_system_table(struct efi_system_table *t)
{
    if (!copy_from_machine(t, boot_info.efi_system_table.v, sizeof(*t)) || t->header.signature != SYSTEM_TABLE_SIGNATURE) {
        log_warn("EFI: no system table at 0x%lx: dom0 will not know of UEFI\n", boot_info.efi_system_table.v);
        return false;
    }
    return true;
}

bool efi_is_there(void)
{
    return efi.is_there;
}

boot_code void efi_init(void)
{
    struct efi_system_table t;

    if (boot_info.is_efi && boot_info.efi_system_table.v == 0)
        log_warn("EFI: 32-bit firmware, or a loader that does not tell: dom0 will not know of UEFI\n");
    if (boot_info.efi_system_table.v == 0 || !read_system_table(&t))
        return;
    efi.is_there = true;
    efi.revision = t.header.revision;
    efi.firmware_revision = t.firmware_revision;
    efi.config = t.config;
    efi.nr_config = (uint32_t)t.nr_config;
    read_vendor(t.vendor);
    keep_memory_map();
    log_info("EFI v%u.%02u, %u configuration tables at 0x%lx\n", efi.revision >> 16, efi.revision & 0xffff, efi.nr_config, efi.config);
    if (!efi_runtime_init(t.runtime, efi.memory, efi.nr_memory))
        log_warn("EFI: run-time services are not used\n");
}

/* ---- platform_op ---- */

static int tell_vendor(union xenpf_efi_info *info)
{
    unsigned int n = 0;

    info->vendor.revision = efi.firmware_revision;
    while (n < MAX_VENDOR - 1 && efi.vendor[n] != 0)
        n++;
    n = min(n + 1, info->vendor.bufsz / (unsigned int)sizeof(efi.vendor[0]));
    return copy_to_guest(info->vendor.name, efi.vendor, n) != 0 ? ERR(EFAULT) : 0;
}

/* ABI: addr stays as it is, size is cut to what follows addr in the descriptor. */
static int tell_memory(union xenpf_efi_info *info)
{
    for (unsigned int i = 0; i < efi.nr_memory; i++) {
        const struct firmware_memory *m = &efi.memory[i];
        const uint64_t left = m->start + (m->nr_pages << PAGE_SHIFT) - info->mem.addr;

        if (info->mem.addr < m->start || info->mem.addr - m->start >= m->nr_pages << PAGE_SHIFT)
            continue;
        info->mem.type = m->kind;
        info->mem.attr = m->attributes;
        info->mem.size = min(info->mem.size, left);
        return 0;
    }
    return ERR(ESRCH);
}

/* Option ROMs and what Apple's firmware tells are to be had from boot services only. */
long efi_tell(uint32_t index, union xenpf_efi_info *info)
{
    if (!efi.is_there)
        return ERR(ENOSYS);
    switch (index) {
    case XEN_FW_EFI_VERSION:
        info->version = efi.revision;
        return 0;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->cfg.addr = efi.config;
        info->cfg.nent = efi.nr_config;
        return 0;
    case XEN_FW_EFI_VENDOR: return tell_vendor(info);
    case XEN_FW_EFI_MEM_INFO: return tell_memory(info);
    case XEN_FW_EFI_RT_VERSION:
        info->version = efi_runtime_revision();
        return info->version != 0 ? 0 : ERR(EOPNOTSUPP);
    case XEN_FW_EFI_PCI_ROM: return ERR(ENOENT);
    case XEN_FW_EFI_APPLE_PROPERTIES: return ERR(ENODATA);
    default: return ERR(EINVAL);
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xen's PVH entry (xen/arch-x86/hvm/start_info.h): Zendo as a guest, QEMU's direct boot of ELF images. */
#include "protocol.h"
#include <hv/mm.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

boot_code void boot_from_pvh(uint32_t info_paddr)
{
    const struct hvm_start_info *info = maddr_va(MADDR(info_paddr));
    const struct hvm_modlist_entry *module = maddr_va(MADDR(info->modlist_paddr));

    boot_info.loader = "PVH";
    if (info->magic != XEN_HVM_START_MAGIC_VALUE)
        return;
    if (info->cmdline_paddr != 0)
        boot_info.command_line = boot_copy_text(maddr_va(MADDR(info->cmdline_paddr)));
    boot_info.rsdp = MADDR(info->rsdp_paddr);
    for (uint32_t i = 0; i < min(info->nr_modules, BOOT_MAX_MODULES); i++)
        boot_add_module(module[i].paddr, module[i].paddr + module[i].size,
                        module[i].cmdline_paddr != 0 ? maddr_va(MADDR(module[i].cmdline_paddr)) : "");
    if (info->version >= 1) {
        const struct hvm_memmap_table_entry *m = maddr_va(MADDR(info->memmap_paddr));

        for (uint32_t i = 0; i < min(info->memmap_entries, BOOT_LIST_MAX_BYTES / (uint32_t)sizeof(*m)); i++)
            boot_add_memory(m[i].addr, m[i].size, m[i].type);
    }
}

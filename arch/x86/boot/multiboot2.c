/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot 2 (specification 2.0, section 3.6): GRUB on BIOS and UEFI. */
#include "protocol.h"
#include <hv/mm.h>
#include <hv/lib.h>

enum { TAG_END, TAG_COMMAND_LINE, TAG_LOADER, TAG_MODULE, TAG_BASIC_MEMORY, TAG_BOOT_DEVICE, TAG_MEMORY_MAP,
       TAG_VBE, TAG_FRAMEBUFFER, TAG_ELF, TAG_APM, TAG_EFI32, TAG_EFI64, TAG_SMBIOS, TAG_ACPI_OLD, TAG_ACPI_NEW };

struct tag { uint32_t type, size; };
struct tag_module { struct tag tag; uint32_t start, end; char text[]; };
struct tag_memory { struct tag tag; uint32_t entry_bytes, version; };
struct memory_entry { uint64_t start, bytes; uint32_t kind, reserved; };
struct tag_framebuffer { struct tag tag; uint64_t address; uint32_t pitch, width, height; uint8_t bpp, type; };

#define FRAMEBUFFER_EGA_TEXT 2

/* GRUB gives a copy of the RSDP, in memory that we hand out later. */
static boot_data uint8_t rsdp_copy[36] aligned(16);

static boot_code void read_memory_map(const struct tag_memory *t)
{
    for (uint32_t off = sizeof(*t); t->entry_bytes != 0 && off + sizeof(struct memory_entry) <= t->tag.size; off += t->entry_bytes) {
        const struct memory_entry *m = (const void *)((const char *)t + off);

        boot_add_memory(m->start, m->bytes, m->kind);
    }
}

static boot_code void keep_rsdp(const struct tag *t)
{
    memcpy(rsdp_copy, t + 1, min(t->size - sizeof(*t), sizeof(rsdp_copy)));
    boot_info.rsdp = MADDR((uintptr_t)rsdp_copy - IMAGE_BASE);
}

static boot_code void read_tag(const struct tag *t)
{
    const struct tag_module *module = (const void *)t;

    switch (t->type) {
    case TAG_COMMAND_LINE: boot_info.command_line = boot_copy_text((const char *)(t + 1)); break;
    case TAG_LOADER: boot_info.loader = boot_copy_text((const char *)(t + 1)); break;
    case TAG_MODULE: boot_add_module(module->start, module->end, module->text); break;
    case TAG_MEMORY_MAP: read_memory_map((const void *)t); break;
    case TAG_FRAMEBUFFER: boot_info.has_video = ((const struct tag_framebuffer *)t)->type == FRAMEBUFFER_EGA_TEXT; break;
    case TAG_EFI64:
        memcpy(&boot_info.efi_system_table, t + 1, sizeof(uint64_t));
        boot_info.is_efi = true;
        break;
    case TAG_ACPI_OLD:
        if (boot_info.rsdp.v == 0)
            keep_rsdp(t);
        break;
    case TAG_ACPI_NEW: keep_rsdp(t); break;
    default: break;
    }
}

boot_code void boot_from_multiboot2(uint32_t info_paddr)
{
    const char *info = maddr_va(MADDR(info_paddr));
    const uint32_t total = *(const uint32_t *)info;

    for (unsigned int pass = 0; pass < 2; pass++) /* the loader's name decides how texts are read: first */
        for (uint32_t off = 8; off + sizeof(struct tag) <= total;) {
            const struct tag *t = (const void *)(info + off);

            if (t->type == TAG_END || t->size < sizeof(*t))
                break;
            if ((t->type == TAG_LOADER) == (pass == 0))
                read_tag(t);
            off += round_up(t->size, 8u);
        }
    boot_info.command_line = boot_skip_file_name(boot_info.command_line);
}

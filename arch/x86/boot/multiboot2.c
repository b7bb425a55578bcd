/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot 2 (specification 2.0, section 3.6): GRUB on BIOS and UEFI. */
#include "protocol.h"
#include <hv/mm.h>
#include <hv/lib.h>
#include <xen/xen.h>

enum { TAG_END, TAG_COMMAND_LINE, TAG_LOADER, TAG_MODULE, TAG_BASIC_MEMORY, TAG_BOOT_DEVICE, TAG_MEMORY_MAP,
       TAG_VBE, TAG_FRAMEBUFFER, TAG_ELF, TAG_APM, TAG_EFI32, TAG_EFI64, TAG_SMBIOS, TAG_ACPI_OLD, TAG_ACPI_NEW,
       TAG_NETWORK, TAG_EFI_MEMORY_MAP };

struct tag { uint32_t type, size; };
struct tag_module { struct tag tag; uint32_t start, end; char text[]; };
struct tag_memory { struct tag tag; uint32_t entry_bytes, version; };
struct memory_entry { uint64_t start, bytes; uint32_t kind, reserved; };
struct color_field { uint8_t position, size; };
struct tag_framebuffer {
    struct tag tag;
    uint64_t address;
    uint32_t pitch, width, height;
    uint8_t bpp, type;
    uint16_t reserved;
    struct color_field red, green, blue; /* if type is RGB */
};
struct tag_efi_memory { struct tag tag; uint32_t descriptor_bytes, version; };
/* UEFI 2.9 7.2 */
struct efi_descriptor { uint32_t kind, pad; uint64_t start, virtual_start, nr_pages, attributes; };

#define FRAMEBUFFER_RGB       1
#define FRAMEBUFFER_RGB_BYTES (offsetof(struct tag_framebuffer, blue) + sizeof(struct color_field)) /* without the padding */

/* GRUB gives a copy of the RSDP, in memory that we hand out later. */
static boot_data uint8_t rsdp_copy[36] aligned(16);
static boot_data struct firmware_memory firmware_memory[BOOT_MAX_FIRMWARE_MEMORY];

static boot_code void read_memory_map(const struct tag_memory *t)
{
    if (t->entry_bytes < sizeof(struct memory_entry))
        return;
    for (uint64_t off = sizeof(*t); off + sizeof(struct memory_entry) <= t->tag.size; off += t->entry_bytes) {
        const struct memory_entry *m = (const void *)((const char *)t + off);

        boot_add_memory(m->start, m->bytes, m->kind);
    }
}

static boot_code void keep_rsdp(const struct tag *t)
{
    memcpy(rsdp_copy, t + 1, min(t->size - sizeof(*t), sizeof(rsdp_copy)));
    boot_info.rsdp = MADDR((uintptr_t)rsdp_copy - IMAGE_BASE);
}

static boot_code void read_firmware_memory(const struct tag_efi_memory *t)
{
    unsigned int n = 0;

    for (uint64_t off = sizeof(*t); off + sizeof(struct efi_descriptor) <= t->tag.size && n < BOOT_MAX_FIRMWARE_MEMORY; off += t->descriptor_bytes) {
        const struct efi_descriptor *d = (const void *)((const char *)t + off);

        if (t->descriptor_bytes < sizeof(*d))
            break;
        firmware_memory[n++] = (struct firmware_memory){ d->start, d->nr_pages, d->attributes, d->kind };
    }
    boot_info.firmware_memory = firmware_memory;
    boot_info.nr_firmware_memory = n;
}

/* A graphic screen is described for dom0; a text screen the VGA driver finds by itself. */
static boot_code void read_framebuffer(const struct tag_framebuffer *t)
{
    const uint64_t bytes = (uint64_t)t->pitch * t->height;
    const struct dom0_vga_console_info info = {
        .video_type = XEN_VGATYPE_VESA_LFB,
        .u.vesa_lfb = {
            .width = (uint16_t)t->width, .height = (uint16_t)t->height,
            .bytes_per_line = (uint16_t)t->pitch, .bits_per_pixel = t->bpp,
            .lfb_base = (uint32_t)t->address, .ext_lfb_base = (uint32_t)(t->address >> 32),
            .lfb_size = (uint32_t)(round_up(bytes, 0x10000ULL) >> 16),
            .red_pos = t->red.position, .red_size = t->red.size,
            .green_pos = t->green.position, .green_size = t->green.size,
            .blue_pos = t->blue.position, .blue_size = t->blue.size,
        },
    };

    if (t->type != FRAMEBUFFER_RGB || t->tag.size < FRAMEBUFFER_RGB_BYTES)
        return;
    memcpy(boot_info.video, &info, sizeof(info));
    boot_info.has_video = true;
}

static boot_code void read_tag(const struct tag *t)
{
    const struct tag_module *module = (const void *)t;

    switch (t->type) {
    case TAG_COMMAND_LINE: boot_info.command_line = boot_copy_text((const char *)(t + 1)); break;
    case TAG_LOADER: boot_info.loader = boot_copy_text((const char *)(t + 1)); break;
    case TAG_MODULE: boot_add_module(module->start, module->end, module->text); break;
    case TAG_MEMORY_MAP: read_memory_map((const void *)t); break;
    case TAG_FRAMEBUFFER: read_framebuffer((const void *)t); break;
    case TAG_EFI32: boot_info.is_efi = true; break;
    case TAG_EFI64:
        memcpy(&boot_info.efi_system_table, t + 1, sizeof(uint64_t));
        boot_info.is_efi = true;
        break;
    case TAG_EFI_MEMORY_MAP: read_firmware_memory((const void *)t); break;
    case TAG_ACPI_OLD:
        if (boot_info.rsdp.v == 0)
            keep_rsdp(t);
        break;
    case TAG_ACPI_NEW: keep_rsdp(t); break;
    default: break;
    }
}

/* ABI: dom0 treats UEFI's screen and a VESA BIOS's differently. */
static boot_code void tell_kind_of_screen(void)
{
    struct dom0_vga_console_info *info = (void *)boot_info.video;

    if (boot_info.has_video && boot_info.is_efi)
        info->video_type = XEN_VGATYPE_EFI_LFB;
}

boot_code void boot_from_multiboot2(uint32_t info_paddr)
{
    const char *info = maddr_va(MADDR(info_paddr));
    const uint32_t total = min(*(const uint32_t *)info, BOOT_LIST_MAX_BYTES);

    for (unsigned int pass = 0; pass < 2; pass++) /* the loader's name decides how texts are read: first */
        for (uint64_t off = 8; off + sizeof(struct tag) <= total;) {
            const struct tag *t = (const void *)(info + off);

            if (t->type == TAG_END || t->size < sizeof(*t) || t->size > total - off)
                break;
            if ((t->type == TAG_LOADER) == (pass == 0))
                read_tag(t);
            off += round_up((uint64_t)t->size, 8u);
        }
    boot_info.command_line = boot_skip_file_name(boot_info.command_line);
    tell_kind_of_screen();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct boot_info and what the protocols share. Runs on the boot tables, which map the
 * first 4 GiB at the direct map's place.
 */
#include "protocol.h"
#include <hv/mm.h>
#include <hv/lib.h>
#include <hv/log.h>

struct boot_info boot_info = { .loader = "", .command_line = "" };

static boot_data char text_pool[8192];
static boot_data size_t text_used;

boot_code const char *boot_copy_text(const char *text)
{
    const size_t room = sizeof(text_pool) - text_used;
    char *at = text_pool + text_used;

    if (text == NULL || room < 2)
        return "";
    const size_t n = min(strnlen(text, room - 1), room - 1);

    memcpy(at, text, n);
    at[n] = '\0';
    text_used += n + 1;
    return at;
}

boot_code const char *boot_skip_file_name(const char *text)
{
    if (strncmp(boot_info.loader, "GRUB 1.9", 8) == 0 || strncmp(boot_info.loader, "GRUB 2", 6) == 0)
        return text;
    while (*text != '\0' && *text != ' ')
        text++;
    while (*text == ' ')
        text++;
    return text;
}

boot_code void boot_add_module(uint64_t start, uint64_t end, const char *command_line)
{
    if (boot_info.nr_modules == BOOT_MAX_MODULES || end < start)
        return;
    boot_info.module[boot_info.nr_modules++] = (struct boot_module){
        .start = MADDR(start), .size_bytes = end - start, .command_line = boot_skip_file_name(boot_copy_text(command_line)),
    };
}

/* What the specifications do not name is reserved. */
static boot_code uint32_t known_kind(uint32_t kind)
{
    return kind >= MEMORY_RAM && kind <= MEMORY_UNUSABLE ? kind : MEMORY_RESERVED;
}

boot_code void boot_add_memory(uint64_t start, uint64_t size, uint32_t kind)
{
    struct memory_range *last = boot_info.nr_memory ? &boot_info.memory[boot_info.nr_memory - 1] : NULL;

    if (size == 0 || start + size < start)
        return;
    if (last != NULL && last->kind == known_kind(kind) && last->start + last->size == start)
        last->size += size;
    else if (boot_info.nr_memory < BOOT_MAX_MEMORY)
        boot_info.memory[boot_info.nr_memory++] = (struct memory_range){ start, size, known_kind(kind) };
}

static boot_code void sort_memory(void)
{
    for (unsigned int i = 1; i < boot_info.nr_memory; i++)
        for (unsigned int j = i; j > 0 && boot_info.memory[j].start < boot_info.memory[j - 1].start; j--) {
            const struct memory_range t = boot_info.memory[j];

            boot_info.memory[j] = boot_info.memory[j - 1];
            boot_info.memory[j - 1] = t;
        }
}

/* Firmware lists overlap at times: what is not RAM wins over RAM. */
static boot_code void cut_overlaps(void)
{
    for (unsigned int i = 0; i + 1 < boot_info.nr_memory; ) {
        struct memory_range *a = &boot_info.memory[i], *b = &boot_info.memory[i + 1];
        const uint64_t a_end = a->start + a->size;

        if (a_end <= b->start) {
            i++;
            continue;
        }
        if (b->kind != MEMORY_RAM) {
            const uint64_t b_end = b->start + b->size;

            a->size = b->start - a->start;
            if (a_end > b_end)
                boot_add_memory(b_end, a_end - b_end, a->kind);
        } else {
            const uint64_t b_end = b->start + b->size;

            b->size = b_end > a_end ? b_end - a_end : 0;
            b->start = a_end;
        }
        sort_memory();
    }
}

boot_code void boot_collect(enum boot_protocol protocol, uint32_t info_paddr)
{
    switch (protocol) {
    case BOOT_MULTIBOOT1: boot_from_multiboot1(info_paddr); break;
    case BOOT_MULTIBOOT2: boot_from_multiboot2(info_paddr); break;
    case BOOT_PVH: boot_from_pvh(info_paddr); break;
    }
    sort_memory();
    cut_overlaps();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: what a loader leaves in memory (multiboot 1 and 2), ACPI tables, the command line. The
 * first byte chooses. Loaders are trusted with addresses: 4 GiB of memory are there, zero but for the input.
 */
#include "target.h"

#include <sys/mman.h>
#include <arch/x86/boot/protocol.h>
#include <hv/acpi/acpi.h>
#include <hv/mm.h>
#include <hv/param.h>

#define INFO_AT      0x10000u
#define MEMORY_BYTES ((1ULL << 32) + 0x10000)

static char *memory;

/* ---- loaders ---- */

static void check_boot_info(void)
{
    must(boot_info.nr_modules <= BOOT_MAX_MODULES && boot_info.nr_memory <= BOOT_MAX_MEMORY);
    must(boot_info.nr_firmware_memory <= BOOT_MAX_FIRMWARE_MEMORY);
    must(strlen(boot_info.loader) < 8192 && strlen(boot_info.command_line) < 8192);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        must(strlen(boot_info.module[i].command_line) < 8192);
    for (unsigned int i = 0; i + 1 < boot_info.nr_memory; i++) {
        const struct memory_range *a = &boot_info.memory[i], *b = a + 1;

        must(a->start <= b->start);
        if (boot_info.nr_memory < BOOT_MAX_MEMORY)
            must(a->size == 0 || b->size == 0 || a->start + a->size <= b->start);
    }
}

static void run_loader(enum boot_protocol protocol, const uint8_t *data, size_t size)
{
    boot_info = (struct boot_info){ .loader = "", .command_line = "" };
    memcpy(memory + INFO_AT, data, size);
    boot_collect(protocol, INFO_AT);
    check_boot_info();
    must(madvise(memory, MEMORY_BYTES, MADV_DONTNEED) == 0); /* zero again, and no larger than what one input names */
}

/* ---- ACPI: tables as they come, with a right length and sum ---- */

static void run_table(const uint8_t *data, size_t size)
{
    static void (*const parse[4])(const uint8_t *, size_t, struct acpi_info *) = {
        acpi_parse_madt, acpi_parse_fadt, acpi_parse_hpet, acpi_parse_mcfg,
    };
    struct acpi_info info = { 0 };
    uint8_t *t = exact_copy(data, size);

    if (size > ACPI_HEADER_BYTES)
        parse[data[0] & 3](t, size, &info);
    free(t);
}

static void run_rsdp(const uint8_t *data, size_t size)
{
    struct acpi_rsdp rsdp;
    uint8_t *t = exact_copy(data, size);

    (void)!acpi_parse_rsdp(t, size, &rsdp);
    free(t);
}

/* ---- command line ---- */

static bool flag;
static unsigned int number;
static uint64_t bytes;
static char text[8];

static int parse_custom(const char *s)
{
    must(strlen(s) < 1024);
    return s[0] == 'x' ? -22 : 0;
}

BOOT_PARAM_BOOL(flag, "flag", flag);
BOOT_PARAM_UINT(number, "number", number);
BOOT_PARAM_SIZE(bytes, "size", bytes);
BOOT_PARAM_STRING(text, "text", text);
BOOT_PARAM_CUSTOM(custom, "custom", parse_custom);

static void run_command_line(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1);

    memcpy(line, data, size);
    line[size] = '\0';
    param_parse(line);
    must(strlen(text) < sizeof(text) && strlen(boot_command_line) < sizeof(boot_command_line) && strlen(boot_dom0_options) < sizeof(boot_dom0_options));
    free(line);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(memory != MAP_FAILED);
    host_ram = memory;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 0x8000)
        return 0;
    switch (data[0] % 5) {
    case 0: run_loader(BOOT_MULTIBOOT1, data + 1, size - 1); break;
    case 1: run_loader(BOOT_MULTIBOOT2, data + 1, size - 1); break;
    case 2: run_table(data + 1, size - 1); break;
    case 3: run_rsdp(data + 1, size - 1); break;
    default: run_command_line(data + 1, size - 1); break;
    }
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the ACPI tables in machine memory: RSDP, then RSDT or XSDT, then each table once. What the
 * tables say is parse.c's business. Tables may lie anywhere, outside RAM too, so each is mapped for
 * the time that it is looked at. Boot CPU only, no lock.
 */
#include "acpi.h"

#include <arch/cpu.h>
#include <hv/boot_info.h>
#include <hv/log.h>
#include <hv/mm.h>

#define MAX_TABLES      64u
#define MAX_TABLE_BYTES (1u << 20)

struct acpi_info acpi_info = { .has_8042 = true, .has_vga = true, .has_cmos_rtc = true };

static struct {
    char signature[4];
    uint64_t address;
    uint32_t bytes;
} tables[MAX_TABLES];
static unsigned int nr_tables;

static const uint8_t *map_bytes(uint64_t address, size_t n)
{
    uint64_t limit = 1ULL << cpu_features.phys_bits;

    if (address == 0 || address >= limit || n > limit - address)
        return NULL;
    return vmap_io(MADDR(address), n, MAP_RO);
}

static void unmap_bytes(const uint8_t *p, size_t n)
{
    vmap_io_free((void *)(uintptr_t)p, n);
}

/* ---- RSDP (ACPI 6.4 5.2.5.1) ---- */

static uint64_t scan_for_rsdp(uint64_t start, size_t n, struct acpi_rsdp *out)
{
    const uint8_t *p = map_bytes(start, n);
    uint64_t found = 0;

    if (!p)
        return 0;
    for (size_t at = 0; at + ACPI_RSDP_BYTES <= n && !found; at += 16)
        if (acpi_parse_rsdp(p + at, n - at, out))
            found = start + at;
    unmap_bytes(p, n);
    return found;
}

/* The BIOS data area's word at 0x40e is the extended BIOS data area's segment. */
static uint64_t ebda_address(void)
{
    const uint8_t *bda = map_bytes(0x400, 0x100);

    if (!bda)
        return 0;
    uint64_t address = (uint64_t)acpi_u16(bda + 0x0e) << 4;
    unmap_bytes(bda, 0x100);
    return address >= 0x400 && address < 0xa0000 ? address : 0;
}

static bool find_rsdp(struct acpi_rsdp *out)
{
    uint64_t at = 0, ebda;

    if (boot_info.rsdp.v)
        at = scan_for_rsdp(boot_info.rsdp.v, ACPI_RSDP2_BYTES, out);
    else if (!boot_info.is_efi) {
        ebda = ebda_address();
        if (ebda)
            at = scan_for_rsdp(ebda, 0x400, out);
        if (!at)
            at = scan_for_rsdp(0xe0000, 0x20000, out);
    }
    acpi_info.rsdp = MADDR(at);
    return at != 0;
}

/* ---- tables ---- */

/* Maps the whole table; NULL with a message if its length cannot be right. */
static const uint8_t *map_table(uint64_t address, uint32_t *bytes)
{
    const uint8_t *head = map_bytes(address, ACPI_HEADER_BYTES);

    if (!head) {
        log_warn("ACPI: no table can be at 0x%llx\n", (unsigned long long)address);
        return NULL;
    }
    *bytes = acpi_u32(head + 4);
    bool sane = *bytes >= ACPI_HEADER_BYTES && *bytes <= MAX_TABLE_BYTES;
    if (!sane)
        log_warn("ACPI: table at 0x%llx has impossible length %u\n", (unsigned long long)address, *bytes);
    unmap_bytes(head, ACPI_HEADER_BYTES);
    return sane ? map_bytes(address, *bytes) : NULL;
}

static void log_table(const char *name, uint64_t address, const uint8_t *t, uint32_t bytes)
{
    log_info("ACPI: %.4s %08llX, %04X (r%u %.6s)\n", name, (unsigned long long)address, bytes, t[8],
             (const char *)t + 10);
}

static void note_table(uint64_t address)
{
    const uint8_t *head = map_bytes(address, ACPI_HEADER_BYTES);

    if (!head || nr_tables == MAX_TABLES) {
        log_warn("ACPI: table at 0x%llx ignored\n", (unsigned long long)address);
        if (head)
            unmap_bytes(head, ACPI_HEADER_BYTES);
        return;
    }
    memcpy(tables[nr_tables].signature, head, 4);
    tables[nr_tables].address = address;
    tables[nr_tables].bytes = acpi_u32(head + 4);
    log_table((const char *)head, address, head, tables[nr_tables].bytes);
    nr_tables++;
    unmap_bytes(head, ACPI_HEADER_BYTES);
}

static bool read_root(const struct acpi_rsdp *rsdp)
{
    const char *name = rsdp->root_is_xsdt ? "XSDT" : "RSDT";
    uint32_t bytes, step = rsdp->root_is_xsdt ? 8 : 4;
    const uint8_t *t = map_table(rsdp->root, &bytes);

    if (!t)
        return false;
    bool good = memcmp(t, name, 4) == 0 && acpi_sum_ok(t, bytes);
    if (!good)
        log_err("ACPI: %s at 0x%llx is damaged\n", name, (unsigned long long)rsdp->root);
    else
        log_table(name, rsdp->root, t, bytes);
    for (uint32_t at = ACPI_HEADER_BYTES; good && bytes - at >= step; at += step)
        note_table(step == 8 ? acpi_u64(t + at) : acpi_u32(t + at));
    unmap_bytes(t, bytes);
    return good;
}

/* Index of the n-th table of that signature, MAX_TABLES if there is none. */
static unsigned int table_index(const char signature[4], unsigned int n)
{
    for (unsigned int i = 0; i < nr_tables; i++)
        if (memcmp(tables[i].signature, signature, 4) == 0 && n-- == 0)
            return i;
    return MAX_TABLES;
}

static const uint8_t *find_table(const char signature[4], unsigned int n, uint32_t *bytes)
{
    unsigned int i = table_index(signature, n);
    const uint8_t *t = i < MAX_TABLES ? map_table(tables[i].address, bytes) : NULL;

    if (t && !acpi_sum_ok(t, *bytes)) {
        log_err("ACPI: %.4s has a wrong checksum, ignored\n", signature);
        unmap_bytes(t, *bytes);
        return NULL;
    }
    return t;
}

const void *acpi_find_table(const char signature[4], unsigned int n)
{
    uint32_t bytes;

    return find_table(signature, n, &bytes);
}

static void parse_table(const char signature[4], void (*parse)(const uint8_t *, size_t, struct acpi_info *))
{
    uint32_t bytes;
    const uint8_t *t = find_table(signature, 0, &bytes);

    if (!t)
        return;
    parse(t, bytes, &acpi_info);
    unmap_bytes(t, bytes);
}

void acpi_init(void)
{
    struct acpi_rsdp rsdp;

    if (!find_rsdp(&rsdp)) {
        log_err("ACPI: no RSDP found: one CPU, no I/O APIC\n");
        return;
    }
    log_info("ACPI: RSDP %08llX (r%u)\n", (unsigned long long)acpi_info.rsdp.v, rsdp.revision);
    if (!read_root(&rsdp))
        return;
    parse_table("FACP", acpi_parse_fadt);
    parse_table("APIC", acpi_parse_madt);
    parse_table("HPET", acpi_parse_hpet);
    parse_table("MCFG", acpi_parse_mcfg);
    log_info("ACPI: %u CPUs enabled, %u disabled; %u I/O APICs\n", acpi_info.nr_cpus, acpi_info.nr_disabled_cpus,
             acpi_info.nr_ioapics);
}

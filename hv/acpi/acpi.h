/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to hv/acpi: parsers of single tables. They see only bytes (ACPI 6.4 chapter 5),
 * take nothing in them for granted, and add what they find to *info.
 */
#ifndef ACPI_ACPI_H
#define ACPI_ACPI_H

#include <arch/platform.h>
#include <hv/lib.h>

#define ACPI_HEADER_BYTES 36u /* length at 4, revision at 8, sum at 9, OEM id at 10 */
#define ACPI_RSDP_BYTES   20u /* the part that ACPI 1.0 had, with a sum of its own */
#define ACPI_RSDP2_BYTES  36u

struct acpi_rsdp {
    uint8_t revision;
    uint64_t root;      /* RSDT or XSDT */
    bool root_is_xsdt;
};

static inline uint16_t acpi_u16(const uint8_t *p) { uint16_t v; memcpy(&v, p, sizeof(v)); return v; }
static inline uint32_t acpi_u32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof(v)); return v; }
static inline uint64_t acpi_u64(const uint8_t *p) { uint64_t v; memcpy(&v, p, sizeof(v)); return v; }

/* Do n bytes add up to 0 (mod 256)? */
bool acpi_sum_ok(const uint8_t *p, size_t n);
/* Is there an RSDP at p, of which n bytes may be read? */
bool acpi_parse_rsdp(const uint8_t *p, size_t n, struct acpi_rsdp *out) must_check;

/* t: the whole table, n >= ACPI_HEADER_BYTES bytes, sum checked. */
void acpi_parse_madt(const uint8_t *t, size_t n, struct acpi_info *info);
void acpi_parse_fadt(const uint8_t *t, size_t n, struct acpi_info *info);
void acpi_parse_hpet(const uint8_t *t, size_t n, struct acpi_info *info);
void acpi_parse_mcfg(const uint8_t *t, size_t n, struct acpi_info *info);

#endif

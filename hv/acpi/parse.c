/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsers of the ACPI tables that the hypervisor itself needs (ACPI 6.4 chapter 5). Pure: bytes
 * in, struct acpi_info out. Firmware is not hostile but often wrong: an entry that does not fit is
 * reported and skipped, one that runs past the table's end stops the walk.
 */
#include "acpi.h"

#include <hv/log.h>

bool acpi_sum_ok(const uint8_t *p, size_t n)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

bool acpi_parse_rsdp(const uint8_t *p, size_t n, struct acpi_rsdp *out)
{
    if (n < ACPI_RSDP_BYTES || memcmp(p, "RSD PTR ", 8) != 0 || !acpi_sum_ok(p, ACPI_RSDP_BYTES))
        return false;
    *out = (struct acpi_rsdp){ .revision = p[15], .root = acpi_u32(p + 16) };
    if (p[15] >= 2 && n >= ACPI_RSDP2_BYTES && acpi_sum_ok(p, ACPI_RSDP2_BYTES) && acpi_u64(p + 24) != 0) {
        out->root = acpi_u64(p + 24);
        out->root_is_xsdt = true;
    }
    return true;
}

/* ---- MADT (5.2.12) ---- */

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };
#define MADT_ENTRIES     44u
#define MADT_CPU_ENABLED 1u

static bool madt_knows_cpu(const struct acpi_info *info, uint32_t apic_id)
{
    for (unsigned int i = 0; i < info->nr_cpus; i++)
        if (info->cpu[i].apic_id == apic_id)
            return true;
    return false;
}

static void madt_add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
    if (!(flags & MADT_CPU_ENABLED)) {
        info->nr_disabled_cpus++;
        return;
    }
    /* Firmware may list a CPU both as local APIC and as local x2APIC. */
    if (madt_knows_cpu(info, apic_id))
        return;
    if (info->nr_cpus == MAX_CPUS) {
        log_warn("ACPI: APIC id %u ignored: more than %u CPUs\n", apic_id, MAX_CPUS);
        return;
    }
    info->cpu[info->nr_cpus].apic_id = apic_id;
    info->cpu[info->nr_cpus++].acpi_id = acpi_id;
}

static void madt_add_ioapic(struct acpi_info *info, const uint8_t *e)
{
    if (info->nr_ioapics == array_size(info->ioapic)) {
        log_warn("ACPI: I/O APIC %u ignored: too many\n", e[2]);
        return;
    }
    if (acpi_u32(e + 4) == 0) {
        log_warn("ACPI: I/O APIC %u ignored: it has no address\n", e[2]);
        return;
    }
    unsigned int i = info->nr_ioapics++;
    info->ioapic[i].id = e[2];
    info->ioapic[i].address = acpi_u32(e + 4);
    info->ioapic[i].gsi_base = acpi_u32(e + 8);
    log_info("ACPI: IOAPIC (id[0x%02x] address[0x%08x] gsi_base[%u])\n", e[2], acpi_u32(e + 4), acpi_u32(e + 8));
}

/* Polarity in bits 0..1, trigger in bits 2..3; "conforms" means ISA's high and edge (table 5.26). */
static void madt_add_override(struct acpi_info *info, const uint8_t *e)
{
    uint16_t flags = acpi_u16(e + 8);
    unsigned int i = info->nr_overrides;

    if (e[2] != 0 || e[3] > 15 || i == array_size(info->override)) {
        log_warn("ACPI: interrupt override of bus %u irq %u ignored\n", e[2], e[3]);
        return;
    }
    info->override[i].isa_irq = e[3];
    info->override[i].gsi = acpi_u32(e + 4);
    info->override[i].active_low = (flags & 3) == 3;
    info->override[i].level = ((flags >> 2) & 3) == 3;
    info->nr_overrides++;
    log_info("ACPI: INT_SRC_OVR (bus %u bus_irq %u global_irq %u %s %s)\n", e[2], e[3], acpi_u32(e + 4),
             info->override[i].active_low ? "low" : "high", info->override[i].level ? "level" : "edge");
}

/* Shortest acceptable length of each kind that we read. */
static unsigned int madt_entry_bytes(uint8_t type)
{
    switch (type) {
    case MADT_LAPIC: return 8;
    case MADT_IOAPIC: return 12;
    case MADT_OVERRIDE: return 10;
    case MADT_LAPIC_ADDRESS: return 12;
    case MADT_X2APIC: return 16;
    default: return 2;
    }
}

static void madt_entry(struct acpi_info *info, const uint8_t *e)
{
    switch (e[0]) {
    case MADT_LAPIC:
        /* 0xff names all CPUs at once in xAPIC mode: nobody's id. */
        if (e[3] != 0xff)
            madt_add_cpu(info, e[3], e[2], acpi_u32(e + 4));
        break;
    case MADT_X2APIC:
        madt_add_cpu(info, acpi_u32(e + 4), acpi_u32(e + 12), acpi_u32(e + 8));
        break;
    case MADT_IOAPIC:
        madt_add_ioapic(info, e);
        break;
    case MADT_OVERRIDE:
        madt_add_override(info, e);
        break;
    case MADT_LAPIC_ADDRESS:
        info->lapic_address = acpi_u64(e + 4);
        break;
    default:
        break;
    }
}

void acpi_parse_madt(const uint8_t *t, size_t n, struct acpi_info *info)
{
    if (n < MADT_ENTRIES) {
        log_warn("ACPI: MADT is too short (%zu bytes)\n", n);
        return;
    }
    info->lapic_address = acpi_u32(t + 36);
    for (size_t at = MADT_ENTRIES; n - at >= 2;) {
        const uint8_t *e = t + at;

        if (e[1] < 2 || e[1] > n - at) {
            log_warn("ACPI: MADT entry at %zu has bad length %u, rest ignored\n", at, e[1]);
            break;
        }
        if (e[1] < madt_entry_bytes(e[0]))
            log_warn("ACPI: MADT entry of type %u has only %u bytes, ignored\n", e[0], e[1]);
        else
            madt_entry(info, e);
        at += e[1];
    }
}

/* ---- FADT (5.2.9) ---- */

#define FADT_FACS          36u
#define FADT_PM1A_EVENT    56u
#define FADT_PM1B_EVENT    60u
#define FADT_PM1A_CONTROL  64u
#define FADT_PM1B_CONTROL  68u
#define FADT_PM_TIMER      76u
#define FADT_PM1_EVENT_LEN 88u
#define FADT_PM_TIMER_LEN  91u
#define FADT_V1_BYTES      116u
#define FADT_BOOT_ARCH     109u
#define FADT_FLAGS         112u
#define FADT_RESET         116u
#define FADT_RESET_VALUE   128u
#define FADT_X_FACS        132u
#define FADT_X_PM1A_EVENT  148u
#define FADT_X_PM1B_EVENT  160u
#define FADT_X_PM1A_CONTROL 172u
#define FADT_X_PM1B_CONTROL 184u
#define FADT_X_PM_TIMER    208u

#define FADT_FLAG_TIMER_32BIT (1u << 8)
#define FADT_FLAG_RESET       (1u << 10)
#define FADT_BOOT_8042        (1u << 1)
#define FADT_BOOT_NO_VGA      (1u << 2)
#define FADT_BOOT_NO_RTC      (1u << 5)

/* Generic address structure: space, width, offset, access size, address (5.2.3.2). */
#define GAS_BYTES  12u
#define GAS_MEMORY 0u
#define GAS_IO     1u
#define GAS_PCI    2u

/* An I/O port from the extended field if it is there and makes sense, else from the old one. */
static uint16_t fadt_port(const uint8_t *t, size_t n, unsigned int extended, unsigned int old)
{
    if (n >= extended + GAS_BYTES && t[extended] == GAS_IO) {
        uint64_t a = acpi_u64(t + extended + 4);
        if (a != 0 && a <= 0xffff)
            return (uint16_t)a;
    }
    uint32_t a = acpi_u32(t + old);
    return a <= 0xffff ? (uint16_t)a : 0;
}

static void fadt_reset_register(const uint8_t *t, size_t n, struct acpi_info *info)
{
    if (n <= FADT_RESET_VALUE || !(acpi_u32(t + FADT_FLAGS) & FADT_FLAG_RESET))
        return;
    info->reset.space = t[FADT_RESET];
    info->reset.address = acpi_u64(t + FADT_RESET + 4);
    info->reset.value = t[FADT_RESET_VALUE];
    info->reset.usable = (info->reset.space == GAS_IO && info->reset.address <= 0xffff) ||
                         (info->reset.space == GAS_MEMORY && info->reset.address != 0) ||
                         info->reset.space == GAS_PCI;
}

static void fadt_legacy(const uint8_t *t, struct acpi_info *info)
{
    uint16_t arch = acpi_u16(t + FADT_BOOT_ARCH);

    /* The boot flags mean something from revision 2 (8042, then VGA and RTC) on. */
    info->has_8042 = t[8] < 2 || (arch & FADT_BOOT_8042);
    info->has_vga = t[8] < 2 || !(arch & FADT_BOOT_NO_VGA);
    info->has_cmos_rtc = t[8] < 2 || !(arch & FADT_BOOT_NO_RTC);
}

void acpi_parse_fadt(const uint8_t *t, size_t n, struct acpi_info *info)
{
    if (n < FADT_V1_BYTES) {
        log_warn("ACPI: FADT is too short (%zu bytes)\n", n);
        return;
    }
    info->pm1a_event = fadt_port(t, n, FADT_X_PM1A_EVENT, FADT_PM1A_EVENT);
    info->pm1b_event = fadt_port(t, n, FADT_X_PM1B_EVENT, FADT_PM1B_EVENT);
    info->pm1a_control = fadt_port(t, n, FADT_X_PM1A_CONTROL, FADT_PM1A_CONTROL);
    info->pm1b_control = fadt_port(t, n, FADT_X_PM1B_CONTROL, FADT_PM1B_CONTROL);
    info->pm1_event_length = t[FADT_PM1_EVENT_LEN];
    if (t[FADT_PM_TIMER_LEN] == 4)
        info->pm_timer_port = fadt_port(t, n, FADT_X_PM_TIMER, FADT_PM_TIMER);
    info->pm_timer_32bit = (acpi_u32(t + FADT_FLAGS) & FADT_FLAG_TIMER_32BIT) != 0;
    info->facs_address = acpi_u32(t + FADT_FACS);
    if (info->facs_address == 0 && n >= FADT_X_FACS + 8)
        info->facs_address = acpi_u64(t + FADT_X_FACS);
    fadt_reset_register(t, n, info);
    fadt_legacy(t, info);
    log_info("ACPI: SLEEP INFO: pm1x_cnt[0x%x,0x%x], pm1x_evt[0x%x,0x%x]\n", info->pm1a_control, info->pm1b_control,
             info->pm1a_event, info->pm1b_event);
    log_info("ACPI: PM-Timer IO Port: 0x%x (%u bits)\n", info->pm_timer_port, info->pm_timer_32bit ? 32u : 24u);
}

/* ---- HPET (IA-PC HPET 1.0a 3.2.4), MCFG (PCI firmware 3.2 4.1.2) ---- */

void acpi_parse_hpet(const uint8_t *t, size_t n, struct acpi_info *info)
{
    if (n < 56 || t[40] != GAS_MEMORY || acpi_u64(t + 44) == 0) {
        log_warn("ACPI: HPET table ignored: no memory address in it\n");
        return;
    }
    if (info->hpet_address == 0)
        info->hpet_address = acpi_u64(t + 44);
    log_info("ACPI: HPET id: 0x%08x base: 0x%llx\n", acpi_u32(t + 36), (unsigned long long)acpi_u64(t + 44));
}

void acpi_parse_mcfg(const uint8_t *t, size_t n, struct acpi_info *info)
{
    for (size_t at = 44; n >= 44 && n - at >= 16; at += 16) {
        unsigned int i = info->nr_mcfg;

        if (t[at + 10] > t[at + 11] || acpi_u64(t + at) == 0 || i == array_size(info->mcfg)) {
            log_warn("ACPI: MCFG entry at %zu ignored\n", at);
            continue;
        }
        info->mcfg[i].base = acpi_u64(t + at);
        info->mcfg[i].segment = acpi_u16(t + at + 8);
        info->mcfg[i].first_bus = t[at + 10];
        info->mcfg[i].last_bus = t[at + 11];
        info->nr_mcfg++;
    }
}

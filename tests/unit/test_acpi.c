/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables: what is found, and that damaged ones cost nothing but themselves. */
// sources: hv/acpi/parse.c hv/acpi/tables.c
#include "host_support.h"
#include <arch/cpu.h>
#include <hv/boot_info.h>
#include <hv/log.h>
#include <hv/mm.h>
#include "../../hv/acpi/acpi.h"

struct boot_info boot_info;

/* ---- machine memory: mappings are exact copies, so that the sanitizer sees every byte too far ---- */

#define RAM_BYTES 0x200000u
static uint8_t ram[RAM_BYTES];

void *vmap_io(maddr_t start, size_t size, enum map_attr attr)
{
    uint8_t *p = malloc(size ? size : 1);

    for (size_t i = 0; i < size; i++)
        p[i] = start.v + i < RAM_BYTES ? ram[start.v + i] : 0xff;
    return p;
}

void vmap_io_free(void *p, size_t size)
{
    free(p);
}

/* ---- building tables ---- */

static void put(uint8_t *p, uint64_t v, unsigned int bytes)
{
    memcpy(p, &v, bytes);
}

static void fix_sum(uint8_t *p, size_t n, size_t at)
{
    uint8_t sum = 0;

    p[at] = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

static uint8_t *table(uint64_t at, const char *signature, uint32_t bytes, uint8_t revision)
{
    memset(ram + at, 0, bytes);
    memcpy(ram + at, signature, 4);
    put(ram + at + 4, bytes, 4);
    ram[at + 8] = revision;
    memcpy(ram + at + 10, "TESTER", 6);
    return ram + at;
}

static void rsdp(uint64_t at, uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
    memcpy(ram + at, "RSD PTR ", 8);
    ram[at + 15] = revision;
    put(ram + at + 16, rsdt, 4);
    put(ram + at + 20, 36, 4);
    put(ram + at + 24, xsdt, 8);
    fix_sum(ram + at, 20, 8);
    fix_sum(ram + at, 36, 32);
}

#define RSDT_AT 0x100000u
#define XSDT_AT 0x100100u
#define MADT_AT 0x101000u
#define FADT_AT 0x102000u
#define HPET_AT 0x103000u
#define MCFG_AT 0x104000u

static const uint8_t madt_entries[] = {
    0, 8, 0, 0, 1, 0, 0, 0,                               /* CPU, id 0 */
    0, 8, 1, 2, 1, 0, 0, 0,                               /* CPU, id 2 */
    0, 8, 2, 4, 0, 0, 0, 0,                               /* disabled */
    0, 8, 3, 0xff, 1, 0, 0, 0,                            /* nobody */
    9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0,      /* id 2 again */
    9, 16, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0,      /* x2APIC id 0x200 */
    1, 12, 8, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,            /* I/O APIC */
    2, 10, 0, 0, 2, 0, 0, 0, 0, 0,                        /* irq 0 -> GSI 2, as ISA */
    2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0,                     /* irq 9: low, level */
    2, 10, 0, 77, 9, 0, 0, 0, 0x0f, 0,                    /* no ISA irq */
    4, 6, 0xff, 0, 0, 1,                                  /* NMI: passed over */
};

static void build_madt(void)
{
    uint8_t *t = table(MADT_AT, "APIC", 44 + sizeof(madt_entries), 3);

    put(t + 36, 0xfee00000, 4);
    memcpy(t + 44, madt_entries, sizeof(madt_entries));
    fix_sum(t, 44 + sizeof(madt_entries), 9);
}

static void build_fadt(void)
{
    uint8_t *t = table(FADT_AT, "FACP", 244, 3);

    put(t + 36, 0x1ff000, 4);
    put(t + 56, 0x600, 4);
    put(t + 64, 0x604, 4);
    put(t + 76, 0x608, 4);
    t[88] = 4;
    t[91] = 4;
    put(t + 109, 0x2 | 0x4, 2);
    put(t + 112, (1u << 10) | (1u << 8), 4);
    t[116] = 1;
    put(t + 120, 0xcf9, 8);
    t[128] = 0x0f;
    t[148] = 1;
    put(t + 152, 0x700, 8);
    fix_sum(t, 244, 9);
}

static void build_rest(void)
{
    uint8_t *t = table(HPET_AT, "HPET", 56, 1);

    put(t + 44, 0xfed00000, 8);
    fix_sum(t, 56, 9);
    t = table(MCFG_AT, "MCFG", 44 + 32, 1);
    put(t + 44, 0xb0000000, 8);
    t[55] = 0xff;
    put(t + 60, 0xc0000000, 8);
    t[70] = 9; /* first bus above the last */
    t[71] = 8;
    fix_sum(t, 76, 9);
}

static void build_roots(void)
{
    static const uint32_t all[] = { MADT_AT, FADT_AT, HPET_AT, MCFG_AT };
    uint8_t *r = table(RSDT_AT, "RSDT", 36 + 4 * 4, 1), *x = table(XSDT_AT, "XSDT", 36 + 8 * 4, 1);

    for (unsigned int i = 0; i < 4; i++) {
        put(r + 36 + 4 * i, all[i], 4);
        put(x + 36 + 8 * i, all[i], 8);
    }
    fix_sum(r, 36 + 16, 9);
    fix_sum(x, 36 + 32, 9);
}

/* acpi_init() runs once in a machine's life; each test has a machine of its own, hence a process. */
static int fresh_machine(void **state)
{
    memset(ram, 0, sizeof(ram));
    boot_info = (struct boot_info){ 0 };
    cpu_features.phys_bits = 36;
    host_log_quiet = true;
    build_madt();
    build_fadt();
    build_rest();
    build_roots();
    return 0;
}

static struct acpi_info parsed(void (*parse)(const uint8_t *, size_t, struct acpi_info *), const uint8_t *t, size_t n)
{
    struct acpi_info info = { 0 };
    uint8_t *copy = malloc(n ? n : 1);

    memcpy(copy, t, n);
    parse(copy, n, &info);
    free(copy);
    return info;
}

static void test_madt(void **state)
{
    struct acpi_info info = parsed(acpi_parse_madt, ram + MADT_AT, 44 + sizeof(madt_entries));

    assert_int_equal(info.nr_cpus, 3);
    assert_int_equal(info.cpu[1].apic_id, 2);
    assert_int_equal(info.cpu[1].acpi_id, 1);
    assert_int_equal(info.cpu[2].apic_id, 0x200);
    assert_int_equal(info.nr_disabled_cpus, 1);
    assert_int_equal(info.nr_ioapics, 1);
    assert_int_equal(info.ioapic[0].address, 0xfec00000);
    assert_int_equal(info.nr_overrides, 2);
    assert_int_equal(info.override[0].gsi, 2);
    assert_false(info.override[0].level || info.override[0].active_low);
    assert_true(info.override[1].level && info.override[1].active_low);
    assert_int_equal(info.lapic_address, 0xfee00000);
}

static void test_madt_bad_entry_lengths(void **state)
{
    uint8_t t[64] = { 0 };

    t[44] = 0;
    t[45] = 0; /* an entry of no length must not be walked for ever */
    assert_int_equal(parsed(acpi_parse_madt, t, 64).nr_cpus, 0);
    t[45] = 200;
    assert_int_equal(parsed(acpi_parse_madt, t, 64).nr_cpus, 0);
    t[45] = 3; /* too short for what it says to be; the next one counts */
    memcpy(t + 47, (const uint8_t[]){ 0, 8, 1, 6, 1, 0, 0, 0 }, 8);
    t[55] = 0x7f;
    t[56] = 9;
    assert_int_equal(parsed(acpi_parse_madt, t, 64).nr_cpus, 1);
}

static void test_many_cpus(void **state)
{
    static uint8_t t[44 + 16 * 400];

    for (unsigned int i = 0; i < 400; i++) {
        uint8_t *e = t + 44 + 16 * i;

        e[0] = 9;
        e[1] = 16;
        put(e + 4, i, 4);
        e[8] = 1;
    }
    assert_int_equal(parsed(acpi_parse_madt, t, sizeof(t)).nr_cpus, MAX_CPUS);
}

static void test_fadt(void **state)
{
    struct acpi_info info = parsed(acpi_parse_fadt, ram + FADT_AT, 244);

    assert_int_equal(info.pm1a_event, 0x700); /* the extended field wins */
    assert_int_equal(info.pm1a_control, 0x604);
    assert_int_equal(info.pm1b_control, 0);
    assert_int_equal(info.pm_timer_port, 0x608);
    assert_true(info.pm_timer_32bit);
    assert_true(info.reset.usable);
    assert_int_equal(info.reset.address, 0xcf9);
    assert_int_equal(info.reset.value, 0x0f);
    assert_true(info.has_8042);
    assert_false(info.has_vga);
    assert_true(info.has_cmos_rtc);
    assert_int_equal(info.facs_address, 0x1ff000);
}

static void test_fadt_of_acpi_1(void **state)
{
    ram[FADT_AT + 8] = 1;
    struct acpi_info info = parsed(acpi_parse_fadt, ram + FADT_AT, 116);

    assert_int_equal(info.pm1a_control, 0x604);
    assert_false(info.reset.usable);
    assert_true(info.has_8042 && info.has_vga && info.has_cmos_rtc);
}

static void test_truncated_anywhere(void **state)
{
    for (size_t n = 36; n <= 244; n++) {
        parsed(acpi_parse_fadt, ram + FADT_AT, n);
        parsed(acpi_parse_madt, ram + MADT_AT, n);
        parsed(acpi_parse_hpet, ram + HPET_AT, n);
        parsed(acpi_parse_mcfg, ram + MCFG_AT, n);
    }
}

static void test_random_bytes(void **state)
{
    uint8_t t[300];

    srand(1);
    for (unsigned int round = 0; round < 3000; round++) {
        size_t n = 36 + (size_t)rand() % (sizeof(t) - 36);

        for (size_t i = 0; i < n; i++)
            t[i] = (uint8_t)(rand() % (round % 3 ? 17 : 256));
        parsed(acpi_parse_fadt, t, n);
        parsed(acpi_parse_madt, t, n);
        parsed(acpi_parse_hpet, t, n);
        parsed(acpi_parse_mcfg, t, n);
    }
}

static void test_mcfg_hpet(void **state)
{
    struct acpi_info info = parsed(acpi_parse_mcfg, ram + MCFG_AT, 76);

    assert_int_equal(info.nr_mcfg, 1);
    assert_int_equal(info.mcfg[0].base, 0xb0000000);
    assert_int_equal(info.mcfg[0].last_bus, 0xff);
    assert_int_equal(parsed(acpi_parse_hpet, ram + HPET_AT, 56).hpet_address, 0xfed00000);
}

static void test_rsdp_forms(void **state)
{
    struct acpi_rsdp r;

    rsdp(0x1000, 2, RSDT_AT, XSDT_AT);
    assert_true(acpi_parse_rsdp(ram + 0x1000, 36, &r));
    assert_true(r.root_is_xsdt && r.root == XSDT_AT);
    ram[0x1000 + 33]++; /* the extended sum is wrong: the old part still serves */
    assert_true(acpi_parse_rsdp(ram + 0x1000, 36, &r));
    assert_true(!r.root_is_xsdt && r.root == RSDT_AT);
    ram[0x1000 + 9]++;
    assert_false(acpi_parse_rsdp(ram + 0x1000, 36, &r));
    assert_false(acpi_parse_rsdp(ram + 0x1000, 19, &r));
}

/* One whole machine: RSDP in the BIOS area, a table with a wrong sum, a pointer to nowhere. */
static void test_whole_machine(void **state)
{
    rsdp(0xf5ab0, 0, RSDT_AT, 0);
    ram[HPET_AT + 50]++;
    put(ram + RSDT_AT + 36 + 12, 0xfffffff0u, 4);
    fix_sum(ram + RSDT_AT, 36 + 16, 9);
    acpi_init();
    assert_int_equal(acpi_info.rsdp.v, 0xf5ab0);
    assert_int_equal(acpi_info.nr_cpus, 3);
    assert_int_equal(acpi_info.pm_timer_port, 0x608);
    assert_int_equal(acpi_info.hpet_address, 0);
    assert_int_equal(acpi_info.nr_mcfg, 0);
    void *t = (void *)(uintptr_t)acpi_find_table("FACP", 0);
    assert_non_null(t);
    free(t);
    assert_null(acpi_find_table("FACP", 1));
    assert_null(acpi_find_table("HPET", 0));
}

#define WITH_MACHINE(f) cmocka_unit_test_setup(f, fresh_machine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MACHINE(test_madt), WITH_MACHINE(test_madt_bad_entry_lengths), WITH_MACHINE(test_many_cpus),
        WITH_MACHINE(test_fadt), WITH_MACHINE(test_fadt_of_acpi_1), WITH_MACHINE(test_truncated_anywhere),
        WITH_MACHINE(test_random_bytes), WITH_MACHINE(test_mcfg_hpet), WITH_MACHINE(test_rsdp_forms),
        WITH_MACHINE(test_whole_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

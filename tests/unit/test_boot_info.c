/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What boot loaders leave in memory: what is taken, and that a wrong length ends where it must. */
// sources: arch/x86/boot/boot_info.c arch/x86/boot/multiboot1.c arch/x86/boot/multiboot2.c arch/x86/boot/pvh.c
#include "host_support.h"
#include <hv/boot_info.h>
#include <hv/mm.h>
#include <xen/arch-x86/hvm/start_info.h>
#include "../../arch/x86/boot/protocol.h"

#define INFO_AT    0x1000u
#define MAP_AT     0x3000u
#define NR_FRAMES  (BOOT_LIST_MAX_BYTES / PAGE_SIZE + 8) /* what a list at MAP_AT may reach, and no more: the sanitizer sees the rest */
#define MIB        0x100000u

static int set_up(void **state)
{
    host_ram_init(NR_FRAMES);
    boot_info = (struct boot_info){ .loader = "", .command_line = "" };
    return 0;
}

static int tear_down(void **state)
{
    host_ram_free();
    return 0;
}

static uint32_t *words(uint32_t paddr)
{
    return (uint32_t *)(host_ram + paddr);
}

static void put(uint32_t paddr, const void *data, size_t size)
{
    memcpy(host_ram + paddr, data, size);
}

static void expect_ram(unsigned int i, uint64_t start, uint64_t size)
{
    assert_int_equal(boot_info.memory[i].start, start);
    assert_int_equal(boot_info.memory[i].size, size);
    assert_int_equal(boot_info.memory[i].kind, MEMORY_RAM);
}

/* ---- multiboot 1 ---- */

#define MB1_MEMORY_MAP (1u << 6)

static void multiboot1_map(uint32_t bytes)
{
    uint32_t *info = words(INFO_AT);

    info[0] = MB1_MEMORY_MAP;
    info[11] = bytes;
    info[12] = MAP_AT;
}

static void multiboot1_entry(uint32_t paddr, uint64_t start, uint64_t size)
{
    put(paddr, &(uint32_t){ 20 }, 4);
    put(paddr + 4, &start, 8);
    put(paddr + 12, &size, 8);
    put(paddr + 20, &(uint32_t){ MEMORY_RAM }, 4);
}

static void test_multiboot1_map(void **state)
{
    multiboot1_map(48);
    multiboot1_entry(MAP_AT, 4 * MIB, MIB);
    multiboot1_entry(MAP_AT + 24, 0, MIB);
    multiboot1_entry(MAP_AT + 48, 8 * MIB, MIB); /* beyond the map's end */
    boot_collect(BOOT_MULTIBOOT1, INFO_AT);
    assert_int_equal(boot_info.nr_memory, 2);
    expect_ram(0, 0, MIB);
    expect_ram(1, 4 * MIB, MIB);
}

/* Entries up to the limit and behind it: the walk ends inside of memory. */
static void test_multiboot1_endless_map(void **state)
{
    multiboot1_map(~0u);
    for (uint32_t at = MAP_AT; at + 24 <= NR_FRAMES * PAGE_SIZE; at += 24)
        multiboot1_entry(at, at * (uint64_t)MIB, 2);
    boot_collect(BOOT_MULTIBOOT1, INFO_AT);
    assert_int_equal(boot_info.nr_memory, BOOT_MAX_MEMORY);
}

/* ---- multiboot 2 ---- */

enum { TAG_END = 0, TAG_COMMAND_LINE = 1, TAG_LOADER = 2, TAG_MEMORY_MAP = 6 };

static uint32_t text_tag(uint32_t at, uint32_t type, const char *text)
{
    const uint32_t size = 8 + (uint32_t)strlen(text) + 1;

    put(at, (uint32_t[]){ type, size }, 8);
    put(at + 8, text, size - 8);
    return at + round_up(size, 8u);
}

static uint32_t map_tag(uint32_t at, uint32_t tag_bytes, uint64_t start, uint64_t size)
{
    put(at, (uint32_t[]){ TAG_MEMORY_MAP, tag_bytes, 24, 0 }, 16);
    put(at + 16, (uint64_t[]){ start, size, MEMORY_RAM }, 24);
    return at + 40;
}

static void multiboot2_end(uint32_t at)
{
    put(at, (uint32_t[]){ TAG_END, 8 }, 8);
    words(INFO_AT)[0] = at + 8 - INFO_AT;
}

static void test_multiboot2(void **state)
{
    uint32_t at = INFO_AT + 8;

    at = text_tag(at, TAG_COMMAND_LINE, "dom0_mem=1G");
    at = text_tag(at, TAG_LOADER, "GRUB 2.06"); /* behind the text that it decides about */
    at = map_tag(at, 40, 0, MIB);
    multiboot2_end(at);
    boot_collect(BOOT_MULTIBOOT2, INFO_AT);
    assert_string_equal(boot_info.command_line, "dom0_mem=1G");
    assert_string_equal(boot_info.loader, "GRUB 2.06");
    assert_int_equal(boot_info.nr_memory, 1);
    expect_ram(0, 0, MIB);
}

/* A tag that reaches out of the information is none, whatever its kind; what stands before it counts. */
static void test_multiboot2_tag_beyond_the_end(void **state)
{
    uint32_t at = map_tag(INFO_AT + 8, 40, 0, MIB);

    at = map_tag(at, 48, 4 * MIB, MIB);
    words(INFO_AT)[0] = at - INFO_AT;
    boot_collect(BOOT_MULTIBOOT2, INFO_AT);
    assert_int_equal(boot_info.nr_memory, 1);
    expect_ram(0, 0, MIB);
}

static void test_multiboot2_endless(void **state)
{
    words(INFO_AT)[0] = ~0u;
    map_tag(INFO_AT + 8, ~0u - 16, 0, MIB);
    boot_collect(BOOT_MULTIBOOT2, INFO_AT);
    assert_int_equal(boot_info.nr_memory, 0);
}

/* ---- PVH ---- */

static void test_pvh_endless(void **state)
{
    const struct hvm_start_info info = {
        .magic = XEN_HVM_START_MAGIC_VALUE, .version = 1, .nr_modules = ~0u, .modlist_paddr = MAP_AT,
        .memmap_paddr = MAP_AT, .memmap_entries = ~0u,
    };
    const struct hvm_memmap_table_entry m = { .addr = MIB, .size = MIB, .type = MEMORY_RAM };

    put(INFO_AT, &info, sizeof(info));
    put(MAP_AT, &m, sizeof(m));
    boot_collect(BOOT_PVH, INFO_AT);
    assert_int_equal(boot_info.nr_modules, BOOT_MAX_MODULES);
    assert_int_equal(boot_info.nr_memory, 1);
    expect_ram(0, MIB, MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_multiboot1_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_multiboot1_endless_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_multiboot2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_multiboot2_tag_beyond_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_multiboot2_endless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pvh_endless, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

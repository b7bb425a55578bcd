/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Presses a debug key (key=, its ASCII number), writes an entry that is not present (absent=, one way of many), or crashes itself:
 * what then stands on the console is the test.
 */
#include "../lib/guest.h"
#include <xen/sysctl.h>

const char test_name[] = "crash";

static void press(char key)
{
    static struct xen_sysctl op = { .cmd = XEN_SYSCTL_debug_keys, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    static char keys[1];

    keys[0] = key;
    set_xen_guest_handle(op.u.debug_keys.keys, keys);
    op.u.debug_keys.nr_keys = 1;
    CHECK_RC(HC1(sysctl, &op), 0);
    for (unsigned int i = 0; i < 1000; i++)
        HC2(sched_op, SCHEDOP_yield, 0);
}

/* An address that may be cached (pv-l1tf=dom0: L1TF), by each way into a table. */
static void write_absent(uint64_t way)
{
    const uint64_t entry = 0x123456000;
    uint64_t *table = page_alloc();

    /* These are no harm. */
    CHECK_RC(set_pte(table, 0xffe, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(table, ~0xffful & ~(1ul << 63), UVMF_INVLPG), 0);
    CHECK_RC(set_pte(table, 0, UVMF_INVLPG), 0);
    CHECK_RC(set_pte(table, pte(table, PTE_RW), UVMF_INVLPG), 0);
    table[7] = way == 6 ? 1ul << 7 : entry;
    if (way == 1)
        (void)set_pte(table, entry, UVMF_INVLPG);
    else if (way == 2)
        (void)mmu_update(va_to_mfn(pte_of(table)) << 12 | ((uint64_t)pte_of(table) & 0xff8), entry);
    else if (way == 3)
        *(volatile uint64_t *)pte_of(table) = entry;
    if (way < 4)
        return;
    CHECK_RC(make_readonly(table), 0);
    if (way == 4)
        (void)mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(table), 0);
    else if (way == 5)
        (void)mmu_update(va_to_mfn((void *)start_info->pt_base) << 12 | 9 * 8, entry);
    else
        (void)mmuext(MMUEXT_PIN_L2_TABLE, va_to_mfn(table), 0);
}

void test_main(void)
{
    const uint64_t key = option("key", 0), way = option("absent", 0);

    if (way != 0) {
        write_absent(way);
        done();
    }

    if (key != 0) {
        press((char)key);
        done();
    }
    /* A stack that shows in the report, and nobody to handle the exception. */
    HC1(set_trap_table, 0);
    __asm__ volatile("mov %0, %%rbx; push %%rbx; ud2" :: "r"(0x1234abcd5678ul));
}

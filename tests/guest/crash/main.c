/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Presses a debug key (key=, its ASCII number) or, without one, crashes itself: what then stands on the console is the test. */
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

void test_main(void)
{
    const uint64_t key = option("key", 0);

    if (key != 0) {
        press((char)key);
        done();
    }
    /* A stack that shows in the report, and nobody to handle the exception. */
    HC1(set_trap_table, 0);
    __asm__ volatile("mov %0, %%rbx; push %%rbx; ud2" :: "r"(0x1234abcd5678ul));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Non-maskable interrupts. Nothing here takes a lock or wakes anybody: they come at any instruction. */
#include <arch/irq.h>
#include <arch/platform.h>
#include <arch/trap.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>

static bool fatal;

static int parse_nmi(const char *s)
{
    if (strcmp(s, "fatal") != 0 && strcmp(s, "ignore") != 0)
        return -(int)XEN_EINVAL;
    fatal = s[0] == 'f';
    return 0;
}
BOOT_PARAM_CUSTOM(nmi, "nmi", parse_nmi);

void trap_nmi(const struct trap_frame *regs)
{
    if (!fatal)
        return;
    console_force_sync();
    trap_dump(regs);
    panic("FATAL TRAP: vector = 2 (NMI)\n");
}

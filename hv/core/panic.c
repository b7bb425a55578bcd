/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end: a message, the stack, and a restart. */
#include <arch/cpu.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/percpu.h>

#define RESTART_DELAY_MS 5000u

static bool no_reboot;
BOOT_PARAM_BOOL(noreboot, "noreboot", no_reboot);

static int panicking_cpu = -1; /* atomic */

/* True for the first CPU that comes here; a CPU that comes again has failed while it reported. */
static bool first_to_panic(void)
{
    int nobody = -1;

    if (__atomic_compare_exchange_n(&panicking_cpu, &nobody, (int)this_cpu_id(), false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return true;
    if (nobody == (int)this_cpu_id())
        machine_halt();
    return false;
}

static void report(const char *message)
{
    log_err("\n");
    log_err("****************************************\n");
    log_err("Panic on CPU %u:\n", this_cpu_id());
    log_err("%s", message);
    log_err("****************************************\n");
    log_err("\n");
    arch_dump_stack();
    errlog_dump();
}

void panic(const char *fmt, ...)
{
    static char message[512];
    va_list ap;

    irq_disable();
    if (!first_to_panic())
        for (;;)
            cpu_relax();
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    console_force_sync();
    report(message);
    if (no_reboot) {
        log_err("Manual reset required ('noreboot' specified)\n");
        machine_halt();
    }
    log_err("Reboot in five seconds...\n");
    machine_restart(RESTART_DELAY_MS);
}

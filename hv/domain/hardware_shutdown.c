/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of the machine when the hardware domain stops. The words are stock Xen's: people and scripts know them. */
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/param.h>

#define ERROR_RESTART_DELAY_MS 5000u

static bool opt_noreboot;
BOOT_PARAM_BOOL(hardware_noreboot, "noreboot", opt_noreboot);

static void noreturn restart_after_error(void)
{
    if (opt_noreboot) {
        log_err("'noreboot' set - not rebooting.\n");
        machine_halt();
    }
    log_err("rebooting machine in 5 seconds.\n");
    machine_restart(ERROR_RESTART_DELAY_MS);
}

static void noreturn restart(void)
{
    machine_restart(0);
}

static const struct { const char *text; void (*act)(void) noreturn; } reactions[] = {
    [SHUTDOWN_poweroff] = { "Hardware Dom%u halted: halting machine\n", machine_halt },
    [SHUTDOWN_reboot] = { "Hardware Dom%u shutdown: rebooting machine\n", restart },
    [SHUTDOWN_crash] = { "Hardware Dom%u crashed: ", restart_after_error },
    [SHUTDOWN_watchdog] = { "Hardware Dom%u shutdown: watchdog rebooting machine\n", restart },
    [SHUTDOWN_soft_reset] = { "Hardware domain %u did unsupported soft reset, rebooting.\n", restart },
};

void hardware_domain_shutdown(int reason)
{
    const unsigned int id = hardware_domain ? hardware_domain->id : 0;

    if (reason >= 0 && (unsigned int)reason < array_size(reactions) && reactions[reason].act != NULL) {
        log_err(reactions[reason].text, id);
        reactions[reason].act();
    }
    log_err("Hardware Dom%u shutdown (unknown reason %d): ", id, reason);
    restart_after_error();
}

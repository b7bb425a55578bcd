/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hv_main(): the whole start-up, as a list. */
#include <hv/boot.h>
#include <hv/boot_info.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/grant.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/perfc.h>
#include <hv/trace.h>

static boot_code void say_hello(void)
{
    log_warn("Zendo version %s (Xen 4.17 ABI) (%s) %s\n", HV_VERSION,
#ifdef HV_DEBUG
             "debug=y",
#else
             "debug=n",
#endif
             __VERSION__);
    log_warn("Bootloader: %s\n", boot_info.loader);
    log_warn("Command line: %s\n", boot_info.command_line);
}

void hv_main(unsigned int protocol, uint32_t info_paddr)
{
    arch_boot_collect(protocol, info_paddr); /* boot_info, from whatever loaded us */
    param_parse(boot_info.command_line);
    console_init_early();                    /* serial */
    say_hello();
    arch_init_cpu();                         /* features; exceptions are caught from here on */
    arch_init_memory();                      /* own page tables, frame table, allocator */
    console_init();                          /* ring, chosen sinks */
    arch_init_platform();                    /* ACPI, interrupt controllers */
    sched_init();                            /* idle vCPU of this CPU */
    arch_init_time();                        /* clocks, timers */
    console_init_input();                    /* serial input, now that interrupts and timers work */
    arch_init_smp();                         /* the other CPUs */
    domain_init();                           /* pseudo domains */
    trace_init();                            /* tbuf_size= */
    perfc_init();                            /* debug keys */
    event_init();                            /* debug keys */
    grant_init();
    arch_init_late();                        /* PCI, what needs domains */
    arch_start_dom0();                       /* builds the control domain */
    console_end_boot();                      /* says so; input goes to dom0 */
    arch_finish_boot();                      /* start-up memory back; this CPU becomes idle */
}

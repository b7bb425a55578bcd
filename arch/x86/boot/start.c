/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86's steps of hv_main(). */
#include "protocol.h"
#include <arch/cpu.h>
#include <arch/cpu_policy.h>
#include <arch/cpu_window.h>
#include <arch/paging.h>
#include <arch/platform.h>
#include <arch/pv.h>
#include <arch/spec_ctrl.h>
#include <arch/time.h>
#include <hv/boot.h>
#include <hv/domain.h>
#include <hv/log.h>
#include <hv/percpu.h>

boot_code void arch_boot_collect(unsigned int protocol, uint32_t info_paddr)
{
    boot_collect(protocol, info_paddr);
}

boot_code void arch_init_cpu(void)
{
    cpu_features_init();
    spec_ctrl_init();
    cpu_policy_init();
    trap_init();
    spec_ctrl_report();
}

static boot_code void log_memory(void)
{
    static const char *const kind[] = { "?", "usable", "reserved", "ACPI data", "ACPI NVS", "unusable" };
    uint64_t ram = 0;

    log_info("Physical memory map:\n");
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct memory_range *m = &boot_info.memory[i];

        log_info(" [%016lx, %016lx] (%s)\n", m->start, m->start + m->size - 1, kind[m->kind < array_size(kind) ? m->kind : 0]);
        if (m->kind == MEMORY_RAM)
            ram += m->size;
    }
    log_info("System RAM: %luMB (%lukB)\n", ram >> 20, ram >> 10);
}

boot_code void arch_init_memory(void)
{
    log_memory();
    (void)smp_trampoline_reserve();
    paging_init();
    vmap_init();
    if (cpu_window_init(0) != 0)
        panic("Out of memory for the boot CPU\n");
    cpu_init_this();
}

boot_code void arch_init_platform(void)
{
    efi_init();
    acpi_init();
    apic_init();
}

boot_code void arch_init_time(void)
{
    arch_time_init();
    irq_enable();
}

boot_code void arch_init_smp(void)
{
    smp_boot_all();
    arch_time_check_cpus();
}

boot_code void arch_init_late(void)
{
    m2p_share();
    pci_init();
}

static struct domain *dom0;

boot_code void arch_start_dom0(void)
{
    dom0 = dom0_build();
}

void arch_finish_boot(void)
{
    time_wallclock_sample();
    time_update_wallclock(dom0);
    init_memory_free();
    if (domain_unpause_by_control(dom0) != 0)
        panic("dom0 is not paused\n");
    /* The window's stack continues as this CPU's; its cpu_info was made before there was a vCPU. */
    struct cpu_info *own = (void *)(uintptr_t)(cpu_window(0) + CPU_WINDOW_STACK + STACK_BYTES - sizeof(*own));

    own->current_vcpu = current;
    cpu_enter_idle();
}

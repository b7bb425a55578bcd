/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start-up (core/main.c) and the steps that the architecture gives it (arch/x86/boot/start.c). */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include <hv/compiler.h>

/* From the boot code, on the boot stack, interrupts disabled. */
void hv_main(unsigned int protocol, uint32_t info_paddr) noreturn;

void arch_boot_collect(unsigned int protocol, uint32_t info_paddr);
void arch_init_cpu(void);
void arch_init_memory(void);
void arch_init_platform(void);
void arch_init_time(void);
void arch_init_smp(void);
void arch_init_late(void);
void arch_start_dom0(void);
void arch_finish_boot(void) noreturn;

#endif

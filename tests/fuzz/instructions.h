/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Included before every source of the hypervisor that is fuzzed: what ring 3 of the host may not do
 * is done by the simulated machine (machine.c).
 */
#ifndef FUZZ_INSTRUCTIONS_H
#define FUZZ_INSTRUCTIONS_H

#include <arch/cpu.h>
#include <arch/cpu_window.h>

void machine_relax(void);
uint64_t machine_read_cr(unsigned int nr);
void machine_write_cr(unsigned int nr, uint64_t value);
void machine_invlpg(uint64_t va);
uint64_t machine_window(unsigned int cpu);

#define cpu_relax()    machine_relax()
#define read_cr3()     machine_read_cr(3)
#define write_cr3(v)   machine_write_cr(3, v)
#define read_cr4()     machine_read_cr(4)
#define write_cr4(v)   machine_write_cr(4, v)
#define cpu_invlpg(va) machine_invlpg(va)
#define cpu_wbinvd()   ((void)0)
#define cpu_lldt(sel)  ((void)(sel))
#define cpu_window(n)  machine_window(n)
/* Registers that no check here depends on. */
#define rdmsr(msr)     ((void)(msr), 0ULL)
#define wrmsr(msr, v)  ((void)(msr), (void)(v))
#define write_dr0(v)   ((void)(v))
#define write_dr1(v)   ((void)(v))
#define write_dr2(v)   ((void)(v))
#define write_dr3(v)   ((void)(v))
#define write_dr6(v)   ((void)(v))
#define write_dr7(v)   ((void)(v))

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between machine.c, machine_memory.c and machine_rest.c. */
#ifndef FUZZ_MACHINE_PRIVATE_H
#define FUZZ_MACHINE_PRIVATE_H

#include "machine.h"
#include "instructions.h"

void machine_memory_init(void);
/* Whom a CPU runs. */
struct vcpu *machine_current(unsigned int cpu);

#endif

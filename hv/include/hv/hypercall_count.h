/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of hypercalls, for sysctl perfc_op and debug keys. */
#ifndef HV_HYPERCALL_COUNT_H
#define HV_HYPERCALL_COUNT_H

#include <hv/compiler.h>

/* NULL if there is no hypercall of that number. */
const char *hypercall_name(unsigned int nr);
/* Calls since boot, all CPUs. nr < 64. */
uint64_t hypercall_count_of(unsigned int nr);

#endif

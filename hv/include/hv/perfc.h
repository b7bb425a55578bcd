/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Performance counters: per CPU, never locked, always counting. Rows: hv/perfc.def. */
#ifndef HV_PERFC_H
#define HV_PERFC_H

#include <hv/percpu.h>

struct perfc {
#define PERFC(name, text, values) uint64_t name[values];
#include "perfc.def"
#undef PERFC
};
DECLARE_PER_CPU(struct perfc, perfc);

#define perfc_inc(name)       ((void)this_cpu(perfc).name[0]++)
#define perfc_add(name, n)    ((void)(this_cpu(perfc).name[0] += (n)))
#define perfc_inc_at(name, i) ((void)this_cpu(perfc).name[i]++)

/* Shows all of them in the log; debug keys 'p' and, to begin anew, 'P'. */
void perfc_init(void);
void perfc_reset(void);
/* Counter n, "hypercalls" is 0: its name, NULL if there are no more, and how many values it has. */
const char *perfc_name(unsigned int n, unsigned int *nr_values);
/* Value i of counter n since the last reset, all CPUs. */
uint64_t perfc_value(unsigned int n, unsigned int i);

#endif

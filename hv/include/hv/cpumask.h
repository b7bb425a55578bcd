/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of physical CPUs. */
#ifndef HV_CPUMASK_H
#define HV_CPUMASK_H

#include <hv/bitmap.h>

#define MAX_CPUS 256u

typedef struct { uint64_t bits[BITMAP_WORDS(MAX_CPUS)]; } cpumask_t;

extern cpumask_t cpu_online_mask;   /* CPUs that run the scheduler; changed only at boot and CPU hot-plug */
extern unsigned int nr_cpu_ids;     /* 1 + highest CPU number ever possible on this machine */

static inline bool cpumask_test(const cpumask_t *m, unsigned int cpu) { return bit_test(m->bits, cpu); }
static inline void cpumask_set(cpumask_t *m, unsigned int cpu) { bit_set(m->bits, cpu); }
static inline void cpumask_clear(cpumask_t *m, unsigned int cpu) { bit_clear(m->bits, cpu); }
static inline void cpumask_atomic_set(cpumask_t *m, unsigned int cpu) { atomic_bit_set(m->bits, cpu); }
static inline void cpumask_atomic_clear(cpumask_t *m, unsigned int cpu) { atomic_bit_clear(m->bits, cpu); }
static inline cpumask_t cpumask_of(unsigned int cpu)
{
    cpumask_t m = { { 0 } };
    cpumask_set(&m, cpu);
    return m;
}
static inline cpumask_t cpumask_and(const cpumask_t *a, const cpumask_t *b)
{
    cpumask_t m;
    for (unsigned int i = 0; i < array_size(m.bits); i++)
        m.bits[i] = read_once(a->bits[i]) & read_once(b->bits[i]);
    return m;
}
static inline cpumask_t cpumask_all(void)
{
    cpumask_t m;
    for (unsigned int i = 0; i < array_size(m.bits); i++)
        m.bits[i] = ~0ULL;
    return m;
}
static inline bool cpumask_empty(const cpumask_t *m)
{
    uint64_t any = 0;
    for (unsigned int i = 0; i < array_size(m->bits); i++)
        any |= read_once(m->bits[i]);
    return any == 0;
}
static inline unsigned int cpumask_first(const cpumask_t *m) { return bitmap_find_set(m->bits, MAX_CPUS, 0); }
static inline unsigned int cpumask_weight(const cpumask_t *m) { return bitmap_weight(m->bits, MAX_CPUS); }
#define cpumask_for_each(cpu, m) bitmap_for_each(cpu, (m)->bits, MAX_CPUS)
#define for_each_online_cpu(cpu) cpumask_for_each(cpu, &cpu_online_mask)

#endif

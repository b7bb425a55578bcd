/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-CPU data. Each CPU's stack block is aligned to its size; its top holds
 * struct cpu_info, found by masking the stack pointer (arch/percpu.h). Module
 * variables live in section .data.percpu and are reached through cpu_info's offset. They
 * start as zero on every CPU: no initialisers.
 */
#ifndef HV_PERCPU_H
#define HV_PERCPU_H

#include <hv/compiler.h>

#ifdef HV_HOST_TEST
#define DEFINE_PER_CPU(type, name)  __typeof__(type) percpu_##name[4]
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name[4]
extern __thread unsigned int host_test_cpu;
#define this_cpu_id()     (host_test_cpu)
#define this_cpu(name)    (percpu_##name[host_test_cpu])
#define per_cpu(name, cpu) (percpu_##name[cpu])
#else
#include <arch/percpu.h> /* this_cpu_id(), this_cpu_offset(), current */
#define DEFINE_PER_CPU(type, name)  section(".data.percpu") __typeof__(type) percpu_##name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name
extern uint64_t percpu_offset[]; /* by CPU number; 0 for a CPU that was never there */
#define percpu_at(name, off) (*(__typeof__(percpu_##name) *)((uintptr_t)&percpu_##name + (off)))
#define this_cpu(name)     percpu_at(name, this_cpu_offset())
#define per_cpu(name, cpu) percpu_at(name, percpu_offset[cpu])

/* Allocates the area of a CPU other than the boot CPU. 0 or -ENOMEM. */
int percpu_alloc(unsigned int cpu) must_check;
#endif

#endif

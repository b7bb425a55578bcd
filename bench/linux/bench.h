/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measuring in Linux, as its first process: one operation between two RDTSC, many times; the median less that
 * of an empty pair becomes "BENCH name value". Under QEMU's -icount shift=0 one tick is one executed
 * instruction, everybody's: program, kernel, hypervisor. docs/benchmarks.md
 */
#ifndef LINUX_BENCH_H
#define LINUX_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SAMPLES      257u
#define SAMPLES_LONG 33u     /* of operations that take a hundred thousand */
#define PAGE_BYTES   4096u

extern uint64_t samples[SAMPLES];
extern bool tracing;         /* the command line says so: the operation is repeated for ever */

static inline uint64_t stamp(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) :: "memory");
    return (uint64_t)high << 32 | low;
}

/* The end of all measuring. */
void finish(void) __attribute__((noreturn));

static inline void must(bool ok, const char *what)
{
    if (!ok) {
        printf("BENCH-ERROR %s\n", what);
        finish();
    }
}
#define MUST(condition) must(condition, #condition)

/* Should this one be measured? bench=PATTERN (a part of the name) and trace=NAME on the kernel's command line. */
bool is_wanted(const char *name);
/* Sorts samples[0..nr), prints the median, a part of `share` of it. */
void report(const char *name, unsigned int nr, unsigned int share);
/* The same for a figure that is no median of samples[]. */
void report_value(const char *name, uint64_t value);
uint64_t median(unsigned int nr);

/* `share`: how many things one operation does. */
#define MEASURE_N(nr, share, name, prepare, operation)                  \
    do {                                                                \
        if (!is_wanted(name))                                           \
            break;                                                      \
        for (unsigned int i_ = 0; i_ < (nr) || tracing; i_++) {         \
            prepare;                                                    \
            const uint64_t from_ = stamp();                             \
            operation;                                                  \
            samples[i_ % SAMPLES] = stamp() - from_;                    \
        }                                                               \
        report(name, nr, share);                                        \
    } while (0)
/*
 * Many in a row, for what takes a fraction of a timer's tick or now and then a longer way: a median of single ones would
 * be now of one kind, now of the other.
 */
#define MEASURE_ROW(nr, length, name, operation)                        \
    MEASURE_N(nr, tracing ? 1 : (length), name, ,                       \
              for (unsigned int j_ = 0; j_ < (tracing ? 1 : (length)); j_++) { operation; })
#define MEASURE(name, operation)      MEASURE_N(SAMPLES, 1, name, , operation)
#define MEASURE_LONG(name, operation) MEASURE_N(SAMPLES_LONG, 1, name, , operation)

void bench_calls(void);
void bench_signals(void);
void bench_processes(void);
void bench_switches(void);
void bench_mappings(void);
void bench_io(void);
void bench_compiler(void);
/* Answers packets, for ever. */
void serve(void) __attribute__((noreturn));

#endif

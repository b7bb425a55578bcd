/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measuring in a bare-metal PV guest: one operation between two RDTSC, many times; the median less
 * that of an empty pair is printed as "BENCH name value". Under QEMU's -icount shift=0 one tick is
 * one executed instruction. docs/benchmarks.md
 */
#ifndef BENCH_H
#define BENCH_H

#include "../../tests/guest/lib/guest.h"

#define SAMPLES      257u
#define SAMPLES_LONG 33u     /* of operations that take tens of thousands */

extern uint64_t samples[SAMPLES];

static inline uint32_t stamp(void)
{
    uint32_t low;

    __asm__ volatile("rdtsc" : "=a"(low) :: "rdx", "memory");
    return low;
}

/* Does the command line say trace=name? Then it is repeated for ever, for somebody who logs instructions from outside. */
bool is_traced(const char *name);
/* Once, before the first report: what an empty pair takes. */
uint64_t measure_empty_pair(void);
/* Sorts samples[0..nr), prints the median. */
void report(const char *name, unsigned int nr);
/* The same, and an empty pair has not been in it. */
void report_whole(const char *name, unsigned int nr);

#define MEASURE_N(nr, name, prepare, operation)     \
    do {                                            \
        const bool forever_ = is_traced(name);      \
        for (unsigned int i_ = 0; i_ < (nr) || forever_; i_++) { \
            prepare;                                \
            const uint32_t from_ = stamp();         \
            operation;                              \
            samples[i_ % SAMPLES] = stamp() - from_; \
        }                                           \
        report(name, nr);                           \
    } while (0)
#define MEASURE_AFTER(name, prepare, operation) MEASURE_N(SAMPLES, name, prepare, operation)
#define MEASURE(name, operation)                MEASURE_N(SAMPLES, name, , operation)

/* An entry that maps va's page, as used: A and D set. */
static inline uint64_t used_pte(const void *va, uint64_t flags)
{
    return va_to_mfn(va) << 12 | PTE_P | PTE_A | PTE_D | PTE_US | flags;
}
/* Must succeed, or the figure means nothing. */
void must(long rc, const char *what);
#define MUST(call) must(call, #call)

/* stubs.S */
extern char fault_entry[], fault_code_entry[], upcall_entry[], upcall_entry_of_1[], user_call_entry[];
extern uint64_t fault_skip;            /* added to rip by the fault entries */
extern volatile uint32_t upcall_stamp; /* low half of the TSC at the upcall; 0: none yet */
extern volatile uint32_t upcall_stamp_of_1; /* vCPU 1's, by upcall_entry_of_1 */
/* Runs code in user mode; it comes back by a system call with a negative rax. */
void bench_user_run(const char *code);
extern const char user_nothing[], user_syscall[], user_int3[], user_int80[], user_pf[], user_ud[];
extern uint64_t user_call_flags;       /* of the iret that answers system calls */

/* Grants: pages of ours that domain `to` may map; then what `from` has offered is copied, mapped, unmapped. */
bool grants_offer(domid_t to);
void grants_copy(const char *name, unsigned int nr, unsigned int bytes, domid_t from, bool by_ref);
void grants_map(const char *map_name, const char *unmap_name, unsigned int nr, domid_t from);

void bench_calls(void);
void bench_events(void);
void bench_memory(void);
void bench_tables(void);
void bench_grants(void);
void bench_traps(void);
void bench_privileged(void);
void bench_user(void);
uint64_t system_time_at(uint32_t tsc_low);

#endif

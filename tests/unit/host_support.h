/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host unit tests can lean on. host_support.c defines, all of it weak: log lines
 * (to stderr), panic (aborts, or is caught), heap and pages (malloc), locks that check
 * pairing, the simulated CPU, a clock, frame table and RAM arrays, and the well-known
 * variables. A test overrides any of them by defining it.
 *
 * Include <cmocka.h> and system headers before any hv/ header: hv/compiler.h defines
 * short words (used, section, noreturn) as macros.
 */
#ifndef HOST_SUPPORT_H
#define HOST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/compiler.h>
#include <hv/percpu.h>

/* Heap allocations that are still there (heap_*, pages_*). */
extern unsigned long host_heap_outstanding;
/* The n-th heap allocation from now on fails, once (1 = the next); 0 = none does. */
extern unsigned long host_heap_fail_at;

/* now_ns() answers this. */
extern uint64_t host_now_ns;
/* Locks held now (by the weak spin locks). */
extern int host_locks_held;
/* Bit per softirq that was raised. */
extern unsigned int host_softirqs_raised;
/* The last line that printk or guest_printk was given, formatted. */
extern char host_last_log[512];
/* Set: log lines are kept, not shown. */
extern bool host_log_quiet;

/*
 * RAM of nr_frames pages behind mfn_va(), and their struct frames, all zero; pages_alloc then takes
 * its pages from there, from the top. host_ram_free gives all back.
 */
void host_ram_init(size_t nr_frames);
void host_ram_free(void);

/*
 * Runs a statement that must panic:  host_expect_panic(spin_unlock(&l));
 * The statement is left by longjmp.
 */
extern jmp_buf host_panic_jump;
extern bool host_panic_expected;
#define host_expect_panic(statement) do {            \
        host_panic_expected = true;                  \
        if (setjmp(host_panic_jump) == 0) {          \
            statement;                               \
            host_panic_expected = false;             \
            fail_msg("no panic: %s", #statement);    \
        }                                            \
        host_panic_expected = false;                 \
    } while (0)

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Among the files of the console only. */
#ifndef HV_CONSOLE_PRIVATE_H
#define HV_CONSOLE_PRIVATE_H

#include <hv/console.h>
#include <hv/log.h>

/* ---- sink.c: the console lock, and the places that output goes to ---- */
/*
 * Takes the console for this CPU, interrupts off. False if it has it already (an NMI or a fault came
 * in the middle), or if a panic has set the lock aside: go on all the same, with the spare buffer.
 */
bool console_enter(uint64_t *flags);
void console_leave(bool entered, uint64_t flags);
/* To every enabled sink. Inside enter/leave. */
void console_write(const char *s, size_t n);
/* Warns of names in console= that no driver answered to. */
void console_check_names(void);

/* ---- ring.c: inside enter/leave ---- */
void ring_append(const char *s, size_t n);
/* Hands the whole content to fn, oldest first. */
void ring_replay(void (*fn)(const char *s, size_t n));
/* Gives the ring its final size; takes the lock itself. */
void ring_grow(void);

/* ---- log.c ---- */
/* A line that a domain wrote: "(d1) text". */
void log_domain_line(unsigned int domid, const char *text);
/* Messages below this are always shown: 0 none .. 4 all. */
unsigned int log_threshold(void);
void log_print_thresholds(void);

/* ---- timestamp.c ---- */
#define TIMESTAMP_SIZE 32u
/* The stamp of a line that begins now, "" if console_timestamps= is off. Any context. */
void timestamp_format(char buf[TIMESTAMP_SIZE]);
/* Asks for the wall clock, which timestamp_format must not do. No lock held. */
void timestamp_sync(void);

/* ---- input.c ---- */
/* Takes up to size characters that were typed for the hardware domain. */
size_t input_take(char *buf, size_t size);
void input_end_boot(void);

/* ---- keys.c ---- */
void keys_init(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines, panics and assertions. Lines go to the console ring, to the serial
 * and VGA consoles as loglvl= and guest_loglvl= allow, and to `xl dmesg`.
 */
#ifndef HV_LOG_H
#define HV_LOG_H

#include <hv/compiler.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Any context. One call is one line or a part of one; the text carries its own "\n". */
void printk(enum log_level level, const char *fmt, ...) printf_like(2, 3);
#define log_err(...)   printk(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  printk(LOG_WARN, __VA_ARGS__)
#define log_info(...)  printk(LOG_INFO, __VA_ARGS__)
#define log_debug(...) printk(LOG_DEBUG, __VA_ARGS__)

/*
 * Lines that a guest can cause: prefixed with the current vCPU as d1v0, filtered
 * by guest_loglvl= and limited in rate. The only log call on a guest's behalf.
 */
void guest_printk(enum log_level level, const char *fmt, ...) printf_like(2, 3);

/* Stops the machine with a message, registers and a symbolised stack. Never guest-reachable. */
void panic(const char *fmt, ...) noreturn cold printf_like(1, 2);

/* Arch contract: prints the symbolised stack of the caller, through printk. */
void arch_dump_stack(void);

#define BUG() panic("BUG at %s:%d\n", __FILE__, __LINE__)
#define BUG_ON(c) do { if (unlikely(c)) panic("BUG at %s:%d: %s\n", __FILE__, __LINE__, #c); } while (0)
/* Cheap assertions stay on in every build; ASSERT_DEBUG is for the costly ones. */
#define ASSERT(c) BUG_ON(!(c))
#ifdef HV_DEBUG
#define ASSERT_DEBUG(c) ASSERT(c)
#else
#define ASSERT_DEBUG(c) ((void)sizeof(c))
#endif

#endif

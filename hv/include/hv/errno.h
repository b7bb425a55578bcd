/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error values are negative Xen errno numbers (public header xen/errno.h).
 * ERR(EINVAL) makes one; debug builds remember where it was born, and the
 * crash report and debug key 'E' show the last few (core/errlog.c).
 */
#ifndef HV_ERRNO_H
#define HV_ERRNO_H

#include <xen/errno.h>

/* Remembers the place in the CPU's ring and returns error. Any context. */
int errlog_note(int error, const char *file, int line);
/* Prints the last places of every CPU, newest last. */
void errlog_dump(void);

#if defined(HV_DEBUG) && !defined(HV_HOST_TEST)
#define ERR(name) errlog_note(-(int)XEN_##name, __FILE__, __LINE__)
#else
#define ERR(name) (-(int)XEN_##name)
#endif

/* Internal: a preemptible operation stopped early and wants to be called again. */
#define XEN_ERESTART 85

#endif

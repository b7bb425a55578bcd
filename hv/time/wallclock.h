/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to time/: what readings of a clock of whole seconds say. */
#ifndef HV_TIME_WALLCLOCK_H
#define HV_TIME_WALLCLOCK_H

#include <hv/time.h>

#define WALLCLOCK_EDGE_NS 3000000u /* a reading "at the edge" is this late at most */

/* UTC at system time 0 is in [low_ns, high_ns). */
struct wallclock_bounds { int64_t low_ns, high_ns; };

/* The clock showed unix_seconds at system_ns, at_edge: the second had just begun. */
void wallclock_narrow(struct wallclock_bounds *b, uint64_t unix_seconds, uint64_t system_ns, bool at_edge);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests named after published advisories about Xen, each for the class of what was wrong: docs/advisories.md. */
#ifndef ADVISORY_H
#define ADVISORY_H

#include "../lib/guest.h"

extern domid_t own_id;
extern bool is_dom0;

/* vCPU 1 does this over and over, until stop_other(). */
void start_other(void (*fn)(void));
void stop_other(void);
/* For loops against the other vCPU: while (racing(&end)), which begins as 0. Long enough for luck, short enough for a busy machine. */
static inline bool racing(uint64_t *end)
{
    const uint64_t now = system_time();

    if (*end == 0)
        *end = now + 600000000;
    return now < *end;
}

void grants(void), events(void), traps(void), control(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers in order of expiry: a pairing heap whose links are in the timers, so that setting a
 * timer needs no memory and cannot fail. Insertion is constant time; taking one out is
 * logarithmic, amortised, also for a timer in the middle. Pure; the caller locks.
 *
 * Q1  No timer expires before its parent.
 * Q2  `prev` of a first child is its parent, of another child its left neighbour, of the root NULL.
 */
#ifndef HV_TIME_TIMER_QUEUE_H
#define HV_TIME_TIMER_QUEUE_H

#include <hv/time.h>

struct timer_queue { struct timer *first; /* the earliest; NULL: empty */ };

/* t is in no queue. */
void timer_queue_insert(struct timer_queue *q, struct timer *t);
/* t is in q. */
void timer_queue_remove(struct timer_queue *q, struct timer *t);

#endif

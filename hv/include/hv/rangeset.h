/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of uint64_t kept as sorted, disjoint, inclusive ranges. It has its own lock, taken with interrupts off. */
#ifndef HV_RANGESET_H
#define HV_RANGESET_H

#include <hv/list.h>
#include <hv/lock.h>

struct rangeset {
    struct list ranges;
    struct spinlock lock;      /* RANK_LEAF-like: allocates before it locks */
    unsigned int nr_ranges;
};

void rangeset_init(struct rangeset *r);
void rangeset_fini(struct rangeset *r);
/* 0 or -ENOMEM (nothing changed) or -EINVAL (first > last). */
int rangeset_add(struct rangeset *r, uint64_t first, uint64_t last) must_check;
int rangeset_remove(struct rangeset *r, uint64_t first, uint64_t last) must_check;
bool rangeset_contains(struct rangeset *r, uint64_t first, uint64_t last);
bool rangeset_overlaps(struct rangeset *r, uint64_t first, uint64_t last);
/*
 * Calls fn for each range in order until it returns non-zero, which is returned. The lock is not
 * held meanwhile: fn may take locks, and ranges that change during the walk are seen old or new.
 */
int rangeset_walk(struct rangeset *r, int (*fn)(uint64_t first, uint64_t last, void *arg), void *arg);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairing heap of timers: see timer_queue.h. */
#include "timer_queue.h"

/* Joins two heaps, either of which may be empty; the later one becomes a child of the earlier. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (a == NULL || b == NULL)
        return a ? a : b;
    if (b->expires_ns < a->expires_ns) {
        struct timer *later = a;

        a = b;
        b = later;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child != NULL)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* Takes the first heap off a list of siblings. */
static struct timer *detach_first(struct timer **siblings)
{
    struct timer *t = *siblings;

    if (t != NULL) {
        *siblings = t->next;
        t->next = t->prev = NULL;
    }
    return t;
}

/*
 * Makes one heap of a list of siblings: pairs from left to right, then all pairs from
 * right to left. Both passes are what bounds the amortised cost.
 */
static struct timer *join_siblings(struct timer *siblings)
{
    struct timer *pairs = NULL, *whole = NULL, *pair;

    while (siblings != NULL) {
        struct timer *left = detach_first(&siblings);

        pair = meld(left, detach_first(&siblings));
        pair->next = pairs;
        pairs = pair;
    }
    while ((pair = detach_first(&pairs)) != NULL)
        whole = meld(whole, pair);
    return whole;
}

void timer_queue_insert(struct timer_queue *q, struct timer *t)
{
    t->child = t->next = t->prev = NULL;
    q->first = meld(q->first, t);
}

/* t is not the first: its parent or left neighbour forgets it. */
static void unlink_from_family(struct timer *t)
{
    if (t->prev->child == t)
        t->prev->child = t->next;
    else
        t->prev->next = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
}

void timer_queue_remove(struct timer_queue *q, struct timer *t)
{
    struct timer *orphans = join_siblings(t->child);

    if (q->first == t) {
        q->first = orphans;
    } else {
        unlink_from_family(t);
        q->first = meld(q->first, orphans);
    }
    t->child = t->next = t->prev = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of integers as sorted, disjoint, inclusive ranges that never touch: two ranges
 * that meet are one. Owns the nodes; guarded by the set's own lock.
 *
 * Order: the heap's lock ranks below this one, so a node that may be needed is
 * allocated before the lock is taken, and what became superfluous is freed after it.
 */
#include <hv/errno.h>
#include <hv/mm.h>
#include <hv/rangeset.h>

struct range {
    struct list link;
    uint64_t first, last;
};

static void free_all(struct list *ranges)
{
    struct range *x, *tmp;

    list_for_each_safe(x, tmp, ranges, link)
        heap_free(x);
    list_init(ranges);
}

void rangeset_init(struct rangeset *r)
{
    list_init(&r->ranges);
    spin_init(&r->lock, RANK_LEAF);
    r->nr_ranges = 0;
}

void rangeset_fini(struct rangeset *r)
{
    free_all(&r->ranges);
    r->nr_ranges = 0;
}

/* The first range that ends at or after n; the list's head stands for "none". */
static struct list *find_reaching(struct rangeset *r, uint64_t n)
{
    struct range *x;

    list_for_each(x, &r->ranges, link)
        if (x->last >= n)
            return &x->link;
    return &r->ranges;
}

static struct range *range_at(struct rangeset *r, struct list *l)
{
    return l == &r->ranges ? NULL : list_entry(l, struct range, link);
}

static void insert_before(struct rangeset *r, struct list *place, struct range *x)
{
    list_insert_between(&x->link, place->prev, place);
    r->nr_ranges++;
}

static void move_out(struct rangeset *r, struct range *x, struct list *dropped)
{
    list_remove(&x->link);
    list_add_tail(dropped, &x->link);
    r->nr_ranges--;
}

/* Everything that overlaps or touches the new range becomes part of it. */
static void merge_in(struct rangeset *r, struct range *new, struct list *dropped)
{
    struct list *place = find_reaching(r, new->first ? new->first - 1 : 0);
    struct range *x;

    while ((x = range_at(r, place)) && (x->first == 0 || x->first - 1 <= new->last)) {
        place = x->link.next;
        new->first = min(new->first, x->first);
        new->last = max(new->last, x->last);
        move_out(r, x, dropped);
    }
    insert_before(r, place, new);
}

int rangeset_add(struct rangeset *r, uint64_t first, uint64_t last)
{
    struct list dropped = LIST_INIT(dropped);
    struct range *new;

    if (first > last)
        return ERR(EINVAL);
    new = heap_new(struct range);
    if (!new)
        return ERR(ENOMEM);
    new->first = first;
    new->last = last;

    uint64_t flags = spin_lock_irqsave(&r->lock);
    merge_in(r, new, &dropped);
    spin_unlock_irqrestore(&r->lock, flags);
    free_all(&dropped);
    return 0;
}

/* x loses what it shares with [first, last]. `tail` becomes the far part if x is split; returns whether it did. */
static bool cut(struct rangeset *r, struct range *x, uint64_t first, uint64_t last,
                struct range *tail, struct list *dropped)
{
    bool keeps_head = x->first < first, keeps_tail = x->last > last;

    if (keeps_head && keeps_tail) {
        tail->first = last + 1;
        tail->last = x->last;
        x->last = first - 1;
        insert_before(r, x->link.next, tail);
        return true;
    }
    if (keeps_head)
        x->last = first - 1;
    else if (keeps_tail)
        x->first = last + 1;
    else
        move_out(r, x, dropped);
    return false;
}

static bool cut_out(struct rangeset *r, uint64_t first, uint64_t last, struct range *spare, struct list *dropped)
{
    struct list *place = find_reaching(r, first);
    struct range *x;
    bool split = false;

    while (!split && (x = range_at(r, place)) && x->first <= last) {
        place = x->link.next;
        split = cut(r, x, first, last, spare, dropped);
    }
    return split;
}

int rangeset_remove(struct rangeset *r, uint64_t first, uint64_t last)
{
    struct list dropped = LIST_INIT(dropped);
    struct range *spare;
    bool spare_used;

    if (first > last)
        return ERR(EINVAL);
    spare = heap_new(struct range);
    if (!spare)
        return ERR(ENOMEM);

    uint64_t flags = spin_lock_irqsave(&r->lock);
    spare_used = cut_out(r, first, last, spare, &dropped);
    spin_unlock_irqrestore(&r->lock, flags);
    if (!spare_used)
        heap_free(spare);
    free_all(&dropped);
    return 0;
}

bool rangeset_contains(struct rangeset *r, uint64_t first, uint64_t last)
{
    uint64_t flags = spin_lock_irqsave(&r->lock);
    const struct range *x = range_at(r, find_reaching(r, first));
    bool inside = x && x->first <= first && x->last >= last && first <= last;

    spin_unlock_irqrestore(&r->lock, flags);
    return inside;
}

bool rangeset_overlaps(struct rangeset *r, uint64_t first, uint64_t last)
{
    uint64_t flags = spin_lock_irqsave(&r->lock);
    const struct range *x = range_at(r, find_reaching(r, first));
    bool overlaps = x && x->first <= last && first <= last;

    spin_unlock_irqrestore(&r->lock, flags);
    return overlaps;
}

/* The part at or above `from` of the first range that reaches it. */
static bool next_range(struct rangeset *r, uint64_t from, uint64_t *first, uint64_t *last)
{
    uint64_t flags = spin_lock_irqsave(&r->lock);
    const struct range *x = range_at(r, find_reaching(r, from));

    if (x) {
        *first = max(x->first, from);
        *last = x->last;
    }
    spin_unlock_irqrestore(&r->lock, flags);
    return x != NULL;
}

int rangeset_walk(struct rangeset *r, int (*fn)(uint64_t first, uint64_t last, void *arg), void *arg)
{
    uint64_t first = 0, last = 0, from = 0;

    while (next_range(r, from, &first, &last)) {
        int ret = fn(first, last, arg);

        if (ret || last == UINT64_MAX)
            return ret;
        from = last + 1;
    }
    return 0;
}

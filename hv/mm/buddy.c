/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine page allocator: free blocks of 2^order frames, aligned to their size, in lists by zone
 * and order. Zone z holds the frames whose number has z significant bits, so a limit on the
 * address width is a limit on the zone, and low memory is used last. Frame 0 is never handed
 * out: every block then lies in one zone.
 *
 * The links are in the head's struct frame. Frames that a guest had are cleared, and TLBs
 * that may still know them flushed, when they are handed out again, not before: freeing is short.
 *
 * Lock: `lock` (RANK_BUDDY) guards the lists and counters. See docs/memory.md.
 */
#include <arch/tlb.h>
#include <hv/errno.h>
#include <hv/fault.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/mm.h>

#define NR_ZONES 33u /* links are 32-bit frame numbers */

static struct spinlock lock = SPINLOCK_INIT(RANK_BUDDY);
static struct {
    uint32_t orders;                /* bit per order that has a block */
    uint32_t head[MAX_ORDER + 1];   /* meaningful where the bit is set */
} zone[NR_ZONES];
static uint64_t zones;              /* bit per zone that has a block */
static uint64_t nr_free, nr_total, nr_claimed;

static unsigned int zone_of(uint32_t mfn)
{
    return 32u - (unsigned int)__builtin_clz(mfn);
}

static struct frame *frame_at(uint32_t mfn)
{
    return frame_of(MFN(mfn));
}

/* ---- the lists; lock held ---- */

static void block_insert(uint32_t mfn, unsigned int order)
{
    const unsigned int z = zone_of(mfn);
    struct frame *f = frame_at(mfn);
    const bool has = (zone[z].orders >> order) & 1;

    f->order = (uint8_t)order;
    f->flags |= FRAME_FREE;
    f->prev = FRAME_NO_LINK;
    f->next = has ? zone[z].head[order] : FRAME_NO_LINK;
    if (has)
        frame_at(f->next)->prev = mfn;
    zone[z].head[order] = mfn;
    zone[z].orders |= 1u << order;
    zones |= 1ULL << z;
}

static void block_remove(uint32_t mfn)
{
    const unsigned int z = zone_of(mfn);
    struct frame *f = frame_at(mfn);

    if (f->next != FRAME_NO_LINK)
        frame_at(f->next)->prev = f->prev;
    if (f->prev != FRAME_NO_LINK)
        frame_at(f->prev)->next = f->next;
    else if (f->next != FRAME_NO_LINK)
        zone[z].head[f->order] = f->next;
    else
        zone[z].orders &= ~(1u << f->order);
    if (zone[z].orders == 0)
        zones &= ~(1ULL << z);
    f->flags &= (uint16_t)~FRAME_FREE;
}

static bool is_free_block(uint64_t mfn, unsigned int order)
{
    if (mfn == 0 || !mfn_is_valid(MFN(mfn)))
        return false;
    const struct frame *f = frame_of(MFN(mfn));

    return (f->flags & FRAME_FREE) && f->order == order;
}

/* Joins the block with its free neighbour of the same size as long as there is one. */
static void block_release(uint32_t mfn, unsigned int order)
{
    for (; order < MAX_ORDER; order++) {
        const uint32_t buddy = mfn ^ (1u << order);

        if (!is_free_block(buddy, order))
            break;
        block_remove(buddy);
        mfn &= ~(1u << order);
    }
    block_insert(mfn, order);
}

/* The smallest block that is large enough in the highest zone that has one; order out. 0: none. */
static uint32_t block_find(unsigned int wanted, unsigned int top_zone, unsigned int *order)
{
    for (uint64_t left = zones & ((2ULL << top_zone) - 1); left != 0;) {
        const unsigned int z = 63u - (unsigned int)__builtin_clzll(left);
        const uint32_t fits = zone[z].orders & ~((1u << wanted) - 1);

        if (fits) {
            *order = (unsigned int)__builtin_ctz(fits);
            return zone[z].head[*order];
        }
        left &= ~(1ULL << z);
    }
    return 0;
}

static uint32_t block_take(unsigned int order, unsigned int top_zone)
{
    unsigned int have = 0;
    const uint32_t mfn = block_find(order, top_zone, &have);

    if (mfn == 0)
        return 0;
    block_remove(mfn);
    /* The upper halves go back: later requests get the neighbours, in ascending order. */
    while (have > order) {
        have--;
        block_insert(mfn + (1u << have), have);
    }
    return mfn;
}

/* ---- handing out ---- */

static unsigned int top_zone_for(uint32_t alloc_flags)
{
    const unsigned int bits = ALLOC_BITS_OF(alloc_flags);

    if (bits == 0)
        return NR_ZONES - 1;
    return bits <= PAGE_SHIFT ? 0 : min(bits - PAGE_SHIFT, NR_ZONES - 1);
}

void frames_flush_stale(const struct frame *f, uint64_t n)
{
    const uint32_t now = tlb_clock_now();
    uint32_t youngest = 0;
    bool any = false;

    for (uint64_t i = 0; i < n; i++) {
        if (!(f[i].flags & FRAME_STALE_TLB))
            continue;
        /* The clock wraps: what counts is how long ago. */
        if (!any || now - f[i].tlb_stamp < now - youngest)
            youngest = f[i].tlb_stamp;
        any = true;
    }
    if (!any)
        return;
    cpumask_t cpus = cpu_online_mask;

    tlb_filter(&cpus, youngest);
    if (!cpumask_empty(&cpus))
        tlb_flush_mask(&cpus, TLB_FLUSH_GLOBAL, 0);
}

static void make_ready(struct frame *f, uint64_t n, uint32_t alloc_flags)
{
    frames_flush_stale(f, n);
    for (uint64_t i = 0; i < n; i++) {
        const bool dirty = (f[i].flags & FRAME_NEED_SCRUB) && !(alloc_flags & ALLOC_NO_SCRUB);

        f[i].flags = 0;
        if (dirty || (alloc_flags & ALLOC_ZERO))
            memset(frame_va(f + i), 0, PAGE_SIZE);
    }
}

struct frame *buddy_alloc_claimed(unsigned int order, uint32_t alloc_flags, uint64_t claim)
{
    const uint64_t n = 1ULL << order;
    uint32_t mfn = 0;

    if (order > MAX_ORDER || fault_due(FAULT_ALLOC))
        return NULL;
    spin_lock(&lock);
    if (claim >= n || nr_claimed + n <= nr_free)
        mfn = block_take(order, top_zone_for(alloc_flags));
    if (mfn)
        nr_free -= n;
    spin_unlock(&lock);
    if (mfn == 0)
        return NULL;
    make_ready(frame_at(mfn), n, alloc_flags);
    return frame_at(mfn);
}

struct frame *buddy_alloc(unsigned int order, uint32_t alloc_flags)
{
    return buddy_alloc_claimed(order, alloc_flags, 0);
}

void buddy_free(struct frame *f, unsigned int order)
{
    const uint64_t n = 1ULL << order;

    for (uint64_t i = 0; i < n; i++) {
        ASSERT(f[i].refs == 0 && !(f[i].flags & FRAME_FREE));
        f[i].type_info = 0;
        f[i].owner = DOMID_INVALID;
        f[i].flags &= FRAME_NEED_SCRUB | FRAME_STALE_TLB;
    }
    spin_lock(&lock);
    block_release((uint32_t)frame_mfn(f).v, order);
    nr_free += n;
    spin_unlock(&lock);
}

/* ---- memory comes in ---- */

/* RAM as the loader left it: it may hold a former system's data. */
static void frames_init(uint64_t first, uint64_t end)
{
    for (uint64_t m = first; m < end; m++)
        *frame_of(MFN(m)) = (struct frame){
            .owner = DOMID_INVALID, .flags = FRAME_NEED_SCRUB, .next = FRAME_NO_LINK, .prev = FRAME_NO_LINK,
        };
}

static unsigned int largest_order(uint64_t mfn, uint64_t end)
{
    unsigned int order = min((unsigned int)__builtin_ctzll(mfn), MAX_ORDER);

    while (mfn + (1ULL << order) > end)
        order--;
    return order;
}

void buddy_add(mfn_t start, mfn_t end)
{
    const uint64_t first = max(start.v, (uint64_t)1), last = min(end.v, (uint64_t)FRAME_NO_LINK);

    if (first >= last)
        return;
    frames_init(first, last);
    spin_lock(&lock);
    for (uint64_t m = first; m < last;) {
        const unsigned int order = largest_order(m, last);

        block_release((uint32_t)m, order);
        m += 1ULL << order;
    }
    nr_free += last - first;
    nr_total += last - first;
    spin_unlock(&lock);
}

/* ---- promises and numbers ---- */

int buddy_claim(uint64_t n)
{
    int rc = 0;

    spin_lock(&lock);
    if (n > nr_free || nr_claimed > nr_free - n)
        rc = ERR(ENOMEM);
    else
        nr_claimed += n;
    spin_unlock(&lock);
    return rc;
}

void buddy_unclaim(uint64_t n)
{
    spin_lock(&lock);
    ASSERT(n <= nr_claimed);
    nr_claimed -= n;
    spin_unlock(&lock);
}

uint64_t buddy_nr_claimed(void)
{
    return read_once(nr_claimed);
}

uint64_t buddy_nr_free(void)
{
    return read_once(nr_free);
}

uint64_t buddy_nr_total(void)
{
    return read_once(nr_total);
}

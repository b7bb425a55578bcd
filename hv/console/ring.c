/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console ring that `xl dmesg` reads. Positions are counters that wrap at 2^32; the
 * ring's size is a power of two. Guarded by the console lock.
 */
#include <hv/cpumask.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <xen/sysctl.h>
#include "private.h"

#define EARLY_SIZE  16384u
#define LARGEST     (64u << 20)
#define CHUNK       256u

static uint64_t wanted_size;
BOOT_PARAM_SIZE(conring_size, "conring_size", wanted_size);

static char early_ring[EARLY_SIZE];
static char *ring = early_ring;
static uint32_t ring_size = EARLY_SIZE;
static uint32_t produced;   /* position of the next character */
static uint32_t cleared;    /* where a reading from the start starts (XEN_SYSCTL_readconsole.clear) */

void ring_append(const char *s, size_t n)
{
    while (n--)
        ring[produced++ & (ring_size - 1)] = *s++;
}

static uint32_t oldest(uint32_t from)
{
    return produced - from > ring_size ? produced - ring_size : from;
}

/* The longest piece from `at` on that is in one part of the ring. */
static size_t piece_at(uint32_t at, const char **s)
{
    uint32_t place = at & (ring_size - 1);

    *s = ring + place;
    return min(produced - at, ring_size - place);
}

void ring_replay(void (*fn)(const char *s, size_t n))
{
    const char *s;
    size_t n;

    for (uint32_t at = oldest(0); at != produced; at += (uint32_t)n) {
        n = piece_at(at, &s);
        fn(s, n);
    }
}

static uint32_t power_of_two_below(uint64_t n)
{
    return 1u << (63 - __builtin_clzll(n));
}

/* ABI: stock Xen's default grows with the number of CPUs and the log level. */
static uint32_t final_size(void)
{
    uint64_t size = wanted_size ? wanted_size : (uint64_t)nr_cpu_ids << (9 + log_threshold());

    return power_of_two_below(min(max(size, (uint64_t)EARLY_SIZE), (uint64_t)LARGEST));
}

static unsigned int order_of(uint32_t bytes)
{
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

static void move_to(char *space, uint32_t size)
{
    for (uint32_t at = oldest(0); at != produced; at++)
        space[at & (size - 1)] = ring[at & (ring_size - 1)];
    ring = space;
    ring_size = size;
}

void ring_grow(void)
{
    uint32_t size = final_size();
    uint64_t flags;
    char *space;
    bool entered;

    if (size <= ring_size)
        return;
    space = pages_alloc(order_of(size), ALLOC_ZERO);
    if (!space) {
        log_warn("No memory for a console ring of %u KiB\n", size >> 10);
        return;
    }
    entered = console_enter(&flags);
    move_to(space, size);
    console_leave(entered, flags);
    log_info("Allocated console ring of %u KiB.\n", size >> 10);
}

/* Copies from position *at on; moves it behind what was copied. */
static size_t ring_copy(uint32_t *at, char *buf, size_t size)
{
    size_t n = 0;
    uint64_t flags;
    bool entered = console_enter(&flags);

    for (*at = oldest(*at); *at != produced && n < size; (*at)++)
        buf[n++] = ring[*at & (ring_size - 1)];
    console_leave(entered, flags);
    return n;
}

static void ring_clear(void)
{
    uint64_t flags;
    bool entered = console_enter(&flags);

    cleared = produced;
    console_leave(entered, flags);
}

int console_read_ring(struct xen_sysctl_readconsole *op)
{
    uint32_t at = read_once(cleared);
    uint32_t done = 0;
    char buf[CHUNK];
    size_t n;

    /* ABI: an incremental reader goes on where it was, but not before what was cleared. */
    if (op->incremental && (int32_t)(op->index - at) > 0)
        at = op->index;
    /* Trust: a position from the future is as good as one from the far past: it counts as lost. */
    while (done < op->count && (n = ring_copy(&at, buf, min(op->count - done, CHUNK))) != 0) {
        if (copy_to_guest_at(op->buffer, done, buf, n))
            return ERR(EFAULT);
        done += (uint32_t)n;
    }
    if (op->clear)
        ring_clear();
    op->count = done;
    op->index = at;
    return 0;
}

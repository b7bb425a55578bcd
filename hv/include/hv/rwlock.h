/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks that many may hold to read, or one to write. A writer keeps further readers out as soon as it is its
 * turn; those come in turn with the writers, so nobody waits for ever. Not for interrupt handlers; who
 * holds it takes it no second time. Ranks are those of hv/lock.h.
 */
#ifndef HV_RWLOCK_H
#define HV_RWLOCK_H

#include <arch/patch.h>
#include <hv/lock.h>

struct rwlock {
    uint32_t readers;      /* inside; and RW_WRITER (atomic) */
    struct spinlock turn;  /* the writer's, and of whoever waits */
};

#define RW_WRITER (1u << 31)
#define RWLOCK_INIT(r) { .turn = SPINLOCK_INIT(r) }

static inline void rw_init(struct rwlock *l, enum lock_rank rank) { *l = (struct rwlock)RWLOCK_INIT(rank); }

/* Counted in, but a writer is inside or waits: until it is gone. Nothing is wrong if none is. */
void rw_wait_to_read(struct rwlock *l);
void rw_write_lock(struct rwlock *l);
void rw_write_unlock(struct rwlock *l);
/* For the writer inside: does anybody wait? */
bool rw_is_contended(const struct rwlock *l);

/* One more reader, which has to wait: for a writer, or because locks are hardened. */
#ifdef HV_HOST_TEST
static always_inline bool rw_count_reader(uint32_t *readers) { return __atomic_add_fetch(readers, 1, __ATOMIC_ACQUIRE) & RW_WRITER; }
#else
static always_inline bool rw_count_reader(uint32_t *readers)
{
    __asm__ goto("lock incl %[readers]\n\t" LOCK_BRANCH("0x88", "%l[wait]") :: [readers] "m"(*readers) : "cc", "memory" : wait);
    return false;
wait:
    return true;
}
#endif

static inline void rw_read_lock(struct rwlock *l)
{
    if (unlikely(rw_count_reader(&l->readers)))
        rw_wait_to_read(l);
    lock_order_enter(l->turn.rank);
}

static inline void rw_read_unlock(struct rwlock *l)
{
    lock_order_leave(l->turn.rank);
    (void)__atomic_sub_fetch(&l->readers, 1, __ATOMIC_RELEASE);
}

#endif

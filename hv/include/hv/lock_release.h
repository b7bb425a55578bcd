/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The locks of hv/lock.h without checks, for release builds: only hv/lock.h includes this. */
#ifndef HV_LOCK_RELEASE_H
#define HV_LOCK_RELEASE_H

#include <arch/cpu.h>
#include <arch/patch.h>

/* Until `ticket` is served; the way here is the only one where locks are hardened. */
void spin_wait(struct spinlock *l, uint16_t ticket);

static inline void spin_lock(struct spinlock *l)
{
    const uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_ACQUIRE);

    __asm__ goto("cmpw %[ticket], %[serving]\n\t" LOCK_BRANCH("0x85", "%l[wait]")
                 :: [serving] "m"(l->serving), [ticket] "r"(ticket) : "cc", "memory" : wait);
    return;
wait:
    spin_wait(l, ticket);
}

/* Order: only the holder writes `serving`: a release store, no locked instruction. */
static inline void spin_unlock(struct spinlock *l)
{
    __atomic_store_n(&l->serving, (uint16_t)(l->serving + 1), __ATOMIC_RELEASE);
}

static inline uint64_t spin_lock_irqsave(struct spinlock *l)
{
    const uint64_t flags = irq_save();

    spin_lock(l);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
    spin_unlock(l);
    irq_restore(flags);
}

#endif

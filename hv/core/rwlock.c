/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The long ways of hv/rwlock.h. */
#include <arch/cpu.h>
#include <arch/patch.h>
#include <hv/rwlock.h>

/* In turn with the writers, or these could keep a reader out for ever. Whoever has the turn sees no writer inside. */
void rw_wait_to_read(struct rwlock *l)
{
    (void)__atomic_sub_fetch(&l->readers, 1, __ATOMIC_RELEASE);
    spin_lock(&l->turn);
    (void)__atomic_add_fetch(&l->readers, 1, __ATOMIC_ACQUIRE);
    lock_nospec();
    spin_unlock(&l->turn);
}

void rw_write_lock(struct rwlock *l)
{
    spin_lock(&l->turn);
    (void)__atomic_fetch_or(&l->readers, RW_WRITER, __ATOMIC_ACQUIRE);
    while (__atomic_load_n(&l->readers, __ATOMIC_ACQUIRE) != RW_WRITER)
        cpu_relax();
    lock_nospec();
}

void rw_write_unlock(struct rwlock *l)
{
    (void)__atomic_fetch_and(&l->readers, ~RW_WRITER, __ATOMIC_RELEASE);
    spin_unlock(&l->turn);
}

bool rw_is_contended(const struct rwlock *l)
{
    return (uint16_t)(read_once(l->turn.next) - read_once(l->turn.serving)) > 1;
}

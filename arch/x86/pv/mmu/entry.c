/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * L1 entries: what a guest may map, and the references that a mapping holds (docs/pv-mmu.md,
 * P1, P2). A present entry of RAM holds a general reference to its frame, and one as
 * FRAME_WRITABLE if it has RW. Entries of I/O memory hold nothing.
 * Lock: the page tables' owner's mmu_lock, shared at least, except where an entry is in no table.
 */
#include "mmu.h"
#include <arch/cpu.h>
#include <arch/spec_ctrl.h>
#include <hv/errno.h>
#include <hv/frame_refs.h>
#include <hv/percpu.h>

/* Changes of these bits need no reference and no check. */
#define L1_HARMLESS (PTE_US | PTE_A | PTE_D | PTE_G | PTE_AVL | PTE_NX | (0x7ffULL << 52))

/* ---- whose memory ---- */

/* Trust: the frame number is the guest's; it names no RAM. */
static int may_map_io(const struct pt_context *c, mfn_t mfn)
{
    struct domain *pages = c->pages == NULL || c->pages == domain_io ? c->caller : c->pages;

    if (!rangeset_contains(&pages->iomem_allowed, mfn.v, mfn.v))
        return mfn.v == PTE_ADDR >> PAGE_SHIFT ? ERR(EINVAL) : ERR(EPERM);
    if (pages != c->owner && !rangeset_contains(&c->owner->iomem_allowed, mfn.v, mfn.v))
        return ERR(EPERM);
    return mfn.v >> (cpu_features.phys_bits - PAGE_SHIFT) ? ERR(EINVAL) : 0;
}

/* The control domain may map what any domain owns, and what is shown to it as DOMID_XEN's. */
static inline const struct domain *required_owner(const struct pt_context *c)
{
    return c->pages && !c->pages->is_control ? c->pages : NULL;
}

static inline bool may_map(const struct pt_context *c, const struct frame *f)
{
    const struct domain *d = required_owner(c);

    return d == NULL || f->owner == d->id;
}

/* ---- references ---- */

static always_inline int acquire_ram(const struct pt_context *c, pte_t e, struct frame *f)
{
    if (unlikely(!frame_get_fast(f, required_owner(c))))
        return ERR(EBUSY);
    if (unlikely((e & PTE_CACHE_ATTR) && (f->flags & FRAME_HYPERVISOR))) {
        frame_put(f);
        return ERR(EACCES);
    }
    if (!(e & PTE_RW) || likely(frame_take_writable_fast(f, c->owner) == 0))
        return 0;
    frame_put(f);
    return ERR(EBUSY);
}

static always_inline int acquire(const struct pt_context *c, pte_t e)
{
    const mfn_t mfn = pte_mfn(e);

    if (unlikely(!mfn_is_valid(mfn)))
        return may_map_io(c, mfn);
    return acquire_ram(c, e, frame_of(mfn));
}

int l1e_acquire(const struct pt_context *c, pte_t e)
{
    return acquire(c, e);
}

/* Checks, adjusts and refers to what a present entry names. */
static inline int acquire_in_place(const struct pt_context *c, pte_t *slot)
{
    const pte_t e = *slot, adjusted = l1e_adjust(e);
    int rc;

    if (unlikely(e & c->l1_forbidden))
        return ERR(EINVAL);
    rc = acquire(c, adjusted);
    if (likely(rc == 0) && adjusted != e)
        *slot = adjusted;
    return rc;
}

int l1e_acquire_all(const struct pt_context *c, pte_t *table, uint16_t *nr_done)
{
    for (unsigned int i = pt_next_present(table, *nr_done); i < PT_ENTRIES; i = pt_next_present(table, i + 1)) {
        const int rc = acquire_in_place(c, &table[i]);

        if (unlikely(rc != 0)) {
            *nr_done = (uint16_t)i;
            return rc;
        }
    }
    *nr_done = PT_ENTRIES;
    return 0;
}

static always_inline void release(const struct pt_context *c, pte_t e)
{
    struct frame *f;

    if (!(e & PTE_P) || unlikely(!mfn_is_valid(pte_mfn(e))))
        return;
    f = frame_of(pte_mfn(e));
    if (e & PTE_RW)
        frame_drop_type_fast(f);
    frame_put_fast(f);
}

void l1e_release(const struct pt_context *c, pte_t e)
{
    release(c, e);
}

void l1e_release_all(const struct pt_context *c, const pte_t *table, uint16_t *nr_held)
{
    for (unsigned int n = pt_until_present(table, *nr_held); n > 0; n = pt_until_present(table, n - 1))
        release(c, table[n - 1]);
    *nr_held = 0;
}

/* ---- changing ---- */

enum change { CHANGE_ANY, CHANGE_RW, CHANGE_HARMLESS };

static inline enum change kind_of_change(pte_t old, pte_t e)
{
    const uint64_t differ = (old ^ e) & ~L1_HARMLESS;

    if (!(old & PTE_P) || (differ & ~PTE_RW))
        return CHANGE_ANY;
    return differ ? CHANGE_RW : CHANGE_HARMLESS;
}

/*
 * Order: a locked exchange, so that the entry is gone before the flush clock is read for the stamps
 * of what it referred to (F5). It fails if the CPU has set A or D, or another vCPU has changed the entry.
 */
static always_inline bool exchange(pte_t *slot, pte_t *expected, pte_t e)
{
    return likely(__atomic_compare_exchange_n(slot, expected, e, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

/*
 * Same frame and attributes, but RW goes on or off. With RW both references are taken, since another vCPU may
 * remove the old entry, and what it holds, meanwhile. Without, the general one passes on.
 */
static always_inline int change_rw(const struct pt_context *c, pte_t *slot, pte_t *expected, pte_t e)
{
    struct frame *f = frame_of(pte_mfn(e));

    if (e & PTE_RW) {
        const int rc = acquire_ram(c, e, f);

        if (unlikely(rc != 0))
            return rc;
        if (!exchange(slot, expected, e)) {
            l1e_release(c, e);
            return -(int)XEN_EAGAIN;
        }
        frame_put_fast(f);
        return 0;
    }
    if (unlikely(!may_map(c, f)))
        return ERR(EBUSY);
    if (!exchange(slot, expected, e))
        return -(int)XEN_EAGAIN;
    frame_drop_type_fast(f);
    return 0;
}

/* Another frame, or other attributes. */
static always_inline int change_any(const struct pt_context *c, pte_t *slot, pte_t *expected, pte_t e)
{
    const pte_t old = *expected;
    const int rc = e & PTE_P ? acquire(c, e) : 0;

    if (unlikely(rc != 0))
        return rc;
    if (!exchange(slot, expected, e)) {
        l1e_release(c, e);
        return -(int)XEN_EAGAIN;
    }
    release(c, old);
    return 0;
}

static always_inline int change_if(const struct pt_context *c, pte_t *slot, pte_t *expected, pte_t e)
{
    enum change kind = CHANGE_ANY;

    if (e & PTE_P) {
        if (unlikely(e & c->l1_forbidden))
            return ERR(EINVAL);
        e = l1e_adjust(e);
        kind = kind_of_change(*expected, e);
    } else if (unlikely(e != 0) && spec_ctrl_refuses_absent(c->owner, FRAME_L1, e)) {
        return ERR(EINVAL);
    }
    if (kind == CHANGE_HARMLESS)
        return exchange(slot, expected, e) ? 0 : -(int)XEN_EAGAIN;
    /* I/O memory holds no references: its RW is as any change. */
    if (kind == CHANGE_RW && likely(mfn_is_valid(pte_mfn(e))))
        return change_rw(c, slot, expected, e);
    return change_any(c, slot, expected, e);
}

int l1e_change_if(const struct pt_context *c, pte_t *slot, pte_t *expected, pte_t e)
{
    return change_if(c, slot, expected, e);
}

/* Every round that fails is a change by somebody else. */
static noinline int change(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept)
{
    pte_t old = read_once(*slot);
    int rc;

    do
        rc = change_if(c, slot, &old, e | (old & kept));
    while (unlikely(rc == -XEN_EAGAIN));
    return rc;
}

/*
 * ---- mprotect's bulk: RW of a page of the owner goes on or off, and nobody interferes ----
 *
 * References are taken and dropped as in change_rw(). What is out of the ordinary is a call in the place of a
 * return, so that no registers need to be saved.
 */

static noinline int last_writer_gone(struct frame *f)
{
    frame_drop_type(f);
    return 0;
}

static noinline int last_reference_gone(struct frame *f)
{
    frame_last_reference_gone(f);
    return 0;
}

static noinline int give_back_and_change(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept, struct frame *f, bool is_writable)
{
    if (is_writable)
        frame_drop_type(f);
    frame_put(f);
    return change(c, slot, e, kept);
}

/* The caller's reference to f is given back. */
static noinline int rw_on_first_writer(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept, struct frame *f, pte_t old)
{
    if (unlikely(frame_take_writable(f, c->owner) != 0))
        return give_back_and_change(c, slot, e, kept, f, false);
    if (!exchange(slot, &old, l1e_adjust(e | (old & kept))))
        return give_back_and_change(c, slot, e, kept, f, true);
    frame_put_fast(f);
    return 0;
}

static always_inline int rw_off(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept, struct frame *f, pte_t old, pte_t wanted)
{
    if (unlikely(read_once(f->owner) != c->owner->id) || !exchange(slot, &old, wanted))
        return change(c, slot, e, kept);
    return likely(frame_drop_one_of_several(f)) ? 0 : last_writer_gone(f);
}

static always_inline int rw_on(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept, struct frame *f, pte_t old, pte_t wanted)
{
    const domid_t owner = c->owner->id;

    if (unlikely(read_once(f->owner) != owner) || unlikely(!frame_ref_unless_free(f)))
        return change(c, slot, e, kept);
    /* As in frame_get_fast(): now it cannot change any more. */
    if (unlikely(read_once(f->owner) != owner))
        return give_back_and_change(c, slot, e, kept, f, false);
    if (unlikely(!frame_take_another(f, FRAME_WRITABLE, 0)))
        return rw_on_first_writer(c, slot, e, kept, f, old);
    if (!exchange(slot, &old, wanted))
        return give_back_and_change(c, slot, e, kept, f, true);
    return likely(frame_put_not_last(f)) ? 0 : last_reference_gone(f);
}

static always_inline int change_known_rw(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept, pte_t old, pte_t wanted)
{
    struct frame *f = frame_of(pte_mfn(wanted));

    if (unlikely(wanted & PTE_CACHE_ATTR) || unlikely(!mfn_is_valid(pte_mfn(wanted))) || unlikely(c->pages != c->owner))
        return change(c, slot, e, kept);
    return wanted & PTE_RW ? rw_on(c, slot, e, kept, f, old, wanted) : rw_off(c, slot, e, kept, f, old, wanted);
}

static noinline int change_known_any(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept, pte_t old, pte_t wanted)
{
    const int rc = change_any(c, slot, &old, wanted);

    return likely(rc != -XEN_EAGAIN) ? rc : change(c, slot, e, kept);
}

/* The entry goes: to nothing, or to what a guest notes where it has nothing. */
static noinline int change_to_absent(const struct pt_context *c, pte_t *slot, pte_t e, uint64_t kept, pte_t old)
{
    if (unlikely(e != 0) && spec_ctrl_refuses_absent(c->owner, FRAME_L1, e))
        return ERR(EINVAL);
    if (!exchange(slot, &old, e | (old & kept)))
        return change(c, slot, e, kept);
    release(c, old);
    return 0;
}

/* The short ways first: they need no registers saved. */
int l1e_change(const struct pt_context *c, pte_t *slot, pte_t e, bool keep_ad)
{
    const uint64_t kept = unlikely(keep_ad) ? PTE_A | PTE_D : 0;
    pte_t old = read_once(*slot), wanted;
    enum change kind;

    if (!(e & PTE_P))
        return change_to_absent(c, slot, e, kept, old);
    if (unlikely(e & c->l1_forbidden))
        return ERR(EINVAL);
    wanted = l1e_adjust(e | (old & kept));
    kind = kind_of_change(old, wanted);
    if (kind == CHANGE_ANY)
        return change_known_any(c, slot, e, kept, old, wanted);
    if (kind == CHANGE_RW)
        return change_known_rw(c, slot, e, kept, old, wanted);
    return exchange(slot, &old, wanted) ? 0 : change(c, slot, e, kept);
}

void l1e_move(const struct pt_context *c, pte_t *to, pte_t *from)
{
    const pte_t e = __atomic_exchange_n(from, 0, __ATOMIC_SEQ_CST);

    l1e_release(c, __atomic_exchange_n(to, e, __ATOMIC_SEQ_CST));
}

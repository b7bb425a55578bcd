/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of every level: one walker over 512 entries for tables of tables, entry.c's for
 * tables of pages. Owns promotion (validation), demotion (release of what a table holds) and limbo, the
 * state of a table whose promotion or demotion stopped in the middle (docs/pv-mmu.md, P3..P6).
 * Lock: c->owner's mmu_lock everywhere, not shared but for pt_find_l1.
 */
#include "mmu.h"
#include <arch/spec_ctrl.h>
#include <arch/xpti.h>
#include <hv/errno.h>
#include <hv/frame_refs.h>
#include <hv/log.h>
#include <hv/param.h>

static bool linear_tables_allowed = true;
BOOT_PARAM_BOOL(pv_linear_pt, "pv-linear-pt", linear_tables_allowed);

struct pt_level {
    enum frame_type type;
    /* Slots that are not the guest's: their content is never looked at. */
    unsigned int reserved_first, reserved_end;
    bool may_stop;
};

static const struct pt_level levels[] = {
    [FRAME_L1] = { FRAME_L1, PT_ENTRIES, PT_ENTRIES, false },
    [FRAME_L2] = { FRAME_L2, PT_ENTRIES, PT_ENTRIES, true },
    [FRAME_L3] = { FRAME_L3, PT_ENTRIES, PT_ENTRIES, true },
    [FRAME_L4] = { FRAME_L4, HV_FIRST_SLOT, HV_LAST_SLOT + 1, true },
};

static inline bool is_reserved(const struct pt_level *l, unsigned int i)
{
    return i - l->reserved_first < l->reserved_end - l->reserved_first;
}

/* ---- when to stop ---- */

/* Each call gets at least one table done, so that continuations end. A CPU that waits for the lock can do nothing else. */
static inline bool must_stop(const struct pt_context *c)
{
    return c->may_stop && c->progressed && (hypercall_preempt_check() || rw_is_contended(&c->owner->arch.mmu_lock));
}

/* ---- entries ---- */

static inline pte_t table_adjust(pte_t e)
{
    return e | PTE_US;
}

/* Some kernels see their tables through an L4 that names itself: read-only, and without a reference (P2). */
static inline bool is_self(const struct pt_level *l, const pte_t *slot, pte_t e)
{
    return l->type == FRAME_L4 && mfn_eq(pte_mfn(e), va_mfn(slot));
}

static int acquire_table(struct pt_context *c, const struct pt_level *l, const pte_t *slot, pte_t e)
{
    if (unlikely(e & c->table_forbidden))
        return ERR(EINVAL);
    if (unlikely(is_self(l, slot, e)))
        return (e & PTE_RW) || !linear_tables_allowed ? ERR(EINVAL) : 0;
    return pt_get(c, pte_mfn(e), l->type - 1);
}

static int release_table(struct pt_context *c, pte_t e)
{
    struct frame *f = frame_of(pte_mfn(e));
    const int rc = pt_drop(c, f);

    frame_put(f);
    return rc;
}

/* ---- walking ---- */

/* Takes what entries from nr_validated on name. The first refusal or stop ends it, with nr_validated there. */
static int acquire_all(struct pt_context *c, struct frame *f, const struct pt_level *l)
{
    pte_t *table = frame_va(f);
    int rc = 0;

    if (l->type == FRAME_L1)
        return l1e_acquire_all(c, table, &f->nr_validated);
    for (unsigned int i = pt_next_present(table, f->nr_validated); i < PT_ENTRIES; i = pt_next_present(table, i + 1)) {
        if (is_reserved(l, i))
            continue;
        if (l->may_stop && must_stop(c))
            rc = -XEN_ERESTART;
        else
            rc = acquire_table(c, l, &table[i], table[i]);
        if (unlikely(rc != 0)) {
            f->nr_validated = (uint16_t)i;
            return rc;
        }
        table[i] = table_adjust(table[i]);
    }
    f->nr_validated = PT_ENTRIES;
    return 0;
}

/* The table that entry nr_validated names may have been left in limbo by an earlier call. */
static int undo_interrupted(struct pt_context *c, const struct frame *f, const struct pt_level *l)
{
    const unsigned int i = f->nr_validated;
    const pte_t *table = frame_va(f);
    struct frame *child;
    int rc;

    if (i >= PT_ENTRIES || !(table[i] & PTE_P) || is_reserved(l, i))
        return 0;
    child = frame_get_mfn_of(pte_mfn(table[i]), c->owner);
    if (child == NULL)
        return 0;
    rc = frame_type_of(frame_type_info(child)) == l->type - 1 ? pt_undo(c, child) : 0;
    frame_put(child);
    return rc;
}

/* Releases what entries below nr_validated hold, from the top. */
static int release_all(struct pt_context *c, struct frame *f, const struct pt_level *l)
{
    const pte_t *table = frame_va(f);
    int rc;

    if (l->type == FRAME_L1) {
        l1e_release_all(c, table, &f->nr_validated);
        return 0;
    }
    rc = undo_interrupted(c, f, l);
    while (rc == 0 && (f->nr_validated = (uint16_t)pt_until_present(table, f->nr_validated)) > 0) {
        const unsigned int i = f->nr_validated - 1u;
        const bool holds = !is_reserved(l, i) && !is_self(l, &table[i], table[i]);

        if (holds && l->may_stop && must_stop(c))
            return -XEN_ERESTART;
        /* Order: an interrupted release has given the reference up. */
        f->nr_validated = (uint16_t)i;
        if (holds)
            rc = release_table(c, table[i]);
    }
    return rc;
}

/* ---- limbo (P5): a reference of type and a general one that belong to nobody but the state itself ---- */

static inline bool is_in_limbo(const struct frame *f)
{
    return (frame_type_info(f) & FRAME_PARTIAL) != 0;
}

/* f has one type reference, which passes to limbo; the caller keeps its general reference. */
static void enter_limbo(struct frame *f)
{
    frame_type_flags(f, FRAME_PARTIAL, FRAME_VALIDATED);
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_SEQ_CST);
}

int pt_undo(struct pt_context *c, struct frame *f)
{
    int rc;

    if (!is_in_limbo(f))
        return 0;
    rc = release_all(c, f, &levels[frame_type_of(frame_type_info(f))]);
    c->progressed = true;
    if (rc != 0)
        return rc;
    frame_type_end(f);
    frame_put(f);
    return 0;
}

/* ---- promotion and demotion ---- */

/* The hypervisor's slots. ABI: the M2P comes with the first use as a kernel's table, unless the guest is strict about it: base.c. */
static void install_slots(const struct pt_context *c, pte_t *l4)
{
    hv_install_slots(l4);
    if (!(c->owner->vm_assist >> VMASST_TYPE_m2p_strict & 1))
        l4[pt_index(M2P_RO_BASE, 4)] = 0;
}

/* f has one type reference, unvalidated. Ends with it validated, gone, or stopped (-ERESTART). */
static int promote(struct pt_context *c, struct frame *f, const struct pt_level *l)
{
    int rc = f->partial_error ? -(int)f->partial_error : acquire_all(c, f, l);

    if (rc == 0) {
        if (l->type == FRAME_L4)
            install_slots(c, frame_va(f));
        frame_type_publish(f);
        return 0;
    }
    if (rc == -XEN_ERESTART)
        return rc;
    f->partial_error = (uint8_t)-rc;
    if (release_all(c, f, l) != 0)
        return -XEN_ERESTART;
    frame_type_end(f);
    return rc;
}

/* L1TF: what is not present names nothing. In limbo it cannot change. */
static bool absent_entries_ok(const struct pt_context *c, const pte_t *table, const struct pt_level *l)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (table[i] != 0 && !(table[i] & PTE_P) && !is_reserved(l, i) && spec_ctrl_refuses_absent(c->owner, l->type, table[i]))
            return false;
    return true;
}

static int promote_fresh(struct pt_context *c, struct frame *f, const struct pt_level *l)
{
    int rc;

    f->nr_validated = 0;
    f->partial_error = likely(!c->owner->arch.check_l1tf) || absent_entries_ok(c, frame_va(f), l) ? 0 : XEN_EINVAL;
    rc = promote(c, f, l);
    if (rc == -XEN_ERESTART)
        enter_limbo(f);
    return rc;
}

static int promote_from_limbo(struct pt_context *c, struct frame *f, const struct pt_level *l)
{
    const int rc = promote(c, f, l);

    /* Limbo's type reference is the caller's now, or gone; its general one is too many. */
    if (rc != -XEN_ERESTART)
        frame_put(f);
    return rc;
}

int pt_take(struct pt_context *c, struct frame *f, enum frame_type type)
{
    int rc;

    /* Most tables are in use already. */
    if (likely(frame_take_another(f, type, FRAME_VALIDATED)))
        return 0;
    if (unlikely(is_in_limbo(f))) {
        if (frame_type_of(frame_type_info(f)) != type)
            return ERR(EINVAL);
        rc = promote_from_limbo(c, f, &levels[type]);
    } else {
        rc = frame_type_claim(f, type, c->owner);
        if (rc <= 0)
            return rc;
        rc = promote_fresh(c, f, &levels[type]);
    }
    c->progressed = true;
    return rc;
}

int pt_get(struct pt_context *c, mfn_t mfn, enum frame_type type)
{
    struct frame *f = frame_get_mfn_of(mfn, c->owner);
    int rc;

    if (unlikely(f == NULL))
        return ERR(EINVAL);
    rc = pt_take(c, f, type);
    if (unlikely(rc != 0))
        frame_put(f);
    return rc;
}

int pt_drop(struct pt_context *c, struct frame *f)
{
    const struct pt_level *l;
    int rc;

    do
        if (likely(frame_drop_one_of_several(f)))
            return 0;
    while (unlikely(!frame_unvalidate_last(f)));
    l = &levels[frame_type_of(frame_type_info(f))];
    if (unlikely(c->owner->arch.xpti) && l->type == FRAME_L4)
        xpti_forget(frame_mfn(f));
    f->nr_validated = PT_ENTRIES;
    f->partial_error = 0;
    rc = release_all(c, f, l);
    c->progressed = true;
    if (rc != 0)
        enter_limbo(f);
    else
        frame_type_end(f);
    return rc;
}

void pt_put(struct pt_context *c, struct frame *f)
{
    ASSERT(c->unfinished == NULL);
    if (pt_drop(c, f) == 0)
        frame_put_fast(f);
    else
        c->unfinished = f;
}

/* ---- one entry ---- */

/* Changes of these bits of an entry need no new reference. */
#define TABLE_HARMLESS (PTE_RW | PTE_US | PTE_A | PTE_D | PTE_AVL | PTE_NX | (0x7ffULL << 52))

/* Order: as for L1 entries, gone from the table before the flush clock is read. */
static void store(pte_t *slot, pte_t e, bool keep_ad)
{
    pte_t old = read_once(*slot);
    const pte_t keep = keep_ad ? PTE_A | PTE_D : 0;

    while (!__atomic_compare_exchange_n(slot, &old, e | (old & keep), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
}

/* X2: copies follow at once, before the clock is read. */
static void replace(const struct pt_context *c, const struct pt_level *l, pte_t *slot, pte_t e, bool keep_ad)
{
    store(slot, e, keep_ad);
    if (unlikely(c->owner->arch.xpti) && l->type == FRAME_L4)
        xpti_slot_changed(slot);
}

int pt_change(struct pt_context *c, enum frame_type level, pte_t *slot, pte_t e, bool keep_ad)
{
    const struct pt_level *l = &levels[level];
    const pte_t old = read_once(*slot);
    int rc;

    if (unlikely(is_reserved(l, (unsigned int)((uintptr_t)slot / sizeof(pte_t)) % PT_ENTRIES)))
        return ERR(EINVAL);
    if (e & PTE_P) {
        if (unlikely(e & c->table_forbidden))
            return ERR(EINVAL);
        e = table_adjust(e);
        if ((old & PTE_P) && !((old ^ e) & ~TABLE_HARMLESS) && !is_self(l, slot, e)) {
            replace(c, l, slot, e, keep_ad);
            return 0;
        }
        rc = acquire_table(c, l, slot, e);
        if (unlikely(rc != 0))
            return rc;
    } else if (unlikely(e != 0) && spec_ctrl_refuses_absent(c->owner, level, e)) {
        return ERR(EINVAL);
    }
    replace(c, l, slot, e, keep_ad);
    if ((old & PTE_P) && !is_self(l, slot, old))
        pt_put(c, frame_of(pte_mfn(old)));
    return 0;
}

pte_t *pt_find_l1(mfn_t root, uint64_t va, mfn_t *table)
{
    mfn_t mfn = root;

    if (unlikely(!mmu_guest_va(va)) || unlikely(mfn_is_invalid(root)))
        return NULL;
    for (unsigned int level = 4; level > 1; level--) {
        const pte_t e = ((const pte_t *)mfn_va(mfn))[pt_index(va, level)];

        /* By way of an L4 that names itself one comes to tables, which are no L1, and to the hypervisor's. */
        if (unlikely(!(e & PTE_P)) || unlikely(mfn_eq(pte_mfn(e), mfn)))
            return NULL;
        mfn = pte_mfn(e);
    }
    *table = mfn;
    return (pte_t *)mfn_va(mfn) + pt_index(va, 1);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu_update and update_va_mapping: changes of single entries. Operations are copied and worked on
 * in batches under one hold of the tables' owner's mmu_lock, shared until one is about a table of tables; the
 * frame of the last table is kept, since guests update runs of entries. ABI: xen/xen.h.
 */
#include "mmu.h"
#include <arch/pv.h>
#include <arch/tlb.h>
#include <hv/errno.h>
#include <hv/frame_refs.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

#define BATCH 32u

/* ---- one entry ---- */

/* The page is no page table: a plain write, if it is the owner's to write. */
static int write_word(const struct pt_context *c, struct frame *f, uint64_t *word, uint64_t value)
{
    const int rc = frame_take_writable(f, c->owner);

    if (rc != 0)
        return rc;
    write_once(*word, value);
    frame_drop_type(f);
    return 0;
}

int mmu_write_entry(struct pt_context *c, struct frame *f, uint64_t maddr, uint64_t value, bool keep_ad)
{
    pte_t *slot = (pte_t *)((char *)frame_va(f) + (maddr & (PAGE_SIZE - 1)));
    const uint64_t info = frame_type_info(f);
    const unsigned int type = frame_type_of(info);

    if (unlikely(maddr % sizeof(pte_t)))
        return ERR(EINVAL);
    if (unlikely(frame_type_count(info) == 0) || type > FRAME_L4)
        return write_word(c, f, slot, value);
    if (unlikely(!(info & FRAME_VALIDATED)))
        return ERR(EINVAL); /* in limbo */
    if (likely(type == FRAME_L1))
        return l1e_change(c, slot, value, keep_ad);
    /* Tables refer to tables of their own domain only (P2). */
    return c->pages == c->owner ? pt_change(c, type, slot, value, keep_ad) : ERR(EINVAL);
}

/* ---- mmu_update ---- */

struct batch {
    struct pt_context pt;
    struct frame *table;    /* of the last operation, referenced; NULL none */
    mfn_t mfn;              /* its number */
    bool is_l1;             /* and it is a validated L1 table: the lock keeps it one */
    bool alone;             /* the lock is not held shared any more */
};

static void batch_lock_alone(struct batch *b)
{
    mmu_unlock_shared(b->pt.owner);
    mmu_lock(b->pt.owner);
    b->alone = true;
}

static void batch_unlock(struct batch *b)
{
    if (unlikely(b->alone))
        mmu_unlock(b->pt.owner);
    else
        mmu_unlock_shared(b->pt.owner);
}

/* While the lock is held, shared or not, that does not change. */
static inline bool is_table_of_tables(const struct frame *f)
{
    const uint64_t info = frame_type_info(f);

    return frame_type_count(info) != 0 && frame_type_of(info) - FRAME_L2 <= FRAME_L4 - FRAME_L2;
}

static noinline bool batch_take(struct batch *b, mfn_t mfn)
{
    if (b->table)
        frame_put_fast(b->table);
    b->mfn = mfn;
    b->table = frame_get_mfn_of(mfn, b->pt.owner);
    b->is_l1 = false;
    if (b->table) {
        const uint64_t info = frame_type_info(b->table);

        b->is_l1 = frame_type_count(info) != 0 && frame_type_of(info) == FRAME_L1 && (info & FRAME_VALIDATED);
    }
    return b->table != NULL;
}

static noinline int update_other(struct batch *b, uint64_t maddr, uint64_t value, bool keep_ad)
{
    if (is_table_of_tables(b->table) && !b->alone)
        batch_lock_alone(b);
    return mmu_write_entry(&b->pt, b->table, maddr, value, keep_ad);
}

static always_inline int update_entry(struct batch *b, uint64_t maddr, uint64_t value, bool keep_ad)
{
    const mfn_t mfn = MFN(maddr >> PAGE_SHIFT);

    if (!mfn_eq(b->mfn, mfn) && unlikely(!batch_take(b, mfn)))
        return ERR(EINVAL);
    if (unlikely(!b->is_l1))
        return update_other(b, maddr, value, keep_ad);
    return l1e_change(&b->pt, (pte_t *)((char *)mfn_va(mfn) + (maddr & (PAGE_SIZE - 1))), value, keep_ad);
}

static int update_m2p(const struct batch *b, uint64_t maddr, uint64_t pfn)
{
    const mfn_t mfn = MFN(maddr >> PAGE_SHIFT);
    struct frame *f;

    if (b->pt.owner != b->pt.caller)
        return ERR(EPERM);
    f = frame_get_mfn_of(mfn, b->pt.pages);
    if (f == NULL)
        return ERR(EINVAL);
    m2p_set(mfn, pfn);
    frame_put_fast(f);
    return 0;
}

static int update_one(struct batch *b, const struct mmu_update *u)
{
    const uint64_t command = u->ptr & 7, maddr = u->ptr - command;

    switch (command) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_entry(b, maddr, u->val, false);
    case MMU_PT_UPDATE_PRESERVE_AD:
        return update_entry(b, maddr, u->val, true);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(b, maddr, u->val);
    default:
        return ERR(ENOSYS);
    }
}

/* Operations at the front of what is left; 0: not readable. */
static unsigned int read_batch(const struct mmu_call *m, struct mmu_update *u)
{
    const unsigned int n = min(m->left, BATCH);

    if (likely(guest_read(u, m->ops, n * sizeof(*u)) == 0))
        return n;
    /* ABI: what precedes an unreadable one is done. */
    return n > 1 && guest_read(u, m->ops, sizeof(*u)) == 0 ? 1 : 0;
}

static int run_batch(struct mmu_call *m, struct batch *b)
{
    struct mmu_update u[BATCH];
    const unsigned int n = read_batch(m, u);
    unsigned int i;
    int rc = 0;

    if (unlikely(n == 0))
        return ERR(EFAULT);
    b->table = NULL;
    b->mfn = MFN_INVALID;
    b->is_l1 = false;
    b->alone = false;
    mmu_lock_shared(b->pt.owner);
    for (i = 0; i < n && likely(b->pt.unfinished == NULL); i++) {
        rc = update_one(b, &u[i]);
        if (unlikely(rc != 0))
            break;
    }
    batch_unlock(b);
    if (b->table)
        frame_put_fast(b->table);
    mmu_call_advance(m, i);
    (void)pv_mmu_leave_unfinished(current, &b->pt);
    return rc;
}

static int run_updates(struct mmu_call *m, struct domain *tables, struct domain *pages)
{
    struct batch b;
    int rc = m->left ? mmu_may_touch(tables, pages) : 0;

    pt_context_init(&b.pt, tables, pages);
    b.pt.may_stop = true;
    while (rc == 0 && m->left != 0) {
        if (unlikely(mmu_call_must_stop(m)))
            return -XEN_ERESTART;
        b.pt.progressed = m->progressed;
        rc = run_batch(m, &b);
    }
    return rc;
}

/* ABI: the upper half of foreigndom names the tables' owner, plus 1; 0 is the caller. */
static struct domain *tables_owner_get(uint32_t foreign)
{
    const uint32_t id = (foreign >> 16) - 1;

    if (likely(foreign >> 16 == 0))
        return current->domain;
    if (id >= DOMID_FIRST_RESERVED)
        return NULL;
    if (id == current->domain->id)
        return current->domain;
    return domain_get_by_id((domid_t)id);
}

long hc_mmu_update(uint64_t ops, uint64_t count, uint64_t pdone, uint64_t foreign, uint64_t unused)
{
    struct mmu_call m = { .nr = __HYPERVISOR_mmu_update, .op_bytes = sizeof(struct mmu_update), .ops = ops,
                          .pdone = pdone, .foreign = (uint32_t)foreign };
    struct domain *tables, *pages;
    long result;

    if (!mmu_call_begin(&m, count, &result))
        return result;
    tables = tables_owner_get(m.foreign);
    if (unlikely(tables == NULL))
        return ERR(ESRCH);
    pages = mmu_foreign_get(m.foreign);
    if (likely(pages)) {
        result = mmu_call_end(&m, run_updates(&m, tables, pages));
        mmu_foreign_put(pages);
    } else {
        result = ERR(ESRCH);
    }
    mmu_foreign_put(tables);
    return result;
}

/* ---- update_va_mapping ---- */

static int change_va(struct vcpu *v, struct domain *pages, uint64_t va, pte_t e)
{
    struct domain *d = v->domain;
    struct pt_context c;
    mfn_t table;
    pte_t *slot;
    int rc;

    pt_context_init(&c, d, pages);
    mmu_lock_shared(d);
    slot = pt_find_l1(v->arch.cr3_kernel, va, &table);
    rc = likely(slot) ? l1e_change(&c, slot, e, false) : ERR(EINVAL);
    mmu_unlock_shared(d);
    return rc;
}

static int flush_after(const struct domain *d, uint64_t va, uint64_t flags)
{
    const uint64_t where = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK, type = flags & UVMF_FLUSHTYPE_MASK;
    const unsigned int what = type == UVMF_TLB_FLUSH ? TLB_FLUSH_GLOBAL : 0;
    cpumask_t cpus;
    int rc = 0;

    if (type != UVMF_TLB_FLUSH && type != UVMF_INVLPG)
        return 0;
    if (where == UVMF_LOCAL) {
        if (what)
            tlb_flush_local(what);
        else
            tlb_flush_local_page(va);
        return 0;
    }
    if (where == UVMF_ALL)
        cpus = d->arch.dirty_cpus;
    else
        rc = mmu_read_vcpu_mask(d, where, &cpus);
    if (rc == 0)
        tlb_flush_mask(&cpus, what, va);
    return rc;
}

static long update_va(struct domain *pages, uint64_t va, uint64_t value, uint64_t flags)
{
    struct vcpu *v = current;
    int rc = mmu_may_touch(v->domain, pages);

    if (rc == 0)
        rc = change_va(v, pages, va, value);
    return rc == 0 ? flush_after(v->domain, va, flags) : rc;
}

long hc_update_va_mapping(uint64_t va, uint64_t value, uint64_t flags, uint64_t unused1, uint64_t unused2)
{
    return update_va(current->domain, va, value, flags);
}

long hc_update_va_mapping_otherdomain(uint64_t va, uint64_t value, uint64_t flags, uint64_t id, uint64_t unused)
{
    struct domain *pages = mmu_foreign_get((uint32_t)id);
    long rc;

    if (pages == NULL)
        return ERR(ESRCH);
    rc = update_va(pages, va, value, flags);
    mmu_foreign_put(pages);
    return rc;
}

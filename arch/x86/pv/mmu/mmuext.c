/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmuext_op: pinning, base pointers, flushes, LDT, page helpers. One function an operation,
 * chosen by a table. ABI: xen/xen.h, "EXTENDED OPERATIONS".
 */
#include "mmu.h"
#include <arch/tlb.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>

struct ext_call {
    struct domain *pages;   /* foreigndom */
    struct mmuext_op op;    /* copied from the guest */
};

typedef int ext_fn(struct ext_call *e);

/* DOMID_XEN, DOMID_IO: they own pages, but no page tables. */
static inline bool is_pseudo(const struct domain *d)
{
    return d->id >= DOMID_FIRST_RESERVED;
}

/* ---- pinning ---- */

/* c->owner's lock is held; f is referenced. On success the pin owns that reference. */
static int pin_locked(struct pt_context *c, struct frame *f, enum frame_type type)
{
    int rc;

    /* Order: `dying` is set before the domain's end looks at its pages under this lock. */
    if (c->owner->dying != DOMAIN_ALIVE)
        return ERR(EINVAL);
    rc = pt_take(c, f, type);
    if (rc != 0)
        return rc;
    if (frame_type_info(f) & FRAME_PINNED) {
        ASSERT(frame_type_drop_unless_last(f)); /* the pin's is another */
        return ERR(EINVAL);
    }
    frame_type_flags(f, FRAME_PINNED, 0);
    return 0;
}

static int ext_pin(struct ext_call *e)
{
    const enum frame_type type = FRAME_L1 + (e->op.cmd - MMUEXT_PIN_L1_TABLE);
    struct frame *f = is_pseudo(e->pages) ? NULL : frame_get_mfn(MFN(e->op.arg1.mfn), e->pages);
    struct pt_context c;
    int rc;

    if (f == NULL)
        return ERR(EINVAL);
    pt_context_init(&c, e->pages, e->pages);
    c.may_stop = true;
    /* One flush is good for all that was in use before: better now than while others wait for the lock. */
    frame_flush_ahead(f, type, e->pages);
    mmu_lock(e->pages);
    rc = pin_locked(&c, f, type);
    mmu_unlock(e->pages);
    if (rc != 0)
        frame_put(f);
    return rc;
}

static int ext_unpin(struct ext_call *e)
{
    struct frame *f = is_pseudo(e->pages) ? NULL : frame_get_mfn(MFN(e->op.arg1.mfn), e->pages);
    struct pt_context c;
    int rc = 0;

    if (f == NULL)
        return ERR(EINVAL);
    pt_context_init(&c, e->pages, e->pages);
    c.may_stop = true;
    mmu_lock(e->pages);
    if (frame_type_info(f) & FRAME_PINNED) {
        frame_type_flags(f, 0, FRAME_PINNED);
        pt_put(&c, f);
    } else {
        rc = ERR(EINVAL);
    }
    mmu_unlock(e->pages);
    (void)pv_mmu_leave_unfinished(current, &c);
    frame_put(f);
    return rc;
}

/* ---- base pointers, descriptor table ---- */

static int ext_new_base(struct ext_call *e)
{
    return e->pages == current->domain ? pv_new_kernel_base(current, MFN(e->op.arg1.mfn)) : ERR(EPERM);
}

static int ext_new_user_base(struct ext_call *e)
{
    const uint64_t mfn = e->op.arg1.mfn;

    if (e->pages != current->domain)
        return ERR(EPERM);
    if (mfn_is_invalid(MFN(mfn)))
        return ERR(EINVAL);
    return pv_new_user_base(current, mfn ? MFN(mfn) : MFN_INVALID);
}

static int ext_set_ldt(struct ext_call *e)
{
    return e->pages == current->domain ? pv_set_ldt(current, e->op.arg1.linear_addr, e->op.arg2.nr_ents) : ERR(EPERM);
}

/* ---- flushes ---- */

static int ext_flush_local(struct ext_call *e)
{
    if (unlikely(e->pages != current->domain))
        return ERR(EPERM);
    if (e->op.cmd == MMUEXT_TLB_FLUSH_LOCAL)
        tlb_flush_local(TLB_FLUSH_GLOBAL);
    else if (mmu_guest_va(e->op.arg1.linear_addr))
        tlb_flush_local_page(e->op.arg1.linear_addr);
    return 0;
}

static void flush_cpus(const struct ext_call *e, const cpumask_t *cpus, bool all)
{
    if (all)
        tlb_flush_mask(cpus, TLB_FLUSH_GLOBAL, 0);
    else if (mmu_guest_va(e->op.arg1.linear_addr))
        tlb_flush_mask(cpus, 0, e->op.arg1.linear_addr);
}

static int ext_flush_multi(struct ext_call *e)
{
    cpumask_t cpus;

    if (unlikely(e->pages != current->domain))
        return ERR(EPERM);
    if (unlikely(mmu_read_vcpu_mask(e->pages, handle_va(e->op.arg2.vcpumask), &cpus) != 0))
        return ERR(EINVAL);
    flush_cpus(e, &cpus, e->op.cmd == MMUEXT_TLB_FLUSH_MULTI);
    return 0;
}

static int ext_flush_all(struct ext_call *e)
{
    if (unlikely(e->pages != current->domain))
        return ERR(EPERM);
    flush_cpus(e, &e->pages->arch.dirty_cpus, e->op.cmd == MMUEXT_TLB_FLUSH_ALL);
    return 0;
}

static int ext_flush_cache(struct ext_call *e)
{
    const cpumask_t all = cpu_online_mask;

    if (e->pages != current->domain)
        return ERR(EPERM);
    if (!mmu_has_io(e->pages))
        return ERR(EACCES);
    if (e->op.cmd == MMUEXT_FLUSH_CACHE)
        tlb_flush_local(TLB_FLUSH_CACHE);
    else
        tlb_flush_mask(&all, TLB_FLUSH_CACHE, 0);
    return 0;
}

/* ---- pages ---- */

static int ext_clear_page(struct ext_call *e)
{
    const mfn_t mfn = MFN(e->op.arg1.mfn);

    if (!mfn_is_valid(mfn) || frame_get_and_take(frame_of(mfn), e->pages, FRAME_WRITABLE) != 0)
        return ERR(EINVAL);
    memset(mfn_va(mfn), 0, PAGE_SIZE);
    frame_put_and_drop(frame_of(mfn));
    return 0;
}

static int ext_copy_page(struct ext_call *e)
{
    const mfn_t to = MFN(e->op.arg1.mfn);
    struct frame *from = frame_get_mfn(MFN(e->op.arg2.src_mfn), e->pages);
    int rc = ERR(EINVAL);

    if (from == NULL)
        return rc;
    if (mfn_is_valid(to) && frame_get_and_take(frame_of(to), e->pages, FRAME_WRITABLE) == 0) {
        memmove(mfn_va(to), frame_va(from), PAGE_SIZE);
        frame_put_and_drop(frame_of(to));
        rc = 0;
    }
    frame_put(from);
    return rc;
}

static int ext_super(struct ext_call *e)
{
    return ERR(EOPNOTSUPP);
}

/* ---- dispatch ---- */

static ext_fn *const operations[] = {
    [MMUEXT_PIN_L1_TABLE] = ext_pin,
    [MMUEXT_PIN_L2_TABLE] = ext_pin,
    [MMUEXT_PIN_L3_TABLE] = ext_pin,
    [MMUEXT_PIN_L4_TABLE] = ext_pin,
    [MMUEXT_UNPIN_TABLE] = ext_unpin,
    [MMUEXT_NEW_BASEPTR] = ext_new_base,
    [MMUEXT_TLB_FLUSH_LOCAL] = ext_flush_local,
    [MMUEXT_INVLPG_LOCAL] = ext_flush_local,
    [MMUEXT_TLB_FLUSH_MULTI] = ext_flush_multi,
    [MMUEXT_INVLPG_MULTI] = ext_flush_multi,
    [MMUEXT_TLB_FLUSH_ALL] = ext_flush_all,
    [MMUEXT_INVLPG_ALL] = ext_flush_all,
    [MMUEXT_FLUSH_CACHE] = ext_flush_cache,
    [MMUEXT_SET_LDT] = ext_set_ldt,
    [MMUEXT_NEW_USER_BASEPTR] = ext_new_user_base,
    [MMUEXT_CLEAR_PAGE] = ext_clear_page,
    [MMUEXT_COPY_PAGE] = ext_copy_page,
    [MMUEXT_FLUSH_CACHE_GLOBAL] = ext_flush_cache,
    [MMUEXT_MARK_SUPER] = ext_super,
    [MMUEXT_UNMARK_SUPER] = ext_super,
};

static int run_one(struct ext_call *e)
{
    uint64_t cmd = e->op.cmd;

    if (cmd >= array_size(operations))
        return ERR(ENOSYS);
    cmd = index_nospec(cmd, array_size(operations));
    return operations[cmd] ? operations[cmd](e) : ERR(ENOSYS);
}

static int run_operations(struct mmu_call *m, struct ext_call *e)
{
    int rc = mmu_may_touch(current->domain, e->pages);

    if (rc == 0 && e->pages->is_hvm)
        rc = ERR(EINVAL);
    while (rc == 0 && m->left != 0) {
        if (unlikely(mmu_call_must_stop(m)))
            return -XEN_ERESTART;
        if (unlikely(guest_read(&e->op, m->ops, sizeof(e->op)) != 0))
            return ERR(EFAULT);
        rc = run_one(e);
        if (likely(rc == 0))
            mmu_call_advance(m, 1);
    }
    return rc;
}

long hc_mmuext_op(uint64_t ops, uint64_t count, uint64_t pdone, uint64_t foreign, uint64_t unused)
{
    struct mmu_call m = { .nr = __HYPERVISOR_mmuext_op, .op_bytes = sizeof(struct mmuext_op), .ops = ops,
                          .pdone = pdone, .foreign = (uint32_t)foreign };
    struct ext_call e;
    long result;

    if (!mmu_call_begin(&m, count, &result))
        return result;
    e.pages = mmu_foreign_get(m.foreign);
    if (e.pages == NULL)
        return ERR(ESRCH);
    result = mmu_call_end(&m, run_operations(&m, &e));
    mmu_foreign_put(e.pages);
    return result;
}

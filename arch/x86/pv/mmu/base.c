/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Base pointers: the two L4 tables of a vCPU (guest kernel's and guest user's), CR3, and the
 * software walk of the kernel's. A base pointer holds a general and a type reference (P7).
 */
#include "mmu.h"
#include <arch/pv.h>
#include <arch/tlb.h>
#include <arch/xpti.h>
#include <hv/errno.h>
#include <hv/frame_refs.h>
#include <hv/percpu.h>

/* A vCPU without user tables stays on the kernel's; without any it cannot run: the idle ones. */
void pv_mmu_update_cr3(struct vcpu *v)
{
    struct arch_vcpu *a = &v->arch;
    const mfn_t kernel = unlikely(mfn_is_invalid(a->cr3_kernel)) ? image_mfn(hv_l4) : a->cr3_kernel;
    const mfn_t user = mfn_is_invalid(a->cr3_user) ? kernel : a->cr3_user;

    a->cr3_of_mode[false] = user.v << PAGE_SHIFT;
    a->cr3_of_mode[true] = kernel.v << PAGE_SHIFT;
    a->cr3_loaded = a->cr3_of_mode[a->in_kernel];
}

void pv_mmu_load(struct vcpu *v)
{
    tlb_load_cr3(v->arch.cr3_loaded, true);
}

/* ---- replacing ---- */

/* ABI: by VMASST_TYPE_m2p_strict (xen/xen.h) either kernel tables get the M2P's slot, or user tables lose it. */
static void show_m2p(const struct domain *d, mfn_t root, bool is_kernels)
{
    pte_t *slot = (pte_t *)mfn_va(root) + pt_index(M2P_RO_BASE, 4);
    const bool strict = d->vm_assist >> VMASST_TYPE_m2p_strict & 1;

    if (is_kernels && !strict)
        write_once(*slot, hv_l4[pt_index(M2P_RO_BASE, 4)]);
    else if (!is_kernels && strict)
        write_once(*slot, 0);
    if (unlikely(d->arch.xpti))
        xpti_slot_changed(slot);
}

/* Most tables are pinned: then it is one reference more, and no lock: pt_drop() ends a table's validity in one step with the last. */
static inline bool get_validated(struct domain *d, mfn_t mfn)
{
    struct frame *f = frame_get_mfn_of(mfn, d);

    if (unlikely(f == NULL))
        return false;
    if (likely(frame_take_another(f, FRAME_L4, FRAME_VALIDATED)))
        return true;
    frame_put_fast(f);
    return false;
}

static noinline int get_unvalidated(struct domain *d, mfn_t mfn)
{
    struct pt_context c;
    int rc;

    pt_context_init(&c, d, d);
    c.may_stop = true;
    mmu_lock(d);
    rc = pt_get(&c, mfn, FRAME_L4);
    mmu_unlock(d);
    return rc;
}

/* What is left of the tables stays with `heir`. */
static noinline void put_last(struct domain *d, struct frame *f, struct vcpu *heir)
{
    struct pt_context c;

    pt_context_init(&c, d, d);
    c.may_stop = true;
    mmu_lock(d);
    pt_put(&c, f);
    mmu_unlock(d);
    (void)pv_mmu_leave_unfinished(heir, &c);
}

static inline void put_base(struct domain *d, struct frame *f, struct vcpu *heir)
{
    if (likely(frame_drop_one_of_several(f)))
        frame_put_fast(f);
    else
        put_last(d, f, heir);
}

/*
 * Makes *base refer to mfn (MFN_INVALID: to nothing). `loads`: CR3 follows at once. `heir`, see put_last,
 * has settled before.
 */
static always_inline int change_base(struct vcpu *v, mfn_t *base, mfn_t mfn, bool loads, struct vcpu *heir)
{
    struct domain *d = v->domain;
    const mfn_t old = *base;

    if (!mfn_is_invalid(mfn)) {
        const int rc = likely(get_validated(d, mfn)) ? 0 : get_unvalidated(d, mfn);

        if (unlikely(rc != 0))
            return rc;
        show_m2p(d, mfn, base == &v->arch.cr3_kernel);
    }
    *base = mfn;
    pv_mmu_update_cr3(v);
    /* Order: the CPU has left the old tables before they are given up. */
    if (loads)
        pv_mmu_load(v);
    if (!mfn_is_invalid(old))
        put_base(d, frame_of(old), heir);
    return 0;
}

int pv_new_kernel_base(struct vcpu *v, mfn_t mfn)
{
    if (mfn_is_invalid(mfn))
        return ERR(EINVAL);
    if (mfn_eq(v->arch.cr3_kernel, mfn)) {
        pv_mmu_load(v);
        return 0;
    }
    /* The LDT's pages were found by its virtual address in the old tables. */
    pv_drop_ldt(v);
    return change_base(v, &v->arch.cr3_kernel, mfn, true, v);
}

int pv_new_user_base(struct vcpu *v, mfn_t mfn)
{
    if (mfn_eq(v->arch.cr3_user, mfn))
        return 0;
    return change_base(v, &v->arch.cr3_user, mfn, !v->arch.in_kernel, v);
}

/* Idempotent, so that it can be called again after -ERESTART. */
static int set_base(struct vcpu *v, mfn_t *base, mfn_t mfn)
{
    int rc;

    if (mfn_eq(*base, mfn))
        return 0;
    rc = pv_mmu_settle(current);
    return rc == 0 ? change_base(v, base, mfn, false, current) : rc;
}

int pv_set_base_pointers(struct vcpu *v, mfn_t kernel, mfn_t user)
{
    int rc = mfn_is_invalid(kernel) ? ERR(EINVAL) : set_base(v, &v->arch.cr3_kernel, kernel);

    if (rc == 0)
        rc = set_base(v, &v->arch.cr3_user, user);
    return rc;
}

int pv_drop_base_pointers(struct vcpu *v)
{
    int rc = pv_mmu_settle(v);

    if (rc == 0 && !mfn_is_invalid(v->arch.cr3_user)) {
        (void)change_base(v, &v->arch.cr3_user, MFN_INVALID, false, v);
        rc = pv_mmu_settle(v);
    }
    if (rc == 0 && !mfn_is_invalid(v->arch.cr3_kernel)) {
        (void)change_base(v, &v->arch.cr3_kernel, MFN_INVALID, false, v);
        rc = pv_mmu_settle(v);
    }
    return rc;
}

/* ---- walking ---- */

/*
 * Without the lock: another vCPU may take tables away meanwhile, and their frames may become
 * something else. Every frame number is checked before it is followed, and the result is only a
 * hint, which whoever uses it checks by taking references. *rights: bits that all levels have.
 */
static pte_t walk(mfn_t root, uint64_t va, uint64_t *rights)
{
    mfn_t mfn = root;

    *rights = ~0ULL;
    for (unsigned int level = 4; mfn_is_valid(mfn); level--) {
        const pte_t e = read_once(((const pte_t *)mfn_va(mfn))[pt_index(va, level)]);

        *rights &= e;
        if (!(e & PTE_P) || (level > 1 && (e & PTE_PS)))
            return 0;
        if (level == 1)
            return e;
        /* Trust: an L4 that names itself would lead on through its slots that are the hypervisor's. */
        if (unlikely(mfn_eq(pte_mfn(e), mfn)) && mmu_is_hv_slot(pt_index(va, level - 1)))
            return 0;
        mfn = pte_mfn(e);
    }
    return 0;
}

pte_t pv_guest_l1e(struct vcpu *v, uint64_t va)
{
    uint64_t rights;

    if (!mmu_guest_va(va))
        return 0;
    barrier_nospec();
    return walk(v->arch.cr3_kernel, va, &rights);
}

bool pv_access_allowed(const struct vcpu *v, uint64_t va, bool write)
{
    const uint64_t wanted = PTE_P | PTE_US | (write ? PTE_RW : 0);
    uint64_t rights;

    return mmu_guest_va(va) && walk(MFN(v->arch.cr3_loaded >> PAGE_SHIFT), va, &rights) != 0 && (rights & wanted) == wanted;
}

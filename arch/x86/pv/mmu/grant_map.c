/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings of granted frames in a PV guest's own page tables. The entry holds references like
 * any other (P1), so the guest may also overwrite it directly; what the grant itself holds is
 * the grant table's. Contract: hv/grant.h.
 */
#include "mmu.h"
#include <arch/cpu.h>
#include <hv/grant.h>
#include <hv/percpu.h>

/* ABI: never executable; the first bits of GNTMAP_guest_avail_mask appear in the entry's available bits. */
static pte_t grant_entry(mfn_t mfn, unsigned int flags)
{
    const uint64_t available = (uint64_t)(flags >> _GNTMAP_guest_avail0) << 9 & PTE_AVL;

    return pte_make(mfn, PTE_P | PTE_A | PTE_D | available | (cpu_features.nx ? PTE_NX : 0) | (flags & GNTMAP_readonly ? 0 : PTE_RW) |
                         (flags & GNTMAP_application_map ? PTE_US : 0));
}

/* Trust: maddr is the guest's. The L1 table is its own, and stays one under the lock. */
static pte_t *slot_at(struct domain *d, uint64_t maddr)
{
    const mfn_t mfn = MFN(maddr >> PAGE_SHIFT);
    struct frame *f = maddr % sizeof(pte_t) ? NULL : frame_get_mfn(mfn, d);
    uint64_t info;

    if (f == NULL)
        return NULL;
    info = frame_type_info(f);
    frame_put(f); /* a type reference holds it */
    if (!frame_is_type(info, FRAME_L1) || !(info & FRAME_VALIDATED))
        return NULL;
    return (pte_t *)((char *)mfn_va(mfn) + (maddr & (PAGE_SIZE - 1)));
}

static pte_t *find_slot(struct vcpu *v, uint64_t addr, unsigned int flags)
{
    mfn_t table;

    return flags & GNTMAP_contains_pte ? slot_at(v->domain, addr) : pt_find_l1(v->arch.cr3_kernel, addr, &table);
}

int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags)
{
    struct vcpu *v = current;
    struct pt_context c;
    pte_t *slot;
    int rc = GNTST_general_error;

    pt_context_init(&c, v->domain, NULL);
    mmu_lock_shared(v->domain);
    slot = find_slot(v, host_addr, flags);
    if (slot && l1e_change(&c, slot, grant_entry(mfn, flags), false) == 0)
        rc = GNTST_okay;
    mmu_unlock_shared(v->domain);
    return rc;
}

/* By the entry at new_addr, which goes. The lock is not shared. */
static int replace(const struct pt_context *c, struct vcpu *v, pte_t *slot, uint64_t new_addr)
{
    mfn_t table;
    pte_t *from;

    from = pt_find_l1(v->arch.cr3_kernel, new_addr, &table);
    if (from == NULL || from == slot)
        return GNTST_general_error;
    l1e_move(c, slot, from);
    return GNTST_okay;
}

/* Trust: RW too: a read-only entry given up for a writable grant would leave the writable entry behind. */
static bool is_mapping(pte_t e, mfn_t mfn, unsigned int flags)
{
    return (e & PTE_P) && mfn_eq(pte_mfn(e), mfn) && !(e & PTE_RW) == !!(flags & GNTMAP_readonly);
}

/* What is looked at is what goes, though other vCPUs may change the entry too. */
static int clear(const struct pt_context *c, pte_t *slot, mfn_t mfn, unsigned int flags)
{
    pte_t old = read_once(*slot);
    int rc;

    do {
        if (!is_mapping(old, mfn, flags))
            return GNTST_general_error;
        rc = l1e_change_if(c, slot, &old, 0);
    } while (rc == -XEN_EAGAIN);
    return rc == 0 ? GNTST_okay : GNTST_general_error;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags)
{
    struct vcpu *v = current;
    struct pt_context c;
    pte_t *slot;
    int rc = GNTST_general_error;

    pt_context_init(&c, v->domain, NULL);
    if (new_addr == 0) {
        mmu_lock_shared(v->domain);
        slot = find_slot(v, host_addr, flags);
        if (slot)
            rc = clear(&c, slot, mfn, flags);
        mmu_unlock_shared(v->domain);
    } else if (!(flags & GNTMAP_contains_pte)) {
        mmu_lock(v->domain);
        slot = find_slot(v, host_addr, flags);
        if (slot && is_mapping(*slot, mfn, flags))
            rc = replace(&c, v, slot, new_addr);
        mmu_unlock(v->domain);
    }
    return rc;
}

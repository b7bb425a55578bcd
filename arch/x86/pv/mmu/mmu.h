/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Validated page tables of PV guests: what the files of this folder share. Why it is safe is in
 * docs/pv-mmu.md (invariants P1..P11).
 */
#ifndef PV_MMU_H
#define PV_MMU_H

#include <arch/page.h>
#include <arch/cpu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

/* Bits of an L1 entry that choose the cache attribute: PAT index 0 is write-back (HOST_PAT). */
#define PTE_CACHE_ATTR (PTE_PWT | PTE_PCD | PTE_PAT)

/* One piece of work on the page tables of one domain. */
struct pt_context {
    struct domain *owner;        /* of the page tables; its mmu_lock is held, shared at least */
    struct domain *pages;        /* who must own what L1 entries map; NULL: anybody (grants) */
    struct domain *caller;       /* whose I/O memory counts if pages is DOMID_IO */
    uint64_t l1_forbidden;       /* entry bits that are refused */
    uint64_t table_forbidden;
    bool may_stop;               /* long work may end early with -ERESTART */
    bool progressed;             /* something was finished in this call: it may stop now */
    struct frame *unfinished;    /* released table in limbo, with a reference of ours: see pv_mmu_settle */
};

/* May d flush caches, and map with other attributes than write-back? */
static inline bool mmu_has_io(const struct domain *d)
{
    return read_once(d->iomem_allowed.nr_ranges) != 0 || read_once(d->arch.ioports_allowed.nr_ranges) != 0;
}

/* For work on owner's tables whose L1 entries map pages of `pages`. */
static inline void pt_context_init(struct pt_context *c, struct domain *owner, struct domain *pages)
{
    const uint64_t no_nx = cpu_features.nx ? 0 : PTE_NX;

    *c = (struct pt_context){
        .owner = owner,
        .pages = pages,
        .caller = current->domain,
        /* ABI: G is ignored in L1 entries, since guests write back what they read. */
        .l1_forbidden = no_nx | (mmu_has_io(owner) ? 0 : PTE_CACHE_ATTR),
        .table_forbidden = no_nx | PTE_PWT | PTE_PCD | PTE_PS | PTE_G,
    };
}

/* ---- scanning tables: most are nearly empty, so the empty ones go by eight ---- */

static always_inline bool pt_eight_empty(const pte_t *e)
{
    return !((e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) & PTE_P);
}
/* The first present entry from i on, or PT_ENTRIES. */
static always_inline unsigned int pt_next_present(const pte_t *table, unsigned int i)
{
    while (i < PT_ENTRIES && !(table[i] & PTE_P))
        i += i % 8 == 0 && pt_eight_empty(&table[i]) ? 8 : 1;
    return i;
}
/* The same downwards: how many entries there are up to the last present one of the first n. */
static always_inline unsigned int pt_until_present(const pte_t *table, unsigned int n)
{
    while (n > 0 && !(table[n - 1] & PTE_P))
        n -= n % 8 == 0 && pt_eight_empty(&table[n - 8]) ? 8 : 1;
    return n;
}

/* ---- entry.c: L1 entries ---- */

/*
 * The entry as it is stored: both guest modes run in ring 3, so all mappings carry US.
 * ABI: a mapping without US is the guest kernel's; it is marked by bit 52, so that a guest
 * that reads its tables can tell. User mappings are global: they survive the switch between the
 * guest's kernel and user tables.
 */
static inline pte_t l1e_adjust(pte_t e)
{
    if (!(e & PTE_US))
        return e | PTE_GUEST_KERNEL | PTE_US;
    return e & PTE_GUEST_KERNEL ? e : e | PTE_G;
}
/* Takes the references that a present, adjusted entry needs. -EBUSY -EPERM -EINVAL -EACCES. */
int l1e_acquire(const struct pt_context *c, pte_t e) must_check;
void l1e_release(const struct pt_context *c, pte_t e);
/* A whole table, adjusting what is stored. Of entries [*nr_done, 512); an error ends it, with *nr_done there. */
int l1e_acquire_all(const struct pt_context *c, pte_t *table, uint16_t *nr_done) must_check;
/* Of entries [0, *nr_held), which becomes 0. */
void l1e_release_all(const struct pt_context *c, const pte_t *table, uint16_t *nr_held);
/*
 * Replaces *slot of a validated L1 table by e; the lock may be held shared. keep_ad: A and D of the old
 * entry are kept. Errors change nothing: as l1e_acquire, and -EINVAL for forbidden bits.
 */
int l1e_change(const struct pt_context *c, pte_t *slot, pte_t e, bool keep_ad) must_check;
/* As l1e_change, if *slot is still *expected, which the caller has read there: -EAGAIN, with *expected updated, if not. */
int l1e_change_if(const struct pt_context *c, pte_t *slot, pte_t *expected, pte_t e) must_check;
/* Moves what *from maps, references and all, to *to, whose entry goes. The lock is held, not shared. */
void l1e_move(const struct pt_context *c, pte_t *to, pte_t *from);

/* ---- table.c: tables of every level ---- */

/*
 * Takes a reference to f, owned by c->owner, as a page table; validates it if it is the first.
 * Caller holds a general reference. -EINVAL and l1e_acquire's errors: not acceptable, nothing
 * held; -ERESTART: stopped, call again.
 */
int pt_take(struct pt_context *c, struct frame *f, enum frame_type type) must_check;
/* As pt_take by mfn; the general reference too. */
int pt_get(struct pt_context *c, mfn_t mfn, enum frame_type type) must_check;
/* Drops a type reference. -ERESTART: it is dropped, but releasing what the table held is not finished. */
int pt_drop(struct pt_context *c, struct frame *f) must_check;
/* Drops type and general reference; what is left to do goes to c->unfinished, which must be NULL. */
void pt_put(struct pt_context *c, struct frame *f);
/* Goes on undoing a table in limbo; 0 too if f is not in limbo. -ERESTART. */
int pt_undo(struct pt_context *c, struct frame *f) must_check;
/* Replaces *slot (entry `index`) of a validated table of level 2..4. */
int pt_change(struct pt_context *c, enum frame_type level, pte_t *slot, pte_t e, bool keep_ad) must_check;
/* The L1 slot that maps va under root; NULL if there is none. owner's mmu_lock is held, shared at least. *table: the L1 table. */
pte_t *pt_find_l1(mfn_t root, uint64_t va, mfn_t *table);

/* ---- settle.c: work that one hypercall leaves to the next ---- */

/* Keeps c->unfinished with v. Is there something? */
bool pv_mmu_leave_unfinished(struct vcpu *v, struct pt_context *c);
/* Finishes what v left; must be 0 before v starts other work. -ERESTART. No lock held. */
int pv_mmu_settle_now(struct vcpu *v) must_check;
static inline must_check int pv_mmu_settle(struct vcpu *v) { return likely(v->arch.mmu_unfinished == NULL) ? 0 : pv_mmu_settle_now(v); }

/* ---- call.c: what mmu_update and mmuext_op have in common ---- */

#define MMU_CALL_PREEMPTED 0x80000000u /* in the count: this is a continuation */

struct mmu_call {
    unsigned int nr;             /* hypercall */
    unsigned int op_bytes;
    uint64_t ops;                /* guest address of the first operation not yet done */
    uint32_t left;               /* operations */
    uint32_t done;               /* in all calls so far */
    bool progressed;             /* some in this one */
    uint64_t pdone;              /* guest address for `done`, or 0 */
    uint32_t foreign;            /* foreigndom argument */
};

/* What a call has to settle or to read first: a continuation, or one that left something unfinished. */
bool mmu_call_resume(struct mmu_call *m, uint64_t count, long *result) must_check;
/* true: go on; false: return *result now. */
static always_inline must_check bool mmu_call_begin(struct mmu_call *m, uint64_t count, long *result)
{
    m->left = (uint32_t)count & ~MMU_CALL_PREEMPTED;
    m->done = 0;
    m->progressed = false;
    if (unlikely((uint32_t)count & MMU_CALL_PREEMPTED) || unlikely(current->arch.mmu_unfinished != NULL))
        return mmu_call_resume(m, count, result);
    *result = ERR(EFAULT);
    return likely(guest_address_ok(m->ops));
}
static inline void mmu_call_advance(struct mmu_call *m, uint32_t n)
{
    m->ops += (uint64_t)n * m->op_bytes;
    m->left -= n;
    m->done += n;
    m->progressed |= n != 0;
}
long mmu_call_stop(struct mmu_call *m, int rc);
/* The hypercall's result, given why the loop ended (0: all done). */
static always_inline long mmu_call_end(struct mmu_call *m, int rc)
{
    if (unlikely(m->pdone) || unlikely(rc == -XEN_ERESTART) || unlikely(current->arch.mmu_unfinished != NULL))
        return mmu_call_stop(m, rc);
    return rc;
}
/* Must the loop stop before the next operation? */
static inline bool mmu_call_must_stop(const struct mmu_call *m)
{
    return unlikely(current->arch.mmu_unfinished != NULL) || (m->progressed && hypercall_preempt_check());
}
/* The domain that a foreigndom argument names (its low half), referenced; NULL: -ESRCH. */
struct domain *mmu_foreign_find(uint32_t foreign) must_check;
static inline must_check struct domain *mmu_foreign_get(uint32_t foreign)
{
    return likely((domid_t)foreign == DOMID_SELF) ? current->domain : mmu_foreign_find(foreign);
}
static inline void mmu_foreign_put(struct domain *d)
{
    if (unlikely(d != current->domain))
        domain_put(d);
}
/* May the caller do this to those? 0 or -EPERM. */
static inline must_check int mmu_may_touch(const struct domain *tables, const struct domain *pages)
{
    const struct domain *caller = current->domain;

    if (unlikely(tables != caller || (pages != caller && pages != domain_io)) && !caller->is_control)
        return ERR(EPERM);
    barrier_nospec();
    return 0;
}
/* CPUs that run the vCPUs of a guest's bitmap. -EFAULT. */
int mmu_read_vcpu_mask(const struct domain *d, uint64_t bitmap_va, cpumask_t *out) must_check;
/* An address a guest may invalidate. */
static inline bool mmu_is_hv_slot(unsigned int l4_index) { return l4_index - HV_FIRST_SLOT <= HV_LAST_SLOT - HV_FIRST_SLOT; }
static inline bool mmu_guest_va(uint64_t va) { return va < 0x0000800000000000ULL || va >= HV_VIRT_END; }

/* ---- update.c ---- */
/* Writes one entry of whatever table, or word of whatever writable page, maddr is in; f is that frame. Shared: if it is no table of tables. */
int mmu_write_entry(struct pt_context *c, struct frame *f, uint64_t maddr, uint64_t value, bool keep_ad) must_check;

/* ---- base.c ---- */
/* MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR for current. -ERESTART. */
int pv_new_kernel_base(struct vcpu *v, mfn_t mfn) must_check;
int pv_new_user_base(struct vcpu *v, mfn_t mfn) must_check;
/* Do the tables in CR3 allow this access now? A hint, as pv_guest_l1e. */
bool pv_access_allowed(const struct vcpu *v, uint64_t va, bool write);

/* ---- descriptors.c ---- */
/* #PF at cr2 in the GDT or LDT window. true: filled, or a fault was injected. */
bool pv_window_fault(struct vcpu *v, struct trap_frame *regs, uint64_t cr2);
/* MMUEXT_SET_LDT of current. 0 or -EINVAL. */
int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries) must_check;

/* ---- fault.c ---- */
/* A guest kernel's write to a live L1 table. true: done or to be retried. */
bool pv_emulate_pte_write(struct vcpu *v, struct trap_frame *regs, uint64_t cr2);

/* Shared: nothing becomes a page table or ceases to be one, tables of tables stay as they are, L1 entries may change. */
static inline void mmu_lock_shared(struct domain *d) { rw_read_lock(&d->arch.mmu_lock); }
static inline void mmu_unlock_shared(struct domain *d) { rw_read_unlock(&d->arch.mmu_lock); }
static inline void mmu_lock(struct domain *d) { rw_write_lock(&d->arch.mmu_lock); }
static inline void mmu_unlock(struct domain *d) { rw_write_unlock(&d->arch.mmu_lock); }

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page faults that the hypervisor resolves for a PV guest: a page of the LDT window that was not
 * filled yet; a guest kernel's plain write to one of its live L1 tables, which is
 * executed as a checked update; and its own accesses by stale TLB entries.
 * ABI: as on stock Xen, VMASST_TYPE_writable_pagetables need not be enabled for that.
 */
#include "mmu.h"
#include "../priv/priv.h"
#include "../trace.h"
#include <arch/emul.h>
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/perfc.h>
#include <hv/trace.h>

/* One faulting instruction. */
struct pte_write {
    struct vcpu *v;
    struct frame *table;      /* L1 table at the faulting address, referenced */
    uint64_t page_va;         /* where the guest sees it */
};

static inline struct pte_write *work_of(const struct emul_context *c)
{
    return c->opaque;
}

/* ---- the write ---- */

static inline uint64_t bytes_mask(unsigned int bytes)
{
    return bytes == 8 ? ~0ULL : (1ULL << (bytes * 8)) - 1;
}

/* Only aligned stores into the page that faulted. */
static inline bool is_in_table(const struct pte_write *w, uint64_t linear, unsigned int bytes)
{
    return bytes <= sizeof(pte_t) && (linear & (bytes - 1)) == 0 && (linear & PAGE_MASK) == w->page_va;
}

static inline bool is_live(const struct frame *f)
{
    const uint64_t info = frame_type_info(f);

    return frame_is_type(info, FRAME_L1) && (info & FRAME_VALIDATED);
}

/*
 * Replaces `bytes` of the entry at linear by `value`; with `expected`, if they equal it, which
 * *done tells and *expected learns. The part of the entry that is not written is kept.
 */
static int write_part(struct pte_write *w, uint64_t linear, uint64_t value, unsigned int bytes, uint64_t *expected, bool *done)
{
    const unsigned int shift = (unsigned int)(linear & 7) * 8;
    const uint64_t mask = bytes_mask(bytes);
    pte_t *slot = (pte_t *)frame_va(w->table) + (linear & (PAGE_SIZE - 1)) / sizeof(pte_t);
    pte_t old = read_once(*slot);
    struct pt_context c;
    int rc;

    perfc_inc(table_writes);
    if (trace_wants(TRC_PV_ENTRY))
        pv_trace_table_write((old & ~(mask << shift)) | (value & mask) << shift, linear, guest_regs()->rip);
    pt_context_init(&c, w->v->domain, w->v->domain);
    do {
        if (expected && (*done = (old >> shift & mask) == *expected) == false) {
            *expected = old >> shift & mask;
            return 0;
        }
        rc = l1e_change_if(&c, slot, &old, (old & ~(mask << shift)) | (value & mask) << shift);
    } while (rc == -XEN_EAGAIN); /* the CPU has set A or D, or another vCPU was faster */
    return rc;
}

static enum emul_result write_locked(struct pte_write *w, uint64_t linear, uint64_t value, unsigned int bytes,
                                     uint64_t *expected, bool *done)
{
    struct domain *d = w->v->domain;
    int rc;

    if (!is_in_table(w, linear, bytes))
        return EMUL_UNHANDLEABLE;
    mmu_lock_shared(d);
    rc = is_live(w->table) ? write_part(w, linear, value, bytes, expected, done) : -(int)XEN_EAGAIN;
    mmu_unlock_shared(d);
    if (rc == -XEN_EAGAIN)
        return EMUL_RETRY; /* no page table any more: let the guest try again */
    return rc == 0 ? EMUL_OK : EMUL_UNHANDLEABLE;
}

/* ---- collaborators of the emulator ---- */

static enum emul_result op_fetch(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    return guest_read(dst, linear, bytes) == 0 ? EMUL_OK : EMUL_UNHANDLEABLE;
}

static enum emul_result op_read(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    return guest_read(dst, linear, bytes) == 0 ? EMUL_OK : emul_raise_page_fault(c, 0, linear);
}

static enum emul_result op_write(struct emul_context *c, uint64_t linear, const void *src, unsigned int bytes)
{
    uint64_t value = 0;

    if (bytes > sizeof(value))
        return EMUL_UNHANDLEABLE;
    memcpy(&value, src, bytes);
    return write_locked(work_of(c), linear, value, bytes, NULL, NULL);
}

static enum emul_result op_cmpxchg(struct emul_context *c, uint64_t linear, void *expected, const void *desired,
                                   unsigned int bytes, bool *done)
{
    uint64_t value = 0, old = 0;
    enum emul_result result;

    if (bytes > sizeof(value))
        return EMUL_UNHANDLEABLE;
    memcpy(&value, desired, bytes);
    memcpy(&old, expected, bytes);
    *done = false;
    result = write_locked(work_of(c), linear, value, bytes, &old, done);
    memcpy(expected, &old, bytes);
    return result;
}

/* 64-bit code: only the bases of FS and GS count. */
static enum emul_result op_segment(struct emul_context *c, enum emul_segment seg, struct emul_segment_cache *out)
{
    *out = (struct emul_segment_cache){ .limit = ~0u, .writable = true, .readable = true, .big = true };
    if (seg == EMUL_FS)
        out->base = rdmsr(MSR_FS_BASE);
    else if (seg == EMUL_GS)
        out->base = rdmsr(MSR_GS_BASE);
    return EMUL_OK;
}

static const struct emul_ops pte_write_ops = {
    .fetch = op_fetch,
    .read = op_read,
    .write = op_write,
    .cmpxchg = op_cmpxchg,
    .segment_read = op_segment,
};

/* ---- the fault ---- */

#define DR6_BS (1u << 14)

static bool finish(struct vcpu *v, struct trap_frame *regs, const struct emul_context *c, enum emul_result result)
{
    if (result == EMUL_EXCEPTION && c->exception.vector == VEC_PF)
        pv_inject_page_fault(v, c->exception.error_code, c->exception.cr2);
    else if (result == EMUL_EXCEPTION)
        pv_inject_exception(v, c->exception.vector, c->exception.error_code);
    else if (result == EMUL_OK && (regs->rflags & RFLAGS_TF) && !c->rep_unfinished) {
        v->arch.dr6 |= DR6_BS;
        pv_inject_exception(v, VEC_DB, 0);
    }
    return result != EMUL_UNHANDLEABLE;
}

/*
 * Trust: the bytes are read again, so another vCPU may have made any instruction of them. It gets what ring 3
 * has: flags change as they could without us, IF and IOPL, which are the machine's, do not.
 */
static bool execute(struct pte_write *w, struct trap_frame *regs)
{
    struct emul_context c = {
        .ops = &pte_write_ops,
        .opaque = w,
        .regs = regs,
        .code_bits = 64,
        .stack_bits = 64,
        .cpl = 3,
    };

    return finish(w->v, regs, &c, emul_step(&c));
}

bool pv_emulate_pte_write(struct vcpu *v, struct trap_frame *regs, uint64_t cr2)
{
    const pte_t e = pv_guest_l1e(v, cr2);
    struct pte_write w = { .v = v, .page_va = cr2 & PAGE_MASK };
    bool done = false;

    if (!(e & PTE_P) || (e & PTE_RW))
        return false;
    w.table = frame_get_mfn(pte_mfn(e), v->domain);
    if (w.table == NULL)
        return false;
    if (is_live(w.table) && pv_code_bits(v, regs) == 64)
        done = execute(&w, regs);
    frame_put(w.table);
    return done;
}

static inline bool may_be_table_write(const struct vcpu *v, const struct trap_frame *regs)
{
    const uint32_t mask = PFEC_PRESENT | PFEC_WRITE | PFEC_RSVD | PFEC_FETCH;

    return v->arch.in_kernel && (regs->error_code & mask) == (PFEC_PRESENT | PFEC_WRITE);
}

/*
 * The hypervisor touched guest memory by a stale TLB entry: guests that give a page more rights
 * need not flush (SDM3 4.10.4.3), and the fault itself has dropped the entry (SDM3 4.10.4.1).
 */
static bool is_spurious(const struct vcpu *v, const struct trap_frame *regs, uint64_t cr2)
{
    if (regs->error_code & (PFEC_USER | PFEC_RSVD | PFEC_FETCH))
        return false;
    return pv_access_allowed(v, cr2, regs->error_code & PFEC_WRITE);
}

static bool fixup_own_fault(const struct vcpu *v, const struct trap_frame *regs, uint64_t cr2)
{
    const bool fixed = is_spurious(v, regs, cr2);

    if (fixed && trace_wants(TRC_PV_ENTRY))
        pv_trace_address(TRC_PV_PAGING_FIXUP, regs->rip, cr2);
    return fixed;
}

bool pv_mmu_fixup_fault(struct vcpu *v, struct trap_frame *regs, uint64_t cr2)
{
    if (unlikely(va_is_hypervisor(cr2)))
        return pv_window_fault(v, regs, cr2);
    if (!frame_from_guest(regs))
        return fixup_own_fault(v, regs, cr2);
    return may_be_table_write(v, regs) && pv_emulate_pte_write(v, regs, cr2);
}

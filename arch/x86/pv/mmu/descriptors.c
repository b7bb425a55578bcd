/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV guest's GDT and LDT: checked pages (FRAME_SEGDESC) that each CPU shows in its window
 * (arch/layout.h). P8: a CPU that runs a guest shows that vCPU's pages and no others, its TLB
 * included; a CPU that runs none may show pages that are not held any more, since nothing there
 * loads a guest's selector.
 *
 * Locks: the domain's mmu_lock for checking; ldt_lock for which LDT pages are shown where. GDT
 * fields and a CPU's own GDT window are that CPU's, or a paused vCPU's.
 */
#include "mmu.h"
#include "../trace.h"
#include <arch/cpu_window.h>
#include <arch/pv.h>
#include <arch/tlb.h>
#include <hv/errno.h>
#include <hv/frame_refs.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/trace.h>

#define GDT_PAGES FIRST_RESERVED_GDT_PAGE
#define LDT_PAGES 16u
#define PER_PAGE  512u                        /* descriptors */
#define LDT_MAX   (LDT_PAGES * PER_PAGE)

/* Not global: little of the TLB is lost to windows when a guest is switched away. RW: the CPU sets accessed bits. */
#define WINDOW_PTE (HV_PTE_RW & ~PTE_G)
#define EMPTY_PTE  (HV_PTE_RO & ~PTE_G)

/* What a CPU's window shows. */
struct window {
    pte_t *slots;                /* L1 entries of the window; GDT from 0, LDT from 16; NULL: not looked up yet */
    unsigned int gdt_pages;      /* guest pages shown */
    const struct vcpu *ldt_of;   /* ldt_lock */
    uint32_t ldt_pages;          /* bitmap of pages shown; ldt_lock */
    unsigned int ldt_entries;    /* that LDTR covers; 0: LDTR is null */
};
static DEFINE_PER_CPU(struct window, window);

static struct spinlock ldt_lock = SPINLOCK_INIT(RANK_LEAF);

#define GDT_SLOT 0u
#define LDT_SLOT (CPU_WINDOW_LDT / PAGE_SIZE)

static struct window *this_window(void)
{
    struct window *w = &this_cpu(window);

    if (unlikely(w->slots == NULL))
        w->slots = hv_l1_entry(cpu_window(this_cpu_id()));
    return w;
}

/* On the window's CPU. */
static void show(struct window *w, unsigned int slot, pte_t e)
{
    if (w->slots[slot] == e)
        return;
    write_once(w->slots[slot], e);
    tlb_flush_local_page(cpu_window(this_cpu_id()) + slot * PAGE_SIZE);
}

/* ---- checking ---- */

/* Descriptor bits (SDM3 3.4.5, 5.8.3) in the upper half. */
#define DESC_TYPE  0x00000f00u
#define DESC_S     0x00001000u  /* code or data */
#define DESC_DPL   0x00006000u
#define DESC_P     0x00008000u
#define DESC_GATE  0x00000c00u  /* type: call gate */
#define DESC_GATE_RESERVED 0x000000ffu

/* ABI: where a call gate may lead (compared as stock Xen does): not into the hypervisor's own segments. */
static bool gate_target_ok(uint16_t selector)
{
    return (selector & 4) || selector >> 3 < FIRST_RESERVED_GDT_ENTRY || selector == FLAT_RING3_CS64;
}

/* DPL 0: no guest uses a gate by itself, its #GP names it. */
static bool fix_gate(uint64_t *desc, uint32_t high)
{
    uint16_t selector = (uint16_t)(*desc >> 16);

    if ((high & DESC_TYPE) != DESC_GATE || (high & DESC_GATE_RESERVED) || !gate_target_ok(selector))
        return false;
    selector = pv_fix_selector(selector);
    *desc = (uint64_t)(high & ~DESC_DPL) << 32 | (uint64_t)selector << 16 | (*desc & 0xffff);
    return true;
}

bool pv_descriptor_fix(uint64_t *desc)
{
    const uint32_t high = (uint32_t)(*desc >> 32);

    if (!(high & DESC_P))
        return true;
    if (!(high & DESC_S) && (high & DESC_TYPE))
        return fix_gate(desc, high);
    /* Both guest modes run in ring 3. */
    *desc |= (uint64_t)DESC_DPL << 32;
    return true;
}

static int check_page(struct frame *f)
{
    uint64_t *desc = frame_va(f);

    for (unsigned int i = 0; i < PER_PAGE; i++)
        if (!pv_descriptor_fix(&desc[i]))
            return ERR(EINVAL);
    return 0;
}

static int take_segdesc(struct domain *d, struct frame *f)
{
    int rc;

    /* One more of a checked page needs no lock: with its last reference it loses FRAME_VALIDATED in the same step. */
    if (likely(frame_take_another(f, FRAME_SEGDESC, FRAME_VALIDATED)))
        return 0;
    mmu_lock(d);
    rc = frame_type_claim(f, FRAME_SEGDESC, d);
    if (rc > 0) {
        rc = check_page(f);
        if (rc == 0)
            frame_type_publish(f);
        else
            frame_type_end(f);
    }
    mmu_unlock(d);
    return rc;
}

/* NULL: not d's, in use as something else, or a descriptor is refused. */
static struct frame *get_segdesc(struct domain *d, mfn_t mfn)
{
    struct frame *f = frame_get_mfn(mfn, d);

    if (f && take_segdesc(d, f) != 0) {
        frame_put(f);
        f = NULL;
    }
    return f;
}

static void put_pages(const mfn_t *frames, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++)
        frame_put_and_drop(frame_of(frames[i]));
}

/* ---- GDT ---- */

static inline unsigned int gdt_pages(const struct vcpu *v)
{
    return div_round_up(v->arch.gdt_entries, PER_PAGE);
}

static void show_gdt(struct window *w, const struct vcpu *v)
{
    const unsigned int nr = gdt_pages(v);

    for (unsigned int i = 0; i < max(nr, w->gdt_pages); i++)
        show(w, GDT_SLOT + i, i < nr ? pte_make(v->arch.gdt_frames[i], WINDOW_PTE) : pte_make(cpu_window_empty_mfn(), EMPTY_PTE));
    w->gdt_pages = nr;
}

/* v's tables become frames[0..nr). The old pages are given up when no guest on any CPU sees them. */
static void replace_gdt(struct vcpu *v, const mfn_t *frames, unsigned int nr, unsigned int entries)
{
    const unsigned int nr_old = gdt_pages(v);
    mfn_t old[GDT_PAGES];

    memcpy(old, v->arch.gdt_frames, sizeof(old));
    for (unsigned int i = 0; i < GDT_PAGES; i++)
        v->arch.gdt_frames[i] = i < nr ? frames[i] : MFN_INVALID;
    v->arch.gdt_entries = entries;
    if (v == current)
        show_gdt(this_window(), v);
    put_pages(old, nr_old);
}

int pv_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries)
{
    const unsigned int nr = div_round_up(entries, PER_PAGE);
    mfn_t taken[GDT_PAGES];

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return ERR(EINVAL);
    for (unsigned int i = 0; i < nr; i++) {
        taken[i] = MFN(frames[i]);
        if (get_segdesc(v->domain, taken[i]) == NULL) {
            put_pages(taken, i);
            return ERR(EINVAL);
        }
    }
    replace_gdt(v, taken, nr, entries);
    return 0;
}

void pv_drop_gdt(struct vcpu *v)
{
    replace_gdt(v, NULL, 0, 0);
}

long hc_set_gdt(uint64_t frames_va, uint64_t entries, uint64_t unused1, uint64_t unused2, uint64_t unused3)
{
    const unsigned int n = (unsigned int)entries;
    uint64_t frames[GDT_PAGES];

    if (n > FIRST_RESERVED_GDT_ENTRY)
        return ERR(EINVAL);
    if (n != 0 && guest_read(frames, frames_va, div_round_up(n, PER_PAGE) * sizeof(frames[0])) != 0)
        return ERR(EFAULT);
    return pv_set_gdt(current, frames, n);
}

/* The page may be in use as a descriptor table, or be any page that the guest may write to. */
static int write_descriptor(struct domain *d, struct frame *f, uint64_t maddr, uint64_t desc)
{
    const bool is_table = frame_is_type(frame_type_info(f), FRAME_SEGDESC);
    const int rc = is_table ? take_segdesc(d, f) : frame_take_writable(f, d);

    if (rc != 0)
        return ERR(EINVAL);
    write_once(*(uint64_t *)((char *)frame_va(f) + (maddr & (PAGE_SIZE - 1))), desc);
    frame_drop_type(f);
    return 0;
}

long hc_update_descriptor(uint64_t maddr, uint64_t desc, uint64_t unused1, uint64_t unused2, uint64_t unused3)
{
    struct domain *d = current->domain;
    struct frame *f = frame_get_mfn(MFN(maddr >> PAGE_SHIFT), d);
    int rc = ERR(EINVAL);

    if (f == NULL)
        return rc;
    if (maddr % sizeof(desc) == 0 && pv_descriptor_fix(&desc))
        rc = write_descriptor(d, f, maddr, desc);
    frame_put(f);
    return rc;
}

/* ---- LDT ---- */

/* 64-bit LDT descriptor (SDM3 7.2.3) in the CPU's own GDT page, and LDTR. */
static void load_ldtr(struct window *w, unsigned int entries)
{
    const uint64_t base = cpu_window(this_cpu_id()) + CPU_WINDOW_LDT;
    const uint64_t limit = entries * 8ULL - 1;
    uint64_t *desc = (void *)(uintptr_t)(cpu_window(this_cpu_id()) + CPU_WINDOW_GDT + SEL_LDT);

    if (entries == w->ldt_entries)
        return;
    w->ldt_entries = entries;
    if (entries == 0) {
        cpu_lldt(0);
        return;
    }
    write_once(desc[1], base >> 32);
    write_once(desc[0], (limit & 0xffff) | (base & 0xffffff) << 16 | 0x82ULL << 40 | (base >> 24 & 0xff) << 56);
    cpu_lldt(SEL_LDT);
}

static inline pte_t ldt_entry(const struct vcpu *v, unsigned int page)
{
    return v->arch.ldt_mapped >> page & 1 ? pte_make(v->arch.ldt_frames[page], WINDOW_PTE) : 0;
}

/* Shows v's pages in this CPU's window; with ldt_lock. */
static void show_ldt(struct window *w, const struct vcpu *v)
{
    for (unsigned int i = 0; i < LDT_PAGES; i++)
        if ((w->ldt_pages | v->arch.ldt_mapped) >> i & 1)
            show(w, LDT_SLOT + i, ldt_entry(v, i));
    w->ldt_pages = v->arch.ldt_mapped;
    w->ldt_of = v;
}

void pv_descriptors_load(struct vcpu *v)
{
    struct window *w = this_window();

    show_gdt(w, v);
    if (unlikely(v->arch.ldt_entries | w->ldt_pages)) {
        spin_lock(&ldt_lock);
        show_ldt(w, v);
        spin_unlock(&ldt_lock);
    }
    load_ldtr(w, v->arch.ldt_entries);
}

/* Takes all pages away from v and from windows that show them; with ldt_lock. Says which CPUs have to flush. */
static unsigned int take_ldt(struct vcpu *v, mfn_t *frames, cpumask_t *cpus)
{
    unsigned int nr = 0, cpu;

    for (unsigned int i = 0; i < LDT_PAGES; i++)
        if (v->arch.ldt_mapped >> i & 1)
            frames[nr++] = v->arch.ldt_frames[i];
    v->arch.ldt_mapped = 0;
    *cpus = (cpumask_t){ { 0 } };
    for_each_online_cpu(cpu) {
        struct window *w = &per_cpu(window, cpu);

        if (w->ldt_of != v || w->ldt_pages == 0)
            continue;
        for (unsigned int i = 0; i < LDT_PAGES; i++)
            write_once(w->slots[LDT_SLOT + i], 0);
        w->ldt_pages = 0;
        cpumask_set(cpus, cpu);
    }
    return nr;
}

void pv_drop_ldt(struct vcpu *v)
{
    mfn_t frames[LDT_PAGES];
    cpumask_t cpus;
    unsigned int nr;

    if (likely(read_once(v->arch.ldt_mapped) == 0))
        return;
    spin_lock(&ldt_lock);
    nr = take_ldt(v, frames, &cpus);
    spin_unlock(&ldt_lock);
    if (!cpumask_empty(&cpus))
        tlb_flush_mask(&cpus, TLB_FLUSH_GLOBAL, 0);
    put_pages(frames, nr);
}

int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries)
{
    /* ABI: only where it begins is looked at; what is not the guest's further on is never shown. */
    if (entries == 0)
        base = 0;
    else if ((base & (PAGE_SIZE - 1)) || entries > LDT_MAX || !mmu_guest_va(base))
        return ERR(EINVAL);
    if (base == v->arch.ldt_base && entries == v->arch.ldt_entries)
        return 0;
    pv_drop_ldt(v);
    v->arch.ldt_base = base;
    v->arch.ldt_entries = entries;
    if (v == current)
        load_ldtr(this_window(), entries);
    return 0;
}

/* Shows page `page` of current's LDT, if the guest's tables map it and it passes. */
static bool map_ldt_page(struct vcpu *v, unsigned int page)
{
    const pte_t e = pv_guest_l1e(v, v->arch.ldt_base + page * PAGE_SIZE);
    struct frame *f = e & PTE_P ? get_segdesc(v->domain, pte_mfn(e)) : NULL;
    struct window *w = this_window();
    bool taken = false;

    if (f == NULL)
        return false;
    spin_lock(&ldt_lock);
    if (!(v->arch.ldt_mapped >> page & 1)) {
        v->arch.ldt_frames[page] = frame_mfn(f);
        v->arch.ldt_mapped |= 1u << page;
        taken = true;
    }
    show_ldt(w, v);
    spin_unlock(&ldt_lock);
    if (!taken)
        frame_put_and_drop(f);
    return true;
}

/* ABI: the guest sees the fault at the address where it thinks its LDT is. */
static void reflect_ldt_fault(struct vcpu *v, const struct trap_frame *regs, uint64_t offset)
{
    const uint64_t va = v->arch.ldt_base + offset;

    if (va_is_canonical(va))
        pv_inject_page_fault(v, regs->error_code, va);
    else
        pv_inject_exception(v, VEC_GP, (uint32_t)(offset & ~7ULL) | 4);
}

/*
 * The CPU reads a selector for the hypervisor, too (IRET, segment loads), with interrupts off. The
 * locks here need them on; at those two places nothing depends on their being off.
 */
static bool fill_from_hypervisor(struct vcpu *v, unsigned int page)
{
    bool filled;

    irq_enable();
    filled = map_ldt_page(v, page);
    irq_disable();
    return filled;
}

bool pv_window_fault(struct vcpu *v, struct trap_frame *regs, uint64_t cr2)
{
    const uint64_t offset = cr2 - (cpu_window(this_cpu_id()) + CPU_WINDOW_LDT);
    const unsigned int page = (unsigned int)(offset / PAGE_SIZE);

    /* Trust: the CPU reads descriptors as supervisor; a guest that reads there by itself has US set. */
    if (regs->error_code & (PFEC_PRESENT | PFEC_USER | PFEC_RSVD))
        return false;
    if (offset >= LDT_PAGES * PAGE_SIZE || page >= div_round_up(v->arch.ldt_entries, PER_PAGE))
        return false;
    if (!frame_from_guest(regs))
        return fill_from_hypervisor(v, page);
    if (trace_wants(TRC_PV_ENTRY))
        pv_trace_address(TRC_PV_GDT_LDT_MAPPING_FAULT, regs->rip, offset);
    if (!map_ldt_page(v, page))
        reflect_ldt_fault(v, regs, offset);
    return true;
}

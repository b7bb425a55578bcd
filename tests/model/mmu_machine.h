/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine for models of page tables: a guest's two CPUs and the control domain's one, seven frames whose
 * first two words count, and TLBs that cache whatever they may until they are flushed.
 */
#ifndef MMU_MACHINE_H
#define MMU_MACHINE_H

#include "explore.h"
#include <arch/pv.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/guest_access.h>
#include <arch/x86/pv/mmu/mmu.h>

#define NR_FRAMES 8u
#define NR_CPUS   3u
#define NR_WORDS  2u  /* of a page */

/* Frames 1..6 are the guest's, 7 is the control domain's L1 table. */
enum { T = 1, T2, X, Y, V, W, U };

static char ram[NR_FRAMES][PAGE_SIZE] __attribute__((__aligned__(4096)));
static struct frame frames[NR_FRAMES];
static struct domain dom_a = { .id = 1 }, dom_0 = { .id = 0, .is_control = true }, dom_io = { .id = DOMID_IO };
static struct vcpu vcpu_a0, vcpu_a1, vcpu_0;
static struct vcpu *const vcpu_of_cpu[NR_CPUS] = { &vcpu_a0, &vcpu_a1, &vcpu_0 };

pte_t hv_l4[PT_ENTRIES];
mfn_t image_mfn(const void *p) { return MFN(0); }
void hv_install_slots(pte_t *l4) { }
void m2p_set(mfn_t mfn, uint64_t pfn) { }
bool mfn_is_valid(mfn_t mfn) { return mfn.v < NR_FRAMES; }
bool hypercall_preempt_check(void) { return false; }
long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5) { return -XEN_ERESTART; }
int guest_read(void *dst, uint64_t va, size_t n) { memcpy(dst, (void *)va, n); return 0; }
int guest_write(uint64_t va, const void *src, size_t n) { memcpy((void *)va, src, n); return 0; }
bool guest_range_ok(uint64_t va, size_t n) { return true; }
struct domain *domain_get_by_id(domid_t id) { return id == 1 ? &dom_a : id == 0 ? &dom_0 : NULL; }
struct domain *domain_get_any(domid_t id) { return id == DOMID_IO ? &dom_io : domain_get_by_id(id); }
void domain_put(struct domain *d) { }
void domain_frame_freed(struct frame *f) { f->owner = DOMID_INVALID; }
void domain_frame_release(struct frame *f) { f->flags &= (uint16_t)~FRAME_ALLOCATED; frame_put(f); }
void pv_drop_ldt(struct vcpu *v) { }
void pv_drop_gdt(struct vcpu *v) { }
int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries) { return 0; }

static pte_t *entry(unsigned int table, unsigned int slot) { return (pte_t *)ram[table] + slot; }
static unsigned int type_of(unsigned int i) { return frame_type_of(frames[i].type_info); }
static uint32_t count_of(unsigned int i) { return frame_type_count(frames[i].type_info); }
static bool is_table(unsigned int i) { return count_of(i) && type_of(i) >= FRAME_L1 && type_of(i) <= FRAME_L4; }
static bool is_live(unsigned int i) { return is_table(i) && (frames[i].type_info & FRAME_VALIDATED); }

/* ---- TLBs: arch/x86/mm/tlb.c's flush_everything and tlb_filter, with the machine's part ---- */

static uint32_t clock_now = 5, flushed_at[NR_CPUS] = { 5, 5, 5 };
static bool cached_writable[NR_CPUS][NR_FRAMES]; /* may write to the frame by a translation */
static bool cached_table[NR_CPUS][NR_FRAMES];    /* may walk through the frame */
static uint64_t cr3[NR_CPUS];

static void fill(unsigned int cpu)
{
    for (unsigned int t = 1; t < NR_FRAMES; t++) {
        const bool is_own = frames[t].owner == vcpu_of_cpu[cpu]->domain->id;

        cached_table[cpu][t] |= is_own && is_live(t);
        for (unsigned int s = 0; s < NR_WORDS && cached_table[cpu][t] && type_of(t) == FRAME_L1; s++)
            if ((*entry(t, s) & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW) && pte_mfn(*entry(t, s)).v < NR_FRAMES)
                cached_writable[cpu][pte_mfn(*entry(t, s)).v] = true;
    }
}

static void fill_all(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        fill(cpu);
}

static void flush(unsigned int cpu)
{
    const uint32_t tick = __atomic_add_fetch(&clock_now, 1, __ATOMIC_SEQ_CST);

    explore_point();
    memset(cached_writable[cpu], 0, sizeof(cached_writable[cpu]));
    memset(cached_table[cpu], 0, sizeof(cached_table[cpu]));
    write_once(flushed_at[cpu], tick);
}

uint32_t tlb_clock_now(void) { return __atomic_load_n(&clock_now, __ATOMIC_SEQ_CST); }
void tlb_filter(cpumask_t *cpus, uint32_t stamp)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        if (read_once(flushed_at[cpu]) > stamp)
            cpumask_clear(cpus, cpu);
}
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        if (cpumask_test(cpus, cpu) && (flags & TLB_FLUSH_GLOBAL))
            flush(cpu);
}
void tlb_flush_local(unsigned int flags) { flush(this_cpu_id()); }
void tlb_flush_local_page(uint64_t va) { }
void tlb_load_cr3(uint64_t value, bool global)
{
    cr3[this_cpu_id()] = value >> PAGE_SHIFT;
    flush(this_cpu_id());
}

/* ---- invariants ---- */

static uint32_t want_refs[NR_FRAMES], want_types[NR_FRAMES];

static void check_entry(unsigned int level, pte_t e)
{
    const uint64_t mfn = pte_mfn(e).v;

    explore_assert(frames[mfn].refs != 0 && frames[mfn].owner != DOMID_INVALID); /* P1 */
    if (level > 1)
        explore_assert(is_live((unsigned int)mfn) && type_of((unsigned int)mfn) == level - 1); /* P2 */
    else if (e & PTE_RW)
        explore_assert(count_of((unsigned int)mfn) != 0 && type_of((unsigned int)mfn) == FRAME_WRITABLE); /* F3 */
    want_refs[mfn]++;
    want_types[mfn] += level > 1 || (e & PTE_RW);
}

static void check_frame(unsigned int i)
{
    explore_assert(count_of(i) == 0 || frames[i].refs != 0); /* F2 */
    for (unsigned int s = 0; is_live(i) && s < NR_WORDS; s++)
        if (*entry(i, s) & PTE_P)
            check_entry(type_of(i), *entry(i, s));
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        if (is_table(i) || (count_of(i) && type_of(i) == FRAME_SEGDESC))
            explore_assert(!cached_writable[cpu][i]); /* F5 */
        if (count_of(i) && type_of(i) == FRAME_WRITABLE)
            explore_assert(!cached_table[cpu][i]); /* F5 */
        if (cr3[cpu] == i)
            explore_assert(is_live(i) && type_of(i) == FRAME_L4); /* P7 */
    }
}

static void forget_wanted(void)
{
    memset(want_refs, 0, sizeof(want_refs));
    memset(want_types, 0, sizeof(want_types));
}

static void check_frames(void)
{
    for (unsigned int i = 1; i < NR_FRAMES; i++)
        check_frame(i);
}

/* What a check works with is no part of the state. */
static void check_all(void)
{
    check_frames();
    forget_wanted();
}

static void want_base(mfn_t mfn)
{
    if (mfn_is_invalid(mfn))
        return;
    want_refs[mfn.v]++;
    want_types[mfn.v]++;
}

/* All is quiet: counts are what the content says. */
static void check_counts(void)
{
    check_frames();
    for (unsigned int i = 1; i < NR_FRAMES; i++) {
        want_refs[i] += !!(frames[i].flags & FRAME_ALLOCATED) + !!(frames[i].type_info & FRAME_PINNED);
        want_types[i] += !!(frames[i].type_info & FRAME_PINNED);
    }
    want_base(vcpu_a0.arch.cr3_kernel);
    want_base(vcpu_a1.arch.cr3_kernel);
    for (unsigned int i = 1; i < NR_FRAMES; i++)
        if (frames[i].refs != want_refs[i] || count_of(i) != want_types[i])
            explore_fail("frame %u: refs %u, by content %u; type %u count %u, by content %u", i, frames[i].refs, want_refs[i],
                         type_of(i), count_of(i), want_types[i]);
    forget_wanted();
}

/* ---- operations ---- */

#define RW (PTE_P | PTE_RW | PTE_US)
#define RO (PTE_P | PTE_US)

/* pages: foreigndom. Results are what races make them; invariants are what counts. */
static long update(unsigned int table, unsigned int slot, pte_t e, uint32_t pages)
{
    struct mmu_update u = { .ptr = (uint64_t)table << PAGE_SHIFT | slot * 8, .val = e };

    return hc_mmu_update((uintptr_t)&u, 1, 0, pages, 0);
}

/* Both under one hold of the lock. */
static void update_twice(unsigned int table, pte_t first, pte_t second, uint32_t pages)
{
    const uint64_t ptr = (uint64_t)table << PAGE_SHIFT;
    struct mmu_update u[] = { { .ptr = ptr, .val = first }, { .ptr = ptr, .val = second } };

    (void)hc_mmu_update((uintptr_t)u, 2, 0, pages, 0);
}

static long ext(unsigned int cmd, unsigned int mfn, uint32_t pages)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

    return hc_mmuext_op((uintptr_t)&op, 1, 0, pages, 0);
}

static void set(unsigned int table, unsigned int slot, pte_t e) { (void)update(table, slot, e, DOMID_SELF); }
static pte_t to(unsigned int mfn, uint64_t flags) { return pte_make(MFN(mfn), flags); }

/* In setup. */
static void must(long rc)
{
    if (rc != 0)
        explore_fail("setup: %ld", rc);
}

static void make_machine(void)
{
    host_ram = &ram[0][0];
    host_frame_table = frames;
    domain_io = &dom_io;
    cpu_features.nx = true;
    cpu_features.phys_bits = 40;
    cpu_online_mask = (cpumask_t){ { (1u << NR_CPUS) - 1 } };
    dom_a.arch.dirty_cpus = (cpumask_t){ { 3 } };
    dom_0.arch.dirty_cpus = (cpumask_t){ { 4 } };
    rw_init(&dom_a.arch.mmu_lock, RANK_PV_MMU);
    rw_init(&dom_0.arch.mmu_lock, RANK_PV_MMU);
    for (unsigned int i = 0; i < NR_CPUS; i++)
        *vcpu_of_cpu[i] = (struct vcpu){ .domain = i < 2 ? &dom_a : &dom_0, .arch = { .cr3_kernel = MFN_INVALID, .cr3_user = MFN_INVALID, .in_kernel = true } };
    frames[0].owner = DOMID_INVALID;
    for (unsigned int i = 1; i < NR_FRAMES; i++)
        frames[i] = (struct frame){ .refs = 1, .owner = i == U ? 0 : 1, .flags = FRAME_ALLOCATED };
    host_test_current = &vcpu_0;
    must(ext(MMUEXT_PIN_L1_TABLE, U, DOMID_SELF));
    host_test_current = &vcpu_a0;
}

/* What the CPUs share, once setup has made its pages. */
static void share_machine(void)
{
    for (unsigned int i = 1; i < NR_FRAMES; i++)
        explore_share(ram[i], NR_WORDS * sizeof(pte_t));
    explore_share(&frames[1], sizeof(frames) - sizeof(frames[0]));
    explore_share(&dom_a.arch.mmu_lock, sizeof(dom_a.arch.mmu_lock));
    explore_share(&dom_0.arch.mmu_lock, sizeof(dom_0.arch.mmu_lock));
    explore_share(&clock_now, sizeof(clock_now));
    explore_share(flushed_at, sizeof(flushed_at));
}

#endif

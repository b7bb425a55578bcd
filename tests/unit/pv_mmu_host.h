/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small machine for tests of validated page tables (docs/pv-mmu.md): 48 frames of a guest and of the control
 * domain, their vCPUs, a TLB, random operations, and the invariants recomputed from the content of
 * all tables. Each thread of a test is a CPU.
 */
#ifndef PV_MMU_HOST_H
#define PV_MMU_HOST_H

#include "host_support.h"
#include <arch/pv.h>
#include <arch/tlb.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/guest_access.h>
#include <arch/x86/pv/mmu/mmu.h>

#define NR_FRAMES   48u
#define FIRST_A     1u       /* frame 0 is nobody's: as a base pointer it means none */
#define FIRST_0     32u
#define FIRST_FREE  44u
#define NR_CPUS     3u
#define HV_SLOT     0x8000000000000063ULL
#define AD          (PTE_A | PTE_D)
/* ---- the machine ---- */

static struct domain dom_a = { .id = 1 }, dom_0 = { .id = 0, .is_control = true };
static struct domain dom_xen = { .id = DOMID_XEN }, dom_io = { .id = DOMID_IO };
static struct vcpu vcpu_a0, vcpu_a1, vcpu_0;
static struct vcpu *vcpus_a[] = { &vcpu_a0, &vcpu_a1 }, *vcpus_0[] = { &vcpu_0 };
static __thread unsigned int preempt_percent;
static __thread bool continued;
static __thread uint64_t next_call[6];
static uint64_t m2p[NR_FRAMES];

static __thread uint64_t random_state;
static uint32_t rnd(uint32_t n)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((random_state >> 33) % n);
}

pte_t hv_l4[PT_ENTRIES] = { [HV_FIRST_SLOT] = HV_SLOT + HV_FIRST_SLOT * PAGE_SIZE };
mfn_t image_mfn(const void *p) { return MFN(0); }
void hv_install_slots(pte_t *l4)
{
    for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++)
        l4[i] = HV_SLOT + i * PAGE_SIZE;
}
void m2p_set(mfn_t mfn, uint64_t pfn) { m2p[mfn.v] = pfn; }
bool hypercall_preempt_check(void) { return rnd(100) < preempt_percent; }
long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    const uint64_t all[] = { nr, a1, a2, a3, a4, a5 };

    memcpy(next_call, all, sizeof(all));
    continued = true;
    return 0;
}
int guest_read(void *dst, uint64_t va, size_t n) { memcpy(dst, (void *)va, n); return 0; }
int guest_write(uint64_t va, const void *src, size_t n) { memcpy((void *)va, src, n); return 0; }
bool guest_range_ok(uint64_t va, size_t n) { return true; }
struct domain *domain_get_by_id(domid_t id) { return id == 1 ? &dom_a : id == 0 ? &dom_0 : NULL; }
struct domain *domain_get_any(domid_t id) { return id == DOMID_IO ? &dom_io : id == DOMID_XEN ? &dom_xen : domain_get_by_id(id); }
void domain_put(struct domain *d) { }
void pv_drop_ldt(struct vcpu *v) { }
void pv_drop_gdt(struct vcpu *v) { }
int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries) { return 0; }

static struct frame *fr(unsigned int i) { return frame_of(MFN(i)); }
static uint64_t *page(unsigned int i) { return mfn_va(MFN(i)); }
static unsigned int type_of(unsigned int i) { return frame_type_of(fr(i)->type_info); }
static uint32_t count_of(unsigned int i) { return frame_type_count(fr(i)->type_info); }
static bool is_table(unsigned int i) { return count_of(i) && type_of(i) >= FRAME_L1 && type_of(i) <= FRAME_L4; }
static bool is_reserved(unsigned int level, unsigned int slot) { return level == 4 && slot >= HV_FIRST_SLOT && slot <= HV_LAST_SLOT; }

static void unlink_frame(struct domain *d, struct frame *f)
{
    if (f->prev == FRAME_NO_LINK)
        d->pages = f->next;
    else
        fr(f->prev)->next = f->next;
    if (f->next != FRAME_NO_LINK)
        fr(f->next)->prev = f->prev;
}

void domain_frame_freed(struct frame *f)
{
    struct domain *d = domain_get_by_id(f->owner);

    assert_int_equal(frame_type_count(f->type_info), 0);
    unlink_frame(d, f);
    d->nr_pages--;
    f->owner = DOMID_INVALID;
}

void domain_frame_release(struct frame *f)
{
    if (!(f->flags & FRAME_ALLOCATED))
        return;
    f->flags &= (uint16_t)~FRAME_ALLOCATED;
    frame_put(f);
}

static void give(struct domain *d, unsigned int i)
{
    *fr(i) = (struct frame){ .refs = 1, .owner = d->id, .flags = FRAME_ALLOCATED, .next = d->pages, .prev = FRAME_NO_LINK };
    if (d->pages != FRAME_NO_LINK)
        fr(d->pages)->prev = i;
    d->pages = i;
    d->nr_pages++;
}

/* ---- a TLB that caches all that it may ---- */

static uint32_t clock_now = 1, flushed_at[NR_CPUS];
static bool cached_writable[NR_CPUS][NR_FRAMES]; /* may write to the frame by a translation */
static bool cached_table[NR_CPUS][NR_FRAMES];    /* may walk through the frame */
static bool cpus_are_threads;                    /* then nobody looks at them */

static const struct domain *domain_of_cpu(unsigned int cpu) { return cpu < 2 ? &dom_a : &dom_0; }

static void tlb_fill(unsigned int cpu)
{
    for (unsigned int t = 0; t < NR_FRAMES && !cpus_are_threads; t++) {
        if (!is_table(t) || !(fr(t)->type_info & FRAME_VALIDATED) || fr(t)->owner != domain_of_cpu(cpu)->id)
            continue;
        cached_table[cpu][t] = true;
        for (unsigned int s = 0; s < PT_ENTRIES && type_of(t) == FRAME_L1; s++)
            if ((page(t)[s] & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW) && pte_mfn(page(t)[s]).v < NR_FRAMES)
                cached_writable[cpu][pte_mfn(page(t)[s]).v] = true;
    }
}

static void tlb_flush(unsigned int cpu)
{
    flushed_at[cpu] = __atomic_add_fetch(&clock_now, 1, __ATOMIC_SEQ_CST);
    memset(cached_writable[cpu], 0, sizeof(cached_writable[cpu]));
    memset(cached_table[cpu], 0, sizeof(cached_table[cpu]));
    tlb_fill(cpu);
}

uint32_t tlb_clock_now(void) { return clock_now; }
void tlb_filter(cpumask_t *cpus, uint32_t stamp)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        if (flushed_at[cpu] > stamp)
            cpumask_clear(cpus, cpu);
}
void tlb_flush_mask(const cpumask_t *cpus, unsigned int flags, uint64_t va)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        if (cpumask_test(cpus, cpu) && (flags & TLB_FLUSH_GLOBAL))
            tlb_flush(cpu);
}
static unsigned int this_cpu_of_current(void) { return current == &vcpu_a0 ? 0 : current == &vcpu_a1 ? 1 : 2; }
void tlb_flush_local(unsigned int flags) { tlb_flush(this_cpu_of_current()); }
void tlb_flush_local_page(uint64_t va) { }
void tlb_load_cr3(uint64_t cr3, bool global)
{
    if (global)
        tlb_flush(this_cpu_of_current());
}

/* ---- invariants, from content ---- */

static uint32_t want_refs[NR_FRAMES], want_types[NR_FRAMES];

/* P2: an L4 that names itself holds nothing by that. */
static bool is_self(uint64_t table, unsigned int level, pte_t e) { return level == FRAME_L4 && pte_mfn(e).v == table; }

static void expect_entry(unsigned int level, pte_t e, const struct domain *owner)
{
    const uint64_t mfn = pte_mfn(e).v;

    if (mfn >= NR_FRAMES) {
        assert_int_equal(level, 1);
        assert_true(owner == &dom_0); /* I/O memory */
        return;
    }
    want_refs[mfn]++;
    assert_true(e & PTE_US); /* P4 */
    if (level > 1) {
        assert_false(e & (PTE_PS | PTE_PWT | PTE_PCD));
        assert_int_equal(fr(mfn)->owner, owner->id); /* P2 */
        assert_int_equal(type_of(mfn), level - 1);
        assert_true(fr(mfn)->type_info & FRAME_VALIDATED);
        want_types[mfn]++;
    } else if (e & PTE_RW) {
        assert_int_equal(type_of(mfn), FRAME_WRITABLE); /* F3 */
        want_types[mfn]++;
    }
}

static void expect_table(unsigned int i)
{
    const bool limbo = fr(i)->type_info & FRAME_PARTIAL;
    const unsigned int level = type_of(i), held = limbo ? fr(i)->nr_validated : PT_ENTRIES;

    assert_true(!limbo == !!(fr(i)->type_info & FRAME_VALIDATED)); /* nobody is at work now */
    if (limbo) {
        assert_int_equal(count_of(i), 1); /* P5 */
        want_refs[i]++;
        want_types[i]++;
    }
    for (unsigned int s = 0; s < held; s++) {
        if (is_reserved(level, s))
            assert_true(limbo || page(i)[s] == HV_SLOT + s * PAGE_SIZE || (s == HV_FIRST_SLOT && page(i)[s] == 0));
        else if ((page(i)[s] & PTE_P) && is_self(i, level, page(i)[s]))
            assert_int_equal(page(i)[s] & (PTE_US | PTE_RW), PTE_US);
        else if (page(i)[s] & PTE_P)
            expect_entry(level, page(i)[s], domain_get_by_id(fr(i)->owner));
    }
}

static void expect_vcpu(const struct vcpu *v)
{
    const mfn_t bases[] = { v->arch.cr3_kernel, v->arch.cr3_user };

    for (unsigned int i = 0; i < 2; i++)
        if (!mfn_is_invalid(bases[i])) {
            assert_int_equal(type_of(bases[i].v), FRAME_L4);
            want_refs[bases[i].v]++;
            want_types[bases[i].v]++;
        }
    if (v->arch.mmu_unfinished)
        want_refs[frame_mfn(v->arch.mmu_unfinished).v]++;
}

static void check_frame(unsigned int i)
{
    if (fr(i)->refs != want_refs[i] || count_of(i) != want_types[i])
        fail_msg("frame %u: refs %u, by content %u; type %u count %u, by content %u", i, fr(i)->refs, want_refs[i],
                 type_of(i), count_of(i), want_types[i]);
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        if (is_table(i) && cached_writable[cpu][i])
            fail_msg("frame %u is a table of level %u, and CPU %u may still write to it (F5)", i, type_of(i), cpu);
        if (count_of(i) && type_of(i) == FRAME_WRITABLE && cached_table[cpu][i])
            fail_msg("frame %u is writable, and CPU %u may still walk through it (F5)", i, cpu);
    }
}

static void check_invariants(void)
{
    memset(want_refs, 0, sizeof(want_refs));
    memset(want_types, 0, sizeof(want_types));
    for (unsigned int i = 0; i < NR_FRAMES; i++) {
        want_refs[i] += !!(fr(i)->flags & FRAME_ALLOCATED);
        if (fr(i)->type_info & FRAME_PINNED) {
            want_refs[i]++;
            want_types[i]++;
        }
        if (is_table(i))
            expect_table(i);
    }
    if (dom_a.arch.relinquish_list != FRAME_NO_LINK)
        want_refs[dom_a.arch.relinquish_list]++;
    expect_vcpu(&vcpu_a0);
    expect_vcpu(&vcpu_a1);
    expect_vcpu(&vcpu_0);
    for (unsigned int i = 0; i < NR_FRAMES; i++)
        check_frame(i);
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        tlb_fill(cpu);
    assert_int_equal(host_locks_held, 0);
}
/* ---- operations ---- */

enum kind { OP_WRITE, OP_WRITE_AD, OP_WRITE_VA, OP_PIN, OP_UNPIN, OP_KERNEL_BASE, OP_USER_BASE, OP_MAP, OP_EMULATED, OP_M2P, OP_GRANT_MAP, OP_GRANT_UNMAP, OP_GRANT_MOVE, NR_KINDS };

struct op {
    enum kind kind;
    struct vcpu *v;          /* who */
    struct domain *tables;   /* whose tables */
    uint16_t pages;          /* foreigndom, low half */
    uint64_t mfn, value, va;
    unsigned int slot, level;
};

static const unsigned int slots[] = { 0, 1, 255, 256, 271, 272, 511 };

/* Frames have a tendency to be tables of a certain level, so that trees arise. */
static uint64_t pick_frame(unsigned int level, bool of_a)
{
    if (!of_a)
        return FIRST_0 + rnd(FIRST_FREE - FIRST_0);
    if (rnd(20) == 0)
        return FIRST_A + rnd(FIRST_0 - FIRST_A);
    switch (level) {
    case 4: return 1 + rnd(2);
    case 3: return 3 + rnd(2);
    case 2: return 5 + rnd(3);
    case 1: return 8 + rnd(6);
    default: return 14 + rnd(FIRST_0 - 14);
    }
}

static pte_t pick_entry(unsigned int level)
{
    static const pte_t odd[] = { PTE_PS, PTE_PCD, PTE_G, PTE_NX, PTE_GUEST_KERNEL, PTE_US, PTE_D, PTE_AVL };
    uint64_t mfn = pick_frame(level - 1, true);
    pte_t flags = PTE_P | (rnd(2) ? PTE_RW : 0) | (rnd(2) ? PTE_US : 0) | (rnd(2) ? PTE_A : 0);

    if (rnd(5) == 0)
        return 0;
    if (rnd(15) == 0)
        flags |= odd[rnd(array_size(odd))];
    if (rnd(30) == 0)
        flags &= ~PTE_P;
    if (rnd(30) == 0)
        mfn = rnd(2) ? rnd(NR_FRAMES + 4) : PTE_ADDR >> PAGE_SHIFT;
    return pte_make(MFN(mfn), flags);
}

static inline struct op pick_op(struct vcpu *v)
{
    struct op op = { .kind = rnd(NR_KINDS), .v = v, .tables = v->domain, .pages = DOMID_SELF, .level = 1 + rnd(4) };

    if (v == &vcpu_0) {
        op.tables = rnd(2) ? &dom_a : &dom_0;
        if (op.kind == OP_KERNEL_BASE || op.kind == OP_USER_BASE || op.kind >= OP_EMULATED || op.kind == OP_WRITE_VA)
            op.kind = OP_MAP;
        if ((op.tables == &dom_a && rnd(4)) || op.kind == OP_PIN || op.kind == OP_UNPIN)
            op.pages = 1; /* by number */
    }
    if (op.kind == OP_MAP && v != &vcpu_0)
        op.kind = OP_WRITE;
    if (op.kind == OP_MAP || op.tables == &dom_0) { /* the control domain maps the guest's pages into a table of its own */
        op.tables = op.kind == OP_PIN || op.kind == OP_UNPIN ? &dom_a : &dom_0;
        op.pages = rnd(4) || op.tables == &dom_a ? 1 : DOMID_SELF;
        op.level = op.tables == &dom_0 ? 1 : op.level;
    }
    op.mfn = op.tables == &dom_0 ? FIRST_0 : pick_frame(op.kind == OP_KERNEL_BASE || op.kind == OP_USER_BASE ? 4 : op.level, true);
    op.slot = slots[rnd(array_size(slots))];
    op.value = pick_entry(op.level);
    op.va = ((uint64_t)slots[rnd(2)] << 39) | ((uint64_t)slots[rnd(2)] << 30) | ((uint64_t)slots[rnd(2)] << 21) | ((uint64_t)slots[rnd(2)] << 12);
    if (op.kind == OP_WRITE_VA)
        op.value = pick_entry(1);
    if (op.kind >= OP_GRANT_MAP) {
        op.level = 1;
        op.mfn = pick_frame(1, true);
        op.value = FIRST_0 + 1 + rnd(4);
    }
    if (op.kind == OP_GRANT_MOVE)
        op.value = op.va;
    return op;
}

static uint32_t foreign_of(const struct op *op)
{
    return op->pages | (op->tables == op->v->domain ? 0 : (uint32_t)(op->tables->id + 1) << 16);
}

static __thread struct mmu_update update;
static __thread struct mmuext_op ext;

static long dispatch(void)
{
    continued = false;
    if (next_call[0] == __HYPERVISOR_mmu_update)
        return hc_mmu_update(next_call[1], next_call[2], next_call[3], next_call[4], 0);
    return hc_mmuext_op(next_call[1], next_call[2], next_call[3], next_call[4], 0);
}

static long begin_update(const struct op *op)
{
    const uint64_t command = op->kind == OP_M2P ? MMU_MACHPHYS_UPDATE : op->kind == OP_WRITE_AD ? MMU_PT_UPDATE_PRESERVE_AD : MMU_NORMAL_PT_UPDATE;

    update = (struct mmu_update){ .ptr = (op->mfn << PAGE_SHIFT | op->slot * 8) | command, .val = op->value };
    const uint64_t call[] = { __HYPERVISOR_mmu_update, (uintptr_t)&update, 1, 0, foreign_of(op), 0 };

    memcpy(next_call, call, sizeof(call));
    return dispatch();
}

static long begin_ext(const struct op *op)
{
    static const uint8_t command[NR_KINDS] = { [OP_UNPIN] = MMUEXT_UNPIN_TABLE, [OP_KERNEL_BASE] = MMUEXT_NEW_BASEPTR, [OP_USER_BASE] = MMUEXT_NEW_USER_BASEPTR };

    ext = (struct mmuext_op){ .cmd = op->kind == OP_PIN ? MMUEXT_PIN_L1_TABLE + op->level - 1 : command[op->kind], .arg1.mfn = op->mfn };
    const uint64_t call[] = { __HYPERVISOR_mmuext_op, (uintptr_t)&ext, 1, 0, op->pages, 0 };

    memcpy(next_call, call, sizeof(call));
    return dispatch();
}

/* What a faulting store or compare-and-exchange of the guest becomes: fault.c. */
static int emulated_write(const struct op *op)
{
    pte_t *slot = (pte_t *)page((unsigned int)op->mfn) + op->slot, old = *slot;
    struct pt_context c;
    int rc;

    if (!frame_is_type(fr((unsigned int)op->mfn)->type_info, FRAME_L1) || !(fr((unsigned int)op->mfn)->type_info & FRAME_VALIDATED))
        return -XEN_EAGAIN;
    pt_context_init(&c, &dom_a, &dom_a);
    mmu_lock(&dom_a);
    if (rnd(2) && (old & PTE_P)) { /* the CPU sets a bit just now */
        const pte_t seen = old;

        *slot |= AD;
        rc = l1e_change_if(&c, slot, &old, op->value);
        assert_true(rc != 0 || seen == (seen | AD));
        if (rc != -XEN_EAGAIN) {
            *slot = rc == 0 ? *slot : seen;
            mmu_unlock(&dom_a);
            return rc;
        }
        assert_int_equal(old, seen | AD);
        *slot = old = seen;
    }
    rc = l1e_change_if(&c, slot, &old, op->value);
    mmu_unlock(&dom_a);
    return rc;
}

static int grant_move(const struct op *op)
{
    mfn_t table;
    pte_t *slot = pt_find_l1(vcpu_a0.arch.cr3_kernel, op->va + PAGE_SIZE, &table);

    if (current != &vcpu_a0 || slot == NULL)
        return -1;
    return arch_grant_unmap(op->va + PAGE_SIZE, pte_mfn(*slot), op->va, GNTMAP_host_map) == GNTST_okay ? 0 : -1;
}

/* First part of op; `continued` says whether there is another. */
static long begin(const struct op *op)
{
    const uint64_t maddr = op->mfn << PAGE_SHIFT | op->slot * 8;

    host_test_current = op->v;
    continued = false;
    switch (op->kind) {
    case OP_WRITE_VA:
        return hc_update_va_mapping(op->va, op->value, 0, 0, 0);
    case OP_GRANT_MAP:
        return arch_grant_map(maddr, MFN(op->value), GNTMAP_host_map | GNTMAP_contains_pte) == GNTST_okay ? 0 : -1;
    case OP_GRANT_UNMAP:
        return arch_grant_unmap(maddr, MFN(op->value), 0, GNTMAP_host_map | GNTMAP_contains_pte) == GNTST_okay ? 0 : -1;
    case OP_GRANT_MOVE:
        return grant_move(op);
    case OP_EMULATED:
        return emulated_write(op);
    case OP_PIN:
    case OP_UNPIN:
    case OP_KERNEL_BASE:
    case OP_USER_BASE:
        return begin_ext(op);
    default:
        return begin_update(op);
    }
}

/* ---- beginning and end ---- */

static int setup(void **state)
{
    host_ram_init(NR_FRAMES);
    host_log_quiet = true;
    domain_xen = &dom_xen;
    domain_io = &dom_io;
    cpu_features.nx = true;
    cpu_features.phys_bits = 40;
    cpu_online_mask = (cpumask_t){ { (1u << NR_CPUS) - 1 } };
    dom_a.arch.dirty_cpus = (cpumask_t){ { 3 } };
    dom_0.arch.dirty_cpus = (cpumask_t){ { 4 } };
    dom_a.dying = DOMAIN_ALIVE;
    dom_a.vcpu = vcpus_a;
    dom_0.vcpu = vcpus_0;
    dom_a.max_vcpus = 2;
    dom_0.max_vcpus = 1;
    vcpu_a0 = vcpu_a1 = (struct vcpu){ .domain = &dom_a, .arch = { .cr3_kernel = MFN_INVALID, .cr3_user = MFN_INVALID, .in_kernel = true } };
    vcpu_0 = (struct vcpu){ .domain = &dom_0, .arch = { .cr3_kernel = MFN_INVALID, .cr3_user = MFN_INVALID, .in_kernel = true } };
    dom_a.pages = dom_0.pages = dom_a.arch.relinquish_list = FRAME_NO_LINK;
    dom_a.nr_pages = dom_0.nr_pages = 0;
    rangeset_init(&dom_a.iomem_allowed);
    rangeset_init(&dom_0.iomem_allowed);
    rangeset_init(&dom_a.arch.ioports_allowed);
    rangeset_init(&dom_0.arch.ioports_allowed);
    assert_int_equal(rangeset_add(&dom_0.iomem_allowed, 0, ~0ULL), 0);
    for (unsigned int i = 0; i < NR_FRAMES; i++)
        fr(i)->owner = DOMID_INVALID;
    for (unsigned int i = FIRST_A; i < FIRST_0; i++)
        give(&dom_a, i);
    for (unsigned int i = FIRST_0; i < FIRST_FREE; i++)
        give(&dom_0, i);
    memset(cached_writable, 0, sizeof(cached_writable));
    memset(cached_table, 0, sizeof(cached_table));
    /* The control domain's table that it maps others' pages with. */
    const struct op pin = { .kind = OP_PIN, .v = &vcpu_0, .pages = DOMID_SELF, .mfn = FIRST_0, .level = 1 };

    preempt_percent = 0;
    assert_int_equal(begin(&pin), 0);
    return 0;
}

static int teardown(void **state)
{
    rangeset_fini(&dom_0.iomem_allowed);
    host_ram_free();
    return 0;
}

#endif

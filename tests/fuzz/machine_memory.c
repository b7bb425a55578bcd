/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated CPUs' address translation. Each CPU caches translations, and the L1 tables that it walked
 * through, until the hypervisor flushes them: a flush that is missing shows as an access to
 * what the guest must not reach any more (invariants F5 and F7 of docs/pv-mmu.md).
 */
#include "machine_private.h"
#include "model.h"

#include <hv/errno.h>
#include <hv/guest_access.h>

#define TLB_ENTRIES   32u
#define TABLE_ENTRIES 4u

struct translation { bool valid, writable, global; domid_t owner; uint64_t page; mfn_t mfn; };
struct walked { bool valid; domid_t owner; unsigned int type; uint64_t region; mfn_t table; uint64_t rights; };

static struct cpu_mmu {
    uint64_t cr3, cr4;
    struct translation tlb[TLB_ENTRIES];
    struct walked tables[TABLE_ENTRIES];
} mmu[MACHINE_CPUS];

uint8_t machine_args[ARGS_BYTES];
void (*machine_copy_hook)(void);
pte_t machine_window_slots[MACHINE_CPUS][WINDOW_SLOTS];
static uint8_t windows[MACHINE_CPUS][CPU_WINDOW_BYTES] aligned(PAGE_SIZE);

pte_t hv_l4[PT_ENTRIES];
#define HV_SLOT(n) (0x63ULL + (uint64_t)(n) * PAGE_SIZE) /* what an L4 has in the hypervisor's slots */

void machine_memory_init(void)
{
    for (unsigned int i = HV_FIRST_SLOT; i <= HV_LAST_SLOT; i++)
        hv_l4[i] = HV_SLOT(i);
    for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++)
        mmu[cpu].cr4 = CR4_PGE;
}

void hv_install_slots(pte_t *l4)
{
    memcpy(l4 + HV_FIRST_SLOT, hv_l4 + HV_FIRST_SLOT, (HV_LAST_SLOT + 1 - HV_FIRST_SLOT) * sizeof(pte_t));
}

/* Frame 0 is nobody's: it stands for the image. */
mfn_t image_mfn(const void *p) { return MFN(0); }
mfn_t cpu_window_empty_mfn(void) { return MFN(0); }
uint64_t machine_window(unsigned int cpu) { return (uint64_t)(uintptr_t)windows[cpu]; }
pte_t *hv_l1_entry(uint64_t va) { return machine_window_slots[(va - (uint64_t)(uintptr_t)windows) / CPU_WINDOW_BYTES]; }

/* ---- what the CPU's registers do to its TLB ---- */

static void drop(struct cpu_mmu *m, bool global_too)
{
    for (unsigned int i = 0; i < TLB_ENTRIES; i++)
        if (global_too || !m->tlb[i].global)
            m->tlb[i].valid = false;
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        m->tables[i].valid = false;
}

uint64_t machine_read_cr(unsigned int nr)
{
    const struct cpu_mmu *m = &mmu[host_test_cpu];

    return nr == 3 ? m->cr3 : m->cr4;
}

void machine_write_cr(unsigned int nr, uint64_t value)
{
    struct cpu_mmu *m = &mmu[host_test_cpu];

    if (nr == 3) {
        m->cr3 = value;
        drop(m, false);
    } else {
        if ((m->cr4 ^ value) & CR4_PGE)
            drop(m, true);
        m->cr4 = value;
    }
}

void machine_invlpg(uint64_t va)
{
    struct cpu_mmu *m = &mmu[host_test_cpu];

    for (unsigned int i = 0; i < TLB_ENTRIES; i++)
        if (m->tlb[i].page == va >> PAGE_SHIFT)
            m->tlb[i].valid = false;
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        m->tables[i].valid = false;
}

void pv_mmu_switch_mode(struct vcpu *v) { machine_write_cr(3, v->arch.cr3_loaded); }

/* ---- what may be cached ---- */

static bool is_used_as_table(const struct frame *f)
{
    const uint64_t info = frame_type_info(f);

    return frame_type_count(info) != 0 && frame_type_of(info) >= FRAME_L1 && frame_type_of(info) <= FRAME_SEGDESC;
}

/* G3: what is granted can be reached while there are pins. A free page is nobody's, and is flushed and cleared before it is somebody's. */
static void check_granted(unsigned int cpu, const struct translation *t)
{
    const struct vcpu *v = machine_current(cpu);

    if (!v->is_idle && !v->domain->is_control && t->owner != v->domain->id && frame_of(t->mfn)->owner != DOMID_INVALID)
        model_check_granted(v->domain, t->mfn, t->writable);
}

/* F7: a page that somebody else has now, or the hypervisor; one that it once showed to `owner` stays what it is until it is freed and flushed. */
static bool has_new_owner(const struct frame *f, domid_t owner)
{
    if (f->owner != DOMID_INVALID)
        return f->owner != owner;
    return (f->flags & FRAME_HYPERVISOR) && !(f->flags & FRAME_STALE_TLB);
}

static void check_translation(unsigned int cpu, const struct translation *t)
{
    const struct frame *f = frame_of(t->mfn);

    if (!t->valid || t->mfn.v >= MACHINE_FRAMES)
        return;
    if (has_new_owner(f, t->owner))
        finding("F7: CPU %u still reaches frame %lx of domain %u, now of %u, flags %x", cpu, t->mfn.v, t->owner, f->owner, f->flags);
    if (t->writable && is_used_as_table(f))
        finding("F5: CPU %u still writes to frame %lx, in use as type %u", cpu, t->mfn.v, frame_type_of(f->type_info));
    check_granted(cpu, t);
}

static void check_walked(unsigned int cpu, const struct walked *w)
{
    const struct frame *f = frame_of(w->table);

    if (!w->valid)
        return;
    if (has_new_owner(f, w->owner))
        finding("F7: CPU %u still walks through frame %lx of domain %u, now of %u", cpu, w->table.v, w->owner, f->owner);
    if (frame_type_count(f->type_info) != 0 && frame_type_of(f->type_info) != w->type)
        finding("F5: CPU %u still walks through frame %lx, in use as type %u", cpu, w->table.v, frame_type_of(f->type_info));
}

void machine_check_tlbs(void)
{
    for (unsigned int cpu = 0; cpu < MACHINE_CPUS; cpu++) {
        for (unsigned int i = 0; i < TLB_ENTRIES; i++)
            check_translation(cpu, &mmu[cpu].tlb[i]);
        for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
            check_walked(cpu, &mmu[cpu].tables[i]);
    }
}

/* ---- translating ---- */

/* The last table for va, by what is cached or through the upper levels: an L1, or by way of an L4 that names itself any. */
static struct walked *find_table(struct cpu_mmu *m, uint64_t va)
{
    struct walked *w = &m->tables[(va >> 21) % TABLE_ENTRIES];
    mfn_t mfn = MFN(m->cr3 >> PAGE_SHIFT);
    uint64_t rights = PTE_RW | PTE_US;

    if (w->valid && w->region == va >> 21) {
        check_walked(host_test_cpu, w);
        return w;
    }
    if (mfn.v == 0)
        return NULL;
    for (unsigned int level = 4; level > 1; level--) {
        const pte_t e = ((const pte_t *)mfn_va(mfn))[pt_index(va, level)];

        if (!(e & PTE_P))
            return NULL;
        rights &= e;
        if (!(rights & PTE_US))
            return NULL;
        mfn = pte_mfn(e);
        if (mfn.v >= MACHINE_FRAMES)
            finding("entry %lx of level %u", e, level);
    }
    *w = (struct walked){ true, frame_of(mfn)->owner, frame_type_of(frame_of(mfn)->type_info), va >> 21, mfn, rights };
    return w;
}

/* Walks, and caches what it finds. */
static struct translation *fill(struct cpu_mmu *m, uint64_t va)
{
    struct translation *t = &m->tlb[(va >> PAGE_SHIFT) % TLB_ENTRIES];
    struct walked *w = find_table(m, va);
    pte_t *slot, e;

    if (w == NULL)
        return NULL;
    slot = (pte_t *)mfn_va(w->table) + pt_index(va, 1);
    e = *slot;
    if (!(e & PTE_P) || !(w->rights & e & PTE_US))
        return NULL;
    if (frame_type_of(frame_of(w->table)->type_info) == FRAME_L1)
        *slot |= PTE_A;
    *t = (struct translation){ true, (w->rights & e & PTE_RW) != 0, (e & PTE_G) != 0, DOMID_INVALID, va >> PAGE_SHIFT, pte_mfn(e) };
    if (t->mfn.v < MACHINE_FRAMES)
        t->owner = frame_of(t->mfn)->owner;
    return t;
}

static void *translate(uint64_t va, bool write)
{
    struct cpu_mmu *m = &mmu[host_test_cpu];
    struct translation *t = &m->tlb[(va >> PAGE_SHIFT) % TLB_ENTRIES];

    if (va - ARGS_VA < ARGS_BYTES)
        return machine_args + (va - ARGS_VA);
    if (va_is_hypervisor(va) || !va_is_canonical(va))
        return NULL;
    if (!t->valid || t->page != va >> PAGE_SHIFT || (write && !t->writable))
        t = fill(m, va);
    if (t == NULL || (write && !t->writable) || t->mfn.v >= MACHINE_FRAMES)
        return NULL;
    check_translation(host_test_cpu, t);
    return (char *)mfn_va(t->mfn) + (va & (PAGE_SIZE - 1));
}

/* ---- accesses ---- */

bool guest_range_ok(uint64_t va, size_t n)
{
    const uint64_t end = va + n;

    return end >= va && (end <= 0x0000800000000000ULL || va >= HV_VIRT_END);
}

static int copy(uint64_t va, void *to, const void *from, size_t n)
{
    if (!guest_range_ok(va, n))
        return ERR(EFAULT);
    if (machine_copy_hook)
        machine_copy_hook();
    for (size_t done = 0; done < n; ) {
        const size_t piece = min(n - done, PAGE_SIZE - ((va + done) & (PAGE_SIZE - 1)));
        void *p = translate(va + done, to == NULL);

        if (p == NULL)
            return ERR(EFAULT);
        if (to)
            memcpy((char *)to + done, p, piece);
        else if (from)
            memcpy(p, (const char *)from + done, piece);
        else
            memset(p, 0, piece);
        done += piece;
    }
    return 0;
}

int guest_read(void *dst, uint64_t va, size_t n) { return copy(va, dst, NULL, n); }
int guest_write(uint64_t va, const void *src, size_t n) { return copy(va, NULL, src, n); }
int guest_zero(uint64_t va, size_t n) { return copy(va, NULL, NULL, n); }

bool machine_load(uint64_t va, uint64_t *value)
{
    const uint64_t *p = translate(va & ~7ULL, false);

    *value = p ? *p : 0;
    return p != NULL;
}

bool machine_store(uint64_t va, uint64_t value)
{
    uint64_t *p = translate(va & ~7ULL, true);

    if (p)
        *p = value;
    return p != NULL;
}

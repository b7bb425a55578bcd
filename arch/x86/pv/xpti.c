/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XPTI: the tables that guests run on while they are kept from what is the hypervisor's (arch/xpti.h; docs/side-channels.md,
 * X1..X5). When they are loaded and left is trap/spec_entry.S.
 *
 * Lock: xpti.lock of each CPU, innermost. Who changes a guest's L4 table has that domain's mmu_lock; interrupts on or off.
 */
#include <arch/cpu.h>
#include <arch/cpu_window.h>
#include <arch/page.h>
#include <arch/paging.h>
#include <arch/spec_ctrl.h>
#include <arch/xpti.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/smp.h>

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)

DEFINE_PER_CPU(struct xpti, xpti);

extern const char entry_text_start[], entry_text_end[];

/* ---- what a CPU's copies have of the hypervisor ---- */

/* The entry of `level` for va under l4, tables above it made. NULL: no memory. */
static pte_t *entry_for(pte_t *l4, uint64_t va, unsigned int level)
{
    pte_t *table = l4;

    for (unsigned int l = 4; l > level; l--) {
        pte_t *entry = &table[pt_index(va, l)];

        if (!(*entry & PTE_P)) {
            void *page = pages_alloc(0, ALLOC_ZERO);

            if (page == NULL)
                return NULL;
            *entry = pte_make(va_mfn(page), TABLE_FLAGS);
        }
        table = mfn_va(pte_mfn(*entry));
    }
    return &table[pt_index(va, level)];
}

static int show_image(pte_t *l4, const char *start, const char *end, uint64_t flags)
{
    for (const char *p = start; p < end; p += PAGE_SIZE) {
        pte_t *entry = entry_for(l4, (uintptr_t)p, 1);

        if (entry == NULL)
            return ERR(ENOMEM);
        *entry = pte_make(image_mfn(p), flags);
    }
    return 0;
}

/* The L1 table of the CPU's window is the one that all page tables have; no other window is in it. */
static int show_window(pte_t *l4, unsigned int cpu)
{
    const uint64_t window = cpu_window(cpu);
    const pte_t *l1 = hv_l1_entry(window) - pt_index(window, 1);
    pte_t *entry = entry_for(l4, window, 2);

    if (entry == NULL)
        return ERR(ENOMEM);
    *entry = pte_make(va_mfn(l1), TABLE_FLAGS);
    return 0;
}

/* The image's tables are the same for all CPUs. */
static int show_entry_code(pte_t *l4, unsigned int cpu)
{
    const unsigned int slot = pt_index(IMAGE_BASE, 4);
    const char *idt = trap_idt();
    int rc;

    if (cpu != 0) {
        l4[slot] = per_cpu(xpti, 0).copies[slot];
        return 0;
    }
    rc = show_image(l4, entry_text_start, entry_text_end, HV_PTE_RX);
    return rc == 0 ? show_image(l4, idt, idt + PAGE_SIZE, HV_PTE_RO) : rc;
}

int xpti_init_cpu(unsigned int cpu, struct cpu_info *info)
{
    struct xpti *x = &per_cpu(xpti, cpu);
    pte_t *copies;
    int rc;

    if (!spec_ctrl_xpti_is_used())
        return 0;
    copies = pages_alloc(XPTI_ORDER, ALLOC_ZERO);
    if (copies == NULL)
        return ERR(ENOMEM);
    rc = show_window(copies, cpu);
    if (rc == 0)
        rc = show_entry_code(copies, cpu);
    if (rc != 0)
        return rc;
    memcpy(copies + XPTI_DEPTH * PT_ENTRIES, copies, PAGE_SIZE);
    spin_init(&x->lock, RANK_LEAF);
    x->copies = copies;
    info->xpti_cr3 = va_maddr(copies).v;
    return 0;
}

/* ---- the guest's slots ---- */

static inline pte_t *copy_at(const struct xpti *x, unsigned int mode, unsigned int depth)
{
    return x->copies + (mode * XPTI_DEPTH + depth) * PT_ENTRIES;
}

static inline bool is_self(pte_t e, mfn_t table)
{
    return (e & PTE_P) && unlikely(mfn_eq(pte_mfn(e), table));
}

/* X3: by way of an entry that names the table itself one comes to the next copy, and at last, where it is data, to the table. */
static inline pte_t translate(const struct xpti *x, unsigned int mode, unsigned int depth, pte_t e, mfn_t table)
{
    const mfn_t next = depth + 1 < XPTI_DEPTH ? va_mfn(copy_at(x, mode, depth + 1)) : table;

    return is_self(e, table) ? (e & ~PTE_ADDR) | pte_make(next, 0) : e;
}

/* Does the table name itself? */
static bool copy_slots(const struct xpti *x, unsigned int mode, unsigned int depth, mfn_t table, unsigned int first, unsigned int end)
{
    const pte_t *from = mfn_va(table);
    pte_t *to = copy_at(x, mode, depth);
    bool names_itself = false;

    for (unsigned int i = first; i < end; i++) {
        const pte_t e = read_once(from[i]);

        names_itself |= is_self(e, table);
        write_once(to[i], translate(x, mode, depth, e, table));
    }
    return names_itself;
}

/* The M2P is shown as the guest's table shows it: that slot is copied with the guest's own. */
static bool copy_table(const struct xpti *x, unsigned int mode, unsigned int depth, mfn_t table)
{
    const bool low = copy_slots(x, mode, depth, table, 0, pt_index(M2P_RO_BASE, 4) + 1);

    return copy_slots(x, mode, depth, table, HV_LAST_SLOT + 1, PT_ENTRIES) || low;
}

static noinline void copy_deeper(struct xpti *x, unsigned int mode, mfn_t table)
{
    for (unsigned int depth = 1; depth < XPTI_DEPTH; depth++)
        (void)copy_table(x, mode, depth, table);
    x->names_itself[mode] = true;
}

void xpti_refresh(void)
{
    const struct arch_vcpu *v = &current->arch;
    const mfn_t table = MFN(v->cr3_loaded >> PAGE_SHIFT);
    const unsigned int mode = v->in_kernel;
    struct xpti *x = &this_cpu(xpti);

    spin_lock(&x->lock);
    /* Order: whoever changes a slot that is read below before that change finds the copy here. */
    __atomic_store_n(&x->copy_of[mode], v->cr3_loaded, __ATOMIC_SEQ_CST);
    x->names_itself[mode] = false;
    if (unlikely(copy_table(x, mode, 0, table)))
        copy_deeper(x, mode, table);
    spin_unlock(&x->lock);
}

/* ---- following the guest's table ---- */

static void follow_locked(struct xpti *x, unsigned int mode, const pte_t *slot, mfn_t table)
{
    const unsigned int i = (unsigned int)((uintptr_t)slot / sizeof(pte_t)) % PT_ENTRIES;
    const pte_t e = read_once(*slot);

    if (is_self(e, table) && !x->names_itself[mode])
        copy_deeper(x, mode, table);
    for (unsigned int depth = x->names_itself[mode] ? XPTI_DEPTH : 1; depth-- > 0;)
        write_once(copy_at(x, mode, depth)[i], translate(x, mode, depth, e, table));
}

static void follow(struct xpti *x, unsigned int mode, const pte_t *slot, uint64_t cr3)
{
    spin_lock(&x->lock);
    if (x->copy_of[mode] == cr3)
        follow_locked(x, mode, slot, MFN(cr3 >> PAGE_SHIFT));
    spin_unlock(&x->lock);
}

void xpti_slot_changed(const pte_t *slot)
{
    const uint64_t cr3 = va_maddr(slot).v & PAGE_MASK;
    unsigned int cpu;

    /* Order: the slot is changed before it is asked who has a copy. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for_each_online_cpu(cpu)
        for (unsigned int mode = 0; mode < 2; mode++)
            if (read_once(per_cpu(xpti, cpu).copy_of[mode]) == cr3)
                follow(&per_cpu(xpti, cpu), mode, slot, cr3);
    /* Order: and in the copies before the flush clock is read. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void xpti_forget(mfn_t l4)
{
    const uint64_t cr3 = l4.v << PAGE_SHIFT;
    unsigned int cpu;

    for_each_online_cpu(cpu)
        for (unsigned int mode = 0; mode < 2; mode++)
            if (read_once(per_cpu(xpti, cpu).copy_of[mode]) == cr3) {
                struct xpti *x = &per_cpu(xpti, cpu);

                /* The CPU itself may be putting another table there. */
                spin_lock(&x->lock);
                if (x->copy_of[mode] == cr3)
                    write_once(x->copy_of[mode], 0);
                spin_unlock(&x->lock);
            }
}

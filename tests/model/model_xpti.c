/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU makes a copy of an L4 table while another one changes the table, gives it up, or uses its frame again: X2, X3 and the end of X4 of
 * docs/side-channels.md.
 */
// sources: hv/core/lock.c hv/lib/bitmap.c arch/x86/pv/xpti.c
#include "explore.h"
#include "../unit/xpti_host.h"

#define NR_FRAMES 48u
#define SLOT      5u
#define SELF      7u
#define KERNEL    true

static pte_t *a, *b;
static const pte_t *runs_on[XPTI_CPUS];     /* the guest's table, when the guest runs */
static const pte_t *in_change;              /* a slot of it is being changed */

static pte_t page(uint64_t n) { return n << PAGE_SHIFT | PTE_P | PTE_RW | PTE_US; }

/* ---- CPUs ---- */

/* As whoever holds the domain's mmu_lock; one at a time. */
static void change(pte_t *table, unsigned int i, pte_t e)
{
    in_change = table;
    write_once(table[i], e);
    xpti_slot_changed(&table[i]);
    in_change = NULL;
    explore_point(); /* it is looked at */
}

static void change_twice(void)
{
    change(a, SLOT, page(0x111));
    change(a, SLOT, 0);
}

static void change_own_entry(void)
{
    change(a, SELF, va_maddr(a).v | PTE_P | PTE_US);
    change(a, SLOT, 0);
}

static void change_both(void)
{
    change(a, SLOT, page(0x111));
    change(b, SLOT, page(0x222));
}

/* The table becomes data, and a table again: no CPU runs on it meanwhile. */
static void give_up_and_use_again(void)
{
    xpti_forget(va_mfn(a));
    write_once(a[SLOT], page(0x333));
}

static void enter_table(const pte_t *table)
{
    runs_on[host_test_cpu] = NULL;
    enter_guest(KERNEL, table);
    runs_on[host_test_cpu] = table;
}

static void enter_a(void) { enter_table(a); }
static void enter_b(void) { enter_table(b); }

static void enter_b_then_a(void)
{
    enter_table(b);
    enter_table(a);
}

/* ---- invariants ---- */

static bool is_locked(const struct spinlock *l) { return l->next != l->serving; }

/* X2, X3: one slot of a copy, at a depth of it. */
static void check_slot(unsigned int cpu, const pte_t *table, unsigned int depth, unsigned int i)
{
    const pte_t *c = copy(cpu, KERNEL) + depth * PT_ENTRIES;
    const pte_t wanted = table[i];

    if ((wanted & PTE_P) && mfn_eq(pte_mfn(wanted), va_mfn(table))) {
        explore_assert((c[i] & ~PTE_ADDR) == (wanted & ~PTE_ADDR));
        explore_assert(mfn_va(pte_mfn(c[i])) == (depth + 1 < XPTI_DEPTH ? (const void *)(c + PT_ENTRIES) : (const void *)table));
    } else {
        explore_assert(c[i] == wanted);
    }
}

static void check_copy(unsigned int cpu, const pte_t *table)
{
    const bool is_deep = mfn_eq(pte_mfn(table[SELF]), va_mfn(table));

    if (per_cpu(xpti, cpu).copy_of[KERNEL] != va_maddr(table).v)
        return;
    for (unsigned int depth = 0; depth < (is_deep ? XPTI_DEPTH : 1); depth++) {
        check_slot(cpu, table, depth, SLOT);
        check_slot(cpu, table, depth, SELF);
    }
}

static void check(void)
{
    for (unsigned int cpu = 0; cpu < XPTI_CPUS; cpu++) {
        const struct xpti *x = &per_cpu(xpti, cpu);

        explore_assert(runs_on[cpu] == NULL || is_locked(&x->lock) || x->copy_of[KERNEL] == va_maddr(runs_on[cpu]).v);
        if (is_locked(&x->lock))
            continue;
        if (in_change != a)
            check_copy(cpu, a);
        if (in_change != b)
            check_copy(cpu, b);
    }
}

/* X4; then the CPU that comes to the frame's new table finds no old copy. */
static void check_used_again(void)
{
    check();
    host_test_cpu = 1;
    host_test_current = &vcpu[1];
    enter_a();
    check();
}

/* ---- set-up ---- */

static void setup(void)
{
    if (make_cpus(NR_FRAMES) != 0)
        explore_fail("setup");
    a = new_table();
    b = new_table();
    a[SLOT] = b[SLOT] = page(0x99);
    a[SELF] = b[SELF] = 0;
    explore_share(&a[SLOT], sizeof(pte_t));
    explore_share(&a[SELF], sizeof(pte_t));
    explore_share(&b[SLOT], sizeof(pte_t));
    for (unsigned int cpu = 0; cpu < XPTI_CPUS; cpu++) {
        struct xpti *x = &per_cpu(xpti, cpu);

        explore_share(&x->copy_of, sizeof(x->copy_of));
        explore_share(&x->lock, sizeof(x->lock));
        explore_share(&x->names_itself, sizeof(x->names_itself));
        for (unsigned int depth = 0; depth < XPTI_DEPTH; depth++) {
            explore_share(&copy(cpu, KERNEL)[depth * PT_ENTRIES + SLOT], sizeof(pte_t));
            explore_share(&copy(cpu, KERNEL)[depth * PT_ENTRIES + SELF], sizeof(pte_t));
        }
    }
}

/* Both CPUs have run on a. */
static void setup_copied(void)
{
    setup();
    for (unsigned int cpu = 0; cpu < XPTI_CPUS; cpu++) {
        host_test_cpu = cpu;
        host_test_current = &vcpu[cpu];
        enter_a();
    }
    runs_on[0] = runs_on[1] = NULL;
}

#define MODEL(n, prepare, first, second, at_end) { \
    .name = n, .setup = prepare, .check = check, .check_end = at_end, \
    .cpus = { { "changes", first, &vcpu[0] }, { "enters", second, &vcpu[1] } } }

int main(int argc, char **argv)
{
    static const struct explore_model models[] = {
        MODEL("xpti-change", setup, change_twice, enter_a, NULL),
        MODEL("xpti-switch", setup_copied, change_both, enter_b_then_a, NULL),
        MODEL("xpti-own-entry", setup, change_own_entry, enter_a, NULL),
        MODEL("xpti-own-entry-copied", setup_copied, change_own_entry, enter_b_then_a, NULL),
        MODEL("xpti-forget", setup_copied, give_up_and_use_again, enter_b, check_used_again),
        { .name = NULL },
    };

    return explore_main(models, argc, argv);
}

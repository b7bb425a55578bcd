/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frame types, counts and L1 entries with concurrent CPUs: F1..F5, P1, P2, P7, P10, P11 of docs/pv-mmu.md. */
// sources: hv/core/lock.c hv/core/rwlock.c hv/mm/frame.c hv/lib/bitmap.c hv/lib/rangeset.c arch/x86/pv/mmu/entry.c arch/x86/pv/mmu/table.c arch/x86/pv/mmu/settle.c arch/x86/pv/mmu/call.c arch/x86/pv/mmu/update.c arch/x86/pv/mmu/mmuext.c arch/x86/pv/mmu/base.c
#include "mmu_machine.h"

/* The frame was mapped writable by everybody, and every CPU may still have it so. */
static void make_stale(unsigned int mfn)
{
    frames[mfn].type_info = (uint64_t)FRAME_WRITABLE << FRAME_TYPE_SHIFT | FRAME_REMOTE;
    frames[mfn].tlb_stamp = clock_now;
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        cached_writable[cpu][mfn] = true;
}

/* ---- a page becomes a page table while others map it ---- */

static void claim_setup(void)
{
    make_machine();
    must(ext(MMUEXT_PIN_L1_TABLE, T, DOMID_SELF));
    *entry(X, 0) = to(Y, RW);
    make_stale(X);
    share_machine();
}

static void pin_x(void) { (void)ext(MMUEXT_PIN_L1_TABLE, X, DOMID_SELF); }
static void map_x_for_a_while(void) { update_twice(T, to(X, RW), 0, DOMID_SELF); }
static void map_x_from_outside(void) { update_twice(U, to(X, RW), 0, 1); }

/* ---- one entry, two vCPUs, and the MMU's bits ---- */

static void shared_setup(pte_t first)
{
    make_machine();
    must(ext(MMUEXT_PIN_L1_TABLE, T, DOMID_SELF));
    must(update(T, 0, first, DOMID_SELF));
    share_machine();
}

static void shared_setup_rw(void) { shared_setup(to(X, RW)); }
static void shared_setup_ro(void) { shared_setup(to(X, RO)); }
static void make_ro(void) { set(T, 0, to(X, RO)); }
static void make_rw(void) { set(T, 0, to(X, RW)); }
static void map_y(void) { set(T, 0, to(Y, RW)); }
static void clear(void) { set(T, 0, 0); }
static void clear_and_map_again(void) { update_twice(T, 0, to(X, RO), DOMID_SELF); }
static void give_x_up(void) { domain_frame_release(&frames[X]); }
static void pin_x_after(void) { pin_x(); }

static void set_bits(void)
{
    pte_t e = __atomic_load_n(entry(T, 0), __ATOMIC_RELAXED);

    if (e & PTE_P)
        (void)__atomic_compare_exchange_n(entry(T, 0), &e, e | PTE_A | PTE_D, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* ---- a table is given up, its page written, what it mapped used otherwise ---- */

static void release_setup(void)
{
    make_machine();
    must(ext(MMUEXT_PIN_L1_TABLE, T, DOMID_SELF));
    must(ext(MMUEXT_PIN_L1_TABLE, T2, DOMID_SELF));
    must(update(T, 0, to(Y, RW), DOMID_SELF));
    share_machine();
}

static void unpin_and_write(void) { (void)ext(MMUEXT_UNPIN_TABLE, T, DOMID_SELF); set(T2, 0, to(T, RW)); }
static void map_x_in_t(void) { set(T, 0, to(X, RW)); }
static void pin_y(void) { (void)ext(MMUEXT_PIN_L1_TABLE, Y, 1); }

/* ---- tables of tables ---- */

static void levels_setup(void)
{
    make_machine();
    must(ext(MMUEXT_PIN_L2_TABLE, V, DOMID_SELF));
    must(update(V, 0, to(T, RW), DOMID_SELF));
    share_machine();
}

static void link_t2(void) { set(V, 0, to(T2, RW)); }
static void unlink_t(void) { set(V, 0, 0); }
static void map_t_writable(void) { (void)update(U, 0, to(T, RW), 1); }

/* ---- base pointers ---- */

static void bases_setup(void)
{
    make_machine();
    must(ext(MMUEXT_PIN_L4_TABLE, V, DOMID_SELF));
    must(ext(MMUEXT_PIN_L4_TABLE, W, DOMID_SELF));
    must(ext(MMUEXT_NEW_BASEPTR, V, DOMID_SELF));
    cr3[0] = V;
    share_machine();
}

static void load_w(void) { (void)ext(MMUEXT_NEW_BASEPTR, W, DOMID_SELF); }
static void unpin_w(void) { (void)ext(MMUEXT_UNPIN_TABLE, W, DOMID_SELF); }
static void unpin_v(void) { (void)ext(MMUEXT_UNPIN_TABLE, V, DOMID_SELF); }
static void unpin_v_and_load_w(void) { unpin_v(); load_w(); }
static void map_v_writable(void) { (void)update(U, 0, to(V, RW), 1); }

#define MODEL(n, prepare, a, b, c) { \
    .name = n, .setup = prepare, .settle = fill_all, .check = check_all, .check_end = check_counts, \
    .cpus = { { "vCPU 0", a, &vcpu_a0 }, { "vCPU 1", b, &vcpu_a1 }, { "dom0", c, &vcpu_0 } } }

int main(int argc, char **argv)
{
    static const struct explore_model models[] = {
        MODEL("frames-claim", claim_setup, pin_x, map_x_for_a_while, map_x_from_outside),
        MODEL("frames-shared-rw", shared_setup_rw, make_ro, map_y, set_bits),
        MODEL("frames-shared-ro", shared_setup_ro, make_rw, clear_and_map_again, give_x_up),
        MODEL("frames-shared-claim", shared_setup_rw, clear, pin_x_after, map_x_from_outside),
        MODEL("frames-release", release_setup, unpin_and_write, map_x_in_t, NULL),
        MODEL("frames-release-claim", release_setup, unpin_and_write, NULL, pin_y),
        MODEL("frames-levels", levels_setup, link_t2, unlink_t, NULL),
        MODEL("frames-levels-twice", levels_setup, unlink_t, unlink_t, NULL),
        MODEL("frames-levels-claim", levels_setup, link_t2, NULL, map_t_writable),
        MODEL("frames-bases", bases_setup, load_w, unpin_w, NULL),
        MODEL("frames-bases-drop", bases_setup, load_w, unpin_v, NULL),
        MODEL("frames-bases-claim", bases_setup, unpin_v_and_load_w, NULL, map_v_writable),
        { .name = NULL },
    };

    return explore_main(models, argc, argv);
}

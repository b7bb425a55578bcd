/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Past advisories that concern PV memory management, a test each: docs/advisories.md. */
// sources: hv/core/rwlock.c hv/mm/frame.c hv/lib/bitmap.c hv/lib/rangeset.c arch/x86/pv/mmu/entry.c arch/x86/pv/mmu/table.c arch/x86/pv/mmu/settle.c arch/x86/pv/mmu/call.c arch/x86/pv/mmu/update.c arch/x86/pv/mmu/mmuext.c arch/x86/pv/mmu/base.c arch/x86/pv/mmu/grant_map.c arch/x86/pv/mmu/relinquish.c
#include "pv_mmu_host.h"

#define L1_TABLE 8u
#define DATA     20u

static long run(struct op op)
{
    long rc;

    op.v = op.v ? op.v : &vcpu_a0;
    op.tables = op.v->domain;
    op.pages = op.pages ? op.pages : DOMID_SELF;
    rc = begin(&op);
    while (continued)
        rc = dispatch();
    check_invariants();
    return rc;
}

static long write_slot(unsigned int table, unsigned int slot, pte_t e) { return run((struct op){ .kind = OP_WRITE, .mfn = table, .slot = slot, .value = e }); }
static long pin(unsigned int mfn, unsigned int level) { return run((struct op){ .kind = OP_PIN, .mfn = mfn, .level = level }); }
static long unpin(unsigned int mfn) { return run((struct op){ .kind = OP_UNPIN, .mfn = mfn }); }
static pte_t to(unsigned int mfn, uint64_t flags) { return pte_make(MFN(mfn), PTE_P | PTE_US | flags); }

/* An L2 entry that gets PS by an update of "harmless" bits would map 2 MiB that nobody checked. */
static void xsa_148_superpage_bits_need_revalidation(void **state)
{
    assert_int_equal(pin(5, 2), 0);
    assert_int_equal(write_slot(5, 0, to(L1_TABLE, PTE_RW)), 0);
    assert_int_equal(write_slot(5, 0, to(L1_TABLE, PTE_RW | PTE_PS)), -XEN_EINVAL);
    assert_int_equal(write_slot(5, 1, to(DATA, PTE_RW | PTE_PS)), -XEN_EINVAL);
    assert_int_equal(page(5)[0] & PTE_PS, 0);
}

/* An L4 that shows itself read-only must not become writable by a change of RW alone. */
static void xsa_182_rw_of_a_self_mapping_needs_revalidation(void **state)
{
    assert_int_equal(pin(1, 4), 0);
    if (write_slot(1, 0, to(1, 0)) == 0)
        assert_int_equal(write_slot(1, 0, to(1, PTE_RW)), -XEN_EINVAL);
    assert_int_equal(page(1)[0] & PTE_RW, 0);
    assert_int_equal(write_slot(1, 1, to(1, PTE_RW)), -XEN_EINVAL);
}

/* The map count of a granted page is the entry's: writable or read-only, once or twice, nothing is left. */
static void xsa_224_grant_mappings_drop_what_they_took(void **state)
{
    const unsigned int flags = GNTMAP_host_map | GNTMAP_contains_pte, granted = FIRST_0 + 2;
    const uint64_t a = L1_TABLE << PAGE_SHIFT, b = a + sizeof(pte_t);
    const uint32_t refs = fr(granted)->refs;

    assert_int_equal(pin(L1_TABLE, 1), 0);
    host_test_current = &vcpu_a0;
    assert_int_equal(arch_grant_map(a, MFN(granted), flags), GNTST_okay);
    assert_int_equal(arch_grant_map(b, MFN(granted), flags | GNTMAP_readonly), GNTST_okay);
    assert_int_equal(count_of(granted), 1);
    assert_int_equal(arch_grant_unmap(b, MFN(granted), 0, flags), GNTST_general_error); /* XSA-224: the wrong kind */
    assert_int_equal(arch_grant_unmap(b, MFN(granted), 0, flags | GNTMAP_readonly), GNTST_okay);
    assert_int_equal(count_of(granted), 1);
    assert_int_equal(arch_grant_unmap(a, MFN(granted), 0, flags), GNTST_okay);
    assert_int_equal(count_of(granted), 0);
    assert_int_equal(fr(granted)->refs, refs);
}

/* Tables of one level that name each other keep each other for ever, or are released by recursion without end. */
static void xsa_240_tables_of_one_level_do_not_name_each_other(void **state)
{
    for (unsigned int level = 2; level <= 4; level++) {
        const unsigned int a = level == 4 ? 1 : level == 3 ? 3 : 5, b = a + 1;

        assert_int_equal(pin(b, level), 0);
        assert_int_equal(pin(a, level), 0);
        assert_int_equal(write_slot(a, 0, to(b, 0)), -XEN_EINVAL);
        if (level < 4)
            assert_int_equal(write_slot(a, 0, to(a, 0)), -XEN_EINVAL);
        assert_int_equal(unpin(a), 0);
        assert_int_equal(unpin(b), 0);
        assert_int_equal(count_of(a), 0);
        assert_int_equal(count_of(b), 0);
    }
}

/* A page becomes a table only when no TLB may write to it, and data only when none walks through it: check_invariants. */
static void xsa_241_stale_tlb_entries_go_before_the_type_does(void **state)
{
    assert_int_equal(pin(L1_TABLE, 1), 0);
    assert_int_equal(write_slot(L1_TABLE, 0, to(9, PTE_RW)), 0);
    assert_int_equal(write_slot(L1_TABLE, 0, 0), 0);
    assert_true(cached_writable[1][9]);
    assert_int_equal(pin(9, 1), 0);
    assert_false(cached_writable[0][9] || cached_writable[1][9] || cached_writable[2][9]);
    assert_int_equal(unpin(9), 0);
    assert_true(cached_table[1][9]);
    assert_int_equal(write_slot(L1_TABLE, 0, to(9, PTE_RW)), 0);
    assert_false(cached_table[0][9] || cached_table[1][9]);
}

/* A refused table leaves no type and no reference, whatever its valid entries had taken. */
static void xsa_242_a_refused_table_leaves_nothing(void **state)
{
    page(L1_TABLE)[0] = to(DATA, PTE_RW);
    page(L1_TABLE)[511] = to(FIRST_0 + 1, PTE_RW);
    for (unsigned int i = 0; i < 10; i++)
        assert_int_equal(pin(L1_TABLE, 1), -XEN_EBUSY);
    assert_int_equal(count_of(L1_TABLE), 0);
    assert_int_equal(count_of(DATA), 0);
    assert_int_equal(fr(DATA)->refs, 1);
}

/* Work that stops in the middle, again and again, is neither lost nor done twice, and the table is refused meanwhile. */
static void xsa_299_interrupted_work_is_neither_lost_nor_done_twice(void **state)
{
    page(L1_TABLE)[0] = to(DATA, PTE_RW);
    for (unsigned int s = 0; s < 4; s++) {
        page(5)[s] = to(L1_TABLE, PTE_RW);
        page(3)[s] = to(5, PTE_RW);
    }
    preempt_percent = 90;
    for (unsigned int i = 0; i < 50; i++) {
        assert_int_equal(pin(3, 3), 0);
        assert_int_equal(unpin(3), 0);
    }
    const struct op half = { .kind = OP_PIN, .v = &vcpu_a0, .tables = &dom_a, .pages = DOMID_SELF, .mfn = 3, .level = 3 };

    preempt_percent = 100;
    (void)begin(&half);
    check_invariants();
    preempt_percent = 0;
    assert_int_equal(write_slot(3, 5, 0), fr(3)->type_info & FRAME_PARTIAL ? -XEN_EINVAL : 0);
    assert_int_equal(run(half), 0);
    assert_int_equal(unpin(3), 0);
    assert_int_equal(count_of(DATA), 0);
}

/* A page that is a table is not writable at the same time, in whichever order it comes. */
static void xsa_401_a_table_is_never_writable(void **state)
{
    assert_int_equal(pin(L1_TABLE, 1), 0);
    assert_int_equal(write_slot(L1_TABLE, 0, to(9, PTE_RW)), 0);
    assert_int_equal(pin(9, 1), -XEN_EINVAL);
    assert_int_equal(write_slot(L1_TABLE, 0, 0), 0);
    assert_int_equal(pin(9, 1), 0);
    assert_int_equal(write_slot(L1_TABLE, 0, to(9, PTE_RW)), -XEN_EBUSY);
    assert_int_equal(run((struct op){ .kind = OP_MAP, .v = &vcpu_0, .pages = 1, .mfn = FIRST_0, .value = to(9, PTE_RW) }), -XEN_EBUSY);
}

/* A guest without I/O rights maps nothing but write-back, so no other attribute aliases our mapping. */
static void xsa_402_other_cache_attributes_are_refused(void **state)
{
    assert_int_equal(pin(L1_TABLE, 1), 0);
    assert_int_equal(write_slot(L1_TABLE, 0, to(DATA, PTE_RW | PTE_PCD)), -XEN_EINVAL);
    assert_int_equal(write_slot(L1_TABLE, 0, to(DATA, PTE_RW | PTE_PWT)), -XEN_EINVAL);
    assert_int_equal(write_slot(L1_TABLE, 0, to(DATA, PTE_RW)), 0);
    assert_int_equal(write_slot(L1_TABLE, 0, to(DATA, PTE_RW | PTE_PCD)), -XEN_EINVAL);
}

int main(void)
{
#define XSA(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        XSA(xsa_148_superpage_bits_need_revalidation),
        XSA(xsa_182_rw_of_a_self_mapping_needs_revalidation),
        XSA(xsa_224_grant_mappings_drop_what_they_took),
        XSA(xsa_240_tables_of_one_level_do_not_name_each_other),
        XSA(xsa_241_stale_tlb_entries_go_before_the_type_does),
        XSA(xsa_242_a_refused_table_leaves_nothing),
        XSA(xsa_299_interrupted_work_is_neither_lost_nor_done_twice),
        XSA(xsa_401_a_table_is_never_writable),
        XSA(xsa_402_other_cache_attributes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where dom0's parts go: nothing overlaps, tables suffice, and kernels that do not fit are refused. */
// sources: arch/x86/pv/dom0_layout.c
#include "host_support.h"
#include "arch/x86/pv/dom0.h"

static const struct elf_kernel kernel = { .paddr_start = 0x1000000, .paddr_end = 0x4a00000 };

static struct xen_notes linux_notes(void)
{
    return (struct xen_notes){
        .virt_base = 0xffffffff80000000, .paddr_offset = 0, .entry = 0xffffffff83000000,
        .hypercall_page = XEN_NOTE_UNSET, .p2m_base = 0x8000000000, .mod_start_pfn = true,
    };
}

static int make(const struct elf_kernel *k, const struct xen_notes *n, uint64_t nr_pages, uint64_t initrd_bytes, struct dom0_layout *l)
{
    const struct dom0_needs needs = { nr_pages, initrd_bytes, 1200 };
    const char *why = NULL;
    const int rc = dom0_layout_make(k, n, &needs, l, &why);

    assert_true(rc == 0 || why != NULL);
    return rc;
}

static void check_order(const struct dom0_layout *l)
{
    assert_true(l->kernel.end <= l->start_info.start);
    assert_true(l->start_info.end <= l->tables.start);
    assert_true(l->tables.end <= l->stack.start);
    assert_true(l->stack.end + (512 << 10) <= l->region.end);
    assert_int_equal(l->region.end % (4 << 20), 0);
    assert_int_equal(l->tables.end - l->tables.start, l->nr_tables * PAGE_SIZE);
    assert_true(l->nr_tables >= 1 + dom0_tables_for(l->region.start, l->region.end));
    assert_int_equal(l->region_pages, (l->region.end - l->region.start) / PAGE_SIZE);
}

static void linux_kernel(void **state)
{
    const struct xen_notes n = linux_notes();
    struct dom0_layout l;

    assert_int_equal(make(&kernel, &n, 262144, 1881544, &l), 0);
    check_order(&l);
    assert_int_equal(l.initrd_pfn, l.region_pages);
    assert_int_equal(l.initrd_pages, 460);
    assert_int_equal(l.p2m_pfn, l.initrd_pfn + 460);
    assert_int_equal(l.p2m.end - l.p2m.start, 262144 * 8);
    assert_int_equal(l.p2m_pages, 512 + 1 + 1 + 1);
    assert_int_equal(l.end_pfn, l.p2m_pfn + l.p2m_pages);
}

static void everything_in_the_region(void **state)
{
    struct xen_notes n = linux_notes();
    struct dom0_layout l;

    n.mod_start_pfn = false;
    n.p2m_base = XEN_NOTE_UNSET;
    assert_int_equal(make(&kernel, &n, 131072, 5000, &l), 0);
    check_order(&l);
    assert_int_equal(l.initrd.end - l.initrd.start, 5000);
    assert_int_equal(l.initrd.start, n.virt_base + (l.initrd_pfn << PAGE_SHIFT));
    assert_true(l.initrd.end <= l.p2m.start && l.p2m.end <= l.start_info.start);
    assert_int_equal(l.p2m_pages, 0);
    assert_int_equal(l.end_pfn, l.region_pages);
}

/* As the region grows by tables, at every size. */
static void tables_suffice(void **state)
{
    const struct xen_notes n = linux_notes();
    struct elf_kernel k = kernel;
    struct dom0_layout l;

    for (k.paddr_end = 0x3001000; k.paddr_end < 0x5000000; k.paddr_end += 0x1f000) {
        assert_int_equal(make(&k, &n, 1 << 20, 0, &l), 0);
        check_order(&l);
    }
}

static void number_of_tables(void **state)
{
    assert_int_equal(dom0_tables_for(0, 0x1000), 3);
    assert_int_equal(dom0_tables_for(0, 0x200001), 4);
    assert_int_equal(dom0_tables_for(0x3ffff000, 0x40001000), 5);
    assert_int_equal(dom0_tables_for(0xffffffff80000000, 0xffffffff84c00000), 40);
}

static void what_does_not_fit(void **state)
{
    struct xen_notes n = linux_notes();
    struct elf_kernel k = kernel;
    struct dom0_layout l;

    assert_true(make(&kernel, &n, 1000, 0, &l) < 0); /* too little memory */
    n.virt_base = 0xffff800000000000;                /* the hypervisor's */
    n.entry = n.virt_base + 0x1000000;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n.virt_base = 0x00007ffffe000000;                /* across the end of the lower half */
    n.entry = n.virt_base + 0x1000000;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n.virt_base = 0xfffffffffe000000;                /* across the end */
    n.entry = n.virt_base + 0x1000000;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n = linux_notes();
    n.p2m_base = 0xffffffff84000000;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n.p2m_base = 0xffff810000000000;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n.p2m_base = 0x8000000800;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n = linux_notes();
    n.entry = 0xffffffff90000000;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n = linux_notes();
    n.virt_base += 8;
    assert_true(make(&kernel, &n, 262144, 0, &l) < 0);
    n = linux_notes();
    k.paddr_start = 0x100000000000;
    k.paddr_end = 0x100000400000;
    assert_true(make(&k, &n, 262144, 0, &l) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_kernel), cmocka_unit_test(everything_in_the_region), cmocka_unit_test(tables_suffice),
        cmocka_unit_test(number_of_tables), cmocka_unit_test(what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

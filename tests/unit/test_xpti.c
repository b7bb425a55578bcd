/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copies of L4 tables that guests run on with XPTI: what is in them, and that they follow (docs/side-channels.md, X1..X3). */
// sources: arch/x86/pv/xpti.c hv/lib/bitmap.c
#include "xpti_host.h"

#define NR_FRAMES 64u
#define SELF      7u

static void on(unsigned int cpu)
{
    host_test_cpu = cpu;
    host_test_current = &vcpu[cpu];
}

static void enter(unsigned int cpu, bool kernel, const pte_t *table)
{
    on(cpu);
    enter_guest(kernel, table);
}

static bool is_guests(unsigned int slot) { return slot <= HV_FIRST_SLOT || slot > HV_LAST_SLOT; }

static bool is_copy(const pte_t *copy, const pte_t *table)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (is_guests(i) && copy[i] != table[i])
            return false;
    return true;
}

static int set_up(void **state)
{
    return make_cpus(NR_FRAMES);
}

static void test_next_to_nothing_of_the_hypervisor(void **state)
{
    for (unsigned int cpu = 0; cpu < 2; cpu++) {
        pte_t *table = new_table();

        enter(cpu, cpu, table);
        const pte_t *c = copy(cpu, cpu);

        assert_int_equal((uintptr_t)info[cpu].xpti_cr3 % XPTI_BYTES, 0);
        for (unsigned int i = HV_FIRST_SLOT + 1; i <= HV_LAST_SLOT; i++)
            if (i != pt_index(CPU_WINDOW_BASE, 4) && i != pt_index(IMAGE_BASE, 4))
                assert_int_equal(c[i], 0);
        /* The CPU's window and no other. */
        const pte_t *l3 = mfn_va(pte_mfn(c[pt_index(CPU_WINDOW_BASE, 4)])), *l2 = mfn_va(pte_mfn(l3[pt_index(CPU_WINDOW_BASE, 3)]));
        const unsigned int own = pt_index(CPU_WINDOW_BASE, 2) + cpu;

        for (unsigned int i = 0; i < PT_ENTRIES; i++)
            assert_true(i == pt_index(CPU_WINDOW_BASE, 3) || l3[i] == 0);
        for (unsigned int i = 0; i < PT_ENTRIES; i++)
            assert_int_equal(l2[i] & PTE_P, i == own);
        assert_ptr_equal(mfn_va(pte_mfn(l2[own])), (void *)(DIRECT_MAP + (((uintptr_t)window_l1[cpu] - DIRECT_MAP) & PTE_ADDR)));
    }
}

static void test_not_used(void **state)
{
    struct cpu_info other = { .xpti_cr3 = 0 };

    xpti_is_used = false;
    assert_int_equal(xpti_init_cpu(2, &other), 0);
    assert_int_equal(other.xpti_cr3, 0);
    xpti_is_used = true;
}

static void test_copies(void **state)
{
    pte_t *kernel = new_table(), *user = new_table();

    user[5] = 0;
    user[pt_index(M2P_RO_BASE, 4)] = 0; /* VMASST_TYPE_m2p_strict */
    enter(0, true, kernel);
    enter(0, false, user);
    assert_true(is_copy(copy(0, true), kernel) && is_copy(copy(0, false), user));
    assert_false(is_copy(copy(0, false), kernel));
}

static void test_following(void **state)
{
    pte_t *a = new_table(), *b = new_table();

    enter(0, true, a);
    enter(1, true, b);
    enter(1, false, a);
    a[9] = 0;
    xpti_slot_changed(&a[9]);
    assert_true(is_copy(copy(0, true), a) && is_copy(copy(1, false), a) && is_copy(copy(1, true), b));
    assert_true(copy(1, true)[9] != 0);
    a[pt_index(M2P_RO_BASE, 4)] = 0;
    xpti_slot_changed(&a[pt_index(M2P_RO_BASE, 4)]);
    a[511] = 0x77000 | PTE_P;
    xpti_slot_changed(&a[511]);
    assert_true(is_copy(copy(0, true), a) && is_copy(copy(1, false), a));
}

static void test_forgetting(void **state)
{
    pte_t *a = new_table(), *b = new_table();

    enter(0, true, a);
    enter(1, true, b);
    xpti_forget(va_mfn(a));
    assert_int_equal(per_cpu(xpti, 0).copy_of[true], 0);
    assert_true(per_cpu(xpti, 1).copy_of[true] != 0);
    /* Another table in the same frame. */
    a[1] = 0x99000 | PTE_P;
    enter(0, true, a);
    assert_true(is_copy(copy(0, true), a));
}

/* X3: the way through the table's own entry, over and over, has the guest's slots only, and ends at the table. */
static void check_own_entry(const pte_t *c, const pte_t *table)
{
    for (unsigned int depth = 0; depth < 4; depth++) {
        for (unsigned int i = 0; i < PT_ENTRIES; i++)
            if (is_guests(i) && i != SELF)
                assert_int_equal(c[i], table[i]);
            else if (depth > 0 && i != SELF)
                assert_int_equal(c[i], 0);
        assert_int_equal(c[SELF] & ~PTE_ADDR, table[SELF] & ~PTE_ADDR);
        c = mfn_va(pte_mfn(c[SELF]));
    }
    assert_ptr_equal(c, table);
}

static void test_table_that_names_itself(void **state)
{
    pte_t *a = new_table();

    a[HV_LAST_SLOT] = 0x66000 | PTE_P | PTE_RW; /* the hypervisor's */
    enter(0, true, a);
    a[SELF] = va_maddr(a).v | PTE_P | PTE_US;
    xpti_slot_changed(&a[SELF]);
    enter(1, true, a); /* it finds the entry there */
    for (unsigned int cpu = 0; cpu < 2; cpu++)
        check_own_entry(copy(cpu, true), a);
    a[3] = 0;
    xpti_slot_changed(&a[3]);
    for (unsigned int cpu = 0; cpu < 2; cpu++)
        check_own_entry(copy(cpu, true), a);
    a[SELF] = 0;
    xpti_slot_changed(&a[SELF]);
    assert_true(is_copy(copy(0, true), a) && is_copy(copy(1, true), a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_to_nothing_of_the_hypervisor), cmocka_unit_test(test_not_used), cmocka_unit_test(test_copies),
        cmocka_unit_test(test_following), cmocka_unit_test(test_forgetting), cmocka_unit_test(test_table_that_names_itself),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

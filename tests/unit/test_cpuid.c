/* SPDX-License-Identifier: GPL-2.0-or-later */
// sources: arch/x86/pv/cpu_policy.c arch/x86/pv/cpu_policy_features.c arch/x86/pv/cpu_policy_serial.c arch/x86/pv/cpuid.c arch/x86/cpu/features.c
/* CPU policies made from this machine's CPUID: what PV guests see, serialised forms, the toolstack's changes. */
#include "host_support.h"

#include <arch/platform.h>
#include <arch/pv.h>
#include <arch/spec_ctrl.h>
#include <arch/time.h>
#include <hv/errno.h>
#include <hv/param.h>
#include <xen/sysctl.h>
#include "../../arch/x86/pv/cpu_policy.h"

bool spec_ctrl_msr_is_virtual(void) { return true; }
bool spec_ctrl_tsx_is_off(void) { return false; }
int param_parse_bool(const char *s) { return -22; }
int rdmsr_safe(uint32_t msr, uint64_t *value) { return -14; }
void vtsc_cpuid(const struct domain *d, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *dd) { *a = *b = *dd = 0; *c = 1000; }

static struct domain d;
static struct vcpu v;

static int setup(void **unused)
{
    cpu_features_init();
    memset(&d, 0, sizeof(d));
    memset(&v, 0, sizeof(v));
    v.domain = &d;
    v.arch.xcr0 = 3;
    host_test_current = &v;
    max_mfn = 0x100000;
    return cpu_policy_init_domain(&d);
}

static int teardown(void **unused)
{
    cpu_policy_fini_domain(&d);
    return 0;
}

/* The public header says in a comment after each number who may see it. */
static void test_masks_agree_with_header(void **unused)
{
    static const char *const withheld[] = { "DBEXT", "ARCH_CAPS", "SBPB" };
    FILE *header = fopen("/usr/include/xen/arch-x86/cpufeatureset.h", "r");
    uint32_t always[CPU_FEATURE_WORDS], max[CPU_FEATURE_WORDS];
    char line[256], name[64], who[16];
    unsigned int word, bit, seen = 0;

    assert_non_null(header);
    cpu_policy_pv_mask(always, false);
    cpu_policy_pv_mask(max, true);
    while (fgets(line, sizeof(line), header)) {
        who[0] = '\0';
        if (sscanf(line, "XEN_CPUFEATURE(%63[^,], %u*32+%u) /*%15[^ ]", name, &word, &bit, who) < 3)
            continue;
        word += bit / 32; /* one is numbered beyond its word */
        bit %= 32;
        bool expect = strchr(who, 'A') != NULL && word < 16, optional = strchr(who, 'a') != NULL;

        if (word == 18 && strchr(who, 'A'))
            expect = true;
        for (unsigned int i = 0; i < array_size(withheld); i++)
            if (strcmp(withheld[i], name) == 0)
                expect = false;
        seen++;
        if (((always[word] >> bit & 1) != expect) || ((max[word] >> bit & 1) != (expect || optional)))
            fail_msg("%s (%s)", name, who);
    }
    fclose(header);
    assert_true(seen > 100);
}

static void test_leaves_round_trip(void **unused)
{
    static const unsigned int which[] = { XEN_SYSCTL_cpu_policy_raw, XEN_SYSCTL_cpu_policy_host, XEN_SYSCTL_cpu_policy_pv_max, XEN_SYSCTL_cpu_policy_pv_default };

    for (unsigned int i = 0; i < array_size(which); i++) {
        const struct cpu_policy *p = cpu_policy_system(which[i]);
        xen_cpuid_leaf_t leaves[CPU_POLICY_MAX_LEAVES], again[CPU_POLICY_MAX_LEAVES];
        uint32_t nr = CPU_POLICY_MAX_LEAVES, nr_again = CPU_POLICY_MAX_LEAVES, small;
        struct cpu_policy copy = { 0 };
        struct cpu_policy_error err;

        assert_int_equal(cpu_policy_copy_to_leaves(p, leaves, &nr), 0);
        small = nr - 1;
        assert_int_equal(cpu_policy_copy_to_leaves(p, again, &small), -XEN_ENOBUFS);
        assert_int_equal(cpu_policy_from_leaves(&copy, leaves, nr, &err), 0);
        assert_int_equal(cpu_policy_copy_to_leaves(&copy, again, &nr_again), 0);
        assert_int_equal(nr, nr_again);
        assert_memory_equal(leaves, again, nr * sizeof(*leaves));
    }
}

static void test_bad_leaves(void **unused)
{
    static const xen_cpuid_leaf_t bad[] = {
        { .leaf = 1, .subleaf = 0 }, { .leaf = 0xe, .subleaf = XEN_CPUID_NO_SUBLEAF }, { .leaf = 4, .subleaf = 6 }, { .leaf = 7, .subleaf = 3 },
        { .leaf = 0xd, .subleaf = 63 }, { .leaf = 0x80000022, .subleaf = XEN_CPUID_NO_SUBLEAF }, { .leaf = 0x40000001, .subleaf = XEN_CPUID_NO_SUBLEAF },
        { .leaf = 0x40000000, .subleaf = XEN_CPUID_NO_SUBLEAF, .a = 0x100 }, { .leaf = ~0u, .subleaf = ~0u },
    };
    struct cpu_policy p = { 0 };
    struct cpu_policy_error err;

    for (unsigned int i = 0; i < array_size(bad); i++) {
        assert_int_equal(cpu_policy_from_leaves(&p, &bad[i], 1, &err), -XEN_ERANGE);
        assert_int_equal(err.leaf, bad[i].leaf);
        assert_int_equal(err.subleaf, bad[i].subleaf);
    }
}

static void test_msrs(void **unused)
{
    xen_msr_entry_t m[2], bad = { .idx = 0x1b };
    struct cpu_policy p = { 0 };
    struct cpu_policy_error err;
    uint32_t nr = 1;

    assert_int_equal(cpu_policy_copy_to_msrs(d.arch.cpu_policy, m, &nr), -XEN_ENOBUFS);
    nr = 2;
    assert_int_equal(cpu_policy_copy_to_msrs(d.arch.cpu_policy, m, &nr), 0);
    assert_int_equal(cpu_policy_from_msrs(&p, m, nr, &err), 0);
    assert_int_equal(cpu_policy_from_msrs(&p, &bad, 1, &err), -XEN_ERANGE);
    assert_int_equal(err.msr, 0x1b);
    m[0].flags = 1;
    assert_int_equal(cpu_policy_from_msrs(&p, m, 1, &err), -XEN_EINVAL);
    m[0] = (xen_msr_entry_t){ .idx = 0xce, .val = 1ULL << 32 };
    assert_int_equal(cpu_policy_from_msrs(&p, m, 1, &err), -XEN_EOVERFLOW);
}

static void test_set_domain(void **unused)
{
    const struct cpu_policy *max = cpu_policy_system(XEN_SYSCTL_cpu_policy_pv_max);
    struct cpu_policy p = *max;
    struct cpu_policy_error err;

    p.basic[0].a = max->basic[0].a + 1;
    assert_int_equal(cpu_policy_set_domain(&d, &p, &err), -XEN_EINVAL);
    assert_int_equal(err.leaf, 0);
    p = *max;
    p.extended[0].a++;
    assert_int_equal(cpu_policy_set_domain(&d, &p, &err), -XEN_EINVAL);
    assert_int_equal(err.leaf, 0x80000000);
    p = *max;
    p.platform_info = PLATFORM_INFO_CPUID_FAULTING;
    assert_int_equal(cpu_policy_set_domain(&d, &p, &err), -XEN_EINVAL);
    assert_int_equal(err.msr, 0xce);
    /* everything asked for: cut to what there is; what others need is withdrawn: they go too */
    memset(&p.basic[1], 0xff, sizeof(p.basic[1]));
    p.platform_info = 0;
    p.basic[1].c &= ~(1u << 26);
    assert_int_equal(cpu_policy_set_domain(&d, &p, &err), 0);
    assert_false(cpu_policy_has(d.arch.cpu_policy, XEN_X86_FEATURE_AVX));
    assert_false(cpu_policy_has(d.arch.cpu_policy, XEN_X86_FEATURE_AVX2));
    assert_false(cpu_policy_has(d.arch.cpu_policy, XEN_X86_FEATURE_VMX));
    assert_false(cpu_policy_has(d.arch.cpu_policy, XEN_X86_FEATURE_MONITOR));
    assert_true(cpu_policy_has(d.arch.cpu_policy, XEN_X86_FEATURE_HYPERVISOR));
    assert_int_equal(d.arch.cpu_policy->xstate[0].a, 0);
}

static void test_guest_view(void **unused)
{
    struct cpuid_leaf l;

    guest_cpuid(&v, 0x40000000, 0, &l);
    assert_int_equal(l.a, 0x40000005);
    assert_memory_equal(&l.b, "XenVMMXenVMM", 12);
    guest_cpuid(&v, 0x40000001, 0, &l);
    assert_int_equal(l.a, 0x00040011);
    guest_cpuid(&v, 0x40000002, 0, &l);
    assert_int_equal(l.a, 1);
    assert_int_equal(l.b, 0x40000000);
    guest_cpuid(&v, 0x40000005, 0, &l);
    assert_int_equal(l.b, 32);
    guest_cpuid(&v, 0x40000006, 0, &l);
    assert_int_equal(l.a | l.b | l.c | l.d, 0);
    guest_cpuid(&v, 0x40000100, 0, &l);
    assert_int_equal(l.a, 0);
    guest_cpuid(&v, 7, 50, &l);
    assert_int_equal(l.a | l.b | l.c | l.d, 0);
    guest_cpuid(&v, 0x12345678, 0, &l);
    assert_int_equal(l.a | l.b | l.c | l.d, 0);
    guest_cpuid(&v, 1, 0, &l);
    assert_true(l.c >> 31);               /* hypervisor */
    assert_false(l.c >> 27 & 1);          /* OSXSAVE not on */
    assert_int_equal(l.b >> 24, 0);
    v.arch.cr4 = CR4_OSXSAVE;
    guest_cpuid(&v, 1, 0, &l);
    assert_true(l.c >> 27 & 1);
}

static void test_random_leaves(void **unused)
{
    struct cpuid_leaf l;
    uint32_t x = 1;

    for (unsigned int i = 0; i < 200000; i++) {
        static const uint32_t bases[] = { 0, 0x40000000, 0x80000000, 0x7fffffff };

        x = x * 1664525 + 1013904223;
        guest_cpuid(&v, bases[x >> 30] + (x >> 8 & 63), x >> 16, &l);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_masks_agree_with_header), T(test_leaves_round_trip), T(test_bad_leaves), T(test_msrs), T(test_set_domain), T(test_guest_view),
        T(test_random_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

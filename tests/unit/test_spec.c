/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Speculation: which CPUs get what by default, and what spec-ctrl= changes. Expected: stock Xen's boot log on the same CPU model. */
// sources: arch/x86/cpu/spec/bugs.c arch/x86/cpu/spec/choose.c arch/x86/cpu/spec/options.c arch/x86/cpu/spec/tables.c hv/core/param.c hv/lib/parse.c
#include "host_support.h"
#include <arch/page.h>
#include <arch/spec_ctrl.h>
#include <hv/lib.h>
#include <hv/param.h>
#include "../../arch/x86/cpu/spec/spec.h"

size_t strlcpy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

#define F(name) XEN_X86_FEATURE_##name

/* param.c is linked for param_parse_bool(): a table of options with one that nobody gives. */
static bool unused;
BOOT_PARAM_BOOL(unused, "unused", unused);

static struct spec_machine machine;

static struct spec_machine *cpu(enum cpu_vendor vendor, unsigned int family, unsigned int model, unsigned int stepping)
{
    machine = (struct spec_machine){ .vendor = vendor, .family = family, .model = model, .stepping = stepping, .smep = true, .phys_bits = 39 };
    return &machine;
}

static void has(unsigned int feature)
{
    machine.words[feature / 32] |= 1u << (feature % 32);
}

static struct spec_settings choose(const char *options)
{
    struct spec_options o = SPEC_OPTIONS_DEFAULT;
    struct spec_settings s;

    assert_int_equal(spec_parse(options, &o), 0);
    spec_choose(&machine, &o, &s);
    return s;
}

static void test_nothing_to_do(void **state)
{
    cpu(CPU_VENDOR_AMD, 0xf, 0x6b, 1); /* QEMU's qemu64 */
    struct spec_settings s = choose("");

    assert_int_equal(s.thunk, THUNK_RETPOLINE);
    assert_false(s.rsb || s.verw || s.msr_pv || s.div || s.ibpb_switch || s.ibpb_entry_domu || s.bhb_entry_domu);
    assert_int_equal(s.own_msr, 0);
    machine.smep = false;
    assert_true(choose("").rsb);
    assert_false(choose("no-rsb").rsb);
}

static void test_haswell_without_microcode(void **state)
{
    cpu(CPU_VENDOR_INTEL, 6, 0x3c, 4);
    struct spec_settings s = choose("");

    assert_int_equal(s.thunk, THUNK_RETPOLINE);
    assert_true(s.bhb_entry_domu && !s.bhb_entry_dom0 && s.bhb_seq == BHB_SHORT);
    assert_false(s.rsb || s.verw || s.msr_pv);
    assert_int_equal(s.bugs & (BUG_L1TF | BUG_MDS), BUG_L1TF | BUG_MDS);
    assert_true(choose("bhb-entry").bhb_entry_dom0);
    assert_false(choose("pv=no").bhb_entry_domu);
    assert_int_equal(choose("bhb-seq=long").bhb_seq, BHB_LONG);
}

static void test_skylake(void **state)
{
    cpu(CPU_VENDOR_INTEL, 6, 0x5e, 3);
    has(F(IBRSB));
    struct spec_settings s = choose("");

    /* Its returns are predicted like indirect branches: no retpolines. */
    assert_true(s.thunk == THUNK_JMP && s.ibrs && s.own_msr == SPEC_CTRL_IBRS);
    assert_true(s.msr_pv && s.ibpb_switch && s.bhb_entry_domu && !s.verw);
    has(F(MD_CLEAR));
    assert_true(choose("").verw);
    assert_false(choose("md-clear=no-pv").verw || choose("verw=0").verw);
    assert_true(choose("verw=no-hvm").verw);
    has(F(STIBP));
    has(F(SSBD));
    assert_int_equal(choose("ssbd").own_msr, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD);
    assert_true(choose("no-ibrs").thunk == THUNK_RETPOLINE && choose("no-ibrs").own_msr == 0);
    assert_true(choose("bti-thunk=lfence").thunk == THUNK_LFENCE && !choose("bti-thunk=lfence").ibrs);
    /* It says that returns are sound. */
    has(F(ARCH_CAPS));
    assert_true(choose("").thunk == THUNK_RETPOLINE && !choose("").ibrs);
}

static void test_immune_intel(void **state)
{
    cpu(CPU_VENDOR_INTEL, 6, 0x55, 7); /* Cascade Lake */
    const unsigned int words[] = { F(IBRSB), F(STIBP), F(ARCH_CAPS), F(EIBRS), F(RDCL_NO), F(MDS_NO), F(TAA_NO), F(MD_CLEAR), F(BHI_CTRL) };

    for (unsigned int i = 0; i < array_size(words); i++)
        has(words[i]);
    struct spec_settings s = choose("");

    assert_true(s.thunk == THUNK_JMP && s.ibrs && s.stibp && s.bhi_dis_s);
    assert_false(s.verw || s.bhb_entry_domu || s.bugs & (BUG_L1TF | BUG_MDS | BUG_TAA));
    assert_false(choose("no-bhi-dis-s").bhi_dis_s);
    assert_true(choose("no-bhi-dis-s").bhb_entry_domu);
}

static void test_unknown_intel_has_everything(void **state)
{
    cpu(CPU_VENDOR_INTEL, 6, 0xee, 0);
    has(F(MD_CLEAR));
    assert_true(choose("").verw);
    assert_int_equal(choose("").bugs & BUG_L1TF, BUG_L1TF);
}

static void test_gathers(void **state)
{
    cpu(CPU_VENDOR_INTEL, 6, 0x8c, 1);
    assert_false(choose("").gds_by_avx);
    has(F(AVX2));
    assert_true(choose("").gds_by_avx);
    assert_false(choose("gds-mit=no").gds_by_avx);
    machine.virtual = true;
    assert_false(choose("").gds_by_avx);
    machine.virtual = false;
    has(F(ARCH_CAPS));
    has(F(GDS_CTRL));
    assert_true(choose("").gds_by_msr && !choose("").gds_by_avx);
    has(F(GDS_NO));
    assert_false(choose("").gds_by_msr);
}

static void test_zen(void **state)
{
    cpu(CPU_VENDOR_AMD, 0x17, 1, 2);
    assert_true(choose("").div && !choose("").ibpb_entry_domu);
    assert_false(choose("no-div-scrub").div);
    has(F(IBPB));
    struct spec_settings s = choose("");

    assert_true(s.ibpb_entry_domu && !s.ibpb_entry_dom0 && s.rsb && !s.ibpb_switch && !s.msr_pv);
    assert_true(choose("ibpb-entry").ibpb_entry_dom0);
    assert_true(choose("ibpb-entry=no-pv").ibpb_switch);
    has(F(AMD_STIBP));
    assert_true(!choose("").div && choose("").stibp && choose("").own_msr == SPEC_CTRL_STIBP);

    cpu(CPU_VENDOR_AMD, 0x19, 0x61, 2); /* Zen 4 */
    has(F(IBPB));
    has(F(BTC_NO));
    has(F(AUTO_IBRS));
    s = choose("");
    assert_true(s.auto_ibrs && s.thunk == THUNK_JMP && s.ibpb_switch && !s.ibpb_entry_domu && !s.verw);
    has(F(IBPB_BRTYPE));
    has(F(IBPB_RET));
    has(F(VERW_CLEAR));
    s = choose("");
    assert_true(s.ibpb_entry_domu && !s.rsb && s.verw);
    has(F(SRSO_US_NO));
    assert_false(choose("").ibpb_entry_domu);
}

static void test_branches_of_a_cache_line(void **state)
{
    static const uint8_t models[] = { 0x55, 0x8e, 0x9e, 0xa5, 0xa6, 0x6a, 0x7e, 0x8c, 0xa7 };

    for (unsigned int i = 0; i < array_size(models); i++) {
        cpu(CPU_VENDOR_INTEL, 6, models[i], 0xc);
        assert_false(choose("").bugs & BUG_ITS); /* without EIBRS */
        has(F(ARCH_CAPS));
        has(F(EIBRS));
        assert_true(choose("").bugs & BUG_ITS);
        has(F(ITS_NO));
        assert_false(choose("").bugs & BUG_ITS);
    }
    cpu(CPU_VENDOR_INTEL, 6, 0x97, 2); /* Alder Lake */
    has(F(EIBRS));
    assert_false(choose("").bugs & BUG_ITS);
    machine.virtual = true; /* it may move to another */
    assert_true(choose("").bugs & BUG_ITS);
    has(F(BHI_CTRL));
    assert_false(choose("").bugs & BUG_ITS);
    cpu(CPU_VENDOR_AMD, 0x19, 0x61, 2);
    machine.virtual = true;
    assert_false(choose("").bugs & BUG_ITS);
}

static void test_barriers(void **state)
{
    cpu(CPU_VENDOR_AMD, 0x19, 0x61, 2);
    assert_true(choose("").branch_harden && !choose("").lock_harden);
    assert_true(choose("lock-harden").lock_harden);
    assert_false(choose("no-branch-harden").branch_harden || choose("branch-harden=0").branch_harden);
    assert_false(choose("no").branch_harden || choose("xen=no").branch_harden);
    assert_true(choose("no,branch-harden").branch_harden);
}

static struct spec_settings choose_tsx(int8_t tsx, const char *options)
{
    struct spec_options o = SPEC_OPTIONS_DEFAULT;
    struct spec_settings s;

    o.tsx = tsx;
    assert_int_equal(spec_parse(options, &o), 0);
    spec_choose(&machine, &o, &s);
    return s;
}

static void test_transactions(void **state)
{
    /* Cascade Lake with TSX_CTRL, not immune to TAA. */
    cpu(CPU_VENDOR_INTEL, 6, 0x55, 7);
    has(F(ARCH_CAPS));
    has(F(MDS_NO));
    assert_false(choose_tsx(0, "").tsx_off); /* no switch */
    has(F(TSX_CTRL));
    assert_true(choose_tsx(-1, "").tsx_off && choose_tsx(0, "").tsx_off);
    assert_false(choose_tsx(1, "").tsx_off || choose_tsx(-1, "no").tsx_off);
    assert_true(choose_tsx(0, "no").tsx_off);
    has(F(MD_CLEAR)); /* VERW helps, as long as there is no other thread */
    assert_true(choose_tsx(-1, "").verw);
    assert_false(choose_tsx(-1, "").tsx_off);
    machine.threads = true;
    assert_true(choose_tsx(-1, "").tsx_off);
    has(F(SRBDS_CTRL));
    assert_true(choose_tsx(1, "").srb_lock && !choose_tsx(-1, "").srb_lock);
    has(F(TAA_NO));
    assert_false(choose_tsx(-1, "").tsx_off);
    has(F(RTM_ALWAYS_ABORT));
    assert_true(choose_tsx(-1, "").tsx_off && !choose_tsx(1, "").tsx_off);
    machine.tsx_locked = true;
    assert_true(choose_tsx(1, "").tsx_off);

    /* Skylake, whose transactions are faulty. */
    cpu(CPU_VENDOR_INTEL, 6, 0x5e, 3);
    has(F(TSX_FORCE_ABORT));
    assert_false(choose_tsx(-1, "").tsx_off);
    assert_true(choose_tsx(0, "").tsx_off);
    has(F(RTM_ALWAYS_ABORT));
    assert_true(choose_tsx(-1, "").tsx_off && choose_tsx(-1, "no").tsx_off && !choose_tsx(1, "").tsx_off);
}

static void test_off(void **state)
{
    static const char *const ways[] = { "no", "off", "0", "xen=no", "no-xen" };

    for (unsigned int i = 0; i < array_size(ways); i++) {
        cpu(CPU_VENDOR_INTEL, 6, 0x5e, 3);
        has(F(IBRSB));
        has(F(MD_CLEAR));
        struct spec_settings s = choose(ways[i]);

        assert_int_equal(s.thunk, THUNK_JMP);
        assert_false(s.ibrs || s.rsb || s.verw || s.ibpb_switch || s.ibpb_entry_domu || s.bhb_entry_domu || s.div || s.own_msr);
        /* Without Xen's own use, what guests use stays. */
        assert_int_equal(s.msr_pv, i >= 3);
    }
    assert_true(choose("no,verw").verw);
}

static void test_bad_items(void **state)
{
    static const char *const bad[] = { "yes", "xen", "xen=yes", "foo", "rsb=foo", "bti-thunk=bar", "no-bti-thunk", "ibrs=pv=no", "rsb=no-" };

    for (unsigned int i = 0; i < array_size(bad); i++) {
        struct spec_options o = SPEC_OPTIONS_DEFAULT;

        assert_int_not_equal(spec_parse(bad[i], &o), 0);
    }
    struct spec_options o = SPEC_OPTIONS_DEFAULT;

    /* What is good in a list counts. */
    assert_int_not_equal(spec_parse("no-pv,foo,ibrs,", &o), 0);
    assert_true(o.rsb == 0 && o.msr_sc == 0 && o.ibrs == 1 && o.ibpb == -1);
}

/* ---- xpti=, pv-l1tf= ---- */

static bool tables_are(const char *spec, const char *xpti, const char *l1tf, bool xpti_dom0, bool xpti_domu, bool l1tf_dom0, bool l1tf_domu)
{
    struct spec_options o = SPEC_OPTIONS_DEFAULT;
    struct spec_settings s;

    assert_int_equal(spec_parse(spec, &o), 0);
    if (xpti)
        assert_int_equal(spec_parse_xpti(xpti, &o), 0);
    if (l1tf)
        assert_int_equal(spec_parse_l1tf(l1tf, &o), 0);
    spec_choose(&machine, &o, &s);
    return s.xpti_dom0 == xpti_dom0 && s.xpti_domu == xpti_domu && s.l1tf_dom0 == l1tf_dom0 && s.l1tf_domu == l1tf_domu;
}

static void test_tables_by_cpu(void **state)
{
    cpu(CPU_VENDOR_INTEL, 6, 0x3c, 4);
    assert_true(tables_are("", NULL, NULL, true, true, false, true));
    cpu(CPU_VENDOR_INTEL, 6, 0xee, 0); /* unknown */
    assert_true(tables_are("", NULL, NULL, true, true, false, true));
    cpu(CPU_VENDOR_INTEL, 6, 0x5c, 9); /* Goldmont: Meltdown, as stock Xen has it, but no L1TF */
    assert_true(tables_are("", NULL, NULL, true, true, false, false));
    cpu(CPU_VENDOR_INTEL, 6, 0x55, 7);
    has(F(ARCH_CAPS));
    has(F(RDCL_NO));
    assert_true(tables_are("", NULL, NULL, false, false, false, false));
    cpu(CPU_VENDOR_AMD, 0x17, 1, 2);
    assert_true(tables_are("", NULL, NULL, false, false, false, false));
    cpu(CPU_VENDOR_HYGON, 0x18, 1, 2);
    assert_true(tables_are("", NULL, NULL, false, false, false, false));
}

static void test_tables_by_option(void **state)
{
    cpu(CPU_VENDOR_INTEL, 6, 0x3c, 4);
    assert_true(tables_are("no", NULL, NULL, false, false, false, false));
    assert_true(tables_are("no-xen", NULL, NULL, true, true, false, true));
    assert_true(tables_are("no", "", "", true, true, true, true));
    assert_true(tables_are("", "no", "off", false, false, false, false));
    assert_true(tables_are("", "dom0=0", "dom0", false, true, true, true));
    assert_true(tables_are("", "no-domu", "no-domu", true, false, false, false));
    assert_true(tables_are("no", "domu,no-dom0", "domu=yes", false, true, false, true));
    assert_true(tables_are("", "no,default", NULL, true, true, false, true));
    cpu(CPU_VENDOR_AMD, 0x17, 1, 2);
    assert_true(tables_are("", "yes", "domu", true, true, false, true));

    /* spec-ctrl=no behind them. */
    struct spec_options o = SPEC_OPTIONS_DEFAULT;
    struct spec_settings s;

    assert_int_equal(spec_parse_xpti("domu", &o), 0);
    assert_int_equal(spec_parse("no", &o), 0);
    spec_choose(&machine, &o, &s);
    assert_true(s.xpti_domu && !s.xpti_dom0);
    assert_int_not_equal(spec_parse_xpti("dom0=maybe", &o), 0);
    assert_int_not_equal(spec_parse_xpti("foo", &o), 0);
    assert_int_not_equal(spec_parse_l1tf("default", &o), 0);
}

static void test_l1tf_addresses(void **state)
{
    /* The cache sees 46 bits of an address, memory has 39: whatever is above is nowhere. */
    cpu(CPU_VENDOR_INTEL, 6, 0x5e, 3);
    struct spec_settings s = choose("");

    assert_true(s.l1d_bits == 46 && s.l1tf_safe == 1ULL << 39);
    assert_false(spec_l1tf_vulnerable(&s, 1, 0));
    assert_false(spec_l1tf_vulnerable(&s, 1, 0xffe)); /* no address */
    assert_true(spec_l1tf_vulnerable(&s, 1, 0x1000));
    assert_true(spec_l1tf_vulnerable(&s, 1, (1ULL << 39) - 0x1000));
    assert_false(spec_l1tf_vulnerable(&s, 1, 1ULL << 39));
    assert_true(spec_l1tf_vulnerable(&s, 1, 1ULL << 46 | 0x5000)); /* not looked at */
    assert_false(spec_l1tf_vulnerable(&s, 1, 0x000ffffffffff000ULL)); /* Linux: inverted */
    assert_false(spec_l1tf_vulnerable(&s, 1, PTE_PAT));
    assert_true(spec_l1tf_vulnerable(&s, 2, PTE_PS) && spec_l1tf_vulnerable(&s, 4, PTE_PS | 1ULL << 40));
    /* No more than memory has: the last quarter is taken to be empty, but for RAM that is there. */
    machine.phys_bits = 46;
    assert_int_equal(choose("").l1tf_safe, 3ULL << 44);
    machine.memory_end = (3ULL << 44) + (1ULL << 40);
    assert_int_equal(choose("").l1tf_safe, machine.memory_end);
    cpu(CPU_VENDOR_INTEL, 6, 0x1a, 4);
    assert_int_equal(choose("").l1d_bits, 44);
    cpu(CPU_VENDOR_INTEL, 6, 0x17, 4);
    assert_int_equal(choose("").l1d_bits, 39);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do), cmocka_unit_test(test_haswell_without_microcode), cmocka_unit_test(test_skylake),
        cmocka_unit_test(test_immune_intel), cmocka_unit_test(test_unknown_intel_has_everything), cmocka_unit_test(test_gathers),
        cmocka_unit_test(test_zen), cmocka_unit_test(test_branches_of_a_cache_line), cmocka_unit_test(test_barriers),
        cmocka_unit_test(test_transactions), cmocka_unit_test(test_off), cmocka_unit_test(test_bad_items),
        cmocka_unit_test(test_tables_by_cpu), cmocka_unit_test(test_tables_by_option), cmocka_unit_test(test_l1tf_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

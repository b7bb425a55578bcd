/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of the boot log about speculation, in stock Xen's words. */
#include <arch/spec_ctrl.h>
#include <hv/lib.h>
#include <hv/log.h>
#include "spec.h"

#define F(name) XEN_X86_FEATURE_##name
#define LINE_BYTES 256u

/* Whether the compiler could be told (Makefile). */
#ifdef HV_RETURN_THUNKS
#define RETURN_THUNK " RETURN_THUNK"
#else
#define RETURN_THUNK ""
#endif

struct named_feature { const char *name; uint16_t bit, also; };

static const struct named_feature hints[] = {
    { "RDCL_NO", F(RDCL_NO), 0 }, { "EIBRS", F(EIBRS), 0 }, { "RSBA", F(RSBA), 0 }, { "RRSBA", F(RRSBA), 0 }, { "SSB_NO", F(SSB_NO), 0 },
    { "MDS_NO", F(MDS_NO), 0 }, { "TAA_NO", F(TAA_NO), 0 }, { "SBDR_SSDP_NO", F(SBDR_SSDP_NO), 0 }, { "FBSDP_NO", F(FBSDP_NO), 0 },
    { "PSDP_NO", F(PSDP_NO), 0 }, { "FB_CLEAR", F(FB_CLEAR), 0 }, { "BHI_NO", F(BHI_NO), 0 }, { "GDS_NO", F(GDS_NO), 0 },
    { "RFDS_NO", F(RFDS_NO), 0 }, { "IBRS_ALWAYS", F(IBRS_ALWAYS), 0 }, { "STIBP_ALWAYS", F(STIBP_ALWAYS), 0 },
    { "IBRS_FAST", F(IBRS_FAST), 0 }, { "IBRS_SAME_MODE", F(IBRS_SAME_MODE), 0 }, { "BTC_NO", F(BTC_NO), 0 }, { "IBPB_RET", F(IBPB_RET), 0 },
    { "IBPB_BRTYPE", F(IBPB_BRTYPE), 0 }, { "SRSO_NO", F(SRSO_NO), 0 }, { "SRSO_US_NO", F(SRSO_US_NO), 0 },
    { "TSA_SQ_NO", F(TSA_SQ_NO), 0 }, { "TSA_L1_NO", F(TSA_L1_NO), 0 }, { "ITS_NO", F(ITS_NO), 0 },
};
static const struct named_feature features[] = {
    { "IBPB", F(IBRSB), F(IBPB) }, { "IBRS", F(IBRSB), F(IBRS) }, { "STIBP", F(STIBP), F(AMD_STIBP) }, { "SSBD", F(SSBD), F(AMD_SSBD) },
    { "PSFD", F(PSFD), F(INTEL_PSFD) }, { "L1D_FLUSH", F(L1D_FLUSH), 0 }, { "MD_CLEAR", F(MD_CLEAR), 0 }, { "SRBDS_CTRL", F(SRBDS_CTRL), 0 },
    { "TSX_CTRL", F(TSX_CTRL), 0 }, { "GDS_CTRL", F(GDS_CTRL), 0 }, { "RFDS_CLEAR", F(RFDS_CLEAR), 0 }, { "BHI_CTRL", F(BHI_CTRL), 0 },
    { "VERW_CLEAR", F(VERW_CLEAR), 0 }, { "AUTO_IBRS", F(AUTO_IBRS), 0 }, { "SRSO_MSR_FIX", F(SRSO_MSR_FIX), 0 },
};

static void add(char line[LINE_BYTES], bool wanted, const char *word)
{
    const size_t n = strlen(line);

    if (wanted)
        snprintf(line + n, LINE_BYTES - n, " %s", word);
}

static void report_features(const char *what, const struct named_feature *list, unsigned int nr)
{
    char line[LINE_BYTES] = "";

    for (unsigned int i = 0; i < nr; i++)
        add(line, spec_has(&spec_machine, list[i].bit) || (list[i].also && spec_has(&spec_machine, list[i].also)), list[i].name);
    log_info("  Hardware %s:%s\n", what, line);
}

static void report_own(const struct spec_machine *m, const struct spec_settings *s)
{
    char msr[LINE_BYTES] = "", other[LINE_BYTES] = "";
    const bool has_msr = spec_has(m, F(IBRSB)) || spec_has(m, F(IBRS));

    add(msr, has_msr, s->ibrs ? "IBRS+" : "IBRS-");
    add(msr, !has_msr, "No");
    add(msr, spec_has(m, F(STIBP)) || spec_has(m, F(AMD_STIBP)), s->stibp ? "STIBP+" : "STIBP-");
    add(msr, spec_has(m, F(SSBD)) || spec_has(m, F(AMD_SSBD)), s->ssbd ? "SSBD+" : "SSBD-");
    add(msr, spec_has(m, F(PSFD)) || spec_has(m, F(INTEL_PSFD)), s->psfd ? "PSFD+" : "PSFD-");
    add(msr, spec_has(m, F(BHI_CTRL)), s->bhi_dis_s ? "BHI_DIS_S+" : "BHI_DIS_S-");
    add(other, s->ibpb_switch, "IBPB-ctxt");
    add(other, s->srb_lock, "SRB_LOCK+");
    add(other, s->verw, "VERW");
    add(other, s->div, "DIV");
    add(other, s->bp_spec_reduce, "BP_SPEC_REDUCE");
    add(other, s->gds_by_msr, "GDS_MIT");
    add(other, s->branch_harden, "BRANCH_HARDEN");
    add(other, s->lock_harden, "LOCK_HARDEN");
    log_info("  Xen settings: BTI-Thunk: %s,%s SPEC_CTRL:%s, Other:%s\n",
             s->thunk == THUNK_RETPOLINE ? "RETPOLINE" : s->thunk == THUNK_LFENCE ? "LFENCE" : "JMP",
             !s->bhb_entry_domu ? "" : s->bhb_seq == BHB_SHORT ? " BHB-Seq: SHORT," : " BHB-Seq: LONG,", msr, other);
}

static void report_guests(const struct spec_settings *s)
{
    char line[LINE_BYTES] = "";

    add(line, s->msr_pv, "MSR_SPEC_CTRL");
    add(line, s->rsb, "RSB");
    add(line, true, "EAGER_FPU");
    add(line, s->verw, "VERW");
    add(line, s->ibpb_entry_domu, "IBPB-entry");
    add(line, s->bhb_entry_domu, "BHB-entry");
    log_info("  Support for PV VMs:%s\n", line);
}

static const char *on_off(bool on) { return on ? "enabled" : "disabled"; }

static void report_tables(const struct spec_machine *m, const struct spec_settings *s)
{
    if (s->bugs & BUG_L1TF || s->l1tf_dom0 || s->l1tf_domu)
        log_info("  L1TF: believed%s vulnerable, maxphysaddr L1D %u, CPUID %u, Safe address %lx\n", s->bugs & BUG_L1TF ? "" : " not",
                 s->l1d_bits, m->phys_bits, s->l1tf_safe);
    log_info("  XPTI (64-bit PV only): Dom0 %s, DomU %s (without PCID)\n", on_off(s->xpti_dom0), on_off(s->xpti_domu));
    log_info("  PV L1TF shadowing: Dom0 %s, DomU %s\n", on_off(s->l1tf_dom0), on_off(s->l1tf_domu));
}

void spec_ctrl_report(void)
{
    log_info("Speculative mitigation facilities:\n");
    report_features("hints", hints, array_size(hints));
    report_features("features", features, array_size(features));
    log_info("  Compiled-in support: INDIRECT_THUNK" RETURN_THUNK " HARDEN_ARRAY HARDEN_BRANCH HARDEN_GUEST_ACCESS HARDEN_LOCK\n");
    report_own(&spec_machine, &spec_settings);
    report_guests(&spec_settings);
    report_tables(&spec_machine, &spec_settings);
    if (spec_machine.tsx_locked)
        log_warn("TSX locked by firmware - disabling\n");
    if (spec_options.tsx >= 0 && !tsx_has_switch(&spec_machine))
        log_warn("TSX controls not available - Ignoring tsx= setting\n");
    if (spec_settings.gds_by_avx)
        log_warn("AVX is off: the CPU's gathers leak and its microcode has no remedy\n");
}

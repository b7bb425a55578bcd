/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a CPU has and lacks, and from the options, to what is done: the defaults are stock Xen's. Pure. */
#include <arch/spec_ctrl.h>
#include "spec.h"

#define F(name) XEN_X86_FEATURE_##name

static bool pick(int8_t option, bool by_default) { return option < 0 ? by_default : option != 0; }

static bool has_ibrs(const struct spec_machine *m) { return spec_has(m, F(IBRSB)) || spec_has(m, F(IBRS)); }
static bool has_ibpb(const struct spec_machine *m) { return spec_has(m, F(IBRSB)) || spec_has(m, F(IBPB)); }
static bool has_stibp(const struct spec_machine *m) { return spec_has(m, F(STIBP)) || spec_has(m, F(AMD_STIBP)); }
static bool has_ssbd(const struct spec_machine *m) { return spec_has(m, F(SSBD)) || spec_has(m, F(AMD_SSBD)); }
static bool has_psfd(const struct spec_machine *m) { return spec_has(m, F(PSFD)) || spec_has(m, F(INTEL_PSFD)); }

/* Indirect branches: by the CPU where it is good at it or has to be, else by retpolines. */
static void choose_branches(const struct spec_machine *m, const struct spec_options *o, bool own, struct spec_settings *s)
{
    const bool preferred = m->vendor == CPU_VENDOR_INTEL && (spec_has(m, F(EIBRS)) || s->bugs & BUG_RETPOLINE);

    s->ibrs = has_ibrs(m) && pick(o->ibrs, own && o->thunk < 0 && preferred);
    s->auto_ibrs = spec_has(m, F(AUTO_IBRS)) && pick(o->ibrs, own && o->thunk < 0);
    if (o->thunk >= 0)
        s->thunk = (enum spec_thunk)o->thunk;
    else
        s->thunk = !own || s->ibrs || s->auto_ibrs ? THUNK_JMP : THUNK_RETPOLINE;
}

static void choose_msr(const struct spec_machine *m, const struct spec_options *o, bool own, struct spec_settings *s)
{
    s->stibp = has_stibp(m) && pick(o->stibp, own && (s->ibrs || spec_has(m, F(STIBP_ALWAYS)) || s->bugs & BUG_BTC));
    s->ssbd = has_ssbd(m) && pick(o->ssbd, false);
    s->psfd = has_psfd(m) && pick(o->psfd, false);
    s->bhi_dis_s = spec_has(m, F(BHI_CTRL)) && pick(o->bhi_dis_s, own && s->bugs & BUG_BHI);
    s->own_msr = (s->ibrs ? SPEC_CTRL_IBRS : 0) | (s->stibp ? SPEC_CTRL_STIBP : 0) | (s->ssbd ? SPEC_CTRL_SSBD : 0) |
                 (s->psfd ? SPEC_CTRL_PSFD : 0) | (s->bhi_dis_s ? SPEC_CTRL_BHI_DIS_S : 0);
    s->bp_spec_reduce = spec_has(m, F(SRSO_MSR_FIX)) && pick(o->bp_spec_reduce, own && s->bugs & BUG_SRSO);
    /* ABI: PV guests get MSR_SPEC_CTRL in Intel's form only. */
    s->msr_pv = spec_has(m, F(IBRSB)) && pick(o->msr_sc, true);
}

static bool verw_helps(const struct spec_machine *m, const struct spec_options *o, uint32_t bugs)
{
    return (spec_has(m, F(MD_CLEAR)) && bugs & (BUG_MDS | (spec_has(m, F(MDS_NO)) ? BUG_TAA : 0))) ||
           (spec_has(m, F(RFDS_CLEAR)) && bugs & BUG_RFDS) || (spec_has(m, F(VERW_CLEAR)) && bugs & BUG_TSA) ||
           (o->unpriv_mmio > 0 && (spec_has(m, F(FB_CLEAR)) || spec_has(m, F(MD_CLEAR))));
}

/* dom0 is trusted with these unless they are asked for (they cost much). */
static void choose_entry(const struct spec_machine *m, const struct spec_options *o, bool own, struct spec_settings *s)
{
    const bool srso = s->bugs & BUG_SRSO && spec_has(m, F(IBPB_BRTYPE)) && !spec_has(m, F(SRSO_US_NO));
    const bool bhi = s->bugs & BUG_BHI && !s->bhi_dis_s;

    s->ibpb_entry_domu = has_ibpb(m) && pick(o->ibpb_entry, own && (s->bugs & BUG_BTC || srso));
    s->ibpb_entry_dom0 = s->ibpb_entry_domu && o->ibpb_entry > 0;
    s->bhb_entry_domu = pick(o->bhb_entry, own && bhi);
    s->bhb_entry_dom0 = s->bhb_entry_domu && o->bhb_entry > 0;
    s->bhb_seq = o->bhb_seq < 0 ? BHB_SHORT : (enum spec_bhb)o->bhb_seq;
    /* A guest without SMEP to hold it could be returned to by speculation. An IBPB that leaves the return stack wants it emptied too. */
    s->rsb = pick(o->rsb, own && !m->smep) || (s->ibpb_entry_domu && !spec_has(m, F(IBPB_RET)));
    s->ibpb_switch = has_ibpb(m) && pick(o->ibpb, own && !s->ibpb_entry_domu);
}

static void choose_harden(const struct spec_options *o, bool own, struct spec_settings *s)
{
    s->branch_harden = pick(o->branch_harden, own);
    s->lock_harden = pick(o->lock_harden, false);
}

/* TAA with VERW and one thread a core is answered; else TSX is what goes. The other switch is of CPUs without TAA, whose TSX is faulty. */
static bool tsx_stays(const struct spec_machine *m, const struct spec_options *o, const struct spec_settings *s)
{
    const bool taa = s->bugs & BUG_TAA && spec_has(m, F(MDS_NO));

    if (m->tsx_locked)
        return false;
    if (o->tsx >= 0)
        return o->tsx != 0;
    if (!spec_has(m, F(TSX_CTRL)))
        return !spec_has(m, F(RTM_ALWAYS_ABORT));
    return o->off > 0 || !(spec_has(m, F(RTM_ALWAYS_ABORT)) || (taa && (m->threads || !s->verw)));
}

static void choose_data(const struct spec_machine *m, const struct spec_options *o, bool own, struct spec_settings *s)
{
    const bool gds = pick(o->gds_mit, own && s->bugs & BUG_GDS && !m->virtual);

    s->verw = verw_helps(m, o, s->bugs) && pick(o->verw, own);
    s->div = pick(o->div_scrub, own && s->bugs & BUG_DIV);
    s->gds_by_msr = gds && spec_has(m, F(GDS_CTRL));
    s->gds_by_avx = gds && !spec_has(m, F(GDS_CTRL));
}

static void choose_tsx(const struct spec_machine *m, const struct spec_options *o, bool own, struct spec_settings *s)
{
    s->tsx_off = tsx_has_switch(m) && !tsx_stays(m, o, s);
    const bool no_stale_randoms = spec_has(m, F(MDS_NO)) && (!(s->bugs & BUG_TAA) || s->tsx_off) && o->unpriv_mmio <= 0;

    s->srb_lock = spec_has(m, F(SRBDS_CTRL)) && pick(o->srb_lock, own && !no_stale_randoms);
}

void spec_choose(const struct spec_machine *m, const struct spec_options *o, struct spec_settings *s)
{
    const bool own = o->xen != 0;

    *s = (struct spec_settings){ .bugs = spec_bugs(m) };
    choose_branches(m, o, own, s);
    choose_msr(m, o, own, s);
    choose_entry(m, o, own, s);
    choose_data(m, o, own, s);
    choose_harden(o, own, s);
    choose_tsx(m, o, own, s);
    spec_choose_tables(m, o, s);
}

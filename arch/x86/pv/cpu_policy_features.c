/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Features as bit sets: which CPUID register holds each word, which bits PV guests may see, and which
 * features need which others. Pure. Names and numbers: xen/arch-x86/cpufeatureset.h.
 */
#include <hv/bitmap.h>
#include <hv/lib.h>
#include "cpu_policy.h"

/* The register that shows word n; NULL: shown nowhere that we keep. */
static const uint32_t *word_at(const struct cpu_policy *p, unsigned int n)
{
    switch (n) {
    case 0:  return &p->basic[1].d;
    case 1:  return &p->basic[1].c;
    case 2:  return &p->extended[1].d;
    case 3:  return &p->extended[1].c;
    case 4:  return &p->xstate[1].a;
    case 5:  return &p->feat[0].b;
    case 6:  return &p->feat[0].c;
    case 7:  return &p->extended[7].d;
    case 8:  return &p->extended[8].b;
    case 9:  return &p->feat[0].d;
    case 10: return &p->feat[1].a;
    case 11: return &p->extended[0x21].a;
    case 12: return &p->feat[1].b;
    case 13: return &p->feat[2].d;
    case 14: return &p->feat[1].c;
    case 15: return &p->feat[1].d;
    case 16: return (const uint32_t *)&p->arch_caps;
    case 17: return (const uint32_t *)&p->arch_caps + 1;
    case 18: return &p->extended[0x21].c;
    default: return NULL;
    }
}

void cpu_policy_to_features(const struct cpu_policy *p, uint32_t words[CPU_FEATURE_WORDS])
{
    for (unsigned int n = 0; n < CPU_FEATURE_WORDS; n++)
        words[n] = *word_at(p, n);
}

void cpu_policy_from_features(struct cpu_policy *p, const uint32_t words[CPU_FEATURE_WORDS])
{
    for (unsigned int n = 0; n < CPU_FEATURE_WORDS; n++)
        *(uint32_t *)(uintptr_t)word_at(p, n) = words[n];
}

bool cpu_policy_has(const struct cpu_policy *p, unsigned int feature)
{
    const uint32_t *word = word_at(p, feature / 32);

    return word != NULL && (*word >> (feature % 32) & 1);
}

static void set(uint32_t *words, unsigned int feature) { words[feature / 32] |= 1u << (feature % 32); }
static void clear(uint32_t *words, unsigned int feature) { words[feature / 32] &= ~(1u << (feature % 32)); }
static bool has(const uint32_t *words, unsigned int feature) { return words[feature / 32] >> (feature % 32) & 1; }

#define F(name) XEN_X86_FEATURE_##name

/*
 * Marked A in the public header, less those that need state which is not switched for PV guests: ARCH_CAPS, SBPB and
 * AMD's breakpoint masks. ABI otherwise.
 */
static const uint16_t pv_features[] = {
    F(FPU), F(DE), F(TSC), F(MSR), F(PAE), F(MCE), F(CX8), F(APIC), F(SEP), F(MCA), F(CMOV), F(PAT), F(CLFLUSH), F(ACPI),
    F(MMX), F(FXSR), F(SSE), F(SSE2), F(SS), F(HTT),
    F(SSE3), F(PCLMULQDQ), F(SSSE3), F(FMA), F(CX16), F(SSE4_1), F(SSE4_2), F(MOVBE), F(POPCNT), F(AESNI), F(XSAVE), F(AVX),
    F(F16C), F(RDRAND), F(HYPERVISOR),
    F(SYSCALL), F(NX), F(MMXEXT), F(FFXSR), F(RDTSCP), F(LM), F(3DNOWEXT), F(3DNOW),
    F(LAHF_LM), F(CMP_LEGACY), F(ABM), F(SSE4A), F(MISALIGNSSE), F(3DNOWPREFETCH), F(XOP), F(FMA4), F(TBM),
    F(XSAVEOPT), F(XSAVEC), F(XGETBV1),
    F(FSGSBASE), F(BMI1), F(AVX2), F(BMI2), F(ERMS), F(RTM), F(AVX512F), F(AVX512DQ), F(RDSEED), F(ADX), F(AVX512_IFMA),
    F(CLFLUSHOPT), F(CLWB), F(AVX512PF), F(AVX512ER), F(AVX512CD), F(SHA), F(AVX512BW), F(AVX512VL),
    F(PREFETCHWT1), F(AVX512_VBMI), F(AVX512_VBMI2), F(GFNI), F(VAES), F(VPCLMULQDQ), F(AVX512_VNNI), F(AVX512_BITALG),
    F(AVX512_VPOPCNTDQ), F(RDPID), F(CLDEMOTE),
    F(CLZERO), F(RSTR_FP_ERR_PTRS), F(IBPB), F(SSB_NO), F(BTC_NO), F(IBPB_RET),
    F(AVX512_4VNNIW), F(AVX512_4FMAPS), F(FSRM), F(MD_CLEAR), F(SERIALIZE), F(IBRSB), F(STIBP), F(SSBD),
    F(AVX_VNNI), F(AVX512_BF16), F(FZRM), F(FSRS), F(FSRCS),
    F(LFENCE_DISPATCH), F(VERW_CLEAR), F(NSCB), F(IBPB_BRTYPE), F(SRSO_NO), F(SRSO_US_NO),
    F(INTEL_PSFD), F(MCDT_NO), F(TSA_SQ_NO), F(TSA_L1_NO),
};
static const uint16_t pv_optional[] = { F(HLE), F(MOVDIRI), F(MOVDIR64B), F(ITSC), F(AVX512_VP2INTERSECT), F(TSXLDTRK) };

void cpu_policy_pv_mask(uint32_t words[CPU_FEATURE_WORDS], bool optional)
{
    memset(words, 0, CPU_FEATURE_WORDS * sizeof(*words));
    for (unsigned int i = 0; i < array_size(pv_features); i++)
        set(words, pv_features[i]);
    for (unsigned int i = 0; optional && i < array_size(pv_optional); i++)
        set(words, pv_optional[i]);
}

/* second cannot be without first (SDM1 and APM: detection rules of each extension). */
static const struct { uint16_t first, second; } needs[] = {
    { F(FPU), F(MMX) }, { F(MMX), F(MMXEXT) }, { F(MMX), F(3DNOW) }, { F(3DNOW), F(3DNOWEXT) },
    { F(FXSR), F(FFXSR) }, { F(FXSR), F(SSE) }, { F(SSE), F(SSE2) }, { F(SSE), F(MISALIGNSSE) }, { F(SSE2), F(SSE3) },
    { F(SSE2), F(LM) }, { F(SSE2), F(AESNI) }, { F(SSE2), F(PCLMULQDQ) }, { F(SSE2), F(SHA) }, { F(SSE2), F(GFNI) },
    { F(SSE3), F(SSSE3) }, { F(SSE3), F(SSE4A) }, { F(SSSE3), F(SSE4_1) }, { F(SSE4_1), F(SSE4_2) },
    { F(PAE), F(NX) }, { F(PAE), F(LM) }, { F(LM), F(CX16) }, { F(LM), F(LAHF_LM) }, { F(LM), F(PAGE1GB) }, { F(LM), F(PCID) },
    { F(LM), F(FSGSBASE) }, { F(TSC), F(RDTSCP) }, { F(TSC), F(ITSC) },
    { F(XSAVE), F(XSAVEOPT) }, { F(XSAVE), F(XSAVEC) }, { F(XSAVE), F(XGETBV1) }, { F(XSAVE), F(XSAVES) }, { F(XSAVE), F(AVX) },
    { F(AVX), F(FMA) }, { F(AVX), F(F16C) }, { F(AVX), F(XOP) }, { F(AVX), F(FMA4) }, { F(AVX), F(AVX2) }, { F(AVX), F(VAES) },
    { F(AVX), F(VPCLMULQDQ) }, { F(AVX2), F(AVX_VNNI) }, { F(AVX2), F(AVX512F) },
    { F(AVX512F), F(AVX512DQ) }, { F(AVX512F), F(AVX512_IFMA) }, { F(AVX512F), F(AVX512PF) }, { F(AVX512F), F(AVX512ER) },
    { F(AVX512F), F(AVX512CD) }, { F(AVX512F), F(AVX512BW) }, { F(AVX512F), F(AVX512VL) }, { F(AVX512F), F(AVX512_VNNI) },
    { F(AVX512F), F(AVX512_VPOPCNTDQ) }, { F(AVX512F), F(AVX512_4VNNIW) }, { F(AVX512F), F(AVX512_4FMAPS) },
    { F(AVX512F), F(AVX512_VP2INTERSECT) }, { F(AVX512BW), F(AVX512_VBMI) }, { F(AVX512BW), F(AVX512_VBMI2) },
    { F(AVX512BW), F(AVX512_BITALG) }, { F(AVX512BW), F(AVX512_BF16) }, { F(RTM), F(TSXLDTRK) },
    { F(IBRSB), F(STIBP) }, { F(IBRSB), F(SSBD) }, { F(IBRSB), F(INTEL_PSFD) },
};

void cpu_policy_drop_orphans(uint32_t words[CPU_FEATURE_WORDS])
{
    bool changed;

    do {
        changed = false;
        for (unsigned int i = 0; i < array_size(needs); i++) {
            if (has(words, needs[i].first) || !has(words, needs[i].second))
                continue;
            clear(words, needs[i].second);
            changed = true;
        }
    } while (changed);
}

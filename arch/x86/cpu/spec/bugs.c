/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which faults a CPU has: by model, from the vendors' lists ("Affected Processors: Transient Execution Attacks", Intel;
 * bulletins AMD-SB-1037, 7003, 7005, 7008, 7029), less what the CPU says it does not have. Pure.
 */
#include <hv/lib.h>
#include "spec.h"

#define F(name) XEN_X86_FEATURE_##name

/* A model that no row names is taken to have them all. */
#define INTEL_UNKNOWN (BUG_L1TF | BUG_MDS | BUG_RFDS | BUG_RETPOLINE)
#define INTEL_OLD     (BUG_L1TF | BUG_MDS)
#define SKYLAKE       (BUG_L1TF | BUG_MDS | BUG_GDS | BUG_RETPOLINE)
#define SKYLAKE_LATE  (SKYLAKE | BUG_ITS)
#define ICE_LAKE      (BUG_GDS | BUG_RETPOLINE | BUG_ITS)

/* Intel's family 6. `last` is the last stepping that has BUG_MDS. */
static const struct intel_model { uint8_t model, last; uint16_t bugs; } intel_models[] = {
    /* Core 2, Nehalem, Westmere */
    { 0x0f, 15, INTEL_OLD }, { 0x16, 15, INTEL_OLD }, { 0x17, 15, INTEL_OLD }, { 0x1d, 15, INTEL_OLD },
    { 0x1a, 15, INTEL_OLD }, { 0x1e, 15, INTEL_OLD }, { 0x1f, 15, INTEL_OLD }, { 0x2e, 15, INTEL_OLD },
    { 0x25, 15, INTEL_OLD }, { 0x2c, 15, INTEL_OLD }, { 0x2f, 15, INTEL_OLD },
    /* Sandy Bridge, Ivy Bridge, Haswell, Broadwell */
    { 0x2a, 15, INTEL_OLD }, { 0x2d, 15, INTEL_OLD }, { 0x3a, 15, INTEL_OLD }, { 0x3e, 15, INTEL_OLD },
    { 0x3c, 15, INTEL_OLD }, { 0x3f, 15, INTEL_OLD }, { 0x45, 15, INTEL_OLD }, { 0x46, 15, INTEL_OLD },
    { 0x3d, 15, INTEL_OLD }, { 0x47, 15, INTEL_OLD }, { 0x4f, 15, INTEL_OLD }, { 0x56, 15, INTEL_OLD },
    /* Skylake, Cascade Lake, Kaby Lake, Coffee Lake, Comet Lake, Cannon Lake */
    { 0x4e, 15, SKYLAKE }, { 0x5e, 15, SKYLAKE }, { 0x55, 5, SKYLAKE_LATE }, { 0x8e, 15, SKYLAKE_LATE }, { 0x9e, 15, SKYLAKE_LATE },
    { 0xa5, 15, SKYLAKE_LATE }, { 0xa6, 15, SKYLAKE_LATE }, { 0x66, 15, SKYLAKE },
    /* Ice Lake, Tiger Lake, Rocket Lake */
    { 0x6a, 0, ICE_LAKE }, { 0x6c, 0, ICE_LAKE }, { 0x7d, 0, ICE_LAKE },
    { 0x7e, 0, ICE_LAKE }, { 0x8c, 0, ICE_LAKE }, { 0x8d, 0, ICE_LAKE },
    { 0xa7, 0, ICE_LAKE },
    /* Alder Lake, Raptor Lake, their small-core parts; Sapphire Rapids, Emerald Rapids */
    { 0x97, 0, BUG_RFDS | BUG_RETPOLINE }, { 0x9a, 0, BUG_RFDS | BUG_RETPOLINE }, { 0xb7, 0, BUG_RFDS | BUG_RETPOLINE },
    { 0xba, 0, BUG_RFDS | BUG_RETPOLINE }, { 0xbf, 0, BUG_RFDS | BUG_RETPOLINE }, { 0xbe, 0, BUG_RFDS | BUG_RETPOLINE },
    { 0x8f, 0, BUG_RETPOLINE }, { 0xcf, 0, BUG_RETPOLINE },
    /* Atoms: in order; Silvermont, Airmont; Goldmont, Goldmont Plus. Knights Landing, Knights Mill */
    { 0x1c, 0, 0 }, { 0x26, 0, 0 }, { 0x27, 0, 0 }, { 0x35, 0, 0 }, { 0x36, 0, 0 },
    { 0x37, 15, BUG_MDS }, { 0x4a, 15, BUG_MDS }, { 0x4c, 15, BUG_MDS }, { 0x4d, 15, BUG_MDS }, { 0x5a, 15, BUG_MDS }, { 0x5d, 15, BUG_MDS },
    { 0x5c, 0, BUG_RFDS }, { 0x5f, 0, BUG_RFDS }, { 0x7a, 0, BUG_RFDS | BUG_RETPOLINE },
    { 0x57, 15, BUG_MDS }, { 0x85, 15, BUG_MDS },
};

static uint32_t intel_by_model(const struct spec_machine *m)
{
    if (m->family != 6)
        return 0;
    for (unsigned int i = 0; i < array_size(intel_models); i++) {
        const struct intel_model *row = &intel_models[i];

        if (row->model == m->model)
            return row->bugs & ~(uint32_t)(m->stepping > row->last ? BUG_MDS : 0);
    }
    return INTEL_UNKNOWN;
}

/* A CPU that has ARCH_CAPABILITIES says itself how its returns are predicted. */
static bool retpoline_is_unsafe(const struct spec_machine *m, uint32_t by_model)
{
    if (!spec_has(m, F(ARCH_CAPS)))
        return by_model & BUG_RETPOLINE;
    return spec_has(m, F(RSBA)) || spec_has(m, F(RRSBA));
}

/* CPUs with EIBRS before BHI_CTRL; below a hypervisor the model says nothing about where the machine may move. */
static bool has_its(const struct spec_machine *m, uint32_t by_model)
{
    return spec_has(m, F(EIBRS)) && !spec_has(m, F(BHI_CTRL)) && !spec_has(m, F(ITS_NO)) && (m->virtual || by_model & BUG_ITS);
}

static uint32_t intel_bugs(const struct spec_machine *m)
{
    const struct { uint16_t says; uint16_t bug; } immune[] = {
        { F(RDCL_NO), BUG_L1TF }, { F(MDS_NO), BUG_MDS }, { F(RFDS_NO), BUG_RFDS }, { F(GDS_NO), BUG_GDS },
        { F(TAA_NO), BUG_TAA }, { F(BHI_NO), BUG_BHI },
    };
    const uint32_t by_model = intel_by_model(m);
    uint32_t bugs = (by_model & ~(uint32_t)(BUG_RETPOLINE | BUG_ITS)) | BUG_BHI;

    if (spec_has(m, F(RTM)) || spec_has(m, F(TSX_CTRL)))
        bugs |= BUG_TAA;
    if (!spec_has(m, F(AVX2)))
        bugs &= ~(uint32_t)BUG_GDS; /* gathers need it */
    for (unsigned int i = 0; i < array_size(immune); i++)
        if (spec_has(m, immune[i].says))
            bugs &= ~(uint32_t)immune[i].bug;
    return bugs | (retpoline_is_unsafe(m, by_model) ? BUG_RETPOLINE : 0) | (has_its(m, by_model) ? BUG_ITS : 0);
}

static uint32_t amd_bugs(const struct spec_machine *m)
{
    uint32_t bugs = 0;

    if (m->family <= 0x19 && !spec_has(m, F(BTC_NO)))
        bugs |= BUG_BTC;
    if (m->family >= 0x17 && !spec_has(m, F(SRSO_NO)))
        bugs |= BUG_SRSO;
    /* Zen 1: the Zen of family 0x17 (Hygon: 0x18) that has no STIBP. */
    if ((m->family == 0x17 || m->family == 0x18) && !spec_has(m, F(AMD_STIBP)))
        bugs |= BUG_DIV;
    if (m->family == 0x19 && !(spec_has(m, F(TSA_SQ_NO)) && spec_has(m, F(TSA_L1_NO))))
        bugs |= BUG_TSA;
    return bugs;
}

/* ABI: as stock Xen has it, all that do not say RDCL_NO but AMD's and Hygon's, in-order Atoms included. */
static uint32_t meltdown(const struct spec_machine *m)
{
    return m->vendor == CPU_VENDOR_AMD || m->vendor == CPU_VENDOR_HYGON || spec_has(m, F(RDCL_NO)) ? 0 : BUG_MELTDOWN;
}

static uint32_t bugs_of_vendor(const struct spec_machine *m)
{
    if (m->vendor == CPU_VENDOR_INTEL)
        return intel_bugs(m);
    return m->vendor == CPU_VENDOR_AMD || m->vendor == CPU_VENDOR_HYGON ? amd_bugs(m) : 0;
}

uint32_t spec_bugs(const struct spec_machine *m)
{
    return bugs_of_vendor(m) | meltdown(m);
}

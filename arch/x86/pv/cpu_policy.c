/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU policies: read from the machine, derived for PV guests, kept per domain. Serialised forms are in
 * cpu_policy_serial.c, features as bits in cpu_policy_features.c, the guest's view in cpuid.c.
 * Lock: system policies are constant after the first domain; a domain's changes only before it runs.
 */
#include <arch/pv.h>
#include <arch/spec_ctrl.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <xen/sysctl.h>
#include "cpu_policy.h"

#define MSR_PLATFORM_INFO 0xceu

#define CACHE_TYPE(leaf)  ((leaf).a & 0x1f)   /* SDM2 CPUID leaf 4 */
#define TOPO_TYPE(leaf)   ((leaf).c >> 8 & 0xff)
#define EXTENDED_BASE     0x80000000u
/* Bits of leaf 1's edx that AMD repeats in 0x80000001 (APM3 E.4.2). */
#define COMMON_1D         0x0183f3ffu

static struct cpu_policy raw_policy, host_policy, pv_max_policy, pv_default_policy;
static bool system_ready;

/* ---- the machine's ---- */

static void read_subleaves(struct cpu_policy *p)
{
    const uint32_t max_leaf = BASIC_MAX(p);

    if (max_leaf >= 4)
        for (unsigned int i = 0; i < CPU_POLICY_CACHE; i++) {
            p->cache[i] = cpuid_count(4, i);
            if (CACHE_TYPE(p->cache[i]) == 0)
                break;
        }
    if (max_leaf >= 7) {
        p->feat[0] = cpuid_count(7, 0);
        for (unsigned int i = 1; i < CPU_POLICY_FEAT && i <= p->feat[0].a; i++)
            p->feat[i] = cpuid_count(7, i);
    }
    if (max_leaf >= 0xb)
        for (unsigned int i = 0; i < CPU_POLICY_TOPO; i++) {
            p->topo[i] = cpuid_count(0xb, i);
            if (TOPO_TYPE(p->topo[i]) == 0)
                break;
        }
    if (max_leaf >= 0xd) {
        p->xstate[0] = cpuid_count(0xd, 0);
        p->xstate[1] = cpuid_count(0xd, 1);
        for (unsigned int i = 2; i < CPU_POLICY_XSTATE; i++)
            if (cpu_policy_xstates(p) >> i & 1)
                p->xstate[i] = cpuid_count(0xd, i);
    }
}

static void read_machine(struct cpu_policy *p)
{
    p->basic[0] = cpuid(0);
    for (unsigned int i = 1; i < CPU_POLICY_BASIC && i <= BASIC_MAX(p); i++)
        if (i != 4 && i != 7 && i != 0xb && i != 0xd)
            p->basic[i] = cpuid(i);
    read_subleaves(p);
    p->extended[0] = cpuid(EXTENDED_BASE);
    if (EXTENDED_MAX(p) >> 16 == 0x8000)
        for (unsigned int i = 1; i < CPU_POLICY_EXTENDED && i <= (EXTENDED_MAX(p) & 0xffff); i++)
            p->extended[i] = cpuid(EXTENDED_BASE + i);
    else
        p->extended[0].a = EXTENDED_BASE;
}

/* CPUID faulting is Intel's (SDM3 table 2-20, MSR_PLATFORM_INFO[31]). */
static void read_platform_info(struct cpu_policy *p)
{
    uint64_t value;

    if (cpu_features.vendor == CPU_VENDOR_INTEL && rdmsr_safe(MSR_PLATFORM_INFO, &value) == 0)
        p->platform_info = value & PLATFORM_INFO_CPUID_FAULTING;
    cpu_features.cpuid_faulting = p->platform_info != 0;
}

/* ---- what we use of it, what a PV guest may have ---- */

uint64_t cpu_policy_xstates(const struct cpu_policy *p)
{
    return (p->xstate[0].a | p->xstate[1].c) | (uint64_t)(p->xstate[0].d | p->xstate[1].d) << 32;
}

uint32_t cpu_policy_xsave_bytes(const struct cpu_policy *p, uint64_t states)
{
    uint32_t end = 512 + 64;

    for (unsigned int i = 2; i < CPU_POLICY_XSTATE; i++)
        if (states >> i & 1)
            end = max(end, p->xstate[i].a + p->xstate[i].b);
    return end;
}

uint32_t cpu_policy_xsavec_bytes(const struct cpu_policy *p, uint64_t states)
{
    const uint32_t wants_alignment = 1u << 1; /* ECX (SDM1 13.2) */
    uint32_t end = 512 + 64;

    for (unsigned int i = 2; i < CPU_POLICY_XSTATE; i++)
        if (states >> i & 1)
            end = (p->xstate[i].c & wants_alignment ? round_up(end, 64) : end) + p->xstate[i].a;
    return end;
}

/* Leaf 0xd follows from the features. */
static void settle_xstate(struct cpu_policy *p)
{
    const uint32_t features = p->xstate[1].a;
    uint64_t states = 3;

    if (!cpu_policy_has(p, XEN_X86_FEATURE_XSAVE)) {
        memset(p->xstate, 0, sizeof(p->xstate));
        return;
    }
    if (cpu_policy_has(p, XEN_X86_FEATURE_AVX))
        states |= 4;
    if (cpu_policy_has(p, XEN_X86_FEATURE_AVX512F))
        states |= 0xe0;
    for (unsigned int i = 2; i < CPU_POLICY_XSTATE; i++)
        if (!(states >> i & 1))
            p->xstate[i] = (struct cpuid_leaf){ 0 };
    const uint32_t bytes = cpu_policy_xsave_bytes(p, states);

    p->xstate[0] = (struct cpuid_leaf){ .a = (uint32_t)states, .b = bytes, .c = bytes };
    p->xstate[1] = (struct cpuid_leaf){ .a = features };
}

static void clear_leaves(struct cpuid_leaf *leaves, unsigned int first, unsigned int last)
{
    memset(&leaves[first], 0, (last - first + 1) * sizeof(*leaves));
}

static void settle_intel(struct cpu_policy *p)
{
    p->basic[2].a = (p->basic[2].a & ~0xffu) | 1; /* one query tells all */
    clear_leaves(p->basic, 3, 3);
    clear_leaves(p->basic, 9, 9);
    p->extended[0].b = p->extended[0].c = p->extended[0].d = 0;
    p->extended[1].a = p->extended[1].b = 0;
    clear_leaves(p->extended, 5, 5);
    p->extended[6].a = p->extended[6].b = p->extended[6].d = 0;
    p->extended[8].a &= 0xffff;
    p->extended[8].c = 0;
}

static void settle_amd(struct cpu_policy *p)
{
    clear_leaves(p->basic, 2, 3);
    memset(p->cache, 0, sizeof(p->cache));
    clear_leaves(p->basic, 9, 10);
    p->extended[0].b = p->basic[0].b;
    p->extended[0].c = p->basic[0].c;
    p->extended[0].d = p->basic[0].d;
    p->extended[1].a = p->basic[1].a;
    p->extended[1].b &= 0xff00ffff;
    p->extended[1].d |= p->basic[1].d & COMMON_1D;
    p->extended[8].a &= 0xffff;
    p->extended[8].c &= 0x0003f0ff;
    clear_leaves(p->extended, 9, 9);
    clear_leaves(p->extended, 0xb, 0x18);
    clear_leaves(p->extended, 0x1b, 0x1b);
    p->extended[0x1c].a = 0;
}

/* Leaves that guests do not see or that are filled in when asked for. */
static void settle_leaves(struct cpu_policy *p)
{
    p->basic[1].a &= 0x0fff0fff;
    p->basic[1].b &= 0x00ffffff;
    clear_leaves(p->basic, 5, 6);
    clear_leaves(p->basic, 8, 8);
    clear_leaves(p->basic, 0xa, 0xa);
    clear_leaves(p->basic, 0xc, 0xc);
    memset(p->topo, 0, sizeof(p->topo));
    p->extended[1].d &= ~COMMON_1D;
    p->extended[7].a = p->extended[7].b = p->extended[7].c = 0;
    p->extended[8].d = 0;
    clear_leaves(p->extended, 0xa, 0xa);
    if (!cpu_policy_has(p, XEN_X86_FEATURE_PAGE1GB))
        clear_leaves(p->extended, 0x19, 0x19);
    if (cpu_features.vendor == CPU_VENDOR_INTEL)
        settle_intel(p);
    else
        settle_amd(p);
}

static void settle_address_bits(struct cpu_policy *p, const struct cpu_policy *max_policy)
{
    uint32_t physical = min(p->extended[8].a & 0xff, max_policy->extended[8].a & 0xff);

    physical = max(physical, cpu_policy_has(p, XEN_X86_FEATURE_PAE) ? 36u : 32u);
    p->extended[8].a = physical | (cpu_policy_has(p, XEN_X86_FEATURE_LM) ? 48u : 32u) << 8;
}

static void settle_limits(struct cpu_policy *p, const struct cpu_policy *max_policy)
{
    BASIC_MAX(p) = min(BASIC_MAX(p), BASIC_MAX(max_policy));
    p->feat[0].a = min(p->feat[0].a, max_policy->feat[0].a);
    EXTENDED_MAX(p) = EXTENDED_BASE | min(EXTENDED_MAX(p) & 0xffff, EXTENDED_MAX(max_policy) & 0xffff);
    /* The machine's vendor is the guest's. */
    p->basic[0].b = max_policy->basic[0].b;
    p->basic[0].c = max_policy->basic[0].c;
    p->basic[0].d = max_policy->basic[0].d;
}

void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max_policy)
{
    uint32_t have[CPU_FEATURE_WORDS], allowed[CPU_FEATURE_WORDS];

    settle_limits(p, max_policy);
    cpu_policy_to_features(p, have);
    cpu_policy_to_features(max_policy, allowed);
    /* ABI: how topology leaves are to be read is the toolstack's choice. */
    allowed[0] |= 1u << (XEN_X86_FEATURE_HTT & 31);
    allowed[1] |= 1u << (XEN_X86_FEATURE_X2APIC & 31);
    allowed[3] |= 1u << (XEN_X86_FEATURE_CMP_LEGACY & 31);
    for (unsigned int n = 0; n < CPU_FEATURE_WORDS; n++)
        have[n] &= allowed[n];
    if (BASIC_MAX(p) < 0xd)
        have[1] &= ~(1u << (XEN_X86_FEATURE_XSAVE & 31));
    cpu_policy_drop_orphans(have);
    cpu_policy_from_features(p, have);
    p->basic[1].b = (p->basic[1].b & ~0xff00u) | (max_policy->basic[1].b & 0xff00);
    p->platform_info &= max_policy->platform_info;
    settle_xstate(p);
    settle_leaves(p);
    settle_address_bits(p, max_policy);
}

/* SYSENTER is for 32-bit kernels only there (APM3); LFENCE has been made to wait: cpu_init_this. */
static void make_host_amd(struct cpu_policy *p, uint32_t *words)
{
    words[XEN_X86_FEATURE_SEP / 32] &= ~(1u << (XEN_X86_FEATURE_SEP & 31));
    words[XEN_X86_FEATURE_LFENCE_DISPATCH / 32] |= 1u << (XEN_X86_FEATURE_LFENCE_DISPATCH & 31);
    EXTENDED_MAX(p) = max(EXTENDED_MAX(p), EXTENDED_BASE + 0x21);
}

/* What the hypervisor itself lets through: states that it does not keep are off. */
static void make_host(struct cpu_policy *p)
{
    uint32_t words[CPU_FEATURE_WORDS];

    cpu_policy_to_features(p, words);
    if (cpu_features.vendor != CPU_VENDOR_INTEL)
        make_host_amd(p, words);
    if (!(cpu_features.xcr0_mask & 4))
        words[1] &= ~(1u << (XEN_X86_FEATURE_AVX & 31));
    if ((cpu_features.xcr0_mask & 0xe0) != 0xe0)
        words[5] &= ~(1u << (XEN_X86_FEATURE_AVX512F & 31));
    cpu_policy_drop_orphans(words);
    cpu_policy_from_features(p, words);
    settle_xstate(p);
}

static void make_pv(struct cpu_policy *p, const struct cpu_policy *host, bool optional)
{
    uint32_t words[CPU_FEATURE_WORDS], mask[CPU_FEATURE_WORDS];

    *p = *host;
    cpu_policy_to_features(p, words);
    cpu_policy_pv_mask(mask, optional);
    words[1] |= 1u << (XEN_X86_FEATURE_HYPERVISOR & 31);
    for (unsigned int n = 0; n < CPU_FEATURE_WORDS; n++)
        words[n] &= mask[n];
    if (!spec_ctrl_msr_is_virtual())
        words[XEN_X86_FEATURE_IBRSB / 32] &= ~(1u << (XEN_X86_FEATURE_IBRSB % 32));
    if (!optional && spec_ctrl_tsx_is_off())
        words[XEN_X86_FEATURE_RTM / 32] &= ~(1u << (XEN_X86_FEATURE_RTM % 32) | 1u << (XEN_X86_FEATURE_HLE % 32));
    cpu_policy_from_features(p, words);
    BASIC_MAX(p) = min(BASIC_MAX(p), CPU_POLICY_BASIC - 1);
    p->feat[0].a = min(p->feat[0].a, CPU_POLICY_FEAT - 1);
    EXTENDED_MAX(p) = EXTENDED_BASE | min(EXTENDED_MAX(p) & 0xffff, cpu_features.vendor == CPU_VENDOR_INTEL ? 8u : 0x21u);
    const struct cpu_policy self = *p;

    cpu_policy_clamp(p, &self);
}

void cpu_policy_init(void)
{
    read_machine(&raw_policy);
    read_platform_info(&raw_policy);
    host_policy = raw_policy;
    make_host(&host_policy);
    make_pv(&pv_max_policy, &host_policy, true);
    make_pv(&pv_default_policy, &host_policy, false);
    system_ready = true;
}

const struct cpu_policy *cpu_policy_system(unsigned int index)
{
    switch (index) {
    case XEN_SYSCTL_cpu_policy_raw:        return &raw_policy;
    case XEN_SYSCTL_cpu_policy_host:       return &host_policy;
    case XEN_SYSCTL_cpu_policy_pv_max:     return &pv_max_policy;
    case XEN_SYSCTL_cpu_policy_pv_default: return &pv_default_policy;
    default:                               return NULL;
    }
}

uint32_t cpu_levelling_caps(void)
{
    return cpu_features.cpuid_faulting ? XEN_SYSCTL_CPU_LEVELCAP_faulting : 0;
}

/* ---- a domain's ---- */

int cpu_policy_check(const struct cpu_policy *max_policy, const struct cpu_policy *p, struct cpu_policy_error *err)
{
    *err = (struct cpu_policy_error){ ~0u, ~0u, ~0u };
    if (BASIC_MAX(p) > BASIC_MAX(max_policy)) {
        err->leaf = 0;
        return ERR(EINVAL);
    }
    if (p->feat[0].a > max_policy->feat[0].a) {
        err->leaf = 7;
        err->subleaf = 0;
        return ERR(EINVAL);
    }
    if (EXTENDED_MAX(p) > EXTENDED_MAX(max_policy)) {
        err->leaf = EXTENDED_BASE;
        return ERR(EINVAL);
    }
    if (p->platform_info & ~max_policy->platform_info) {
        err->msr = MSR_PLATFORM_INFO;
        return ERR(EINVAL);
    }
    return 0;
}

int cpu_policy_set_domain(struct domain *d, const struct cpu_policy *p, struct cpu_policy_error *err)
{
    int rc = cpu_policy_check(&pv_max_policy, p, err);

    if (rc)
        return rc;
    *d->arch.cpu_policy = *p;
    cpu_policy_clamp(d->arch.cpu_policy, &pv_max_policy);
    return 0;
}

/* The control domain is not migrated: it may rely on the TSC. */
static void adjust_hardware_domain(struct cpu_policy *p)
{
    if (cpu_policy_has(&pv_max_policy, XEN_X86_FEATURE_ITSC))
        p->extended[7].d |= 1u << (XEN_X86_FEATURE_ITSC & 31);
}

int cpu_policy_init_domain(struct domain *d)
{
    if (!system_ready)
        cpu_policy_init();
    d->arch.cpu_policy = heap_alloc(sizeof(*d->arch.cpu_policy), 8);
    if (d->arch.cpu_policy == NULL)
        return ERR(ENOMEM);
    *d->arch.cpu_policy = pv_default_policy;
    if (d->is_hardware)
        adjust_hardware_domain(d->arch.cpu_policy);
    return 0;
}

void cpu_policy_fini_domain(struct domain *d)
{
    heap_free(d->arch.cpu_policy);
    d->arch.cpu_policy = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID as a PV guest sees it: its domain's policy, the hypervisor's own leaves (xen/arch-x86/cpuid.h), and
 * what depends on who asks.
 */
#include <arch/pv.h>
#include <arch/time.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/sysctl.h>
#include "cpu_policy.h"

#define EXTENDED_BASE 0x80000000u
#define ABI_MAJOR     4u
#define ABI_MINOR     17u
#define MTRR_BIT      (1u << (XEN_X86_FEATURE_MTRR & 31))

/* ---- the hypervisor's leaves ---- */

static uint32_t hypervisor_limit(const struct cpu_policy *p)
{
    if (p->hv_limit == 0)
        return XEN_CPUID_MAX_NUM_LEAVES;
    return min(max(p->hv_limit, 2u), (uint32_t)XEN_CPUID_MAX_NUM_LEAVES);
}

/* Machine addresses have this many bits, memory that may be added later included. */
static uint32_t machine_address_bits(void)
{
    return max_mfn > 1 ? 64 - (uint32_t)__builtin_clzll(max_mfn - 1) + PAGE_SHIFT : PAGE_SHIFT;
}

static void hypervisor_leaf(const struct domain *d, uint32_t index, uint32_t sub, struct cpuid_leaf *out)
{
    const uint32_t limit = hypervisor_limit(d->arch.cpu_policy);

    if (index > limit)
        return;
    switch (index) {
    case 0:
        *out = (struct cpuid_leaf){ XEN_CPUID_FIRST_LEAF + limit, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX };
        break;
    case 1:
        out->a = ABI_MAJOR << 16 | ABI_MINOR;
        break;
    case 2:
        *out = (struct cpuid_leaf){ .a = 1, .b = XEN_CPUID_FIRST_LEAF, .c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD };
        break;
    case 3:
        vtsc_cpuid(d, sub, &out->a, &out->b, &out->c, &out->d);
        break;
    case 5:
        if (sub == 0)
            out->b = machine_address_bits() & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK;
        break;
    }
}

/* ---- the policy's ---- */

static const struct cpuid_leaf *element(const struct cpuid_leaf *array, uint32_t nr, uint32_t index)
{
    return index < nr ? &array[index_nospec(index, nr)] : NULL;
}

static const struct cpuid_leaf *basic_leaf(const struct cpu_policy *p, uint32_t leaf, uint32_t sub)
{
    if (leaf > min(BASIC_MAX(p), CPU_POLICY_BASIC - 1))
        return NULL;
    switch (leaf) {
    case 4:
        return element(p->cache, CPU_POLICY_CACHE, sub);
    case 7:
        return element(p->feat, min(p->feat[0].a, CPU_POLICY_FEAT - 1) + 1, sub);
    case 0xb:
        return element(p->topo, CPU_POLICY_TOPO, sub);
    case 0xd:
        return cpu_policy_has(p, XEN_X86_FEATURE_XSAVE) ? element(p->xstate, CPU_POLICY_XSTATE, sub) : NULL;
    default:
        return element(p->basic, CPU_POLICY_BASIC, leaf);
    }
}

static const struct cpuid_leaf *policy_leaf(const struct cpu_policy *p, uint32_t leaf, uint32_t sub)
{
    if (leaf < CPU_POLICY_BASIC)
        return basic_leaf(p, leaf, sub);
    if (leaf < EXTENDED_BASE || leaf - EXTENDED_BASE > (EXTENDED_MAX(p) & 0xffff))
        return NULL;
    return element(p->extended, CPU_POLICY_EXTENDED, leaf - EXTENDED_BASE);
}

/* ---- what depends on the caller ---- */

/* The kernel asks by the forced-emulation prefix, which arrives as #UD. */
static bool asked_by_prefix(const struct vcpu *v) { return v->arch.in_kernel && guest_regs()->vector == VEC_UD; }

/*
 * ABI: kernels ask for OSXSAVE before they set CR4.OSXSAVE and expect to see the hypervisor's choice;
 * Linux of 2010 and later depends on it.
 */
static void adjust_features(const struct vcpu *v, const struct cpu_policy *p, struct cpuid_leaf *out)
{
    const uint32_t osxsave = 1u << (XEN_X86_FEATURE_OSXSAVE & 31), monitor = 1u << (XEN_X86_FEATURE_MONITOR & 31);
    const bool by_prefix = asked_by_prefix(v);

    if ((v->arch.cr4 & CR4_OSXSAVE) || (by_prefix && (p->basic[1].c >> (XEN_X86_FEATURE_XSAVE & 31) & 1)))
        out->c |= osxsave;
    if (!v->domain->is_hardware)
        return;
    /* ABI: old dom0 kernels take MTRR as a sign of the memory type platform calls. */
    if (v->arch.in_kernel)
        out->d |= cpu_features.leaf1_d & MTRR_BIT;
    /* The dom0 kernel, when it reports the CPU's idle states to firmware, looks for MONITOR. */
    if (by_prefix)
        out->c |= cpu_features.leaf1_c & monitor;
}

static void adjust(const struct vcpu *v, const struct cpu_policy *p, uint32_t leaf, uint32_t sub, struct cpuid_leaf *out)
{
    switch (leaf) {
    case 1:
        adjust_features(v, p, out);
        break;
    case 5:
        if (v->domain->is_hardware && asked_by_prefix(v) && (cpu_features.leaf1_c >> (XEN_X86_FEATURE_MONITOR & 31) & 1))
            *out = cpu_policy_system(XEN_SYSCTL_cpu_policy_raw)->basic[5];
        break;
    case 0xb:
        if (cpu_policy_has(p, XEN_X86_FEATURE_X2APIC)) {
            out->c = (out->c & ~0xffu) | (sub & 0xff);
            out->d = v->id * 2;
        }
        break;
    case 0xd:
        if (sub == 0 && out->a != 0)
            out->b = cpu_policy_xsave_bytes(p, v->arch.xcr0);
        if (sub == 1 && (cpu_policy_has(p, XEN_X86_FEATURE_XSAVEC) || cpu_policy_has(p, XEN_X86_FEATURE_XSAVES)))
            out->b = cpu_policy_xsavec_bytes(p, v->arch.xcr0);
        break;
    case EXTENDED_BASE + 1:
        if (v->domain->is_hardware && v->arch.in_kernel && cpu_features.vendor != CPU_VENDOR_INTEL)
            out->d |= cpu_features.leaf1_d & MTRR_BIT;
        break;
    }
}

void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *out)
{
    const struct cpu_policy *p = v->domain->arch.cpu_policy;
    const struct cpuid_leaf *found;

    *out = (struct cpuid_leaf){ 0 };
    if (leaf - XEN_CPUID_FIRST_LEAF < 0x100) {
        hypervisor_leaf(v->domain, leaf - XEN_CPUID_FIRST_LEAF, sub, out);
        return;
    }
    found = policy_leaf(p, leaf, sub);
    if (found == NULL)
        return;
    *out = *found;
    if (v == current)
        adjust(v, p, leaf, sub, out);
}

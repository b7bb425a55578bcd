/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU policies: what CPUID and a few MSRs say. One for the raw machine, one for what the
 * hypervisor uses, maximum and default ones for each kind of guest, and one per domain.
 * The toolstack reads and writes them in serialised form (xen_cpuid_leaf_t, xen_msr_entry_t)
 * or as feature sets (xen/arch-x86/cpufeatureset.h).
 */
#ifndef ARCH_CPU_POLICY_H
#define ARCH_CPU_POLICY_H

#include <arch/cpu.h>
#include <xen/arch-x86/cpufeatureset.h>

#define CPU_FEATURE_WORDS   19u  /* words 0..18 of the public header */

#define CPU_POLICY_BASIC    14u  /* leaves 0..0xd */
#define CPU_POLICY_CACHE    6u   /* leaf 4 */
#define CPU_POLICY_FEAT     3u   /* leaf 7 */
#define CPU_POLICY_TOPO     2u   /* leaf 0xb */
#define CPU_POLICY_XSTATE   63u  /* leaf 0xd */
#define CPU_POLICY_EXTENDED 34u  /* 0x80000000..0x80000021 */
#define CPU_POLICY_MAX_LEAVES (CPU_POLICY_BASIC - 4 + CPU_POLICY_CACHE + CPU_POLICY_FEAT + CPU_POLICY_TOPO + \
                               CPU_POLICY_XSTATE + 2 + CPU_POLICY_EXTENDED)
#define CPU_POLICY_MAX_MSRS 2u   /* platform info, architectural capabilities */

struct cpu_policy {
    struct cpuid_leaf basic[CPU_POLICY_BASIC];     /* entries 4, 7, 0xb, 0xd are not used: */
    struct cpuid_leaf cache[CPU_POLICY_CACHE];
    struct cpuid_leaf feat[CPU_POLICY_FEAT];
    struct cpuid_leaf topo[CPU_POLICY_TOPO];
    struct cpuid_leaf xstate[CPU_POLICY_XSTATE];
    struct cpuid_leaf extended[CPU_POLICY_EXTENDED];
    uint32_t hv_limit, hv2_limit;                  /* 0: no limit set by the toolstack */
    uint64_t platform_info;                        /* MSR 0xce: bit 31 CPUID faulting */
    uint64_t arch_caps;                            /* MSR 0x10a */
};
#define PLATFORM_INFO_CPUID_FAULTING (1ULL << 31)

/* Where auditing or deserialising found fault; ~0 where not. */
struct cpu_policy_error { uint32_t leaf, subleaf, msr; };

/* Fills the system policies. Boot CPU, after cpu_features_init. */
void cpu_policy_init(void);
/* By XEN_SYSCTL_cpu_policy_*; NULL: no such policy (-EINVAL), or not available (HVM: -EOPNOTSUPP). */
const struct cpu_policy *cpu_policy_system(unsigned int index);
/* XEN_SYSCTL_CPU_LEVELCAP_*. */
uint32_t cpu_levelling_caps(void);

bool cpu_policy_has(const struct cpu_policy *p, unsigned int feature);  /* XEN_X86_FEATURE_* */
void cpu_policy_to_features(const struct cpu_policy *p, uint32_t words[CPU_FEATURE_WORDS]);

/*
 * Serialised forms. *nr: in, the room; out, the entries written. leaves has room for
 * CPU_POLICY_MAX_LEAVES to be safe. 0 or -ENOBUFS.
 */
int cpu_policy_copy_to_leaves(const struct cpu_policy *p, xen_cpuid_leaf_t *leaves, uint32_t *nr) must_check;
int cpu_policy_copy_to_msrs(const struct cpu_policy *p, xen_msr_entry_t *msrs, uint32_t *nr) must_check;
/* Overwrites what the entries name. 0; -ERANGE: a leaf that cannot be; -EINVAL: an MSR's flags; -EOVERFLOW. */
int cpu_policy_from_leaves(struct cpu_policy *p, const xen_cpuid_leaf_t *leaves, uint32_t nr, struct cpu_policy_error *err) must_check;
int cpu_policy_from_msrs(struct cpu_policy *p, const xen_msr_entry_t *msrs, uint32_t nr, struct cpu_policy_error *err) must_check;

struct domain;
/*
 * XEN_DOMCTL_set_cpu_policy: checks p against the maximum for d's kind (-EINVAL, *err says where),
 * cuts it to what is possible and makes it d's policy. d has not run yet (caller's -EEXIST).
 */
int cpu_policy_set_domain(struct domain *d, const struct cpu_policy *p, struct cpu_policy_error *err) must_check;

#endif

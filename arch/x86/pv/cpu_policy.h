/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to pv/cpu_policy*.c: pure steps from one policy to another. */
#ifndef X86_PV_CPU_POLICY_H
#define X86_PV_CPU_POLICY_H

#include <arch/cpu_policy.h>

/* Puts the feature words back where CPUID shows them. */
void cpu_policy_from_features(struct cpu_policy *p, const uint32_t words[CPU_FEATURE_WORDS]);
/* Bits that a PV guest may have; with `optional` those too that it gets only if asked for. */
void cpu_policy_pv_mask(uint32_t words[CPU_FEATURE_WORDS], bool optional);
/* Clears features whose prerequisites are missing. */
void cpu_policy_drop_orphans(uint32_t words[CPU_FEATURE_WORDS]);
/* Cuts p to what max has and makes all leaves agree with its features. */
void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max);
/* 0, or -EINVAL and where: p claims more than max. */
int cpu_policy_check(const struct cpu_policy *max, const struct cpu_policy *p, struct cpu_policy_error *err);
/* Bytes of the standard-format XSAVE area for these states, by p's leaf 0xd. */
uint32_t cpu_policy_xsave_bytes(const struct cpu_policy *p, uint64_t states);
/* The same in XSAVEC's form: components follow each other. */
uint32_t cpu_policy_xsavec_bytes(const struct cpu_policy *p, uint64_t states);
uint64_t cpu_policy_xstates(const struct cpu_policy *p);

#define BASIC_MAX(p)    ((p)->basic[0].a)
#define EXTENDED_MAX(p) ((p)->extended[0].a)

#endif

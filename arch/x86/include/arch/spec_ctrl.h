/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protection from speculation across privilege and between guests: chosen at boot. Why and when: docs/side-channels.md. */
#ifndef ARCH_SPEC_CTRL_H
#define ARCH_SPEC_CTRL_H

/* cpu_info.spec_flags: what entry does for the running vCPU. Known to trap/spec_entry.S. */
#define SPEC_FLAG_IBPB_ENTRY 1
#define SPEC_FLAG_BHB_ENTRY  2
#define SPEC_FLAG_XPTI       4

/* SDM4 table 2-2; APM2 3.2.9 */
#define MSR_SPEC_CTRL  0x48
#define SPEC_CTRL_IBRS  (1u << 0)
#define SPEC_CTRL_STIBP (1u << 1)
#define SPEC_CTRL_SSBD  (1u << 2)
#define SPEC_CTRL_PSFD  (1u << 7)
#define SPEC_CTRL_BHI_DIS_S (1u << 10)
#define MSR_PRED_CMD   0x49
#define PRED_CMD_IBPB  1

#ifndef __ASSEMBLY__
#include <hv/compiler.h>

struct vcpu;
struct domain;

/* Boot CPU, once, after cpu_features_init and the options, while text is writable: decides, and patches. */
void spec_ctrl_init(void);
/* Says what was decided. */
void spec_ctrl_report(void);
/* Each CPU, before it runs a guest: the model-specific registers. */
void spec_ctrl_init_cpu(void);
/* Transactions abort, and are not offered. */
bool spec_ctrl_tsx_is_off(void);
/* PV guests may use MSR_SPEC_CTRL: it is switched at entry and exit. */
bool spec_ctrl_msr_is_virtual(void);
/* A new domain: what is done about its page tables. */
void spec_ctrl_domain_init(struct domain *d);
/* Some domain has, or would have, arch.xpti. */
bool spec_ctrl_xpti_is_used(void);
/* May an entry that is neither present nor 0 not enter a table of d's? Then d is crashed. */
bool spec_ctrl_refuses_absent(struct domain *d, unsigned int level, uint64_t entry);
/* v, a guest's, is about to run on this CPU. */
void spec_ctrl_switch(const struct vcpu *v);
/* This CPU is about to halt: nothing for the other thread of its core to find. */
void spec_ctrl_idle(void);
/* Guest's MSRs; v is current. 0, or -EINVAL: #GP. */
int spec_ctrl_guest_write(struct vcpu *v, uint64_t value) must_check;
int spec_ctrl_guest_command(const struct vcpu *v, uint64_t value) must_check;
/* Bits that v's policy allows in MSR_SPEC_CTRL. */
uint32_t spec_ctrl_guest_bits(const struct vcpu *v);
#endif

#endif

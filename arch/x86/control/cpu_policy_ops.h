/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU policies between their form inside and the tools' buffers: shared by domctl and sysctl. */
#ifndef X86_CPU_POLICY_OPS_H
#define X86_CPU_POLICY_OPS_H

#include <arch/cpu_policy.h>
#include <hv/control.h>

/*
 * Writes a policy's serialised forms. *nr: in the room, out the entries written; without a buffer, how many
 * there may be. 0, -EFAULT, -ENOMEM, -ENOBUFS.
 */
int policy_write_leaves(const struct cpu_policy *p, uint64_t to, uint32_t *nr) must_check;
int policy_write_msrs(const struct cpu_policy *p, uint64_t to, uint32_t *nr) must_check;

#endif

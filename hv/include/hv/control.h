/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control plane: the sub-operations of domctl, sysctl and platform_op. Each is a row of a table in abi/ and a function of its own, here or in arch/<arch>/control.
 */
#ifndef HV_CONTROL_H
#define HV_CONTROL_H

#include <hv/access.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/platform.h>

/* ---- sub-operations ----
 *
 * Each gets a copy of the caller's structure; result 0 or more, or a negative error. -ERESTART: call me
 * again, which may change the structure's fields only if the row says that it is written back.
 * Context: the lock of the hypercall (RANK_CONTROL) is held, interrupts enabled.
 */

/* When the structure goes back to the caller. */
enum control_back { BACK_IN /* never */, BACK_OUT /* after success */, BACK_ALWAYS };

typedef long domctl_fn(struct domain *d, struct xen_domctl *op); /* d: a reference is held; NULL for TARGET_NONE */
typedef long sysctl_fn(struct xen_sysctl *op);
typedef long platform_fn(struct xen_platform_op *op);

#define DOMCTL(number, name, who, target, back) domctl_fn domctl_##name;
#define DOMCTL_REFUSED(number, name, error)
#include "../../../abi/domctl.def"
#undef DOMCTL
#undef DOMCTL_REFUSED

#define SYSCTL(number, name, who, back) sysctl_fn sysctl_##name;
#define SYSCTL_REFUSED(number, name, error)
#include "../../../abi/sysctl.def"
#undef SYSCTL
#undef SYSCTL_REFUSED

#define PLATFORM_OP(number, name, back) platform_fn platform_##name;
#define PLATFORM_REFUSED(number, name, error)
#include "../../../abi/platform.def"
#undef PLATFORM_OP
#undef PLATFORM_REFUSED

/* What the toolstack sees of a domain (domctl and sysctl). */
void control_domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * Bitmaps of the tools. Read: missing bits are 0, those from `bits` on are dropped. Write: at most
 * nr_bits bits of the tools' room; what it has beyond `bits` becomes 0. 0 or -EFAULT.
 */
int control_bitmap_read(const struct xenctl_bitmap *from, uint64_t *map, unsigned int bits) must_check;
int control_bitmap_write(struct xenctl_bitmap *to, const uint64_t *map, unsigned int bits) must_check;

/* The only CPU pool and the only NUMA node. */
#define CONTROL_POOL_ID 0u
#define CONTROL_NODE_ID 0u

#endif

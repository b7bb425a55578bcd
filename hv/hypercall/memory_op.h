/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handlers of memory_op's sub-operations (abi/memory.def), and what they share. */
#ifndef HV_MEMORY_OP_H
#define HV_MEMORY_OP_H

#include <hv/domain.h>
#include <xen/memory.h>

/* ABI: a continuation keeps how many extents are done in the bits above the operation (xen/memory.h). */
#define MEMOP_EXTENT_SHIFT 6u
#define MEMOP_CMD_MASK     ((1u << MEMOP_EXTENT_SHIFT) - 1)
#define MEMOP_MAX_EXTENTS  (UINT32_MAX >> MEMOP_EXTENT_SHIFT)

/* op: XENMEM_*; start: extents done so far; arg: guest address of the operation's structure. */
typedef long memop_fn(unsigned int op, uint64_t start, uint64_t arg);

#define MEMOP(number, name, who) memop_fn memop_##name;
#include "../../abi/memory.def"
#undef MEMOP

/* Asks to be called again with `done` extents behind it. */
long memop_continue(unsigned int op, uint64_t done, uint64_t arg);
/* A reference to a domain, if current may do `op` to it. -ESRCH, -EPERM. */
int memop_domain(unsigned int op, domid_t id, struct domain **out) must_check;
/* May current do `op`, which is about the machine? 0, or -EPERM. */
int memop_check(unsigned int op) must_check;
/* Largest block that current may ask for. */
unsigned int memop_max_order(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Basic types. Frame numbers and addresses are distinct boxed types: an
 * unsigned long is never an address (ARCHITECTURE.md, "Types").
 */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t ssize_t;

/* Machine frame number: index of a 4 KiB page of the real machine. */
typedef struct { uint64_t v; } mfn_t;
/* Guest frame number: what a guest uses to name memory (PV: equal to the mfn). */
typedef struct { uint64_t v; } gfn_t;
/* Pseudo-physical frame number of a PV guest: the M2P table maps mfn to pfn. */
typedef struct { uint64_t v; } pfn_t;
/* Machine (physical) address in bytes. */
typedef struct { uint64_t v; } maddr_t;

#define MFN(x)   ((mfn_t){ (uint64_t)(x) })
#define GFN(x)   ((gfn_t){ (uint64_t)(x) })
#define PFN(x)   ((pfn_t){ (uint64_t)(x) })
#define MADDR(x) ((maddr_t){ (uint64_t)(x) })

#define MFN_INVALID MFN(~0ULL)

static inline bool mfn_eq(mfn_t a, mfn_t b) { return a.v == b.v; }
static inline bool mfn_is_invalid(mfn_t m) { return m.v == ~0ULL; }
static inline mfn_t mfn_add(mfn_t m, uint64_t n) { return MFN(m.v + n); }

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

static inline maddr_t mfn_to_maddr(mfn_t m) { return MADDR(m.v << PAGE_SHIFT); }
static inline mfn_t maddr_to_mfn(maddr_t a) { return MFN(a.v >> PAGE_SHIFT); }

#endif

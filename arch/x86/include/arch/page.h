/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page-table entries of the host format (SDM3 4.5) and the hypervisor's own page tables. */
#ifndef ARCH_PAGE_H
#define ARCH_PAGE_H

#include <hv/mm.h>

typedef uint64_t pte_t; /* an entry of any level */

#define PTE_P        (1ULL << 0)
#define PTE_RW       (1ULL << 1)
#define PTE_US       (1ULL << 2)
#define PTE_PWT      (1ULL << 3)
#define PTE_PCD      (1ULL << 4)
#define PTE_A        (1ULL << 5)
#define PTE_D        (1ULL << 6)
#define PTE_PS       (1ULL << 7)  /* L2, L3 */
#define PTE_PAT      (1ULL << 7)  /* L1 */
#define PTE_G        (1ULL << 8)
#define PTE_AVL      (7ULL << 9)
#define PTE_GUEST_KERNEL (1ULL << 52) /* ABI: software bit, marks PV kernel mappings that had no US */
#define PTE_NX       (1ULL << 63)
#define PTE_ADDR     0x000ffffffffff000ULL

#define PT_ENTRIES   512u

static inline mfn_t pte_mfn(pte_t e) { return MFN((e & PTE_ADDR) >> PAGE_SHIFT); }
static inline pte_t pte_make(mfn_t mfn, uint64_t flags) { return (mfn.v << PAGE_SHIFT) | flags; }
static inline unsigned int pt_index(uint64_t va, unsigned int level) { return (unsigned int)(va >> (PAGE_SHIFT + 9 * (level - 1))) & (PT_ENTRIES - 1); }

static inline bool va_is_canonical(uint64_t va) { return (uint64_t)((int64_t)(va << 16) >> 16) == va; }
static inline bool va_is_hypervisor(uint64_t va) { return va >= HV_VIRT_START && va < HV_VIRT_END; }

/* Attribute sets of hypervisor mappings; global, supervisor only. */
#define HV_PTE_RW (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)
#define HV_PTE_RO (PTE_P | PTE_A | PTE_D | PTE_G | PTE_NX)
#define HV_PTE_RX (PTE_P | PTE_A | PTE_D | PTE_G)
#define HV_PTE_UC (HV_PTE_RW | PTE_PCD | PTE_PWT)
#define HV_PTE_WC (HV_PTE_RW | PTE_PAT)  /* entry 4 of HOST_PAT, arch/cpu.h */

extern pte_t hv_l4[PT_ENTRIES];  /* the idle page table; slots 256..271 are those of every page table but XPTI's copies */
/*
 * Maps [va, va+size) in the hypervisor's slots to mfn.. with `flags` (HV_PTE_*), using
 * 2 MiB and 1 GiB pages where alignment allows unless small. Flushes nothing. 0 or -ENOMEM.
 */
int hv_map(uint64_t va, mfn_t mfn, uint64_t nr_frames, uint64_t flags, bool small) must_check;
void hv_unmap(uint64_t va, uint64_t nr_frames); /* 4 KiB mappings only; flushes this and all CPUs */
/* The L1 entry that maps va (must have been mapped with small); for windows. */
pte_t *hv_l1_entry(uint64_t va);
/* Frame of something in the image. */
mfn_t image_mfn(const void *p);
/* Copies the hypervisor's sixteen slots into a guest's L4. */
void hv_install_slots(pte_t *l4);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual address space. The PV ABI (xen/arch-x86/xen-x86_64.h) reserves L4 slots 256..271
 * for the hypervisor in every page table and shows guests the read-only M2P in slot 256.
 * All page tables that the hypervisor runs on, guests' and idle, share the same sixteen L4 entries: nothing of ours
 * is per domain, so switching a base pointer never rewrites a slot. With XPTI a guest itself runs on a CPU's copy of its L4
 * table, which has of these slots only 256, the CPU's window and a few pages of the image (arch/xpti.h).
 *
 *   slot 256  ffff8000_00000000  M2P, read-only, readable by guests (ABI)
 *   slot 257  ffff8080_00000000  M2P, writable
 *   slot 258  ffff8100_00000000  frame table
 *   slot 259  ffff8180_00000000  vmap: devices, guarded stacks
 *   slot 260  ffff827f_e0000000  per-CPU windows: GDT, LDT, system-call data, stacks
 *   slot 261  ffff8280_00000000  the image
 *   slot 262… ffff8300_00000000  direct map of all RAM, 10 slots = 5 TiB
 */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define L4_SLOT_BYTES       0x0000008000000000
#define HV_FIRST_SLOT       256
#define HV_LAST_SLOT        271
#define HV_VIRT_START       0xffff800000000000
#define HV_VIRT_END         0xffff880000000000

#define M2P_RO_BASE         0xffff800000000000
#define M2P_RO_END          0xffff804000000000
#define M2P_RW_BASE         0xffff808000000000
#define FRAME_TABLE_BASE    0xffff810000000000
#define VMAP_BASE           0xffff818000000000
#define VMAP_END            0xffff820000000000
#define CPU_WINDOW_BASE     0xffff827fe0000000 /* so near that the image reaches it %rip-relative: trap/entry.S */
#define IMAGE_BASE          0xffff828000000000
#define DIRECT_MAP_BASE     0xffff830000000000
#define DIRECT_MAP_END      0xffff880000000000

/* One window per CPU, in shared page tables; the CPU alone uses its own. It has an L1 table for itself, so that it can be shown alone. */
#define CPU_WINDOW_BYTES    0x0000000000200000 /* 64 pages are in use */
#define CPU_WINDOW_GDT      0x00000            /* 16 pages: guest frames 0..13, hypervisor's own from 14 (FIRST_RESERVED_GDT_PAGE) */
#define CPU_WINDOW_LDT      0x10000            /* 16 pages, filled on demand */
#define CPU_WINDOW_DATA     0x20000            /* 1 page: this CPU's data for its system-call stub, and its TSS */
#define CPU_WINDOW_STACK    0x28000            /* 8 pages: the stack block, see arch/percpu.h */
#define SYSCALL_STUB_BYTES  64

/* The image is linked at IMAGE_LINK and loaded at LOAD_PADDR. */
#define LOAD_PADDR          0x0000000000200000
#define IMAGE_LINK          (IMAGE_BASE + LOAD_PADDR)

/* Per-CPU stack block: found by masking the stack pointer. See arch/percpu.h. */
#define STACK_ORDER         3
#define STACK_BYTES         0x8000

#ifndef __ASSEMBLER__
_Static_assert(CPU_WINDOW_BASE + 256UL * CPU_WINDOW_BYTES <= IMAGE_BASE, "windows of all CPUs fit");
_Static_assert(DIRECT_MAP_END == HV_VIRT_END, "direct map fills the rest");
#endif

#endif

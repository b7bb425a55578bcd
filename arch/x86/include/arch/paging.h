/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start-up of the hypervisor's address space (mm/paging.c). Mapping calls are in arch/page.h. */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include <hv/types.h>

/* Direct map, image protection, frame table, M2P; gives free RAM to the buddy allocator. */
void paging_init(void);
/* Lets dom0 map the M2P's frames (XENMEM_machphys_mfn_list). After domain_xen exists. */
void m2p_share(void);
/* First frame of the n-th 2 MiB piece of the M2P; MFN_INVALID past the end. */
mfn_t hv_m2p_chunk(uint64_t n);
/* Start-up code and data go back to the allocator. */
void init_memory_free(void);
void vmap_init(void);

#endif

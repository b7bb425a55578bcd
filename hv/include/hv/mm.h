/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine page allocator (buddy), hypervisor heap, hypervisor mappings, domain memory. */
#ifndef HV_MM_H
#define HV_MM_H

#include <hv/frame.h>

#define MAX_ORDER 18u /* 1 GiB blocks */

/* Allocation flags. */
#define ALLOC_ZERO       (1u << 0)  /* filled with zeros (else: scrubbed of other domains' data only) */
#define ALLOC_BITS(n)    ((uint32_t)(n) << 8)  /* machine address below 1 << n; 0 = anywhere */
#define ALLOC_BITS_OF(f) (((f) >> 8) & 0xff)
#define ALLOC_NO_LIMIT   (1u << 1)  /* domain memory: ignore max_pages */

/* Adds a range of usable RAM to the allocator. Boot only. [start, end) in frames. */
void buddy_add(mfn_t start, mfn_t end);
/* 2^order contiguous frames, aligned to their size; NULL if there are none. refs of each is 0. */
struct frame *buddy_alloc(unsigned int order, uint32_t alloc_flags) must_check;
void buddy_free(struct frame *f, unsigned int order);
uint64_t buddy_nr_free(void);   /* pages */
uint64_t buddy_nr_total(void);  /* pages ever given to the allocator */
extern uint64_t max_mfn;        /* highest RAM frame + 1 */

/* Hypervisor heap. Page-granular memory is in the direct map. NULL when out of memory. */
void *pages_alloc(unsigned int order, uint32_t alloc_flags) must_check;
void pages_free(void *p, unsigned int order);
void *heap_alloc(size_t size, size_t align) must_check;
void *heap_zalloc(size_t size, size_t align) must_check;
void heap_free(void *p); /* NULL is allowed */
#define heap_new(type)          ((type *)heap_zalloc(sizeof(type), __alignof__(type)))
#define heap_new_array(type, n) ((type *)heap_zalloc_array(n, sizeof(type), __alignof__(type)))
void *heap_zalloc_array(size_t n, size_t size, size_t align) must_check; /* NULL on overflow too */

/* Arch contract: hypervisor address space (arch/x86/mm). */
enum map_attr { MAP_WB, MAP_UC, MAP_WC, MAP_RO /* write-back, read-only */ };
void *vmap_io(maddr_t start, size_t size, enum map_attr attr) must_check; /* any alignment; NULL if no space */
void vmap_io_free(void *p, size_t size);

/*
 * Memory of a domain. New frames have refs 1, FRAME_ALLOCATED, owner d, and are
 * on d's list. NULL: out of memory, over d->max_pages, or d is dying.
 */
struct frame *domain_frames_alloc(struct domain *d, unsigned int order, uint32_t alloc_flags) must_check;
/* Gives existing ownerless frames to d. 0, -EINVAL (dying), -E2BIG (limit). */
int domain_frames_assign(struct domain *d, struct frame *f, unsigned int order, uint32_t alloc_flags) must_check;
/* Takes an owned page away from d without freeing it (exchange, transfer): -EINVAL if anybody else holds it. */
int domain_frame_steal(struct domain *d, struct frame *f) must_check;
/* Drops the allocation reference if it is still there (F6). */
void domain_frame_release(struct frame *f);
/* Shows a hypervisor heap page to d: owner d, type FRAME_WRITABLE (or FRAME_SHARED if read-only), one reference. */
void frame_share(void *page, struct domain *d, bool writable);
/* Makes a hypervisor page visible read-only to dom0 (owner DOMID_XEN). */
void frame_share_privileged(struct frame *f);

/* Machine-to-physical table. Any context. */
void m2p_set(mfn_t mfn, uint64_t pfn);
uint64_t m2p_get(mfn_t mfn);
#define M2P_INVALID (~0ULL)       /* INVALID_M2P_ENTRY */

#endif

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
#define ALLOC_NO_SCRUB   (1u << 2)  /* old content may stay: the caller overwrites it or may see it */
#define ALLOC_KEEP_COUNT (1u << 3)  /* domain memory: nr_pages counts these frames already (exchange) */

/* Adds a range of usable RAM to the allocator. Boot only. [start, end) in frames. */
void buddy_add(mfn_t start, mfn_t end);
/*
 * 2^order contiguous frames, aligned to their size; NULL if there are none. refs of each is 0,
 * owner DOMID_INVALID. Takes nothing of what is promised to domains (claims).
 * Context: interrupts enabled once other CPUs run (stale TLB entries are flushed).
 */
struct frame *buddy_alloc(unsigned int order, uint32_t alloc_flags) must_check;
/* As above; `claim` pages of the promise are the caller's own. */
struct frame *buddy_alloc_claimed(unsigned int order, uint32_t alloc_flags, uint64_t claim) must_check;
/* Frames without references. Those that a guest had carry FRAME_NEED_SCRUB and FRAME_STALE_TLB. */
void buddy_free(struct frame *f, unsigned int order);
/* F5: when it returns, nobody reaches those of the frames that are FRAME_STALE_TLB through an old translation. */
void frames_flush_stale(const struct frame *f, uint64_t n);
/* Promises n of the free pages; -ENOMEM if there are not that many left. buddy_unclaim takes it back. */
int buddy_claim(uint64_t n) must_check;
void buddy_unclaim(uint64_t n);
uint64_t buddy_nr_claimed(void);
uint64_t buddy_nr_free(void);   /* pages, promised ones too */
uint64_t buddy_nr_total(void);  /* pages ever given to the allocator */
extern uint64_t max_mfn;        /* highest RAM frame + 1 */

/* Hypervisor heap. Page-granular memory is in the direct map. NULL when out of memory. */
void *pages_alloc(unsigned int order, uint32_t alloc_flags) must_check;
void pages_free(void *p, unsigned int order);
/* The order of a block that holds so many bytes. */
static inline unsigned int pages_order(size_t bytes) { return bytes <= PAGE_SIZE ? 0 : 64u - PAGE_SHIFT - (unsigned int)__builtin_clzll(bytes - 1); }
/* Contiguous pages for n bytes without rounding up to a power of two; only for large buffers at boot. */
void *pages_alloc_bytes(size_t n, uint32_t alloc_flags) must_check;
void pages_free_bytes(void *p, size_t n);
void *heap_alloc(size_t size, size_t align) must_check;
void *heap_zalloc(size_t size, size_t align) must_check;
void heap_free(void *p); /* NULL is allowed */
/* How many objects there are. Debug builds only. */
uint64_t heap_nr_objects(void);
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
/*
 * Takes an owned page away from d without freeing it (exchange, transfer): -EINVAL if it is not d's or
 * anybody else holds it. The frame is then ownerless with refs 0: for buddy_free or domain_frames_assign.
 * Its M2P entry stays as it was.
 */
int domain_frame_steal(struct domain *d, struct frame *f) must_check;
/* The same; with ALLOC_KEEP_COUNT nr_pages stays, for frames to come in its place. */
int domain_frame_detach(struct domain *d, struct frame *f, uint32_t alloc_flags) must_check;
/* ALLOC_KEEP_COUNT's promise is not kept: n frames fewer. */
void domain_pages_uncount(struct domain *d, uint64_t n);
/* frame_put's call for a frame whose last reference went: back to the heap, accounts settled. Any lock below RANK_DOMAIN_PAGES may be held. */
void domain_frame_freed(struct frame *f);
/*
 * XENMEM_claim_pages: d shall be able to reach `pages` in all; 0 gives the claim up (domain_kill does that).
 * -EINVAL: it has a claim, or as many pages already, or may not have so many. -ENOMEM: not that many are free.
 */
int domain_claim_pages(struct domain *d, uint64_t pages) must_check;
/* Drops the allocation reference if it is still there (F6). */
void domain_frame_release(struct frame *f);
/*
 * Shows a hypervisor heap page to d: owner d, type FRAME_WRITABLE (or FRAME_SHARED if read-only), one
 * reference, FRAME_ALLOCATED. domain_frame_release ends it; the page itself stays allocated and may be
 * freed by pages_free once its last reference is gone (at the latest when d itself is freed).
 */
void frame_share(void *page, struct domain *d, bool writable);
/* Makes a hypervisor page visible to dom0, for good (owner DOMID_XEN). */
void frame_share_privileged(struct frame *f, bool writable);

/* Machine-to-physical table. Any context. */
void m2p_set(mfn_t mfn, uint64_t pfn);
uint64_t m2p_get(mfn_t mfn);
#define M2P_INVALID (~0ULL)       /* INVALID_M2P_ENTRY */

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ownership and use of machine pages: the heart of isolation (docs/pv-mmu.md).
 *
 * F1  A frame with refs > 0 and an owner belongs to that domain until refs is 0.
 * F2  type_count > 0 implies that the type cannot change; who holds a type
 *     reference holds a general reference too.
 * F3  A frame is a page table of one level, or a descriptor table, or writable:
 *     never two at once (while type_count > 0).
 * F4  FRAME_VALIDATED is set before the first type reference of a page-table
 *     type is visible to others, cleared when the last one goes.
 * F5  Before a frame changes type, every CPU that may hold a stale translation of
 *     it (or through it, if it was a page table) has flushed its TLB.
 * F6  A domain's FRAME_ALLOCATED flag holds one reference; whoever clears it
 *     drops that one.
 * F7  Before a frame has a new owner, every CPU has flushed its TLB since the last
 *     reference of the old one went (frames_flush_stale).
 *
 * Lock: none for counts (atomic); links by the owner's page lock or the buddy lock.
 */
#ifndef HV_FRAME_H
#define HV_FRAME_H

#include <hv/compiler.h>
#include <xen/xen.h>

enum frame_type {
    FRAME_NONE,      /* no use established */
    FRAME_L1, FRAME_L2, FRAME_L3, FRAME_L4, /* page table of that level */
    FRAME_SEGDESC,   /* GDT or LDT of a PV guest */
    FRAME_WRITABLE,  /* mapped writable somewhere, or may be */
    FRAME_SHARED,    /* hypervisor page shown to a domain (shared info, grant frames) */
    NR_FRAME_TYPES
};

/* struct frame.type_info: count in bits 0..31, flags and type above. */
#define FRAME_COUNT_MASK   0xffffffffULL
#define FRAME_TYPE_SHIFT   32
#define FRAME_TYPE_MASK    (0xfULL << FRAME_TYPE_SHIFT)
#define FRAME_VALIDATED    (1ULL << 36) /* content checked for a page-table or descriptor type */
#define FRAME_PARTIAL      (1ULL << 37) /* in limbo: validation or its undoing stopped in the middle */
#define FRAME_PINNED       (1ULL << 38) /* the owner holds a type reference by MMUEXT_PIN_* */
#define FRAME_REMOTE       (1ULL << 39) /* mapped writable by another than the owner since it has this type */
#define FRAME_DROPS        (1ULL << 44) /* unit of a counter of drops in bits 44..63: a type reference that
                                           came and went is seen by compare-and-exchange */
#define FRAME_DROPS_MASK   (~0ULL << 44)

/* struct frame.flags */
#define FRAME_ALLOCATED    (1u << 0)  /* the owner's allocation reference exists (atomic) */
#define FRAME_HYPERVISOR   (1u << 1)  /* hypervisor heap page (may still have an owner: FRAME_SHARED) */
#define FRAME_FREE         (1u << 2)  /* head of a free buddy block; order in `order` */
#define FRAME_NEED_SCRUB   (1u << 3)  /* holds a dead domain's data */
#define FRAME_RESERVED     (1u << 4)  /* not RAM for us: firmware, boot modules, the image */
#define FRAME_FOREIGN_IO   (1u << 5)  /* not RAM: has a struct frame only by position */
#define FRAME_STALE_TLB    (1u << 6)  /* free, but a TLB may still translate to it as of tlb_stamp (F5) */

struct frame {
    uint64_t type_info;      /* atomic: count, type, flags as above */
    uint32_t refs;           /* atomic: general references; 0 = free */
    domid_t owner;           /* DOMID_INVALID if none; DOMID_XEN, DOMID_IO as in xen.h */
    uint16_t flags;          /* atomic where noted */
    uint32_t next, prev;     /* mfn links: the owner's page list, or a free list; FRAME_NO_LINK ends */
    uint32_t tlb_stamp;      /* flush clock when the last type reference, or the last reference, went */
    uint16_t nr_validated;   /* FRAME_PARTIAL: entries [0, nr) hold their references; under the owner's mmu_lock */
    uint8_t order;           /* free block's order */
    uint8_t partial_error;   /* FRAME_PARTIAL: why validation failed (positive errno), 0 if it did not */
};
_Static_assert(sizeof(struct frame) == 32, "two frames a cache line");

#define FRAME_NO_LINK 0xffffffffu

/* Frame table: a sparse virtual array indexed by mfn, mapped where RAM is. */
extern uint64_t frame_table_nr;      /* mfns from 0 that have (possibly unmapped) entries */
#ifdef HV_HOST_TEST
bool mfn_is_valid(mfn_t mfn);        /* RAM that has a mapped struct frame */
#endif
static inline unsigned int frame_type_of(uint64_t type_info) { return (unsigned int)((type_info & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT); }

#include <arch/frame.h> /* frame_of(mfn), frame_mfn(f), frame_va(f), mfn_va(mfn), va_mfn(p) */

struct domain;

/*
 * General references. frame_get fails if the frame is free or not d's; d NULL: whoever owns it
 * (but owned by a domain, DOMID_XEN or DOMID_IO). The caller has checked mfn_is_valid.
 */
bool frame_get(struct frame *f, const struct domain *d) must_check;
/* As frame_get, looked up by mfn: NULL also if it is not RAM. */
struct frame *frame_get_mfn(mfn_t mfn, const struct domain *d) must_check;
/* Drops a reference; the last one frees the page to the heap (domain pages: accounting too). */
void frame_put(struct frame *f);

/*
 * Takes a reference to the frame as `type`: FRAME_WRITABLE or FRAME_SHARED. Caller holds
 * a general reference of its own, and goes on holding it. Lock-free; interrupts enabled (may flush TLBs).
 * -EINVAL: in use as another type, or another type asked for: page tables and descriptor
 * tables are taken by the arch code alone (arch/x86/pv/mmu).
 */
int frame_take_type(struct frame *f, enum frame_type type) must_check;
/* As frame_take_type(f, FRAME_WRITABLE) for a guest mapping in page tables of `mapper`. */
int frame_take_writable(struct frame *f, const struct domain *mapper) must_check;
/* Not the last one of a page table. */
void frame_drop_type(struct frame *f);
/* Both in one: general reference owned by d (NULL: anybody), and type. 0 or -EINVAL. */
int frame_get_and_take(struct frame *f, const struct domain *d, enum frame_type type) must_check;
static inline void frame_put_and_drop(struct frame *f) { frame_drop_type(f); frame_put(f); }

/*
 * For arch code that checks content (page tables, descriptor tables); the owner's mmu_lock is held.
 * claim: 0: counted, content is known to be good. 1: the only count, not validated: the caller
 * validates, then frame_type_publish or frame_type_end. -EINVAL: in use as another type, in limbo, or the hypervisor's.
 */
int frame_type_claim(struct frame *f, enum frame_type type, const struct domain *owner) must_check;
/* A hint without the lock: the flush that a claim of f, unused now, will want. */
void frame_flush_ahead(const struct frame *f, enum frame_type type, const struct domain *owner);
void frame_type_publish(struct frame *f);
/* The only count, not validated any more, goes. */
void frame_type_end(struct frame *f);
/* Drops one of several type references; false (nothing done) if it is the only one. */
bool frame_type_drop_unless_last(struct frame *f) must_check;
/* Changes flags of type_info; the count is not 0 and stays so. */
void frame_type_flags(struct frame *f, uint64_t set, uint64_t clear);

static inline uint64_t frame_type_info(const struct frame *f) { return read_once(f->type_info); }
static inline uint32_t frame_type_count(uint64_t type_info) { return (uint32_t)(type_info & FRAME_COUNT_MASK); }
/* Is it in use as that type? Stable only while somebody who holds a type reference keeps it. */
static inline bool frame_is_type(uint64_t type_info, enum frame_type type) { return frame_type_count(type_info) != 0 && frame_type_of(type_info) == type; }

#endif

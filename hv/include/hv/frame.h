/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ownership and use of machine pages: the heart of isolation (docs/pv-mmu.md).
 *
 * F1  A frame with refs > 0 and an owner belongs to that domain until refs is 0.
 * F2  type_count > 0 implies that the type cannot change; each type reference
 *     holds a general reference too.
 * F3  A frame is a page table of one level, or a descriptor table, or writable:
 *     never two at once (while type_count > 0).
 * F4  FRAME_VALIDATED is set before the first type reference of a page-table
 *     type is visible to others, cleared when the last one goes.
 * F5  Before a frame that was writable becomes another type, every CPU that may
 *     hold a stale writable translation has flushed its TLB.
 * F6  A domain's FRAME_ALLOCATED flag holds one reference; whoever clears it
 *     drops that one.
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
#define FRAME_VALIDATED    (1ULL << 36) /* content checked for a page-table type */
#define FRAME_PARTIAL      (1ULL << 37) /* validation stopped in the middle */
#define FRAME_PINNED       (1ULL << 38) /* the owner holds a type reference by MMUEXT_PIN_* */
#define FRAME_LOCKED       (1ULL << 39) /* a CPU validates or invalidates it */

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
    uint32_t tlb_stamp;      /* flush clock when the last type reference went */
    uint16_t nr_validated;   /* FRAME_PARTIAL: entries done so far */
    uint8_t order;           /* free block's order */
    uint8_t partial_level;   /* FRAME_PARTIAL: -1/0/+1 state of the entry at nr_validated */
};
_Static_assert(sizeof(struct frame) == 32, "two frames a cache line");

#define FRAME_NO_LINK 0xffffffffu

/* Frame table: a sparse virtual array indexed by mfn, mapped where RAM is. */
extern uint64_t frame_table_nr;      /* mfns from 0 that have (possibly unmapped) entries */
bool mfn_is_valid(mfn_t mfn);        /* RAM that has a mapped struct frame */
static inline unsigned int frame_type_of(uint64_t type_info) { return (unsigned int)((type_info & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT); }

#include <arch/frame.h> /* frame_of(mfn), frame_mfn(f), frame_va(f), mfn_va(mfn), va_mfn(p) */

struct domain;

/* General references. frame_get fails if the frame is not RAM, free, or not d's. */
bool frame_get(struct frame *f, const struct domain *d) must_check;
/* As frame_get, looked up by mfn and with whatever live owner; NULL if it has none. */
struct frame *frame_get_mfn(mfn_t mfn, const struct domain *d) must_check;
/* Drops a reference; the last one frees the page to the heap (domain pages: accounting too). */
void frame_put(struct frame *f);

/*
 * Takes a reference to the frame as `type`, which may validate its content
 * (page tables). Caller holds a general reference of its own; on success the
 * frame holds one more. Not preemptible; see pv/mmu.h for the preemptible form.
 * -EINVAL: in use as another type or content not acceptable; -EINTR/-ERESTART only preemptible.
 */
int frame_take_type(struct frame *f, enum frame_type type) must_check;
void frame_drop_type(struct frame *f);
/* Both in one: general reference owned by d, and type. 0 or -EINVAL. */
int frame_get_and_take(struct frame *f, const struct domain *d, enum frame_type type) must_check;
static inline void frame_put_and_drop(struct frame *f) { frame_drop_type(f); frame_put(f); }

/* Arch contract (PV page tables): content of a page-table frame changes type. See arch/x86/pv/mmu. */

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frame table and direct map arithmetic. RAM only. */
#ifndef ARCH_FRAME_H
#define ARCH_FRAME_H

#include <arch/layout.h>
#include <arch/patch.h>

#ifdef HV_HOST_TEST
extern struct frame *host_frame_table;
extern char *host_ram;
#define FRAME_TABLE   host_frame_table
#define DIRECT_MAP    ((uintptr_t)host_ram)
#else
#define FRAME_TABLE   ((struct frame *)FRAME_TABLE_BASE)
#define DIRECT_MAP    DIRECT_MAP_BASE
#endif

/* Which pieces of the frame table (65536 frames: 256 MiB of RAM each) are mapped: bitmap. */
#define FRAMES_PER_PIECE  65536ul
#define MAX_FRAME_PIECES  ((DIRECT_MAP_END - DIRECT_MAP_BASE) / PAGE_SIZE / FRAMES_PER_PIECE)
extern uint64_t frame_pieces_mapped[(MAX_FRAME_PIECES + 63) / 64];
extern uint64_t max_mfn;

static inline struct frame *frame_of(mfn_t mfn) { return FRAME_TABLE + mfn.v; }
static inline mfn_t frame_mfn(const struct frame *f) { return MFN((uint64_t)(f - FRAME_TABLE)); }
static inline void *mfn_va(mfn_t mfn) { return (void *)(DIRECT_MAP + (mfn.v << PAGE_SHIFT)); }
static inline void *maddr_va(maddr_t a) { return (void *)(DIRECT_MAP + a.v); }
static inline void *frame_va(const struct frame *f) { return mfn_va(frame_mfn(f)); }
#ifndef HV_HOST_TEST
/* RAM that has a mapped struct frame. Trust: the number may be a guest's. */
static inline bool mfn_is_valid(mfn_t mfn)
{
    const uint64_t piece = mfn.v / FRAMES_PER_PIECE;

    if (unlikely(mfn.v >= max_mfn))
        return false;
    barrier_nospec();
    return likely((frame_pieces_mapped[piece / 64] >> piece % 64) & 1) && likely(!(read_once(frame_of(mfn)->flags) & FRAME_FOREIGN_IO));
}
#endif
/* p is in the direct map. */
static inline mfn_t va_mfn(const void *p) { return MFN(((uintptr_t)p - DIRECT_MAP) >> PAGE_SHIFT); }
static inline maddr_t va_maddr(const void *p) { return MADDR((uintptr_t)p - DIRECT_MAP); }

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From input bytes to hypercalls. Each maker reads what it needs from the input and lays the arguments
 * out; numbers are drawn mostly from what exists (own pages, other domains, small ports), so that much gets
 * past the first check, and sometimes are arbitrary.
 */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "witness.h"

struct input { const uint8_t *p; size_t left; };

/* Little-endian; 0 once the input is used up. */
uint64_t in_bytes(struct input *in, unsigned int n);
static inline uint8_t in8(struct input *in) { return (uint8_t)in_bytes(in, 1); }
static inline uint16_t in16(struct input *in) { return (uint16_t)in_bytes(in, 2); }
static inline uint32_t in32(struct input *in) { return (uint32_t)in_bytes(in, 4); }
static inline uint64_t in64(struct input *in) { return in_bytes(in, 8); }

struct call { uint64_t nr, a[5]; };

/* ---- numbers; `self` is who asks ---- */
uint64_t in_mfn(struct input *in, unsigned int self);
uint64_t in_pte(struct input *in, unsigned int self);
uint64_t in_va(struct input *in);
domid_t in_domid(struct input *in, unsigned int self);
uint32_t in_small(struct input *in, unsigned int limit); /* mostly below the limit */

typedef void call_maker(struct input *in, unsigned int self, struct call *c);
call_maker make_mmu_update, make_mmuext, make_va_mapping, make_va_mapping_other, make_memory_op, make_descriptors; /* calls_memory.c */
call_maker make_event, make_grant; /* calls_events.c */
call_maker make_vcpu_op, make_sched_op, make_timer, make_misc, make_raw; /* calls.c */
/* Mappings that a map call made: unmapping asks for what is there. */
void note_mappings(unsigned int self, const struct call *c);
void forget_mappings(void);
/* A random one of the above, for a multicall. */
call_maker make_any;

/* The control domain does something to one of the guests (calls_control.c). */
void control_step(struct input *in);

/* What a guest may write at any time: 8 bytes in a page that is its own and writable, its shared info, grant table, arguments. */
void guest_scribble(struct input *in, unsigned int self);

#endif

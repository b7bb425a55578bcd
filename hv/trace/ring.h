/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One CPU's ring of records, shared with dom0. Pure: the clock is passed in. */
#ifndef HV_TRACE_RING_H
#define HV_TRACE_RING_H

#include <hv/compiler.h>
#include <xen/trace.h>

/*
 * T1  Where we write follows from our own `prod` alone; what dom0 may write (cons) decides only
 *     whether we write.
 * T2  A record never crosses the end of the ring: a TRC_TRACE_WRAP_BUFFER record fills what is left.
 * T3  Records become visible (t_buf.prod) whole.
 * T4  What did not fit is counted, and told by TRC_LOST_RECORDS before the next record.
 */
struct trace_ring {
    void **page;          /* the first begins with struct t_buf */
    uint32_t bytes;       /* of records; 0: there is no ring */
    uint32_t prod;        /* as in struct t_buf: modulo 2 * bytes */
    uint32_t nr_lost;
    uint16_t lost_domain, lost_vcpu; /* who ran when the first one was lost */
    uint64_t lost_since;
};

/* Room of nr pages that exist, zeroed. */
void trace_ring_init(struct trace_ring *r, void **page, uint32_t nr_pages);
/*
 * Adds a record. who: domain << 16 | vCPU, for lost records. Returns whether by this record the ring became
 * half full.
 */
bool trace_ring_add(struct trace_ring *r, uint32_t event, uint64_t cycles, const uint32_t *words, unsigned int nr, uint32_t who);

#endif

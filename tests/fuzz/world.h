/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The domains: a control domain on CPU 0, which is trusted; two hostile guests on CPUs 1 and 2, two
 * vCPUs each; and a witness on CPU 3, which is honest and finds out if it is harmed: each event that was sent to
 * it arrives, and nobody writes to its memory but where it granted that.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "machine.h"

enum { CONTROL, GUEST_A, GUEST_B, WITNESS, NR_WORLD };

#define GUEST_PAGES   28u
#define GUEST_VA      0x10000000ULL  /* where a guest's page tables show its pages */
#define PAGE_L4       0u             /* pages by their use at the start */
#define PAGE_L3       1u
#define PAGE_L2       2u
#define PAGE_L1       3u
#define PAGE_USER_L4  4u             /* a second tree, complete but not in use */
#define PAGE_USER_L3  5u
#define PAGE_USER_L2  6u
#define PAGE_USER_L1  7u
#define PAGE_GDT      8u
#define PAGE_CONTROL  9u             /* FIFO control block, event array */
#define PAGE_EVENTS   10u
#define FIRST_DATA    11u
#define FIRST_GRANT   8u             /* what a guest grants from the start: pages from FIRST_DATA on, to the others in turn */
#define NR_GRANTS     6u

struct guest {
    uint64_t page[GUEST_PAGES];      /* frame numbers at the start */
    unsigned int lives;
};
extern struct guest world[NR_WORLD];

/* fifo: the witness's events come by FIFO queues. */
void world_create(bool fifo);
/* Everybody dies, and all that they had is free again. */
void world_destroy(void);
/* The domain, without a reference; NULL if it is dead. */
struct domain *world_domain(unsigned int who);
/* Chooses a CPU on which the domain runs, after some time if need be. */
void world_be(unsigned int who);
/* Kills a guest and makes it anew. */
void world_rebirth(unsigned int who);
/* Gets a guest's vCPUs running again after blocking, pausing, stopping, crashing. */
void world_revive(void);

/* A hypercall of the control domain, on its CPU; the CPU chosen before is chosen again. */
long control_call(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
struct xen_domctl;
long control_domctl(struct xen_domctl *op);

/* Room for arguments of the current step. */
void *args_alloc(size_t bytes, uint64_t *va);
void args_reset(void);

#endif

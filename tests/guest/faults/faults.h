/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c sweeps the steps of steps.c over domains of world.c. */
#ifndef FAULTS_H
#define FAULTS_H

#include "../../../abi/fault.h"
#include <xen/domctl.h>
#include <xen/sysctl.h>

/* How far a domain has come before a step. */
enum stage { NOTHING, CREATED, WITH_VCPUS, WITH_MEMORY, WITH_TABLES, STARTED };

enum {
    KEEPS_A_PART = 1,   /* what was done before the fault stays done */
    ONCE = 2,           /* done although its answer could not be written: the same again is an error */
    GROWS = 4,          /* we ourselves keep memory */
};

#define PARTLY 1    /* the answer of what did a part and says so */

struct step {
    const char *name;
    enum stage needs;
    void (*prepare)(void);
    long (*run)(void);      /* 0, a negative error, or PARTLY */
    void (*undo)(void);
    unsigned int flags;
};
extern const struct step steps[];   /* the last one has no name */

long faulty(long nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
#define F1(name, a)          faulty(__HYPERVISOR_##name, (uint64_t)(a), 0, 0, 0)
#define F2(name, a, b)       faulty(__HYPERVISOR_##name, (uint64_t)(a), (uint64_t)(b), 0, 0)
#define F3(name, a, b, c)    faulty(__HYPERVISOR_##name, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0)
#define F4(name, a, b, c, d) faulty(__HYPERVISOR_##name, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d))

/* ---- world.c: the domain that steps are about ---- */

#define NR_PAGES 64u
#define NR_L1    4u         /* tables, all alike */
#define VIRT_BASE 0xffffffff80000000ul
enum { PFN_CODE, PFN_L4, PFN_L3, PFN_L2, PFN_L1, PFN_GDT = PFN_L1 + NR_L1, PFN_FREE };

extern domid_t dom;
extern xen_pfn_t p2m[NR_PAGES];
extern struct xen_domctl ctl;
extern struct vcpu_guest_context context;

uint64_t free_pages(void);
void prepare_world(void);
/* A domain that is so far; with NOTHING there is none. */
void build(enum stage stage);
/* Every domain but ours, completely. */
void destroy_all(void);
/* With ctl as it is, for dom; `fault`: the step's own call. */
long domctl(uint32_t cmd);
long domctl_faulty(uint32_t cmd);
void fill_create(void);
void fill_populate(struct xen_memory_reservation *r, unsigned int nr, unsigned int order);
void fill_context(void);
long run_start(void);
bool has_run(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the hostile guest share: randomness, its pages, its operations. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "../lib/guest.h"
#include "mailbox.h"

#define NR_PAGES 192u
#define NR_WORKERS 3u                        /* vCPUs 1.. that attack, beside vCPU 0 */
#define PULSE (NR_WORKERS + 1)               /* the vCPU that gets others out of endless user code */

extern uint64_t *page[NR_PAGES];             /* the pool: tables, descriptors, grants, buffers; all that it breaks */
extern volatile uint64_t mfn_at[NR_PAGES];   /* what we believe that they are */
extern bool is_dom0;                         /* leaves out what the control domain is allowed to break */
extern volatile bool is_fifo;
extern struct mailbox *mailbox;              /* NULL as dom0 */

struct worker {
    uint64_t random;
    uint64_t op;                             /* number of the operation at hand */
    volatile bool in_code;                   /* random instructions in kernel mode: any event ends them */
    struct recovery back;
    uint64_t buffer[3][1024] page_aligned;   /* arguments; never given away */
};
extern struct worker workers[MAX_VCPUS];
#define me (&workers[vcpu_id()])

/* values.c */
uint64_t rnd64(void);
uint64_t rnd(uint64_t n);
bool one_in(uint64_t n);
#define PICK(array) (array)[rnd(sizeof(array) / sizeof((array)[0]))]
uint64_t pool_mfn(void);
uint64_t *pool_page(void);
uint64_t bad_va(void);                       /* nothing good is there, and nothing of ours */
uint64_t bad_mfn(void);                      /* nobody may have it, or only some */
uint64_t some_va(void), some_mfn(void), some_domid(void), value(void);
uint64_t neighbour(void);                    /* another domain, if we were told of one */
uint64_t *argument(unsigned int n, unsigned int words);

/* tables.c */
uint64_t entry(void);
uint64_t flush_flags(void);
void op_mmu_update(void), op_mmuext(void), op_update_va(void), op_protect(void), op_tree(void), op_empty(void), op_write(void);

/* cpu.c */
void own_handlers(void);
bool timer_works(void);
void op_segments(void), op_descriptor_table(void), op_handlers(void), op_user(void), op_privileged(void), op_debug(void);

/* code.c: n bytes of instructions, some that exist */
void write_code(uint8_t *to, unsigned int n);
void op_kernel_code(void), op_string(void);

/* events.c, grants.c, calls.c */
void op_event(void), op_fifo(void);
void set_up_grants(void);
void op_grant(void), op_exchange(void), op_memory(void);
void op_vcpu(void), op_new_vcpu(void), op_sched(void), op_any(void), op_control(void), op_multicall(void), op_deadly(void);

/* main.c: what a vCPU runs; guard.c: the other part that the image plays */
void worker(void *arg);
void guard_main(void);

#endif

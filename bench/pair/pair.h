/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two domains beside a control domain, which is asleep: what they cost each other. One image is all three. The control
 * domain gives tasks through a page that it shares with each domain (its store page): first to the second domain, which
 * answers, then to the first one, which measures and prints what it has found on its console.
 */
#ifndef PAIR_H
#define PAIR_H

#include "../guest/bench.h"

enum task { TASK_NONE, TASK_EVENTS, TASK_YIELD, TASK_GRANTS, TASK_VCPUS, NR_TASKS };

struct mail {
    /* By the control domain. */
    volatile uint32_t task;
    bool measures;                   /* else it answers */
    domid_t peer;
    evtchn_port_t port;              /* the first domain's own, which the second one binds to */
    /* By the domain: the task that it is ready to answer in; the last one that it has done. */
    volatile uint32_t ready, done;
};

#define EVENTS_TASK "two domains: event there and back (send, block, upcall)"
#define YIELD_TASK  "two domains: sched_op yield there and back"

/* A domain that was built: measures, answers, or, with idle=1, sleeps for ever. */
void domain_main(void);

#endif

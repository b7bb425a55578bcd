/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain that the nursery has built, and what builds it. */
#ifndef NURSERY_H
#define NURSERY_H

#include "../lib/guest.h"
#include "../hostile/mailbox.h"
#include <xen/domctl.h>

#define NR_PAGES 4096u           /* of a domain */
#define ALL_STEPS 4u

struct child {
    domid_t id;                  /* 0: not there */
    uint64_t seed;
    bool is_guard;
    evtchn_port_t store_port;    /* its end */
    void *ring, *mailbox;        /* pages where we see its console and its mailbox */
    xen_pfn_t p2m[NR_PAGES];
    /* watching */
    char line[200];              /* of its console, so far */
    unsigned int line_n;
    bool said_pass, is_over;
    uint64_t end;                /* system time at which it is destroyed */
};

extern struct xen_domctl ctl;    /* argument and result of domctl() */
long domctl(const struct child *c, uint32_t cmd);
uint32_t child_flags(const struct child *c);
void child_init(struct child *c);
bool child_create(struct child *c, unsigned int steps);
void child_destroy(struct child *c);
void child_await_end(struct child *c);
/* Makes a page of the domain's visible at `at`. */
bool show_frame(struct child *c, void *at, xen_pfn_t pfn);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain that the nursery has built, and what it knows of it. */
#ifndef NURSERY_H
#define NURSERY_H

#include "builder.h"
#include "../hostile/mailbox.h"

#define NR_PAGES 4096u           /* of a domain */
#define ALL_STEPS 4u

struct child {
    struct built dom;
    xen_pfn_t p2m[NR_PAGES];
    char cmd_line[80];
    uint64_t seed;
    bool is_guard;
    void *mailbox;               /* page where we see its mailbox */
    /* watching */
    struct console console;
    bool said_pass, is_over;
    uint64_t end;                /* system time at which it is destroyed */
};

void child_init(struct child *c);
/* steps: how many of them are done before the builder gives up; what is there then is destroyed like a whole domain. */
bool child_create(struct child *c, unsigned int steps);
/* Whatever state it is in. */
void child_destroy(struct child *c);

#endif

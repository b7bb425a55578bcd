/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page that a domain shares with the control domain that built it (the frame start_info calls store_mfn). The
 * control domain believes a guard's, and merely prints what a hostile domain has in its own.
 */
#ifndef HOSTILE_MAILBOX_H
#define HOSTILE_MAILBOX_H

#include <stdint.h>

#define NR_NEIGHBOURS 3u
#define GUARD_REF 20u              /* the grant by which the control domain reads the guard's first page */
#define GUARD_WORD(page, i) (((page) + 1) * 0x9e3779b97f4a7c15ull ^ (i) * 0xff51afd7ed558ccdull)

struct mailbox {
    /* By the control domain: domain numbers, 0 for nobody. A number goes when nothing is left of the domain. */
    uint16_t neighbour[NR_NEIGHBOURS];
    uint16_t self;
    uint64_t pong;
    /* By the domain. */
    uint64_t ping;
    uint64_t is_bad;
    uint64_t rounds;               /* of a guard */
    uint64_t seen;                 /* sum of the neighbours that the guard has made its offers to */
    uint64_t late_ns, wait_ns;     /* the latest timer, the longest wait for the control domain's answer */
    uint64_t preempted;            /* how often its register loop ran to the end */
    uint64_t operations[8];        /* of a hostile domain's vCPUs */
};

#endif

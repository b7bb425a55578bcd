/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The honest domain (world.h). */
#ifndef FUZZ_WITNESS_H
#define FUZZ_WITNESS_H

#include "world.h"

#define WITNESS_PORTS  6u    /* 1..6: two for each of the others */
#define WITNESS_RO     12u   /* pages that it grants: to GUEST_A to read, to GUEST_B to write */
#define WITNESS_RW     13u
#define WITNESS_REF_RO 8u    /* by these references */
#define WITNESS_REF_RW 9u

void witness_start(bool fifo);
/* An event was sent to a port of the witness. */
void witness_expect(evtchn_port_t port);
/* It takes its events: all that were sent are there. */
void witness_check_events(void);
/* And its memory: nobody wrote to it. */
void witness_check(void);

#endif

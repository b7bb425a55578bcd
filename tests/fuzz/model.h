/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checking model: what must hold whatever guests did. A violation is a finding(). */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <hv/types.h>

struct domain;

/* Has `by` a grant in use that lets it reach the frame of another domain, to write? */
void model_check_granted(const struct domain *by, mfn_t mfn, bool writes);
/* Cheap, after every step: interrupts are on, no TLB knows what it must not. */
void model_check_step(void);
/*
 * Everything, by content: references and types of every frame are recounted from all page tables, vCPUs,
 * grants and event channels (F1..F6, P1..P9, G1), entries map their domain's own pages or granted ones,
 * lists and counters of every domain agree, and so do references to domains (D1, G4) and both ends of channels (E1).
 */
void model_check_all(void);

#endif

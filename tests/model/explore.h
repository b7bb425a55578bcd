/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the hypervisor's own code in every interleaving of a few virtual CPUs (docs/models.md). The
 * sources are compiled with the compiler's instrumentation for race detection, whose calls lead to
 * explore_hooks.c: each access to memory that the CPUs share is a point where another one may go on.
 * Two states that are equal, byte by byte, stacks included, are visited once.
 *
 * A model's CPUs call hypercalls, or play a guest or the MMU; models, too, are instrumented.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "../unit/host_support.h"

#define EXPLORE_CPUS 4u

struct explore_cpu {
    const char *name;
    void (*run)(void);
    struct vcpu *vcpu;
};

struct explore_model {
    const char *name;
    void (*setup)(void);        /* the first state */
    void (*settle)(void);       /* what the machine does by itself after each step; NULL: nothing */
    void (*check)(void);        /* holds in every state */
    void (*check_end)(void);    /* holds when all CPUs are done; NULL: nothing further */
    struct explore_cpu cpus[EXPLORE_CPUS];
};

/* Ends with a NULL name. Reports each model; 0: all hold, 1: one does not, 2: one is too large or broken. */
int explore_main(const struct explore_model *models, int argc, char **argv);

/* During setup: CPUs share this memory. */
void explore_share(const void *p, size_t bytes);
/* Another CPU may go on here. */
void explore_point(void);
/* An invariant does not hold. Does not return from a CPU. */
void explore_fail(const char *fmt, ...) printf_like(1, 2);
#define explore_assert(c) ((c) ? (void)0 : explore_fail("%s (%s:%d)", #c, __FILE_NAME__, __LINE__))
/* Before an access of the instrumented code. */
void explore_access(const volatile void *p, const void *pc);

/* The hypervisor's heap; what is freed is not used again, and not to be touched. */
int model_posix_memalign(void **p, size_t align, size_t bytes);
void *model_aligned_alloc(size_t align, size_t bytes);
void *model_calloc(size_t n, size_t bytes);
void model_free(void *p);

#endif

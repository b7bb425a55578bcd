/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the targets beside `hypercalls` share: a property that must hold, and exact copies of the input. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do {                                                  \
        if (!(condition)) {                                                   \
            fprintf(stderr, "FINDING: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                          \
        }                                                                     \
    } while (0)

/* A buffer of just that size, so that the sanitizer sees every byte too far. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t size)
{
    uint8_t *p = malloc(size ? size : 1);

    memcpy(p, data, size);
    return p;
}

#endif

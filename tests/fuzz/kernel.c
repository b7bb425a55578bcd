/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: packed kernels (bzImage; xz, gzip, zstd, lz4): found, unpacked, and all memory given back. */
#include "target.h"

#include <arch/x86/boot/decompress.h>
#include <hv/mm.h>

#define MAX_UNPACKED (1u << 20) /* an input that claims more gets no memory, as on a small machine */

static unsigned int buffers;
extern unsigned long host_heap_outstanding; /* tests/unit/host_support.c */

void *pages_alloc_bytes(size_t n, uint32_t alloc_flags)
{
    void *p = n <= MAX_UNPACKED ? malloc(n) : NULL;

    buffers += p != NULL;
    return p;
}

void pages_free_bytes(void *p, size_t n)
{
    buffers--;
    free(p);
}

int decoder_begin(void) { return 0; }
void decoder_end(void) { }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = exact_copy(data, size);
    const char *why = NULL;
    struct kernel_image k;
    uint8_t sum = 0;

    if (kernel_image_open(file, size, &k, &why) == 0) {
        for (size_t i = 0; i < k.bytes; i++)
            sum ^= ((const uint8_t *)k.data)[i];
        __asm__ volatile("" :: "r"(sum)); /* every byte was there to be read */
        kernel_image_free(&k);
    } else {
        must(why != NULL);
    }
    must(buffers == 0 && host_heap_outstanding == 0);
    free(file);
    return 0;
}

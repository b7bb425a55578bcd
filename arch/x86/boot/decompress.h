/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel images as distributions pack them: bzImage with a packed payload, packed ELF, plain ELF. Boot only. */
#ifndef ARCH_BOOT_DECOMPRESS_H
#define ARCH_BOOT_DECOMPRESS_H

#include <hv/compiler.h>

struct kernel_image {
    const void *data;       /* an ELF file */
    size_t bytes;
    const char *format;     /* of the packed data, NULL if it was not packed */
    void *buffer;           /* to be freed by kernel_image_free; NULL: data is in the module itself */
    size_t buffer_bytes;
};

/* Where a kernel's packed data lies in a file, and how large it becomes. */
struct packed_kernel {
    const uint8_t *data;
    size_t bytes;           /* without the size at its end */
    size_t unpacked_bytes;
    bool is_elf;            /* not packed */
};

/* 0; -EINVAL and *why: the file is no kernel, or damaged. Pure. */
int kernel_find_payload(const void *file, size_t bytes, struct packed_kernel *out, const char **why) must_check;
/* Finds and unpacks. -EINVAL, -ENOMEM; *why says more. */
int kernel_image_open(const void *file, size_t bytes, struct kernel_image *out, const char **why) must_check;
void kernel_image_free(struct kernel_image *k);

/*
 * The few C library symbols that the distribution's decoders need; memory comes from one block.
 * begin also makes the CPU fit for them: SSE, a stack-protector canary at %fs:0x28, and no interrupts,
 * since they use the red zone. -ENOMEM.
 */
int decoder_begin(void) must_check;
void decoder_end(void);

#endif

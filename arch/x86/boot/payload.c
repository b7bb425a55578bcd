/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where in a kernel file the kernel is. Field offsets: Linux boot protocol 2.08. Every packed payload is
 * followed by its unpacked size in 32 bits (gzip's own trailer, or the kernel build's).
 * Trust: the file may be anything.
 */
#include "decompress.h"
#include <hv/elf.h>
#include <hv/errno.h>
#include <hv/lib.h>

#define SETUP_SECTORS   0x1f1u
#define SETUP_MAGIC     0x202u
#define SETUP_VERSION   0x206u
#define PAYLOAD_OFFSET  0x248u
#define PAYLOAD_BYTES   0x24cu
#define SETUP_BYTES     0x250u
#define SECTOR          512u
#define MAX_UNPACKED    (1u << 30)

static int bad(const char **why, const char *text)
{
    *why = text;
    return ERR(EINVAL);
}

static uint32_t field(const uint8_t *file, unsigned int at, unsigned int bytes)
{
    uint32_t v = 0;

    memcpy(&v, file + at, bytes);
    return v;
}

static bool is_bzimage(const uint8_t *file, size_t bytes)
{
    return bytes >= SETUP_BYTES && memcmp(file + SETUP_MAGIC, "HdrS", 4) == 0;
}

static int find_in_bzimage(const uint8_t *file, size_t bytes, struct packed_kernel *out, const char **why)
{
    const uint32_t sectors = field(file, SETUP_SECTORS, 1);
    const uint64_t at = ((sectors ? sectors : 4) + 1) * SECTOR + (uint64_t)field(file, PAYLOAD_OFFSET, 4);

    if (field(file, SETUP_VERSION, 2) < 0x208 || field(file, PAYLOAD_BYTES, 4) == 0)
        return bad(why, "a kernel older than boot protocol 2.08");
    out->bytes = field(file, PAYLOAD_BYTES, 4);
    if (at > bytes || out->bytes > bytes - at)
        return bad(why, "the file is cut off");
    out->data = file + at;
    return 0;
}

static int take_size(struct packed_kernel *out, const char **why)
{
    if (out->bytes < 8)
        return bad(why, "the file is cut off");
    memcpy(&out->unpacked_bytes, out->data + out->bytes - 4, 4);
    if (out->unpacked_bytes < out->bytes / 4 || out->unpacked_bytes > MAX_UNPACKED)
        return bad(why, "the file is cut off or damaged: its unpacked size is impossible");
    return 0;
}

static bool is_gzip(const uint8_t *p)
{
    return p[0] == 0x1f && p[1] == 0x8b;
}

int kernel_find_payload(const void *file, size_t bytes, struct packed_kernel *out, const char **why)
{
    int rc;

    *out = (struct packed_kernel){ .data = file, .bytes = bytes };
    if (is_bzimage(file, bytes)) {
        rc = find_in_bzimage(file, bytes, out, why);
        if (rc != 0)
            return rc;
    } else if (!elf_is_elf(file, bytes) && (bytes < 8 || !is_gzip(file))) {
        return bad(why, "neither an ELF file nor a Linux bzImage");
    }
    out->is_elf = elf_is_elf(out->data, out->bytes);
    if (out->is_elf)
        return 0;
    rc = take_size(out, why);
    /* gzip's size is part of its trailer; the others' is not theirs. */
    if (rc == 0 && !is_gzip(out->data))
        out->bytes -= 4;
    return rc;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacks a kernel: finds the payload (Linux boot protocol 2.08, Documentation/x86/boot.rst), knows the
 * format by its magic number and calls the decoder: our own for xz, the distribution's libraries
 * (zlib, zstd, lz4) for the rest, with decompress_libc.c under them.
 */
#include "decompress.h"
#include <hv/elf.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/xz.h>
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

static boot_code int bad(const char **why, const char *text)
{
    *why = text;
    return ERR(EINVAL);
}

/* ---- formats ---- */

struct job {
    const uint8_t *in;
    size_t in_bytes;
    uint8_t *out;
    size_t out_bytes;       /* room; then what came out */
};

static boot_code int unpack_xz(struct job *j, const char **why)
{
    void *scratch = heap_alloc(XZ_SCRATCH_BYTES, 8);
    int rc;

    if (scratch == NULL)
        return ERR(ENOMEM);
    rc = xz_decode(j->in, j->in_bytes, j->out, &j->out_bytes, scratch, why);
    heap_free(scratch);
    return rc;
}

static boot_code int unpack_gzip(struct job *j, const char **why)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)j->in, .avail_in = (uInt)j->in_bytes, .next_out = j->out, .avail_out = (uInt)j->out_bytes };
    int rc = inflateInit2(&z, 16 + MAX_WBITS); /* 16: a gzip header */

    if (rc == Z_OK) {
        rc = inflate(&z, Z_FINISH);
        j->out_bytes = z.total_out;
        (void)inflateEnd(&z);
    }
    if (rc == Z_MEM_ERROR)
        return ERR(ENOMEM);
    return rc == Z_STREAM_END ? 0 : bad(why, "gzip: the data are damaged or cut off");
}

static boot_code int unpack_zstd(struct job *j, const char **why)
{
    const size_t frame_bytes = ZSTD_findFrameCompressedSize(j->in, j->in_bytes);
    size_t n;

    if (ZSTD_isError(frame_bytes))
        return bad(why, "zstd: the data are damaged or cut off");
    n = ZSTD_decompress(j->out, j->out_bytes, j->in, frame_bytes);
    if (ZSTD_isError(n))
        return bad(why, "zstd: the data are damaged");
    j->out_bytes = n;
    return 0;
}

static boot_code uint32_t le32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* The legacy frame: after its magic number, blocks of a size and data, until the output is complete. */
static boot_code int unpack_lz4(struct job *j, const char **why)
{
    size_t at = 4, made = 0;

    while (made < j->out_bytes) {
        if (j->in_bytes - at < 4)
            return bad(why, "lz4: the data are cut off");
        const uint32_t block = le32(j->in + at);

        at += 4;
        if (block == 0 || block > j->in_bytes - at)
            return bad(why, "lz4: the data are damaged or cut off");
        const int n = LZ4_decompress_safe((const char *)j->in + at, (char *)j->out + made, (int)block, (int)min(j->out_bytes - made, (size_t)1 << 30));

        if (n <= 0)
            return bad(why, "lz4: the data are damaged");
        made += (size_t)n;
        at += block;
    }
    return 0;
}

static const struct format {
    const char *name;
    int (*unpack)(struct job *j, const char **why);
    bool is_foreign;        /* a library's: needs decoder_begin */
    uint8_t magic_bytes;
    uint8_t magic[6];
} formats[] = {
    { "xz",   unpack_xz,   false, 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
    { "gzip", unpack_gzip, true,  3, { 0x1f, 0x8b, 8 } },
    { "zstd", unpack_zstd, true,  4, { 0x28, 0xb5, 0x2f, 0xfd } },
    { "lz4",  unpack_lz4,  true,  4, { 0x02, 0x21, 0x4c, 0x18 } },
};

static boot_code const struct format *find_format(const uint8_t *p, size_t n)
{
    for (unsigned int i = 0; i < array_size(formats); i++)
        if (n >= sizeof(formats[i].magic) && memcmp(p, formats[i].magic, formats[i].magic_bytes) == 0)
            return &formats[i];
    return NULL;
}

/* ---- unpacking ---- */

static boot_code int run(const struct format *f, struct job *j, const char **why)
{
    int rc = f->is_foreign ? decoder_begin() : 0;

    if (rc != 0)
        return rc;
    rc = f->unpack(j, why);
    if (f->is_foreign)
        decoder_end();
    return rc;
}

static boot_code int unpack(const struct packed_kernel *p, struct kernel_image *out, const char **why)
{
    const struct format *f = find_format(p->data, p->bytes);
    struct job j = { .in = p->data, .in_bytes = p->bytes, .out_bytes = p->unpacked_bytes };
    int rc;

    if (f == NULL)
        return bad(why, "packed in a format that is unknown here (known are xz, gzip, zstd, lz4)");
    j.out = pages_alloc_bytes(p->unpacked_bytes, ALLOC_NO_SCRUB);
    if (j.out == NULL) {
        *why = "not enough memory to unpack it";
        return ERR(ENOMEM);
    }
    out->format = f->name;
    out->data = out->buffer = j.out;
    out->buffer_bytes = p->unpacked_bytes;
    rc = run(f, &j, why);
    out->bytes = j.out_bytes;
    if (rc != 0)
        kernel_image_free(out);
    return rc;
}

int kernel_image_open(const void *file, size_t bytes, struct kernel_image *out, const char **why)
{
    struct packed_kernel p;
    int rc;

    *out = (struct kernel_image){ 0 };
    *why = "not enough memory to unpack it";
    rc = kernel_find_payload(file, bytes, &p, why);
    if (rc != 0)
        return rc;
    if (!p.is_elf)
        return unpack(&p, out, why);
    out->data = p.data;
    out->bytes = p.bytes;
    return 0;
}

boot_code void kernel_image_free(struct kernel_image *k)
{
    if (k->buffer != NULL)
        pages_free_bytes(k->buffer, k->buffer_bytes);
    *k = (struct kernel_image){ 0 };
}

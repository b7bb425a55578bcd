/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container of .xz files (tukaani.org/xz/xz-file-format.txt, section numbers below): one stream,
 * its blocks one after the other. The index and footer at its end repeat what the blocks said and are
 * not read: damage to data is caught by the blocks' checks.
 * Trust: input is hostile; every read is bounded by struct reader.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/xz.h>

enum { CHECK_NONE = 0, CHECK_CRC32 = 1 };          /* 2.1.1.2 */
enum { FILTER_X86 = 0x04, FILTER_LZMA2 = 0x21 };   /* 5.3 */
#define STREAM_HEADER_BYTES 12u
#define HAS_PACKED_SIZE 0x40u
#define HAS_SIZE        0x80u

static const uint8_t magic[6] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

struct reader { const uint8_t *at, *end; };

static int bad(const char **why, const char *text)
{
    *why = text;
    return ERR(EINVAL);
}

static uint32_t le32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static bool crc_fits(const uint8_t *p, size_t n, void *scratch)
{
    return crc32_of(p, n, scratch) == le32(p + n);
}

/* A number of 7 bits a byte (1.2). False: it does not end, or there is no more. */
static bool read_number(struct reader *r, uint64_t *v)
{
    *v = 0;
    for (unsigned int shift = 0; shift < 63 && r->at < r->end; shift += 7) {
        const uint8_t b = *r->at++;

        *v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return true;
    }
    return false;
}

struct block { bool has_x86; };

/* One filter (3.1.5). The last must be LZMA2, one before it the x86 filter with the usual start. */
static bool read_filter(struct reader *r, bool is_last, struct block *b)
{
    uint64_t id, bytes;

    if (!read_number(r, &id) || !read_number(r, &bytes) || bytes > (uint64_t)(r->end - r->at))
        return false;
    r->at += bytes;
    if (is_last)
        return id == FILTER_LZMA2 && bytes == 1;
    b->has_x86 = true;
    return id == FILTER_X86 && bytes == 0;
}

static int read_block_header(struct reader *in, struct block *b, void *scratch, const char **why)
{
    const size_t bytes = ((size_t)in->at[0] + 1) * 4;
    struct reader r = { in->at + 2, in->at + bytes - 4 };
    uint64_t ignored;

    *b = (struct block){ 0 };
    if (bytes < 8 || bytes > (size_t)(in->end - in->at) || !crc_fits(in->at, bytes - 4, scratch))
        return bad(why, "xz: a block's header is damaged");
    const uint8_t flags = in->at[1];

    if (((flags & HAS_PACKED_SIZE) && !read_number(&r, &ignored)) || ((flags & HAS_SIZE) && !read_number(&r, &ignored)))
        return bad(why, "xz: a block's header is damaged");
    if ((flags & 3) > 1 || ((flags & 3) == 1 && !read_filter(&r, false, b)) || !read_filter(&r, true, b))
        return bad(why, "xz: packed with filters other than x86 and LZMA2");
    in->at += bytes;
    return 0;
}

static int check_data(struct reader *in, const uint8_t *data, size_t n, uint8_t check, void *scratch, const char **why)
{
    if (check == CHECK_NONE)
        return 0;
    if (in->end - in->at < 4)
        return bad(why, "xz: the file is cut off");
    if (crc32_of(data, n, scratch) != le32(in->at))
        return bad(why, "xz: the data are damaged (checksum)");
    in->at += 4;
    return 0;
}

/* A block (3): header, data, padding to 4 bytes, check. Adds to *written. */
static int read_block(struct reader *in, uint8_t check, uint8_t *out, size_t room, size_t *written, void *scratch, const char **why)
{
    size_t taken = 0, made = 0;
    struct block b;
    int rc = read_block_header(in, &b, scratch, why);

    if (rc != 0)
        return rc;
    if (lzma2_decode(scratch, in->at, (size_t)(in->end - in->at), &taken, out, room, &made) != 0)
        return bad(why, "xz: the data are damaged or cut off");
    taken = round_up(taken, 4);
    if (taken > (size_t)(in->end - in->at))
        return bad(why, "xz: the file is cut off");
    in->at += taken;
    if (b.has_x86)
        bcj_x86_decode(out, made);
    *written += made;
    return check_data(in, out, made, check, scratch, why);
}

int xz_decode(const void *data, size_t in_bytes, void *out, size_t *out_bytes, void *scratch, const char **why)
{
    struct reader in = { data, (const uint8_t *)data + in_bytes };
    size_t written = 0;

    if (in_bytes < STREAM_HEADER_BYTES || memcmp(in.at, magic, sizeof(magic)) != 0 || !crc_fits(in.at + 6, 2, scratch))
        return bad(why, "xz: the stream's header is damaged");
    const uint8_t check = in.at[7];

    if (in.at[6] != 0 || (check != CHECK_NONE && check != CHECK_CRC32))
        return bad(why, "xz: packed with another check than crc32 (use xz --check=crc32)");
    in.at += STREAM_HEADER_BYTES;
    /* A zero in place of a block header's size: the index begins (4.1). */
    while (in.at < in.end && *in.at != 0) {
        const int rc = read_block(&in, check, (uint8_t *)out + written, *out_bytes - written, &written, scratch, why);

        if (rc != 0)
            return rc;
    }
    *out_bytes = written;
    return in.at < in.end ? 0 : bad(why, "xz: the file is cut off");
}

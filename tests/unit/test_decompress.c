/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a kernel's payload is, and unpacking it: files as they should be, cut off, and damaged. */
// sources: arch/x86/boot/payload.c hv/lib/xz.c hv/lib/lzma.c hv/lib/bcj_x86.c hv/lib/crc32.c
#include "host_support.h"
#include "sample_xz.h"
#include "arch/x86/boot/decompress.h"
#include <hv/xz.h>

#define SAMPLE_BYTES 6000u

static uint32_t seed;

static uint32_t next_random(void)
{
    seed = (seed * 1103515245u + 12345u) & 0x7fffffff;
    return seed >> 8;
}

/* Text, runs, branches to few targets, and bytes that look like branches: what the format's parts are for. */
static uint8_t *sample(void)
{
    static uint8_t out[SAMPLE_BYTES + 64];
    size_t n = 0;

    seed = 12345;
    while (n < SAMPLE_BYTES) {
        const uint32_t kind = next_random() % 8;

        if (kind < 3) {
            const uint32_t v = 0x1000 * (next_random() % 6) - ((uint32_t)n + 5);

            out[n] = (uint8_t)(0xe8 + (next_random() & 1));
            memcpy(out + n + 1, &v, 4);
            n += 5;
        } else if (kind < 5) {
            const uint32_t length = 4 + next_random() % 12;

            memcpy(out + n, "mov %rax, %rbx; ", length);
            n += min(length, 16u);
        } else if (kind < 7) {
            const uint8_t v = (uint8_t)(next_random() % 4);
            const uint32_t length = 1 + next_random() % 40;

            memset(out + n, v, length);
            n += length;
        } else {
            out[n++] = (uint8_t)next_random();
            out[n++] = 0xe8;
            out[n++] = (uint8_t)next_random();
        }
    }
    return out;
}

static int decode(const void *in, size_t n, uint8_t *out, size_t *room)
{
    void *scratch = malloc(XZ_SCRATCH_BYTES);
    const char *why = NULL;
    const int rc = xz_decode(in, n, out, room, scratch, &why);

    assert_true(rc == 0 || why != NULL);
    free(scratch);
    return rc;
}

static void xz_gives_the_original(void **state)
{
    uint8_t *out = malloc(SAMPLE_BYTES);
    size_t n = SAMPLE_BYTES;

    assert_int_equal(decode(sample_xz, sizeof(sample_xz), out, &n), 0);
    assert_int_equal(n, SAMPLE_BYTES);
    assert_memory_equal(out, sample(), SAMPLE_BYTES);
    free(out);
}

static void xz_needs_the_room(void **state)
{
    uint8_t *out = malloc(SAMPLE_BYTES - 1);
    size_t n = SAMPLE_BYTES - 1;

    assert_true(decode(sample_xz, sizeof(sample_xz), out, &n) < 0);
    free(out);
}

static void xz_cut_off_is_refused(void **state)
{
    uint8_t *out = malloc(SAMPLE_BYTES);

    /* The index at the end is not needed. */
    for (size_t cut = 0; cut < sizeof(sample_xz) - 40; cut += 7) {
        uint8_t *in = malloc(cut + 1);
        size_t n = SAMPLE_BYTES;

        memcpy(in, sample_xz, cut);
        assert_true(decode(in, cut, out, &n) < 0);
        free(in);
    }
    free(out);
}

/* Every single damaged byte of header, data or checksum is noticed; nothing is read or written out of bounds (ASan). */
static void xz_damage_is_refused(void **state)
{
    uint8_t *out = malloc(SAMPLE_BYTES), *in = malloc(sizeof(sample_xz));

    for (size_t at = 0; at < sizeof(sample_xz) - 40; at++) {
        size_t n = SAMPLE_BYTES;

        memcpy(in, sample_xz, sizeof(sample_xz));
        in[at] ^= (uint8_t)(1u << (at % 8));
        assert_true(decode(in, sizeof(sample_xz), out, &n) < 0);
    }
    free(in);
    free(out);
}

/* Behind intact headers, anything. */
static void lzma_survives_noise(void **state)
{
    struct lzma_state *s = malloc(LZMA_STATE_BYTES);
    uint8_t *out = malloc(SAMPLE_BYTES);

    seed = 99;
    for (unsigned int round = 0; round < 3000; round++) {
        const size_t bytes = 8 + next_random() % 200;
        uint8_t *in = malloc(bytes);
        size_t taken, written;

        for (size_t i = 0; i < bytes; i++)
            in[i] = (uint8_t)next_random();
        /* One chunk with all resets, of some size. */
        in[0] = 0xe0;
        in[3] = 0;
        in[4] = (uint8_t)(bytes - 8);
        in[5] = 93;
        in[6] = 0;
        assert_true(lzma2_decode(s, in, bytes, &taken, out, next_random() % SAMPLE_BYTES, &written) <= 0);
        free(in);
    }
    free(out);
    free(s);
}

static uint32_t crc_by_bits(const uint8_t *p, size_t n)
{
    uint32_t v = ~0u;

    while (n-- > 0) {
        v ^= *p++;
        for (unsigned int i = 0; i < 8; i++)
            v = (v >> 1) ^ (v & 1 ? 0xedb88320u : 0);
    }
    return ~v;
}

static void crc_is_the_standard_one(void **state)
{
    static const size_t sizes[] = { 0, 1, 9, 4096, 48095, 48096, 48103, 60000, 100001, 262147 };
    void *scratch = malloc(CRC32_SCRATCH_BYTES);
    uint8_t *data = malloc(262147);

    for (size_t i = 0; i < 262147; i++)
        data[i] = (uint8_t)next_random();
    assert_int_equal(crc32_of("123456789", 9, scratch), 0xcbf43926);
    for (unsigned int i = 0; i < array_size(sizes); i++)
        assert_int_equal(crc32_of(data, sizes[i], scratch), crc_by_bits(data, sizes[i]));
    free(data);
    free(scratch);
}

/* ---- finding the payload ---- */

static uint8_t file[4096];

static void put32(unsigned int at, uint32_t v)
{
    memcpy(file + at, &v, 4);
}

static void make_bzimage(void)
{
    memset(file, 0, sizeof(file));
    file[0x1f1] = 1;
    memcpy(file + 0x202, "HdrS", 4);
    file[0x206] = 0x08;
    file[0x207] = 0x02;
    put32(0x248, 16);
    put32(0x24c, 100);
    memcpy(file + 1024 + 16, "\xfd" "7zXZ", 6);
    put32(1024 + 16 + 96, 5000);
}

static int find(size_t bytes, struct packed_kernel *p)
{
    const char *why = NULL;
    const int rc = kernel_find_payload(file, bytes, p, &why);

    assert_true(rc == 0 || why != NULL);
    return rc;
}

static void bzimage_payload(void **state)
{
    struct packed_kernel p;

    make_bzimage();
    assert_int_equal(find(sizeof(file), &p), 0);
    assert_ptr_equal(p.data, file + 1040);
    assert_int_equal(p.bytes, 96);
    assert_int_equal(p.unpacked_bytes, 5000);
    assert_false(p.is_elf);
    memcpy(file + 1040, "\x1f\x8b\x08", 3);
    assert_int_equal(find(sizeof(file), &p), 0);
    assert_int_equal(p.bytes, 100);
    memcpy(file + 1040, "\x7f" "ELF", 4);
    assert_int_equal(find(sizeof(file), &p), 0);
    assert_true(p.is_elf);
}

static void bad_bzimages(void **state)
{
    struct packed_kernel p;

    make_bzimage();
    assert_true(find(1100, &p) < 0);
    put32(0x24c, 0xfffffff0);
    assert_true(find(sizeof(file), &p) < 0);
    make_bzimage();
    put32(0x248, 0xffffff00);
    assert_true(find(sizeof(file), &p) < 0);
    make_bzimage();
    put32(1024 + 16 + 96, 0xffffffff);
    assert_true(find(sizeof(file), &p) < 0);
    make_bzimage();
    file[0x206] = 7;
    assert_true(find(sizeof(file), &p) < 0);
    memset(file, 'x', sizeof(file));
    assert_true(find(sizeof(file), &p) < 0);
    assert_true(find(0, &p) < 0);
    assert_true(find(3, &p) < 0);
}

static void plain_files(void **state)
{
    struct packed_kernel p;

    memset(file, 0, sizeof(file));
    memcpy(file, "\x7f" "ELF", 4);
    assert_int_equal(find(sizeof(file), &p), 0);
    assert_true(p.is_elf);
    assert_int_equal(p.bytes, sizeof(file));
    memcpy(file, "\x1f\x8b\x08", 4);
    put32(sizeof(file) - 4, 8192);
    assert_int_equal(find(sizeof(file), &p), 0);
    assert_int_equal(p.unpacked_bytes, 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xz_gives_the_original),
        cmocka_unit_test(xz_needs_the_room),
        cmocka_unit_test(xz_cut_off_is_refused),
        cmocka_unit_test(xz_damage_is_refused),
        cmocka_unit_test(lzma_survives_noise),
        cmocka_unit_test(crc_is_the_standard_one),
        cmocka_unit_test(bzimage_payload),
        cmocka_unit_test(bad_bzimages),
        cmocka_unit_test(plain_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

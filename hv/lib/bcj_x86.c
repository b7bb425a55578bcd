/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 filter of .xz files (file format 5.3.2): the packer made the targets of CALL and JMP
 * absolute, which repeats more often; here they become relative again.
 *
 * Both opcodes look alike in other bytes too, so the packer leaves a target alone that hardly is one:
 * its top byte must be 00 or ff, and an opcode that starts inside of the bytes just passed over
 * casts doubt. `doubt` has a bit for each of the last four bytes that looked like an opcode and
 * was left alone (bit 1: the byte before), and TOP_BYTE_SEEN marks travel with them.
 */
#include <hv/lib.h>
#include <hv/xz.h>

#define INSN_BYTES 5u
#define TOP_BYTE_SEEN 0x10u

static always_inline bool is_top_byte(uint32_t b)
{
    return ((b + 1) & 0xfe) == 0;
}

static uint64_t load(const uint8_t *p)
{
    uint64_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

/* First 0xe8 or 0xe9 in [from, end), or end. Whole words first; `end` has four readable bytes behind it. */
static size_t next_opcode(const uint8_t *data, size_t from, size_t end)
{
    const uint64_t low = 0x0101010101010101ULL, high = 0x8080808080808080ULL;

    for (; from + 8 <= end; from += 8) {
        const uint64_t differs = (load(data + from) & (0xfe * low)) ^ (0xe8 * low);
        const uint64_t zero = (differs - low) & ~differs & high; /* exact up to the first hit */

        if (zero != 0)
            return from + (unsigned int)__builtin_ctzll(zero) / 8;
    }
    while (from < end && (data[from] & 0xfe) != 0xe8)
        from++;
    return from;
}

/* Ages the doubts by n bytes. */
static uint32_t age(uint32_t doubt, size_t n)
{
    if (n > INSN_BYTES)
        return 0;
    while (n-- > 0)
        doubt = (doubt & 0x77) << 1;
    return doubt;
}

/* Doubts that still allow a conversion: none, or only one, not right before a doubtful pair. */
static bool may_convert(uint32_t doubt)
{
    const uint32_t recent = doubt >> 1;

    return recent < 0x10 && ((0x17u >> (recent & 7)) & 1);
}

/* Where the doubtful opcode of the last bytes lies inside of the target: 1..3 bytes from its end. */
static unsigned int doubtful_byte(uint32_t doubt)
{
    const uint32_t recent = doubt >> 1;

    return recent >= 4 ? 3 : recent >= 2 ? 2 : recent;
}

static uint32_t relative(uint32_t target, uint32_t next_insn, uint32_t doubt)
{
    for (;;) {
        const uint32_t v = target - next_insn;

        if (doubt == 0)
            return v;
        const unsigned int shift = 24 - 8 * doubtful_byte(doubt);

        if (!is_top_byte((v >> shift) & 0xff))
            return v;
        target = v ^ (uint32_t)((1ULL << (shift + 8)) - 1);
    }
}

void bcj_x86_decode(uint8_t *data, size_t n)
{
    const size_t end = n < INSN_BYTES ? 0 : n - INSN_BYTES + 1;
    uint32_t doubt = 0;
    size_t last = 0;

    for (size_t at = next_opcode(data, 0, end); at < end;) {
        uint32_t target;

        doubt = age(doubt, at - last);
        last = at;
        memcpy(&target, data + at + 1, sizeof(target));
        if (is_top_byte(target >> 24) && may_convert(doubt)) {
            uint32_t v = relative(target, (uint32_t)at + INSN_BYTES, doubt);

            /* The top byte is the sign again. */
            v = (v & 0x01ffffff) | (v & 0x01000000 ? 0xff000000 : 0);
            memcpy(data + at + 1, &v, sizeof(v));
            doubt = 0;
            at += INSN_BYTES;
        } else {
            doubt |= 1 | (is_top_byte(target >> 24) ? TOP_BYTE_SEEN : 0);
            at++;
        }
        at = next_opcode(data, at, end);
    }
}

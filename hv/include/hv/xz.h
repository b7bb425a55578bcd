/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoder of .xz files (format 1.1.0, tukaani.org/xz/xz-file-format.txt) that have one stream with
 * LZMA2 and optionally the x86 filter, and no other check than none or CRC32: how Linux kernels are
 * packed. Pure; the whole input and output are in memory, the output is the dictionary.
 */
#ifndef HV_XZ_H
#define HV_XZ_H

#include <hv/compiler.h>

#define XZ_SCRATCH_BYTES (120u << 10)

/*
 * Unpacks in[0, in_bytes) to out; *out_bytes is the room, then what was written. What follows the stream
 * is ignored. scratch: XZ_SCRATCH_BYTES, aligned to 8. 0, or -EINVAL and *why.
 */
int xz_decode(const void *in, size_t in_bytes, void *out, size_t *out_bytes, void *scratch, const char **why) must_check;

#define CRC32_SCRATCH_BYTES (34u << 10)
/* CRC32 as in IEEE 802.3. scratch: CRC32_SCRATCH_BYTES, aligned to 8. */
uint32_t crc32_of(const void *data, size_t n, void *scratch);

/* ---- for xz.c: its two filters ---- */

struct lzma_state;
#define LZMA_STATE_BYTES XZ_SCRATCH_BYTES
/*
 * One LZMA2 sequence from in[0, in_bytes) into out[0, room). *taken, *written tell how far it came.
 * 0, or -EINVAL: damaged, or no room.
 */
int lzma2_decode(struct lzma_state *s, const uint8_t *in, size_t in_bytes, size_t *taken, uint8_t *out, size_t room, size_t *written) must_check;
/* Undoes the x86 filter: branch targets become relative again. */
void bcj_x86_decode(uint8_t *data, size_t n);

#endif

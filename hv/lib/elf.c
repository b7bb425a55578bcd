/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF headers of a kernel (System V ABI, chapters 4 and 5). Both classes are read into one
 * form. Trust: the file is hostile; every offset is checked against the buffer before use, and
 * fields are read by their position, so that alignment does not matter.
 */
#include <hv/elf.h>
#include <hv/errno.h>
#include <hv/lib.h>

#define CLASS_32 1
#define CLASS_64 2
#define DATA_LSB 1
#define TYPE_EXEC 2
#define TYPE_DYN 3
#define MACHINE_386 3
#define MACHINE_X86_64 62
#define SEGMENT_LOAD 1
#define SEGMENT_NOTE 4
#define SECTION_NOTE 7
#define MAX_KERNEL_SPAN (1ULL << 30)

/* Where fields are, by class: {offset, bytes}. */
struct field { uint8_t at[2], bytes[2]; };

static const struct field
    eh_type     = { { 16, 16 }, { 2, 2 } }, eh_machine   = { { 18, 18 }, { 2, 2 } },
    eh_entry    = { { 24, 24 }, { 4, 8 } }, eh_phoff     = { { 28, 32 }, { 4, 8 } },
    eh_shoff    = { { 32, 40 }, { 4, 8 } }, eh_phentsize = { { 42, 54 }, { 2, 2 } },
    eh_phnum    = { { 44, 56 }, { 2, 2 } }, eh_shentsize = { { 46, 58 }, { 2, 2 } },
    eh_shnum    = { { 48, 60 }, { 2, 2 } },
    ph_type     = { { 0, 0 },   { 4, 4 } }, ph_offset    = { { 4, 8 },   { 4, 8 } },
    ph_paddr    = { { 12, 24 }, { 4, 8 } }, ph_filesz    = { { 16, 32 }, { 4, 8 } },
    ph_memsz    = { { 20, 40 }, { 4, 8 } },
    sh_type     = { { 4, 4 },   { 4, 4 } }, sh_offset    = { { 16, 24 }, { 4, 8 } },
    sh_size     = { { 20, 32 }, { 4, 8 } };

static const uint8_t header_bytes[2] = { 52, 64 }, segment_bytes[2] = { 32, 56 }, section_bytes[2] = { 40, 64 };

/* The record is inside the buffer. */
static uint64_t get(const struct elf_kernel *k, uint64_t record, const struct field *f)
{
    uint64_t v = 0;

    memcpy(&v, k->data + record + f->at[k->is_64], f->bytes[k->is_64]);
    return v;
}

static bool inside(const struct elf_kernel *k, uint64_t offset, uint64_t bytes)
{
    return offset <= k->size && bytes <= k->size - offset;
}

static int bad(const char **why, const char *text)
{
    *why = text;
    return ERR(EINVAL);
}

static int check_header(struct elf_kernel *k, const char **why)
{
    if (!elf_is_elf(k->data, k->size) || k->size < 16)
        return bad(why, "not an ELF file");
    if ((k->data[4] != CLASS_32 && k->data[4] != CLASS_64) || k->data[5] != DATA_LSB)
        return bad(why, "neither 32-bit nor 64-bit little-endian");
    k->is_64 = k->data[4] == CLASS_64;
    if (!inside(k, 0, header_bytes[k->is_64]))
        return bad(why, "file cut off in its header");
    if (get(k, 0, &eh_machine) != (k->is_64 ? MACHINE_X86_64 : MACHINE_386))
        return bad(why, "for another kind of CPU");
    if (get(k, 0, &eh_type) != TYPE_EXEC && get(k, 0, &eh_type) != TYPE_DYN)
        return bad(why, "not an executable");
    return 0;
}

static int add_load(struct elf_kernel *k, uint64_t ph, const char **why)
{
    const struct elf_segment s = {
        .paddr = get(k, ph, &ph_paddr), .offset = get(k, ph, &ph_offset),
        .file_bytes = get(k, ph, &ph_filesz), .memory_bytes = get(k, ph, &ph_memsz),
    };
    uint64_t end;

    if (s.memory_bytes == 0)
        return 0;
    if (k->nr_segments == ELF_MAX_SEGMENTS)
        return bad(why, "too many segments");
    if (s.file_bytes > s.memory_bytes || __builtin_add_overflow(s.paddr, s.memory_bytes, &end))
        return bad(why, "a segment with impossible sizes");
    if (!inside(k, s.offset, s.file_bytes))
        return bad(why, "a segment reaches beyond the end of the file: it is cut off");
    k->paddr_start = min(k->paddr_start, s.paddr);
    k->paddr_end = max(k->paddr_end, end);
    k->segment[k->nr_segments++] = s;
    return 0;
}

static void add_notes(struct elf_kernel *k, uint64_t offset, uint64_t bytes)
{
    if (k->nr_notes == ELF_MAX_SEGMENTS || !inside(k, offset, bytes))
        return;
    k->notes_offset[k->nr_notes] = offset;
    k->notes_bytes[k->nr_notes++] = bytes;
}

static int read_segments(struct elf_kernel *k, const char **why)
{
    const uint64_t at = get(k, 0, &eh_phoff), nr = get(k, 0, &eh_phnum), each = get(k, 0, &eh_phentsize);

    if (nr == 0 || each < segment_bytes[k->is_64] || !inside(k, at, nr * each))
        return bad(why, "no usable program headers");
    for (uint64_t i = 0; i < nr; i++) {
        const uint64_t ph = at + i * each, type = get(k, ph, &ph_type);
        const int rc = type == SEGMENT_LOAD ? add_load(k, ph, why) : 0;

        if (rc != 0)
            return rc;
        if (type == SEGMENT_NOTE)
            add_notes(k, get(k, ph, &ph_offset), get(k, ph, &ph_filesz));
    }
    return k->nr_segments ? 0 : bad(why, "nothing to load");
}

/* Kernels whose notes no program header names. */
static void read_note_sections(struct elf_kernel *k)
{
    const uint64_t at = get(k, 0, &eh_shoff), nr = get(k, 0, &eh_shnum), each = get(k, 0, &eh_shentsize);

    if (each < section_bytes[k->is_64] || !inside(k, at, nr * each))
        return;
    for (uint64_t i = 0; i < nr; i++)
        if (get(k, at + i * each, &sh_type) == SECTION_NOTE)
            add_notes(k, get(k, at + i * each, &sh_offset), get(k, at + i * each, &sh_size));
}

int elf_parse(const void *data, size_t size, struct elf_kernel *out, const char **why)
{
    int rc;

    *out = (struct elf_kernel){ .data = data, .size = size, .paddr_start = ~0ULL };
    rc = check_header(out, why);
    if (rc == 0)
        rc = read_segments(out, why);
    if (rc != 0)
        return rc;
    if (out->paddr_end - out->paddr_start > MAX_KERNEL_SPAN)
        return bad(why, "segments spread over more than 1 GiB");
    if (out->nr_notes == 0)
        read_note_sections(out);
    out->entry = get(out, 0, &eh_entry);
    return 0;
}

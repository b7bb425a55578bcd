/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels in ELF files and their Xen notes (xen/elfnote.h). Pure: reads a memory buffer, never beyond
 * it, whatever it holds. Errors are -EINVAL with a text that says what is wrong.
 */
#ifndef HV_ELF_H
#define HV_ELF_H

#include <hv/compiler.h>

#define ELF_MAX_SEGMENTS 16u

/* What is to be loaded: file_bytes from the file, then zeros up to memory_bytes. */
struct elf_segment { uint64_t paddr, offset, file_bytes, memory_bytes; };

struct elf_kernel {
    const uint8_t *data;
    size_t size;
    bool is_64;                     /* x86-64; false: i386 */
    uint64_t entry;                 /* virtual */
    uint64_t paddr_start, paddr_end;
    unsigned int nr_segments;
    struct elf_segment segment[ELF_MAX_SEGMENTS];
    uint64_t notes_offset[ELF_MAX_SEGMENTS], notes_bytes[ELF_MAX_SEGMENTS];
    unsigned int nr_notes;          /* areas with notes */
};

/* 0; -EINVAL and *why if it is not a kernel that can be loaded. */
int elf_parse(const void *data, size_t size, struct elf_kernel *out, const char **why) must_check;
static inline bool elf_is_elf(const void *data, size_t size)
{
    return size >= 4 && *(const uint8_t *)data == 0x7f && ((const char *)data)[1] == 'E' &&
           ((const char *)data)[2] == 'L' && ((const char *)data)[3] == 'F';
}

#define XEN_NOTE_UNSET (~0ULL)

struct xen_notes {
    bool present;                   /* there is a Xen note at all */
    char guest_os[16], guest_version[16], xen_version[16], loader[16], pae_mode[16];
    uint64_t virt_base, paddr_offset, entry, hypercall_page, hv_start_low, p2m_base, phys32_entry; /* or XEN_NOTE_UNSET */
    bool mod_start_pfn;             /* an initrd may be given by frame number, unmapped */
    bool suspend_cancel, l1_mfn_valid;
    bool has_features;              /* it says which features it supports */
    uint64_t supported, required;   /* bits XENFEAT_* of xen/features.h */
};

/* Reads all notes named "Xen"; unknown ones are ignored. -EINVAL and *why if one makes no sense. */
int elf_read_notes(const struct elf_kernel *k, struct xen_notes *out, const char **why) must_check;
/*
 * Fills what the notes leave open from the file, and checks that addresses fit together. Then
 * virtual = physical - paddr_offset + virt_base. -EINVAL and *why.
 */
int elf_place(const struct elf_kernel *k, struct xen_notes *n, const char **why) must_check;

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: kernels in ELF files and their Xen notes (hv/elf.h). */
#include "target.h"

#include <hv/elf.h>

static void check_segments(const struct elf_kernel *k)
{
    must(k->nr_segments <= ELF_MAX_SEGMENTS && k->nr_notes <= ELF_MAX_SEGMENTS);
    for (unsigned int i = 0; i < k->nr_segments; i++) {
        const struct elf_segment *s = &k->segment[i];

        must(s->offset <= k->size && s->file_bytes <= k->size - s->offset);
        must(s->file_bytes <= s->memory_bytes);
        must(s->paddr >= k->paddr_start && s->paddr + s->memory_bytes <= k->paddr_end && s->paddr + s->memory_bytes >= s->paddr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = exact_copy(data, size);
    const char *why = NULL;
    struct elf_kernel k;
    struct xen_notes n;

    if (elf_parse(file, size, &k, &why) == 0) {
        check_segments(&k);
        if (elf_read_notes(&k, &n, &why) == 0 && elf_place(&k, &n, &why) == 0)
            must(n.virt_base != XEN_NOTE_UNSET && n.entry != XEN_NOTE_UNSET);
        else
            must(why != NULL);
    } else {
        must(why != NULL);
    }
    free(file);
    return 0;
}

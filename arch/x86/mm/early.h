/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory before the buddy allocator: ranges of RAM that nobody uses yet. Boot only. */
#ifndef ARCH_MM_EARLY_H
#define ARCH_MM_EARLY_H

#include <hv/types.h>

/* Collects RAM from boot_info less the image, the modules, the first MiB. */
void early_memory_init(void);
/* nr_frames of zeroed RAM aligned to align_frames, below 4 GiB; panics when there is none. */
mfn_t early_alloc(uint64_t nr_frames, uint64_t align_frames);
/* Gives what is left to the buddy allocator; early_alloc is over. */
void early_memory_release(void);
bool early_memory_is_over(void);

#endif

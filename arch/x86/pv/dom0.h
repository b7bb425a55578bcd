/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building dom0 from the boot modules: what the dom0_*.c files share. Boot only; one CPU works, the
 * domain does not run. A problem is a panic that says what is wrong and what to do about it.
 *
 * Pseudo-physical memory, from frame 0 (docs/dom0.md):
 *
 *   region   what the kernel finds mapped from VIRT_BASE on: kernel, [initrd], [p2m list], start info,
 *            page tables, stack; at least 512 KiB spare, up to a multiple of 4 MiB
 *   initrd   if the kernel takes it by frame number: the boot module's own frames
 *   p2m      if the kernel names a place for it (INIT_P2M): the list, then the page tables that map it
 *   rest
 */
#ifndef ARCH_PV_DOM0_H
#define ARCH_PV_DOM0_H

#include <hv/boot_info.h>
#include <hv/domain.h>
#include <hv/elf.h>

/* A virtual range of dom0. */
struct dom0_range { uint64_t start, end; };

struct dom0_layout {
    struct dom0_range kernel, initrd, p2m, start_info, tables, stack, region; /* initrd: empty if it is not mapped */
    uint64_t region_pages;
    uint64_t nr_tables;             /* that map the region; the first is the L4 */
    uint64_t initrd_pfn, initrd_pages;
    uint64_t p2m_pfn, p2m_pages;    /* p2m_pages: with the tables; 0: the list is in the region */
    uint64_t end_pfn;               /* what dom0 must have at least */
};

/* What the layout follows from. */
struct dom0_needs {
    uint64_t nr_pages, initrd_bytes;
    size_t start_info_bytes;
};

/* Pure. 0, or *why and -EINVAL (the kernel cannot be used) or -ENOMEM (dom0 is too small for it). */
int dom0_layout_make(const struct elf_kernel *k, const struct xen_notes *n, const struct dom0_needs *needs,
                     struct dom0_layout *out, const char **why) must_check;
/* Tables of levels 1..3 that map [start, end). */
uint64_t dom0_tables_for(uint64_t start, uint64_t end);

/* Contiguous frames in dom0's memory. */
struct dom0_extent { uint32_t pfn, mfn, nr; };
#define DOM0_MAX_EXTENTS 1024u

struct dom0 {
    struct domain *d;
    struct elf_kernel kernel;
    struct xen_notes notes;
    struct dom0_layout layout;
    const struct boot_module *kernel_module, *initrd_module; /* initrd: NULL if there is none */
    uint64_t nr_pages;
    unsigned int nr_extents;
    struct dom0_extent extent[DOM0_MAX_EXTENTS];
};

/* ---- dom0_params.c ---- */
/* Pages that dom0 gets of `available`, as dom0_mem= says. */
uint64_t dom0_param_pages(uint64_t available);
uint64_t dom0_param_max_pages(void);
unsigned int dom0_param_vcpus(unsigned int nr_cpus);
bool dom0_param_pin_vcpus(void);

/* ---- dom0_memory.c ---- */
/* Allocates frames for [pfn, pfn + nr). */
void dom0_memory_add(struct dom0 *o, uint64_t pfn, uint64_t nr);
/* The initrd's frames at layout.initrd_pfn: the module's own if they are whole pages, else a copy. */
void dom0_memory_add_initrd(struct dom0 *o);
/* A boot module is not needed any more: its frames are free memory. */
void dom0_module_free(const struct boot_module *m);
mfn_t dom0_mfn(const struct dom0 *o, uint64_t pfn);
/* By byte offset in pseudo-physical memory. */
void dom0_write(const struct dom0 *o, uint64_t offset, const void *src, uint64_t bytes);
void dom0_clear(const struct dom0 *o, uint64_t offset, uint64_t bytes);
/* Offset of a virtual address of the region. */
static inline uint64_t dom0_offset(const struct dom0 *o, uint64_t va) { return va - o->layout.region.start; }
/* Writes the p2m list and the M2P entries. */
void dom0_write_p2m(const struct dom0 *o);

/* ---- dom0_tables.c ---- */
/* Builds and pins the page tables; the L4's frame. */
mfn_t dom0_make_tables(const struct dom0 *o);

/* ---- dom0_start.c ---- */
size_t dom0_start_info_bytes(void);
void dom0_write_start_info(const struct dom0 *o);
/* vCPU 0 at the kernel's entry, and the others, which are down. */
void dom0_make_vcpus(const struct dom0 *o, mfn_t l4);

/* ---- dom0_io.c ---- */
void dom0_grant_io(struct domain *d);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dom0_build(): from the boot modules to a domain that is ready to run, as a list. See dom0.h. */
#include "dom0.h"
#include "../boot/decompress.h"
#include <arch/pv.h>
#include <hv/grant.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <xen/features.h>

static boot_data struct dom0 dom0;

#define HOW_TO "Load a Linux kernel that supports Xen (CONFIG_XEN_DOM0) as the first module and its initrd as the second."

static boot_code void noreturn unusable(const struct boot_module *m, const char *why)
{
    panic("The dom0 kernel (first module, %lu bytes, options '%s') cannot be used: %s.\n" HOW_TO "\n", m->size_bytes, m->command_line, why);
}

static boot_code void noreturn no_room(const char *why)
{
    panic("dom0 cannot be started: %s.\nThe machine has %lu MiB to give away, %lu MiB of them still free. Zendo and Debian want 512 MiB in all, "
          "and dom0 (dom0_mem=) no more than is free, yet enough for its kernel.\n", why, buddy_nr_total() >> 8, buddy_nr_free() >> 8);
}

/* ---- the kernel ---- */

static boot_code void find_modules(struct dom0 *o)
{
    if (boot_info.nr_modules == 0)
        panic("No dom0 kernel: the loader gave no modules.\n" HOW_TO "\n");
    o->kernel_module = &boot_info.module[0];
    if (boot_info.nr_modules > 1 && boot_info.module[1].size_bytes != 0)
        o->initrd_module = &boot_info.module[1];
    else
        log_warn("dom0 has no initrd: there is no second module\n");
}

static boot_code void check_features(const struct boot_module *m, const struct xen_notes *n)
{
    if (n->has_features && !(n->supported & (1ULL << XENFEAT_dom0)))
        unusable(m, "it says that it cannot be dom0");
    if (n->required & ((1ULL << XENFEAT_auto_translated_physmap) | (1ULL << XENFEAT_supervisor_mode_kernel)))
        unusable(m, "it requires a mode that dom0 does not have here");
}

static boot_code void open_kernel(struct dom0 *o, struct kernel_image *image)
{
    const struct boot_module *m = o->kernel_module;
    const char *why = "not enough memory";
    const int rc = kernel_image_open(maddr_va(m->start), m->size_bytes, image, &why);

    if (rc == -XEN_ENOMEM)
        no_room("there is not enough memory to unpack its kernel");
    if (rc != 0)
        unusable(m, why);
    if (image->format != NULL)
        log_info("Dom0 kernel unpacked (%s): %lu -> %lu bytes\n", image->format, m->size_bytes, image->bytes);
    if (elf_parse(image->data, image->bytes, &o->kernel, &why) != 0 || elf_read_notes(&o->kernel, &o->notes, &why) != 0 ||
        elf_place(&o->kernel, &o->notes, &why) != 0)
        unusable(m, why);
    log_info(" Xen  kernel: 64-bit, lsb\n");
    log_info(" Dom0 kernel: %s, PAE, lsb, paddr 0x%lx -> 0x%lx\n", o->kernel.is_64 ? "64-bit" : "32-bit", o->kernel.paddr_start, o->kernel.paddr_end);
    if (!o->kernel.is_64)
        unusable(m, "it is a 32-bit kernel; dom0 must be 64-bit");
    check_features(m, &o->notes);
}

static boot_code void load_kernel(const struct dom0 *o)
{
    for (unsigned int i = 0; i < o->kernel.nr_segments; i++) {
        const struct elf_segment *s = &o->kernel.segment[i];
        const uint64_t at = s->paddr - o->notes.paddr_offset;

        dom0_write(o, at, o->kernel.data + s->offset, s->file_bytes);
        dom0_clear(o, at + s->file_bytes, s->memory_bytes - s->file_bytes);
    }
}

static boot_code void fill_hypercall_page(const struct dom0 *o)
{
    const uint64_t va = o->notes.hypercall_page;

    if (va == XEN_NOTE_UNSET)
        return;
    if (va < o->layout.kernel.start || va + PAGE_SIZE > o->layout.region.end || (va & ~PAGE_MASK))
        unusable(o->kernel_module, "its hypercall page lies outside of it");
    arch_hypercall_page_fill(mfn_va(dom0_mfn(o, dom0_offset(o, va) >> PAGE_SHIFT)));
}

/* ---- the domain ---- */

static boot_code void create_domain(struct dom0 *o)
{
    const struct domain_config config = {
        .max_vcpus = dom0_param_vcpus(cpumask_weight(&cpu_online_mask)),
        .max_evtchn_port = ~0u, .grant_version = 0 /* the system's default */, .is_control = true, .is_hardware = true,
    };

    if (domain_create(0, &config, &o->d) != 0)
        no_room("there is not enough memory to create it");
    o->d->max_pages = (uint32_t)dom0_param_max_pages();
}

/* Free memory, and what will be free once the kernel is in its place. */
static boot_code uint64_t available_pages(const struct dom0 *o, const struct kernel_image *image)
{
    const uint64_t soon = (image->buffer ? image->buffer_bytes : 0) + o->kernel_module->size_bytes;

    return buddy_nr_free() + (soon >> PAGE_SHIFT) + (o->initrd_module ? o->initrd_module->size_bytes >> PAGE_SHIFT : 0);
}

static boot_code void make_layout(struct dom0 *o, const struct kernel_image *image)
{
    const char *why = "";
    int rc;
    struct dom0_needs needs = {
        .initrd_bytes = o->initrd_module ? o->initrd_module->size_bytes : 0,
        .start_info_bytes = dom0_start_info_bytes(),
    };

    needs.nr_pages = o->nr_pages = dom0_param_pages(available_pages(o, image));
    rc = dom0_layout_make(&o->kernel, &o->notes, &needs, &o->layout, &why);
    if (rc == -XEN_ENOMEM)
        no_room(why);
    if (rc != 0)
        unusable(o->kernel_module, why);
}

static boot_code void log_range(const char *name, struct dom0_range r)
{
    log_info(" %s %016lx->%016lx\n", name, r.start, r.end);
}

static boot_code void log_layout(const struct dom0 *o)
{
    const struct dom0_layout *l = &o->layout;
    const uint64_t first = dom0_mfn(o, 0).v << PAGE_SHIFT;

    log_info("PHYSICAL MEMORY ARRANGEMENT:\n");
    log_info(" Dom0 alloc.:   %016lx->%016lx (%lu pages to be allocated)\n", first, first + (l->region_pages << PAGE_SHIFT), o->nr_pages - o->d->nr_pages);
    if (o->initrd_module)
        log_info(" Init. ramdisk: %016lx->%016lx\n", o->initrd_module->start.v, o->initrd_module->start.v + o->initrd_module->size_bytes);
    log_info("VIRTUAL MEMORY ARRANGEMENT:\n");
    log_range("Loaded kernel:", l->kernel);
    if (!o->notes.mod_start_pfn)
        log_range("Init. ramdisk:", l->initrd);
    log_range("Phys-Mach map:", l->p2m);
    log_range("Start info:   ", l->start_info);
    log_range("Page tables:  ", l->tables);
    log_range("Boot stack:   ", l->stack);
    log_range("TOTAL:        ", l->region);
    log_info(" ENTRY ADDRESS: %016lx\n", o->notes.entry);
}

/* Frames of the region, around the initrd's if that is inside. */
static boot_code void allocate_region(struct dom0 *o)
{
    const struct dom0_layout *l = &o->layout;

    if (o->notes.mod_start_pfn || l->initrd_pages == 0) {
        dom0_memory_add(o, 0, l->region_pages);
        dom0_memory_add_initrd(o);
        return;
    }
    const uint64_t behind = l->initrd_pfn + l->initrd_pages;

    dom0_memory_add(o, 0, l->initrd_pfn);
    dom0_memory_add_initrd(o);
    dom0_memory_add(o, behind, l->region_pages - behind);
}

/* Order: what the kernel was unpacked into is free memory before the rest of dom0's is allocated. */
static boot_code void place_kernel(struct dom0 *o)
{
    struct kernel_image image;

    open_kernel(o, &image);
    make_layout(o, &image);
    allocate_region(o);
    log_layout(o);
    load_kernel(o);
    fill_hypercall_page(o);
    kernel_image_free(&image);
    dom0_module_free(o->kernel_module);
}

static boot_code void add_rest(struct dom0 *o)
{
    const uint64_t have = o->notes.mod_start_pfn ? o->layout.region_pages + o->layout.initrd_pages : o->layout.region_pages;

    dom0_memory_add(o, have, o->nr_pages - have);
}

boot_code struct domain *dom0_build(void)
{
    struct dom0 *o = &dom0;
    mfn_t l4;

    log_info("*** LOADING DOMAIN 0 ***\n");
    find_modules(o);
    create_domain(o);
    place_kernel(o);
    add_rest(o);
    dom0_write_p2m(o);
    dom0_write_start_info(o);
    l4 = dom0_make_tables(o);
    dom0_make_vcpus(o, l4);
    dom0_grant_io(o->d);
    return o->d;
}

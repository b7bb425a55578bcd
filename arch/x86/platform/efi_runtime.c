/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of UEFI's run-time services in physical mode (UEFI 2.9 8.1, 2.3.4): an address space of its own maps
 * the firmware's run-time regions at their machine addresses below, and the hypervisor's slots
 * as everywhere. Only there is memory both writable and executable, since old firmware keeps data in its
 * code regions. Interrupts stay on; their handlers need the hypervisor's slots only.
 * Lock: callers come one at a time (platform_op's lock). See docs/boot.md.
 *
 * Option: efi=no-rs leaves the services alone.
 */
#include "efi.h"
#include <arch/cpu.h>
#include <arch/page.h>
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/percpu.h>

#define RUNTIME_TABLE_SIGNATURE 0x56524553544e5552ULL /* "RUNTSERV" */
#define LOWER_HALF              (1ULL << 47)

static boot_data bool use_services = true;
static pte_t *root;
static const struct efi_runtime_table *table; /* a copy; NULL: no services */

uint64_t efi_stub(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

static boot_code int parse_efi(const char *s)
{
    if (strcmp(s, "rs") != 0 && strcmp(s, "no-rs") != 0)
        return ERR(EINVAL);
    use_services = s[0] == 'r';
    return 0;
}
BOOT_PARAM_CUSTOM(efi, "efi", parse_efi);

/* ---- the address space ---- */

static boot_code pte_t *next_table(pte_t *entry)
{
    void *page;

    if (*entry & PTE_P)
        return mfn_va(pte_mfn(*entry));
    page = pages_alloc(0, ALLOC_ZERO);
    if (page != NULL)
        *entry = pte_make(va_mfn(page), PTE_P | PTE_RW | PTE_A | PTE_D);
    return page;
}

static boot_code bool map_page(uint64_t at, uint64_t flags)
{
    pte_t *t = root;

    for (unsigned int level = 4; level > 1 && t != NULL; level--)
        t = next_table(&t[pt_index(at, level)]);
    if (t != NULL)
        t[pt_index(at, 1)] = pte_make(MFN(at >> PAGE_SHIFT), flags);
    return t != NULL;
}

static boot_code uint64_t flags_of(const struct firmware_memory *m)
{
    const uint64_t usual = PTE_P | PTE_RW | PTE_A | PTE_D;

    if (m->kind == EFI_MEMORY_RUNTIME_CODE)
        return usual;
    if (m->kind == EFI_MEMORY_MMIO || m->kind == EFI_MEMORY_MMIO_PORTS || !(m->attributes & EFI_MEMORY_WB))
        return usual | PTE_NX | PTE_PCD | PTE_PWT;
    return usual | PTE_NX;
}

static boot_code bool map_region(const struct firmware_memory *m)
{
    const uint64_t end = m->start + (m->nr_pages << PAGE_SHIFT);

    if (end < m->start || end > LOWER_HALF)
        return false;
    for (uint64_t at = m->start; at < end; at += PAGE_SIZE)
        if (!map_page(at, flags_of(m)))
            return false;
    return true;
}

static boot_code bool make_address_space(const struct firmware_memory *map, unsigned int nr)
{
    bool any = false;

    root = pages_alloc(0, ALLOC_ZERO);
    if (root == NULL)
        return false;
    hv_install_slots(root);
    for (unsigned int i = 0; i < nr; i++) {
        if (!(map[i].attributes & EFI_MEMORY_RUNTIME))
            continue;
        if (!map_region(&map[i]))
            return false;
        any = true;
    }
    return any;
}

boot_code bool efi_runtime_init(uint64_t at, const struct firmware_memory *map, unsigned int nr)
{
    struct efi_runtime_table *copy;
    const void *p;

    if (!use_services || at == 0 || !make_address_space(map, nr))
        return false;
    copy = heap_new(struct efi_runtime_table);
    p = vmap_io(MADDR(at), sizeof(*copy), MAP_RO);
    if (copy == NULL || p == NULL)
        return false;
    memcpy(copy, p, sizeof(*copy));
    vmap_io_free((void *)(uintptr_t)p, sizeof(*copy));
    if (copy->header.signature != RUNTIME_TABLE_SIGNATURE)
        return false;
    table = copy;
    return true;
}

/* ---- calls ---- */

uint32_t efi_runtime_revision(void)
{
    return table != NULL ? table->header.revision : 0;
}

const struct efi_runtime_table *efi_services(void)
{
    return table;
}

/* The firmware may use SSE registers, which are the current vCPU's. */
uint64_t efi_call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = current;
    const bool had_fpu = v->arch.fpu_loaded;
    const uint64_t cr3 = read_cr3();
    const uint64_t flags = irq_flags();
    uint64_t status;

    pv_fpu_save(v);
    __asm__ volatile("clts");
    write_cr3(va_maddr(root).v);
    status = efi_stub(function, a1, a2, a3, a4, a5);
    irq_restore(flags);
    write_cr3(cr3);
    if (had_fpu)
        pv_fpu_lazy_restore(v);
    return status;
}

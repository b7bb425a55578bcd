/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X tables (PCI 3.0 6.8.2): found through the device's base address registers, mapped while in
 * use, and kept read-only for guests meanwhile. Whole-function masking is what the guest wants or
 * what we need for a moment, whichever masks.
 *
 * Lock: pci_lock; an entry's words by its desc->lock.
 */
#include "msi.h"

#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/rangeset.h>

enum { ENTRY_ADDRESS_LOW, ENTRY_ADDRESS_HIGH, ENTRY_DATA, ENTRY_CONTROL, ENTRY_WORDS };
#define ENTRY_MASKED 1u

/* Pages of the machine that guests may only read. */
static struct rangeset read_only_pages;
static bool read_only_ready;

static volatile uint32_t *entry_words(const struct msi_entry *e)
{
    return e->device->msix.table + ENTRY_WORDS * e->index;
}

/* ---- chip; desc->lock held ---- */

static void set_mask(struct msi_entry *e, bool masked)
{
    e->masked = masked;
    entry_words(e)[ENTRY_CONTROL] = masked ? ENTRY_MASKED : 0;
    /* Order: the read pushes the posted write out, so that a masked entry is silent on return. */
    (void)entry_words(e)[ENTRY_CONTROL];
}

static void chip_mask(struct irq_desc *desc)
{
    set_mask(desc->msi, true);
}

static void chip_unmask(struct irq_desc *desc)
{
    set_mask(desc->msi, false);
}

static void write_message(const struct msi_entry *e)
{
    volatile uint32_t *words = entry_words(e);

    words[ENTRY_ADDRESS_LOW] = e->address_low;
    words[ENTRY_ADDRESS_HIGH] = 0;
    words[ENTRY_DATA] = e->data;
}

static void chip_route(struct irq_desc *desc, uint32_t apic_id, uint8_t vector)
{
    struct msi_entry *e = desc->msi;
    bool was_masked = e->masked;

    e->address_low = MSI_ADDRESS(apic_id);
    e->data = vector;
    /* A message may be changed only while its entry is masked (6.8.2.7). */
    if (!was_masked)
        set_mask(e, true);
    write_message(e);
    if (!was_masked)
        set_mask(e, false);
}

const struct irq_chip msix_chip = {
    .name = "PCI-MSI-X", .mask = chip_mask, .unmask = chip_unmask, .route = chip_route,
};

/* ---- where the table is ---- */

/* The memory address in a base address register, 0 if there is none. */
static uint64_t bar_address(struct pci_address a, unsigned int bar)
{
    unsigned int nr_bars = (pci_read(a, PCI_HEADER_TYPE, 1) & 0x7f) == 0 ? 6 : 2;
    uint32_t low = bar < nr_bars ? pci_read(a, PCI_BAR(bar), 4) : 1;

    if (low & 1)
        return 0;
    uint64_t address = low & ~0xfu;
    if (((low >> 1) & 3) == 2 && bar + 1 < nr_bars)
        address |= (uint64_t)pci_read(a, PCI_BAR(bar + 1), 4) << 32;
    return address;
}

/* Register: BAR number in bits 0..2, offset above. `believed`: base for it if the BAR cannot be read. */
static uint64_t structure_address(const struct pci_device *device, unsigned int reg, uint64_t believed)
{
    uint32_t where = pci_read(device->address, device->msix_cap + reg, 4);
    uint64_t base = device->is_virtual ? 0 : bar_address(device->address, where & 7);

    if (base == 0)
        base = believed;
    return base ? base + (where & ~7u) : 0;
}

/* ---- pages that guests may not write ---- */

bool pci_mmio_is_read_only(mfn_t mfn)
{
    return __atomic_load_n(&read_only_ready, __ATOMIC_ACQUIRE) && rangeset_contains(&read_only_pages, mfn.v, mfn.v);
}

static uint64_t pba_bytes(const struct pci_device *device)
{
    return (device->msix.nr_entries + 63) / 64 * 8;
}

static uint64_t page_of(uint64_t address)
{
    return address >> PAGE_SHIFT;
}

static int protect(struct pci_device *device)
{
    struct pci_msix *x = &device->msix;
    uint64_t table_last = page_of(x->table_address + x->nr_entries * PCI_MSIX_ENTRY_BYTES - 1);
    int ret;

    if (!read_only_ready) {
        rangeset_init(&read_only_pages);
        __atomic_store_n(&read_only_ready, true, __ATOMIC_RELEASE);
    }
    ret = rangeset_add(&read_only_pages, page_of(x->table_address), table_last);
    if (ret == 0 && x->pba_address)
        ret = rangeset_add(&read_only_pages, page_of(x->pba_address), page_of(x->pba_address + pba_bytes(device) - 1));
    return ret;
}

static void unprotect_range(uint64_t address, uint64_t bytes)
{
    /* Without memory to split a range the pages stay read-only: safe. */
    if (address && rangeset_remove(&read_only_pages, page_of(address), page_of(address + bytes - 1)))
        log_warn("PCI: pages at 0x%llx stay read-only\n", (unsigned long long)address);
}

static void unprotect(const struct pci_device *device)
{
    unprotect_range(device->msix.table_address, device->msix.nr_entries * PCI_MSIX_ENTRY_BYTES);
    unprotect_range(device->msix.pba_address, pba_bytes(device));
}

/* ---- control register ---- */

static uint32_t read_control(const struct pci_device *device)
{
    return pci_read(device->address, device->msix_cap + PCI_MSIX_CONTROL, 2);
}

static void write_control(const struct pci_device *device, uint32_t control)
{
    pci_write(device->address, device->msix_cap + PCI_MSIX_CONTROL, 2, control);
}

bool msix_filter_control(struct pci_device *device, uint32_t *value)
{
    device->msix.guest_maskall = (*value & PCI_MSIX_MASKALL) != 0;
    if (device->msix.host_maskall)
        *value |= PCI_MSIX_MASKALL;
    return true;
}

/* ---- mapping ---- */

static int locate(struct pci_device *device, uint64_t table_base)
{
    struct pci_msix *x = &device->msix;

    if (!(pci_read(device->address, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return ERR(ENXIO);
    x->table_address = structure_address(device, PCI_MSIX_TABLE, table_base);
    x->pba_address = structure_address(device, PCI_MSIX_PBA, 0);
    return x->table_address ? 0 : ERR(ENXIO);
}

static void mask_all_entries(struct pci_device *device)
{
    for (unsigned int i = 0; i < device->msix.nr_entries; i++)
        device->msix.table[ENTRY_WORDS * i + ENTRY_CONTROL] = ENTRY_MASKED;
}

static int map_table(struct pci_device *device, uint64_t table_base)
{
    struct pci_msix *x = &device->msix;
    size_t bytes = x->nr_entries * PCI_MSIX_ENTRY_BYTES;
    int ret = locate(device, table_base);

    if (ret)
        return ret;
    x->table = vmap_io(MADDR(x->table_address), bytes, MAP_UC);
    if (!x->table)
        return ERR(ENOMEM);
    ret = protect(device);
    if (ret) {
        unprotect(device);
        vmap_io_free((void *)(uintptr_t)x->table, bytes);
        x->table = NULL;
        return ret;
    }
    x->guest_maskall = (read_control(device) & PCI_MSIX_MASKALL) != 0;
    return 0;
}

static void unmap_table(struct pci_device *device)
{
    unprotect(device);
    vmap_io_free((void *)(uintptr_t)device->msix.table, device->msix.nr_entries * PCI_MSIX_ENTRY_BYTES);
    device->msix.table = NULL;
}

int msix_open(struct pci_device *device, uint64_t table_base)
{
    bool is_first = device->msix.table == NULL;

    if (is_first) {
        int ret = map_table(device, table_base);
        if (ret)
            return ret;
    }
    /* The table can be reached by some devices only while the function is enabled: silent, though. */
    device->msix.host_maskall = true;
    write_control(device, read_control(device) | PCI_MSIX_ENABLE | PCI_MSIX_MASKALL);
    if (is_first)
        mask_all_entries(device);
    return 0;
}

void msix_close(struct pci_device *device)
{
    uint32_t control = read_control(device) & ~(PCI_MSIX_ENABLE | PCI_MSIX_MASKALL);

    device->msix.host_maskall = false;
    if (device->msix.guest_maskall)
        control |= PCI_MSIX_MASKALL;
    if (device->msix.nr_used)
        control |= PCI_MSIX_ENABLE;
    write_control(device, control);
    if (device->msix.nr_used == 0 && !device->msix.dom0_prepared)
        unmap_table(device);
}

void msix_forget(struct pci_device *device)
{
    device->msix.dom0_prepared = false;
    if (device->msix.table)
        unmap_table(device);
}

static void restore_entry(struct msi_entry *e)
{
    uint64_t flags = spin_lock_irqsave(&e->desc->lock);

    entry_words(e)[ENTRY_CONTROL] = ENTRY_MASKED;
    write_message(e);
    set_mask(e, e->masked);
    spin_unlock_irqrestore(&e->desc->lock, flags);
}

int msix_restore(struct pci_device *device)
{
    struct msi_entry *e;

    if (!(pci_read(device->address, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return ERR(ENXIO);
    int ret = msix_open(device, 0);
    if (ret)
        return ret;
    list_for_each(e, &device->entries, link)
        restore_entry(e);
    msix_close(device);
    return 0;
}

/* ---- PHYSDEVOP_prepare_msix, release_msix ---- */

int msix_prepare(struct pci_device *device)
{
    if (!device->msix_cap)
        return ERR(ENODEV);
    if (device->msix.nr_used || device->msix.dom0_prepared)
        return ERR(EBUSY);
    int ret = msix_open(device, 0);
    if (ret)
        return ret;
    device->msix.dom0_prepared = true;
    msix_close(device);
    return 0;
}

int msix_release(struct pci_device *device)
{
    if (!device->msix_cap)
        return ERR(ENODEV);
    if (!device->msix.dom0_prepared || device->msix.nr_used)
        return ERR(EBUSY);
    msix_forget(device);
    return 0;
}

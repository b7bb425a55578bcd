/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Message interrupts of PCI devices (PCI 3.0 6.8): the MSI capability and entries of the MSI-X
 * table, as interrupt chips. dom0 asks for them by hypercall and may not write the registers
 * itself while they are in use (msi_filter_write, msix.c's read-only pages).
 *
 * Lock: pci_lock for devices and entries; the message and mask of an entry by its desc->lock.
 */
#include "msi.h"

#include <hv/errno.h>
#include <hv/mm.h>
#include <hv/percpu.h>

/* ---- the MSI capability as a chip; desc->lock held ---- */

static unsigned int msi_data_register(const struct pci_device *device)
{
    return device->msi_cap + (device->msi_control & PCI_MSI_64BIT ? 12u : 8u);
}

static unsigned int msi_mask_register(const struct pci_device *device)
{
    return device->msi_cap + (device->msi_control & PCI_MSI_64BIT ? 16u : 12u);
}

static void msi_set_mask(struct msi_entry *e, bool masked)
{
    e->masked = masked;
    if (e->device->msi_control & PCI_MSI_MASKABLE)
        pci_write(e->device->address, msi_mask_register(e->device), 4, masked ? ~0u : ~1u);
}

static void msi_mask(struct irq_desc *desc)
{
    msi_set_mask(desc->msi, true);
}

static void msi_unmask(struct irq_desc *desc)
{
    msi_set_mask(desc->msi, false);
}

static void msi_write_message(const struct msi_entry *e)
{
    struct pci_address a = e->device->address;

    if (e->device->msi_control & PCI_MSI_64BIT)
        pci_write(a, e->device->msi_cap + 8, 4, 0);
    pci_write(a, e->device->msi_cap + 4, 4, e->address_low);
    pci_write(a, msi_data_register(e->device), 2, e->data);
}

static void msi_route(struct irq_desc *desc, uint32_t apic_id, uint8_t vector)
{
    struct msi_entry *e = desc->msi;
    bool was_masked = e->masked;

    e->address_low = MSI_ADDRESS(apic_id);
    if (e->data == vector) {
        pci_write(e->device->address, e->device->msi_cap + 4, 4, e->address_low);
        return;
    }
    e->data = vector;
    if (!was_masked)
        msi_set_mask(e, true);
    msi_write_message(e);
    if (!was_masked)
        msi_set_mask(e, false);
}

static const struct irq_chip msi_chip = {
    .name = "PCI-MSI", .mask = msi_mask, .unmask = msi_unmask, .route = msi_route,
};

/* ---- entries ---- */

static struct msi_entry *entry_create(struct pci_device *device, struct irq_desc *desc, bool is_msix, unsigned int index)
{
    struct msi_entry *e = heap_new(struct msi_entry);

    if (!e)
        return NULL;
    e->device = device;
    e->desc = desc;
    e->is_msix = is_msix;
    e->index = index;
    e->masked = true;
    list_add_tail(&device->entries, &e->link);
    return e;
}

static void entry_destroy(struct msi_entry *e)
{
    list_remove(&e->link);
    heap_free(e);
}

/* Connects the descriptor and writes its first message, masked. */
static int connect(struct msi_entry *e, const struct irq_chip *chip, bool can_hold)
{
    struct irq_desc *desc = e->desc;
    uint64_t flags = spin_lock_irqsave(&desc->lock);

    desc->chip = chip;
    desc->msi = e;
    desc->level = false;
    desc->can_hold = can_hold;
    irq_desc_mask(desc);
    int ret = irq_desc_route(desc, this_cpu_id());
    if (ret) {
        desc->chip = NULL;
        desc->msi = NULL;
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return ret;
}

static bool has_entries(const struct pci_device *device, bool is_msix)
{
    const struct msi_entry *e;

    list_for_each(e, &device->entries, link)
        if (e->is_msix == is_msix)
            return true;
    return false;
}

static int enable_msi(struct pci_device *device, struct irq_desc *desc)
{
    if (!device->msi_cap)
        return ERR(ENODEV);
    if (!list_empty(&device->entries))
        return ERR(EEXIST);
    struct msi_entry *e = entry_create(device, desc, false, 0);
    if (!e)
        return ERR(ENOMEM);
    /* One message; dom0 sets the enable bit when its driver is ready. */
    pci_write(device->address, device->msi_cap + PCI_MSI_CONTROL, 2,
              device->msi_control & ~(PCI_MSI_ENABLE | PCI_MSI_MME));
    int ret = connect(e, &msi_chip, (device->msi_control & PCI_MSI_MASKABLE) != 0);
    if (ret)
        entry_destroy(e);
    return ret;
}

static bool index_in_use(const struct pci_device *device, unsigned int index)
{
    const struct msi_entry *e;

    list_for_each(e, &device->entries, link)
        if (e->is_msix && e->index == index)
            return true;
    return false;
}

static int enable_msix(struct pci_device *device, struct irq_desc *desc, unsigned int index, uint64_t table_base)
{
    if (!device->msix_cap)
        return ERR(ENODEV);
    if (index >= device->msix.nr_entries)
        return ERR(EINVAL);
    if (has_entries(device, false) || index_in_use(device, index))
        return ERR(EEXIST);
    int ret = msix_open(device, table_base);
    if (ret)
        return ret;
    struct msi_entry *e = entry_create(device, desc, true, index);
    ret = e ? connect(e, &msix_chip, true) : ERR(ENOMEM);
    if (ret == 0)
        device->msix.nr_used++;
    else if (e)
        entry_destroy(e);
    msix_close(device);
    return ret;
}

int msi_enable(struct pci_address a, unsigned int irq, unsigned int index, uint64_t table_base)
{
    struct pci_device *device = pci_device_get(a);
    struct irq_desc *desc = irq_desc_of(irq);

    if (!device || !desc)
        return ERR(ENODEV);
    if (desc->msi)
        return ERR(EEXIST);
    return table_base ? enable_msix(device, desc, index, table_base) : enable_msi(device, desc);
}

static void disconnect(struct msi_entry *e)
{
    struct irq_desc *desc = e->desc;
    uint64_t flags = spin_lock_irqsave(&desc->lock);

    irq_desc_mask(desc);
    desc->chip = NULL;
    desc->msi = NULL;
    spin_unlock_irqrestore(&desc->lock, flags);
}

static void disable_entry(struct msi_entry *e)
{
    struct pci_device *device = e->device;

    disconnect(e);
    if (e->is_msix) {
        device->msix.nr_used--;
        msix_close(device);
    } else {
        uint32_t control = pci_read(device->address, device->msi_cap + PCI_MSI_CONTROL, 2);
        pci_write(device->address, device->msi_cap + PCI_MSI_CONTROL, 2, control & ~PCI_MSI_ENABLE);
    }
    entry_destroy(e);
}

void msi_disable(unsigned int irq)
{
    struct irq_desc *desc = irq_desc_of(irq);

    if (desc && desc->msi)
        disable_entry(desc->msi);
}

void msi_disable_all(struct pci_device *device)
{
    struct msi_entry *e, *next;

    list_for_each_safe(e, next, &device->entries, link)
        disable_entry(e);
    msix_forget(device);
}

/* ---- restore ---- */

static void restore_msi(struct msi_entry *e)
{
    struct pci_address a = e->device->address;
    uint32_t control = e->device->msi_control & ~(PCI_MSI_ENABLE | PCI_MSI_MME);
    uint64_t flags = spin_lock_irqsave(&e->desc->lock);

    pci_write(a, e->device->msi_cap + PCI_MSI_CONTROL, 2, control);
    msi_write_message(e);
    msi_set_mask(e, e->masked);
    pci_write(a, e->device->msi_cap + PCI_MSI_CONTROL, 2, control | PCI_MSI_ENABLE);
    spin_unlock_irqrestore(&e->desc->lock, flags);
}

int msi_restore(struct pci_device *device)
{
    struct msi_entry *e;

    if (device->msix.nr_used)
        return msix_restore(device);
    list_for_each(e, &device->entries, link)
        restore_msi(e);
    return 0;
}

/* ---- dom0's own writes to configuration space ---- */

static unsigned int msi_cap_bytes(const struct pci_device *device)
{
    unsigned int n = device->msi_control & PCI_MSI_64BIT ? 14 : 10;

    return device->msi_control & PCI_MSI_MASKABLE ? msi_mask_register(device) + 8 - device->msi_cap : n;
}

static bool touches(unsigned int reg, unsigned int bytes, unsigned int cap, unsigned int cap_bytes)
{
    return cap && reg < cap + cap_bytes && reg + bytes > cap;
}

bool msi_filter_write(struct pci_address a, uint16_t reg, unsigned int bytes, uint32_t *value)
{
    struct pci_device *device = pci_device_find(a);

    if (!device)
        return true;
    if (device->msix.table && touches(reg, bytes, device->msix_cap, PCI_MSIX_CAP_BYTES))
        return bytes == 2 && reg == device->msix_cap + PCI_MSIX_CONTROL && msix_filter_control(device, value);
    if (has_entries(device, false) && touches(reg, bytes, device->msi_cap, msi_cap_bytes(device))) {
        if (bytes != 2 || reg != device->msi_cap + PCI_MSI_CONTROL)
            return false;
        *value &= ~PCI_MSI_MME;
    }
    return true;
}

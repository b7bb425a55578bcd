/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI devices that somebody has named: dom0 announces each one (PHYSDEVOP_pci_device_add), and
 * one that answers in configuration space is taken on first use. Lock: pci_lock.
 */
#include <arch/pci.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>

struct spinlock pci_lock = SPINLOCK_INIT(RANK_HOTPLUG);
static struct list devices = LIST_INIT(devices);

static bool same_address(struct pci_address a, struct pci_address b)
{
    return a.segment == b.segment && a.bus == b.bus && a.devfn == b.devfn;
}

struct pci_device *pci_device_find(struct pci_address a)
{
    struct pci_device *device;

    list_for_each(device, &devices, link)
        if (same_address(device->address, a))
            return device;
    return NULL;
}

static bool device_answers(struct pci_address a)
{
    uint32_t id = pci_read(a, PCI_VENDOR_ID, 4);

    return id != ~0u && (id & 0xffff) != 0;
}

static struct pci_device *create(struct pci_address a)
{
    struct pci_device *device = heap_new(struct pci_device);

    if (!device)
        return NULL;
    device->address = a;
    device->msi_cap = pci_find_capability(a, PCI_CAP_MSI);
    device->msix_cap = pci_find_capability(a, PCI_CAP_MSIX);
    if (device->msi_cap)
        device->msi_control = (uint16_t)pci_read(a, device->msi_cap + PCI_MSI_CONTROL, 2);
    if (device->msix_cap)
        device->msix.nr_entries = (pci_read(a, device->msix_cap + PCI_MSIX_CONTROL, 2) & PCI_MSIX_TABLE_SIZE) + 1;
    list_init(&device->entries);
    list_add_tail(&devices, &device->link);
    return device;
}

struct pci_device *pci_device_get(struct pci_address a)
{
    struct pci_device *device = pci_device_find(a);

    if (device || !device_answers(a))
        return device;
    return create(a);
}

int pci_device_add(struct pci_address a, bool is_virtual, struct pci_address physical)
{
    struct pci_device *device = pci_device_find(a);

    /* A virtual function does not answer a read of its identity: it is believed. */
    if (!device && !is_virtual && !device_answers(a))
        return ERR(ENODEV);
    if (!device)
        device = create(a);
    if (!device)
        return ERR(ENOMEM);
    device->is_virtual = is_virtual;
    device->physical = physical;
    log_info("PCI add %sdevice %04x:%02x:%02x.%u\n", is_virtual ? "virtual function " : "", a.segment, a.bus,
             a.devfn >> 3, a.devfn & 7u);
    return 0;
}

int pci_device_remove(struct pci_address a)
{
    struct pci_device *device = pci_device_find(a);

    if (!device)
        return ERR(ENODEV);
    msi_disable_all(device);
    list_remove(&device->link);
    log_info("PCI remove device %04x:%02x:%02x.%u\n", a.segment, a.bus, a.devfn >> 3, a.devfn & 7u);
    heap_free(device);
    return 0;
}

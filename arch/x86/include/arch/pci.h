/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices as far as the hypervisor cares: their configuration space and their message
 * interrupts. Lock: pci_lock (RANK_HOTPLUG) guards the list of devices and each device's MSI state.
 */
#ifndef ARCH_PCI_H
#define ARCH_PCI_H

#include <hv/list.h>
#include <hv/lock.h>
#include <hv/types.h>

struct domain;
struct irq_desc;

struct pci_address { uint16_t segment; uint8_t bus, devfn; };

/* Configuration header and capabilities (PCI 3.0 chapter 6, MSI: 6.8) */
#define PCI_VENDOR_ID        0x00u
#define PCI_COMMAND          0x04u
#define PCI_COMMAND_MEMORY   0x2u
#define PCI_STATUS           0x06u
#define PCI_STATUS_CAPS      0x10u
#define PCI_HEADER_TYPE      0x0eu
#define PCI_BAR(n)           (0x10u + 4u * (n))
#define PCI_CAP_POINTER      0x34u
#define PCI_CAP_MSI          0x05u
#define PCI_CAP_MSIX         0x11u
#define PCI_MSI_CONTROL      2u
#define PCI_MSI_ENABLE       0x0001u
#define PCI_MSI_MME          0x0070u
#define PCI_MSI_64BIT        0x0080u
#define PCI_MSI_MASKABLE     0x0100u
#define PCI_MSIX_CONTROL     2u
#define PCI_MSIX_TABLE       4u
#define PCI_MSIX_PBA         8u
#define PCI_MSIX_ENABLE      0x8000u
#define PCI_MSIX_MASKALL     0x4000u
#define PCI_MSIX_TABLE_SIZE  0x07ffu
#define PCI_MSIX_CAP_BYTES   12u
#define PCI_MSIX_ENTRY_BYTES 16u

struct pci_msix {
    unsigned int nr_entries;
    uint64_t table_address, pba_address; /* machine addresses, 0: not known */
    volatile uint32_t *table;            /* NULL: not mapped */
    unsigned int nr_used;                /* entries with an interrupt */
    bool dom0_prepared;                  /* PHYSDEVOP_prepare_msix holds it */
    bool guest_maskall;                  /* what the guest last wrote */
    bool host_maskall;                   /* we want everything masked */
};

struct pci_device {
    struct list link;
    struct pci_address address;
    unsigned int msi_cap, msix_cap;      /* offset in configuration space, 0: none */
    uint16_t msi_control;                /* as found */
    bool is_virtual;                     /* SR-IOV function: BARs live in its physical function */
    struct pci_address physical;
    struct pci_msix msix;
    struct list entries;                 /* struct msi_entry */
};

/* One message interrupt. */
struct msi_entry {
    struct list link;
    struct pci_device *device;
    struct irq_desc *desc;
    bool is_msix;
    unsigned int index;                  /* MSI-X table entry */
    uint32_t address_low, data;          /* the message as last written */
    bool masked;
};

extern struct spinlock pci_lock;

/* pci_device.c; pci_lock held */
struct pci_device *pci_device_find(struct pci_address a);
/* The hardware's own word for it is asked when nobody announced it. NULL: no such device, no memory. */
struct pci_device *pci_device_get(struct pci_address a);
/* -ENODEV -ENOMEM. Announcing a known device again changes its kind and is no error. */
int pci_device_add(struct pci_address a, bool is_virtual, struct pci_address physical) must_check;
int pci_device_remove(struct pci_address a) must_check; /* -ENODEV */

/* msi.c; pci_lock held */
/* table_base != 0: MSI-X entry `index`; else MSI. -ENODEV -EINVAL -EEXIST -ENXIO -ENOMEM. */
int msi_enable(struct pci_address a, unsigned int irq, unsigned int index, uint64_t table_base) must_check;
void msi_disable(unsigned int irq);
void msi_disable_all(struct pci_device *device);
/* After the device was reset or powered up. -ENODEV is the caller's. */
int msi_restore(struct pci_device *device) must_check;
/* PHYSDEVOP_prepare_msix, release_msix. -ENODEV -EBUSY -ENXIO -ENOMEM. */
int msix_prepare(struct pci_device *device) must_check;
int msix_release(struct pci_device *device) must_check;
/* The value to write instead; false: drop the write. */
bool msi_filter_write(struct pci_address a, uint16_t reg, unsigned int bytes, uint32_t *value);

/* mmcfg.c */
void mmcfg_init(void);
/* PHYSDEVOP_pci_mmcfg_reserved. -ENODEV: no such region in MCFG; -EIO: it says otherwise; -ENOMEM. */
int mmcfg_announce(uint64_t address, uint16_t segment, uint8_t first_bus, uint8_t last_bus, bool reserved) must_check;
/* Where this register is in memory, NULL if not reachable that way. */
volatile void *mmcfg_register(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg);


#include <arch/platform.h>

static inline uint32_t pci_read(struct pci_address a, unsigned int reg, unsigned int bytes)
{
    return pci_config_read(a.segment, a.bus, a.devfn, (uint16_t)reg, bytes);
}
static inline void pci_write(struct pci_address a, unsigned int reg, unsigned int bytes, uint32_t value)
{
    pci_config_write(a.segment, a.bus, a.devfn, (uint16_t)reg, bytes, value);
}
/* Offset of a capability in the standard list (bounded walk), 0 if there is none. */
unsigned int pci_find_capability(struct pci_address a, unsigned int id);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to msi.c and msix.c. pci_lock held everywhere but in the chip. */
#ifndef PLATFORM_MSI_H
#define PLATFORM_MSI_H

#include <arch/irq.h>
#include <arch/pci.h>

/* Message to a local APIC: physical destination, fixed delivery, edge (SDM3 10.11). */
#define MSI_ADDRESS(apic_id) (0xfee00000u | ((apic_id) << 12))

extern const struct irq_chip msix_chip;

/* Maps the table if it is not yet, leaving everything masked: -ENXIO, -ENOMEM. Pair with msix_close. */
int msix_open(struct pci_device *device, uint64_t table_base) must_check;
/* The table stays while entries or dom0's preparation use it. Sets the masking that the guest wants. */
void msix_close(struct pci_device *device);
/* The device goes away: gives up the table in any case. */
void msix_forget(struct pci_device *device);
int msix_restore(struct pci_device *device) must_check;
/* dom0 writes the control register. Always true: *value is what may be written. */
bool msix_filter_control(struct pci_device *device, uint32_t *value);

#endif

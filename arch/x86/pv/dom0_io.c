/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What dom0 may touch of the machine: everything but what the hypervisor drives itself. The lists are
 * stock Xen's; RAM is not in question here, since a frame of RAM is its owner's.
 */
#include "dom0.h"
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/irq.h>
#include <hv/log.h>

struct ports { uint16_t first, last; };

/* 0xcf8 and 0x70 are emulated though they are allowed: each guest has its own latch there. */
static const struct ports own_ports[] = {
    { 0x20, 0x21 }, { 0xa0, 0xa1 },     /* interrupt controllers */
    { 0x40, 0x43 }, { 0x61, 0x61 },     /* interval timer, speaker gate */
    { 0xcfc, 0xcff },                   /* PCI configuration data */
};

#define UART_PORTS 8u

static boot_code void must(int rc)
{
    if (rc != 0)
        panic("Not enough memory for dom0's I/O permissions\n");
}

static boot_code void grant_ports(struct rangeset *r)
{
    must(rangeset_add(r, 0, 0xffff));
    for (unsigned int i = 0; i < array_size(own_ports); i++)
        must(rangeset_remove(r, own_ports[i].first, own_ports[i].last));
    if (acpi_info.pm_timer_port != 0)
        must(rangeset_remove(r, acpi_info.pm_timer_port, acpi_info.pm_timer_port + 3u));
    for (uint32_t p = 0; p <= 0xffff; p += UART_PORTS)
        if (serial_owns_port((uint16_t)p))
            must(rangeset_remove(r, p, p + UART_PORTS - 1));
}

static boot_code void deny_bytes(struct rangeset *r, uint64_t first, uint64_t last)
{
    must(rangeset_remove(r, first >> PAGE_SHIFT, last >> PAGE_SHIFT));
}

static boot_code void grant_memory(struct rangeset *r)
{
    must(rangeset_add(r, 0, (1ULL << (cpu_features.phys_bits - PAGE_SHIFT)) - 1));
    if (acpi_info.lapic_address != 0)
        deny_bytes(r, acpi_info.lapic_address, acpi_info.lapic_address);
    deny_bytes(r, 0xfee00000, 0xfeefffff); /* a write there is an interrupt message (SDM3 11.11) */
    for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++)
        deny_bytes(r, acpi_info.ioapic[i].address, acpi_info.ioapic[i].address);
    /* HyperTransport's own range (AMD BKDG family 10h, 2.4.4) */
    if (cpu_features.vendor == CPU_VENDOR_AMD || cpu_features.vendor == CPU_VENDOR_HYGON)
        deny_bytes(r, 0xfd00000000, 0xffffffffff);
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct memory_range *m = &boot_info.memory[i];

        if (m->kind == MEMORY_UNUSABLE && m->size != 0 && m->start >= 0x100000)
            deny_bytes(r, m->start, m->start + m->size - 1);
    }
}

boot_code void dom0_grant_io(struct domain *d)
{
    grant_ports(&d->arch.ioports_allowed);
    grant_memory(&d->iomem_allowed);
    must(rangeset_add(&d->irqs_allowed, 1, nr_irqs - 1)); /* 0 is the timer's */
}

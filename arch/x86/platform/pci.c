/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration space: ports 0xcf8/0xcfc for the first 256 bytes of segment 0 (PCI 3.0
 * 3.2.2.3.2), memory (mmcfg.c) for the rest.
 *
 * Lock: config_lock (RANK_PCI_CONFIG, interrupts off) makes the address and data ports one access.
 */
#include <arch/cpu.h>
#include <arch/pci.h>
#include <hv/log.h>

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu
#define ADDRESS_ENABLE 0x80000000u
#define MAX_CAPABILITIES 48u /* that 192 bytes can hold */

static struct spinlock config_lock = SPINLOCK_INIT(RANK_PCI_CONFIG);

static uint32_t all_ones(unsigned int bytes)
{
    return bytes == 4 ? ~0u : (1u << (8 * bytes)) - 1;
}

static bool access_is_valid(uint16_t reg, unsigned int bytes)
{
    return (bytes == 1 || bytes == 2 || bytes == 4) && (reg & 3) + bytes <= 4 && reg < 4096;
}

static uint32_t port_read(uint32_t address, unsigned int offset, unsigned int bytes)
{
    uint16_t port = (uint16_t)(PORT_DATA + offset);

    outl(PORT_ADDRESS, address);
    return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

static void port_write(uint32_t address, unsigned int offset, unsigned int bytes, uint32_t value)
{
    uint16_t port = (uint16_t)(PORT_DATA + offset);

    outl(PORT_ADDRESS, address);
    if (bytes == 1)
        outb(port, (uint8_t)value);
    else if (bytes == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}

static uint32_t memory_read(const volatile void *p, unsigned int bytes)
{
    return bytes == 1 ? *(const volatile uint8_t *)p : bytes == 2 ? *(const volatile uint16_t *)p : *(const volatile uint32_t *)p;
}

static void memory_write(volatile void *p, unsigned int bytes, uint32_t value)
{
    if (bytes == 1)
        *(volatile uint8_t *)p = (uint8_t)value;
    else if (bytes == 2)
        *(volatile uint16_t *)p = (uint16_t)value;
    else
        *(volatile uint32_t *)p = value;
}

static uint32_t port_address(uint8_t bus, uint8_t devfn, uint16_t reg)
{
    return ADDRESS_ENABLE | ((uint32_t)bus << 16) | ((uint32_t)devfn << 8) | (reg & 0xfcu);
}

uint32_t pci_config_read(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes)
{
    if (!access_is_valid(reg, bytes))
        return all_ones(bytes);
    if (segment != 0 || reg >= 256) {
        volatile void *p = mmcfg_register(segment, bus, devfn, reg);
        return p ? memory_read(p, bytes) : all_ones(bytes);
    }
    uint64_t flags = spin_lock_irqsave(&config_lock);
    uint32_t value = port_read(port_address(bus, devfn, reg), reg & 3, bytes);
    spin_unlock_irqrestore(&config_lock, flags);
    return value;
}

void pci_config_write(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes, uint32_t value)
{
    if (!access_is_valid(reg, bytes))
        return;
    if (segment != 0 || reg >= 256) {
        volatile void *p = mmcfg_register(segment, bus, devfn, reg);
        if (p)
            memory_write(p, bytes, value);
        return;
    }
    uint64_t flags = spin_lock_irqsave(&config_lock);
    port_write(port_address(bus, devfn, reg), reg & 3, bytes, value);
    spin_unlock_irqrestore(&config_lock, flags);
}

void pci_config_write_guest(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes, uint32_t value)
{
    struct pci_address a = { .segment = segment, .bus = bus, .devfn = devfn };

    spin_lock(&pci_lock);
    if (msi_filter_write(a, reg, bytes, &value))
        pci_config_write(segment, bus, devfn, reg, bytes, value);
    spin_unlock(&pci_lock);
}

unsigned int pci_find_capability(struct pci_address a, unsigned int id)
{
    if (!(pci_read(a, PCI_STATUS, 2) & PCI_STATUS_CAPS))
        return 0;
    unsigned int at = pci_read(a, PCI_CAP_POINTER, 1) & 0xfc;
    for (unsigned int i = 0; i < MAX_CAPABILITIES && at >= 0x40; i++) {
        unsigned int found = pci_read(a, at, 1);

        if (found == id)
            return at;
        if (found == 0xff)
            return 0;
        at = pci_read(a, at + 1, 1) & 0xfc;
    }
    return 0;
}

void pci_init(void)
{
    mmcfg_init();
    reset_init();
}

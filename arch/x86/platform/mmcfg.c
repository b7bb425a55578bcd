/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory-mapped configuration space (PCI Express 4.0 7.2.2): the regions that ACPI's MCFG
 * announces. One is used when the memory map says that its addresses are taken, or dom0 says so
 * (PHYSDEVOP_pci_mmcfg_reserved): MCFG alone has been wrong too often.
 *
 * A bus (1 MiB) is mapped at its first use and stays. Lock: none; windows appear once (atomic).
 * Context of a first use: no lock of rank RANK_VMAP or above held.
 */
#include <arch/pci.h>
#include <hv/boot_info.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>

#define BUS_BYTES (1ULL << 20)

static bool usable[array_size(acpi_info.mcfg)];
static volatile uint8_t *bus_window[array_size(acpi_info.mcfg)][256];

static uint64_t region_bytes(unsigned int i)
{
    return (acpi_info.mcfg[i].last_bus - acpi_info.mcfg[i].first_bus + 1ULL) * BUS_BYTES;
}

/* ABI: the base is where bus 0 would be, whatever the first bus (PCI firmware 3.2 4.1.2). */
static uint64_t region_start(unsigned int i)
{
    return acpi_info.mcfg[i].base + acpi_info.mcfg[i].first_bus * BUS_BYTES;
}

static bool is_reserved_memory(uint64_t start, uint64_t bytes)
{
    for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
        const struct memory_range *m = &boot_info.memory[i];

        if (m->kind == MEMORY_RESERVED && start >= m->start && bytes <= m->size && start - m->start <= m->size - bytes)
            return true;
    }
    return false;
}

void mmcfg_init(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_mcfg; i++) {
        usable[i] = is_reserved_memory(region_start(i), region_bytes(i));
        log_info("PCI: MCFG segment %04x buses %02x-%02x at 0x%llx, %s\n", acpi_info.mcfg[i].segment,
                 acpi_info.mcfg[i].first_bus, acpi_info.mcfg[i].last_bus,
                 (unsigned long long)acpi_info.mcfg[i].base, usable[i] ? "reserved in the memory map" : "waiting for dom0");
    }
}

int mmcfg_announce(uint64_t address, uint16_t segment, uint8_t first_bus, uint8_t last_bus, bool reserved)
{
    for (unsigned int i = 0; i < acpi_info.nr_mcfg; i++) {
        if (acpi_info.mcfg[i].segment != segment || acpi_info.mcfg[i].base != address)
            continue;
        if (acpi_info.mcfg[i].first_bus != first_bus || acpi_info.mcfg[i].last_bus != last_bus)
            return ERR(EIO);
        write_once(usable[i], reserved);
        return 0;
    }
    return ERR(ENODEV);
}

/* The region that holds the bus, array_size if none is in use. */
static unsigned int region_of(uint16_t segment, uint8_t bus)
{
    for (unsigned int i = 0; i < acpi_info.nr_mcfg; i++)
        if (read_once(usable[i]) && acpi_info.mcfg[i].segment == segment && bus >= acpi_info.mcfg[i].first_bus &&
            bus <= acpi_info.mcfg[i].last_bus)
            return i;
    return array_size(usable);
}

static volatile uint8_t *map_bus(unsigned int region, uint8_t bus)
{
    volatile uint8_t *none = NULL;
    volatile uint8_t *p = vmap_io(MADDR(acpi_info.mcfg[region].base + bus * BUS_BYTES), BUS_BYTES, MAP_UC);

    if (!p)
        return NULL;
    if (__atomic_compare_exchange_n(&bus_window[region][bus], &none, p, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return p;
    vmap_io_free((void *)(uintptr_t)p, BUS_BYTES);
    return none;
}

volatile void *mmcfg_register(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg)
{
    unsigned int i = region_of(segment, bus);

    if (i == array_size(usable))
        return NULL;
    volatile uint8_t *p = __atomic_load_n(&bus_window[i][bus], __ATOMIC_ACQUIRE);
    if (!p)
        p = map_bus(i, bus);
    return p ? p + ((unsigned int)devfn << 12) + reg : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APICs (82093AA data sheet): GSI n is pin n - gsi_base of the one whose range holds it.
 * Pins 0..15 start as ISA's edge and high unless the MADT says otherwise, others as PCI's level
 * and low; PHYSDEVOP_setup_gsi, from dom0's ACPI, has the last word.
 *
 * Lock: ioapic_lock (RANK_IOAPIC) for the index/data window; a pin's meaning by its desc->lock.
 */
#include <arch/irq.h>
#include <arch/pci.h>
#include <arch/platform.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>

#define IOREGSEL    0x00u
#define IOWIN       0x10u
#define REG_VERSION 0x01u
#define REG_RTE(pin) (0x10u + 2 * (pin))

#define RTE_ACTIVE_LOW (1u << 13)
#define RTE_LEVEL      (1u << 15)
#define RTE_MASKED     (1u << 16)
#define RTE_DEST_SHIFT 24

struct ioapic {
    volatile uint8_t *window;
    uint32_t address;
    unsigned int gsi_base, nr_pins;
};

unsigned int nr_gsis = 16;
static struct ioapic ioapics[array_size(acpi_info.ioapic)];
static unsigned int nr_ioapics;
static struct spinlock ioapic_lock = SPINLOCK_INIT(RANK_IOAPIC);

static uint32_t window_read(const struct ioapic *io, uint32_t reg)
{
    uint64_t flags = spin_lock_irqsave(&ioapic_lock);

    *(volatile uint32_t *)(io->window + IOREGSEL) = reg;
    uint32_t value = *(volatile uint32_t *)(io->window + IOWIN);
    spin_unlock_irqrestore(&ioapic_lock, flags);
    return value;
}

static void window_write(const struct ioapic *io, uint32_t reg, uint32_t value)
{
    uint64_t flags = spin_lock_irqsave(&ioapic_lock);

    *(volatile uint32_t *)(io->window + IOREGSEL) = reg;
    *(volatile uint32_t *)(io->window + IOWIN) = value;
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

static const struct ioapic *ioapic_of_gsi(unsigned int gsi)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].nr_pins)
            return &ioapics[i];
    return NULL;
}

/* ---- as an interrupt chip; desc->lock held ---- */

static uint32_t rte_low(const struct irq_desc *desc)
{
    return desc->vector | (desc->active_low ? RTE_ACTIVE_LOW : 0) | (desc->level ? RTE_LEVEL : 0) |
           (desc->masked ? RTE_MASKED : 0);
}

static void write_low(struct irq_desc *desc)
{
    const struct ioapic *io = ioapic_of_gsi(desc->irq);

    window_write(io, REG_RTE(desc->irq - io->gsi_base), rte_low(desc));
}

static void chip_route(struct irq_desc *desc, uint32_t apic_id, uint8_t vector)
{
    const struct ioapic *io = ioapic_of_gsi(desc->irq);
    uint32_t reg = REG_RTE(desc->irq - io->gsi_base);

    window_write(io, reg + 1, apic_id << RTE_DEST_SHIFT);
    /* An edge that comes while the pin is masked is lost: touch the low half only if the vector is new. */
    if ((window_read(io, reg) & 0xff) != vector)
        write_low(desc);
}

static const struct irq_chip ioapic_chip = {
    .name = "IO-APIC", .mask = write_low, .unmask = write_low, .route = chip_route,
};

/* ---- start-up ---- */

static void probe(unsigned int i)
{
    struct ioapic *io = &ioapics[nr_ioapics];

    io->address = acpi_info.ioapic[i].address;
    io->gsi_base = acpi_info.ioapic[i].gsi_base;
    io->window = vmap_io(MADDR(io->address), PAGE_SIZE, MAP_UC);
    if (!io->window)
        panic("No address space for an I/O APIC\n");
    uint32_t version = window_read(io, REG_VERSION);
    io->nr_pins = ((version >> 16) & 0xff) + 1;
    if (version == ~0u || io->gsi_base > 4096) {
        log_err("I/O APIC at 0x%x does not answer, ignored\n", io->address);
        return;
    }
    nr_gsis = max(nr_gsis, io->gsi_base + io->nr_pins);
    log_info("I/O APIC %u: version 0x%02x, address 0x%x, GSI %u-%u\n", acpi_info.ioapic[i].id, version & 0xff,
             io->address, io->gsi_base, io->gsi_base + io->nr_pins - 1);
    nr_ioapics++;
}

void ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_ioapics; i++)
        probe(i);
    if (nr_ioapics == 0)
        log_warn("No I/O APIC: devices have message interrupts only\n");
}

static void connect_pin(const struct ioapic *io, unsigned int pin)
{
    unsigned int gsi = io->gsi_base + pin;
    struct irq_desc *desc = irq_desc_of(gsi);

    desc->chip = &ioapic_chip;
    desc->level = desc->active_low = gsi >= 16;
    desc->can_hold = desc->level;
    window_write(io, REG_RTE(pin), RTE_MASKED);
    window_write(io, REG_RTE(pin) + 1, 0);
}

void ioapic_connect(void)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        for (unsigned int pin = 0; pin < ioapics[i].nr_pins; pin++)
            connect_pin(&ioapics[i], pin);
    for (unsigned int i = 0; i < acpi_info.nr_overrides; i++) {
        struct irq_desc *desc = irq_desc_of(acpi_info.override[i].gsi);

        if (!desc || !desc->chip)
            continue;
        desc->level = desc->can_hold = acpi_info.override[i].level;
        desc->active_low = acpi_info.override[i].active_low;
    }
}

/* ---- for dom0 ---- */

static const struct ioapic *ioapic_at(uint64_t address)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (ioapics[i].address == address)
            return &ioapics[i];
    return NULL;
}

int ioapic_guest_read(uint64_t address, uint32_t reg, uint32_t *value)
{
    const struct ioapic *io = ioapic_at(address);

    if (!io)
        return ERR(EINVAL);
    *value = window_read(io, reg & 0xff);
    return 0;
}

/* Trigger mode and polarity; the pin is not in use. desc->lock held. */
static void set_mode(struct irq_desc *desc, bool level, bool active_low)
{
    desc->level = desc->can_hold = level;
    desc->active_low = active_low;
    write_low(desc);
}

static void guest_set_mode(struct irq_desc *desc, uint32_t rte)
{
    uint64_t flags = spin_lock_irqsave(&desc->lock);

    /* ABI: a line in use keeps what it has; the write is accepted. */
    if (!desc->started)
        set_mode(desc, (rte & RTE_LEVEL) != 0, (rte & RTE_ACTIVE_LOW) != 0);
    spin_unlock_irqrestore(&desc->lock, flags);
}

/*
 * ABI: a guest owns trigger mode and polarity of a route, and its "vector" is the pirq that it
 * wants, since PHYSDEVOP_alloc_irq_vector gave it that. Mask and destination are ours; writes of
 * other registers do nothing.
 */
int ioapic_guest_write(uint64_t address, uint32_t reg, uint32_t value)
{
    const struct ioapic *io = ioapic_at(address);

    if (!io)
        return ERR(EINVAL);
    if (reg < REG_RTE(0) || (reg & 1))
        return 0;
    unsigned int pin = (reg - REG_RTE(0)) / 2, pirq = value & 0xff;
    if (pin >= io->nr_pins)
        return ERR(EINVAL);
    struct irq_desc *desc = irq_desc_of(io->gsi_base + pin);
    if (pirq >= pirq_limit(hardware_domain))
        return ERR(EINVAL);
    if (read_once(desc->started))
        return 0;
    spin_lock(&pci_lock);
    int ret = pirq_map(hardware_domain, pirq, desc->irq);
    spin_unlock(&pci_lock);
    if (ret == 0)
        guest_set_mode(desc, value);
    return ret;
}

int ioapic_setup_gsi(unsigned int gsi, bool level, bool active_low)
{
    struct irq_desc *desc = irq_desc_of(gsi);

    if (gsi == 0 || gsi >= nr_gsis || !desc || !desc->chip)
        return ERR(EINVAL);
    uint64_t flags = spin_lock_irqsave(&desc->lock);
    int ret = desc->started || desc->set_up ? ERR(EEXIST) : 0;
    if (ret == 0) {
        desc->set_up = true;
        set_mode(desc, level, active_low);
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return ret;
}

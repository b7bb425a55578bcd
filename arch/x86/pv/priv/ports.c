/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O ports of PV guests. Who may use a port from which mode (virtual IOPL and I/O bitmap), which ports
 * are the machine's for this domain, and the few that are always ours: PCI configuration,
 * calendar clock, timer channel 2. Lock: cmos_lock for the index/data pair of the calendar clock.
 */
#include <arch/platform.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>
#include "priv.h"

#define PORT_PIT_CHANNEL2 0x42u
#define PORT_PIT_MODE     0x43u
#define PORT_SPEAKER      0x61u  /* bit 0 gates channel 2, bit 1 the speaker, bit 5 is its output */
#define PORT_CMOS_INDEX   0x70u
#define PORT_CMOS_DATA    0x71u
#define PORT_PCI_ADDRESS  0xcf8u
#define PORT_PCI_DATA     0xcfcu

#define PCI_ADDRESS_ENABLE (1u << 31)
#define PIT_MODE_CHANNEL(m) ((m) >> 6 & 3)

static struct spinlock cmos_lock = SPINLOCK_INIT(RANK_LEAF);

/* ---- permission ---- */

static bool iopl_permits(const struct vcpu *v)
{
    const bool architectural = v->domain->vm_assist & (1ULL << VMASST_TYPE_architectural_iopl);
    const unsigned int cpl = !v->arch.in_kernel ? 3 : architectural ? 0 : 1;

    return cpl <= v->arch.iopl;
}

/* Trust: the bitmap is guest memory, mapped in its kernel tables; what cannot be read permits nothing. */
static bool bitmap_permits(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    const bool user = !v->arch.in_kernel;
    uint8_t map[2] = { 0xff, 0xff };

    if (v->arch.iobitmap_ports <= port + bytes)
        return false;
    if (user)
        pv_toggle_mode(v);
    if (guest_read(map, v->arch.iobitmap_va + (port >> 3), sizeof(map)) != 0) {
        map[1] = 0xff;
        if (guest_read(map, v->arch.iobitmap_va + (port >> 3), 1) != 0)
            map[0] = 0xff;
    }
    if (user)
        pv_toggle_mode(v);
    return ((map[0] | (unsigned int)map[1] << 8) & (((1u << bytes) - 1) << (port & 7))) == 0;
}

bool pv_port_permitted(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    return iopl_permits(v) || bitmap_permits(v, port, bytes);
}

uint64_t pv_port_breakpoints(const struct vcpu *v, uint16_t port, unsigned int bytes)
{
    const uint64_t dr7 = v->arch.dr7_emul | v->arch.dr7;
    uint64_t hit = 0;

    if (likely(v->arch.dr7_emul == 0))
        return 0;
    for (unsigned int n = 0; n < 4; n++) {
        static const uint8_t width_of[4] = { 1, 2, 8, 4 }; /* LEN field (SDM3 17.2.4) */
        const unsigned int width = width_of[dr7 >> (18 + 4 * n) & 3];
        const uint64_t start = v->arch.dr[n] & ~(uint64_t)(width - 1);

        if ((v->arch.dr7_emul & (3ULL << (2 * n))) && start < port + bytes && port < start + width)
            hit |= 1ULL << n;
    }
    return hit;
}

/* ---- the machine's own ports ---- */

/* ABI: these are never passed through, whatever the domain was given. */
static bool is_direct(struct domain *d, uint16_t port, unsigned int bytes)
{
    if (port == PORT_PCI_ADDRESS && bytes == 4)
        return false;
    if (port == PORT_CMOS_INDEX || port == PORT_CMOS_DATA)
        return false;
    return rangeset_contains(&d->arch.ioports_allowed, port, port + bytes - 1);
}

static uint32_t machine_read(uint16_t port, unsigned int bytes)
{
    return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

static void machine_write(uint16_t port, unsigned int bytes, uint32_t value)
{
    if (bytes == 1)
        outb(port, (uint8_t)value);
    else if (bytes == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
}

/* ---- calendar clock ---- */

static bool owns_cmos(struct domain *d) { return rangeset_contains(&d->arch.ioports_allowed, PORT_CMOS_INDEX, PORT_CMOS_DATA); }

static uint32_t cmos_read(struct domain *d, uint16_t port)
{
    if (port == PORT_CMOS_INDEX)
        return d->arch.cmos_index;
    if (!owns_cmos(d))
        return ~0u;
    const uint64_t flags = spin_lock_irqsave(&cmos_lock);

    outb(PORT_CMOS_INDEX, d->arch.cmos_index & 0x7f);
    const uint8_t value = inb(PORT_CMOS_DATA);

    spin_unlock_irqrestore(&cmos_lock, flags);
    return value;
}

static void cmos_write(struct domain *d, uint16_t port, uint8_t value)
{
    if (port == PORT_CMOS_INDEX) {
        d->arch.cmos_index = value;
        return;
    }
    if (!owns_cmos(d))
        return;
    const uint64_t flags = spin_lock_irqsave(&cmos_lock);

    outb(PORT_CMOS_INDEX, d->arch.cmos_index & 0x7f);
    outb(PORT_CMOS_DATA, value);
    spin_unlock_irqrestore(&cmos_lock, flags);
}

/* ---- timer channel 2 and the speaker gate: the hardware domain's; channels 0 and 1 are nobody's ---- */

static uint32_t pit_read(const struct domain *d, uint16_t port)
{
    if (!d->is_hardware || port == PORT_PIT_MODE)
        return ~0u;
    return inb(port);
}

static void pit_write(const struct domain *d, uint16_t port, uint8_t value)
{
    if (!d->is_hardware)
        return;
    if (port == PORT_PIT_CHANNEL2)
        outb(port, value);
    else if (port == PORT_PIT_MODE && PIT_MODE_CHANNEL(value) == 2)
        outb(port, value);
    else if (port == PORT_SPEAKER)
        outb(port, (uint8_t)((inb(port) & ~3u) | (value & 3)));
}

/* ---- PCI configuration mechanism 1 (PCI 3.0 section 3.2.2.3.2) ---- */

static uint8_t pci_bus(uint32_t address) { return (uint8_t)(address >> 16); }
static uint8_t pci_devfn(uint32_t address) { return (uint8_t)(address >> 8); }
static uint16_t pci_register(uint32_t address, uint16_t port) { return (uint16_t)((address & 0xfc) | (port & 3)); }

static uint32_t pci_read_data(const struct domain *d, uint16_t port, unsigned int bytes)
{
    const uint32_t a = d->arch.pci_cf8;

    if (!d->is_hardware || !(a & PCI_ADDRESS_ENABLE))
        return ~0u;
    return pci_config_read(0, pci_bus(a), pci_devfn(a), pci_register(a, port), bytes);
}

static void pci_write_data(const struct domain *d, uint16_t port, unsigned int bytes, uint32_t value)
{
    const uint32_t a = d->arch.pci_cf8;

    if (d->is_hardware && (a & PCI_ADDRESS_ENABLE))
        pci_config_write_guest(0, pci_bus(a), pci_devfn(a), pci_register(a, port), bytes, value);
}

/* ---- dispatch: an access is cut into the registers that it touches ---- */

static bool is_pit(uint16_t port) { return port == PORT_PIT_CHANNEL2 || port == PORT_PIT_MODE || port == PORT_SPEAKER; }
static bool is_cmos(uint16_t port) { return port == PORT_CMOS_INDEX || port == PORT_CMOS_DATA; }
static bool is_pci_data(uint16_t port) { return (port & 0xfffc) == PORT_PCI_DATA; }

static unsigned int piece_bytes(uint16_t port, unsigned int bytes)
{
    if (port == PORT_PCI_ADDRESS && bytes == 4)
        return 4;
    if (!is_pci_data(port))
        return 1;
    const unsigned int n = min(bytes, 4u - (port & 3));

    return n == 3 ? 2 : n;
}

static uint32_t piece_read(struct domain *d, uint16_t port, unsigned int bytes)
{
    if (is_pit(port))
        return pit_read(d, port);
    if (is_cmos(port))
        return cmos_read(d, port);
    if (port == PORT_PCI_ADDRESS && bytes == 4)
        return d->arch.pci_cf8;
    return is_pci_data(port) ? pci_read_data(d, port, bytes) : ~0u;
}

static void piece_write(struct domain *d, uint16_t port, unsigned int bytes, uint32_t value)
{
    if (is_pit(port))
        pit_write(d, port, (uint8_t)value);
    else if (is_cmos(port))
        cmos_write(d, port, (uint8_t)value);
    else if (port == PORT_PCI_ADDRESS && bytes == 4)
        d->arch.pci_cf8 = value;
    else if (is_pci_data(port))
        pci_write_data(d, port, bytes, value);
}

static uint32_t low_bytes(uint32_t value, unsigned int bytes) { return bytes >= 4 ? value : value & ((1u << (8 * bytes)) - 1); }

uint32_t pv_port_read(struct vcpu *v, uint16_t port, unsigned int bytes)
{
    uint32_t value = 0;
    unsigned int shift = 0, n;

    if (is_direct(v->domain, port, bytes))
        return machine_read(port, bytes);
    for (; bytes != 0; port = (uint16_t)(port + n), bytes -= n, shift += 8 * n) {
        n = piece_bytes(port, bytes);
        value |= low_bytes(piece_read(v->domain, port, n), n) << shift;
    }
    return value;
}

void pv_port_write(struct vcpu *v, uint16_t port, unsigned int bytes, uint32_t value)
{
    unsigned int n;

    if (is_direct(v->domain, port, bytes)) {
        machine_write(port, bytes, value);
        return;
    }
    for (; bytes != 0; port = (uint16_t)(port + n), bytes -= n) {
        n = piece_bytes(port, bytes);
        piece_write(v->domain, port, n, low_bytes(value, n));
        value = n == 4 ? 0 : value >> (8 * n);
    }
}

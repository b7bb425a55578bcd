/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * physdev_op (xen/physdev.h): interrupts, ports and PCI devices for those who drive hardware. The
 * rows of abi/physdev.def say what exists, who may do it and how its argument travels; each
 * handler gets a copy. What an interrupt or a device is, irq/ and platform/ know.
 *
 * Lock: pci_lock around everything that maps interrupts or touches devices.
 */
#include <arch/irq.h>
#include <arch/pci.h>
#include <hv/access.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/log.h>
#include <xen/physdev.h>

#define MAX_MSI_VECTORS 32 /* PCI 3.0 6.8.1.3 */

/* ---- interrupts: end, status ---- */

static int op_eoi(struct physdev_eoi *a)
{
    struct domain *d = current->domain;

    if (a->irq >= pirq_limit(d) || !pirq_is_known(d, a->irq))
        return ERR(EINVAL);
    if (pirq_auto_unmask(d))
        event_unmask_pirq(d, a->irq);
    pirq_eoi(d, a->irq);
    return 0;
}

/* ABI: everything "needs EOI" here; a guest that wants to know better uses the page of pirq_eoi_gmfn. */
static int op_irq_status_query(struct physdev_irq_status_query *a)
{
    if (a->irq >= pirq_limit(current->domain))
        return ERR(EINVAL);
    a->flags = XENIRQSTAT_needs_eoi;
    if (pirq_is_shared(current->domain, a->irq))
        a->flags |= XENIRQSTAT_shared;
    return 0;
}

static int op_pirq_eoi_gmfn_v1(struct physdev_pirq_eoi_gmfn *a)
{
    return pirq_set_eoi_page(current->domain, MFN(a->gmfn), true);
}

static int op_pirq_eoi_gmfn_v2(struct physdev_pirq_eoi_gmfn *a)
{
    return pirq_set_eoi_page(current->domain, MFN(a->gmfn), false);
}

/* ---- ports ---- */

static int op_set_iopl(struct physdev_set_iopl *a)
{
    if (a->iopl > 3)
        return ERR(EINVAL);
    current->arch.iopl = a->iopl;
    return 0;
}

static int op_set_iobitmap(struct physdev_set_iobitmap *a)
{
    if (a->nr_ports > 65536 || !guest_range_ok(handle_va(a->bitmap), (a->nr_ports + 7) / 8))
        return ERR(EINVAL);
    current->arch.iobitmap_va = handle_va(a->bitmap);
    current->arch.iobitmap_ports = a->nr_ports;
    return 0;
}

/* ---- I/O APICs ---- */

static int op_apic_read(struct physdev_apic *a)
{
    return ioapic_guest_read(a->apic_physbase, a->reg, &a->value);
}

static int op_apic_write(struct physdev_apic *a)
{
    return ioapic_guest_write(a->apic_physbase, a->reg, a->value);
}

/* ABI: vectors are ours alone; dom0 gets its irq back to write into the route (ioapic_guest_write). */
static int op_alloc_irq_vector(struct physdev_irq *a)
{
    a->vector = a->irq;
    return 0;
}

/* ABI: 0 is edge and active high, anything else level and low. */
static int op_setup_gsi(struct physdev_setup_gsi *a)
{
    return a->gsi < 0 ? ERR(EINVAL) : ioapic_setup_gsi((unsigned int)a->gsi, a->triggering != 0, a->polarity != 0);
}

/* ---- mapping of interrupts to pirqs ---- */

static int op_get_free_pirq(struct physdev_get_free_pirq *a)
{
    spin_lock(&pci_lock);
    int pirq = pirq_reserve(current->domain, a->type == MAP_PIRQ_TYPE_GSI);
    spin_unlock(&pci_lock);
    if (pirq < 0)
        return pirq;
    a->pirq = (uint32_t)pirq;
    return 0;
}

static bool may_use_irq(unsigned int irq)
{
    return rangeset_contains(&current->domain->irqs_allowed, irq, irq);
}

/* Gives d the irq under a->pirq, or one that is chosen if that is negative. */
static int map_irq(struct domain *d, struct physdev_map_pirq *a, unsigned int irq, bool gsi)
{
    int pirq = pirq_choose(d, a->pirq, irq, gsi);

    if (pirq < 0)
        return pirq;
    if (!may_use_irq(irq))
        return ERR(EPERM);
    int ret = pirq_map(d, (unsigned int)pirq, irq);
    if (ret == 0)
        a->pirq = pirq;
    return ret;
}

/* The hardware domain names a GSI; another one names its own pirq, whose irq is meant. */
static int map_gsi(struct domain *d, struct physdev_map_pirq *a)
{
    if (a->index < 0 || (unsigned int)a->index >= nr_gsis)
        return ERR(EINVAL);
    unsigned int irq = pirq_to_irq(current->domain, (unsigned int)a->index);
    if (irq == 0 && current->domain->is_hardware)
        irq = (unsigned int)a->index;
    /* ABI: GSI 0 is nobody's: -EPERM by the check of rights. A message interrupt has one owner. */
    if ((irq == 0 && !current->domain->is_hardware) || irq >= nr_gsis)
        return ERR(EINVAL);
    return map_irq(d, a, irq, true);
}

static struct pci_address msi_address(const struct physdev_map_pirq *a)
{
    struct pci_address p = { .bus = (uint8_t)a->bus, .devfn = (uint8_t)a->devfn };

    if (a->type != MAP_PIRQ_TYPE_MSI)
        p.segment = (uint16_t)((uint32_t)a->bus >> 16);
    return p;
}

/* The message first: then the pirq exists only with an interrupt behind it. */
static int map_fresh_msi(struct domain *d, struct physdev_map_pirq *a, unsigned int irq)
{
    int ret = rangeset_add(&current->domain->irqs_allowed, irq, irq);

    if (ret)
        return ret;
    ret = msi_enable(msi_address(a), irq, a->table_base ? (unsigned int)a->entry_nr : 0, a->table_base);
    if (ret)
        return ret;
    ret = map_irq(d, a, irq, false);
    if (ret)
        msi_disable(irq);
    return ret;
}

static int map_msi(struct domain *d, struct physdev_map_pirq *a)
{
    int irq = irq_alloc_msi();

    if (irq < 0)
        return ERR(EINVAL);
    int ret = map_fresh_msi(d, a, (unsigned int)irq);
    if (ret) {
        irq_free_msi((unsigned int)irq);
        if (rangeset_remove(&current->domain->irqs_allowed, (unsigned int)irq, (unsigned int)irq))
            log_warn("physdev: no memory to withdraw irq %d\n", irq);
    }
    return ret;
}

/* ABI: several vectors of one MSI need interrupt remapping, which is not there: -EOPNOTSUPP, and Linux takes one. */
static int check_multi_msi(struct physdev_map_pirq *a)
{
    if (a->table_base == 0 && a->type != MAP_PIRQ_TYPE_MULTI_MSI)
        a->entry_nr = 1;
    if (a->type != MAP_PIRQ_TYPE_MULTI_MSI)
        return 0;
    if (a->entry_nr <= 0 || a->entry_nr > MAX_MSI_VECTORS)
        return ERR(EDOM);
    return a->entry_nr != 1 ? ERR(EOPNOTSUPP) : 0;
}

static int map_one(struct domain *d, struct physdev_map_pirq *a)
{
    int ret;

    switch (a->type) {
    case MAP_PIRQ_TYPE_GSI:
        return map_gsi(d, a);
    case MAP_PIRQ_TYPE_MULTI_MSI:
        ret = check_multi_msi(a);
        if (ret)
            return ret;
        a->table_base = 0;
        return map_msi(d, a);
    case MAP_PIRQ_TYPE_MSI:
    case MAP_PIRQ_TYPE_MSI_SEG:
        /* An irq of the caller's own choice would have to be one that another device has already. */
        return a->index == -1 ? map_msi(d, a) : ERR(EINVAL);
    default:
        return ERR(EINVAL);
    }
}

static int op_map_pirq(struct physdev_map_pirq *a)
{
    struct domain *d;
    int ret = access_get_domain(ACCESS_CONTROL, a->domid, &d);

    if (ret)
        return ret;
    spin_lock(&pci_lock);
    ret = d->arch.pirqs ? map_one(d, a) : ERR(EINVAL);
    spin_unlock(&pci_lock);
    domain_put(d);
    return ret;
}

static int op_unmap_pirq(struct physdev_unmap_pirq *a)
{
    struct domain *d;
    int ret = access_get_domain(ACCESS_CONTROL, a->domid, &d);

    if (ret)
        return ret;
    if (a->pirq < 0 || (unsigned int)a->pirq >= pirq_limit(d))
        ret = ERR(EINVAL);
    else {
        spin_lock(&pci_lock);
        ret = pirq_unmap(d, (unsigned int)a->pirq);
        spin_unlock(&pci_lock);
    }
    domain_put(d);
    return ret;
}

/* ---- PCI devices ---- */

static int add_device(struct pci_address a, bool is_virtual, struct pci_address physical)
{
    spin_lock(&pci_lock);
    int ret = pci_device_add(a, is_virtual, physical);
    spin_unlock(&pci_lock);
    return ret;
}

static int remove_device(struct pci_address a)
{
    spin_lock(&pci_lock);
    int ret = pci_device_remove(a);
    spin_unlock(&pci_lock);
    return ret;
}

static int on_device(struct pci_address a, int (*fn)(struct pci_device *))
{
    spin_lock(&pci_lock);
    struct pci_device *device = pci_device_get(a);
    int ret = device ? fn(device) : ERR(ENODEV);
    spin_unlock(&pci_lock);
    return ret;
}

static struct pci_address address_of(const struct physdev_pci_device *a)
{
    return (struct pci_address){ .segment = a->seg, .bus = a->bus, .devfn = a->devfn };
}

static int op_manage_pci_add(struct physdev_manage_pci *a)
{
    return add_device((struct pci_address){ .bus = a->bus, .devfn = a->devfn }, false, (struct pci_address){ 0 });
}

static int op_manage_pci_remove(struct physdev_manage_pci *a)
{
    return remove_device((struct pci_address){ .bus = a->bus, .devfn = a->devfn });
}

static int op_manage_pci_add_ext(struct physdev_manage_pci_ext *a)
{
    if (a->is_extfn > 1 || a->is_virtfn > 1)
        return ERR(EINVAL);
    return add_device((struct pci_address){ .bus = a->bus, .devfn = a->devfn }, a->is_virtfn,
                      (struct pci_address){ .bus = a->physfn.bus, .devfn = a->physfn.devfn });
}

/* The proximity domain that may follow says nothing to us: memory is one node. */
static int op_pci_device_add(struct physdev_pci_device_add *a)
{
    return add_device((struct pci_address){ .segment = a->seg, .bus = a->bus, .devfn = a->devfn },
                      (a->flags & XEN_PCI_DEV_VIRTFN) != 0,
                      (struct pci_address){ .segment = a->seg, .bus = a->physfn.bus, .devfn = a->physfn.devfn });
}

static int op_pci_device_remove(struct physdev_pci_device *a)
{
    return remove_device(address_of(a));
}

static int op_restore_msi(struct physdev_restore_msi *a)
{
    return on_device((struct pci_address){ .bus = a->bus, .devfn = a->devfn }, msi_restore);
}

static int op_restore_msi_ext(struct physdev_pci_device *a)
{
    return on_device(address_of(a), msi_restore);
}

static int op_prepare_msix(struct physdev_pci_device *a)
{
    return on_device(address_of(a), msix_prepare);
}

static int op_release_msix(struct physdev_pci_device *a)
{
    return on_device(address_of(a), msix_release);
}

static int op_pci_mmcfg_reserved(struct physdev_pci_mmcfg_reserved *a)
{
    return mmcfg_announce(a->address, a->segment, a->start_bus, a->end_bus, (a->flags & XEN_PCI_MMCFG_RESERVED) != 0);
}

/* ABI: 0 where the hypervisor's console is not on a USB debug port, and there is no such console. */
static int op_dbgp_op(struct physdev_dbgp_op *a)
{
    return 0;
}

/* ---- dispatch ---- */

enum direction { DIRECTION_IN, DIRECTION_INOUT, DIRECTION_ALWAYS };

union argument {
#define PHYSDEV_OP(nr, name, type, who, direction) type name;
#include "../../abi/physdev.def"
#undef PHYSDEV_OP
};

static int call(unsigned int cmd, union argument *a)
{
    switch (cmd) {
#define PHYSDEV_OP(nr, name, type, who, direction) case nr: return op_##name(&a->name);
#include "../../abi/physdev.def"
#undef PHYSDEV_OP
    default:
        return ERR(ENOSYS);
    }
}

static const struct row {
    unsigned int cmd, bytes;
    enum access_class who;
    enum direction direction;
} rows[] = {
#define PHYSDEV_OP(nr, name, type, who, direction) { nr, sizeof(type), ACCESS_##who, DIRECTION_##direction },
#include "../../abi/physdev.def"
#undef PHYSDEV_OP
};

static const struct row *find_row(uint64_t cmd)
{
    for (unsigned int i = 0; i < array_size(rows); i++)
        if (rows[i].cmd == cmd)
            return &rows[i];
    return NULL;
}

static long do_physdev_op(uint64_t cmd, uint64_t arg)
{
    const struct row *row = find_row(cmd);
    union argument a;
    int ret;

    if (!row)
        return ERR(ENOSYS);
    if (guest_read(&a, arg, row->bytes))
        return ERR(EFAULT);
    ret = row->who == ACCESS_ANY ? 0 : access_check(row->who, current->domain, NULL);
    if (ret)
        return ret;
    ret = call(row->cmd, &a);
    const bool back = row->direction == DIRECTION_ALWAYS || (ret == 0 && row->direction == DIRECTION_INOUT);

    if (back && guest_write(arg, &a, row->bytes))
        return ERR(EFAULT);
    return ret;
}

long hc_physdev_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    return do_physdev_op((uint32_t)cmd, arg);
}

/* ABI: the old form has command and argument in one structure, for the oldest operations only. */
long hc_physdev_op_compat(uint64_t arg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint32_t cmd;

    if (guest_read(&cmd, arg + offsetof(struct physdev_op, cmd), sizeof(cmd)))
        return ERR(EFAULT);
    switch (cmd) {
    case PHYSDEVOP_irq_status_query:
    case PHYSDEVOP_set_iopl:
    case PHYSDEVOP_set_iobitmap:
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write:
    case PHYSDEVOP_alloc_irq_vector:
        return do_physdev_op(cmd, arg + offsetof(struct physdev_op, u));
    default:
        return ERR(ENOSYS);
    }
}

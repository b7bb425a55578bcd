/* SPDX-License-Identifier: GPL-2.0-or-later */
/* platform_op about the machine around the CPUs: memory types, firmware, sleep. */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/control.h>
#include <hv/errno.h>

/* Range registers of memory types (SDM3 12.11) */
#define MTRR_CAP_COUNT   0xffu
#define MTRR_TYPE        0xffu
#define MTRR_MASK_VALID  (1u << 11)
#define CPUID1D_MTRR     (1u << 12)

static unsigned int nr_range_registers(void)
{
    return cpuid(1).d & CPUID1D_MTRR ? (unsigned int)rdmsr(MSR_MTRR_CAP) & MTRR_CAP_COUNT : 0;
}

/* ABI: an unused register tells a range without frames. */
long platform_read_memtype(struct xen_platform_op *op)
{
    struct xenpf_read_memtype *a = &op->u.read_memtype;
    const uint64_t frames = (1ULL << (cpu_features.phys_bits - PAGE_SHIFT)) - 1;
    uint64_t base, mask;

    if (a->reg >= nr_range_registers())
        return ERR(EINVAL);
    if (rdmsr_safe(MSR_MTRR_PHYS_BASE(a->reg), &base) != 0 || rdmsr_safe(MSR_MTRR_PHYS_MASK(a->reg), &mask) != 0)
        return ERR(EINVAL);
    a->mfn = a->nr_mfns = a->type = 0;
    if (!(mask & MTRR_MASK_VALID))
        return 0;
    a->mfn = (base >> PAGE_SHIFT) & frames;
    a->nr_mfns = (~(mask >> PAGE_SHIFT) & frames) + 1;
    a->type = (uint32_t)base & MTRR_TYPE;
    return 0;
}

/*
 * Nobody asked the BIOS about disks, the screen or the keyboard before this hypervisor started.
 * ABI: the answers of a machine that has none.
 */
long platform_firmware_info(struct xen_platform_op *op)
{
    switch (op->u.firmware_info.type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO:
    case XEN_FW_KBD_SHIFT_FLAGS:
        return ERR(ESRCH);
    case XEN_FW_EFI_INFO:
        return efi_tell(op->u.firmware_info.index, &op->u.firmware_info.u.efi_info);
    default:
        return ERR(EINVAL);
    }
}

/* Registers of hardware-reduced machines (the "extended" form) are not known to stand anywhere. */
long platform_enter_acpi_sleep(struct xen_platform_op *op)
{
    const struct xenpf_enter_acpi_sleep *a = &op->u.enter_acpi_sleep;

    if (a->flags & ~(uint32_t)XENPF_ACPI_SLEEP_EXTENDED)
        return ERR(EINVAL);
    if (a->flags & XENPF_ACPI_SLEEP_EXTENDED)
        return ERR(EPERM);
    return acpi_enter_sleep(a->val_a, a->val_b, a->sleep_state);
}

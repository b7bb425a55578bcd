/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory of the current PV vCPU, by virtual address under its own page tables. The
 * hypervisor runs with the guest's CR3; a fault ends in the exception table.
 */
#include <arch/page.h>
#include <hv/errno.h>
#include <hv/fault.h>
#include <hv/guest_access.h>

uint64_t copy_fallible(void *dst, const void *src, uint64_t n);
uint64_t zero_fallible(void *dst, uint64_t n);

int guest_read_any(void *dst, uint64_t guest_va, size_t n)
{
    if (unlikely(copy_fallible(dst, (const void *)guest_clamp(guest_va), n) != 0))
        return ERR(EFAULT);
    return 0;
}

int guest_write_any(uint64_t guest_va, const void *src, size_t n)
{
    if (unlikely(copy_fallible((void *)guest_clamp(guest_va), src, n) != 0))
        return ERR(EFAULT);
    return 0;
}

int guest_zero(uint64_t guest_va, size_t n)
{
    const bool fails = fault_due(FAULT_COPY);

    if (unlikely(zero_fallible((void *)guest_clamp(guest_va), fails ? n / 2 : n) != 0 || fails))
        return ERR(EFAULT);
    return 0;
}

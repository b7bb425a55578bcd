/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies between the hypervisor and the current vCPU's memory, by guest virtual
 * address. Copy once: never read the same guest field twice.
 * Context: interrupts enabled or not, current is the vCPU; never sleeps.
 */
#ifndef HV_GUEST_ACCESS_H
#define HV_GUEST_ACCESS_H

#include <hv/compiler.h>

/* 0, or -EFAULT: not mapped, not permitted, or reaching into the hypervisor. A fault half-way leaves a part copied. */
#ifdef HV_HOST_TEST
int guest_read(void *dst, uint64_t guest_va, size_t n) must_check;
int guest_write(uint64_t guest_va, const void *src, size_t n) must_check;
#else
#include <arch/guest_copy.h>
#include <hv/fault.h>
int guest_read_any(void *dst, uint64_t guest_va, size_t n) must_check;
int guest_write_any(uint64_t guest_va, const void *src, size_t n) must_check;
/* Faults that were planned: always -EFAULT (hv/core/fault.c). */
int guest_read_half(void *dst, uint64_t guest_va, size_t n) must_check;
int guest_write_half(uint64_t guest_va, const void *src, size_t n) must_check;

static always_inline must_check int guest_read(void *dst, uint64_t guest_va, size_t n)
{
    if (fault_due(FAULT_COPY))
        return guest_read_half(dst, guest_va, n);
    if (__builtin_constant_p(n) && n <= GUEST_INLINE_MAX)
        return guest_read_inline(dst, guest_clamp(guest_va), n);
    return guest_read_any(dst, guest_va, n);
}

static always_inline must_check int guest_write(uint64_t guest_va, const void *src, size_t n)
{
    if (fault_due(FAULT_COPY))
        return guest_write_half(guest_va, src, n);
    if (__builtin_constant_p(n) && n <= GUEST_INLINE_MAX)
        return guest_write_inline(guest_clamp(guest_va), src, n);
    return guest_write_any(guest_va, src, n);
}
#endif
int guest_zero(uint64_t guest_va, size_t n) must_check;
/* Trust: the guest's address: its own half, or above the hypervisor's slots. Is [va, va+n) outside the hypervisor's range and canonical? Does not touch it. */
#ifdef HV_HOST_TEST
bool guest_range_ok(uint64_t guest_va, size_t n);
#else
static inline bool guest_range_ok(uint64_t guest_va, size_t n)
{
    const uint64_t end = guest_va + n;

    return likely(end >= guest_va) && (end <= 0x0000800000000000ULL || guest_va >= HV_VIRT_END);
}
#endif

/* ABI: of many arrays only where they begin is looked at, even if they are empty; each access is checked by itself. */
static inline bool guest_address_ok(uint64_t guest_va)
{
    return guest_range_ok(guest_va, 0) && guest_va != 0x0000800000000000ULL;
}

/* Typed forms for XEN_GUEST_HANDLEs; `i` counts elements. 0 or -EFAULT. */
#define handle_va(h)        ((uint64_t)(uintptr_t)(h).p)
#define handle_is_null(h)   ((h).p == NULL)
#define copy_from_guest(dst, h, n)         guest_read(dst, handle_va(h), sizeof(*(dst)) * (size_t)(n))
#define copy_from_guest_at(dst, h, i, n)   guest_read(dst, handle_va(h) + (uint64_t)(i) * sizeof(*(dst)), sizeof(*(dst)) * (size_t)(n))
#define copy_to_guest(h, src, n)           guest_write(handle_va(h), src, sizeof(*(src)) * (size_t)(n))
#define copy_to_guest_at(h, i, src, n)     guest_write(handle_va(h) + (uint64_t)(i) * sizeof(*(src)), src, sizeof(*(src)) * (size_t)(n))

#endif

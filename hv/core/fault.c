/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault injection (hv/fault.h), not in release builds. A fault is planned for one hypercall, and only
 * while that runs on this CPU: there is nothing to clean up. Tests: tests/guest/faults.
 */
#include <hv/access.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/fault.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/param.h>

static bool enabled;
BOOT_PARAM_BOOL(fault_injection, "fault_injection", enabled);

DEFINE_PER_CPU(struct fault_plan, fault_plan);

bool fault_reached(enum fault_kind kind)
{
    struct fault_plan *p = &this_cpu(fault_plan);

    return p->kind == kind && ++p->passed == p->at;
}

int guest_read_half(void *dst, uint64_t guest_va, size_t n)
{
    (void)!guest_read_any(dst, guest_va, n / 2);
    return ERR(EFAULT);
}

int guest_write_half(uint64_t guest_va, const void *src, size_t n)
{
    (void)!guest_write_any(guest_va, src, n / 2);
    return ERR(EFAULT);
}

static long call(struct fault_call *c)
{
    struct fault_plan *p = &this_cpu(fault_plan);
    hypercall_fn *fn = c->nr == FAULT_HYPERCALL || c->nr == __HYPERVISOR_iret ? NULL : hypercall_find(c->nr);
    long result;

    if (fn == NULL)
        return ERR(ENOSYS);
    *p = (struct fault_plan){ .armed = true, .kind = c->kind, .at = c->at };
    result = fn(c->args[0], c->args[1], c->args[2], c->args[3], c->args[4]);
    p->armed = false;
    c->objects = heap_nr_objects();
    c->passed = p->passed;
    return result;
}

/* A continuation makes the hypercall itself, without faults. */
long hc_fault_injection(uint64_t call_va, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    const struct domain *d = current->domain;
    struct fault_call c;
    long result;

    if (!enabled || !access_allows(ACCESS_CONTROL, d, d))
        return ERR(ENOSYS);
    if (guest_read(&c, call_va, sizeof(c)) != 0)
        return ERR(EFAULT);
    result = call(&c);
    return guest_write(call_va + offsetof(struct fault_call, passed), &c.passed, sizeof(c) - offsetof(struct fault_call, passed)) ? ERR(EFAULT) : result;
}

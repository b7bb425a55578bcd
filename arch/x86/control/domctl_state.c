/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl operations on what of a vCPU's state struct vcpu_guest_context has no room for: entry points
 * of 32-bit system calls, extended FPU state, MSRs. Save, restore and migration use them.
 */
#include <arch/cpu.h>
#include <arch/cpu_policy.h>
#include <arch/pv.h>
#include <arch/spec_ctrl.h>
#include <hv/control.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/percpu.h>

/* ---- ext_vcpucontext ---- */

static int find_vcpu(struct domain *d, uint32_t id, struct vcpu **v)
{
    *v = domain_vcpu(d, id);
    if (*v != NULL)
        return 0;
    return ERR(ESRCH);
}

long domctl_get_ext_vcpucontext(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_ext_vcpucontext *a = &op->u.ext_vcpucontext;
    struct vcpu *v;
    const int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0)
        return rc;
    if (v == current)
        return ERR(EINVAL);
    *a = (struct xen_domctl_ext_vcpucontext){ .vcpu = v->id, .size = sizeof(*a) };
    vcpu_pause(v);
    a->syscall32_callback_eip = v->arch.syscall32.rip;
    a->syscall32_disables_events = v->arch.syscall32.disables_events;
    a->sysenter_callback_eip = v->arch.sysenter.rip;
    a->sysenter_disables_events = v->arch.sysenter.disables_events;
    vcpu_unpause(v);
    return 0;
}

/* ABI: the machine-check part came later; callers without it give a smaller size. */
long domctl_set_ext_vcpucontext(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_ext_vcpucontext *a = &op->u.ext_vcpucontext;
    struct vcpu *v;
    const int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0)
        return rc;
    if (v == current || a->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))
        return ERR(EINVAL);
    if (!va_is_canonical(a->syscall32_callback_eip) || !va_is_canonical(a->sysenter_callback_eip))
        return ERR(EINVAL);
    domain_pause(d);
    v->arch.syscall32 = (struct pv_callback){ a->syscall32_callback_eip, a->syscall32_disables_events != 0 };
    v->arch.sysenter = (struct pv_callback){ a->sysenter_callback_eip, a->sysenter_disables_events != 0 };
    domain_unpause(d);
    return 0;
}

/* ---- extended FPU state: XCR0, every feature that was ever on, and an XSAVE area in the standard format ---- */

struct xsave_header { uint64_t xcr0, features; };
#define XSTATE_BV_OFFSET 512u /* SDM1 13.4.2: features present, then the format, then 48 reserved bytes */
#define XSTATE_HEADER    64u
#define XSTATE_LEGACY    (XSTATE_BV_OFFSET + XSTATE_HEADER)

/* Bytes of an area with these features, by where CPUID says that they lie (SDM1 13.4.3). */
static size_t area_bytes(uint64_t features)
{
    size_t bytes = XSTATE_LEGACY;

    for (unsigned int i = 2; i < 63; i++) {
        if (!(features & (1ULL << i)))
            continue;
        const struct cpuid_leaf leaf = cpuid_count(0xd, i);

        bytes = max(bytes, (size_t)leaf.a + leaf.b);
    }
    return bytes;
}

static size_t state_bytes(uint64_t features)
{
    return features ? sizeof(struct xsave_header) + area_bytes(features) : 0;
}

static int write_state(struct vcpu *v, uint64_t to, uint64_t features)
{
    const struct xsave_header h = { v->arch.xcr0, features };
    int rc;

    vcpu_pause(v);
    rc = guest_write(to, &h, sizeof(h));
    if (rc == 0)
        rc = guest_write(to + sizeof(h), v->arch.fpu, area_bytes(features));
    vcpu_unpause(v);
    return rc;
}

/* ABI: size and mask 0 ask for both; then they must come back as they were told. */
long domctl_getvcpuextstate(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuextstate *a = &op->u.vcpuextstate;
    const uint64_t features = cpu_features.xsave ? cpu_features.xcr0_mask : 0;
    struct vcpu *v;
    int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0)
        return rc;
    if (v == current)
        return ERR(EINVAL);
    if (a->size == 0 && a->xfeature_mask == 0) {
        a->xfeature_mask = features;
        a->size = state_bytes(features);
        return 0;
    }
    if (a->size != state_bytes(features) || a->xfeature_mask != features)
        return ERR(EINVAL);
    return features ? write_state(v, handle_va(a->buffer), features) : 0;
}

/* Trust: what is in the components is for XRSTOR to refuse (pv/fpu.c); here only what the area claims. */
static int check_state(const uint8_t *state, size_t bytes)
{
    static const uint8_t zero[XSTATE_HEADER - 8];
    const uint8_t *area = state + sizeof(struct xsave_header);
    struct xsave_header h;
    uint64_t present;

    memcpy(&h, state, sizeof(h));
    if (h.features & ~cpu_features.xcr0_mask)
        return ERR(EOPNOTSUPP);
    if (!pv_xcr0_valid(h.features) || !pv_xcr0_valid(h.xcr0) || h.xcr0 & ~h.features || bytes != state_bytes(h.features))
        return ERR(EINVAL);
    memcpy(&present, area + XSTATE_BV_OFFSET, sizeof(present));
    if (present & ~h.features)
        return ERR(EINVAL);
    return memcmp(area + XSTATE_BV_OFFSET + 8, zero, sizeof(zero)) == 0 ? 0 : ERR(EOPNOTSUPP);
}

static void load_state(struct vcpu *v, const uint8_t *state, size_t bytes)
{
    const size_t room = cpu_features.xsave_bytes, given = bytes - sizeof(struct xsave_header);
    uint8_t *area = (uint8_t *)v->arch.fpu;

    domain_pause(v->domain);
    memcpy(&v->arch.xcr0, state, sizeof(v->arch.xcr0));
    memcpy(area, state + sizeof(struct xsave_header), given);
    memset(area + given, 0, room - given);
    v->arch.fpu_initialised = true;
    domain_unpause(v->domain);
}

long domctl_setvcpuextstate(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuextstate *a = &op->u.vcpuextstate;
    const size_t least = sizeof(struct xsave_header) + XSTATE_LEGACY;
    uint8_t *state;
    struct vcpu *v;
    int rc = find_vcpu(d, a->vcpu, &v);

    if (rc != 0)
        return rc;
    if (v == current || !cpu_features.xsave || a->size < least ||
        a->size > sizeof(struct xsave_header) + cpu_features.xsave_bytes)
        return ERR(EINVAL);
    state = heap_alloc(a->size, 16);
    if (state == NULL)
        return ERR(ENOMEM);
    rc = guest_read(state, handle_va(a->buffer), a->size) != 0 ? ERR(EFAULT) : check_state(state, a->size);
    if (rc == 0)
        load_state(v, state, a->size);
    heap_free(state);
    return rc;
}

/* ---- MSRs ---- */

#define MSR_MISC_FEATURES_ENABLES 0x140u
#define CPUID_FAULTING            1u
#define NR_SAVED_MSRS             2u

/* ABI: only registers that are not 0 are told. */
long domctl_get_vcpu_msrs(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpu_msrs *a = &op->u.vcpu_msrs;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    const bool only_count = handle_is_null(a->msrs);
    struct xen_domctl_vcpu_msr msrs[NR_SAVED_MSRS] = { 0 };
    uint32_t nr = 0;

    if (v == NULL || v == current)
        return ERR(EINVAL);
    if (only_count || a->msr_count < NR_SAVED_MSRS) {
        a->msr_count = NR_SAVED_MSRS;
        return only_count ? 0 : ERR(ENOBUFS);
    }
    if (read_once(v->arch.spec_ctrl) != 0)
        msrs[nr++] = (struct xen_domctl_vcpu_msr){ .index = MSR_SPEC_CTRL, .value = read_once(v->arch.spec_ctrl) };
    if (read_once(v->arch.cpuid_faulting))
        msrs[nr++] = (struct xen_domctl_vcpu_msr){ .index = MSR_MISC_FEATURES_ENABLES, .value = CPUID_FAULTING };
    a->msr_count = nr;
    return nr != 0 && copy_to_guest(a->msrs, msrs, nr) ? ERR(EFAULT) : 0;
}

static int load_cpuid_faulting(struct vcpu *v, uint64_t value)
{
    if (value & ~(uint64_t)CPUID_FAULTING ||
        (value != 0 && !(v->domain->arch.cpu_policy->platform_info & PLATFORM_INFO_CPUID_FAULTING)))
        return ERR(EINVAL);
    v->arch.cpuid_faulting = value != 0;
    return 0;
}

static int load_spec_ctrl(struct vcpu *v, uint64_t value)
{
    if (value & ~(uint64_t)spec_ctrl_guest_bits(v))
        return ERR(EINVAL);
    v->arch.spec_ctrl = (uint32_t)value;
    return 0;
}

static int load_msr(struct vcpu *v, const struct xen_domctl_vcpu_msr *msr)
{
    if (msr->reserved != 0)
        return ERR(EINVAL);
    switch (msr->index) {
    case MSR_MISC_FEATURES_ENABLES: return load_cpuid_faulting(v, msr->value);
    case MSR_SPEC_CTRL:             return load_spec_ctrl(v, msr->value);
    default:                        return ERR(EINVAL);
    }
}

/* ABI: after an error msr_count names the entry that it is about. */
long domctl_set_vcpu_msrs(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpu_msrs *a = &op->u.vcpu_msrs;
    struct vcpu *v = domain_vcpu(d, a->vcpu);
    uint32_t i;
    int rc = 0;

    if (v == NULL || v == current || a->msr_count > NR_SAVED_MSRS)
        return ERR(EINVAL);
    domain_pause(d);
    for (i = 0; i < a->msr_count && rc == 0; i++) {
        struct xen_domctl_vcpu_msr msr;

        rc = copy_from_guest_at(&msr, a->msrs, i, 1) ? ERR(EFAULT) : load_msr(v, &msr);
    }
    domain_unpause(d);
    a->msr_count = rc ? i - 1 : i;
    return rc;
}

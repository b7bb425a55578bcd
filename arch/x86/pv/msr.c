/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers of PV guests: the few that exist for them. All others are #GP, with one
 * exception for early kernels (xen/arch-x86/xen.h, at struct trap_info).
 */
#include <arch/cpu_policy.h>
#include <arch/pv.h>
#include <arch/spec_ctrl.h>
#include <arch/time.h>
#include <hv/errno.h>
#include <hv/frame.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>

/* SDM4, APM2 appendix A */
#define MSR_P5_MC_ADDR        0x0u
#define MSR_P5_MC_TYPE        0x1u
#define MSR_PLATFORM_ID       0x17u
#define MSR_FEATURE_CONTROL   0x3au
#define MSR_UCODE_WRITE       0x79u
#define MSR_PERFCTR0          0xc1u
#define MSR_PLATFORM_INFO     0xceu
#define MSR_MPERF             0xe7u
#define MSR_APERF             0xe8u
#define MSR_ARCH_CAPS         0x10au
#define MSR_MISC_FEATURES     0x140u
#define MSR_MCG_STATUS        0x17au
#define MSR_MCG_CTL           0x17bu
#define MSR_EVNTSEL0          0x186u
#define MSR_PERF_STATUS       0x198u
#define MSR_PERF_CTL          0x199u
#define MSR_THERM_STATUS      0x19cu
#define MSR_MC0_CTL2          0x280u
#define MSR_FIXED_CTR0        0x309u
#define MSR_PERF_CAPABILITIES 0x345u
#define MSR_FIXED_CTR_CTRL    0x38du
#define MSR_GLOBAL_OVF_CTRL   0x390u
#define MSR_MC0_CTL           0x400u
#define MSR_HYPERCALL_PAGE    0x40000000u
#define MSR_K7_EVNTSEL0       0xc0010000u
#define MSR_K7_PERFCTR3       0xc0010007u
#define MSR_K8_SYSCFG         0xc0010010u
#define MSR_K8_HWCR           0xc0010015u
#define MSR_K8_IORR_BASE0     0xc0010016u
#define MSR_K8_IORR_MASK1     0xc0010019u
#define MSR_K8_TOP_MEM1       0xc001001au
#define MSR_K8_TOP_MEM2       0xc001001du
#define MSR_K8_NB_CFG         0xc001001fu
#define MSR_K7_FID_VID_CTL    0xc0010041u
#define MSR_K7_FID_VID_STATUS 0xc0010042u
#define MSR_FAM10H_MMIO_BASE  0xc0010058u
#define MSR_K8_TSEG_BASE      0xc0010112u
#define MSR_K8_TSEG_MASK      0xc0010113u
#define MSR_AMD_PSTATE_LIMIT  0xc0010061u
#define MSR_AMD_PSTATE7       0xc001006bu
#define MSR_FAM15H_EVNTSEL0   0xc0010200u
#define MSR_FAM15H_PERFCTR5   0xc001020bu

#define APIC_BASE_ADDRESS     0xfee00000u
#define APIC_BASE_BSP         (1u << 8)
#define APIC_BASE_ENABLE      (1u << 11)
#define FEATURE_CONTROL_LOCK  1u
#define MISC_ENABLE_PERF      (1u << 7)
#define MISC_ENABLE_NO_BTS    (1u << 11)
#define MISC_ENABLE_NO_PEBS   (1u << 12)
#define MISC_ENABLE_MONITOR   (1u << 18)
#define MISC_ENABLE_NO_XTPR   (1u << 23)
#define MISC_CPUID_FAULTING   1u
#define HWCR_TSC_FREQ_SEL     (1u << 24)
#define GUEST_MCE_BANKS       2u
#define MAX_MCE_BANKS         32u
#define SYSCFG_SHOWN          0x00740000u /* how memory above and below 4 GiB is typed */
#define EFER_GUEST            (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

#ifdef HV_DEBUG
#define note_unknown(...) guest_printk(LOG_DEBUG, __VA_ARGS__)
#else
#define note_unknown(...) ((void)0)
#endif

static bool is_intel(void) { return cpu_features.vendor == CPU_VENDOR_INTEL; }
static bool is_amd(void) { return cpu_features.vendor == CPU_VENDOR_AMD || cpu_features.vendor == CPU_VENDOR_HYGON; }
static bool within(uint32_t msr, uint32_t first, uint32_t last) { return msr - first <= last - first; }

/* Performance counters are not given to guests: they read as zero and forget what is written, as with stock's vpmu=off. */
static bool is_counter(uint32_t msr)
{
    if (is_intel())
        return within(msr, MSR_PERFCTR0, MSR_PERFCTR0 + 3) || within(msr, MSR_EVNTSEL0, MSR_EVNTSEL0 + 3) ||
               within(msr, MSR_FIXED_CTR0, MSR_FIXED_CTR0 + 2) || within(msr, MSR_FIXED_CTR_CTRL, MSR_GLOBAL_OVF_CTRL);
    return is_amd() && (within(msr, MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3) || within(msr, MSR_FAM15H_EVNTSEL0, MSR_FAM15H_PERFCTR5));
}

/* ---- machine checks: two banks that never report anything ---- */

/* ABI: banks that are not there, and CTL2 of all, read as zero and forget what is written. */
static bool is_absent_bank(uint32_t msr)
{
    return within(msr, MSR_MC0_CTL + 4 * GUEST_MCE_BANKS, MSR_MC0_CTL + 4 * MAX_MCE_BANKS - 1) ||
           within(msr, MSR_MC0_CTL2, MSR_MC0_CTL2 + MAX_MCE_BANKS - 1);
}

static bool is_mce_bank(uint32_t msr) { return within(msr, MSR_MC0_CTL, MSR_MC0_CTL + 4 * GUEST_MCE_BANKS - 1); }

static uint64_t mce_bank_read(uint32_t msr) { return (msr & 3) == 0 ? ~0ULL : 0; }

/* CTL takes anything, the others only the zero that clears them. */
static int mce_bank_write(uint32_t msr, uint64_t value) { return (msr & 3) == 0 || value == 0 ? 0 : ERR(EINVAL); }

/* ---- reading ---- */

static uint64_t misc_enable_view(uint64_t value)
{
    value &= ~(uint64_t)(MISC_ENABLE_PERF | MISC_ENABLE_MONITOR);
    return value | MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS | MISC_ENABLE_NO_XTPR;
}

static int read_misc_enable(uint64_t *value)
{
    if (rdmsr_safe(MSR_MISC_ENABLE, value) != 0)
        return ERR(EINVAL);
    *value = misc_enable_view(*value);
    return 0;
}

static int read_machine(bool allowed, uint32_t msr, uint64_t *value)
{
    return allowed && rdmsr_safe(msr, value) == 0 ? 0 : ERR(EINVAL);
}

static int read_constant(bool exists, uint64_t constant, uint64_t *value)
{
    *value = constant;
    return exists ? 0 : ERR(EINVAL);
}

static bool has_mmio_base(void) { return is_amd() && cpu_features.family >= 0x10; }

static int read_amd(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct cpu_policy *p = v->domain->arch.cpu_policy;

    if (within(msr, MSR_AMD_PSTATE_LIMIT, MSR_AMD_PSTATE7))
        return read_constant(true, 0, value);
    if (within(msr, MSR_K8_IORR_BASE0, MSR_K8_IORR_MASK1))
        return read_machine(v->domain->is_hardware, msr, value);
    switch (msr) {
    case MSR_K8_SYSCFG:
        if (read_machine(v->domain->is_hardware, msr, value) != 0)
            return ERR(EINVAL);
        *value &= SYSCFG_SHOWN;
        return 0;
    case MSR_K8_TOP_MEM1:
    case MSR_K8_TOP_MEM2:
    case MSR_K8_TSEG_BASE:
    case MSR_K8_TSEG_MASK:
        return read_machine(v->domain->is_hardware, msr, value);
    case MSR_FAM10H_MMIO_BASE:
        return read_machine(v->domain->is_hardware && has_mmio_base(), msr, value);
    case MSR_K8_NB_CFG:
    case MSR_K7_FID_VID_CTL:
    case MSR_K7_FID_VID_STATUS:
        return read_constant(true, 0, value);
    case MSR_K8_HWCR:
        return read_constant(true, cpu_policy_has(p, XEN_X86_FEATURE_ITSC) ? HWCR_TSC_FREQ_SEL : 0, value);
    case MSR_AMD_DE_CFG:
        return read_constant(true, DE_CFG_LFENCE, value);
    default:
        return ERR(EINVAL);
    }
}

static int read_intel(uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_PLATFORM_ID:
        return read_machine(true, msr, value);
    case MSR_FEATURE_CONTROL:
        return read_constant(true, FEATURE_CONTROL_LOCK, value);
    case MSR_PERF_STATUS:
    case MSR_PERF_CTL:
    case MSR_THERM_STATUS:
        return read_constant(true, 0, value);
    default:
        return ERR(EINVAL);
    }
}

static bool has_tsc_aux(const struct cpu_policy *p)
{
    return cpu_policy_has(p, XEN_X86_FEATURE_RDTSCP) || cpu_policy_has(p, XEN_X86_FEATURE_RDPID);
}

/* Registers that the guest changes without us: v is current. */
static int read_state(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_TSC:
        return read_constant(true, v->domain->arch.vtsc ? vtsc_read(v->domain) : rdtsc(), value);
    case MSR_EFER:
        return read_constant(true, rdmsr(MSR_EFER) & EFER_GUEST, value);
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        return read_constant(true, rdmsr(msr), value);
    default:
        return ERR(EINVAL);
    }
}

static int read_known(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct cpu_policy *p = v->domain->arch.cpu_policy;

    switch (msr) {
    case MSR_TSC:
    case MSR_EFER:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        return read_state(v, msr, value);
    case MSR_APIC_BASE:
        return read_constant(true, APIC_BASE_ADDRESS | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0), value);
    case MSR_BIOS_SIGN_ID:
        return read_machine(is_intel() || is_amd(), msr, value);
    case MSR_PLATFORM_INFO:
        return read_constant(true, p->platform_info, value);
    case MSR_SPEC_CTRL:
        return read_constant(spec_ctrl_guest_bits(v) != 0, v->arch.spec_ctrl, value);
    case MSR_ARCH_CAPS:
        return read_constant(cpu_policy_has(p, XEN_X86_FEATURE_ARCH_CAPS), p->arch_caps, value);
    case MSR_MISC_FEATURES:
        return read_constant(true, v->arch.cpuid_faulting ? MISC_CPUID_FAULTING : 0, value);
    case MSR_P5_MC_ADDR:
    case MSR_P5_MC_TYPE:
    case MSR_MCG_CTL:
    case MSR_PERF_CAPABILITIES:
        return read_constant(true, 0, value);
    case MSR_MCG_CAP:
        return read_constant(true, GUEST_MCE_BANKS, value);
    case MSR_MCG_STATUS:
        return read_constant(true, v->arch.mcg_status, value);
    case MSR_MISC_ENABLE:
        return read_misc_enable(value);
    case MSR_PAT:
        return read_constant(true, HOST_PAT, value);
    case MSR_HYPERCALL_PAGE:
        return read_constant(true, 0, value);
    case MSR_TSC_AUX:
        return read_constant(has_tsc_aux(p), v->arch.tsc_aux, value);
    default:
        return is_amd() ? read_amd(v, msr, value) : is_intel() ? read_intel(msr, value) : ERR(EINVAL);
    }
}

/* ABI: a kernel that has no #GP handler yet, or a domain that was created relaxed, reads zero where the machine has something. */
static bool reads_as_zero(const struct vcpu *v, uint32_t msr)
{
    uint64_t ignored;

    return (v->arch.trap_table[VEC_GP].rip == 0 || v->domain->arch.msr_relaxed) && rdmsr_safe(msr, &ignored) == 0;
}

int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    *value = 0;
    if (is_counter(msr) || is_absent_bank(msr))
        return 0;
    if (is_mce_bank(msr)) {
        *value = mce_bank_read(msr);
        return 0;
    }
    int rc = read_known(v, msr, value);

    if (rc == 0)
        return 0;
    *value = 0;
    if (reads_as_zero(v, msr))
        return 0;
    note_unknown("RDMSR 0x%08x unimplemented\n", msr);
    return rc;
}

/* ---- writing ---- */

static int write_base(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (!va_is_canonical(value))
        return ERR(EINVAL);
    wrmsr(msr, value);
    if (msr == MSR_FS_BASE)
        v->arch.fs_base = value;
    else if (msr == MSR_GS_BASE)
        v->arch.gs_base_kernel = value;
    else
        v->arch.gs_base_user = value;
    return 0;
}

/* The page that the guest names becomes its hypercall page (xen/arch-x86/cpuid.h, leaf 0x40000002). */
static int write_hypercall_page(struct vcpu *v, uint64_t value)
{
    struct frame *f;
    int rc;

    if (value & (PAGE_SIZE - 1))
        return ERR(EINVAL);
    f = frame_get_mfn(MFN(value >> PAGE_SHIFT), v->domain);
    if (f == NULL)
        return ERR(EINVAL);
    rc = frame_take_type(f, FRAME_WRITABLE);
    if (rc == 0) {
        arch_hypercall_page_fill(frame_va(f));
        frame_drop_type(f);
    }
    frame_put(f);
    return rc ? ERR(EINVAL) : 0;
}

static int write_misc_features(struct vcpu *v, uint64_t value)
{
    const struct cpu_policy *p = v->domain->arch.cpu_policy;
    const uint64_t allowed = p->platform_info & PLATFORM_INFO_CPUID_FAULTING ? MISC_CPUID_FAULTING : 0;

    if (value & ~allowed)
        return ERR(EINVAL);
    v->arch.cpuid_faulting = value & MISC_CPUID_FAULTING;
    return 0;
}

static int write_tsc_aux(struct vcpu *v, uint64_t value)
{
    if (!has_tsc_aux(v->domain->arch.cpu_policy) || value >> 32)
        return ERR(EINVAL);
    v->arch.tsc_aux = (uint32_t)value;
    wrmsr(MSR_TSC_AUX, value);
    return 0;
}

/* Writing what is there already is no change. */
static int write_same(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t now;

    return read_known(v, msr, &now) == 0 && now == value ? 0 : ERR(EINVAL);
}

/* ABI: accepted and forgotten. */
static int write_amd(uint32_t msr)
{
    switch (msr) {
    case MSR_K8_HWCR:
    case MSR_K8_NB_CFG:
    case MSR_K7_FID_VID_CTL:
    case MSR_K7_FID_VID_STATUS:
    case MSR_AMD_DE_CFG:
        return 0;
    case MSR_FAM10H_MMIO_BASE:
        return has_mmio_base() ? 0 : ERR(EINVAL);
    default:
        return within(msr, MSR_AMD_PSTATE_LIMIT, MSR_AMD_PSTATE7) ? 0 : ERR(EINVAL);
    }
}

static int write_known(struct vcpu *v, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        return write_base(v, msr, value);
    case MSR_HYPERCALL_PAGE:
        return write_hypercall_page(v, value);
    case MSR_SPEC_CTRL:
        return spec_ctrl_guest_write(v, value);
    case MSR_PRED_CMD:
        return spec_ctrl_guest_command(v, value);
    case MSR_MISC_FEATURES:
        return write_misc_features(v, value);
    case MSR_TSC_AUX:
        return write_tsc_aux(v, value);
    case MSR_MCG_STATUS:
        v->arch.mcg_status = value;
        return 0;
    case MSR_MISC_ENABLE: {
        uint64_t now;

        return rdmsr_safe(MSR_MISC_ENABLE, &now) == 0 ? 0 : ERR(EINVAL); /* ABI: accepted and forgotten */
    }
    case MSR_BIOS_SIGN_ID:
        return is_intel() && value == 0 ? 0 : ERR(EINVAL);
    case MSR_UCODE_WRITE:
        return is_intel() && v->domain->is_hardware ? 0 : ERR(EINVAL); /* ABI: microcode is the hypervisor's business */
    case MSR_MPERF:
    case MSR_APERF:
        return is_intel() || is_amd() ? 0 : ERR(EINVAL);
    case MSR_MCG_CAP:
    case MSR_MCG_CTL:
        return 0;
    case MSR_EFER:
        return write_same(v, msr, value);
    default:
        return is_amd() ? write_amd(msr) : ERR(EINVAL);
    }
}

int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t ignored;

    if (is_counter(msr) || is_absent_bank(msr))
        return 0;
    if (is_mce_bank(msr))
        return mce_bank_write(msr, value);
    int rc = write_known(v, msr, value);

    if (rc == 0 || (v->domain->arch.msr_relaxed && rdmsr_safe(msr, &ignored) == 0))
        return 0;
    note_unknown("WRMSR 0x%08x val 0x%016lx unimplemented\n", msr, value);
    return rc;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks at the machine, decides (choose.c), makes the CPUs so, and follows vCPUs as they are switched. What happens
 * at entry and exit is trap/spec_entry.S. Settings are constant after spec_ctrl_init(); the rest is each CPU's own.
 */
#include <arch/patch.h>
#include <arch/spec_ctrl.h>
#include <arch/trap.h>
#include <hv/boot_info.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include "spec.h"

#define F(name) XEN_X86_FEATURE_##name

#define MSR_ARCH_CAPABILITIES 0x10au
#define MSR_MCU_OPT_CTRL      0x123u        /* SDM4 table 2-2 */
#define MCU_RNGDS_MITG_DIS    (1u << 0)
#define MCU_GDS_MITG_DIS      (1u << 4)
#define MCU_GDS_MITG_LOCK     (1u << 5)
#define MSR_AMD_BP_CFG        0xc001102eu
#define BP_CFG_SPEC_REDUCE    (1u << 4)     /* AMD-SB-7005 */
#define EFER_AUTO_IBRS        (1u << 21)    /* APM2 3.1.7 */

struct spec_options spec_options = SPEC_OPTIONS_DEFAULT;
struct spec_machine spec_machine;
struct spec_settings spec_settings;

/* For trap/spec_entry.S. */
uint32_t spec_own_msr, spec_bhb_outer, spec_bhb_inner;

/* The guest vCPU that ran last on this CPU: its domain and number, plus 1; 0: none yet. */
static DEFINE_PER_CPU(uint32_t, last_guest);

static boot_code int parse_spec_ctrl(const char *value) { return spec_parse(*value ? value : "yes", &spec_options); }
BOOT_PARAM_CUSTOM(spec_ctrl, "spec-ctrl", parse_spec_ctrl);
static boot_code int parse_xpti(const char *value) { return spec_parse_xpti(value, &spec_options); }
BOOT_PARAM_CUSTOM(xpti, "xpti", parse_xpti);
static boot_code int parse_l1tf(const char *value) { return spec_parse_l1tf(value, &spec_options); }
BOOT_PARAM_CUSTOM(pv_l1tf, "pv-l1tf", parse_l1tf);

/* ---- at boot ---- */

static boot_code void read_extended_words(uint32_t *words)
{
    const uint32_t max_leaf = cpuid(0).a, max_extended = cpuid(0x80000000).a;
    uint64_t caps = 0;

    if (max_leaf >= 7 && cpuid_count(7, 0).a >= 2)
        words[F(INTEL_PSFD) / 32] = cpuid_count(7, 2).d;
    if (max_extended >> 16 == 0x8000 && max_extended >= 0x80000021) {
        const struct cpuid_leaf leaf = cpuid(0x80000021);

        words[F(AUTO_IBRS) / 32] = leaf.a;
        words[F(TSA_SQ_NO) / 32] = leaf.c;
    }
    if (words[F(ARCH_CAPS) / 32] >> (F(ARCH_CAPS) % 32) & 1)
        caps = rdmsr(MSR_ARCH_CAPABILITIES);
    words[F(RDCL_NO) / 32] = (uint32_t)caps;
    words[F(RDCL_NO) / 32 + 1] = (uint32_t)(caps >> 32);
}

static boot_code void read_machine(struct spec_machine *m)
{
    const struct cpu_features *f = &cpu_features;

    *m = (struct spec_machine){
        .vendor = f->vendor, .family = f->family, .model = f->model, .stepping = f->stepping, .phys_bits = f->phys_bits,
        .smep = f->smep, .virtual = f->leaf1_c >> (F(HYPERVISOR) % 32) & 1,
    };
    for (unsigned int i = 0; i < boot_info.nr_memory; i++)
        if (boot_info.memory[i].kind == MEMORY_RAM)
            m->memory_end = max(m->memory_end, boot_info.memory[i].start + boot_info.memory[i].size);
    m->words[F(IBPB) / 32] = f->ext8_b;
    m->words[F(RTM) / 32] = f->leaf7_b;
    m->words[F(IBRSB) / 32] = f->leaf7_d;
    read_extended_words(m->words);
    tsx_read_machine(m);
}

static boot_code uint32_t patches(const struct spec_settings *s)
{
    const bool ibpb = s->ibpb_entry_domu, bhb = s->bhb_entry_domu, xpti = s->xpti_dom0 || s->xpti_domu;
    uint32_t bits = 0;

    bits |= s->msr_pv || ibpb || bhb || s->rsb || xpti ? 1u << PATCH_SPEC_ENTRY : 0;
    bits |= s->msr_pv || s->verw || s->div || xpti ? 1u << PATCH_SPEC_EXIT : 0;
    bits |= s->msr_pv || s->verw || xpti ? 1u << PATCH_SPEC_IST : 0;
    bits |= bits != 0 ? 1u << PATCH_SYSCALL_BY_C : 0;
    bits |= s->msr_pv ? 1u << PATCH_SPEC_MSR : 0;
    bits |= ibpb ? 1u << PATCH_SPEC_IBPB : 0;
    bits |= s->rsb ? 1u << PATCH_SPEC_RSB : 0;
    bits |= bhb ? 1u << PATCH_SPEC_BHB : 0;
    bits |= s->verw ? 1u << PATCH_SPEC_VERW : 0;
    bits |= s->div ? 1u << PATCH_SPEC_DIV : 0;
    bits |= s->thunk == THUNK_LFENCE ? 1u << PATCH_THUNK_LFENCE : 0;
    bits |= s->thunk == THUNK_JMP ? 1u << PATCH_THUNK_JMP : 0;
    bits |= s->branch_harden ? 1u << PATCH_BRANCH_HARDEN : 0;
    bits |= s->lock_harden ? 1u << PATCH_LOCK_HARDEN : 0;
    bits |= xpti ? 1u << PATCH_XPTI : 0;
    return bits | (cpu_features.smap ? 1u << PATCH_SMAP : 0);
}

boot_code void spec_ctrl_init(void)
{
    struct spec_settings *s = &spec_settings;

    read_machine(&spec_machine);
    spec_choose(&spec_machine, &spec_options, s);
    spec_own_msr = s->own_msr;
    /* Taken branches enough to fill the history (Intel, "Branch History Injection"): of CPUs before Alder Lake, of later ones. */
    spec_bhb_outer = s->bhb_seq == BHB_SHORT ? 5 : 12;
    spec_bhb_inner = s->bhb_seq == BHB_SHORT ? 5 : 7;
    if (s->gds_by_avx)
        cpu_features.xcr0_mask &= 3;
    tsx_init_cpu(); /* before the policies look */
    patch_branches(s->thunk == THUNK_JMP && !(s->bugs & BUG_ITS), !(s->bugs & BUG_ITS));
    /* X5: translations of the hypervisor's do not outlive CR3. */
    if (s->xpti_dom0 || s->xpti_domu)
        cpu_features.pge = false;
    patch_apply(patches(s));
}

/* ---- each CPU ---- */

static void set_mcu_options(const struct spec_settings *s)
{
    const bool gds = spec_has(&spec_machine, F(GDS_CTRL)), srbds = spec_has(&spec_machine, F(SRBDS_CTRL));
    uint64_t value;

    if (!(gds || srbds) || rdmsr_safe(MSR_MCU_OPT_CTRL, &value) != 0)
        return;
    if (gds && !(value & MCU_GDS_MITG_LOCK))
        value = (value & ~(uint64_t)MCU_GDS_MITG_DIS) | (s->gds_by_msr ? 0 : MCU_GDS_MITG_DIS);
    if (srbds)
        value = (value & ~(uint64_t)MCU_RNGDS_MITG_DIS) | (s->srb_lock ? 0 : MCU_RNGDS_MITG_DIS);
    if (wrmsr_safe(MSR_MCU_OPT_CTRL, value) != 0)
        log_warn("CPU%u: MSR_MCU_OPT_CTRL cannot be set\n", this_cpu_id());
}

void spec_ctrl_init_cpu(void)
{
    const struct spec_settings *s = &spec_settings;
    uint64_t value;

    if (spec_has(&spec_machine, F(IBRSB)) || spec_has(&spec_machine, F(IBRS)) || spec_has(&spec_machine, F(AMD_STIBP)))
        wrmsr(MSR_SPEC_CTRL, s->own_msr);
    if (s->auto_ibrs)
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_AUTO_IBRS);
    if (s->bp_spec_reduce && rdmsr_safe(MSR_AMD_BP_CFG, &value) == 0 && wrmsr_safe(MSR_AMD_BP_CFG, value | BP_CFG_SPEC_REDUCE) != 0)
        log_warn("CPU%u: MSR_BP_CFG cannot be set\n", this_cpu_id());
    set_mcu_options(s);
    tsx_init_cpu();
}

bool spec_ctrl_tsx_is_off(void)
{
    return spec_settings.tsx_off;
}

bool spec_ctrl_msr_is_virtual(void)
{
    return spec_settings.msr_pv;
}

/* ---- guests ---- */

void spec_ctrl_domain_init(struct domain *d)
{
    const struct spec_settings *s = &spec_settings;

    d->arch.xpti = d->is_hardware ? s->xpti_dom0 : s->xpti_domu;
    d->arch.check_l1tf = d->is_hardware ? s->l1tf_dom0 : s->l1tf_domu;
}

bool spec_ctrl_xpti_is_used(void)
{
    return spec_settings.xpti_dom0 || spec_settings.xpti_domu;
}

bool spec_ctrl_refuses_absent(struct domain *d, unsigned int level, uint64_t entry)
{
    if (likely(!d->arch.check_l1tf) || likely(!spec_l1tf_vulnerable(&spec_settings, level, entry)))
        return false;
    domain_crash(d, "L1TF-vulnerable L%ue %016lx\n", level, entry);
    return true;
}

static uint32_t entry_flags(const struct spec_settings *s, const struct domain *d)
{
    const bool is_dom0 = d->is_hardware;

    return (d->arch.xpti ? SPEC_FLAG_XPTI : 0) |
           ((is_dom0 ? s->ibpb_entry_dom0 : s->ibpb_entry_domu) ? SPEC_FLAG_IBPB_ENTRY : 0) |
           ((is_dom0 ? s->bhb_entry_dom0 : s->bhb_entry_domu) ? SPEC_FLAG_BHB_ENTRY : 0);
}

void spec_ctrl_switch(const struct vcpu *v)
{
    const struct spec_settings *s = &spec_settings;
    const uint32_t guest = (uint32_t)v->domain->id << 16 | (v->id + 1);

    cpu_info()->spec_flags = entry_flags(s, v->domain);
    cpu_info()->spec_guest_msr = v->arch.spec_ctrl;
    if (unlikely(s->ibpb_switch) && this_cpu(last_guest) != guest) {
        this_cpu(last_guest) = guest;
        wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
    }
}

void spec_drop_data(void);

void spec_ctrl_idle(void)
{
    if (unlikely(spec_settings.verw))
        spec_drop_data();
}

uint32_t spec_ctrl_guest_bits(const struct vcpu *v)
{
    const struct cpu_policy *p = v->domain->arch.cpu_policy;

    if (!cpu_policy_has(p, F(IBRSB)))
        return 0;
    /* SDM3 "Speculative Execution Side Channel Mitigations": without STIBP its bit may be set and does nothing. */
    return SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | (cpu_policy_has(p, F(SSBD)) ? SPEC_CTRL_SSBD : 0) |
           (cpu_policy_has(p, F(INTEL_PSFD)) ? SPEC_CTRL_PSFD : 0);
}

int spec_ctrl_guest_write(struct vcpu *v, uint64_t value)
{
    const uint32_t allowed = spec_ctrl_guest_bits(v);

    if (allowed == 0 || value & ~(uint64_t)allowed)
        return ERR(EINVAL);
    v->arch.spec_ctrl = (uint32_t)value;
    cpu_info()->spec_guest_msr = (uint32_t)value;
    return 0;
}

int spec_ctrl_guest_command(const struct vcpu *v, uint64_t value)
{
    const struct cpu_policy *p = v->domain->arch.cpu_policy;

    if ((!cpu_policy_has(p, F(IBRSB)) && !cpu_policy_has(p, F(IBPB))) || value & ~(uint64_t)PRED_CMD_IBPB)
        return ERR(EINVAL);
    wrmsr(MSR_PRED_CMD, value);
    return 0;
}

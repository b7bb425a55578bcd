/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions (TSX): two kinds of CPUs have a switch, by one MSR or the other, and later microcode that turns them off
 * itself unless told (Intel, "TSX Asynchronous Abort", "TSX Memory Ordering Issue"). Whether they stay: choose.c.
 */
#include <arch/cpu.h>
#include <arch/spec_ctrl.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include "spec.h"

#define F(name) XEN_X86_FEATURE_##name

/* SDM4 table 2-2 */
#define MSR_TSX_FORCE_ABORT   0x10fu
#define FORCE_ABORT_RTM       (1u << 0)
#define FORCE_ABORT_HIDE      (1u << 1)
#define FORCE_ABORT_ENABLE    (1u << 2)
#define MSR_TSX_CTRL          0x122u
#define TSX_CTRL_DISABLE      (1u << 0)
#define TSX_CTRL_HIDE         (1u << 1)
#define MSR_MCU_OPT_CTRL      0x123u
#define MCU_RTM_ALLOW         (1u << 1)
#define MCU_RTM_LOCKED        (1u << 2)

static boot_code int parse_tsx(const char *value)
{
    const int truth = *value == '\0' ? 1 : param_parse_bool(value);

    if (truth >= 0)
        spec_options.tsx = (int8_t)truth;
    return truth < 0 ? truth : 0;
}
BOOT_PARAM_CUSTOM(tsx, "tsx", parse_tsx);

static boot_code void show(struct spec_machine *m, unsigned int feature)
{
    m->words[feature / 32] |= 1u << (feature % 32);
}

/* A switch that is set hides what is there. */
boot_code void tsx_read_machine(struct spec_machine *m)
{
    uint64_t value;

    if (spec_has(m, F(TSX_CTRL)) && spec_has(m, F(SRBDS_CTRL)) && rdmsr_safe(MSR_MCU_OPT_CTRL, &value) == 0) {
        if (value & MCU_RTM_ALLOW)
            show(m, F(RTM_ALWAYS_ABORT));
        m->tsx_locked = spec_has(m, F(RTM_ALWAYS_ABORT)) && value & MCU_RTM_LOCKED;
    }
    if (spec_has(m, F(TSX_FORCE_ABORT)) && rdmsr_safe(MSR_TSX_FORCE_ABORT, &value) == 0 && value & FORCE_ABORT_ENABLE)
        show(m, F(RTM_ALWAYS_ABORT));
    /* SDM2 CPUID leaf 0xb: threads of a core. */
    m->threads = cpuid(0).a >= 0xb && (cpuid_count(0xb, 0).b & 0xffff) > 1;
}

/* Without RTM_ALLOW such a CPU takes no heed of MSR_TSX_CTRL. */
static void allow(const struct spec_machine *m)
{
    uint64_t value;

    if (!spec_has(m, F(SRBDS_CTRL)) || !spec_has(m, F(RTM_ALWAYS_ABORT)) || m->tsx_locked || rdmsr_safe(MSR_MCU_OPT_CTRL, &value) != 0)
        return;
    if (wrmsr_safe(MSR_MCU_OPT_CTRL, value | MCU_RTM_ALLOW) != 0)
        log_warn("CPU%u: MSR_MCU_OPT_CTRL cannot be set\n", this_cpu_id());
}

static void set(uint32_t msr, uint64_t clear, uint64_t bits)
{
    uint64_t value;

    if (rdmsr_safe(msr, &value) != 0 || wrmsr_safe(msr, (value & ~clear) | bits) != 0)
        log_warn("CPU%u: TSX cannot be switched\n", this_cpu_id());
}

void tsx_init_cpu(void)
{
    const struct spec_machine *m = &spec_machine;
    const bool off = spec_settings.tsx_off;

    if (spec_has(m, F(TSX_CTRL))) {
        allow(m);
        set(MSR_TSX_CTRL, TSX_CTRL_DISABLE | TSX_CTRL_HIDE, off ? TSX_CTRL_DISABLE | TSX_CTRL_HIDE : 0);
    } else if (spec_has(m, F(TSX_FORCE_ABORT))) {
        const uint64_t disable = spec_has(m, F(RTM_ALWAYS_ABORT)) ? FORCE_ABORT_HIDE : FORCE_ABORT_RTM;
        const uint64_t enable = spec_has(m, F(RTM_ALWAYS_ABORT)) ? FORCE_ABORT_ENABLE : 0;

        set(MSR_TSX_FORCE_ABORT, FORCE_ABORT_RTM | FORCE_ABORT_HIDE | FORCE_ABORT_ENABLE, off ? disable : enable);
    }
}

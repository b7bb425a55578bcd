/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers of PV guests: DR0-3, DR6, DR7 (SDM3 17.2). MOV DR always faults to the hypervisor,
 * so struct vcpu has the truth, and the CPU's are loaded only while breakpoints are on.
 */
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/percpu.h>

#define DR7_ENABLES      0x000000ffULL  /* L0 G0 … L3 G3 */
#define DR7_GD           0x00002000ULL
#define DR7_ONES         0x00000400ULL
#define DR7_ZEROS        0x0000d800ULL /* bits 12, 14, 15; 11 (RTM), which no PV guest is offered */
#define DR6_ONES         0xffff0ff0ULL
#define DR6_ZEROS        0x00001000ULL
#define DR7_RW(dr7, n)   (((dr7) >> (16 + 4 * (n))) & 3)
#define DR7_RW_IO        2u

static void load_breakpoints(const struct vcpu *v)
{
    write_dr0(v->arch.dr[0]);
    write_dr1(v->arch.dr[1]);
    write_dr2(v->arch.dr[2]);
    write_dr3(v->arch.dr[3]);
    write_dr6(v->arch.dr6);
}

void pv_debugreg_save(struct vcpu *v)
{
    if (unlikely(v->arch.dr7 & DR7_ENABLES))
        write_dr7(DR7_ONES);
}

void pv_debugreg_restore(struct vcpu *v)
{
    if (unlikely(v->arch.dr7 & DR7_ENABLES)) {
        load_breakpoints(v);
        write_dr7(v->arch.dr7);
    }
}

static int set_address(struct vcpu *v, unsigned int n, uint64_t value)
{
    /* Trust: a breakpoint in the hypervisor would stop it. ABI: only where it begins is looked at. */
    if (!va_is_canonical(value) || va_is_hypervisor(value))
        return ERR(EPERM);
    v->arch.dr[index_nospec(n, 4)] = value;
    if (v == current && (v->arch.dr7 & DR7_ENABLES))
        load_breakpoints(v);
    return 0;
}

/* Enable bits of the I/O breakpoints in value; they are emulated with the ports. -EPERM: CR4.DE is off. */
static int io_breakpoints(const struct vcpu *v, uint64_t value, uint64_t *enables)
{
    *enables = 0;
    for (unsigned int n = 0; n < 4; n++) {
        if (DR7_RW(value, n) != DR7_RW_IO)
            continue;
        if (!(v->arch.cr4 & CR4_DE))
            return ERR(EPERM);
        *enables |= value & (3ULL << (2 * n));
    }
    return 0;
}

static int set_control(struct vcpu *v, uint64_t value)
{
    uint64_t io = 0;

    if (value & DR7_GD)
        return ERR(EPERM);
    value = (value & ~DR7_ZEROS) | DR7_ONES;
    if (value & DR7_ENABLES) {
        int rc = io_breakpoints(v, value, &io);
        if (rc)
            return rc;
    }
    v->arch.dr7_emul = io;
    v->arch.dr7 = value & ~io;
    if (v != current)
        return 0;
    if (v->arch.dr7 & DR7_ENABLES)
        load_breakpoints(v);
    write_dr7(v->arch.dr7);
    return 0;
}

int pv_set_debugreg(struct vcpu *v, unsigned int reg, uint64_t value)
{
    if (reg < 4)
        return set_address(v, reg, value);
    if (reg < 6 && (v->arch.cr4 & CR4_DE))
        return ERR(ENODEV);
    if (reg < 8 && value >> 32)
        return ERR(EINVAL);
    switch (reg) {
    case 4:
    case 6:
        v->arch.dr6 = (value & ~DR6_ZEROS) | DR6_ONES;
        return 0;
    case 5:
    case 7:
        return set_control(v, value);
    default:
        return ERR(ENODEV);
    }
}

int pv_get_debugreg(const struct vcpu *v, unsigned int reg, uint64_t *value)
{
    if (reg > 7 || ((reg == 4 || reg == 5) && (v->arch.cr4 & CR4_DE)))
        return ERR(ENODEV);
    *value = reg < 4 ? v->arch.dr[index_nospec(reg, 4)] : (reg & 1) ? v->arch.dr7 | v->arch.dr7_emul : v->arch.dr6;
    return 0;
}

long hc_set_debugreg(uint64_t reg, uint64_t value, uint64_t a3, uint64_t a4, uint64_t a5)
{
    return pv_set_debugreg(current, (unsigned int)reg, value);
}

long hc_get_debugreg(uint64_t reg, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint64_t value = 0;
    int rc = pv_get_debugreg(current, (unsigned int)reg, &value);

    return rc ? rc : (long)value;
}

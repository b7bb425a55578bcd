/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions of a PV guest that the CPU refused (#GP), carried out by the emulator against the
 * guest's virtual machine; and CPUID with the forced-emulation prefix (#UD). Only the
 * instructions of may_emulate(); all else is the guest's own fault.
 */
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <arch/time.h>
#include "../mmu/mmu.h"
#include "priv.h"

#define STRING_IO_CHUNK 64u
#define DR6_BS   (1ULL << 14)
#define DR6_ONES 0xffff0ff0ULL

struct privileged {
    struct emul_context c;
    struct vcpu *v;
    uint64_t breakpoints; /* DR6 bits to report afterwards */
};

static struct vcpu *vcpu_of(const struct emul_context *c) { return c->opaque; }

/* ---- memory: the guest's own mappings, in its present mode ---- */

/* The byte that could not be reached: in an access across two pages it may be in the second. */
static enum emul_result page_fault(struct emul_context *c, uint64_t linear, unsigned int bytes, uint32_t error_code)
{
    const uint64_t second = (linear + bytes - 1) & PAGE_MASK;
    uint8_t probe;

    if (second > linear && guest_read(&probe, linear, 1) == 0)
        linear = second;
    return emul_raise_page_fault(c, error_code, linear);
}

static enum emul_result fetch(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    return guest_read(dst, linear, bytes) ? emul_raise_page_fault(c, cpu_features.nx ? PFEC_FETCH : 0, linear) : EMUL_OK;
}

static enum emul_result memory_read(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    return guest_read(dst, linear, bytes) ? page_fault(c, linear, bytes, 0) : EMUL_OK;
}

static enum emul_result memory_write(struct emul_context *c, uint64_t linear, const void *src, unsigned int bytes)
{
    return guest_write(linear, src, bytes) ? page_fault(c, linear, bytes, PFEC_WRITE) : EMUL_OK;
}

/* ---- ports ---- */

static enum emul_result io_check(struct emul_context *c, uint16_t port, unsigned int bytes)
{
    struct privileged *p = container_of(c, struct privileged, c);

    if (!pv_port_permitted(p->v, port, bytes))
        return emul_raise(c, VEC_GP, 0);
    p->breakpoints |= pv_port_breakpoints(p->v, port, bytes);
    return EMUL_OK;
}

static enum emul_result io_read(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t *value)
{
    *value = pv_port_read(vcpu_of(c), port, bytes);
    return EMUL_OK;
}

static enum emul_result io_write(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t value)
{
    pv_port_write(vcpu_of(c), port, bytes, value);
    return EMUL_OK;
}

/* ---- control registers ---- */

static enum emul_result cr_read(struct emul_context *c, unsigned int nr, uint64_t *value)
{
    struct vcpu *v = vcpu_of(c);

    switch (nr) {
    case 0:
        *value = (read_cr0() & ~(uint64_t)CR0_TS) | (v->arch.cr0 & CR0_TS);
        return EMUL_OK;
    case 2:
        *value = v->arch.cr2;
        return EMUL_OK;
    case 3:
        *value = xen_pfn_to_cr3(v->arch.cr3_kernel.v);
        return EMUL_OK;
    case 4:
        *value = v->arch.cr4;
        return EMUL_OK;
    default:
        return EMUL_UNHANDLEABLE;
    }
}

/* Order: what a hypercall left unfinished first; an event may have come between it and its continuation. */
static enum emul_result write_base(struct vcpu *v, uint64_t value)
{
    int rc = pv_mmu_settle(v);

    if (rc == 0)
        rc = pv_new_kernel_base(v, MFN(xen_cr3_to_pfn(value)));
    return rc == 0 ? EMUL_OK : rc == -XEN_ERESTART ? EMUL_RETRY : EMUL_UNHANDLEABLE;
}

static void write_guest_cr4(struct vcpu *v, uint64_t value)
{
    v->arch.cr4 = pv_guest_cr4(v, value);
    write_cr4(pv_real_cr4(v, read_cr4()));
}

static enum emul_result cr_write(struct emul_context *c, unsigned int nr, uint64_t value)
{
    struct vcpu *v = vcpu_of(c);

    switch (nr) {
    case 0:
        /* TS is the one bit that is a guest's own. */
        if ((value ^ read_cr0()) & ~(uint64_t)CR0_TS)
            return EMUL_UNHANDLEABLE;
        pv_fpu_taskswitch(v, value & CR0_TS);
        return EMUL_OK;
    case 2:
        v->arch.cr2 = value;
        write_once(v->vcpu_info->arch.cr2, value);
        return EMUL_OK;
    case 3:
        return write_base(v, value);
    case 4:
        write_guest_cr4(v, value);
        return EMUL_OK;
    default:
        return EMUL_UNHANDLEABLE;
    }
}

static enum emul_result dr_read(struct emul_context *c, unsigned int nr, uint64_t *value)
{
    return pv_get_debugreg(vcpu_of(c), nr, value) ? emul_raise(c, VEC_UD, 0) : EMUL_OK;
}

static enum emul_result dr_write(struct emul_context *c, unsigned int nr, uint64_t value)
{
    return pv_set_debugreg(vcpu_of(c), nr, value) ? EMUL_UNHANDLEABLE : EMUL_OK;
}

static enum emul_result xcr_write(struct emul_context *c, uint32_t nr, uint64_t value)
{
    struct vcpu *v = vcpu_of(c);

    if (!cpu_features.xsave || !(v->arch.cr4 & CR4_OSXSAVE))
        return emul_raise(c, VEC_UD, 0);
    if (nr != 0 || !pv_xcr0_valid(value))
        return emul_raise(c, VEC_GP, 0);
    pv_set_xcr0(v, value);
    return EMUL_OK;
}

/* ---- MSRs, time, identification, caches ---- */

static enum emul_result msr_read(struct emul_context *c, uint32_t msr, uint64_t *value)
{
    return guest_rdmsr(vcpu_of(c), msr, value) ? emul_raise(c, VEC_GP, 0) : EMUL_OK;
}

static enum emul_result msr_write(struct emul_context *c, uint32_t msr, uint64_t value)
{
    return guest_wrmsr(vcpu_of(c), msr, value) ? emul_raise(c, VEC_GP, 0) : EMUL_OK;
}

static enum emul_result tsc_read(struct emul_context *c, uint64_t *tsc, uint32_t *aux)
{
    struct vcpu *v = vcpu_of(c);

    /* The guest's own TSD, which its kernel is above. */
    if (!v->arch.in_kernel && (v->arch.cr4 & CR4_TSD))
        return emul_raise(c, VEC_GP, 0);
    *tsc = v->domain->arch.vtsc ? vtsc_read(v->domain) : rdtsc();
    if (aux != NULL)
        *aux = v->arch.tsc_aux;
    return EMUL_OK;
}

static enum emul_result identify(struct emul_context *c, uint32_t regs[4])
{
    struct vcpu *v = vcpu_of(c);
    struct cpuid_leaf leaf;

    if (v->arch.cpuid_faulting && !v->arch.in_kernel)
        return emul_raise(c, VEC_GP, 0);
    guest_cpuid(v, regs[0], regs[2], &leaf);
    regs[0] = leaf.a;
    regs[1] = leaf.b;
    regs[2] = leaf.c;
    regs[3] = leaf.d;
    return EMUL_OK;
}

/* ABI: kernels without devices run WBINVD at start and see it succeed. */
static enum emul_result cache_flush(struct emul_context *c, bool write_back)
{
    if (mmu_has_io(vcpu_of(c)->domain))
        cpu_wbinvd();
    return EMUL_OK;
}

static const struct emul_ops privileged_ops = {
    .fetch = fetch,
    .read = memory_read,
    .write = memory_write,
    .segment_read = pv_segment_read,
    .io_check = io_check,
    .io_read = io_read,
    .io_write = io_write,
    .cr_read = cr_read,
    .cr_write = cr_write,
    .dr_read = dr_read,
    .dr_write = dr_write,
    .msr_read = msr_read,
    .msr_write = msr_write,
    .xcr_write = xcr_write,
    .tsc_read = tsc_read,
    .cpuid = identify,
    .cache_flush = cache_flush,
};

/* ---- which instructions ---- */

static bool may_emulate_group7(const struct emul_insn *i)
{
    return i->modrm == 0xd1 || i->modrm == 0xf9; /* XSETBV RDTSCP */
}

/* Privileged instructions that mean something to a PV guest; no others, so that a #GP never makes us execute plain code. */
static bool may_emulate(const struct emul_insn *i)
{
    switch (i->opcode) {
    case 0x6c ... 0x6f:                               /* INS OUTS */
    case 0xe4 ... 0xe7:                               /* IN OUT */
    case 0xec ... 0xef:
    case 0xfa ... 0xfb:                               /* CLI STI */
    case EMUL_OPCODE(1, 0x06):                        /* CLTS */
    case EMUL_OPCODE(1, 0x09):                        /* WBINVD */
    case EMUL_OPCODE(1, 0x20) ... EMUL_OPCODE(1, 0x23): /* MOV CR, DR */
    case EMUL_OPCODE(1, 0x30) ... EMUL_OPCODE(1, 0x32): /* WRMSR RDTSC RDMSR */
    case EMUL_OPCODE(1, 0xa2):                        /* CPUID */
        return true;
    case EMUL_OPCODE(1, 0x01):
        return may_emulate_group7(i);
    default:
        return false;
    }
}

/* ABI: with enough virtual IOPL CLI and STI do nothing: POPF, which does not fault, could not be made to match them. */
static enum emul_result skip_cli_sti(struct privileged *p, const struct emul_insn *i)
{
    const bool architectural = p->v->domain->vm_assist & (1ULL << VMASST_TYPE_architectural_iopl);

    if ((!p->v->arch.in_kernel ? 3u : architectural ? 0u : 1u) > p->v->arch.iopl)
        return EMUL_UNHANDLEABLE;
    p->c.regs->rip = i->next_rip;
    return EMUL_OK;
}

static enum emul_result run(struct privileged *p)
{
    struct emul_insn i;
    enum emul_result r = emul_decode(&p->c, &i);

    if (r != EMUL_OK)
        return r;
    if (!may_emulate(&i) || i.lock)
        return EMUL_UNHANDLEABLE;
    return (i.opcode & ~1u) == 0xfa ? skip_cli_sti(p, &i) : emul_execute(&p->c, &i);
}

/* A step or an I/O breakpoint that the CPU would have reported after the instruction. */
static void report_debug(struct vcpu *v, const struct trap_frame *regs, uint64_t dr6)
{
    if (regs->rflags & RFLAGS_TF)
        dr6 |= DR6_BS;
    if (likely(dr6 == 0))
        return;
    v->arch.dr6 |= dr6 | DR6_ONES;
    pv_inject_exception(v, VEC_DB, 0);
}

static void inject(struct vcpu *v, const struct emul_exception *e)
{
    if (e->vector == VEC_PF)
        pv_inject_page_fault(v, e->error_code, e->cr2);
    else
        pv_inject_exception(v, e->vector, e->error_code);
}

bool pv_emulate_privileged(struct vcpu *v, struct trap_frame *regs)
{
    const unsigned int bits = pv_code_bits(v, regs);
    struct privileged p = {
        .v = v,
        .c = { .ops = &privileged_ops, .opaque = v, .regs = regs, .code_bits = (uint8_t)bits, .stack_bits = (uint8_t)bits,
               .cpl = v->arch.in_kernel ? 0 : 3, .rep_limit = STRING_IO_CHUNK },
    };

    if (bits == 0)
        return false;
    switch (run(&p)) {
    case EMUL_OK:
        if (!p.c.rep_unfinished)
            report_debug(v, regs, p.breakpoints);
        return true;
    case EMUL_EXCEPTION:
        inject(v, &p.c.exception);
        return true;
    case EMUL_RETRY:
        return true;
    case EMUL_UNHANDLEABLE:
        break;
    }
    return false;
}

/* Code at va. false: it is not there, which the guest is told. */
static bool read_code(struct vcpu *v, uint64_t va, void *code, unsigned int bytes)
{
    uint8_t probe;

    if (likely(guest_read(code, va, bytes) == 0))
        return true;
    if (guest_read(&probe, va, 1) == 0)
        va = (va + bytes - 1) & PAGE_MASK;
    pv_inject_page_fault(v, 0, va);
    return false;
}

/*
 * XEN_EMULATE_PREFIX of xen/arch-x86/xen.h, then CPUID: how a PV kernel asks what it should see. ABI: a
 * prefix or instruction that cannot be read is a page fault, whatever it would have been.
 */
bool pv_emulate_forced(struct vcpu *v, struct trap_frame *regs)
{
    static const uint8_t prefix[] = { 0x0f, 0x0b, 'x', 'e', 'n' }, cpuid[] = { 0x0f, 0xa2 };
    uint8_t code[sizeof(prefix)];
    struct cpuid_leaf leaf;

    if (!read_code(v, regs->rip, code, sizeof(prefix)))
        return true;
    if (memcmp(code, prefix, sizeof(prefix)) != 0)
        return false;
    if (!read_code(v, regs->rip + sizeof(prefix), code, sizeof(cpuid)))
        return true;
    if (memcmp(code, cpuid, sizeof(cpuid)) != 0 || (v->arch.cpuid_faulting && !v->arch.in_kernel))
        return false;
    guest_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, &leaf);
    regs->rax = leaf.a;
    regs->rbx = leaf.b;
    regs->rcx = leaf.c;
    regs->rdx = leaf.d;
    regs->rip += sizeof(prefix) + sizeof(cpuid);
    report_debug(v, regs, 0);
    return true;
}

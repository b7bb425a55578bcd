/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV vCPU's state as a whole: reset, switched in and out, and converted from and to
 * struct vcpu_guest_context (xen/arch-x86/xen.h). Page tables and descriptor tables are mmu/'s.
 * Context: v is paused, or is being switched on this CPU.
 */
#include <arch/cpu_policy.h>
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>

#define NR_TRAPS 256u
#define MAX_LDT_ENTRIES 8192u
#define DR_STATUS_DEFAULT  0xffff0ff0ULL
#define DR_CONTROL_DEFAULT 0x400ULL

/* CR4 bits that a guest chooses for itself, and those of ours that it may see. */
#define CR4_GUEST_CHOICE  (CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_OSXSAVE)
#define CR4_GUEST_VISIBLE (CR4_PAE | CR4_PGE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PCE)

#define MSR_MISC_FEATURES_ENABLES 0x140u
static DEFINE_PER_CPU(bool, cpuid_faulting_on);

/* ABI: PGE as the CPU has it, though XPTI keeps it off. */
static uint64_t visible_cr4(void)
{
    const bool has_pge = cpu_features.leaf1_d >> (XEN_X86_FEATURE_PGE % 32) & 1;

    return (read_cr4() & CR4_GUEST_VISIBLE) | (has_pge ? CR4_PGE : 0);
}

uint64_t pv_guest_cr4(const struct vcpu *v, uint64_t cr4)
{
    const struct cpu_policy *p = v->domain->arch.cpu_policy;
    uint64_t choice = cr4 & CR4_GUEST_CHOICE;

    if (!cpu_policy_has(p, XEN_X86_FEATURE_TSC))
        choice &= ~(uint64_t)CR4_TSD;
    if (!cpu_policy_has(p, XEN_X86_FEATURE_DE))
        choice &= ~(uint64_t)CR4_DE;
    if (!cpu_policy_has(p, XEN_X86_FEATURE_FSGSBASE))
        choice &= ~(uint64_t)CR4_FSGSBASE;
    if (!cpu_policy_has(p, XEN_X86_FEATURE_XSAVE))
        choice &= ~(uint64_t)CR4_OSXSAVE;
    return choice | visible_cr4();
}

/*
 * Trust: a guest kernel that has not enabled FSGSBASE does not look for bases that its user code has set by
 * itself, so that code cannot.
 */
uint64_t pv_real_cr4(const struct vcpu *v, uint64_t cr4)
{
    const uint64_t guests = CR4_TSD | CR4_FSGSBASE;

    cr4 = (cr4 & ~guests) | (v->arch.cr4 & guests);
    return v->domain->arch.vtsc ? cr4 | CR4_TSD : cr4;
}

/* ---- reset ---- */

static void reset_registers(struct vcpu *v)
{
    memset(&v->arch.regs, 0, sizeof(v->arch.regs));
    memset(v->arch.trap_table, 0, NR_TRAPS * sizeof(*v->arch.trap_table));
    memset(v->arch.dr, 0, sizeof(v->arch.dr));
    v->arch.dr6 = DR_STATUS_DEFAULT;
    v->arch.dr7 = DR_CONTROL_DEFAULT;
    v->arch.dr7_emul = 0;
    v->arch.cr0 = v->arch.cr2 = 0;
    v->arch.kernel_ss = v->arch.kernel_sp = 0;
    v->arch.event = v->arch.failsafe = v->arch.syscall = v->arch.syscall32 = v->arch.sysenter = (struct pv_callback){ 0 };
    v->arch.in_nmi = v->arch.in_mce = false;
    v->arch.ds = v->arch.es = v->arch.fs = v->arch.gs = 0;
    v->arch.fs_base = v->arch.gs_base_kernel = v->arch.gs_base_user = 0;
    v->arch.iopl = 0;
    v->arch.iobitmap_va = 0;
    v->arch.iobitmap_ports = 0;
    v->arch.in_kernel = true;
    v->arch.in_syscall = false;
    v->arch.cpuid_faulting = false;
    v->arch.tsc_aux = 0;
    v->arch.spec_ctrl = 0;
    v->arch.mcg_status = 0;
}

int arch_vcpu_reset(struct vcpu *v)
{
    int rc;

    pv_drop_gdt(v);
    pv_drop_ldt(v);
    rc = pv_drop_base_pointers(v);
    if (rc != 0)
        return rc;
    reset_registers(v);
    pv_fpu_reset(v);
    v->arch.cr4 = visible_cr4();
    v->arch.ldt_base = 0;
    v->arch.ldt_entries = 0;
    return 0;
}

/* ---- context switch ---- */

void pv_save_state(struct vcpu *v)
{
    pv_debugreg_save(v);
    pv_segments_save(v);
    pv_fpu_save(v);
}

/* CPUID of ring 3 faults from the first PV guest on: only policies are seen (SDM3 table 2-2, MISC_FEATURES_ENABLES). */
static void enable_cpuid_faulting(void)
{
    if (likely(!cpu_features.cpuid_faulting || this_cpu(cpuid_faulting_on)))
        return;
    this_cpu(cpuid_faulting_on) = true;
    if (wrmsr_safe(MSR_MISC_FEATURES_ENABLES, 1) != 0)
        log_warn("CPU%u: CPUID faulting cannot be switched on\n", this_cpu_id());
}

void pv_restore_state(struct vcpu *v)
{
    const uint64_t cr4 = read_cr4(), wanted = pv_real_cr4(v, cr4);

    enable_cpuid_faulting();
    if (cr4 != wanted)
        write_cr4(wanted);
    pv_fpu_lazy_restore(v);
    pv_debugreg_restore(v);
    if (cpu_features.rdtscp)
        wrmsr(MSR_TSC_AUX, v->arch.tsc_aux);
    if (unlikely(!pv_segments_restore(v)))
        pv_failsafe(v);
}

/* ---- struct vcpu_guest_context in ---- */

static bool addresses_ok(const struct vcpu_guest_context *c)
{
    const uint64_t canonical[] = {
        c->user_regs.rip, c->event_callback_eip, c->failsafe_callback_eip, c->syscall_callback_eip,
        c->fs_base, c->gs_base_kernel, c->gs_base_user,
    };

    for (unsigned int i = 0; i < array_size(canonical); i++)
        if (!va_is_canonical(canonical[i]))
            return false;
    for (unsigned int i = 0; i < NR_TRAPS; i++)
        if (!va_is_canonical(c->trap_ctxt[i].address))
            return false;
    return c->ldt_ents <= MAX_LDT_ENTRIES && (c->ldt_base & (PAGE_SIZE - 1)) == 0 && guest_address_ok(c->ldt_base);
}

static uint64_t base_pointer_as_control_register(mfn_t mfn)
{
    return mfn_is_invalid(mfn) ? 0 : xen_pfn_to_cr3(mfn.v);
}

/* A vCPU that already has tables keeps them: a context that asks for others is refused. */
static bool tables_unchanged(const struct vcpu *v, const struct vcpu_guest_context *c)
{
    if (base_pointer_as_control_register(v->arch.cr3_kernel) != c->ctrlreg[3] ||
        base_pointer_as_control_register(v->arch.cr3_user) != c->ctrlreg[1])
        return false;
    if (mfn_is_invalid(v->arch.cr3_user) && !(c->flags & VGCF_in_kernel))
        return false;
    for (unsigned int i = 0; i < array_size(v->arch.gdt_frames) && i * PT_ENTRIES < v->arch.gdt_entries; i++)
        if (v->arch.gdt_frames[i].v != c->gdt_frames[i])
            return false;
    return v->arch.gdt_entries == c->gdt_ents && v->arch.ldt_base == c->ldt_base && v->arch.ldt_entries == c->ldt_ents;
}

static int set_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
    const mfn_t user = c->ctrlreg[1] ? MFN(xen_cr3_to_pfn(c->ctrlreg[1])) : MFN_INVALID;
    uint64_t frames[array_size(c->gdt_frames)];
    int rc;

    for (unsigned int i = 0; i < array_size(frames); i++)
        frames[i] = c->gdt_frames[i];
    v->arch.ldt_base = c->ldt_base;
    v->arch.ldt_entries = (unsigned int)c->ldt_ents;
    rc = c->gdt_ents > FIRST_RESERVED_GDT_ENTRY ? ERR(EINVAL) : 0;
    if (rc == 0 && c->gdt_ents != 0)
        rc = pv_set_gdt(v, frames, (unsigned int)c->gdt_ents);
    if (rc)
        return rc;
    rc = pv_set_base_pointers(v, MFN(xen_cr3_to_pfn(c->ctrlreg[3])), user);
    if (rc)
        pv_drop_gdt(v);
    return rc;
}

static void set_registers(struct vcpu *v, const struct cpu_user_regs *u)
{
    struct trap_frame *r = &v->arch.regs;

    *r = (struct trap_frame){
        .rax = u->rax, .rbx = u->rbx, .rcx = u->rcx, .rdx = u->rdx, .rsi = u->rsi, .rdi = u->rdi, .rbp = u->rbp,
        .r8 = u->r8, .r9 = u->r9, .r10 = u->r10, .r11 = u->r11, .r12 = u->r12, .r13 = u->r13, .r14 = u->r14, .r15 = u->r15,
        .rip = u->rip, .rsp = u->rsp,
        .cs = pv_fix_selector(u->cs), .ss = pv_fix_selector(u->ss),
    };
    /* IOPL is virtual; interrupts of the machine stay on. */
    r->rflags = (u->rflags & 0x3fffffu & ~(uint64_t)(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP)) | RFLAGS_IF | RFLAGS_MBS;
    v->arch.iopl = (unsigned int)(u->rflags >> 12) & 3;
    v->arch.ds = u->ds;
    v->arch.es = u->es;
    v->arch.fs = u->fs;
    v->arch.gs = u->gs;
}

static void set_entry_points(struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < NR_TRAPS; i++) {
        const struct trap_info *t = &c->trap_ctxt[i];

        v->arch.trap_table[i] = (struct pv_trap_entry){
            .rip = t->address, .cs = pv_fix_selector(t->cs), .dpl = TI_GET_DPL(t), .disables_events = TI_GET_IF(t) != 0,
        };
    }
    v->arch.event.rip = c->event_callback_eip;
    v->arch.failsafe = (struct pv_callback){ c->failsafe_callback_eip, (c->flags & VGCF_failsafe_disables_events) != 0 };
    v->arch.syscall = (struct pv_callback){ c->syscall_callback_eip, (c->flags & VGCF_syscall_disables_events) != 0 };
    v->arch.kernel_ss = pv_fix_selector((uint16_t)c->kernel_ss);
    v->arch.kernel_sp = c->kernel_sp;
}

static void set_debug_registers(struct vcpu *v, const unsigned long dr[8])
{
    memset(v->arch.dr, 0, sizeof(v->arch.dr));
    v->arch.dr6 = DR_STATUS_DEFAULT;
    v->arch.dr7 = DR_CONTROL_DEFAULT;
    v->arch.dr7_emul = 0;
    for (unsigned int i = 0; i < 8; i++)
        if (pv_set_debugreg(v, i, dr[i]) != 0)
            continue; /* ABI: a bad one is passed over */
}

static void set_state(struct vcpu *v, const struct vcpu_guest_context *c)
{
    set_registers(v, &c->user_regs);
    set_entry_points(v, c);
    if (c->flags & VGCF_I387_VALID)
        pv_fpu_set_legacy(v, &c->fpu_ctxt);
    v->arch.fs_base = c->fs_base;
    v->arch.gs_base_kernel = c->gs_base_kernel;
    v->arch.gs_base_user = c->gs_base_user;
    v->arch.cr0 = c->ctrlreg[0] & CR0_TS;
    v->arch.cr4 = pv_guest_cr4(v, c->ctrlreg[4]);
    set_debug_registers(v, c->debugreg);
    v->arch.in_kernel = (c->flags & VGCF_in_kernel) != 0;
}

int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    int rc;

    if (!addresses_ok(c))
        return ERR(EINVAL);
    if (v->is_initialised) {
        if (!tables_unchanged(v, c))
            return ERR(EOPNOTSUPP);
    } else {
        if (!(c->flags & VGCF_in_kernel) && c->ctrlreg[1] == 0)
            return ERR(EINVAL);
        rc = set_tables(v, c);
        if (rc)
            return rc;
        if (v->id == 0)
            v->domain->vm_assist = c->vm_assist & vm_assist_valid(v->domain);
    }
    set_state(v, c);
    pv_mmu_update_cr3(v);
    v->is_initialised = true;
    if (c->flags & VGCF_online)
        __atomic_fetch_and(&v->pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
    return 0;
}

/* ---- and out ---- */

static void get_registers(const struct vcpu *v, struct cpu_user_regs *u)
{
    const struct trap_frame *r = &v->arch.regs;

    *u = (struct cpu_user_regs){
        .rax = r->rax, .rbx = r->rbx, .rcx = r->rcx, .rdx = r->rdx, .rsi = r->rsi, .rdi = r->rdi, .rbp = r->rbp,
        .r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
        .rip = r->rip, .rsp = r->rsp, .cs = (uint16_t)r->cs, .ss = (uint16_t)r->ss,
        .rflags = (r->rflags & ~(uint64_t)RFLAGS_IOPL) | (uint64_t)v->arch.iopl << 12,
        .ds = v->arch.ds, .es = v->arch.es, .fs = v->arch.fs, .gs = v->arch.gs,
    };
}

static void get_entry_points(const struct vcpu *v, struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < NR_TRAPS; i++) {
        const struct pv_trap_entry *t = &v->arch.trap_table[i];

        if (t->rip != 0)
            c->trap_ctxt[i] = (struct trap_info){ .vector = (uint8_t)i, .flags = (uint8_t)(t->dpl | (t->disables_events ? 4 : 0)),
                                                  .cs = t->cs, .address = t->rip };
    }
    c->event_callback_eip = v->arch.event.rip;
    c->failsafe_callback_eip = v->arch.failsafe.rip;
    c->syscall_callback_eip = v->arch.syscall.rip;
    c->kernel_ss = v->arch.kernel_ss;
    c->kernel_sp = v->arch.kernel_sp;
}

static void get_tables(const struct vcpu *v, struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < array_size(v->arch.gdt_frames) && i * PT_ENTRIES < v->arch.gdt_entries; i++)
        c->gdt_frames[i] = v->arch.gdt_frames[i].v;
    c->gdt_ents = v->arch.gdt_entries;
    c->ldt_base = v->arch.ldt_base;
    c->ldt_ents = v->arch.ldt_entries;
    c->ctrlreg[0] = v->arch.cr0;
    c->ctrlreg[1] = base_pointer_as_control_register(v->arch.cr3_user);
    c->ctrlreg[2] = v->arch.cr2;
    c->ctrlreg[3] = base_pointer_as_control_register(v->arch.cr3_kernel);
    c->ctrlreg[4] = v->arch.cr4;
}

static unsigned long get_flags(const struct vcpu *v)
{
    unsigned long flags = 0;

    if (v->arch.fpu_initialised)
        flags |= VGCF_I387_VALID;
    if (v->arch.in_kernel)
        flags |= VGCF_in_kernel;
    if (v->arch.failsafe.disables_events)
        flags |= VGCF_failsafe_disables_events;
    if (v->arch.syscall.disables_events)
        flags |= VGCF_syscall_disables_events;
    if (!(read_once(v->pause_flags) & VPF_DOWN))
        flags |= VGCF_online;
    return flags;
}

void arch_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    memset(c, 0, sizeof(*c));
    pv_fpu_get_legacy(v, &c->fpu_ctxt);
    c->flags = get_flags(v);
    get_registers(v, &c->user_regs);
    get_entry_points(v, c);
    get_tables(v, c);
    for (unsigned int i = 0; i < 4; i++)
        c->debugreg[i] = v->arch.dr[i];
    c->debugreg[6] = v->arch.dr6;
    c->debugreg[7] = v->arch.dr7 | v->arch.dr7_emul;
    c->vm_assist = v->domain->vm_assist;
    c->fs_base = v->arch.fs_base;
    c->gs_base_kernel = v->arch.gs_base_kernel;
    c->gs_base_user = v->arch.gs_base_user;
}

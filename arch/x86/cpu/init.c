/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Brings one CPU into the state that the hypervisor runs in: descriptor tables, task state,
 * control registers, PAT, SYSCALL. Owns the CPU window's GDT page and entry-stub data.
 * Features are detected in features.c; address space in mm/paging.c.
 */
#include <arch/cpu.h>
#include <arch/cpu_window.h>
#include <arch/page.h>
#include <arch/percpu.h>
#include <arch/platform.h>
#include <arch/spec_ctrl.h>
#include <arch/tlb.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/sched.h>

/* 64-bit task state segment (SDM3 8.7). No I/O bitmap: every port access of a guest traps. */
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_bitmap_base;
} packed;

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} packed;

static struct tss *cpu_tss(unsigned int cpu)
{
    return (void *)(uintptr_t)(cpu_window(cpu) + CPU_WINDOW_DATA + ENTRY_DATA_TSS);
}

/* Descriptors (SDM3 3.4.5), accessed bit set so that the CPU never writes to them. */
#define DESC_CODE64_DPL0 0x00af9b000000ffffULL
#define DESC_DATA_DPL0   0x00cf93000000ffffULL
#define DESC_CODE32_DPL3 0x00cffb000000ffffULL
#define DESC_DATA_DPL3   0x00cff3000000ffffULL
#define DESC_CODE64_DPL3 0x00affb000000ffffULL

static void fill_reserved_gdt(uint64_t *gdt_page, const struct tss *t)
{
    const uint64_t base = (uintptr_t)t;
    const uint64_t limit = sizeof(*t) - 1;
#define SLOT(sel) gdt_page[((sel) >> 3) & 511]
    SLOT(SEL_HV_CS) = DESC_CODE64_DPL0;
    SLOT(SEL_HV_DS) = DESC_DATA_DPL0;
    SLOT(SEL_GUEST_CS32) = DESC_CODE32_DPL3;
    SLOT(SEL_GUEST_DS) = DESC_DATA_DPL3;
    SLOT(SEL_GUEST_CS64) = DESC_CODE64_DPL3;
    SLOT(SEL_TSS) = limit | ((base & 0xffffff) << 16) | (0x89ULL << 40) | ((base >> 24 & 0xff) << 56);
    SLOT(SEL_TSS + 8) = base >> 32;
#undef SLOT
}

static void load_descriptor_tables(unsigned int cpu)
{
    const struct table_pointer gdt = { 15 * PAGE_SIZE - 1, cpu_window(cpu) + CPU_WINDOW_GDT };

    __asm__ volatile("lgdt %0" :: "m"(gdt));
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
                     :: "i"((uint64_t)SEL_HV_CS) : "rax", "memory");
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs; mov %1, %%ss"
                     :: "r"(0), "r"(SEL_HV_DS));
    __asm__ volatile("lldt %w0" :: "r"(0));
    __asm__ volatile("ltr %w0" :: "r"(SEL_TSS));
    trap_load_idt();
}

static void fill_tss(unsigned int cpu, struct tss *t)
{
    const uint64_t stack = cpu_window(cpu) + CPU_WINDOW_STACK;

    memset(t, 0, sizeof(*t));
    t->rsp[0] = stack + STACK_BYTES - sizeof(struct cpu_info) + offsetof(struct cpu_info, guest) + sizeof(struct trap_frame);
    for (unsigned int i = 0; i < IST_COUNT; i++)
        /* One word below the page's end: keeps (rsp | mask) inside this block. */
        t->ist[i] = stack + (i + 1) * PAGE_SIZE - 16;
    t->io_bitmap_base = sizeof(*t);
}

static void init_syscall(unsigned int cpu)
{
    struct syscall_stub_data *data = (void *)(uintptr_t)(cpu_window(cpu) + CPU_WINDOW_DATA);

    data->stack_top = cpu_tss(cpu)->rsp[0];
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    wrmsr(MSR_STAR, ((uint64_t)SEL_GUEST_CS32 << 48) | ((uint64_t)SEL_HV_CS << 32));
    wrmsr(MSR_LSTAR, (uintptr_t)syscall_stubs[cpu][0]);
    wrmsr(MSR_CSTAR, (uintptr_t)syscall_stubs[cpu][1]);
    wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_VM);
    if (cpu_features.vendor == CPU_VENDOR_INTEL) {
        wrmsr(MSR_SYSENTER_CS, SEL_HV_CS);
        wrmsr(MSR_SYSENTER_EIP, (uintptr_t)sysenter_entry);
        wrmsr(MSR_SYSENTER_ESP, cpu_tss(cpu)->rsp[0]);
    }
}

/* AMD: LFENCE waits for all before it, as we tell guests ("Managing speculation on AMD processors", G-2); families 0xf and 0x11 have nothing else. */
static void init_lfence(void)
{
    const bool is_amd = cpu_features.vendor == CPU_VENDOR_AMD || cpu_features.vendor == CPU_VENDOR_HYGON;
    uint64_t value;

    if (!is_amd || cpu_features.family < 0x10 || cpu_features.family == 0x11 || rdmsr_safe(MSR_AMD_DE_CFG, &value) != 0)
        return;
    if (wrmsr_safe(MSR_AMD_DE_CFG, value | DE_CFG_LFENCE) != 0)
        log_warn("CPU%u: LFENCE cannot be made to wait\n", this_cpu_id());
}

static void init_control_registers(void)
{
    uint64_t cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE;

    if (cpu_features.pge)
        cr4 |= CR4_PGE;
    if (cpu_features.smep)
        cr4 |= CR4_SMEP;
    if (cpu_features.smap)
        cr4 |= CR4_SMAP;
    if (cpu_features.fsgsbase)
        cr4 |= CR4_FSGSBASE;
    if (cpu_features.xsave)
        cr4 |= CR4_OSXSAVE;
    write_cr4(cr4);
    write_cr0(CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
    if (cpu_features.xsave)
        __asm__ volatile("xsetbv" :: "c"(0), "a"((uint32_t)cpu_features.xcr0_mask), "d"((uint32_t)(cpu_features.xcr0_mask >> 32)));
    wrmsr(MSR_PAT, HOST_PAT);
    tlb_flush_local(TLB_FLUSH_GLOBAL);
}

void cpu_init_this(void)
{
    const unsigned int cpu = this_cpu_id();
    struct tss *t = cpu_tss(cpu);

    fill_tss(cpu, t);
    fill_reserved_gdt((void *)(uintptr_t)(cpu_window(cpu) + CPU_WINDOW_GDT + 14 * PAGE_SIZE), t);
    load_descriptor_tables(cpu);
    init_control_registers();
    init_syscall(cpu);
    init_lfence();
    spec_ctrl_init_cpu();
}

void cpu_enter_idle(void)
{
    const unsigned int cpu = this_cpu_id();
    const uint64_t top = cpu_window(cpu) + CPU_WINDOW_STACK + STACK_BYTES;

    __asm__ volatile("mov %0, %%rsp; xor %%ebp, %%ebp; jmp idle_loop" :: "r"(top - sizeof(struct cpu_info)) : "memory");
    __builtin_unreachable();
}

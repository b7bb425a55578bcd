/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU instructions, control registers, MSRs and features. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <hv/compiler.h>

struct cpuid_leaf { uint32_t a, b, c, d; };
static inline struct cpuid_leaf cpuid_count(uint32_t leaf, uint32_t sub)
{
    struct cpuid_leaf r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}
static inline struct cpuid_leaf cpuid(uint32_t leaf) { return cpuid_count(leaf, 0); }

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return ((uint64_t)hi << 32) | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" :: "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
/* 0, or -EFAULT if the CPU answers #GP (exception table). */
int rdmsr_safe(uint32_t msr, uint64_t *v) must_check;
int wrmsr_safe(uint32_t msr, uint64_t v) must_check;

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((uint64_t)hi << 32) | lo;
}
static inline uint64_t rdtsc_ordered(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
    return ((uint64_t)hi << 32) | lo;
}

#define DEFINE_CR(n) \
    static inline uint64_t read_cr##n(void) { uint64_t v; __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v) :: "memory"); return v; } \
    static inline void write_cr##n(uint64_t v) { __asm__ volatile("mov %0, %%cr" #n :: "r"(v) : "memory"); }
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)

#define DEFINE_DR(n) \
    static inline uint64_t read_dr##n(void) { uint64_t v; __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v)); return v; } \
    static inline void write_dr##n(uint64_t v) { __asm__ volatile("mov %0, %%dr" #n :: "r"(v)); }
DEFINE_DR(0)
DEFINE_DR(1)
DEFINE_DR(2)
DEFINE_DR(3)
DEFINE_DR(6)
DEFINE_DR(7)

static inline void cpu_invlpg(uint64_t va) { __asm__ volatile("invlpg (%0)" :: "r"(va) : "memory"); }
static inline void cpu_wbinvd(void) { __asm__ volatile("wbinvd" ::: "memory"); }
static inline void cpu_lldt(uint16_t sel) { __asm__ volatile("lldt %w0" :: "r"(sel) : "memory"); }
#ifdef HV_HOST_TEST
int sched_yield(void); /* the host's: its threads are more than its CPUs */
static inline void cpu_relax(void) { (void)sched_yield(); }
extern __thread bool host_test_irqs; /* the interrupt flag of the simulated CPU */
static inline void irq_enable(void) { host_test_irqs = true; }
static inline void irq_disable(void) { host_test_irqs = false; }
static inline uint64_t irq_flags(void) { return host_test_irqs ? 1u << 9 : 0; }
#else
static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void irq_enable(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void irq_disable(void) { __asm__ volatile("cli" ::: "memory"); }
static inline uint64_t irq_flags(void) { uint64_t f; __asm__ volatile("pushfq; pop %0" : "=r"(f) :: "memory"); return f; }
#endif
static inline bool irq_is_enabled(void) { return (irq_flags() & (1u << 9)) != 0; }
static inline uint64_t irq_save(void) { uint64_t f = irq_flags(); irq_disable(); return f; }
static inline void irq_restore(uint64_t f) { if (f & (1u << 9)) irq_enable(); else irq_disable(); }

#ifdef HV_HOST_TEST
/* A test plays the devices. */
uint32_t host_test_in(uint16_t port, unsigned int bytes);
void host_test_out(uint16_t port, unsigned int bytes, uint32_t v);
static inline uint8_t inb(uint16_t p) { return (uint8_t)host_test_in(p, 1); }
static inline uint16_t inw(uint16_t p) { return (uint16_t)host_test_in(p, 2); }
static inline uint32_t inl(uint16_t p) { return host_test_in(p, 4); }
static inline void outb(uint16_t p, uint8_t v) { host_test_out(p, 1, v); }
static inline void outw(uint16_t p, uint16_t v) { host_test_out(p, 2, v); }
static inline void outl(uint16_t p, uint32_t v) { host_test_out(p, 4, v); }
#else
static inline uint8_t inb(uint16_t p) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint16_t inw(uint16_t p) { uint16_t v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint32_t inl(uint16_t p) { uint32_t v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline void outb(uint16_t p, uint8_t v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(p)); }
static inline void outw(uint16_t p, uint16_t v) { __asm__ volatile("outw %0, %1" :: "a"(v), "Nd"(p)); }
static inline void outl(uint16_t p, uint32_t v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(p)); }
#endif

/* CR0, CR4, EFER bits (SDM3 2.5, APM2 3.1) */
#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)
#define CR4_VME (1u << 0)
#define CR4_PVI (1u << 1)
#define CR4_TSD (1u << 2)
#define CR4_DE (1u << 3)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_MCE (1u << 6)
#define CR4_PGE (1u << 7)
#define CR4_PCE (1u << 8)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP (1u << 11)
#define CR4_FSGSBASE (1u << 16)
#define CR4_PCIDE (1u << 17)
#define CR4_OSXSAVE (1u << 18)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)
#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)
#define EFER_SVME (1u << 12)

/* MSRs */
#define MSR_TSC            0x10u
#define MSR_APIC_BASE      0x1bu
#define MSR_BIOS_SIGN_ID   0x8bu
#define MSR_MTRR_CAP       0xfeu
#define MSR_SYSENTER_CS    0x174u
#define MSR_SYSENTER_ESP   0x175u
#define MSR_SYSENTER_EIP   0x176u
#define MSR_MCG_CAP        0x179u
#define MSR_MISC_ENABLE    0x1a0u
#define MSR_MTRR_PHYS_BASE(n) (0x200u + 2u * (n))
#define MSR_MTRR_PHYS_MASK(n) (0x201u + 2u * (n))
#define MSR_PAT            0x277u
#define MSR_MTRR_DEF_TYPE  0x2ffu
#define MSR_TSC_DEADLINE   0x6e0u
#define MSR_X2APIC(reg)    (0x800u + ((reg) >> 4))
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u
#define MSR_AMD_DE_CFG     0xc0011029u
#define DE_CFG_LFENCE      (1u << 1)

/*
 * PAT as stock Xen writes it, because PV guests see it (ABI): WB WT UC- UC WC WP UC UC.
 * An L1 entry selects PAT:PCD:PWT.
 */
#define HOST_PAT 0x050100070406ULL

/* Machine features, filled on the boot CPU (cpu/features.c); words are the public CPUID words. */
#include <xen/arch-x86/xen.h>
enum cpu_vendor { CPU_VENDOR_UNKNOWN, CPU_VENDOR_INTEL, CPU_VENDOR_AMD, CPU_VENDOR_HYGON };
struct cpu_features {
    enum cpu_vendor vendor;
    unsigned int family, model, stepping;
    uint32_t leaf1_c, leaf1_d, leaf7_b, leaf7_c, leaf7_d, ext1_c, ext1_d, leafd1_a, ext7_d, ext8_b;
    unsigned int phys_bits, linear_bits;
    bool nx, pge, smep, smap, umip, fsgsbase, xsave, xsaveopt, x2apic, tsc_deadline, tsc_invariant,
         gbpages, pcid, rdtscp, cpuid_faulting, syscall32, sysenter, arat, fxsr;
    uint64_t xcr0_mask;       /* XCR0 features that we enable */
    unsigned int xsave_bytes; /* area for those */
    char brand[49];
};
extern struct cpu_features cpu_features;

struct cpu_topology { uint32_t apic_id; uint32_t socket, core, thread; uint32_t node; };
extern struct cpu_topology cpu_topology[];
unsigned int cpu_nr_present(void);

#endif

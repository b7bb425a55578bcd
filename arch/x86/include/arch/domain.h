/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86's part of struct domain and struct vcpu. PV only so far. */
#ifndef ARCH_DOMAIN_H
#define ARCH_DOMAIN_H

#include <arch/percpu.h>
#include <arch/page.h>
#include <arch/time_scale.h>
#include <hv/rangeset.h>
#include <hv/rwlock.h>
#include <hv/cpumask.h>

struct cpu_policy;      /* arch/cpu_policy.h */
struct pirq_domain;     /* irq/ */
struct e820_entry;      /* pv/e820 */

struct arch_domain {
    struct rangeset ioports_allowed;
    struct pirq_domain *pirqs;
    struct cpu_policy *cpu_policy;      /* what CPUID and MSRs the domain sees */
    bool cpuid_faulting;
    bool msr_relaxed;                   /* XEN_X86_MSR_RELAXED of createdomain */
    bool xpti;                          /* its vCPUs run on reduced page tables (arch/xpti.h) */
    bool check_l1tf;                    /* entries that are not present are looked at (arch/spec_ctrl.h) */

    /* Memory */
    struct rwlock mmu_lock;             /* RANK_PV_MMU: to change L1 entries, shared; else exclusive (docs/pv-mmu.md) */
    cpumask_t dirty_cpus;               /* CPUs whose TLB may hold its translations (atomic bits) */
    struct e820_entry *e820;            /* XENMEM_set_memory_map / dom0's view */
    unsigned int nr_e820;
    struct spinlock e820_lock;          /* RANK_LEAF */
    uint64_t relinquish_step;           /* arch_domain_relinquish: where it stopped */
    uint32_t relinquish_list;           /* pv_mmu_relinquish: the page it stopped at, FRAME_NO_LINK before the first */

    /* TSC */
    uint32_t tsc_mode, tsc_khz, tsc_incarnation;
    bool vtsc;                          /* RDTSC is emulated */
    uint64_t vtsc_zero_ns;              /* system time when its TSC was 0; may be "negative" after a migration */
    struct time_scale vtsc_to_ns, ns_to_vtsc;

    /* PCI configuration address latch of the emulated ports, hardware domain */
    uint32_t pci_cf8;
    uint8_t cmos_index;                 /* latch of the emulated port 0x70 */
};

struct pv_callback {
    uint64_t rip;
    bool disables_events;               /* CALLBACKF_mask_events */
};

struct pv_trap_entry {
    uint64_t rip;
    uint16_t cs;
    uint8_t dpl;
    bool disables_events;
};

/* Saved FPU/SSE/AVX state: an XSAVE area, standard format, 64-byte aligned. */
struct fpu_area;

struct arch_vcpu {
    struct trap_frame regs;             /* while it is not running; else on the CPU's stack */

    /* Page tables: references are held with their L4 types */
    mfn_t cr3_kernel;                   /* MFN_INVALID: none */
    mfn_t cr3_user;                     /* MFN_INVALID: none */
    uint64_t cr3_of_mode[2];            /* CR3 of guest user and of guest kernel mode */
    uint64_t cr3_loaded;                /* value that belongs in CR3 now */
    struct frame *mmu_unfinished;       /* dropped page table whose release goes on at the next MMU hypercall; a reference is held */
    bool in_kernel;                     /* guest kernel mode (both run in ring 3) */
    bool in_syscall;                    /* entered by SYSCALL; return by SYSRET is possible */

    /* Virtual control registers */
    uint64_t cr0;                       /* guest's TS bit lives here */
    uint64_t cr2;                       /* mirrored in vcpu_info->arch.cr2 */
    uint64_t cr4;
    uint64_t dr[4], dr6, dr7;
    uint64_t dr7_emul;                  /* I/O breakpoints asked for */

    /* Stack switch target */
    uint64_t kernel_ss, kernel_sp;

    /* Traps and callbacks */
    struct pv_trap_entry *trap_table;   /* 256 */
    struct pv_callback event, failsafe, syscall, syscall32, sysenter;
    bool in_nmi, in_mce;                /* handler entered, IRET hypercall not made yet: no second one */
    uint64_t mcg_status;                /* virtual MCG_STATUS */

    /* Segments while in the hypervisor or off the CPU */
    uint16_t ds, es, fs, gs;
    uint64_t fs_base, gs_base_kernel, gs_base_user;

    /* Descriptor tables: frames are held as FRAME_SEGDESC */
    mfn_t gdt_frames[14];
    unsigned int gdt_entries;
    uint64_t ldt_base;                  /* guest virtual address */
    unsigned int ldt_entries;
    uint32_t ldt_mapped;                /* pages of the LDT window in use, bitmap */
    mfn_t ldt_frames[16];

    /* Ports */
    unsigned int iopl;                  /* virtual IOPL 0..3 */
    uint64_t iobitmap_va;
    unsigned int iobitmap_ports;

    /* FPU */
    struct fpu_area *fpu;
    bool fpu_loaded;                    /* in the CPU's registers */
    bool fpu_initialised;
    uint64_t xcr0;
    uint32_t tsc_aux;
    uint32_t spec_ctrl;                 /* the guest's MSR_SPEC_CTRL */
    bool cpuid_faulting;                /* the guest asked for it (MSR_MISC_FEATURES_ENABLES) */

    unsigned int dirty_cpu;             /* CPU that still holds lazily kept state; ~0u none */
};

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data segment registers and the FS and GS bases of a PV guest, and its kernel stack pointer. They
 * stay in the CPU while the hypervisor runs; saved and loaded only on a context switch.
 */
#include <arch/extable.h>
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/percpu.h>

/* Loads a selector; null and false if the CPU refuses it (#GP, #NP, #SS, or #PF on the descriptor). */
#define DEFINE_LOAD_SELECTOR(name, before, seg, after)                                             \
    static bool load_##name(uint16_t selector)                                                     \
    {                                                                                              \
        uint32_t sel = selector, failed = 0;                                                       \
        __asm__ volatile(before "1: mov %k0, %%" seg "\n2:\n\t" after                              \
                         ".pushsection .text.fixup, \"ax\"\n"                                      \
                         "3: movl $1, %1; xorl %k0, %k0; jmp 1b\n\t.popsection\n\t"                \
                         EXTABLE_STR("1b", "3b")                                                   \
                         : "+r"(sel), "+r"(failed) :: "memory");                                   \
        return failed == 0;                                                                        \
    }
DEFINE_LOAD_SELECTOR(ds, "", "ds", "")
DEFINE_LOAD_SELECTOR(es, "", "es", "")
DEFINE_LOAD_SELECTOR(fs, "", "fs", "")
DEFINE_LOAD_SELECTOR(gs, "", "gs", "")
/* User GS while the kernel's base is in use: loading the register also loads a base, the wrong one but for SWAPGS. */
DEFINE_LOAD_SELECTOR(gs_swapped, "swapgs\n\t", "gs", "mfence; swapgs\n\t")

static inline bool is_null_selector(uint16_t sel) { return sel < 4; }

static uint64_t *gs_base_in_use(struct vcpu *v) { return v->arch.in_kernel ? &v->arch.gs_base_kernel : &v->arch.gs_base_user; }
static uint64_t *gs_base_waiting(struct vcpu *v) { return v->arch.in_kernel ? &v->arch.gs_base_user : &v->arch.gs_base_kernel; }

void pv_segments_save(struct vcpu *v)
{
    uint16_t ds, es, fs, gs;

    __asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3" : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    v->arch.ds = ds;
    v->arch.es = es;
    v->arch.fs = fs;
    v->arch.gs = gs;
    v->arch.fs_base = rdmsr(MSR_FS_BASE);
    *gs_base_in_use(v) = rdmsr(MSR_GS_BASE);
    *gs_base_waiting(v) = rdmsr(MSR_KERNEL_GS_BASE);
}

/* A selector that is not null brought its descriptor's base; 0 then means that nothing else was asked for. */
static void load_base(uint32_t msr, uint16_t selector, uint64_t base)
{
    if (base != 0 || is_null_selector(selector))
        wrmsr(msr, base);
}

/* Most guests have null in all four all the time: a load that changes nothing is not made. */
static bool load_selectors(const struct vcpu *v)
{
    uint16_t ds, es;
    bool ok = true;

    __asm__ volatile("mov %%ds, %0; mov %%es, %1" : "=r"(ds), "=r"(es));
    if (ds | v->arch.ds)
        ok &= load_ds(v->arch.ds);
    if (es | v->arch.es)
        ok &= load_es(v->arch.es);
    ok &= load_fs(v->arch.fs);
    ok &= load_gs(v->arch.gs);
    return ok;
}

bool pv_segments_restore(struct vcpu *v)
{
    const bool ok = load_selectors(v);

    load_base(MSR_FS_BASE, v->arch.fs, v->arch.fs_base);
    load_base(MSR_GS_BASE, v->arch.gs, *gs_base_in_use(v));
    wrmsr(MSR_KERNEL_GS_BASE, *gs_base_waiting(v));
    return ok;
}

long hc_set_segment_base(uint64_t which, uint64_t base, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = current;

    which = (uint32_t)which;
    if (which == SEGBASE_GS_USER_SEL) {
        (void)load_gs_swapped((uint16_t)base);
        return 0;
    }
    if (which > SEGBASE_GS_KERNEL || !va_is_canonical(base))
        return ERR(EINVAL);
    switch (which) {
    case SEGBASE_FS:
        v->arch.fs_base = base;
        wrmsr(MSR_FS_BASE, base);
        break;
    case SEGBASE_GS_USER:
        v->arch.gs_base_user = base;
        wrmsr(MSR_KERNEL_GS_BASE, base);
        break;
    case SEGBASE_GS_KERNEL:
        v->arch.gs_base_kernel = base;
        wrmsr(MSR_GS_BASE, base);
        break;
    }
    return 0;
}

long hc_stack_switch(uint64_t ss, uint64_t sp, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = current;

    v->arch.kernel_ss = pv_fix_selector((uint16_t)ss);
    v->arch.kernel_sp = sp;
    return 0;
}

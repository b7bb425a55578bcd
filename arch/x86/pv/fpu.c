/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87, SSE and AVX state of PV guests. Loaded eagerly when a vCPU is switched in, so nothing of
 * one guest is ever in the registers while another runs. CR0.TS in the CPU is the guest's
 * virtual TS while it runs, and clear otherwise.
 */
#include <arch/extable.h>
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/percpu.h>

/* XSAVE area (SDM1 13.4); without XSAVE only the first 512 bytes, FXSAVE's (SDM1 10.5.1). */
struct fpu_area {
    uint16_t fcw;
    uint8_t reserved0[22];
    uint32_t mxcsr, mxcsr_mask;
    uint8_t legacy[480];
    uint64_t xstate_bv, xcomp_bv;
    uint8_t reserved1[48];
} aligned(64);
_Static_assert(sizeof(struct fpu_area) == 576, "legacy region and header");

#define FCW_INIT       0x037fu
#define XCR0_INIT      3u         /* ABI: x87 and SSE, unlike after a reset */
#define MXCSR_INIT     0x1f80u
#define MXCSR_DEFAULT_MASK 0xffbfu /* when FXSAVE stores 0 (SDM1 11.6.6) */

static size_t area_bytes(void)
{
    return max((size_t)cpu_features.xsave_bytes, sizeof(struct fpu_area));
}

static void set_initial(struct fpu_area *a)
{
    memset(a, 0, area_bytes());
    a->fcw = FCW_INIT;
    a->mxcsr = MXCSR_INIT;
}

int pv_fpu_init(struct vcpu *v)
{
    v->arch.fpu = heap_zalloc(area_bytes(), 64);
    if (v->arch.fpu == NULL)
        return ERR(ENOMEM);
    set_initial(v->arch.fpu);
    v->arch.xcr0 = XCR0_INIT;
    return 0;
}

void pv_fpu_fini(struct vcpu *v)
{
    heap_free(v->arch.fpu);
    v->arch.fpu = NULL;
}

static inline void clear_ts(void) { __asm__ volatile("clts"); }

static void write_xcr0(uint64_t value)
{
    __asm__ volatile("xsetbv" :: "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* Everything the machine has is saved whatever the guest enabled: it may disable a component and enable it again. */
void pv_fpu_save(struct vcpu *v)
{
    struct fpu_area *a = v->arch.fpu;
    const uint64_t all = cpu_features.xcr0_mask;

    if (!v->arch.fpu_loaded)
        return;
    clear_ts();
    if (cpu_features.xsave) {
        if (v->arch.xcr0 != all)
            write_xcr0(all);
        if (cpu_features.xsaveopt)
            __asm__ volatile("xsaveopt64 (%0)" :: "r"(a), "a"((uint32_t)all), "d"((uint32_t)(all >> 32)) : "memory");
        else
            __asm__ volatile("xsave64 (%0)" :: "r"(a), "a"((uint32_t)all), "d"((uint32_t)(all >> 32)) : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" :: "r"(a) : "memory");
    }
    v->arch.fpu_loaded = false;
}

/*
 * AMD CPUs do not restore the x87 error pointers unless an exception is pending (APM2 11.4.4):
 * the last guest's would shine through. An x87 instruction of our own overwrites them.
 */
static void clear_error_pointers(void)
{
    static const int32_t zero = 0;

    if (cpu_features.vendor != CPU_VENDOR_INTEL)
        __asm__ volatile("fnclex; emms; fildl %0" :: "m"(zero));
}

/* false: the CPU refused the contents. */
static bool load_area(const struct fpu_area *a)
{
    const uint64_t all = cpu_features.xcr0_mask;

    if (cpu_features.xsave)
        __asm__ goto("1: xrstor64 (%0)\n\t" EXTABLE_STR("1b", "%l[refused]")
                     :: "r"(a), "a"((uint32_t)all), "d"((uint32_t)(all >> 32)) : "memory" : refused);
    else
        __asm__ goto("1: fxrstor64 (%0)\n\t" EXTABLE_STR("1b", "%l[refused]") :: "r"(a) : "memory" : refused);
    return true;
refused:
    return false;
}

void pv_fpu_lazy_restore(struct vcpu *v)
{
    const uint64_t all = cpu_features.xcr0_mask;

    if (v->arch.fpu_loaded)
        return;
    clear_error_pointers();
    /* Trust: contents may come from a toolstack; what the CPU refuses becomes the initial state. */
    if (unlikely(!load_area(v->arch.fpu))) {
        set_initial(v->arch.fpu);
        (void)load_area(v->arch.fpu);
    }
    if (cpu_features.xsave && v->arch.xcr0 != all)
        write_xcr0(v->arch.xcr0);
    v->arch.fpu_loaded = true;
    v->arch.fpu_initialised = true;
    if (v->arch.cr0 & CR0_TS)
        write_cr0(read_cr0() | CR0_TS);
}

void pv_fpu_taskswitch(struct vcpu *v, bool set)
{
    if (set) {
        v->arch.cr0 |= CR0_TS;
        write_cr0(read_cr0() | CR0_TS);
    } else {
        v->arch.cr0 &= ~(uint64_t)CR0_TS;
        clear_ts();
    }
}

long hc_fpu_taskswitch(uint64_t set, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    pv_fpu_taskswitch(current, (int)set != 0);
    return 0;
}

/* XSETBV rules (SDM1 13.3): x87 always, SSE before AVX, AVX before AVX-512, nothing that we did not enable. */
bool pv_xcr0_valid(uint64_t xcr0)
{
    const uint64_t avx512 = 0xe0;

    if (!(xcr0 & 1) || (xcr0 & ~cpu_features.xcr0_mask))
        return false;
    if ((xcr0 & 4) && !(xcr0 & 2))
        return false;
    return !(xcr0 & avx512) || ((xcr0 & avx512) == avx512 && (xcr0 & 4));
}

void pv_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    v->arch.xcr0 = xcr0;
    write_xcr0(xcr0);
}

void pv_fpu_set_legacy(struct vcpu *v, const void *image)
{
    struct fpu_area *a = v->arch.fpu;

    set_initial(a);
    memcpy(a, image, 512);
    a->mxcsr &= MXCSR_DEFAULT_MASK;
    a->xstate_bv = cpu_features.xsave ? 3 : 0;
    v->arch.fpu_initialised = true;
}

void pv_fpu_get_legacy(const struct vcpu *v, void *image)
{
    memcpy(image, v->arch.fpu, 512);
}

void pv_fpu_reset(struct vcpu *v)
{
    set_initial(v->arch.fpu);
    v->arch.fpu_initialised = false;
    v->arch.xcr0 = XCR0_INIT;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments of a running PV guest, looked up in its descriptor tables as this CPU's windows show them. */
#include <arch/cpu_window.h>
#include <arch/extable.h>
#include <hv/errno.h>
#include <hv/percpu.h>
#include "priv.h"

/* Descriptor bits (SDM3 3.4.5) */
#define DESC_TYPE_CODE   (1ULL << 43)
#define DESC_EXPAND_DOWN (1ULL << 42)  /* data */
#define DESC_RW          (1ULL << 41)  /* code: readable; data: writable */
#define DESC_S           (1ULL << 44)
#define DESC_P           (1ULL << 47)
#define DESC_L           (1ULL << 53)
#define DESC_DB          (1ULL << 54)
#define DESC_G           (1ULL << 55)

#define SELECTOR_LDT     4u

/* The LDT window is filled by the fault that this load may cause (pv_mmu_fixup_fault). */
static bool load_word(uint64_t va, uint64_t *word)
{
    uint32_t failed = 0;
    uint64_t value;

    __asm__ volatile("1: movq (%2), %0\n2:\n\t"
                     ".pushsection .text.fixup, \"ax\"\n3: movl $1, %1; xorl %k0, %k0; jmp 2b\n\t.popsection\n\t"
                     EXTABLE_STR("1b", "3b")
                     : "=&r"(value), "+r"(failed) : "r"(va));
    *word = value;
    return failed == 0;
}

bool pv_descriptor_read(const struct vcpu *v, uint16_t sel, uint64_t *desc)
{
    const unsigned int index = sel >> 3;
    const uint64_t window = cpu_window(this_cpu_id());
    const bool reserved = index >= HV_GDT_FIRST && index < HV_GDT_FIRST + PT_ENTRIES;

    if (sel & SELECTOR_LDT)
        return index < v->arch.ldt_entries && load_word(window + CPU_WINDOW_LDT + index * 8u, desc);
    if (sel < 4 || (index >= v->arch.gdt_entries && !reserved))
        return false;
    return load_word(window + CPU_WINDOW_GDT + index * 8u, desc);
}

unsigned int pv_code_bits(const struct vcpu *v, const struct trap_frame *regs)
{
    const uint64_t wanted = DESC_S | DESC_P | DESC_TYPE_CODE;
    uint64_t desc;

    if (likely(regs->cs == SEL_GUEST_CS64))
        return 64;
    if (!pv_descriptor_read(v, (uint16_t)regs->cs, &desc) || (desc & wanted) != wanted)
        return 0;
    return desc & DESC_L ? 64 : desc & DESC_DB ? 32 : 16;
}

static uint16_t selector_of(const struct trap_frame *regs, enum emul_segment seg)
{
    uint16_t sel = 0;

    switch (seg) {
    case EMUL_CS: return (uint16_t)regs->cs;
    case EMUL_SS: return (uint16_t)regs->ss;
    case EMUL_ES: __asm__("mov %%es, %0" : "=r"(sel)); break;
    case EMUL_DS: __asm__("mov %%ds, %0" : "=r"(sel)); break;
    case EMUL_FS: __asm__("mov %%fs, %0" : "=r"(sel)); break;
    case EMUL_GS: __asm__("mov %%gs, %0" : "=r"(sel)); break;
    case EMUL_NR_SEGMENTS: break;
    }
    return sel;
}

static uint32_t descriptor_limit(uint64_t desc)
{
    const uint32_t limit = (uint32_t)(desc & 0xffff) | (uint32_t)(desc >> 32 & 0xf0000);

    return desc & DESC_G ? limit << 12 | 0xfff : limit;
}

enum emul_result pv_segment_read(struct emul_context *c, enum emul_segment seg, struct emul_segment_cache *out)
{
    uint64_t desc;

    *out = (struct emul_segment_cache){ .selector = selector_of(c->regs, seg) };
    if (c->code_bits == 64) {
        if (seg == EMUL_FS)
            out->base = rdmsr(MSR_FS_BASE);
        else if (seg == EMUL_GS)
            out->base = rdmsr(MSR_GS_BASE);
        return EMUL_OK;
    }
    if (!pv_descriptor_read(c->opaque, out->selector, &desc) || !(desc & DESC_P) || !(desc & DESC_S))
        return emul_raise(c, seg == EMUL_SS ? VEC_SS : VEC_GP, 0);
    out->base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000);
    out->limit = descriptor_limit(desc);
    out->big = desc & DESC_DB;
    out->expand_down = !(desc & DESC_TYPE_CODE) && (desc & DESC_EXPAND_DOWN);
    out->writable = !(desc & DESC_TYPE_CODE) && (desc & DESC_RW);
    out->readable = !(desc & DESC_TYPE_CODE) || (desc & DESC_RW);
    return EMUL_OK;
}

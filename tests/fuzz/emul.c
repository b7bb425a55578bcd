/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: the instruction emulator (arch/emul.h, rules E1..E3). The input is registers, mode and code;
 * memory, ports and system registers answer from the rest of it.
 */
#include "target.h"

#include <arch/emul.h>

#define CODE_RIP 0x400000ULL

struct world {
    const uint8_t *p;
    size_t left;
    const uint8_t *code;
    unsigned int code_bytes, fetched, writes, cmpxchgs;
};

static struct world *world_of(struct emul_context *c) { return c->opaque; }

static uint8_t next(struct world *w)
{
    return w->left ? w->left--, *w->p++ : 0;
}

static void fill(struct world *w, void *dst, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        ((uint8_t *)dst)[i] = next(w);
}

/* Mostly yes; else refuses, faults, or wants the instruction again. */
static enum emul_result answer(struct emul_context *c, uint64_t linear)
{
    switch (next(world_of(c)) & 31) {
    case 29: return EMUL_RETRY;
    case 30: return EMUL_UNHANDLEABLE;
    case 31: return emul_raise_page_fault(c, 0, linear);
    default: return EMUL_OK;
    }
}

static enum emul_result op_fetch(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    struct world *w = world_of(c);

    must(bytes <= 16);
    w->fetched += bytes;
    must(w->fetched <= 32); /* E3 */
    for (unsigned int i = 0; i < bytes; i++)
        ((uint8_t *)dst)[i] = linear + i - CODE_RIP < w->code_bytes ? w->code[linear + i - CODE_RIP] : 0x90;
    return EMUL_OK;
}

static enum emul_result op_read(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    must(bytes >= 1 && bytes <= 16);
    fill(world_of(c), dst, bytes);
    return answer(c, linear);
}

static enum emul_result op_write(struct emul_context *c, uint64_t linear, const void *src, unsigned int bytes)
{
    uint8_t copy[16];

    must(bytes >= 1 && bytes <= 16);
    memcpy(copy, src, bytes);
    world_of(c)->writes++;
    return answer(c, linear);
}

static enum emul_result op_cmpxchg(struct emul_context *c, uint64_t linear, void *expected, const void *desired, unsigned int bytes, bool *done)
{
    uint8_t copy[16];

    must(bytes >= 1 && bytes <= 16);
    memcpy(copy, desired, bytes);
    *done = next(world_of(c)) & 1;
    if (!*done)
        fill(world_of(c), expected, bytes);
    world_of(c)->cmpxchgs++;
    return answer(c, linear);
}

static enum emul_result op_segment(struct emul_context *c, enum emul_segment seg, struct emul_segment_cache *out)
{
    struct world *w = world_of(c);
    const uint8_t b = next(w);

    must(seg < EMUL_NR_SEGMENTS);
    *out = (struct emul_segment_cache){ .limit = b & 1 ? ~0u : b, .base = b & 2 ? (uint64_t)b << 40 : 0, .writable = !(b & 4),
                                        .readable = !(b & 8), .expand_down = b & 16, .big = b & 32 };
    return EMUL_OK;
}

static enum emul_result op_load(struct emul_context *c, enum emul_segment seg, uint16_t selector) { return answer(c, selector); }
static enum emul_result op_io_check(struct emul_context *c, uint16_t port, unsigned int bytes) { return answer(c, port); }
static enum emul_result op_io_read(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t *v) { fill(world_of(c), v, 4); return answer(c, port); }
static enum emul_result op_io_write(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t v) { return answer(c, port); }
static enum emul_result op_reg_read(struct emul_context *c, unsigned int nr, uint64_t *v) { fill(world_of(c), v, 8); return answer(c, nr); }
static enum emul_result op_reg_write(struct emul_context *c, unsigned int nr, uint64_t v) { return answer(c, nr); }
static enum emul_result op_tsc(struct emul_context *c, uint64_t *tsc, uint32_t *aux)
{
    fill(world_of(c), tsc, 8);
    if (aux)
        *aux = next(world_of(c));
    return answer(c, 0);
}
static enum emul_result op_cpuid(struct emul_context *c, uint32_t regs[4]) { fill(world_of(c), regs, 16); return EMUL_OK; }
static enum emul_result op_cache(struct emul_context *c, bool write_back) { return answer(c, 0); }
static enum emul_result op_tlb(struct emul_context *c, uint64_t linear) { return answer(c, linear); }

static const struct emul_ops ops = {
    .fetch = op_fetch, .read = op_read, .write = op_write, .cmpxchg = op_cmpxchg, .segment_read = op_segment, .segment_load = op_load,
    .io_check = op_io_check, .io_read = op_io_read, .io_write = op_io_write, .cr_read = op_reg_read, .cr_write = op_reg_write,
    .dr_read = op_reg_read, .dr_write = op_reg_write, .msr_read = op_reg_read, .msr_write = op_reg_write, .xcr_write = op_reg_write,
    .tsc_read = op_tsc, .cpuid = op_cpuid, .cache_flush = op_cache, .tlb_flush = op_tlb,
};

static void check(const struct emul_context *c, const struct world *w, const struct trap_frame *before, enum emul_result result)
{
    must(result <= EMUL_RETRY);
    if (result == EMUL_EXCEPTION)
        must(c->exception.vector < 32);
    /* E1; a repeated instruction keeps the iterations that it has done. */
    if (result != EMUL_OK && w->writes + w->cmpxchgs == 0 && c->rep_limit <= 1)
        must(memcmp(before, c->regs, sizeof(*before)) == 0);
    if (result == EMUL_OK && !c->branched && !c->rep_unfinished && c->code_bits == 64)
        must(c->regs->rip - before->rip - 1 < 15); /* E3 */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = { data, size, NULL, 0, 0, 0, 0 };
    static const uint8_t bits[4] = { 64, 32, 16, 64 };
    struct trap_frame regs = { 0 }, before;
    uint8_t code[16];
    const uint8_t mode = next(&w), more = next(&w);

    fill(&w, code, sizeof(code));
    fill(&w, &regs, 15 * 8);
    w.code = code;
    w.code_bytes = sizeof(code);
    regs.rip = CODE_RIP;
    before = regs;
    struct emul_context c = {
        .ops = &ops, .opaque = &w, .regs = &regs, .code_bits = bits[mode & 3], .stack_bits = bits[mode & 3], .cpl = mode >> 2 & 3,
        .iopl = mode >> 4 & 3, .has_movbe = more & 1, .has_popcnt = more & 2, .has_lzcnt = more & 4, .has_tzcnt = more & 8, .rep_limit = more >> 4,
    };

    check(&c, &w, &before, emul_step(&c));
    return 0;
}

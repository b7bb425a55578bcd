/* SPDX-License-Identifier: GPL-2.0-or-later */
// sources: arch/x86/emul/decode.c arch/x86/emul/opcodes.c arch/x86/emul/operand.c arch/x86/emul/alu.c arch/x86/emul/arith.c arch/x86/emul/data.c arch/x86/emul/flow.c arch/x86/emul/string.c arch/x86/emul/system.c
/*
 * The instruction emulator against this machine's CPU: random instructions run on both from the same state,
 * registers, flags that are defined, and memory compared. Then what a CPU test cannot show: faults of
 * collaborators, LOCK, limits, ports, and random bytes.
 */
#include "host_support.h"
#include "../../arch/x86/emul/internal.h"

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- memory that both see at the same addresses: the CPU the page, the emulator a shadow of it ---- */

#define DATA_BYTES 4096u

static uint8_t *data, shadow[DATA_BYTES];
static uint8_t code[32];
static unsigned int code_bytes;
#define CODE_RIP 0x400000ULL

struct knobs {
    enum emul_result read, write; /* not EMUL_OK: what they answer */
    bool lose_race;               /* cmpxchg finds something else */
    unsigned int cmpxchgs, writes, reads;
    uint64_t segment_base;
    uint32_t segment_limit;
    uint64_t io_log[8];
    unsigned int nr_io;
};

static struct knobs *knobs_of(struct emul_context *c) { return c->opaque; }

static uint8_t *shadow_at(uint64_t linear, unsigned int bytes)
{
    const uint64_t offset = linear - (uintptr_t)data;

    return offset <= DATA_BYTES - bytes ? shadow + offset : NULL;
}

static enum emul_result fetch(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        ((uint8_t *)dst)[i] = linear + i - CODE_RIP < code_bytes ? code[linear + i - CODE_RIP] : 0x90;
    return EMUL_OK;
}

static enum emul_result mem_read(struct emul_context *c, uint64_t linear, void *dst, unsigned int bytes)
{
    uint8_t *p = shadow_at(linear, bytes);

    knobs_of(c)->reads++;
    if (knobs_of(c)->read != EMUL_OK)
        return knobs_of(c)->read;
    if (!p)
        return emul_raise_page_fault(c, 0, linear);
    memcpy(dst, p, bytes);
    return EMUL_OK;
}

static enum emul_result mem_write(struct emul_context *c, uint64_t linear, const void *src, unsigned int bytes)
{
    uint8_t *p = shadow_at(linear, bytes);

    knobs_of(c)->writes++;
    if (knobs_of(c)->write != EMUL_OK)
        return knobs_of(c)->write;
    if (!p)
        return emul_raise_page_fault(c, PFEC_WRITE, linear);
    memcpy(p, src, bytes);
    return EMUL_OK;
}

static enum emul_result mem_cmpxchg(struct emul_context *c, uint64_t linear, void *expected, const void *desired, unsigned int bytes, bool *done)
{
    uint8_t *p = shadow_at(linear, bytes);

    knobs_of(c)->cmpxchgs++;
    if (!p)
        return emul_raise_page_fault(c, PFEC_WRITE, linear);
    *done = !knobs_of(c)->lose_race && memcmp(p, expected, bytes) == 0;
    memcpy(*done ? p : expected, *done ? desired : p, bytes);
    return EMUL_OK;
}

static enum emul_result segment(struct emul_context *c, enum emul_segment seg, struct emul_segment_cache *out)
{
    *out = (struct emul_segment_cache){ .selector = (uint16_t)(0x10 + 8 * seg), .limit = knobs_of(c)->segment_limit, .writable = seg != EMUL_CS,
                                        .readable = true, .big = true };
    if (seg >= EMUL_FS)
        out->base = knobs_of(c)->segment_base;
    return EMUL_OK;
}

static enum emul_result port_in(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t *value)
{
    *value = 0x11223344u + port;
    return EMUL_OK;
}

static enum emul_result port_out(struct emul_context *c, uint16_t port, unsigned int bytes, uint32_t value)
{
    struct knobs *k = knobs_of(c);

    if (k->nr_io < 8)
        k->io_log[k->nr_io++] = (uint64_t)port << 48 | (uint64_t)bytes << 32 | value;
    return EMUL_OK;
}

static const struct emul_ops ops = {
    .fetch = fetch, .read = mem_read, .write = mem_write, .cmpxchg = mem_cmpxchg, .segment_read = segment,
    .io_read = port_in, .io_write = port_out,
};

/* clang's __builtin_cpu_supports does not know "lzcnt": APM3 E.4.2, ABM. */
static bool cpu_has_lzcnt(void)
{
    unsigned int eax, ebx, ecx, edx;

    return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & bit_LZCNT);
}

static struct emul_context context(struct trap_frame *regs, struct knobs *k)
{
    return (struct emul_context){ .ops = &ops, .opaque = k, .regs = regs, .code_bits = 64, .stack_bits = 64, .rep_limit = 100,
                                  .has_popcnt = __builtin_cpu_supports("popcnt"), .has_lzcnt = cpu_has_lzcnt(),
                                  .has_tzcnt = __builtin_cpu_supports("bmi") };
}

static struct knobs ordinary(void) { return (struct knobs){ .segment_limit = ~0u }; }

/* ---- the CPU: code made at run time that loads a state, runs one instruction, stores the state ---- */

struct state { uint64_t r[16], flags; };

static struct state cpu_in, cpu_out;
static uint64_t saved_rsp;
static uint8_t *stub;
static sigjmp_buf fault_jump;

static void on_fault(int sig) { siglongjmp(fault_jump, sig); }

static uint8_t *emit(uint8_t *p, const void *bytes, size_t n) { memcpy(p, bytes, n); return p + n; }
#define EMIT(...) (p = emit(p, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })))
static uint8_t *emit64(uint8_t *p, uint64_t v) { return emit(p, &v, 8); }

/* mov between register n and [rax + 8 * n] */
static uint8_t *emit_move(uint8_t *p, unsigned int n, bool load)
{
    EMIT((uint8_t)(0x48 | (n >= 8 ? 4 : 0)), load ? 0x8b : 0x89, (uint8_t)(0x40 | (n & 7) << 3), (uint8_t)(8 * n));
    return p;
}

static void build_stub(void)
{
    uint8_t *p = stub;

    EMIT(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57); /* push callee-saved */
    EMIT(0x48, 0xb8); p = emit64(p, (uintptr_t)&saved_rsp);
    EMIT(0x48, 0x89, 0x20);                                           /* mov %rsp, (%rax) */
    EMIT(0x48, 0xb8); p = emit64(p, (uintptr_t)&cpu_in);
    EMIT(0xff, 0xb0, 0x80, 0, 0, 0, 0x9d);                            /* push 128(%rax); popf */
    for (unsigned int n = 1; n < 16; n++)
        p = emit_move(p, n, true);
    p = emit_move(p, 0, true);
    p = emit(p, code, code_bytes);
    EMIT(0x48, 0xa3); p = emit64(p, (uintptr_t)&cpu_out);             /* mov %rax, abs */
    EMIT(0x48, 0xb8); p = emit64(p, (uintptr_t)&cpu_out);
    for (unsigned int n = 1; n < 16; n++)
        p = emit_move(p, n, false);
    EMIT(0x48, 0xb9); p = emit64(p, (uintptr_t)&saved_rsp);           /* mov $, %rcx: stored already */
    EMIT(0x48, 0x8b, 0x21);
    EMIT(0x9c, 0x8f, 0x80, 0x80, 0, 0, 0, 0xfc);                      /* pushf; pop 128(%rax); cld */
    EMIT(0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

/* 0, or the signal. */
static int run_on_cpu(void)
{
    build_stub();
    const int sig = sigsetjmp(fault_jump, 1);

    if (sig == 0)
        ((void (*)(void))(uintptr_t)stub)();
    __asm__ volatile("cld");
    return sig;
}

/* In the test itself: cmocka has its own handlers around each. */
static void catch_faults(void)
{
    const int signals[] = { SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP };
    static uint8_t alternate[65536];
    const stack_t ss = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
    const struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER };

    sigaltstack(&ss, NULL);
    for (unsigned int i = 0; i < array_size(signals); i++)
        sigaction(signals[i], &sa, NULL);
}

static int group_setup(void **unused)
{
    data = mmap((void *)0x30000000, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    stub = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED || stub == MAP_FAILED ? -1 : 0;
}

/* ---- random instructions ---- */

#define ALL_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct template {
    uint8_t opcode[2], nr;  /* opcode bytes */
    uint8_t modrm;          /* 0 none, 1 any, 2 register only, 3 memory only */
    int8_t reg_first, reg_last; /* ModRM.reg range, -1: any */
    uint8_t imm;            /* 0, 1, or 4: 2 with operand size prefix; 8: as large as the operand */
    uint32_t undefined;     /* flags */
    bool lockable, is_shift;
};

#define SZAPC_MUL (RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF)
#define BITS_UNDEF (RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF)
#define SHIFT_UNDEF (RFLAGS_AF)

static const struct template templates[] = {
#define ALU(b) { { b }, 1, 1, -1, -1, 0, 0, false, false }, { { b + 1 }, 1, 1, -1, -1, 0, 0, false, false }, \
               { { b + 2 }, 1, 1, -1, -1, 0, 0, false, false }, { { b + 3 }, 1, 1, -1, -1, 0, 0, false, false }, \
               { { b + 4 }, 1, 0, -1, -1, 1, 0, false, false }, { { b + 5 }, 1, 0, -1, -1, 4, 0, false, false }
    ALU(0x00), ALU(0x08), ALU(0x10), ALU(0x18), ALU(0x20), ALU(0x28), ALU(0x30), ALU(0x38),
    { { 0x80 }, 1, 1, 0, 6, 1, 0, true, false }, { { 0x81 }, 1, 1, 0, 6, 4, 0, true, false }, { { 0x83 }, 1, 1, 0, 6, 1, 0, true, false },
    { { 0x83 }, 1, 1, 7, 7, 1, 0, false, false },
    { { 0x63 }, 1, 1, -1, -1, 0, 0, false, false }, { { 0x69 }, 1, 1, -1, -1, 4, SZAPC_MUL, false, false },
    { { 0x6b }, 1, 1, -1, -1, 1, SZAPC_MUL, false, false },
    { { 0x84 }, 1, 1, -1, -1, 0, RFLAGS_AF, false, false }, { { 0x85 }, 1, 1, -1, -1, 0, RFLAGS_AF, false, false },
    { { 0x86 }, 1, 1, -1, -1, 0, 0, false, false }, { { 0x87 }, 1, 1, -1, -1, 0, 0, false, false },
    { { 0x88 }, 1, 1, -1, -1, 0, 0, false, false }, { { 0x89 }, 1, 1, -1, -1, 0, 0, false, false },
    { { 0x8a }, 1, 1, -1, -1, 0, 0, false, false }, { { 0x8b }, 1, 1, -1, -1, 0, 0, false, false },
    { { 0x8d }, 1, 3, -1, -1, 0, 0, false, false },
    { { 0x90 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0x91 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0x97 }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0x98 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0x99 }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0x9e }, 1, 0, -1, -1, 0, 0, false, false }, { { 0x9f }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0xa8 }, 1, 0, -1, -1, 1, RFLAGS_AF, false, false }, { { 0xa9 }, 1, 0, -1, -1, 4, RFLAGS_AF, false, false },
    { { 0xb0 }, 1, 0, -1, -1, 1, 0, false, false }, { { 0xb5 }, 1, 0, -1, -1, 1, 0, false, false }, { { 0xb9 }, 1, 0, -1, -1, 8, 0, false, false },
    { { 0xc0 }, 1, 1, -1, -1, 1, SHIFT_UNDEF, false, true }, { { 0xc1 }, 1, 1, -1, -1, 1, SHIFT_UNDEF, false, true },
    { { 0xd0 }, 1, 1, -1, -1, 0, SHIFT_UNDEF, false, true }, { { 0xd1 }, 1, 1, -1, -1, 0, SHIFT_UNDEF, false, true },
    { { 0xd2 }, 1, 1, -1, -1, 0, SHIFT_UNDEF, false, true }, { { 0xd3 }, 1, 1, -1, -1, 0, SHIFT_UNDEF, false, true },
    { { 0xc6 }, 1, 1, 0, 0, 1, 0, false, false }, { { 0xc7 }, 1, 1, 0, 0, 4, 0, false, false },
    { { 0xf5 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xf8 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xf9 }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0xfc }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xfd }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0xf6 }, 1, 1, 0, 1, 1, RFLAGS_AF, false, false }, { { 0xf7 }, 1, 1, 0, 1, 4, RFLAGS_AF, false, false },
    { { 0xf6 }, 1, 1, 2, 3, 0, 0, true, false }, { { 0xf7 }, 1, 1, 2, 3, 0, 0, true, false },
    { { 0xf6 }, 1, 1, 4, 5, 0, SZAPC_MUL, false, false }, { { 0xf7 }, 1, 1, 4, 5, 0, SZAPC_MUL, false, false },
    { { 0xf6 }, 1, 1, 6, 7, 0, ALL_FLAGS, false, false }, { { 0xf7 }, 1, 1, 6, 7, 0, ALL_FLAGS, false, false },
    { { 0xfe }, 1, 1, 0, 1, 0, 0, true, false }, { { 0xff }, 1, 1, 0, 1, 0, 0, true, false },
    { { 0xff }, 1, 1, 6, 6, 0, 0, false, false }, { { 0x8f }, 1, 1, 0, 0, 0, 0, false, false },
    { { 0x50 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0x54 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0x59 }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0x68 }, 1, 0, -1, -1, 4, 0, false, false }, { { 0x6a }, 1, 0, -1, -1, 1, 0, false, false },
    { { 0xa4 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xa5 }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0xa6 }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xa7 }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0xaa }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xab }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0xac }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xad }, 1, 0, -1, -1, 0, 0, false, false },
    { { 0xae }, 1, 0, -1, -1, 0, 0, false, false }, { { 0xaf }, 1, 0, -1, -1, 0, 0, false, false },
#define CC(a, b) { { 0x0f, a }, 2, 1, -1, -1, 0, 0, false, false }, { { 0x0f, b }, 2, 1, -1, -1, 0, 0, false, false }
    CC(0x40, 0x41), CC(0x42, 0x43), CC(0x44, 0x45), CC(0x46, 0x47), CC(0x48, 0x49), CC(0x4a, 0x4b), CC(0x4c, 0x4d), CC(0x4e, 0x4f),
    CC(0x90, 0x91), CC(0x92, 0x93), CC(0x94, 0x95), CC(0x96, 0x97), CC(0x98, 0x99), CC(0x9a, 0x9b), CC(0x9c, 0x9d), CC(0x9e, 0x9f),
    { { 0x0f, 0xa3 }, 2, 2, -1, -1, 0, BITS_UNDEF, false, false }, { { 0x0f, 0xab }, 2, 2, -1, -1, 0, BITS_UNDEF, false, false },
    { { 0x0f, 0xb3 }, 2, 2, -1, -1, 0, BITS_UNDEF, false, false }, { { 0x0f, 0xbb }, 2, 2, -1, -1, 0, BITS_UNDEF, false, false },
    { { 0x0f, 0xba }, 2, 1, 4, 4, 1, BITS_UNDEF, false, false }, { { 0x0f, 0xba }, 2, 1, 5, 7, 1, BITS_UNDEF, true, false },
    { { 0x0f, 0xa4 }, 2, 1, -1, -1, 1, SHIFT_UNDEF, false, true }, { { 0x0f, 0xa5 }, 2, 1, -1, -1, 0, SHIFT_UNDEF, false, true },
    { { 0x0f, 0xac }, 2, 1, -1, -1, 1, SHIFT_UNDEF, false, true }, { { 0x0f, 0xad }, 2, 1, -1, -1, 0, SHIFT_UNDEF, false, true },
    { { 0x0f, 0xaf }, 2, 1, -1, -1, 0, SZAPC_MUL, false, false },
    { { 0x0f, 0xb0 }, 2, 1, -1, -1, 0, 0, true, false }, { { 0x0f, 0xb1 }, 2, 1, -1, -1, 0, 0, true, false },
    { { 0x0f, 0xb6 }, 2, 1, -1, -1, 0, 0, false, false }, { { 0x0f, 0xb7 }, 2, 1, -1, -1, 0, 0, false, false },
    { { 0x0f, 0xbe }, 2, 1, -1, -1, 0, 0, false, false }, { { 0x0f, 0xbf }, 2, 1, -1, -1, 0, 0, false, false },
    { { 0x0f, 0xbc }, 2, 1, -1, -1, 0, ALL_FLAGS & ~RFLAGS_ZF, false, false }, { { 0x0f, 0xbd }, 2, 1, -1, -1, 0, ALL_FLAGS & ~RFLAGS_ZF, false, false },
    { { 0x0f, 0xc0 }, 2, 1, -1, -1, 0, 0, true, false }, { { 0x0f, 0xc1 }, 2, 1, -1, -1, 0, 0, true, false },
    { { 0x0f, 0xc3 }, 2, 3, -1, -1, 0, 0, false, false }, { { 0x0f, 0xc7 }, 2, 3, 1, 1, 0, 0, true, false },
    { { 0x0f, 0xc8 }, 2, 0, -1, -1, 0, 0, false, false }, { { 0x0f, 0xcf }, 2, 0, -1, -1, 0, 0, false, false },
    { { 0x0f, 0x1f }, 2, 1, -1, -1, 0, 0, false, false },
};

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;
static uint64_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t interesting(void)
{
    static const uint64_t values[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                       0x7fffffffffffffff, 0x8000000000000000, ~0ULL };
    return rnd() & 1 ? rnd() : values[rnd() % array_size(values)];
}

static void put(uint8_t b) { code[code_bytes++] = b; }

/* Memory forms all go through rbx (data's middle) and rcx or r9 (small). */
static void put_memory_modrm(unsigned int reg)
{
    const unsigned int scale = (unsigned int)rnd() & 3;

    switch (rnd() % 5) {
    case 0: put((uint8_t)(reg << 3 | 3)); break;                            /* (%rbx) */
    case 1: put((uint8_t)(0x40 | reg << 3 | 3)); put((uint8_t)rnd()); break; /* disp8 */
    case 2: put((uint8_t)(0x80 | reg << 3 | 3)); put((uint8_t)rnd()); put(rnd() & 1 ? 1 : 0); put(0); put(0); break;
    case 3: put((uint8_t)(0x44 | reg << 3)); put((uint8_t)(scale << 6 | 1 << 3 | 3)); put((uint8_t)rnd()); break; /* disp8(%rbx,%rcx|%r9,n) */
    default: put((uint8_t)(0x04 | reg << 3)); put((uint8_t)(4 << 3 | 3)); break; /* SIB without index */
    }
}

/* REX.B and REX.X stay out of memory forms but for X with index 1 (r9). */
static bool make_instruction(const struct template *t, bool *in_memory, bool *wide, bool *narrow)
{
    const bool memory = t->modrm == 3 || (t->modrm == 1 && (rnd() & 1));
    const unsigned int reg = t->reg_first < 0 ? (unsigned int)rnd() & 7
                           : (unsigned int)t->reg_first + (unsigned int)(rnd() % (uint64_t)(t->reg_last - t->reg_first + 1));
    uint8_t rex = rnd() % 3 ? (uint8_t)(0x40 | (rnd() & 0xd)) : 0;

    code_bytes = 0;
    *in_memory = memory;
    *narrow = rnd() % 4 == 0;
    if (memory && t->lockable && (rnd() & 1))
        put(0xf0);
    if (*narrow)
        put(0x66);
    if (memory)
        rex &= (uint8_t)~1;
    if (t->reg_first >= 0 && rex)
        rex &= (uint8_t)~4;
    if (t->opcode[0] == 0x63 && !(rex & 8))
        rex |= 0x48;
    *wide = rex & 8;
    if (rex)
        put(rex);
    for (unsigned int n = 0; n < t->nr; n++)
        put(t->opcode[n]);
    if (memory)
        put_memory_modrm(reg);
    else if (t->modrm)
        put((uint8_t)(0xc0 | reg << 3 | (rnd() & 7)));
    for (unsigned int n = t->imm == 4 && *narrow && !*wide ? 2 : t->imm == 8 ? (*wide ? 8 : *narrow ? 2 : 4) : t->imm; n != 0; n--)
        put((uint8_t)rnd());
    /* The group-1 byte forms and movnti with the prefix, whose meaning varies, are left out. */
    return !(t->opcode[1] == 0xc3 && *narrow);
}

static void random_inputs(bool in_memory)
{
    for (unsigned int n = 0; n < 16; n++)
        cpu_in.r[n] = interesting();
    if (in_memory) {
        cpu_in.r[1] = rnd() & 63;
        cpu_in.r[9] = rnd() & 63;
        cpu_in.r[3] = (uintptr_t)data + 1024 + (rnd() & 0xf0);
    }
    cpu_in.r[4] = (uintptr_t)data + 3072;
    cpu_in.flags = (rnd() & (ALL_FLAGS | RFLAGS_DF)) | RFLAGS_MBS | RFLAGS_IF;
    for (unsigned int n = 0; n < DATA_BYTES; n++)
        data[n] = shadow[n] = (uint8_t)rnd();
    if (in_memory && (rnd() & 1)) /* let CMPXCHG and divisions meet equal and small values */
        for (unsigned int n = 0; n < DATA_BYTES; n += 8) {
            memcpy(data + n, &cpu_in.r[0], 8);
            memcpy(shadow + n, &cpu_in.r[0], 8);
        }
}

static struct trap_frame frame_of_state(const struct state *s)
{
    struct trap_frame f = { .rip = CODE_RIP, .rflags = s->flags, .cs = 0x33, .ss = 0x2b };

    for (unsigned int n = 0; n < 16; n++)
        *emul_register(&f, n) = s->r[n];
    return f;
}

/* Flags of shifts depend on the count: OF only for 1; nothing for a count beyond the operand. */
static uint32_t undefined_flags(const struct template *t, const struct emul_insn *i)
{
    if (!t->is_shift)
        return t->undefined;
    const bool by_cl = (t->nr == 1 && t->opcode[0] >= 0xd2) || (t->nr == 2 && (t->opcode[1] & 1));
    const bool by_one = t->nr == 1 && (t->opcode[0] & 0xfe) == 0xd0;
    const unsigned int count = (by_one ? 1 : by_cl ? (unsigned int)cpu_in.r[1] : (unsigned int)i->immediate) & (i->op_bytes == 8 ? 63 : 31);
    uint32_t u = t->undefined;

    if (count == 0)
        return 0;
    if (count != 1)
        u |= RFLAGS_OF;
    if (count >= 8u * i->op_bytes)
        u |= RFLAGS_CF;
    if (t->nr == 2 && count > 8u * i->op_bytes)
        u = ALL_FLAGS;
    return u;
}

static void dump_code(void)
{
    fprintf(stderr, "instruction:");
    for (unsigned int n = 0; n < code_bytes; n++)
        fprintf(stderr, " %02x", code[n]);
    fprintf(stderr, "\n");
}

static void compare_once(const struct template *t)
{
    struct knobs k = ordinary();
    bool in_memory, wide, narrow;
    struct emul_insn i;

    if (!make_instruction(t, &in_memory, &wide, &narrow))
        return;
    random_inputs(in_memory);
    if ((t->nr == 1 && t->opcode[0] >= 0xa4 && t->opcode[0] <= 0xa7) || (t->nr == 1 && t->opcode[0] >= 0xaa && t->opcode[0] <= 0xaf)) {
        cpu_in.r[6] = (uintptr_t)data + 512;
        cpu_in.r[7] = (uintptr_t)data + 2048;
    }
    struct trap_frame f = frame_of_state(&cpu_in);
    struct emul_context c = context(&f, &k);
    enum emul_result r = emul_decode(&c, &i);

    if (r == EMUL_OK)
        r = emul_execute(&c, &i);
    /* 16-bit double shifts beyond the operand have no defined result. */
    if (t->is_shift && t->nr == 2 && undefined_flags(t, &i) == ALL_FLAGS)
        return;
    const int sig = run_on_cpu();

    if (sig != 0) {
        if (r != EMUL_EXCEPTION)
            dump_code();
        assert_int_equal(r, EMUL_EXCEPTION);
        assert_int_equal(sig, c.exception.vector == VEC_DE ? SIGFPE : c.exception.vector == VEC_UD ? SIGILL : SIGSEGV);
        return;
    }
    const uint32_t u = undefined_flags(t, &i);
    bool same = r == EMUL_OK && f.rip == CODE_RIP + code_bytes &&
                !((f.rflags ^ cpu_out.flags) & (ALL_FLAGS | RFLAGS_DF) & ~(uint64_t)u) && memcmp(data, shadow, DATA_BYTES) == 0;

    for (unsigned int n = 0; n < 16; n++)
        same = same && *emul_register(&f, n) == cpu_out.r[n];
    if (same)
        return;
    dump_code();
    fprintf(stderr, "result %d exception %u rip+%lu (%u)\nflags in %lx cpu %lx emul %lx undefined %x\n", r, c.exception.vector,
            (unsigned long)(f.rip - CODE_RIP), code_bytes, cpu_in.flags, cpu_out.flags, f.rflags, u);
    for (unsigned int n = 0; n < 16; n++)
        fprintf(stderr, "r%u in %016lx cpu %016lx emul %016lx%s\n", n, cpu_in.r[n], cpu_out.r[n], *emul_register(&f, n),
                cpu_out.r[n] == *emul_register(&f, n) ? "" : " <--");
    fail();
}

static void test_against_cpu(void **unused)
{
    catch_faults();
    for (unsigned int round = 0; round < 400; round++)
        for (unsigned int n = 0; n < array_size(templates); n++)
            compare_once(&templates[n]);
}

/* ---- what the CPU cannot show ---- */

#define CODE(...) (memcpy(code, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })), \
                   code_bytes = sizeof((const uint8_t[]){ __VA_ARGS__ }))

static struct trap_frame plain_frame(void)
{
    return (struct trap_frame){ .rip = CODE_RIP, .rflags = RFLAGS_MBS | RFLAGS_IF, .rsp = (uintptr_t)data + 3072, .rbx = (uintptr_t)data + 1024 };
}

static void test_lock_uses_one_cmpxchg(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);

    CODE(0xf0, 0x48, 0x0f, 0xba, 0x2b, 0x05); /* lock btsq $5, (%rbx) */
    memset(shadow, 0, sizeof(shadow));
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(k.cmpxchgs, 1);
    assert_int_equal(k.writes, 0);
    assert_int_equal(shadow[1024], 0x20);
    k.lose_race = true;
    f = plain_frame();
    assert_int_equal(emul_step(&c), EMUL_RETRY);
    assert_int_equal(f.rip, CODE_RIP);
    CODE(0xf0, 0x48, 0x8b, 0x03); /* lock mov: undefined */
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.vector, VEC_UD);
    CODE(0x48, 0x87, 0x03); /* xchg is locked by itself */
    k = ordinary();
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(k.cmpxchgs, 1);
}

static void test_faults_change_nothing(void **unused)
{
    static const uint8_t insns[][4] = {
        { 0x48, 0x01, 0x03 }, { 0x48, 0x03, 0x03 }, { 0x48, 0xff, 0x33 }, { 0x48, 0x8f, 0x03 }, { 0x48, 0x0f, 0xc1, 0x03 }, { 0xff, 0x13 },
        { 0x48, 0xd3, 0x03 }, { 0x48, 0xf7, 0x23 }, { 0x48, 0xf7, 0x1b }, { 0x0f, 0x45, 0x03 }, { 0x9d }, { 0xc9 }, { 0xc3 }, { 0xa5 }, { 0xac }, { 0xae },
    };
    const struct trap_frame before = { .rip = CODE_RIP, .rflags = RFLAGS_MBS | RFLAGS_CF, .rsp = (uintptr_t)data + 3072, .rbx = (uintptr_t)data + 1024,
                                       .rsi = (uintptr_t)data, .rdi = (uintptr_t)data, .rbp = (uintptr_t)data + 100, .rcx = 3, .rax = 7, .rdx = 9 };

    for (unsigned int n = 0; n < array_size(insns); n++)
        for (unsigned int which = 0; which < 2; which++) {
            struct knobs k = ordinary();
            struct trap_frame f = before;
            struct emul_context c = context(&f, &k);

            memcpy(code, insns[n], 4);
            code_bytes = 4;
            *(which ? &k.write : &k.read) = EMUL_UNHANDLEABLE;
            if (emul_step(&c) == EMUL_UNHANDLEABLE)
                assert_memory_equal(&f, &before, sizeof(f));
        }
}

static void test_segments(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);

    /* %gs:(%rbx) with a base */
    k.segment_base = 256;
    CODE(0x65, 0x48, 0x8b, 0x03);
    shadow[1024 + 256] = 0x5a;
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rax & 0xff, 0x5a);
    /* not canonical: #GP, through rbp and rsp #SS */
    f = plain_frame();
    f.rbx = f.rbp = 1ULL << 47;
    CODE(0x48, 0x8b, 0x03);
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.vector, VEC_GP);
    CODE(0x48, 0x8b, 0x45, 0x00);
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.vector, VEC_SS);
    /* 32-bit code: limit, and 40..4f are INC and DEC */
    c.code_bits = c.stack_bits = 32;
    f = plain_frame();
    k.segment_limit = 0xffffff;
    f.rip = 0x1000;
    CODE(0x90);
    assert_int_equal(emul_step(&c), EMUL_OK);
    k.segment_limit = 0xfff;
    f.rip = 0x2000;
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.vector, VEC_GP);
    k.segment_limit = ~0u;
    f = plain_frame();
    f.rax = 0xffffffff;
    CODE(0x40);
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rax, 0);
    assert_int_equal(f.rip, CODE_RIP + 1);
}

static void test_addressing_16(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);
    struct emul_insn i;

    c.code_bits = c.stack_bits = 16;
    f.rbx = 0xfffe;
    f.rsi = 4;
    CODE(0x8b, 0x40, 0x10); /* mov 0x10(%bx,%si), %ax: wraps */
    assert_int_equal(emul_decode(&c, &i), EMUL_OK);
    assert_int_equal(i.offset, 0x12);
    assert_int_equal(i.op_bytes, 2);
    assert_int_equal(i.segment, EMUL_DS);
    CODE(0x8b, 0x46, 0x00); /* (%bp) */
    assert_int_equal(emul_decode(&c, &i), EMUL_OK);
    assert_int_equal(i.segment, EMUL_SS);
    CODE(0x67, 0x66, 0x8b, 0x03); /* 32-bit both */
    assert_int_equal(emul_decode(&c, &i), EMUL_OK);
    assert_int_equal(i.op_bytes, 4);
    assert_int_equal(i.addr_bytes, 4);
}

static void test_rip_relative(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);
    struct emul_insn i;

    CODE(0xc7, 0x05, 0x10, 0, 0, 0, 1, 2, 3, 4); /* movl $, 0x10(%rip): counted from the end of the immediate */
    assert_int_equal(emul_decode(&c, &i), EMUL_OK);
    assert_int_equal(i.offset, CODE_RIP + 10 + 0x10);
    assert_int_equal(i.length, 10);
}

static void test_flow(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);
    uint64_t top;

    CODE(0xeb, 0xfe); /* jmp to itself stays */
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rip, CODE_RIP);
    CODE(0xe8, 0x10, 0, 0, 0);
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rip, CODE_RIP + 5 + 0x10);
    memcpy(&top, shadow_at(f.rsp, 8), 8);
    assert_int_equal(top, CODE_RIP + 5);
    f.rip = CODE_RIP;
    CODE(0xc2, 0x08, 0x00);
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rip, CODE_RIP + 5);
    assert_int_equal(f.rsp, (uintptr_t)data + 3072 + 8);
    f = plain_frame();
    CODE(0xff, 0xe3); /* jmp *%rbx, not canonical */
    f.rbx = 1ULL << 60;
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.vector, VEC_GP);
    f = plain_frame();
    f.rcx = 1;
    CODE(0xe2, 0x20);
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rip, CODE_RIP + 2);
    assert_int_equal(f.rcx, 0);
}

static void test_repeat_is_bounded(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);

    f.rcx = 1000;
    f.rdi = (uintptr_t)data;
    f.rax = 0x77;
    CODE(0xf3, 0xaa);
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_true(c.rep_unfinished);
    assert_int_equal(f.rip, CODE_RIP);
    assert_int_equal(f.rcx, 900);
    for (unsigned int n = 0; n < 9; n++)
        assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rcx, 0);
    assert_int_equal(f.rip, CODE_RIP + 2);
    assert_int_equal(shadow[999], 0x77);
    /* a fault in the middle leaves what was done */
    f.rip = CODE_RIP;
    f.rdi = (uintptr_t)data + DATA_BYTES - 3;
    f.rcx = 10;
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.cr2, (uintptr_t)data + DATA_BYTES);
    assert_int_equal(f.rcx, 7);
    assert_int_equal(f.rip, CODE_RIP);
    /* repne scasb stops at the match */
    memset(shadow, 1, 16);
    shadow[5] = 9;
    f.rdi = (uintptr_t)data;
    f.rcx = 16;
    f.rax = 9;
    CODE(0xf2, 0xae);
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rcx, 10);
    assert_int_equal(f.rip, CODE_RIP + 2);
}

static void test_ports(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);

    f.rdx = 0x3f8;
    f.rax = ~0ULL;
    CODE(0x66, 0xed); /* in %dx, %ax keeps the rest */
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rax, 0xffffffffffff0000ULL | ((0x11223344 + 0x3f8) & 0xffff));
    f.rip = CODE_RIP;
    CODE(0x48, 0xed); /* REX.W changes nothing: 4 bytes, upper half cleared */
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(f.rax, 0x11223344 + 0x3f8);
    f.rip = CODE_RIP;
    CODE(0xe6, 0x80);
    assert_int_equal(emul_step(&c), EMUL_OK);
    assert_int_equal(k.io_log[0], 0x80ULL << 48 | 1ULL << 32 | ((0x11223344 + 0x3f8) & 0xff));
    c.cpl = 3; /* no IOPL, no io_check */
    f.rip = CODE_RIP;
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.vector, VEC_GP);
    assert_int_equal(f.rip, CODE_RIP);
}

static void test_too_long(void **unused)
{
    struct knobs k = ordinary();
    struct trap_frame f = plain_frame();
    struct emul_context c = context(&f, &k);

    memset(code, 0x66, sizeof(code));
    code_bytes = sizeof(code);
    assert_int_equal(emul_step(&c), EMUL_EXCEPTION);
    assert_int_equal(c.exception.vector, VEC_GP);
}

/* Any bytes, any mode, any registers: an answer, and no harm (sanitizers). */
static void test_random_bytes(void **unused)
{
    static const uint8_t modes[] = { 16, 32, 64 };

    for (unsigned int n = 0; n < 400000; n++) {
        struct knobs k = ordinary();
        struct trap_frame f = plain_frame();
        struct emul_context c = context(&f, &k);

        for (unsigned int r = 0; r < 16; r++)
            *emul_register(&f, r) = rnd() & 1 ? (uintptr_t)data + (rnd() & 2047) : interesting();
        f.rflags = rnd() & 0x3fffff;
        c.code_bits = c.stack_bits = modes[rnd() % 3];
        c.cpl = (uint8_t)(rnd() & 3);
        c.has_movbe = rnd() & 1;
        code_bytes = 20;
        for (unsigned int b = 0; b < code_bytes; b++)
            code[b] = (uint8_t)rnd();
        if (rnd() & 1)
            code[0] = 0x0f;
        const struct trap_frame before = f;
        const enum emul_result r = emul_step(&c);

        assert_in_range(r, EMUL_OK, EMUL_RETRY);
        if (r != EMUL_OK)
            assert_int_equal(f.rip, before.rip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_cpu),
        cmocka_unit_test(test_lock_uses_one_cmpxchg),
        cmocka_unit_test(test_faults_change_nothing),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_addressing_16),
        cmocka_unit_test(test_rip_relative),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_repeat_is_bounded),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_random_bytes),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x87, SSE and AVX state: its own for each vCPU, device-not-available, numeric exceptions, XCR0. */
#include "../lib/guest.h"

const char test_name[] = "fpu";

struct state {
    uint8_t xmm[16][32];
    uint16_t control;
    uint32_t mxcsr;
    uint64_t x87[2];
} __attribute__((aligned(64)));

static bool avx_of[MAX_VCPUS];
#define has_avx avx_of[vcpu_id()]

static void fill(struct state *s, unsigned int seed)
{
    for (unsigned int i = 0; i < 16; i++)
        for (unsigned int j = 0; j < 32; j++)
            s->xmm[i][j] = (uint8_t)(seed * 31 + i * 7 + j);
    s->control = seed & 1 ? 0x037f : 0x0f7f;
    s->mxcsr = seed & 1 ? 0x1f80 : 0x9fc0;
    s->x87[0] = seed * 0x0101010101ull;
    s->x87[1] = ~s->x87[0] >> 2;
}

#define EACH(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD_XMM(n)  "movups " #n "*32(%0), %%xmm" #n "\n"
#define SAVE_XMM(n)  "movups %%xmm" #n ", " #n "*32(%0)\n"
#define LOAD_YMM(n)  "vmovups " #n "*32(%0), %%ymm" #n "\n"
#define SAVE_YMM(n)  "vmovups %%ymm" #n ", " #n "*32(%0)\n"

static void load(const struct state *s)
{
    if (has_avx)
        __asm__ volatile(EACH(LOAD_YMM) :: "r"(s->xmm) : "memory");
    else
        __asm__ volatile(EACH(LOAD_XMM) :: "r"(s->xmm) : "memory");
    __asm__ volatile("fninit; fldcw %0; ldmxcsr %1; fildll %2; fildll %3" :: "m"(s->control), "m"(s->mxcsr), "m"(s->x87[0]), "m"(s->x87[1]));
}

static void save(struct state *s)
{
    if (has_avx)
        __asm__ volatile(EACH(SAVE_YMM) :: "r"(s->xmm) : "memory");
    else
        __asm__ volatile(EACH(SAVE_XMM) :: "r"(s->xmm) : "memory");
    __asm__ volatile("fistpll %0; fistpll %1; fnstcw %2; stmxcsr %3" : "=m"(s->x87[1]), "=m"(s->x87[0]), "=m"(s->control), "=m"(s->mxcsr));
}

/* Loads, lets others run, and looks whether all is still there. */
static bool round_is_ok(unsigned int seed)
{
    struct state wanted, got;

    fill(&wanted, seed);
    got = wanted;
    load(&wanted);
    for (unsigned int i = 0; i < 3; i++)
        HC2(sched_op, SCHEDOP_yield, 0);
    memset(&got.xmm, 0, sizeof(got.xmm));
    save(&got);
    for (unsigned int i = 0; i < 16; i++)
        if (memcmp(wanted.xmm[i], got.xmm[i], has_avx ? 32 : 16) != 0)
            return false;
    return wanted.control == got.control && wanted.mxcsr == got.mxcsr && wanted.x87[0] == got.x87[0] && wanted.x87[1] == got.x87[1];
}

static volatile unsigned int other_rounds, other_bad;
static volatile bool other_is_silent = true;

static void other(void *arg)
{
    uint16_t control;
    uint32_t mxcsr;

    /* What a new vCPU begins with. */
    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(control), "=m"(mxcsr));
    if (control != 0x37f || mxcsr != 0x1f80)
        other_bad++;
    for (unsigned int seed = 1;; seed += 2) {
        if (!round_is_ok(seed))
            other_bad++;
        other_rounds++;
        HC2(sched_op, SCHEDOP_yield, 0);
    }
}

static void two_vcpus(void)
{
    unsigned int bad = 0;
    struct vcpu_guest_context *c = vcpu_context(1, other, 0);

    /* An image to start from. */
    *(uint16_t *)&c->fpu_ctxt = 0x37f;
    *(uint32_t *)((char *)&c->fpu_ctxt + 24) = 0x1f80;
    CHECK_RC(HC3(vcpu_op, VCPUOP_initialise, 1, c), 0);
    CHECK_RC(HC3(vcpu_op, VCPUOP_up, 1, 0), 0);
    for (unsigned int seed = 2; seed < 600 || other_rounds < 100; seed += 2)
        if (!round_is_ok(seed))
            bad++;
    SHOW(bad);
    SHOW(other_bad);
}

static struct regs seen;
static unsigned int traps;
static uint64_t cr0_in_handler;
static void record(struct regs *r)
{
    seen = *r;
    traps++;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0_in_handler));
    if (r->vector == 16) {
        __asm__ volatile("fnclex; fninit");
    } else if (r->vector == 19) {
        static const uint32_t mxcsr = 0x1f80;
        __asm__ volatile("ldmxcsr %0" :: "m"(mxcsr));
    }
}

static void report(const char *what)
{
    uint64_t cr0;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    print("= %s: traps %u vector %lu error %lx, TS in handler %lu, now %lu\n", what, traps, seen.vector, seen.error_code, cr0_in_handler >> 3 & 1, cr0 >> 3 & 1);
    traps = 0;
    seen = (struct regs){ 0 };
}

CODE(user_sse, "xorps %xmm0, %xmm0; syscall");
CODE(user_x87, "fninit; fld1; syscall");

static void task_switched(void)
{
    struct regs r;

    exception_handler = record;
    SHOW(HC1(fpu_taskswitch, 1));
    report("set");
    __asm__ volatile("fninit");
    report("x87");
    __asm__ volatile("fninit");
    report("x87 again");
    SHOW(HC1(fpu_taskswitch, 1));
    __asm__ volatile("xorps %%xmm0, %%xmm0" ::: "memory");
    report("SSE");
    SHOW(HC1(fpu_taskswitch, 1));
    __asm__ volatile("clts; fninit" ::: "memory");
    report("clts");
    SHOW(HC1(fpu_taskswitch, 1));
    for (unsigned int i = 0; i < 10; i++)
        HC2(sched_op, SCHEDOP_yield, 0);
    __asm__ volatile("fninit" ::: "memory");
    report("after others have run");
    SHOW(HC1(fpu_taskswitch, 1));
    SHOW(HC1(fpu_taskswitch, 0));
    __asm__ volatile("fninit" ::: "memory");
    report("cleared");
    SHOW(HC1(fpu_taskswitch, 0xff00));
    __asm__ volatile("fninit" ::: "memory");
    report("another value");
    uint64_t cr0;
    __asm__ volatile("mov %%cr0, %0; or $8, %0; mov %0, %%cr0; fwait" : "=r"(cr0) :: "memory");
    report("fwait");
    SHOW(HC1(fpu_taskswitch, 1));
    r = USER_RUN(user_regs(), 0, user_sse);
    user_show("SSE", &r);
    report("user SSE");
    r = user_run(r, 0, NULL, NULL);
    user_show("SSE", &r);
    SHOW(HC1(fpu_taskswitch, 1));
    r = USER_RUN(user_regs(), 0, user_x87);
    user_show("x87", &r);
}

static void numeric(void)
{
    static const uint32_t unmasked = 0x1d80;   /* divide by zero */
    static const uint16_t control = 0x037b;

    SHOW(HC1(fpu_taskswitch, 0));
    traps = 0;
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" :: "m"(control) : "memory");
    report("x87 division");
    __asm__ volatile("ldmxcsr %0; mov $1, %%eax; cvtsi2ss %%eax, %%xmm0; xorps %%xmm1, %%xmm1; divss %%xmm1, %%xmm0" :: "m"(unmasked) : "eax", "memory");
    report("SSE division");
    __asm__ volatile("fninit");
}

/* Only where the machine has XSAVE. */
static void xsave(void)
{
    uint32_t a = 1, b, c = 0, d, lo, hi;
    uint64_t cr4;

    __asm__ volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c >> 26 & 1)) {
        TRY("xgetbv", "=a"(lo), "=d"(hi) : "c"(0) : "memory");
        CHECK(fault.taken && fault.vector == 6);
        TRY("xsetbv", : "a"(1), "d"(0), "c"(0) : "memory");
        CHECK(fault.taken);
        return;
    }
    __asm__ volatile("mov %%cr4, %0; or $0x40000, %0; mov %0, %%cr4" : "=r"(cr4) :: "memory");
    TRY("xgetbv", "=a"(lo), "=d"(hi) : "c"(0) : "memory");
    print("  XCR0 at first: %x %x, %d\n", hi, lo, fault.taken);
    CHECK(!fault.taken && lo == 3 && hi == 0);
    static const uint32_t bad[] = { 0, 2, 4, 5, 6, 0x19, 0x27, 0xe7, 0x203, 0x40000007 };
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        TRY("xsetbv", : "a"(bad[i]), "d"(0), "c"(0) : "memory");
        CHECK(fault.taken && fault.vector == 13);
    }
    TRY("xsetbv", : "a"(3), "d"(0), "c"(1) : "memory");
    CHECK(fault.taken && fault.vector == 13);
    TRY("xsetbv", : "a"(3), "d"(1), "c"(0) : "memory");
    CHECK(fault.taken && fault.vector == 13);
    TRY("xsetbv", : "a"(7), "d"(0), "c"(0) : "memory");
    CHECK(!fault.taken);
    has_avx = !fault.taken && (c >> 28 & 1);
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    CHECK(lo == 7 && hi == 0);
    if (has_avx) {
        struct state s, t;

        fill(&s, 77);
        load(&s);
        /* AVX off and on again: nothing may be lost that the guest did not lose itself. */
        TRY("xsetbv", : "a"(3), "d"(0), "c"(0) : "memory");
        TRY("vxorps %%ymm1, %%ymm1, %%ymm1", : : "memory");
        CHECK(fault.taken && fault.vector == 6);
        for (unsigned int i = 0; i < 20; i++)
            HC2(sched_op, SCHEDOP_yield, 0);
        TRY("xsetbv", : "a"(7), "d"(0), "c"(0) : "memory");
        save(&t);
        CHECK(memcmp(s.xmm, t.xmm, sizeof(s.xmm)) == 0);
    }
}

void test_main(void)
{
    user_init();
    two_vcpus();
    task_switched();
    numeric();
    xsave();
    if (has_avx)
        for (unsigned int seed = 2; seed < 300; seed += 2)
            CHECK(round_is_ok(seed));
    CHECK(other_bad == 0);
}

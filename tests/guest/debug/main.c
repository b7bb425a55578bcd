/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug registers, breakpoints, single step, in guest kernel and guest user. */
#include "../lib/guest.h"

const char test_name[] = "debug";

static struct regs seen;
static unsigned int hits;
static uint64_t first_rip;

static void record(struct regs *r)
{
    if (hits++ == 0)
        first_rip = r->rip;
    seen = *r;
    if (r->vector == 1 && hits > 200)
        r->rflags &= ~0x100ul;
    if (r->vector == 1 && (HC1(get_debugreg, 7) & 0xff) && !(HC1(get_debugreg, 6) & 0x4000))
        r->rflags |= 0x10000;                   /* RF: go on past an execution breakpoint */
    if (r->vector == 6 || r->vector == 13)
        r->rip += 2;
}

static uint64_t get(unsigned int n) { return (uint64_t)HC1(get_debugreg, n); }
static long set(unsigned int n, uint64_t v) { return HC2(set_debugreg, n, v); }

static uint64_t read_cr4(void)
{
    uint64_t v;

    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}

static void assign(const char *what, unsigned int n, uint64_t value)
{
    const long rc = set(n, value);

    print("= %sdr%u = %lx: %ld, is %lx\n", what, n, value, rc, get(n));
}

static void registers(void)
{
    static const uint64_t addresses[] = { 0, 0x1000, 0x7fffffffffff, 0x7ffffffffff8, 0x800000000000, 0xffff7fffffffffff, 0xffff800000000000,
                                          0xffff830000000000, 0xffff87ffffffffff, 0xffff87fffffffff8, 0xffff880000000000, 0xffffffff80000000, ~0ull, ~7ull };
    static const uint64_t dr6[] = { 0, ~0ull, 0xffff0ff0, 0x1000, 0xf, 0x4000 };
    static const uint64_t dr7[] = { 0, ~0ull, 0x400, 0x2000, 0x2401, 0x1, 0x2, 0x3, 0xff, 0x300, 0xd000, 0xffff0000, 0xffff00ff, 0x000d0001, 0x00020001,
                                    0x00020000, 0x00220005, 0x100000000, 0x00080001, 0x00ff0003, 0x800 };

    for (unsigned int i = 0; i < 10; i++) {
        print("= dr%u\n", i);
        SHOW_HEX(get(i));
    }
    SHOW(HC1(get_debugreg, ~0ul));
    SHOW(set(8, 0));
    SHOW(set(~0u, 0));
    for (unsigned int n = 0; n < 4; n++)
        for (unsigned int i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
            assign("", n, addresses[i]);
    for (unsigned int n = 4; n < 8; n++)
        for (unsigned int i = 0; i < (n & 1 ? sizeof(dr7) : sizeof(dr6)) / 8; i++)
            assign("", n, n & 1 ? dr7[i] : dr6[i]);
    for (unsigned int n = 0; n < 4; n++)
        set(n, 0);
    SHOW(set(7, 0));
    SHOW(set(6, 0));
    /* With CR4.DE: I/O breakpoints, and DR4, DR5 are no more. */
    const uint64_t cr4 = read_cr4();
    SHOW_HEX(cr4 & ~0x80ul);                         /* PGE depends on the machine */
    TRY("mov %0, %%cr4", : "r"(cr4 | 8) : "memory");
    show_fault("CR4.DE on");
    SHOW_HEX(read_cr4() & ~0x80ul);
    for (unsigned int i = 0; i < sizeof(dr7) / 8; i++)
        assign("DE: ", 7, dr7[i]);
    SHOW(set(4, 0));
    SHOW(set(5, 0));
    SHOW(get(4));
    SHOW(get(5));
    SHOW(set(7, 0));
    TRY("mov %0, %%cr4", : "r"(cr4) : "memory");
    show_fault("CR4.DE off");
}

#define READ_DR(n)  do { uint64_t v_ = 0; TRY("mov %%dr" #n ", %0", "+r"(v_) : : "memory"); show_fault("read dr" #n); SHOW_HEX(v_); } while (0)
#define WRITE_DR(n, value) do { TRY("mov %0, %%dr" #n, : "r"((uint64_t)(value)) : "memory"); show_fault("dr" #n " = " #value); } while (0)

static void instructions(void)
{
    WRITE_DR(0, 0x1234);
    WRITE_DR(1, 0xffff830000000000);
    WRITE_DR(6, ~0ul);
    WRITE_DR(7, 0x1);
    WRITE_DR(7, 0x2000);
    WRITE_DR(4, 0);
    WRITE_DR(5, 0);
    READ_DR(0);
    READ_DR(1);
    READ_DR(2);
    READ_DR(4);
    READ_DR(5);
    READ_DR(6);
    READ_DR(7);
    WRITE_DR(7, 0);
    WRITE_DR(0, 0);
    set(6, 0);
}

static void report(const char *what)
{
    print("= %s: hits %u vector %lu error %lx rf %lx tf %lx dr6 %lx dr7 %lx\n", what, hits, seen.vector, seen.error_code,
          seen.rflags >> 16 & 1, seen.rflags >> 8 & 1, get(6), get(7));
    hits = 0;
    seen = (struct regs){ 0 };
    set(6, 0);
}

static volatile uint64_t watched[4] __attribute__((aligned(64)));

static void breakpoints(void)
{
    extern const char at_bp[];

    exception_handler = record;
    hits = 0;
    set(0, (uint64_t)at_bp);
    set(7, 0x1);
    __asm__ volatile(".globl at_bp\nat_bp: nop");
    SHOW(first_rip == (uint64_t)at_bp);
    report("execution");
    set(7, 0x2);
    __asm__ volatile("nop");
    set(7, 0);
    set(6, 0);
    hits = 0;

    set(1, (uint64_t)&watched[1]);
    set(7, 0x0090000c);                              /* write, 4 bytes */
    watched[0] = 1;
    report("beside");
    watched[1] = 1;
    report("write");
    (void)watched[1];
    report("read, write breakpoint");
    ((volatile uint32_t *)watched)[3] = 1;
    report("upper half");
    set(7, 0x00f0000c);                              /* read and write, 4 bytes */
    (void)watched[1];
    report("read");
    set(7, 0x00b0000c);                              /* read and write, 8 bytes */
    ((volatile uint8_t *)watched)[15] = 1;
    report("last of 8 bytes");

    /* The hypervisor writes there on our behalf. */
    set(1, (uint64_t)&watched[0]);
    set(7, 0x00d0000c);
    struct xen_feature_info *f = (void *)watched;
    f->submap_idx = 0;
    report("own write of the argument");
    SHOW(HC2(xen_version, XENVER_get_features, f));
    report("hypervisor's write");
    set(7, 0);
    watched[0] = 1;
    report("off");
}

static void single_step(void)
{
    extern const char step_end[];
    long rc = __HYPERVISOR_xen_version;

    exception_handler = record;
    hits = 0;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop; nop; pushfq; andq $~0x100, (%%rsp); popfq; nop\nstep_end:" ::: "memory");
    SHOW(seen.rip <= (uint64_t)step_end);
    report("step");
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; syscall; nop; pushfq; andq $~0x100, (%%rsp); popfq; nop"
                     : "+a"(rc) : "D"(XENVER_version), "S"(0) : "rcx", "r11", "memory");
    SHOW(rc == (4 << 16 | 17));
    report("step over a hypercall");
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; int3; nop; pushfq; andq $~0x100, (%%rsp); popfq; nop" ::: "memory");
    report("step over int3");
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; mov %%cr0, %0; nop; pushfq; andq $~0x100, (%%rsp); popfq; nop" : "=r"(rc) :: "memory");
    report("step over an emulated instruction");
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; ud2; nop; pushfq; andq $~0x100, (%%rsp); popfq; nop" ::: "memory");
    report("step over ud2");
    uint32_t a = 0x40000000, b, c = 0, d;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; ud2; .ascii \"xen\"; cpuid; nop; pushfq; andq $~0x100, (%%rsp); popfq; nop"
                     : "+a"(a), "=b"(b), "+c"(c), "=d"(d) :: "memory");
    report("step over forced cpuid");
    uint64_t *l1 = page_alloc();
    SHOW(make_readonly(l1));
    SHOW(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(l1), 0));
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; movq $0, (%0); nop; pushfq; andq $~0x100, (%%rsp); popfq; nop" :: "r"(l1) : "memory");
    report("step over an emulated page-table write");
}

CODE(user_watch, "mov %rax, 0x401000; nop; nop; syscall");
CODE(user_step, "nop; nop; int $0x80");

static void in_user_mode(void)
{
    struct regs in = user_regs(), r;

    set(0, USER_CODE + 8);
    set(7, 0x1);
    r = USER_RUN(in, 0, user_watch);
    user_show("execution", &r);
    SHOW_HEX(get(6));
    set(6, 0);
    r.rflags |= 0x10000;
    r = user_run(r, 0, NULL, NULL);
    user_show("with RF", &r);
    set(0, USER_DATA);
    set(7, 0x00010001);
    r = USER_RUN(in, 0, user_watch);
    user_show("write", &r);
    SHOW_HEX(get(6));
    set(6, 0);
    set(7, 0);
    in.rflags |= 0x100;
    r = USER_RUN(in, 0, user_step);
    user_show("step", &r);
    SHOW_HEX(get(6));
    set(0, USER_CODE + 1);
    set(7, 1);
    r = user_run(r, 0, NULL, NULL);
    user_show("step onto a breakpoint", &r);
    SHOW_HEX(get(6));
    set(7, 0);
    r = user_run(r, 0, NULL, NULL);
    user_show("step of int 80", &r);
}

void test_main(void)
{
    user_init();
    registers();
    instructions();
    breakpoints();
    single_step();
    in_user_mode();
}

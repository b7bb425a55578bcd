/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traps, instructions, CPU state. */
#include "advisory.h"

CODE(do_syscall, "syscall; ud2");
CODE(do_sysenter, "sysenter; ud2");
CODE(do_int80, "int $0x80; ud2");
CODE(do_flags, "pushfq; pop %rax; syscall");
CODE(do_read_gs, "mov %gs:0, %rax; mov %fs:0, %rdx; syscall");
CODE(ss_syscall, "mov (%rdi), %ss; syscall; ud2");
CODE(ss_int80, "mov (%rdi), %ss; int $0x80; ud2");
CODE(ss_int3, "mov (%rdi), %ss; int3; ud2");
CODE(ss_icebp, "mov (%rdi), %ss; .byte 0xf1; ud2");
CODE(ss_ud2, "mov (%rdi), %ss; ud2");

/* Back to guest user mode at addresses that are none. */
static void xsa_7_sysret_to_no_address(void)
{
    static const uint64_t rip[] = { 0x800000000000, 0x8000000000000000, 0xffff7fffffffffff, 0x7fffffffffff };
    static const uint64_t flags[] = { VGCF_in_syscall, 0 };

    for (unsigned int i = 0; i < 8; i++) {
        struct regs in = user_regs();

        in.rip = rip[i / 2];
        in = user_run(in, flags[i % 2], NULL, NULL);
        CHECK(in.vector == 13 || in.vector == 14 || in.vector == VECTOR_FAILSAFE);
    }
}

/* Reserved bits of the debug registers, and breakpoints on the hypervisor. */
static void xsa_12_debug_registers(void)
{
    CHECK(HC2(set_debugreg, 0, 0xffff830000000000) < 0);
    CHECK(HC2(set_debugreg, 0, 0xffff82d040000000) < 0);
    for (unsigned int bit = 0; bit < 64; bit++) {
        (void)HC2(set_debugreg, 7, 1ull << bit);
        (void)HC2(set_debugreg, 6, 1ull << bit);
        CHECK((HC1(get_debugreg, 7) & 0xffffffff0000f000) == 0);
        CHECK(HC2(set_debugreg, 4, 1ull << bit) < 0 || bit < 64);
    }
    (void)HC2(set_debugreg, 7, ~0ull);
    CHECK((HC1(get_debugreg, 7) & 0xffffffff0000d000) == 0);
    CHECK(HC2(set_debugreg, 8, 0) < 0);
    CHECK_RC(HC2(set_debugreg, 7, 0), 0);
    CHECK_RC(HC2(set_debugreg, 6, 0), 0);
}

/* SYSENTER with NT set, and nobody registered for it: one exception, at the instruction. */
static void xsa_44_sysenter_with_nested_task(void)
{
    for (unsigned int i = 0; i < 3; i++) {
        struct regs in = user_regs();

        in.rflags |= i ? 0x4000 : 0;
        in.rflags |= i == 2 ? 0x100 : 0;
        in = USER_RUN(in, 0, do_sysenter);
        CHECK(in.vector == 6 || in.vector == 13 || in.vector == 1);
        CHECK(in.rip - USER_CODE <= 2);
    }
}

/* FPU state that the CPU refuses to load: all bits set, in a new vCPU. */
static volatile unsigned int has_run;

static void run_once(void *arg)
{
    has_run = 1;
    for (;;)
        HC3(vcpu_op, VCPUOP_down, vcpu_id(), 0);
}

static void xsa_53_bad_fpu_state(void)
{
    struct vcpu_guest_context *c = vcpu_context(2, run_once, 0);

    memset(&c->fpu_ctxt, 0xff, sizeof(c->fpu_ctxt));
    c->flags = VGCF_in_kernel | VGCF_i387_valid;
    if (HC3(vcpu_op, VCPUOP_initialise, 2, c) != 0)
        return;
    CHECK_RC(HC3(vcpu_op, VCPUOP_up, 2, 0), 0);
    const uint64_t end = system_time() + 10000000000ul;
    while (!has_run && system_time() < end)
        HC2(sched_op, SCHEDOP_yield, 0);
    CHECK(has_run);
}

/* XSETBV with values that the CPU refuses. */
static void xsa_54_bad_xcr0(void)
{
    static const uint64_t values[] = { 0, 2, 4, 6, 1ull << 63, ~0ull, 0x10, 0xe7, 0x300 };

    for (unsigned int i = 0; i < sizeof(values) / sizeof(*values); i++)
        for (unsigned int xcr = 0; xcr < 3; xcr++) {
            TRY("xsetbv", : "a"((uint32_t)values[i]), "d"((uint32_t)(values[i] >> 32)), "c"(xcr) : "memory");
            CHECK(fault.taken || (xcr == 0 && (values[i] & 1)));
        }
}

/* Segment bases that are no addresses: by hypercall and by MSR. */
static void xsa_193_segment_bases(void)
{
    static const uint64_t bad[] = { 0x800000000000, 0x8000000000000000, 0xffff7fffffffffff };
    static const uint32_t msrs[] = { 0xc0000100, 0xc0000101, 0xc0000102 };

    for (unsigned int i = 0; i < 3; i++) {
        for (unsigned int which = SEGBASE_FS; which <= SEGBASE_GS_KERNEL; which++)
            CHECK(HC2(set_segment_base, which, bad[i]) < 0);
        for (unsigned int m = 0; m < 3; m++)
            TRY("wrmsr", : "a"((uint32_t)bad[i]), "d"((uint32_t)(bad[i] >> 32)), "c"(msrs[m]) : "memory");
    }
    HC2(sched_op, SCHEDOP_yield, 0);
    CHECK_RC(HC2(set_segment_base, SEGBASE_FS, 0), 0);
}

/* A bit far from the address that the instruction names, in a page table: written there, and only there. */
static void xsa_195_bit_far_away(void)
{
    uint64_t *table = page_alloc(), *far;
    int64_t bit;

    CHECK_RC(make_readonly(table), 0);
    CHECK_RC(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(table), 0), 0);
    for (unsigned int i = 0; i < 4; i++) {
        far = (uint64_t *)((uint64_t)&table[8] + (i % 2 ? -0x10000ul : 0x100000ul));
        bit = ((int64_t)((uint64_t)&table[8] - (uint64_t)far)) * 8 + 10 + i;
        TRY("lock; btsq %1, (%0)", : "r"(far), "r"(bit) : "memory");
        CHECK(fault.taken ? true : (table[8] >> (10 + i) & 1));
    }
    for (unsigned int i = 0; i < 512; i++)
        CHECK(i == 8 ? (table[i] & ~0x3c00ull) == 0 : table[i] == 0);
    CHECK_RC(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(table), 0), 0);
    CHECK_RC(make_writable(table), 0);
}

/* CMPXCHG8B with an operand size that it ignores: the registers get what is in memory, all of it and no more. */
static void xsa_200_cmpxchg8b_operand_size(void)
{
    uint64_t *table = page_alloc();
    uint64_t a = 0x5555555555555555, d = 0x6666666666666666;

    table[3] = 0x123456789ab000;
    CHECK_RC(make_readonly(table), 0);
    CHECK_RC(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(table), 0), 0);
    TRY(".byte 0x66; lock; cmpxchg8b (%2)", "+a"(a), "+d"(d) : "r"(&table[3]), "b"(0), "c"(0) : "memory");
    CHECK(fault.taken || (a == 0x789ab000 && d == 0x123456));
    CHECK(table[3] == 0x123456789ab000);
    CHECK_RC(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(table), 0), 0);
    CHECK_RC(make_writable(table), 0);
}

/* Whatever a guest asks for, interrupts are on while it runs. */
static void xsa_202_interrupts_stay_on(void)
{
    struct regs in = user_regs();
    uint64_t flags;

    in.rflags = 2;
    CHECK(USER_RUN(in, 0, do_flags).rax & 0x200);
    in = user_regs();
    in.rflags = 2;
    CHECK(USER_RUN(in, VGCF_in_syscall, do_flags).rax & 0x200);
    my_info()->evtchn_upcall_mask = 1;
    TRY("cli", : : "memory");
    __asm__ volatile("pushfq; andq $~0x200, (%%rsp); popfq; pushfq; pop %0" : "=r"(flags));
    CHECK(flags & 0x200);
}

/* The IRET hypercall in the middle of a multicall leaves the kernel: what follows is not done in user mode. */
static struct recovery back;
static struct regs last;

static void go_back(struct regs *r)
{
    last = *r;
    recovery_go(&back);
}

static void xsa_213_iret_in_a_multicall(void)
{
    static struct multicall_entry list[3];
    void (*before)(struct regs *) = exception_handler;

    list[0] = (struct multicall_entry){ .op = __HYPERVISOR_iret, .result = 77 };
    list[1] = (struct multicall_entry){ .op = __HYPERVISOR_mmuext_op, .args = { 0, 0, 0, DOMID_SELF }, .result = 77 };
    list[2] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 77 };
    memcpy((void *)USER_CODE, do_syscall, (size_t)(do_syscall_end - do_syscall));
    exception_handler = go_back;
    if (recovery_set(&back) == 0)
        /* struct iret_context from its end: ss rsp rflags cs rip flags rcx r11 rax. */
        __asm__ volatile("push %0; push %1; push $0x202; push %2; push %3; push $0; push $0; push $0; push $0\n"
                         "mov $13, %%eax; mov $3, %%esi; syscall; ud2"
                         :: "r"((uint64_t)SS64), "r"(USER_STACK - 64), "r"((uint64_t)CS64), "r"(USER_CODE), "D"(list) : "memory", "rax", "rsi", "rcx", "r11");
    exception_handler = before;
    CHECK(last.vector == VECTOR_SYSCALL || last.vector == 6 || last.vector == 13);
    CHECK(list[2].result != 77 || (last.cs & 3) == 3);
    CHECK(HC2(xen_version, XENVER_version, 0) > 0);
}

/* INT 0x80 without a handler: #GP for the kernel. */
static void xsa_259_int80_without_handler(void)
{
    struct trap_info t[24];
    unsigned int n = 0;

    for (const struct trap_info *from = exception_table; from->address != 0; from++)
        if (from->vector != 0x80)
            t[n++] = *from;
    t[n] = (struct trap_info){ 0 };
    CHECK_RC(HC1(set_trap_table, 0), 0);
    CHECK_RC(HC1(set_trap_table, t), 0);
    const struct regs r = USER_RUN(user_regs(), 0, do_int80);
    CHECK_RC((long)r.vector, 13);
    CHECK_RC((long)(r.rip - USER_CODE), 0);
    CHECK_RC(HC1(set_trap_table, exception_table), 0);
    CHECK_RC((long)USER_RUN(user_regs(), 0, do_int80).vector, 0x80);
}

/* A breakpoint on what MOV SS loads, which is due at the first instruction of the hypervisor. */
static void xsa_260_breakpoint_after_mov_ss(void)
{
    static const struct { const char *from, *to; } code[] = {
        { ss_syscall, ss_syscall_end }, { ss_int80, ss_int80_end }, { ss_int3, ss_int3_end }, { ss_icebp, ss_icebp_end }, { ss_ud2, ss_ud2_end },
    };

    *(uint64_t *)USER_DATA = SS64;
    CHECK_RC(HC2(set_debugreg, 0, USER_DATA), 0);
    CHECK_RC(HC2(set_debugreg, 7, 0x000f0001), 0);
    for (unsigned int i = 0; i < 20; i++) {
        struct regs in = user_regs();

        in.rdi = USER_DATA;
        in.rflags |= i >= 10 ? 0x100 : 0;
        in = user_run(in, 0, code[i % 5].from, code[i % 5].to);
        CHECK(in.vector <= 13 || in.vector == 0x80 || in.vector == VECTOR_SYSCALL);
        CHECK((in.cs & 3) == 3);
    }
    CHECK_RC(HC2(set_debugreg, 7, 0), 0);
    CHECK_RC(HC2(set_debugreg, 0, 0), 0);
}

/* Addresses that the CPU's own invalidation would refuse. */
static void xsa_279_flush_of_no_address(void)
{
    static const uint64_t bad[] = { 0x800000000000, 0x8000000000000000, 0xffff7fffffffffff, 0xffff830000000000 };

    for (unsigned int i = 0; i < 4; i++) {
        (void)mmuext(MMUEXT_INVLPG_LOCAL, bad[i], 0);
        (void)mmuext(MMUEXT_INVLPG_ALL, bad[i], 0);
        TRY("invlpg (%0)", : "r"(bad[i]) : "memory");
        CHECK(HC3(update_va_mapping, bad[i], 0, UVMF_INVLPG | UVMF_ALL) < 0);
    }
}

/* Kernel's and user's segment bases, over mode switches and other vCPUs. */
static uint64_t bases[3] = { 0x1111, 0x2222, 0x3333 };

static void spoil_bases(void)
{
    HC2(set_segment_base, SEGBASE_FS, 0x7000);
    HC2(set_segment_base, SEGBASE_GS_KERNEL, 0x7000);
    HC2(set_segment_base, SEGBASE_GS_USER, 0x7000);
}

static void xsa_293_segment_bases_are_ours(void)
{
    uint64_t fs, gs, *users = (void *)USER_DATA, end = 0;

    start_other(spoil_bases);
    users[0] = 0x4444, users[1] = 0x5555;
    while (racing(&end)) {
        CHECK_RC(HC2(set_segment_base, SEGBASE_FS, &users[1]), 0);
        CHECK_RC(HC2(set_segment_base, SEGBASE_GS_KERNEL, &bases[1]), 0);
        CHECK_RC(HC2(set_segment_base, SEGBASE_GS_USER, &users[0]), 0);
        HC2(sched_op, SCHEDOP_yield, 0);
        const struct regs r = USER_RUN(user_regs(), 0, do_read_gs);
        CHECK(r.rax == 0x4444 && r.rdx == 0x5555);
        __asm__ volatile("mov %%fs:0, %0; mov %%gs:0, %1" : "=&r"(fs), "=r"(gs));
        CHECK(fs == 0x5555 && gs == 0x2222);
    }
    stop_other();
}

/* An MSR that the hypervisor itself may not have. */
static void xsa_333_msr_misc_enable(void)
{
    uint32_t a = 0, d = 0;

    TRY("rdmsr", "=a"(a), "=d"(d) : "c"(0x1a0) : "memory");
    TRY("wrmsr", : "a"(a), "d"(d), "c"(0x1a0) : "memory");
    TRY("wrmsr", : "a"(~0u), "d"(~0u), "c"(0x1a0) : "memory");
    CHECK(HC2(xen_version, XENVER_version, 0) > 0);
}

/* SYSENTER's exception is the kernel's like any other: the kernel survives any number of them. */
static void xsa_339_sysenter_again_and_again(void)
{
    for (unsigned int i = 0; i < 50; i++) {
        const struct regs r = USER_RUN(user_regs(), 0, do_sysenter);

        CHECK(r.vector == 6 || r.vector == 13);
        CHECK((r.cs & 3) == 3 && r.rsp == user_regs().rsp);
    }
}

void traps(void)
{
    CASE(xsa_7_sysret_to_no_address);
    CASE(xsa_12_debug_registers);
    CASE(xsa_44_sysenter_with_nested_task);
    CASE(xsa_53_bad_fpu_state);
    CASE(xsa_54_bad_xcr0);
    CASE(xsa_193_segment_bases);
    CASE(xsa_195_bit_far_away);
    CASE(xsa_200_cmpxchg8b_operand_size);
    CASE(xsa_202_interrupts_stay_on);
    CASE(xsa_213_iret_in_a_multicall);
    CASE(xsa_259_int80_without_handler);
    CASE(xsa_260_breakpoint_after_mov_ss);
    CASE(xsa_279_flush_of_no_address);
    CASE(xsa_293_segment_bases_are_ours);
    CASE(xsa_333_msr_misc_enable);
    CASE(xsa_339_sysenter_again_and_again);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest user mode: system calls, exceptions, IRET frames good and bad, 32-bit code, separate page tables. */
#include "../lib/guest.h"

const char test_name[] = "user";

CODE(nop_syscall, "mov $5, %eax; syscall; ud2");
CODE(do_int80, "mov $6, %eax; int $0x80; ud2");
CODE(do_int81, "mov $6, %eax; int $0x81; ud2");
CODE(do_int82, "mov $6, %eax; int $0x82; ud2");
CODE(do_int83, "int $0x83; ud2");
CODE(do_int3, "int3; ud2");
CODE(do_into_gp, "int $14; ud2");
CODE(do_ud2, "ud2");
CODE(do_div, "xor %ecx, %ecx; mov $1, %eax; cdq; div %ecx; ud2");
CODE(do_hlt, "hlt; ud2");
CODE(do_cli, "cli; ud2");
CODE(do_sti, "sti; ud2");
CODE(do_in, "mov $0x71, %edx; in %dx, %al; ud2");
CODE(do_rdmsr, "mov $0xc0000080, %ecx; rdmsr; ud2");
CODE(do_cr0, "mov %cr0, %rax; ud2");
CODE(do_cr3, "mov %rax, %cr3; ud2");
CODE(do_clts, "clts; ud2");
CODE(do_lgdt, "lgdt (%rsp); ud2");
CODE(do_iretq, "pushq $0xe02b; pushq %rsp; pushq $0x3202; pushq $0xe033; pushq $0x400100; iretq; ud2");
CODE(do_popf, "pushq $0x3202; popfq; pushfq; popq %rax; and $0x3000, %eax; syscall");
CODE(do_cpuid, "mov $0x40000000, %eax; xor %ecx, %ecx; cpuid; ud2");
CODE(do_forced, "mov $0x40000000, %eax; xor %ecx, %ecx; ud2; .ascii \"xen\"; cpuid; mov %ebx, %eax; syscall");
CODE(do_rdtsc, "rdtsc; xor %eax, %eax; xor %edx, %edx; syscall");
CODE(do_read, "mov (%rdi), %rax; syscall");
CODE(do_write, "mov %rax, (%rdi); syscall");
CODE(do_jump, "jmp *%rdi");
CODE(do_load_ds, "mov %edi, %ds; syscall");
CODE(do_load_fs, "mov %edi, %fs; syscall");
CODE(do_read_gs, "mov %gs:0, %rax; syscall");
CODE(do_swapgs, "swapgs; ud2");
CODE(do_sysenter, "sysenter; ud2");
CODE(do_std, "std; syscall");
CODE(do_tf, "nop; nop; syscall");
CODE(do_ac, "pushfq; orq $0x40000, (%rsp); popfq; mov 1(%rsp), %eax; ud2");
CODE(do_icebp, ".byte 0xf1; ud2");

static struct regs run(const char *name, struct regs in, uint64_t flags, const char *code, const char *end)
{
    struct regs out = user_run(in, flags, code, end);

    user_show(name, &out);
    return out;
}
#define RUN(name)               run(#name, user_regs(), 0, name, name##_end)
#define RUN_IN(label, in, name) run(label, in, 0, name, name##_end)

static void system_calls(void)
{
    RUN(nop_syscall);
    run("nop_syscall by SYSRET", user_regs(), VGCF_in_syscall, nop_syscall, nop_syscall_end);
    RUN(do_int80);
    RUN(do_int81);
    RUN(do_int82);
    RUN(do_int83);
    RUN(do_int3);
    RUN(do_std);
    RUN(do_sysenter);

    struct callback_register r = { .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events, .address = (unsigned long)syscall_entry };
    SHOW(HC2(callback_op, CALLBACKOP_register, &r));
    my_info()->evtchn_upcall_mask = 0;
    RUN(nop_syscall);
    SHOW(my_info()->evtchn_upcall_mask);
    r.flags = 0;
    SHOW(HC2(callback_op, CALLBACKOP_register, &r));
    RUN(nop_syscall);
    SHOW(my_info()->evtchn_upcall_mask);
}

static void exceptions(void)
{
    RUN(do_into_gp);
    RUN(do_ud2);
    RUN(do_div);
    RUN(do_hlt);
    RUN(do_cli);
    RUN(do_sti);
    RUN(do_in);
    RUN(do_rdmsr);
    RUN(do_cr0);
    RUN(do_cr3);
    RUN(do_clts);
    RUN(do_lgdt);
    RUN(do_iretq);
    RUN(do_popf);
    RUN(do_forced);
    RUN(do_rdtsc);
    RUN(do_swapgs);
    RUN(do_icebp);
}

static void memory_at(const char *what, uint64_t va)
{
    struct regs in = user_regs(), out;

    in.rdi = va;
    in.rax = 0x1234;
    print("= at %s\n", what);
    my_info()->arch.cr2 = 0;
    out = RUN_IN("read", in, do_read);
    if (out.vector != VECTOR_SYSCALL)
        SHOW(my_info()->arch.cr2 == va);
    out = RUN_IN("write", in, do_write);
    if (out.vector != VECTOR_SYSCALL)
        SHOW(my_info()->arch.cr2 == va);
    out = RUN_IN("jump", in, do_jump);
}

static void memory(void)
{
    memset((void *)USER_DATA, 0, PAGE_SIZE);
    memory_at("user data", USER_DATA);
    memory_at("nothing", 0x12345000);
    memory_at("null", 0);
    memory_at("kernel code", (uint64_t)test_main & ~15ul);
    memory_at("M2P", 0xffff800000000000);
    memory_at("hypervisor", 0xffff830000000000);
    memory_at("not canonical", 0x8000000000000000);
    memory_at("just below the hole", 0x7ffffffffff8);
}

/* User pages without US, read-only, no execute. */
static void rights(void)
{
    const uint64_t entry = pte_maddr((void *)USER_DATA), was = *pte_of((void *)USER_DATA);
    struct regs in = user_regs();

    in.rdi = USER_DATA;
    SHOW_HEX(was & 0x8000000000000fffull & ~(PTE_A | PTE_D));
    SHOW(mmu_update(entry, was & ~PTE_RW));
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    RUN_IN("write read-only", in, do_write);
    SHOW(mmu_update(entry, was | 1ull << 63));
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    RUN_IN("jump no execute", in, do_jump);
    SHOW(mmu_update(entry, was & ~PTE_US));
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    SHOW_HEX(*pte_of((void *)USER_DATA) & 0xfff0000000000fffull & ~(PTE_A | PTE_D));
    RUN_IN("read without US", in, do_read);
    SHOW(mmu_update(entry, 0));
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    RUN_IN("read not present", in, do_read);
    *(uint16_t *)(USER_DATA - 2) = 0x0b0f;
    in.rip = USER_DATA - 2;
    RUN_IN("ud2 before a page that is not there", in, do_read);
    SHOW(my_info()->arch.cr2 - USER_CODE);
    SHOW(mmu_update(entry, was));
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
}

static void segments(void)
{
    static const unsigned int selectors[] = { 0, 1, 3, 4, 7, 8, 0x10, 0x33, 0xe023, 0xe02b, 0xe033, 0xe030, 0xe008, 0xe010, 0xe03b, 0xe043, 0xe048, 0xe050, 0xe068, 0xffff };

    for (unsigned int i = 0; i < sizeof(selectors) / sizeof(*selectors); i++) {
        struct regs in = user_regs(), out;

        in.rdi = selectors[i];
        out = USER_RUN(in, 0, do_load_ds);
        print("= load ds %x: vector %lx error %lx\n", selectors[i], out.vector, out.error_code);
        out = USER_RUN(in, 0, do_load_fs);
        print("= load fs %x: vector %lx error %lx\n", selectors[i], out.vector, out.error_code);
    }
    __asm__ volatile("mov %0, %%ds; mov %0, %%fs" :: "r"(0));
    *(uint64_t *)USER_DATA = 0x5566;
    SHOW(HC2(set_segment_base, SEGBASE_GS_USER, USER_DATA));
    RUN(do_read_gs);
    SHOW(HC2(set_segment_base, SEGBASE_GS_USER_SEL, 0xe02b));
    RUN(do_read_gs);
    SHOW(HC2(set_segment_base, SEGBASE_GS_USER_SEL, 0x1233));
    RUN(do_read_gs);
    SHOW(HC2(set_segment_base, SEGBASE_GS_USER_SEL, 0));
    SHOW(HC2(set_segment_base, SEGBASE_GS_USER, 0));
}

static struct regs entry(const char *name, struct regs in, uint64_t flags)
{
    struct regs out;

    failsafe_segments[0] = failsafe_segments[1] = failsafe_segments[2] = failsafe_segments[3] = 0x77;
    out = run(name, in, flags, nop_syscall, nop_syscall_end);
    if (out.vector == VECTOR_FAILSAFE)
        print("= failsafe: %lx %lx %lx %lx\n", failsafe_segments[0], failsafe_segments[1], failsafe_segments[2], failsafe_segments[3]);
    return out;
}

/* IRET with frames that the CPU refuses, or that the hypervisor corrects. */
static void frames(void)
{
    static const unsigned int code[] = { 0x3, 0x7, 0xb, 0x33, 0xe02b, 0xe013, 0xe00b, 0xe03b, 0xe043, 0xe053, 0xffff, 0x1e033 };
    static const unsigned int stack[] = { 0, 0x3, 0x7, 0xb, 0xe033, 0xe023, 0xe013, 0xe010, 0xe028, 0xe043, 0xffff, 0x1e02b };
    struct regs in;

    for (unsigned int i = 0; i < sizeof(code) / sizeof(*code); i++) {
        in = user_regs();
        in.cs = code[i];
        print("= cs %x\n", code[i]);
        entry("cs", in, 0);
        entry("cs by SYSRET", in, VGCF_in_syscall);
    }
    for (unsigned int i = 0; i < sizeof(stack) / sizeof(*stack); i++) {
        in = user_regs();
        in.ss = stack[i];
        print("= ss %x\n", stack[i]);
        entry("ss", in, 0);
        entry("ss by SYSRET", in, VGCF_in_syscall);
    }
    for (unsigned int i = 0; i < 22; i++) {
        in = user_regs();
        in.rflags = 0x202 | 1ull << i;
        print("= rflags bit %u\n", i);
        entry("rflags", in, 0);
        entry("rflags by SYSRET", in, VGCF_in_syscall);
    }
    for (unsigned int i = 0; i < 22; i++) {
        in = user_regs();
        in.rflags = 0x202 | 1ull << i;
        RUN_IN("rflags int3", in, do_int3);
    }
    in = user_regs();
    in.rflags = 0xffffffff00000202;
    entry("rflags upper half", in, 0);
    in.rflags = 0x0;
    entry("rflags 0", in, 0);
    SHOW(my_info()->evtchn_upcall_mask);
    in = user_regs();
    in.rip = 0x8000000000000000;
    entry("rip not canonical", in, 0);
    in.rip = 0x800000000000;
    entry("rip at the hole", in, 0);
    entry("rip at the hole by SYSRET", in, VGCF_in_syscall);
    in.rip = 0xffff7fffffffffff;
    entry("rip below the upper half", in, 0);
    in.rip = 0xffff800000000000;
    entry("rip in M2P", in, 0);
    in.rip = 0xffff830000000000;
    entry("rip in the hypervisor", in, 0);
    in.rip = 0;
    entry("rip null", in, 0);
    in = user_regs();
    in.rsp = 0x8000000000000000;
    entry("rsp not canonical", in, 0);
    in.rsp = 0;
    entry("rsp null", in, 0);
    for (unsigned int bit = 0; bit < 16; bit++) {
        print("= VGCF bit %u\n", bit);
        entry("flags", user_regs(), 1ull << bit);
    }
}

CODE(c32_int80, ".code32; mov $7, %eax; int $0x80; ud2");
CODE(c32_syscall, ".code32; mov $7, %eax; syscall; ud2");
CODE(c32_sysenter, ".code32; mov $7, %eax; sysenter; ud2");
CODE(c32_int3, ".code32; int3; ud2");
CODE(c32_cli, ".code32; cli; ud2");
CODE(c32_push, ".code32; push %eax; pop %ecx; into; bound %eax, (%esp); int $0x80");
CODE(c32_wrap, ".code32; mov 0xfffffff0, %eax; ud2");
CODE(c32_far, ".code32; ljmp $0xe033, $0x400010; ud2; .balign 16; .code64; mov $0x1122334455667788, %rax; syscall");
CODE(c32_seg, ".code32; mov $0xe02b, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs; mov %ds:0x401000, %eax; int $0x80");
CODE(c32_in, ".code32; in $0x71, %al; ud2");

static struct regs compat(void)
{
    struct regs in = user_regs();

    in.cs = CS32;
    in.rax = 0xdeadbeefdeadbeef;
    return in;
}
#define RUN32(name) RUN_IN(#name, compat(), name)

static void compatibility_mode(void)
{
    struct callback_register r = { .type = CALLBACKTYPE_syscall32, .address = (unsigned long)syscall32_entry };
    struct regs in;

    RUN32(c32_int80);
    RUN32(c32_syscall);
    RUN32(c32_sysenter);
    SHOW(HC2(callback_op, CALLBACKOP_register, &r));
    RUN32(c32_syscall);
    r.type = CALLBACKTYPE_sysenter;
    r.address = (unsigned long)sysenter_entry;
    SHOW(HC2(callback_op, CALLBACKOP_register, &r));
    RUN32(c32_sysenter);
    RUN(do_sysenter);
    RUN32(c32_int3);
    RUN32(c32_cli);
    RUN32(c32_push);
    RUN32(c32_wrap);
    RUN32(c32_far);
    RUN32(c32_seg);
    RUN32(c32_in);
    in = compat();
    run("c32 in_syscall", in, VGCF_in_syscall, c32_int80, c32_int80_end);
    in.rip = 0xffffffff00400000;
    run("c32 rip upper half", in, 0, c32_int80, c32_int80_end);
    in = compat();
    in.rsp = 0xffffffff00402f00;
    run("c32 rsp upper half", in, 0, c32_int80, c32_int80_end);
}

static void single_step(void)
{
    struct regs in = user_regs(), out;
    uint64_t dr6;

    in.rflags |= 0x100;
    out = RUN_IN("step", in, do_tf);
    dr6 = (uint64_t)HC1(get_debugreg, 6);
    SHOW_HEX(dr6);
    SHOW(HC2(set_debugreg, 6, 0));
    out.vector = 0;
    out = run("step again", out, 0, NULL, NULL);
    out = run("step by SYSRET", in, VGCF_in_syscall, do_tf, do_tf_end);
    out = run("step the syscall", (out.rip = USER_CODE + 2, out), 0, NULL, NULL);
    SHOW_HEX(HC1(get_debugreg, 6));
    SHOW(HC2(set_debugreg, 6, 0));
    RUN(do_ac);
}

/* NEW_USER_BASEPTR of all kinds. */
static void base_pointers(void)
{
    uint64_t *page = page_alloc(), *other = page_alloc();

    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(page), 0));
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, ~0ul, 0));
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, 0xffffffffff, 0));
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l1), 0));
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l4), 0));
    RUN(nop_syscall);
    other[0] = user_l4[0];
    SHOW(make_readonly(other));
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(other), 0));   /* not pinned: the base pointer itself holds it */
    RUN(nop_syscall);
    SHOW(make_writable(other) != 0);
    /* The kernel's own table as the user's. */
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn((void *)start_info->pt_base), 0));
    RUN(nop_syscall);
    SHOW(make_writable(other));
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0));
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l4), 0));
    SHOW(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(user_l4), 0));
    RUN(nop_syscall);
    SHOW(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(user_l4), 0));
    RUN(nop_syscall);
}

/* Events come while user code runs. */
static volatile unsigned int upcalls;
static void count(void)
{
    upcalls++;
    for (unsigned int w = 0; w < 64; w++)
        __atomic_fetch_and(&shared_info->evtchn_pending[w], 0, __ATOMIC_SEQ_CST);
    shared_info->vcpu_info[0].evtchn_pending_sel = 0;
}
CODE(spin, "1: incq 0x401000; cmpq $200000000, 0x401000; jne 1b; syscall");
CODE(look, "mov 0x401008, %rax; syscall");
static void stop_spinning(void)
{
    count();
    *(uint64_t *)USER_DATA = 200000000 - 5;
}

static void events(void)
{
    struct evtchn_bind_virq bind = { .virq = VIRQ_TIMER, .vcpu = 0 };
    struct regs r;

    event_handler = stop_spinning;
    HC3(vcpu_op, VCPUOP_stop_periodic_timer, 0, 0); /* its ticks are upcalls too, on a busy machine several */
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_bind_virq, &bind), 0);
    struct evtchn_unmask u = { .port = bind.port };
    CHECK_RC(HC2(event_channel_op, EVTCHNOP_unmask, &u), 0);
    *(uint64_t *)USER_DATA = 0;
    CHECK_RC(HC1(set_timer_op, system_time() + 20000000), 0);
    my_info()->evtchn_upcall_mask = 0;
    r = RUN(spin);
    CHECK(upcalls == 1 && r.vector == VECTOR_SYSCALL);
    /* IRET to user with events masked (IF clear): none comes. */
    my_info()->evtchn_upcall_mask = 1;
    CHECK_RC(HC1(set_timer_op, system_time() + 1000000), 0);
    while (!(shared_info->evtchn_pending[0] >> bind.port & 1))
        HC2(sched_op, SCHEDOP_yield, 0);
    struct regs in = user_regs();
    in.rflags = 2;
    RUN_IN("masked", in, look);
    CHECK(upcalls == 1);
    RUN(look);
    CHECK(upcalls == 2);
}

void test_main(void)
{
    user_init();
    system_calls();
    exceptions();
    memory();
    rights();
    segments();
    compatibility_mode();
    single_step();
    base_pointers();
    events();
    frames();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Privileged instructions of the guest kernel: control registers, MSRs, CPUID, ports and IOPL, vm_assist. */
#include "../lib/guest.h"

const char test_name[] = "priv";

/* Bits that depend on the machine or on how the hypervisor uses it: PGE. */
#define CR4_SHOWN (~0x80ul)

#define READ_CR(n, mask)   do { uint64_t v_ = 0; TRY("mov %%cr" #n ", %0", "+r"(v_) : : "memory"); show_fault("read cr" #n); SHOW_HEX(v_ & (mask)); } while (0)
#define WRITE_CR(n, value) do { TRY("mov %0, %%cr" #n, : "r"((uint64_t)(value)) : "memory"); show_fault("cr" #n " = " #value); } while (0)

static void control_registers(void)
{
    uint64_t cr0, cr3, cr4;

    READ_CR(0, ~0ul);
    READ_CR(2, ~0ul);
    READ_CR(3, 0xffful);
    READ_CR(4, CR4_SHOWN);
    READ_CR(8, ~0ul);
    WRITE_CR(8, 0);
    __asm__ volatile("mov %%cr0, %0; mov %%cr3, %1; mov %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
    for (unsigned int bit = 0; bit < 64; bit++) {
        TRY("mov %0, %%cr0", : "r"(cr0 ^ 1ul << bit) : "memory");
        print("= cr0 bit %u: %d, now %lx\n", bit, fault.taken, ({ uint64_t v; __asm__ volatile("mov %%cr0, %0" : "=r"(v)); v; }));
        TRY("mov %0, %%cr0", : "r"(cr0) : "memory");
    }
    for (unsigned int bit = 0; bit < 64; bit++) {
        TRY("mov %0, %%cr4", : "r"(cr4 ^ 1ul << bit) : "memory");
        print("= cr4 bit %u: %d, now %lx\n", bit, fault.taken, ({ uint64_t v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); v & CR4_SHOWN; }));
        TRY("mov %0, %%cr4", : "r"(cr4) : "memory");
    }
    WRITE_CR(2, 0x1234567890);
    READ_CR(2, ~0ul);
    SHOW_HEX(my_info()->arch.cr2);
    WRITE_CR(3, cr3);
    WRITE_CR(3, cr3 | 0x18);
    WRITE_CR(3, 0x1000);
    WRITE_CR(3, ~0ul);
    READ_CR(3, 0xffful);
    TRY("clts", : : "memory");
    show_fault("clts");
    TRY("smsw %0", "+r"(cr0) : : "memory");
    show_fault("smsw");
    SHOW_HEX(cr0 & 0xfff7);                          /* the real TS, perhaps */
    TRY("lmsw %w0", : "r"(cr0 | 8) : "memory");
    show_fault("lmsw TS");
    READ_CR(0, ~0ul);
    TRY("lmsw %w0", : "r"(cr0 & ~8ul) : "memory");
    show_fault("lmsw without TS");
    READ_CR(0, ~0ul);
    TRY("lmsw %w0", : "r"(cr0 ^ 2) : "memory");
    show_fault("lmsw MP");
    TRY("clts", : : "memory");
}

static void instructions(void)
{
    uint64_t buffer[2] = { 0 };

#define ONE(text) do { TRY(text, : "a"(0), "c"(0), "d"(0), "b"(buffer), "D"(buffer) : "memory"); show_fault(text); } while (0)
    ONE("hlt");
    ONE("invd");
    ONE("wbinvd");
    ONE("invlpg (%%rbx)");
    ONE("lgdt (%%rbx)");
    ONE("lidt (%%rbx)");
    ONE("lldt %%ax");
    ONE("ltr %%ax");
    ONE("swapgs");
    ONE("sysretq");
    ONE("sysexit");
    ONE("vmcall");
    ONE("vmmcall");
    ONE("monitor");
    ONE("mwait");
    ONE("rdpmc");
    ONE("rsm");
    ONE("getsec");
    ONE("xsetbv");
    ONE("invpcid (%%rbx), %%rax");
    ONE("rdfsbase %%rax");
    ONE("rdtscp");
    ONE("lock; mov %%rax, %%cr8");
    ONE("rep; cli");
    ONE("data16; sti");
    ONE("cli");
    ONE("sti");
    ONE("ud2; .ascii \"xen\"; rdtsc");
    ONE("ud2; .ascii \"xen\"; .byte 0x66; cpuid");
}

/* A line for each that is there. */
static void probe_msr(uint32_t msr)
{
    uint32_t lo = 0, hi = 0;
    bool read_ok, same_ok, ones_ok;

    TRY("rdmsr", "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
    read_ok = !fault.taken;
    TRY("wrmsr", : "a"(lo), "d"(hi), "c"(msr) : "memory");
    same_ok = !fault.taken;
    TRY("wrmsr", : "a"(~0), "d"(~0), "c"(msr) : "memory");
    ones_ok = !fault.taken;
    if (read_ok || same_ok || ones_ok)
        print("= msr %x: read %d %x %x, write the same %d, all ones %d\n", msr, read_ok, hi, lo, same_ok, ones_ok);
}

static void msrs(void)
{
    static const uint32_t ranges[][2] = { { 0, 0x1000 }, { 0x40000000, 0x40000400 }, { 0xc0000000, 0xc0000400 }, { 0xc0010000, 0xc0010400 }, { 0xc0011000, 0xc0011100 }, { ~0u, 0 } };

    HC2(set_segment_base, SEGBASE_FS, 0x1000);
    HC2(set_segment_base, SEGBASE_GS_USER, 0x2000);
    HC2(set_segment_base, SEGBASE_GS_KERNEL, 0x3000);
    for (unsigned int i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        for (uint32_t msr = ranges[i][0]; msr != ranges[i][1]; msr++)
            if (msr != 0x10)
                probe_msr(msr);
    uint32_t lo = 0, hi = 0;
    for (uint32_t msr = 0xc0000100; msr < 0xc0000103; msr++) {
        static const uint32_t values[][2] = { { 0x1234, 0 }, { 0, 0x8000 }, { 0, 0xffff8000 }, { 0, 0x80000000 }, { 0, 0 } };

        for (unsigned int i = 0; i < 5; i++) {
            TRY("wrmsr", : "a"(values[i][0]), "d"(values[i][1]), "c"(msr) : "memory");
            const bool ok = !fault.taken;
            TRY("rdmsr", "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
            print("= msr %x = %x %x: %d, now %x %x\n", msr, values[i][1], values[i][0], ok, hi, lo);
        }
    }
    TRY("wrmsr", : "a"(5), "d"(0), "c"(0x10) : "memory");
    show_fault("write the TSC");
}

static void forced_cpuid(uint32_t leaf, uint32_t sub)
{
    uint32_t a = leaf, b = 0, c = sub, d = 0;

    __asm__ volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
    print("= cpuid %x %x: %x %x %x %x\n", leaf, sub, a, b, c, d);
}

static void cpuids(void)
{
    for (uint32_t leaf = 0; leaf < 0x20; leaf++)
        for (uint32_t sub = 0; sub < (leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd ? 4 : 1); sub++)
            forced_cpuid(leaf, sub);
    for (uint32_t leaf = 0x40000000; leaf < 0x40000007; leaf++)
        for (uint32_t sub = 0; sub < (leaf == 0x40000003 ? 0 : 1); sub++)
            forced_cpuid(leaf, sub);
    forced_cpuid(0x40000100, 0);
    forced_cpuid(0x40010000, 0);
    for (uint32_t leaf = 0x80000000; leaf < 0x80000023; leaf++)
        forced_cpuid(leaf, 0);
    forced_cpuid(0x80000000 - 1, 0);
    forced_cpuid(0xc0000000, 0);
    forced_cpuid(~0u, 0);
}

static bool in_byte(unsigned int port)
{
    uint32_t a = 0;

    TRY("inb %w1, %b0", "+a"(a) : "d"(port) : "memory");
    return !fault.taken;
}

static bool out_byte(unsigned int port, unsigned int value)
{
    TRY("outb %b0, %w1", : "a"(value), "d"(port) : "memory");
    return !fault.taken;
}

CODE(user_out80, "mov $0x80, %dx; out %al, %dx; syscall");
CODE(user_in71, "in $0x71, %al; syscall");
CODE(user_cli, "cli; sti; syscall");

static void from_user(const char *what)
{
    struct regs r;

    print("= user ports, %s\n", what);
    r = USER_RUN(user_regs(), 0, user_out80);
    SHOW(r.vector);
    r = USER_RUN(user_regs(), 0, user_in71);
    SHOW(r.vector);
    r = USER_RUN(user_regs(), 0, user_cli);
    SHOW(r.vector);
}

static void cli_sti(const char *what)
{
    print("= cli, sti, %s\n", what);
    TRY("cli", : : "memory");
    show_fault("cli");
    SHOW(my_info()->evtchn_upcall_mask);
    TRY("sti", : : "memory");
    show_fault("sti");
    SHOW(my_info()->evtchn_upcall_mask);
    my_info()->evtchn_upcall_mask = 1;
    uint64_t f;
    __asm__ volatile("pushfq; popq %0" : "=r"(f));
    SHOW_HEX(f & 0x3200);
    __asm__ volatile("pushfq; orq $0x3000, (%%rsp); popfq; pushfq; popq %0" : "=r"(f));
    SHOW_HEX(f & 0x3200);
}

static uint64_t frame_flags;
static void record(struct regs *r) { frame_flags = r->rflags; }

static void ports(void)
{
    struct physdev_set_iopl iopl = { .iopl = 4 };
    struct physdev_set_iobitmap bitmap = { .nr_ports = 65537 };
    uint8_t *bits = page_alloc();
    uint32_t a = 0;

    cli_sti("start");
    SHOW(in_byte(0x71));
    SHOW(out_byte(0x80, 1));
    SHOW(in_byte(0x3f8 + 5));
    SHOW(in_byte(0x20));
    SHOW(in_byte(0xcf9));
    SHOW(in_byte(0x40));
    a = 0;
    TRY("outl %0, %w1", : "a"(0x80000000), "d"(0xcf8) : "memory");
    show_fault("out cf8");
    TRY("inl %w1, %0", "+a"(a) : "d"(0xcf8) : "memory");
    SHOW_HEX(a);
    TRY("inl %w1, %0", "+a"(a) : "d"(0xcfc) : "memory");
    SHOW_HEX(a);
    a = 0;
    TRY("inw %w1, %w0", "+a"(a) : "d"(0xcfe) : "memory");
    SHOW_HEX(a);
    a = 0;
    TRY("inb %w1, %b0", "+a"(a) : "d"(0xcfd) : "memory");
    SHOW_HEX(a);
    a = 0;
    TRY("inw %w1, %w0", "+a"(a) : "d"(0xcff) : "memory");
    SHOW_HEX(a);
    uint32_t buffer = 0;
    uint64_t n = 2;
    void *at = &buffer;
    TRY("rep insw", "+D"(at), "+c"(n) : "d"(0xcfc) : "memory");
    show_fault("rep insw");
    SHOW_HEX(buffer);
    SHOW(n);
    at = (void *)0x1000;
    n = 2;
    TRY("rep insw", "+D"(at), "+c"(n) : "d"(0xcfc) : "memory");
    show_fault("rep insw to nothing");
    SHOW(n);
    at = (void *)0xffff830000000000;
    TRY("rep insw", "+D"(at), "+c"(n) : "d"(0xcfc) : "memory");
    show_fault("rep insw to the hypervisor");
    at = (void *)0x1000;
    TRY("rep outsb", "+S"(at), "+c"(n) : "d"(0x80) : "memory");
    show_fault("rep outsb from nothing");

    from_user("start");
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iopl, &iopl));
    for (iopl.iopl = 3; iopl.iopl < 4; iopl.iopl--) {
        print("= iopl %u\n", iopl.iopl);
        SHOW(HC2(physdev_op, PHYSDEVOP_set_iopl, &iopl));
        SHOW(in_byte(0x71));
        from_user("by iopl");
        cli_sti("by iopl");
    }
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iobitmap, &bitmap));
    bitmap.nr_ports = 65536;
    set_xen_guest_handle(bitmap.bitmap, bits);
    memset(bits, 0xff, PAGE_SIZE);
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iobitmap, &bitmap));
    from_user("bitmap ones");
    bits[0x80 / 8] &= (uint8_t)~1;
    from_user("port 80");
    SHOW(in_byte(0x71));
    bits[0x71 / 8] = 0;
    from_user("and 71");
    SHOW(in_byte(0x71));
    bitmap.nr_ports = 0x80;
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iobitmap, &bitmap));
    from_user("shorter");
    set_xen_guest_handle(bitmap.bitmap, (uint8_t *)0x1000);
    bitmap.nr_ports = 65536;
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iobitmap, &bitmap));
    from_user("bitmap at nothing");
    set_xen_guest_handle(bitmap.bitmap, (uint8_t *)0xffff830000000000);
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iobitmap, &bitmap));
    set_xen_guest_handle(bitmap.bitmap, (uint8_t *)0);
    bitmap.nr_ports = 0;
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iobitmap, &bitmap));
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iopl, 0x1000));
}

static void assists(void)
{
    for (unsigned int type = 0; type < 70; type++) {
        const long on = HC2(vm_assist, VMASST_CMD_enable, type), off = HC2(vm_assist, VMASST_CMD_disable, type);

        if (on != -XEN_EINVAL || off != -XEN_EINVAL)
            print("= vm_assist %u: %ld %ld\n", type, on, off);
    }
    SHOW(HC2(vm_assist, 2, VMASST_TYPE_m2p_strict));
    SHOW(HC2(vm_assist, ~0ul, VMASST_TYPE_m2p_strict));
    SHOW(HC2(vm_assist, VMASST_CMD_enable, ~0ul));
    SHOW(HC2(vm_assist, VMASST_CMD_enable, 1ul << 32));

    /* IOPL in frames. */
    exception_handler = record;
    __asm__ volatile("int3");
    SHOW_HEX(frame_flags & 0x3200);
    SHOW(HC2(vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl));
    __asm__ volatile("int3");
    SHOW_HEX(frame_flags & 0x3200);
    struct physdev_set_iopl iopl = { .iopl = 1 };
    SHOW(HC2(physdev_op, PHYSDEVOP_set_iopl, &iopl));
    __asm__ volatile("int3");
    SHOW_HEX(frame_flags & 0x3200);
    cli_sti("architectural");
    struct regs in = user_regs(), r;
    in.rflags |= 0x3000;
    r = USER_RUN(in, 0, user_out80);
    user_show("architectural iopl 3", &r);
    __asm__ volatile("int3");
    SHOW_HEX(frame_flags & 0x3200);
    in.rflags &= ~0x3000ul;
    r = USER_RUN(in, 0, user_out80);
    user_show("architectural iopl 0", &r);
    SHOW(in_byte(0x71));
    cli_sti("architectural iopl 0");
    SHOW(HC2(vm_assist, VMASST_CMD_disable, VMASST_TYPE_architectural_iopl));
    cli_sti("as before");

    /* The M2P in user tables. */
    const volatile uint64_t *slot = &user_l4[256];
    SHOW(*slot == 0);
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0));
    SHOW(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(user_l4), 0));
    SHOW(HC2(vm_assist, VMASST_CMD_enable, VMASST_TYPE_m2p_strict));
    SHOW(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(user_l4), 0));
    SHOW(*slot == 0);
    SHOW(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(user_l4), 0));
    SHOW(*slot == 0);
    SHOW(HC2(vm_assist, VMASST_CMD_disable, VMASST_TYPE_m2p_strict));
}

void test_main(void)
{
    user_init();
    control_registers();
    instructions();
    msrs();
    cpuids();
    ports();
    assists();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions of the guest kernel, what is emulated for it, and its user mode. */
#include "bench.h"

static const struct trap_info *shortest_handlers(void)
{
    static struct trap_info table[32];
    static const uint8_t plain[] = { 3, 6, 0x80 }, with_code[] = { 13, 14 };
    unsigned int n = 0;

    for (unsigned int i = 0; i < sizeof(plain); i++)
        table[n++] = (struct trap_info){ .vector = plain[i], .flags = 3, .cs = 0xe033, .address = (unsigned long)fault_entry };
    for (unsigned int i = 0; i < sizeof(with_code); i++)
        table[n++] = (struct trap_info){ .vector = with_code[i], .cs = 0xe033, .address = (unsigned long)fault_code_entry };
    return table;
}

/* The least that an IRET can return from: to the next instruction. */
static inline void iret_to_self(void)
{
    __asm__ volatile("mov %%rsp, %%rsi\n\t"
                     "pushq $0xe02b\n\tpushq %%rsi\n\tpushfq\n\tpushq $0xe030\n\tpushq $1f\n\t"
                     "pushq $0\n\tpushq %%rcx\n\tpushq %%r11\n\tpushq %%rax\n\t"
                     "movl $23, %%eax\n\tsyscall\n1:" ::: "rax", "rcx", "r11", "rsi", "memory", "cc");
}

void bench_traps(void)
{
    MUST(HC1(set_trap_table, shortest_handlers()));
    shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
    MEASURE("iret hypercall kernel->kernel (minimal)", iret_to_self());
    fault_skip = 3;
    MEASURE("#PF kernel, bounced + iret", __asm__ volatile("mov (%%rcx), %%rax" :: "c"(0x1000) : "rax"));
    fault_skip = 0;
    MEASURE("int3 kernel, bounced + iret", __asm__ volatile("int3"));
    fault_skip = 2;
    MEASURE("#UD (ud2) kernel, bounced + iret", __asm__ volatile("ud2"));
    MEASURE("#GP (wrmsr bad MSR) kernel, emulated then bounced", __asm__ volatile("wrmsr" :: "a"(0), "d"(0), "c"(0x12345678)));
    MEASURE("#GP (rdmsr bad MSR) kernel, emulated then bounced", __asm__ volatile("rdmsr" :: "c"(0x12345678) : "rax", "rdx"));
}

/* ---- privileged instructions ---- */

#define FORCED_CPUID(leaf) __asm__ volatile("ud2; .ascii \"xen\"; cpuid" :: "a"(leaf), "c"(0) : "rbx", "rdx")
#define NATIVE_CPUID(leaf) __asm__ volatile("cpuid" :: "a"(leaf), "c"(0) : "rbx", "rdx")
#define RDMSR(msr)         __asm__ volatile("rdmsr" :: "c"(msr) : "rax", "rdx")
#define IN_BYTE(port)      __asm__ volatile("inb %%dx, %%al" :: "d"(port) : "rax")

static void control_registers(void)
{
    uint64_t value = 0;

    MEASURE("mov %cr0 -> reg", __asm__ volatile("mov %%cr0, %0" : "=r"(value)));
    MEASURE("mov %cr4 -> reg", __asm__ volatile("mov %%cr4, %0" : "=r"(value)));
    MEASURE("clts", __asm__ volatile("clts"));
    MEASURE("mov %cr3 -> reg", __asm__ volatile("mov %%cr3, %0" : "=r"(value)));
    MEASURE("mov reg -> %cr3 (same)", __asm__ volatile("mov %0, %%cr3" :: "r"(value)));
}

void bench_privileged(void)
{
    MEASURE("CPUID leaf 1, forced emulation prefix", FORCED_CPUID(1));
    MEASURE("CPUID leaf 0x40000000, forced emulation prefix", FORCED_CPUID(0x40000000));
    MEASURE("CPUID leaf 7, forced emulation prefix", FORCED_CPUID(7));
    MEASURE("CPUID leaf 1, native instruction", NATIVE_CPUID(1));
    MEASURE("rdmsr FS_BASE", RDMSR(0xc0000100));
    MEASURE("wrmsr FS_BASE", __asm__ volatile("wrmsr" :: "a"(0), "d"(0), "c"(0xc0000100)));
    MEASURE("rdmsr APIC_BASE", RDMSR(0x1b));
    MEASURE("rdmsr EFER", RDMSR(0xc0000080));
    control_registers();
    MEASURE("IN port 0x300 (unclaimed)", IN_BYTE(0x300));
    MEASURE("IN port 0x42 (vPIT)", IN_BYTE(0x42));
    MEASURE("IN port 0x61", IN_BYTE(0x61));
    MEASURE("IN port 0x71 (vRTC)", IN_BYTE(0x71));
    MEASURE("IN port 0xcfc", IN_BYTE(0xcfc));
    MEASURE("OUT 0x80", __asm__ volatile("outb %%al, $0x80" :: "a"(0)));
}

/* ---- user mode ---- */

static void user(const char *name, const char *code, unsigned int skip)
{
    static uint64_t empty;

    fault_skip = skip;
    bench_user_run(code);
    if (code == user_nothing) {
        empty = samples[SAMPLES / 2];
        return;
    }
    for (unsigned int i = 0; i < SAMPLES; i++)
        samples[i] -= empty;
    report_whole(name, SAMPLES);
}

void bench_user(void)
{
    struct callback_register call = { .type = CALLBACKTYPE_syscall, .address = (unsigned long)user_call_entry };
    static char stack[4096] __attribute__((aligned(16)));

    MUST(HC2(callback_op, CALLBACKOP_register, &call));
    MUST(HC2(stack_switch, 0xe02b, stack + sizeof(stack)));
    user("", user_nothing, 0);
    user_call_flags = VGCF_in_syscall;
    user("user syscall -> kernel, iret(sysret flag)", user_syscall, 0);
    user_call_flags = 0;
    user("user syscall -> kernel, iret(no flag)", user_syscall, 0);
    user("user int3 -> kernel + iret", user_int3, 0);
    user("user int 0x80 -> kernel + iret", user_int80, 0);
    user("user #PF -> kernel + iret", user_pf, 3);
    user("user #UD -> kernel + iret", user_ud, 2);
}

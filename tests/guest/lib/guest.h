/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a bare-metal PV test guest builds on. Each test is a folder with a main() that CHECKs; the
 * library prints "PASS name" or "FAIL name: …" lines on the console and shuts the domain down.
 * The same binary runs as dom0 or domU, on Zendo and on stock Xen. Lines that start with "= " are
 * its transcript: what SHOW printed, which must equal what stock Xen gave (NAME/expected).
 */
#ifndef TEST_GUEST_H
#define TEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define PAGE_SIZE 4096ul
#define page_aligned __attribute__((aligned(4096)))

extern struct start_info *start_info;
extern struct shared_info *shared_info;   /* mapped at a page of ours */
extern char hypercall_page[];

static inline long hypercall(long nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t r10 __asm__("r10") = a4;
    register uint64_t r8 __asm__("r8") = a5;
    long rc = nr;

    __asm__ volatile("syscall" : "+a"(rc), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8) :: "rcx", "r11", "memory");
    return rc;
}
#define HC1(name, a)          hypercall(__HYPERVISOR_##name, (uint64_t)(a), 0, 0, 0, 0)
#define HC2(name, a, b)       hypercall(__HYPERVISOR_##name, (uint64_t)(a), (uint64_t)(b), 0, 0, 0)
#define HC3(name, a, b, c)    hypercall(__HYPERVISOR_##name, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0, 0)
#define HC4(name, a, b, c, d) hypercall(__HYPERVISOR_##name, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), 0)

/* Console. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The test: its name, and its body. */
extern const char test_name[];
void test_main(void);

void check(bool ok, const char *what, int line);
#define CHECK(cond)         check(cond, #cond, __LINE__)
#define CHECK_RC(call, rc)  do { const long got_ = (call), want_ = (rc); \
                                 if (got_ != want_) print("  line %d: %s gave %ld, want %ld\n", __LINE__, #call, got_, want_); \
                                 check(got_ == want_, #call, __LINE__); } while (0)
void done(void) __attribute__((noreturn));
/* A part with a verdict of its own: PASS or FAIL guest/NAME/fn. */
void run_case(const char *name, void (*fn)(void));
#define CASE(fn)            run_case(#fn, fn)
/* A line of the transcript. */
void show(const char *what, long value);
#define SHOW(expr)          show(#expr, (long)(expr))
void show_hex(const char *what, uint64_t value);
#define SHOW_HEX(expr)      show_hex(#expr, (uint64_t)(expr))
/* "name=123" on the command line, else `otherwise`. */
uint64_t option(const char *name, uint64_t otherwise);

/* Registers as the exception stubs leave them. */
struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rax, rdx, rsi, rdi;
    uint64_t vector;
    uint64_t rcx, r11;            /* pushed by the hypervisor */
    uint64_t error_code;          /* 0 where there is none */
    uint64_t rip, cs, rflags, rsp, ss;
};
/* Installed for all exceptions; a test puts its own here. Default: print and fail. */
extern void (*exception_handler)(struct regs *r);
/* Event upcall. */
extern void (*event_handler)(void);
extern char event_entry[], failsafe_entry[], syscall_entry[], syscall32_entry[], sysenter_entry[], nmi_entry[];
extern const struct trap_info exception_table[];

/* vCPUs: 0 is there; others run fn(arg) on stacks of their own after vcpu_start. */
#define MAX_VCPUS 8
#define STACK_BYTES 65536ul
extern char vcpu_stacks[MAX_VCPUS][STACK_BYTES];
static inline unsigned int vcpu_id(void)
{
    uint64_t rsp;

    __asm__("mov %%rsp, %0" : "=r"(rsp));
    rsp = (rsp - (uint64_t)vcpu_stacks) / STACK_BYTES;
    return rsp < MAX_VCPUS ? (unsigned int)rsp : 0;
}
extern struct vcpu_info *vcpu_info_of[MAX_VCPUS];
static inline struct vcpu_info *my_info(void) { return vcpu_info_of[vcpu_id()]; }
/* Result of VCPUOP_initialise, then of VCPUOP_up. */
long vcpu_start(unsigned int id, void (*fn)(void *), void *arg);
/* What vcpu_start would pass to VCPUOP_initialise. */
struct vcpu_guest_context *vcpu_context(unsigned int id, void (*fn)(void *), void *arg);

/* Somewhere to go on after anything: recovery_set gives 0, and 1 when recovery_go was called with it. */
struct recovery { uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip; };
int recovery_set(struct recovery *r) __attribute__((returns_twice));
void recovery_go(const struct recovery *r) __attribute__((noreturn));

/* Enables event delivery for this vCPU. */
static inline void events_enable(void)
{
    my_info()->evtchn_upcall_mask = 0;
    __asm__ volatile("" ::: "memory");
    if (my_info()->evtchn_upcall_pending)
        HC2(sched_op, SCHEDOP_yield, 0), HC1(xen_version, 0);
}
static inline void events_disable(void) { my_info()->evtchn_upcall_mask = 1; }
/* By the time that the hypervisor keeps in vcpu_info. */
uint64_t system_time(void);

/* Memory: pages of the initial allocation, by virtual address. */
void *page_alloc(void);                    /* zeroed, mapped writable */
uint64_t va_to_mfn(const void *va);
uint64_t va_to_pfn(const void *va);
uint64_t *pte_of(const void *va);          /* the L1 entry, in its (read-only) table */
uint64_t pte_maddr(const void *va);        /* its machine address */
#define PTE_P 1ull
#define PTE_RW 2ull
#define PTE_US 4ull
#define PTE_A 32ull
#define PTE_D 64ull
/* update_va_mapping of va's page. */
long set_pte(const void *va, uint64_t pte, uint64_t flags);

static inline uint64_t pte(const void *va, uint64_t flags) { return va_to_mfn(va) << 12 | PTE_P | PTE_A | PTE_US | flags; }
long mmuext(unsigned int cmd, uint64_t arg1, uint64_t arg2);
long mmu_update(uint64_t maddr_and_command, uint64_t value);
/* The page's own mapping, by update_va_mapping. */
static inline long make_readonly(const void *page) { return set_pte(page, pte(page, 0), UVMF_INVLPG); }
static inline long make_writable(const void *page) { return set_pte(page, pte(page, PTE_RW), UVMF_INVLPG); }

/* ---- user mode (user.c) ---- */

#define USER_PAGES 3u             /* of each vCPU, one after the other; the kernel sees them there, too */
#define USER_CODE 0x400000ul      /* vCPU 0's, one page each */
#define USER_DATA 0x401000ul
#define USER_STACK 0x403000ul     /* top of a page */
#define CS64 0xe033u
#define CS32 0xe023u
#define SS64 0xe02bu
#define VECTOR_EVENT    0x100
#define VECTOR_FAILSAFE 0x101
#define VECTOR_SYSCALL  0x102
#define VECTOR_SYSCALL32 0x103
#define VECTOR_SYSENTER 0x104

extern uint64_t *user_l4, *user_l1;
void user_init(void);
void user_init_vcpu(void);        /* for other vCPUs than 0 */
/* Machine code under a name: USER_CODE_BYTES(name, "instructions"). */
#define CODE(name, text) \
    __asm__(".pushsection .rodata\n.code64\n" #name ": " text "\n" #name "_end: .popsection\n.code64"); \
    extern const char name[], name##_end[]
/* User mode ends when an event comes, too. */
extern bool user_ends_by_event;
/* Registers for an entry at the vCPU's USER_CODE with a stack and 64-bit segments. */
struct regs user_regs(void);
/* Puts the code at USER_CODE, enters user mode (IRET with `flags`, VGCF_*), returns when it traps: the registers as the kernel got them. */
struct regs user_run(struct regs in, uint64_t flags, const char *code, const char *end);
/* Goes to such registers in kernel mode (RPL 0 in CS and SS); only the exception handler can come back, by recovery_go. */
void kernel_run(struct regs in);
#define USER_RUN(in, flags, name) user_run(in, flags, name, name##_end)
/* A line of the transcript. */
void user_show(const char *name, const struct regs *r);
/* RFLAGS at the start of the last handler. */
extern uint64_t entry_rflags;
/* DS, ES, FS, GS of the last failsafe frame. */
extern uint64_t failsafe_segments[4];

/*
 * Code that may fault: an asm between "1:" and "2:", followed by FIXUP, goes on at 2: if 1: faults,
 * which `fault` tells.
 */
struct fault_info {
    bool taken;
    uint64_t vector, error_code, cr2;
};
extern struct fault_info faults[MAX_VCPUS];
#define fault faults[vcpu_id()]
#define FIXUP ".pushsection .fixups, \"a\"\n.quad 1b, 2b\n.popsection\n"
#define TRY(text, ...) do { fault = (struct fault_info){ 0 }; __asm__ volatile("1: " text "\n2:\n" FIXUP : __VA_ARGS__); } while (0)
/* A line of the transcript about the last TRY. */
void show_fault(const char *what);

/* A store or load that may fault: true if it went through. */
bool try_write(volatile void *p, uint64_t v);
bool try_read(const volatile void *p, uint64_t *v);

void *memset(void *p, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's store to its live L1 table, executed for it. The instruction's bytes are read after the fault:
 * another vCPU may have put any others there.
 */
// sources: hv/core/rwlock.c arch/x86/pv/mmu/fault.c arch/x86/pv/trace.c arch/x86/emul/alu.c arch/x86/emul/arith.c arch/x86/emul/data.c arch/x86/emul/decode.c arch/x86/emul/flow.c arch/x86/emul/opcodes.c arch/x86/emul/operand.c arch/x86/emul/string.c arch/x86/emul/system.c
#include "host_support.h"
#include <arch/pv.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <arch/x86/pv/mmu/mmu.h>

#define TABLE 3u
#define IF_IOPL (RFLAGS_IF | RFLAGS_IOPL)

static struct domain domain = { .id = 1 };
static struct vcpu vcpu = { .domain = &domain, .arch.in_kernel = true };
static unsigned int code_bits, injected, changes;

/* The guest's addresses are the host's, but for the table's. */
static uint64_t table_va(void) { return (uintptr_t)mfn_va(MFN(TABLE)); }

int guest_read(void *dst, uint64_t va, size_t n) { memcpy(dst, (void *)va, n); return 0; }
pte_t pv_guest_l1e(struct vcpu *v, uint64_t va) { return pte_make(MFN(TABLE), PTE_P | PTE_US); }
bool pv_access_allowed(const struct vcpu *v, uint64_t va, bool write) { return false; }
bool pv_window_fault(struct vcpu *v, struct trap_frame *regs, uint64_t cr2) { return false; }
struct frame *frame_get_mfn(mfn_t mfn, const struct domain *d) { return frame_of(mfn); }
void frame_put(struct frame *f) { }
int l1e_change_if(const struct pt_context *c, pte_t *slot, pte_t *expected, pte_t e) { changes++; *slot = e; return 0; }
void pv_inject_exception(struct vcpu *v, unsigned int vector, uint32_t error_code) { injected = vector; }
void pv_inject_page_fault(struct vcpu *v, uint32_t error_code, uint64_t cr2) { injected = VEC_PF; }
unsigned int pv_code_bits(const struct vcpu *v, const struct trap_frame *regs) { return code_bits; }

/* The bytes, padded, run with a write fault at the table's first entry. */
static bool run(const char *bytes, struct trap_frame *regs)
{
    static char code[32];

    memset(code, 0x90, sizeof(code));
    strcpy(code, bytes);
    regs->rip = (uintptr_t)code;
    regs->cs = SEL_GUEST_CS64;
    regs->error_code = PFEC_PRESENT | PFEC_WRITE;
    injected = changes = 0;
    current = &vcpu;
    return pv_mmu_fixup_fault(&vcpu, regs, table_va());
}

static int setup(void **state)
{
    host_ram_init(8);
    frame_of(MFN(TABLE))->type_info = ((uint64_t)FRAME_L1 << FRAME_TYPE_SHIFT) | FRAME_VALIDATED | 1;
    code_bits = 64;
    return 0;
}

static int teardown(void **state)
{
    host_ram_free();
    return 0;
}

static void a_store_becomes_a_checked_change(void **state)
{
    struct trap_frame regs = { .rdi = table_va(), .rax = 0x5063, .rflags = IF_IOPL };

    assert_true(run("\x48\x89\x07", &regs)); /* mov %rax, (%rdi) */
    assert_int_equal(changes, 1);
    assert_int_equal(*(uint64_t *)mfn_va(MFN(TABLE)), 0x5063);
}

/* Trust: the machine's interrupt flag and I/O privilege are not for a guest, whatever it executes. */
static void interrupts_and_ports_stay_the_machines(void **state)
{
    uint64_t stack[2] = { RFLAGS_IOPL | RFLAGS_CF | RFLAGS_MBS };
    struct trap_frame regs = { .rsp = (uintptr_t)stack, .rflags = RFLAGS_IF | RFLAGS_MBS };

    (void)!run("\x9d", &regs); /* popf */
    assert_int_equal(regs.rflags & IF_IOPL, RFLAGS_IF);
    regs = (struct trap_frame){ .rflags = RFLAGS_IF | RFLAGS_MBS };
    (void)!run("\xfa", &regs); /* cli */
    assert_int_equal(regs.rflags & IF_IOPL, RFLAGS_IF);
    (void)!run("\xf4", &regs); /* hlt */
    (void)!run("\x0f\x22\xd8", &regs); /* mov %rax, %cr3 */
    (void)!run("\xe6\x80", &regs); /* out %al, $0x80 */
    assert_int_equal(regs.rflags & IF_IOPL, RFLAGS_IF);
    assert_int_equal(changes, 0);
}

static void no_other_code_than_64_bit(void **state)
{
    struct trap_frame regs = { .rdi = table_va() };

    code_bits = 0; /* the selector names nothing any more */
    assert_false(run("\x48\x89\x07", &regs));
    code_bits = 32;
    assert_false(run("\x48\x89\x07", &regs));
    assert_int_equal(changes, 0);
    code_bits = 64;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_becomes_a_checked_change), cmocka_unit_test(interrupts_and_ports_stay_the_machines),
        cmocka_unit_test(no_other_code_than_64_bit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

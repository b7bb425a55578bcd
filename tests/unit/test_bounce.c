/* SPDX-License-Identifier: GPL-2.0-or-later */
// sources: arch/x86/pv/bounce.c arch/x86/pv/trace.c arch/x86/pv/iret.c arch/x86/pv/exception.c
/* Frames on a PV guest's kernel stack, and the way back by IRET. The guest's stack is a host array. */
#include "host_support.h"

#include <arch/platform.h>
#include <arch/pv.h>

static unsigned int host_swapgs, cr3_switches, crashes;
static bool emulate_privileged, fixup_fault;
static struct domain d;
static struct vcpu v;
static struct vcpu_info info;
static struct pv_trap_entry traps[256];
static uint64_t stack[64];
static uint64_t *const stack_top = stack + 60;

void domain_crash(struct domain *dom, const char *why, ...) { crashes++; }
void pv_mmu_update_cr3(struct vcpu *vc) { }
void pv_mmu_switch_mode(struct vcpu *vc) { cr3_switches++; }
void vcpu_runstate_publish_stale(struct vcpu *vc) { (void)vc; }
void cpu_swapgs(void) { host_swapgs++; }
bool pv_mmu_fixup_fault(struct vcpu *vc, struct trap_frame *regs, uint64_t cr2) { return fixup_fault; }
bool pv_emulate_privileged(struct vcpu *vc, struct trap_frame *regs) { return emulate_privileged; }
bool pv_emulate_forced(struct vcpu *vc, struct trap_frame *regs) { return false; }
void pv_fpu_taskswitch(struct vcpu *vc, bool set) { vc->arch.cr0 = set ? CR0_TS : 0; }

static struct trap_frame *regs_now(void) { return guest_regs(); }

static int setup(void **unused)
{
    memset(&d, 0, sizeof(d));
    memset(&v, 0, sizeof(v));
    memset(&info, 0, sizeof(info));
    memset(traps, 0, sizeof(traps));
    memset(stack, 0xee, sizeof(stack));
    v.domain = &d;
    v.vcpu_info = &info;
    v.arch.trap_table = traps;
    v.arch.kernel_sp = (uintptr_t)stack_top;
    v.arch.cr3_user = MFN(5);
    host_test_current = &v;
    *regs_now() = (struct trap_frame){ .rip = 0x1111, .cs = 0x33, .rsp = 0x2222, .ss = 0x2b, .rcx = 0xc, .r11 = 0xb,
                                       .rflags = RFLAGS_IF | RFLAGS_MBS | RFLAGS_TF | RFLAGS_CF | RFLAGS_AC };
    for (unsigned int i = 0; i < 32; i++)
        traps[i] = (struct pv_trap_entry){ .rip = 0x9000 + i, .dpl = 0 };
    v.arch.event = (struct pv_callback){ .rip = 0x8000 };
    v.arch.failsafe = (struct pv_callback){ .rip = 0x8100 };
    v.arch.syscall = (struct pv_callback){ .rip = 0x8200, .disables_events = true };
    host_swapgs = cr3_switches = crashes = 0;
    emulate_privileged = fixup_fault = false;
    host_log_quiet = true;
    return 0;
}

/* Words of the frame from the stack pointer up. */
static const uint64_t *frame(void) { return (const uint64_t *)(uintptr_t)regs_now()->rsp; }

static void test_from_user_with_error_code(void **unused)
{
    info.evtchn_upcall_mask = 0;
    traps[VEC_PF].disables_events = true;
    pv_inject_page_fault(&v, PFEC_PRESENT, 0x1234000);
    const uint64_t *f = frame();

    assert_true(v.arch.in_kernel);
    assert_int_equal(host_swapgs, 1);
    assert_int_equal(f[0], 0xc);
    assert_int_equal(f[1], 0xb);
    assert_int_equal(f[2], PFEC_PRESENT | PFEC_USER);
    assert_int_equal(f[3], 0x1111);
    assert_int_equal(f[4], 0x33);
    assert_int_equal(f[5], RFLAGS_IF | RFLAGS_MBS | RFLAGS_TF | RFLAGS_CF | RFLAGS_AC);
    assert_int_equal(f[6], 0x2222);
    assert_int_equal(f[7], 0x2b);
    assert_ptr_equal(f + 8, (uintptr_t)stack_top & ~15ULL);
    assert_int_equal(info.evtchn_upcall_mask, 1);
    assert_int_equal(info.arch.cr2, 0x1234000);
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_PF);
    assert_int_equal(regs_now()->cs, SEL_GUEST_CS64);
    assert_int_equal(regs_now()->ss, SEL_GUEST_DS);
    assert_int_equal(regs_now()->rflags, RFLAGS_IF | RFLAGS_MBS | RFLAGS_CF);
    /* what SYSRET needs */
    assert_int_equal(regs_now()->rcx, regs_now()->rip);
    assert_int_equal(regs_now()->r11, regs_now()->rflags);
}

static void test_from_kernel(void **unused)
{
    v.arch.in_kernel = true;
    info.evtchn_upcall_mask = 1;
    v.arch.iopl = 1;
    regs_now()->cs = SEL_GUEST_CS64;
    regs_now()->rsp = (uintptr_t)(stack + 30) + 5;
    pv_inject_page_fault(&v, PFEC_PRESENT | PFEC_USER | PFEC_WRITE, 1);
    const uint64_t *f = frame();

    assert_int_equal(host_swapgs, 0);
    assert_int_equal(f[2], PFEC_PRESENT | PFEC_WRITE);
    assert_int_equal(f[4], (SEL_GUEST_CS64 & ~3) | 1ULL << 32);
    assert_int_equal(f[5] & RFLAGS_IF, 0);
    assert_int_equal(f[5] & RFLAGS_IOPL, 0);
    assert_int_equal(f[6], (uintptr_t)(stack + 30) + 5);
    assert_int_equal(regs_now()->rsp & 15, 0);
    assert_int_equal(info.evtchn_upcall_mask, 1);
    d.vm_assist = 1ULL << VMASST_TYPE_architectural_iopl;
    pv_inject_exception(&v, VEC_UD, 0);
    assert_int_equal(frame()[4] & RFLAGS_IOPL, 1u << 12); /* no error code: one word earlier */
}

static void test_bad_stack_or_handler(void **unused)
{
    traps[VEC_UD].rip = 0;
    pv_inject_exception(&v, VEC_UD, 0);
    assert_int_equal(crashes, 1);
    v.arch.in_kernel = true;
    regs_now()->rsp = 0xffff800000001000;
    pv_inject_exception(&v, VEC_DE, 0);
    assert_int_equal(crashes, 2);
    assert_int_equal(regs_now()->rip, 0x1111);
}

static void test_pending(void **unused)
{
    v.arch.in_kernel = true;
    regs_now()->rsp = (uintptr_t)stack_top;
    pv_deliver_pending(&v);
    assert_int_equal(regs_now()->rip, 0x1111);
    info.evtchn_upcall_pending = 1;
    info.evtchn_upcall_mask = 1;
    pv_deliver_pending(&v);
    assert_int_equal(regs_now()->rip, 0x1111);
    info.evtchn_upcall_mask = 0;
    pv_deliver_pending(&v);
    assert_int_equal(regs_now()->rip, 0x8000);
    assert_int_equal(info.evtchn_upcall_mask, 1);
    const uint64_t sp = regs_now()->rsp;

    pv_deliver_pending(&v); /* once */
    assert_int_equal(regs_now()->rsp, sp);
    v.nmi_pending = true;
    pv_deliver_pending(&v);
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_NMI);
    assert_false(v.nmi_pending);
    v.nmi_pending = true; /* the second waits for IRET */
    pv_deliver_pending(&v);
    assert_true(v.nmi_pending);
}

static void test_failsafe(void **unused)
{
    v.arch.failsafe.disables_events = true;
    pv_failsafe(&v);
    const uint64_t *f = frame();

    assert_int_equal(regs_now()->rip, 0x8100);
    assert_int_equal(f[0], 0xc);
    assert_int_equal(f[2], v.arch.ds);
    assert_int_equal(f[5], v.arch.gs);
    assert_int_equal(f[6], 0x1111);
    assert_int_equal(info.evtchn_upcall_mask, 1);
}

static void iret_with(const struct iret_context *c)
{
    v.arch.in_kernel = true;
    regs_now()->rsp = (uintptr_t)c;
}

static void test_iret_to_user(void **unused)
{
    struct iret_context c = { .rax = 77, .r11 = 1, .rcx = 2, .rip = 0x5000, .cs = 0x33, .rflags = RFLAGS_IF | RFLAGS_IOPL | RFLAGS_VM | (1ULL << 40),
                              .rsp = 0x7000, .ss = 0x2b };

    iret_with(&c);
    info.evtchn_upcall_mask = 1;
    v.arch.in_nmi = true;
    assert_int_equal(hc_iret(0, 0, 0, 0, 0), 77);
    assert_false(v.arch.in_kernel);
    assert_false(v.arch.in_nmi);
    assert_int_equal(regs_now()->rflags, RFLAGS_IF | RFLAGS_MBS);
    assert_int_equal(regs_now()->rcx, 2);
    assert_int_equal(regs_now()->cs, 0x33);
    assert_int_not_equal(regs_now()->vector, TRAP_SYSCALL);
    assert_int_equal(info.evtchn_upcall_mask, 0);
}

static void test_iret_to_kernel_and_syscall(void **unused)
{
    struct iret_context c = { .flags = VGCF_IN_SYSCALL, .rip = 0x5000, .cs = 0xe030, .rsp = 0x7000, .ss = 0x77 }; /* selectors do not count */

    iret_with(&c);
    hc_iret(0, 0, 0, 0, 0);
    assert_true(v.arch.in_kernel);
    assert_int_equal(regs_now()->cs, 0xe033);
    assert_int_equal(regs_now()->ss, 0xe02b);
    assert_int_equal(regs_now()->rcx, 0x5000);
    assert_int_equal(regs_now()->r11, regs_now()->rflags);
    assert_true(regs_now()->rflags & RFLAGS_IF); /* the machine's, always */
    assert_int_equal(info.evtchn_upcall_mask, 1);
}

static void test_iret_refused(void **unused)
{
    struct iret_context c = { .cs = 0x33, .rflags = RFLAGS_IOPL };

    v.arch.cr3_user = MFN_INVALID;
    iret_with(&c);
    hc_iret(0, 0, 0, 0, 0);
    assert_int_equal(crashes, 1);
    assert_int_equal(regs_now()->rflags, RFLAGS_IF | RFLAGS_MBS); /* it may be resumed */
    regs_now()->rsp = 0xffff800000000000; /* the hypervisor's; what is below is not canonical */
    hc_iret(0, 0, 0, 0, 0);
    assert_int_equal(crashes, 2);
}

static void test_syscall(void **unused)
{
    regs_now()->vector = TRAP_SYSCALL;
    regs_now()->rflags |= RFLAGS_DF | RFLAGS_ID;
    pv_syscall_from_user(regs_now());
    assert_int_equal(regs_now()->rip, 0x8200);
    assert_int_equal(regs_now()->rflags & (RFLAGS_DF | RFLAGS_ID), RFLAGS_DF);
    assert_int_equal(regs_now()->r11, regs_now()->rflags);
    assert_int_equal(info.evtchn_upcall_mask, 1);
    setup(NULL);
    v.arch.syscall.rip = 0;
    regs_now()->vector = TRAP_SYSCALL;
    pv_syscall_from_user(regs_now());
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_UD);
    assert_int_equal(frame()[2], 0x1111 - 2);
    setup(NULL);
    regs_now()->vector = TRAP_SYSENTER;
    pv_syscall_from_user(regs_now());
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_GP);
    assert_int_equal(frame()[2], 0);
    setup(NULL);
    regs_now()->vector = TRAP_SYSCALL32; /* no handler of its own: undefined, not the 64-bit one */
    pv_syscall_from_user(regs_now());
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_UD);
    setup(NULL);
    regs_now()->vector = TRAP_SYSCALL32;
    v.arch.syscall32.rip = 0x8300;
    pv_syscall_from_user(regs_now());
    assert_int_equal(regs_now()->rip, 0x8300);
}

static void general_protection(uint32_t error_code)
{
    regs_now()->vector = VEC_GP;
    regs_now()->error_code = error_code;
    pv_exception(regs_now(), 0);
}

static void test_int_n(void **unused)
{
    traps[0x21] = (struct pv_trap_entry){ .rip = 0x9100, .dpl = 3 };
    general_protection(0x21 << 3 | 2);
    assert_int_equal(regs_now()->rip, 0x9100);
    assert_int_equal(frame()[2], 0x1111 + 2);
    setup(NULL);
    traps[0x21] = (struct pv_trap_entry){ .rip = 0x9100, .dpl = 1 }; /* kernel only */
    general_protection(0x21 << 3 | 2);
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_GP);
    assert_int_equal(frame()[2], 0x21 << 3 | 2);
    setup(NULL);
    emulate_privileged = true;
    general_protection(0);
    assert_int_equal(regs_now()->rip, 0x1111);
    general_protection(1); /* external: not the instruction's fault */
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_GP);
}

static void test_int80(void **unused)
{
    regs_now()->vector = 0x80;
    pv_exception(regs_now(), 0);
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_GP);
    assert_int_equal(frame()[2], 0x80 << 3 | 2);
    assert_int_equal(frame()[3], 0x1111 - 2);
    setup(NULL);
    traps[0x80].rip = 0x9200;
    regs_now()->vector = 0x80;
    pv_exception(regs_now(), 0);
    assert_int_equal(regs_now()->rip, 0x9200);
    assert_int_equal(frame()[2], 0x1111);
}

static void test_device_not_available(void **unused)
{
    regs_now()->vector = VEC_NM;
    pv_exception(regs_now(), 0);
    assert_int_equal(regs_now()->rip, 0x1111);
    v.arch.cr0 = CR0_TS;
    pv_exception(regs_now(), 0);
    assert_int_equal(regs_now()->rip, 0x9000 + VEC_NM);
    assert_int_equal(v.arch.cr0, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(test_from_user_with_error_code), T(test_from_kernel), T(test_bad_stack_or_handler), T(test_pending), T(test_failsafe),
        T(test_iret_to_user), T(test_iret_to_kernel_and_syscall), T(test_iret_refused), T(test_syscall), T(test_int_n), T(test_int80),
        T(test_device_not_available),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 64-bit PV hypercall ABI: SYSCALL with the number in rax, arguments in rdi rsi rdx r10 r8 (xen/arch-x86/xen-x86_64.h). */
#include <arch/pv.h>
#include <hv/lib.h>
#include <hv/percpu.h>

#define SYSCALL_LENGTH 2u
#define STUB_BYTES     32u

void pv_hypercall(struct trap_frame *regs)
{
    struct vcpu *v = current;
    hypercall_fn *fn = hypercall_find(regs->rax);
    const long result = likely(fn != NULL) ? fn(regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8) : ERR(ENOSYS);

    if (likely(!v->hypercall.continued))
        regs->rax = (uint64_t)result;
    else
        v->hypercall.continued = false;
}

void pv_syscall(struct trap_frame *regs)
{
    if (current->arch.in_kernel && likely(regs->vector == TRAP_SYSCALL))
        pv_hypercall(regs);
    else
        pv_syscall_from_user(regs);
}

void arch_hypercall_rewind(uint64_t nr, const uint64_t args[5])
{
    struct trap_frame *regs = guest_regs();

    regs->rip -= SYSCALL_LENGTH;
    regs->rax = nr;
    regs->rdi = args[0];
    regs->rsi = args[1];
    regs->rdx = args[2];
    regs->r10 = args[3];
    regs->r8 = args[4];
}

/* push %rcx; push %r11; mov $nr, %eax; syscall; pop %r11; pop %rcx; ret */
static void fill_stub(uint8_t *p, uint32_t nr)
{
    static const uint8_t head[] = { 0x51, 0x41, 0x53, 0xb8 };
    static const uint8_t tail[] = { 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };

    memcpy(p, head, sizeof(head));
    memcpy(p + sizeof(head), &nr, sizeof(nr));
    memcpy(p + sizeof(head) + sizeof(nr), tail, sizeof(tail));
}

/* IRET does not come back: rcx, r11, rax are pushed as the lowest words of struct iret_context. */
static void fill_iret_stub(uint8_t *p)
{
    static const uint8_t code[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05 };

    memcpy(p, code, sizeof(code));
}

void arch_hypercall_page_fill(void *page)
{
    uint8_t *p = page;

    memset(p, 0xcc, PAGE_SIZE);
    for (uint32_t nr = 0; nr < PAGE_SIZE / STUB_BYTES; nr++)
        fill_stub(p + nr * STUB_BYTES, nr);
    memset(p + __HYPERVISOR_iret * STUB_BYTES, 0xcc, STUB_BYTES);
    fill_iret_stub(p + __HYPERVISOR_iret * STUB_BYTES);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers and a symbolised stack of the hypervisor, for crash reports. */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <arch/percpu.h>
#include <hv/log.h>
#include <hv/symbols.h>

#define MAX_FRAMES      24u

static void dump_registers(const struct trap_frame *r)
{
    char name[64];

    log_err("CPU:    %u\n", this_cpu_id());
    log_err("RIP:    %04lx:[<%016lx>] %s\n", r->cs & 0xffff, r->rip, symbol_format(r->rip, name, sizeof(name)));
    log_err("RFLAGS: %016lx   vector %u error %04x\n", r->rflags, r->vector, r->error_code);
    log_err("rax: %016lx   rbx: %016lx   rcx: %016lx\n", r->rax, r->rbx, r->rcx);
    log_err("rdx: %016lx   rsi: %016lx   rdi: %016lx\n", r->rdx, r->rsi, r->rdi);
    log_err("rbp: %016lx   rsp: %016lx   r8:  %016lx\n", r->rbp, r->rsp, r->r8);
    log_err("r9:  %016lx   r10: %016lx   r11: %016lx\n", r->r9, r->r10, r->r11);
    log_err("r12: %016lx   r13: %016lx   r14: %016lx\n", r->r12, r->r13, r->r14);
    log_err("r15: %016lx   cr0: %016lx   cr4: %016lx\n", r->r15, read_cr0(), read_cr4());
    log_err("cr3: %016lx   cr2: %016lx\n", read_cr3(), read_cr2());
}

/* Return addresses by the frame-pointer chain, which stays inside one stack block. */
static void dump_stack_from(uint64_t rip, uint64_t rbp)
{
    const uint64_t block = (uintptr_t)cpu_info() & ~(uint64_t)(STACK_BYTES - 1);

    log_err("Call trace:\n");
    for (unsigned int i = 0; i < MAX_FRAMES; i++) {
        char name[64];

        log_err("   [<%016lx>] %s\n", rip, symbol_format(rip, name, sizeof(name)));
        if (rbp < block || rbp > block + STACK_BYTES - 16 || (rbp & 7))
            break;
        const uint64_t *frame = (const uint64_t *)rbp;

        rip = frame[1];
        rbp = frame[0];
    }
}

void arch_dump_stack(void)
{
    dump_stack_from((uintptr_t)__builtin_return_address(0), *(const uint64_t *)__builtin_frame_address(0));
}

void trap_dump(const struct trap_frame *regs)
{
    log_err("----[ Zendo-%s  x86_64 ]----\n", HV_VERSION);
    dump_registers(regs);
    dump_stack_from(regs->rip, regs->rbp);
}

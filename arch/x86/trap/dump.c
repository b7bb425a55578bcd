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

static void dump_address(uint64_t rip)
{
    char name[64];

    log_err("   [<%016lx>] %s\n", rip, symbol_format(rip, name, sizeof(name)));
}

#ifdef HV_DEBUG

/* Return addresses by the frame-pointer chain, which stays inside one stack block. */
static void dump_callers(uint64_t rsp, uint64_t rbp)
{
    const uint64_t block = (uintptr_t)cpu_info() & ~(uint64_t)(STACK_BYTES - 1);

    for (unsigned int i = 0; i < MAX_FRAMES && rbp >= block && rbp <= block + STACK_BYTES - 16 && !(rbp & 7); i++) {
        const uint64_t *frame = (const uint64_t *)rbp;

        dump_address(frame[1]);
        rbp = frame[0];
    }
}

#else

/* No frame pointers: every word above that is an address of code; some are left over from earlier calls. */
static void dump_callers(uint64_t rsp, uint64_t rbp)
{
    const uint64_t block = (uintptr_t)cpu_info() & ~(uint64_t)(STACK_BYTES - 1);
    uint64_t offset;
    unsigned int nr = 0;

    if (rsp < block || (rsp & 7))
        return;
    for (; rsp < (uintptr_t)cpu_info() && nr < MAX_FRAMES; rsp += sizeof(uint64_t)) {
        const uint64_t word = *(const uint64_t *)rsp;

        if (symbol_find(word, &offset) != NULL && offset != 0) {
            dump_address(word);
            nr++;
        }
    }
}

#endif

static void dump_stack_from(uint64_t rip, uint64_t rsp, uint64_t rbp)
{
    log_err("Call trace:\n");
    dump_address(rip);
    dump_callers(rsp, rbp);
}

void arch_dump_stack(void)
{
    const uint64_t *frame = __builtin_frame_address(0);

    dump_stack_from((uintptr_t)__builtin_return_address(0), (uintptr_t)frame, frame[0]);
}

void trap_dump(const struct trap_frame *regs)
{
    log_err("----[ Zendo-%s  x86_64 ]----\n", HV_VERSION);
    dump_registers(regs);
    dump_stack_from(regs->rip, regs->rsp, regs->rbp);
}

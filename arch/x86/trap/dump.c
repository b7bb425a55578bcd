/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers and a symbolised stack of the hypervisor, for crash reports. */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <arch/percpu.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/symbols.h>

#define MAX_FRAMES  24u
#define MAX_WORDS   24u
#define STACK_GUARD 4u /* page of the stack block */

extern const char image_start[], text_end[]; /* linker script */

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

/*
 * Where the stack that rsp is on ends. The CPU's own ends at struct cpu_info; those of #DF, NMI, #MC and #DB are
 * a page each (arch/percpu.h). 0: rsp is on none of them. In the guard page: the own one has overflown.
 */
static uint64_t stack_end(uint64_t *rsp)
{
    const uint64_t top = (uintptr_t)cpu_info(), block = top & ~(uint64_t)(STACK_BYTES - 1);

    *rsp = round_up(*rsp, sizeof(uint64_t));
    if (*rsp < block || *rsp >= top)
        return 0;
    if (*rsp < block + STACK_GUARD * PAGE_SIZE)
        return round_down(*rsp, PAGE_SIZE) + PAGE_SIZE;
    *rsp = max(*rsp, block + (STACK_GUARD + 1) * PAGE_SIZE);
    return top;
}

static void dump_words(uint64_t rsp)
{
    const uint64_t end = stack_end(&rsp);

    log_err("Stack from rsp=%016lx:\n", rsp);
    for (unsigned int i = 0; i < MAX_WORDS && rsp < end; i++, rsp += sizeof(uint64_t))
        log_err("%s%016lx%s", i % 4 == 0 ? "   " : " ", *(const uint64_t *)rsp, i % 4 == 3 || i + 1 == MAX_WORDS || rsp + 8 >= end ? "\n" : "");
}

#ifdef HV_DEBUG

/* Return addresses by the frame-pointer chain, which goes upwards inside one stack. */
static void dump_callers(uint64_t rsp, uint64_t rbp)
{
    const uint64_t end = stack_end(&rsp);

    for (unsigned int i = 0; i < MAX_FRAMES && rbp >= rsp && rbp + 16 <= end && !(rbp & 7); i++) {
        const uint64_t *frame = (const uint64_t *)rbp;

        dump_address(frame[1]);
        rsp = rbp + 16;
        rbp = frame[0];
    }
}

#else

/* CALL rel32 to a function; or CALL through a register or memory (opcode FF /2), which has 2 to 7 bytes. */
static bool follows_call(uint64_t rip)
{
    const uint8_t *end = (const uint8_t *)rip;
    uint64_t offset;
    int32_t distance;

    memcpy(&distance, end - 4, sizeof(distance));
    if (end[-5] == 0xe8 && symbol_find(rip + (uint64_t)(int64_t)distance, &offset) != NULL)
        return true;
    for (unsigned int n = 2; n <= 7; n++)
        if (end[-(int)n] == 0xff && (end[1 - (int)n] >> 3 & 7) == 2)
            return true;
    return false;
}

/* Only code that stays is looked at: that of the start-up is not mapped any more. */
static bool may_be_return_address(uint64_t word)
{
    uint64_t offset;

    if (symbol_find(word, &offset) == NULL || offset == 0)
        return false;
    return word - 7 < (uintptr_t)image_start || word >= (uintptr_t)text_end || follows_call(word);
}

/* No frame pointers: the words that can be return addresses. Some are left over from earlier calls. */
static void dump_callers(uint64_t rsp, uint64_t rbp)
{
    const uint64_t end = stack_end(&rsp);
    unsigned int nr = 0;

    for (; rsp < end && nr < MAX_FRAMES; rsp += sizeof(uint64_t))
        if (may_be_return_address(*(const uint64_t *)rsp)) {
            dump_address(*(const uint64_t *)rsp);
            nr++;
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
    dump_words(regs->rsp);
    dump_stack_from(regs->rip, regs->rsp, regs->rbp);
}

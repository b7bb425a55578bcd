/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDT and the first C of every entry. Decides only where a trap goes: interrupts to irq/,
 * a guest's exceptions to pv/, the hypervisor's own to the exception table or the crash report.
 */
#include <arch/cpu.h>
#include <arch/cpu_window.h>
#include <arch/extable.h>
#include <arch/platform.h>
#include <arch/pv.h>
#include <arch/trap.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/softirq.h>
#include <hv/symbols.h>

/* Gate (SDM3 6.14.1) */
struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type_dpl;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "64-bit gate");

#define GATE_INTERRUPT 0x8e
#define GATE_DPL3      0x60

static struct gate idt[256] aligned(PAGE_SIZE);

static boot_code void set_gate(unsigned int vector, const char *handler, unsigned int ist, uint8_t dpl)
{
    const uint64_t a = (uintptr_t)handler;

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)a,
        .selector = SEL_HV_CS,
        .ist = (uint8_t)ist,
        .type_dpl = (uint8_t)(GATE_INTERRUPT | dpl),
        .offset_middle = (uint16_t)(a >> 16),
        .offset_high = (uint32_t)(a >> 32),
    };
}

boot_code void trap_init(void)
{
    trap_keys_init();
    for (unsigned int v = 0; v < 256; v++)
        set_gate(v, trap_stubs + v * 16, IST_NONE, 0);
    set_gate(VEC_DB, trap_ist_stub_db, IST_DB, 0);
    set_gate(VEC_NMI, trap_ist_stub_nmi, IST_NMI, 0);
    set_gate(VEC_DF, trap_ist_stub_df, IST_DF, 0);
    set_gate(VEC_MC, trap_ist_stub_mc, IST_MC, 0);
    set_gate(VEC_BP, trap_stubs + VEC_BP * 16, IST_NONE, GATE_DPL3);
    set_gate(VEC_OF, trap_stubs + VEC_OF * 16, IST_NONE, GATE_DPL3);
    set_gate(VECTOR_SYSCALL_INT80, trap_stubs + VECTOR_SYSCALL_INT80 * 16, IST_NONE, GATE_DPL3);
}

const void *trap_idt(void)
{
    return idt;
}

void trap_load_idt(void)
{
    const struct { uint16_t limit; uint64_t base; } packed pointer = { sizeof(idt) - 1, (uintptr_t)idt };

    __asm__ volatile("lidt %0" :: "m"(pointer));
}

/* ---- the exception table ---- */

struct extable_entry { int32_t from, to; };
extern const struct extable_entry extable_start[], extable_end[];

bool extable_fixup(struct trap_frame *regs)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++)
        if ((uintptr_t)&e->from + (intptr_t)e->from == regs->rip) {
            regs->rip = (uintptr_t)&e->to + (intptr_t)e->to;
            /* SMAP: what may touch a guest's memory ends with the access that failed. */
            regs->rflags &= ~(uint64_t)RFLAGS_AC;
            return true;
        }
    return false;
}

static const char *const exception_names[] = {
    "divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode", "device not available",
    "double fault", "coprocessor segment", "invalid TSS", "segment not present", "stack fault", "general protection",
    "page fault", "reserved", "x87 error", "alignment check", "machine check", "SIMD error", "virtualization", "control protection",
};

/* Why the last IRET to a guest failed: interrupts stay off until trap_iret_failed. */
struct iret_fault {
    unsigned int vector;
    uint32_t error_code;
    uint64_t cr2;
};
static DEFINE_PER_CPU(struct iret_fault, iret_fault);

static void hypervisor_exception(struct trap_frame *regs, uint64_t cr2)
{
    const unsigned int v = regs->vector;

    /* A guest's breakpoint on memory that we touch on its behalf (MOV SS holds it back until here too). */
    if (v == VEC_DB) {
        write_dr6(0xffff0ff0);
        regs->rflags &= ~(uint64_t)RFLAGS_TF;
        return;
    }
    if (v == VEC_NMI) {
        trap_nmi(regs);
        return;
    }
    if (v == VEC_BP && regs->rip == (uintptr_t)trap_key_breakpoint) {
        char name[64];

        log_warn("Hit embedded breakpoint at %016lx [%s]\n", regs->rip, symbol_format(regs->rip, name, sizeof(name)));
        return;
    }
    /* Not a guest vCPU's tables: the LDT window is filled on demand (the CPU read a guest selector for us). */
    if (v == VEC_PF && current != NULL && !current->is_idle && pv_mmu_fixup_fault(current, regs, cr2)) {
        /* Entry took the guest's settings back: they are loaded again on the way out. */
        if (regs->rip == (uintptr_t)iret_to_guest)
            regs->rip = (uintptr_t)iret_again;
        return;
    }
    if (regs->rip == (uintptr_t)iret_to_guest)
        this_cpu(iret_fault) = (struct iret_fault){ .vector = v, .error_code = regs->error_code, .cr2 = cr2 };
    if (extable_fixup(regs))
        return;
    trap_dump(regs);
    panic("FATAL TRAP: vector = %u (%s)\n[error_code=%04x] faulting address %016lx\n", v,
          v < array_size(exception_names) ? exception_names[v] : "?", regs->error_code, cr2);
}

void trap_entry(struct trap_frame *regs)
{
    const unsigned int v = regs->vector;

    if (v >= VECTOR_FIRST_DYNAMIC && !(v == VECTOR_SYSCALL_INT80 && frame_from_guest(regs))) {
        irq_interrupt(regs);
        return;
    }
    /* CR2 is this fault's only until interrupts are on. */
    const uint64_t cr2 = v == VEC_PF ? read_cr2() : 0;

    if (!frame_from_guest(regs)) {
        hypervisor_exception(regs, cr2);
        return;
    }
    if (v == VEC_NMI) {
        trap_nmi(regs);
        return;
    }
    irq_enable();
    pv_exception(regs, cr2);
}

static noinline void do_exit_work(void)
{
    for (;;) {
        if (unlikely(softirq_pending())) {
            irq_enable();
            softirq_run();
            irq_disable();
            continue;
        }
        pv_deliver_pending(current);
        if (likely(!softirq_pending()))
            return;
    }
}

void guest_exit_work(void)
{
    if (unlikely(softirq_pending()) || unlikely(pv_has_pending(current)))
        do_exit_work();
}

/* ABI: the exception is the guest's, as if it had happened where it wanted to go. */
void trap_iret_failed(struct trap_frame *regs)
{
    const struct iret_fault why = this_cpu(iret_fault);

    regs->vector = why.vector;
    regs->error_code = why.error_code;
    irq_enable();
    pv_exception(regs, why.cr2);
}

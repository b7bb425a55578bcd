/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug keys that look at CPUs, or bring one down to see what a crash report tells. */
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/platform.h>
#include <arch/pv.h>
#include <arch/trap.h>
#include <hv/console.h>
#include <hv/log.h>
#include <hv/percpu.h>
#include <hv/smp.h>
#include "../irq/apic_regs.h"

static void dump_here(void *arg)
{
    log_err("*** Dumping CPU%u host state: ***\n", this_cpu_id());
    arch_dump_stack();
    if (current->is_idle)
        return;
    log_err("*** Dumping CPU%u guest state (d%uv%u): ***\n", this_cpu_id(), current->domain->id, current->id);
    arch_vcpu_dump(current);
}

/* One after the other, so that their lines do not mix. */
static void dump_cpus(unsigned char key)
{
    unsigned int cpu;

    log_err("'%c' pressed -> dumping registers\n", key);
    for_each_online_cpu(cpu) {
        const cpumask_t one = cpumask_of(cpu);

        smp_call(&one, dump_here, NULL, true);
    }
}

static void crash(unsigned char key)
{
    panic("'%c' pressed -> crashing the hypervisor\n", key);
}

static void trap_here(unsigned char key)
{
    log_err("'%c' pressed -> trapping into debugger\n", key);
    __asm__ volatile("int3\n\t.globl trap_key_breakpoint\ntrap_key_breakpoint:");
}

static void send_nmi(unsigned char key)
{
    log_err("'%c' pressed -> triggering an NMI on CPU%u\n", key, this_cpu_id());
    apic_send_ipi(cpu_topology[this_cpu_id()].apic_id, APIC_MODE_NMI | APIC_ICR_ASSERT);
}

void trap_keys_init(void)
{
    debug_key_register('d', dump_cpus, "dump registers");
    debug_key_register('C', crash, "crash the hypervisor");
    debug_key_register('N', send_nmi, "trigger an NMI");
    debug_key_register('%', trap_here, "trap to a debugger");
}

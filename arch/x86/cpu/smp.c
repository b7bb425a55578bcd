/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start of the other CPUs (SDM3 8.4.4.1), one at a time: the boot CPU prepares everything that
 * needs memory, sends INIT and STARTUP, and waits for a sign of life. Numbers are given in the
 * order of the MADT, the boot CPU being 0.
 *
 * Boot CPU only, no lock; the started CPU speaks through atomic words.
 */
#include "../irq/apic_regs.h"

#include <arch/cpu.h>
#include <arch/cpu_window.h>
#include <arch/page.h>
#include <arch/platform.h>
#include <hv/boot_info.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include <hv/sched.h>
#include <hv/time.h>

#define LOW_MEMORY_END  0xa0000u
#define SECOND_STARTUP_NS (10 * NS_PER_MS)
#define GIVE_UP_NS        (5 * NS_PER_S)

static unsigned int max_cpus = MAX_CPUS;
static bool no_smp;
BOOT_PARAM_UINT(maxcpus, "maxcpus", max_cpus);
BOOT_PARAM_BOOL(nosmp, "nosmp", no_smp);

/* Layout known to boot/trampoline.S. */
struct trampoline_args {
    uint64_t stack, entry, cr3;
    uint32_t low_cr3, efer;
};

extern const char trampoline_start[], trampoline_args[], trampoline_end[], smp_ap_start[];

static maddr_t trampoline_page;
static unsigned int arrived_cpu;     /* last CPU that runs C code (atomic) */

unsigned int cpu_nr_present(void)
{
    return acpi_info.nr_cpus ? acpi_info.nr_cpus : 1;
}

/* ---- the page that CPUs start in ---- */

static bool is_module_byte(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        if (boot_info.module[i].start.v < end && boot_info.module[i].start.v + boot_info.module[i].size_bytes > start)
            return true;
    return false;
}

/* The highest page of a range that lies in low memory, 0 if there is none. */
static uint64_t highest_page(const struct memory_range *m)
{
    uint64_t end = min(m->start + m->size, (uint64_t)LOW_MEMORY_END) & PAGE_MASK;

    /* The first pages hold the real-mode interrupt vectors and BIOS data. */
    for (; end >= 0x8000 + PAGE_SIZE && end - PAGE_SIZE >= m->start; end -= PAGE_SIZE)
        if (!is_module_byte(end - PAGE_SIZE, end))
            return end - PAGE_SIZE;
    return 0;
}

maddr_t smp_trampoline_reserve(void)
{
    uint64_t best = 0;

    for (unsigned int i = 0; i < boot_info.nr_memory; i++)
        if (boot_info.memory[i].kind == MEMORY_RAM)
            best = max(best, highest_page(&boot_info.memory[i]));
    trampoline_page = MADDR(best);
    return trampoline_page;
}

/* ---- page tables for the way up ---- */

/* L4, L3, L2: the first 2 MiB at their own addresses, and the hypervisor's slots. */
struct low_tables { pte_t *l4, *l3, *l2; };

static void low_tables_free(struct low_tables *t)
{
    if (t->l4)
        pages_free(t->l4, 0);
    if (t->l3)
        pages_free(t->l3, 0);
    if (t->l2)
        pages_free(t->l2, 0);
}

static int low_tables_make(struct low_tables *t)
{
    t->l4 = pages_alloc(0, ALLOC_ZERO | ALLOC_BITS(32));
    t->l3 = pages_alloc(0, ALLOC_ZERO | ALLOC_BITS(32));
    t->l2 = pages_alloc(0, ALLOC_ZERO | ALLOC_BITS(32));
    if (!t->l4 || !t->l3 || !t->l2) {
        low_tables_free(t);
        return ERR(ENOMEM);
    }
    hv_install_slots(t->l4);
    t->l4[0] = pte_make(va_mfn(t->l3), PTE_P | PTE_RW | PTE_A);
    t->l3[0] = pte_make(va_mfn(t->l2), PTE_P | PTE_RW | PTE_A);
    t->l2[0] = pte_make(MFN(0), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PS);
    return 0;
}

static struct trampoline_args *install_trampoline(const struct low_tables *t)
{
    char *page = maddr_va(trampoline_page);
    struct trampoline_args *args = (void *)(page + (trampoline_args - trampoline_start));

    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    args->entry = (uintptr_t)smp_ap_start;
    args->cr3 = read_cr3() & PTE_ADDR;
    args->low_cr3 = (uint32_t)va_maddr(t->l4).v;
    args->efer = (uint32_t)(EFER_LME | (rdmsr(MSR_EFER) & EFER_NXE));
    return args;
}

/* ---- one CPU ---- */

static int prepare_cpu(unsigned int cpu)
{
    int ret = percpu_alloc(cpu);

    if (ret == 0)
        ret = cpu_window_init(cpu);
    if (ret)
        return ret;
    sched_init_cpu(cpu);
    return 0;
}

static struct cpu_info *cpu_info_of(unsigned int cpu)
{
    uint64_t top = cpu_window(cpu) + CPU_WINDOW_STACK + STACK_BYTES;

    return (struct cpu_info *)(uintptr_t)(top - sizeof(struct cpu_info));
}

static bool wait_for(unsigned int cpu, uint64_t limit_ns)
{
    uint64_t until = now_ns() + limit_ns;

    while (__atomic_load_n(&arrived_cpu, __ATOMIC_ACQUIRE) != cpu) {
        if (now_ns() > until)
            return false;
        cpu_relax();
    }
    return true;
}

/* The second STARTUP is for a CPU that missed the first; one that runs ignores it. */
static bool wake(unsigned int cpu)
{
    uint32_t id = cpu_topology[cpu].apic_id;
    uint32_t startup = APIC_MODE_STARTUP | APIC_ICR_ASSERT | (uint32_t)(trampoline_page.v >> PAGE_SHIFT);

    apic_send_ipi(id, APIC_MODE_INIT | APIC_ICR_ASSERT);
    apic_send_ipi(id, startup);
    if (wait_for(cpu, SECOND_STARTUP_NS))
        return true;
    apic_send_ipi(id, startup);
    return wait_for(cpu, GIVE_UP_NS);
}

static bool start_cpu(unsigned int cpu, struct trampoline_args *args)
{
    if (prepare_cpu(cpu)) {
        log_err("CPU%u: no memory for it, not started\n", cpu);
        return false;
    }
    struct cpu_info *info = cpu_info_of(cpu);
    info->current_vcpu = sched_idle_vcpu(cpu);
    args->stack = (uintptr_t)info;
    if (wake(cpu))
        return true;
    log_err("CPU%u (APIC id %u) does not start\n", cpu, cpu_topology[cpu].apic_id);
    /* Should it come after all, it must not meet the next CPU's stack. */
    apic_send_ipi(cpu_topology[cpu].apic_id, APIC_MODE_INIT | APIC_ICR_ASSERT);
    return false;
}

/* ---- all of them ---- */

/* Numbers the CPUs that are to be started; 1 + the highest number. */
static unsigned int number_cpus(void)
{
    unsigned int cpu = 1;

    for (unsigned int i = 0; i < acpi_info.nr_cpus && cpu < MAX_CPUS && cpu < max_cpus; i++) {
        uint32_t id = acpi_info.cpu[i].apic_id;

        if (id == cpu_topology[0].apic_id)
            continue;
        if (id >= APIC_BROADCAST_XAPIC && !apic_in_x2apic_mode())
            log_warn("APIC id %u ignored: it needs x2APIC mode\n", id);
        else
            cpu_topology[cpu++].apic_id = id;
    }
    return cpu;
}

static void start_others(unsigned int nr)
{
    struct low_tables tables;

    if (trampoline_page.v == 0 || low_tables_make(&tables)) {
        log_err("No memory below 640 KiB to start the other CPUs in\n");
        return;
    }
    struct trampoline_args *args = install_trampoline(&tables);
    nr_cpu_ids = nr;
    for (unsigned int cpu = 1; cpu < nr; cpu++)
        start_cpu(cpu, args);
    low_tables_free(&tables);
}

void smp_boot_all(void)
{
    unsigned int nr = no_smp || max_cpus <= 1 ? 1 : number_cpus();

    cpu_topology_detect();
    if (nr > 1)
        start_others(nr);
    log_info("Brought up %u CPUs\n", cpumask_weight(&cpu_online_mask));
}

/* A started CPU, on its own stack, interrupts off. */
void smp_ap_entry(void)
{
    unsigned int cpu = this_cpu_id();

    cpu_init_this();
    apic_init_cpu();
    cpu_topology_detect();
    arch_time_init_cpu();
    /* Order: whoever sees the CPU in the mask may send it interrupts and find its data complete. */
    cpumask_atomic_set(&cpu_online_mask, cpu);
    __atomic_store_n(&arrived_cpu, cpu, __ATOMIC_RELEASE);
    cpu_enter_idle();
}

/* ---- stopping ---- */

static void stop_interrupt(void)
{
    cpumask_atomic_clear(&cpu_online_mask, this_cpu_id());
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* A CPU that has its interrupts off does not hear this; it is not waited for long. */
void smp_stop_others(void)
{
    unsigned int cpu, self = this_cpu_id();
    cpumask_t only_me = cpumask_of(self);

    apic_set_vector_handler(VECTOR_STOP, stop_interrupt);
    for_each_online_cpu(cpu)
        if (cpu != self)
            apic_send_ipi(cpu_topology[cpu].apic_id, APIC_MODE_FIXED | APIC_ICR_ASSERT | VECTOR_STOP);
    for (unsigned int i = 0; i < 1000000 && memcmp(&cpu_online_mask, &only_me, sizeof(only_me)) != 0; i++)
        cpu_relax();
}

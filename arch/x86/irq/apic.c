/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC (SDM3 chapter 10, APM2 chapter 16): access in both forms, set-up of each CPU's,
 * its timer, and inter-processor interrupts. Each CPU touches its own; no lock.
 *
 * x2APIC mode is used where firmware left it on, where an APIC id needs more than 8 bits, or with
 * x2apic on the command line: without interrupt remapping it gains a PV host nothing else.
 */
#include "apic_regs.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/percpu.h>

static bool want_x2apic;
BOOT_PARAM_BOOL(x2apic, "x2apic", want_x2apic);

static bool apic_is_x2apic;
static volatile uint8_t *apic_window;

uint32_t apic_read(unsigned int reg)
{
    if (apic_is_x2apic)
        return (uint32_t)rdmsr(MSR_X2APIC(reg));
    return *(volatile uint32_t *)(apic_window + reg);
}

void apic_write(unsigned int reg, uint32_t value)
{
    if (apic_is_x2apic)
        wrmsr(MSR_X2APIC(reg), value);
    else
        *(volatile uint32_t *)(apic_window + reg) = value;
}

void apic_eoi(void)
{
    apic_write(APIC_REG_EOI, 0);
}

uint32_t apic_id(void)
{
    uint32_t id = apic_read(APIC_REG_ID);

    return apic_is_x2apic ? id : id >> 24;
}

bool apic_in_x2apic_mode(void)
{
    return apic_is_x2apic;
}

bool apic_can_target(unsigned int cpu)
{
    return cpu_topology[cpu].apic_id < APIC_BROADCAST_XAPIC;
}

/* ---- inter-processor interrupts ---- */

static void wait_icr_idle(void)
{
    /* Bounded: an APIC that never gets rid of its message is broken, and the next write overwrites it. */
    for (unsigned int i = 0; i < 1000000 && (apic_read(APIC_REG_ICR_LOW) & APIC_ICR_BUSY); i++)
        cpu_relax();
}

void apic_send_ipi(uint32_t id, uint32_t icr_low)
{
    if (apic_is_x2apic) {
        /* Order: an x2APIC write does not wait for earlier stores (SDM3 10.12.3). */
        __asm__ volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC(APIC_REG_ICR_LOW), ((uint64_t)id << 32) | icr_low);
        return;
    }
    uint64_t flags = irq_save();
    wait_icr_idle();
    apic_write(APIC_REG_ICR_HIGH, id << 24);
    apic_write(APIC_REG_ICR_LOW, icr_low);
    irq_restore(flags);
}

/* ---- timer ---- */

bool apic_timer_is_deadline(void)
{
    return cpu_features.tsc_deadline;
}

void apic_timer_arm(uint64_t value)
{
    if (apic_timer_is_deadline())
        wrmsr(MSR_TSC_DEADLINE, value);
    else
        apic_write(APIC_REG_TIMER_INITIAL, (uint32_t)min(value, (uint64_t)0xffffffff));
}

static void timer_set_up(void)
{
    uint32_t mode = apic_timer_is_deadline() ? APIC_TIMER_DEADLINE : APIC_TIMER_ONE_SHOT;

    apic_write(APIC_REG_TIMER_DIVIDE, APIC_TIMER_DIVIDE_BY_1);
    apic_write(APIC_REG_TIMER_LVT, mode | VECTOR_TIMER);
    /* Order: in memory-mapped form the mode must be in effect before the MSR is written (SDM3 10.5.4.1). */
    __asm__ volatile("mfence" ::: "memory");
    apic_timer_arm(0);
}

/* ---- set-up of a CPU ---- */

static void enable_apic(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    wrmsr(MSR_APIC_BASE, base);
    /* The step from off to x2APIC at once is not legal (SDM3 10.12.5). */
    if (apic_is_x2apic)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

/* Interrupts that were in service when firmware handed over would block all lower ones for ever. */
static void drain_in_service(void)
{
    for (unsigned int i = 0; i < 256; i++) {
        uint32_t any = 0;

        for (unsigned int word = 0; word < 8; word++)
            any |= apic_read(APIC_REG_ISR + 16 * word);
        if (!any)
            return;
        apic_eoi();
    }
}

static void lvt_set_up(void)
{
    unsigned int last_lvt = (apic_read(APIC_REG_VERSION) >> 16) & 0xff;
    bool is_boot_cpu = this_cpu_id() == 0;

    /* LINT0 is the PICs', which are off; LINT1 carries the chipset's NMI to the boot CPU. */
    apic_write(APIC_REG_LVT_LINT0, APIC_LVT_MASKED | APIC_MODE_EXTINT);
    apic_write(APIC_REG_LVT_LINT1, APIC_MODE_NMI | (is_boot_cpu ? 0 : APIC_LVT_MASKED));
    if (last_lvt >= 3)
        apic_write(APIC_REG_LVT_ERROR, VECTOR_ERROR);
    if (last_lvt >= 4)
        apic_write(APIC_REG_LVT_PERF, APIC_LVT_MASKED);
    if (last_lvt >= 5)
        apic_write(APIC_REG_LVT_THERMAL, APIC_LVT_MASKED);
    if (last_lvt >= 6)
        apic_write(APIC_REG_LVT_CMCI, APIC_LVT_MASKED);
}

void apic_init_cpu(void)
{
    enable_apic();
    apic_write(APIC_REG_TPR, 0);
    apic_write(APIC_REG_SPURIOUS, APIC_SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    lvt_set_up();
    drain_in_service();
    apic_write(APIC_REG_ESR, 0);
    timer_set_up();
}

/* ---- boot CPU ---- */

static bool some_id_is_wide(void)
{
    for (unsigned int i = 0; i < acpi_info.nr_cpus; i++)
        if (acpi_info.cpu[i].apic_id >= APIC_BROADCAST_XAPIC)
            return true;
    return false;
}

static void choose_mode(void)
{
    bool firmware_on = (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC) != 0;

    apic_is_x2apic = cpu_features.x2apic && (firmware_on || want_x2apic || some_id_is_wide());
    if (want_x2apic && !cpu_features.x2apic)
        log_warn("x2APIC mode asked for, but the CPU has none\n");
    if (!apic_is_x2apic) {
        apic_window = vmap_io(MADDR(rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS), PAGE_SIZE, MAP_UC);
        if (!apic_window)
            panic("No address space for the local APIC\n");
    }
}

/* Both PICs off; a spurious interrupt of theirs shows as VECTOR_PIC + 7. ICW1..4: 8259A data sheet. */
static void pic_disable(void)
{
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, VECTOR_PIC);
    outb(0xa1, VECTOR_PIC);
    outb(0x21, 1u << 2);
    outb(0xa1, 2);
    outb(0x21, 1);
    outb(0xa1, 1);
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

static void log_error_interrupt(void)
{
    static unsigned int reported;

    apic_write(APIC_REG_ESR, 0);
    uint32_t status = apic_read(APIC_REG_ESR);
    if (reported < 16) {
        reported++;
        log_warn("CPU%u: local APIC error 0x%x\n", this_cpu_id(), status);
    }
}

void apic_init(void)
{
    choose_mode();
    pic_disable();
    apic_set_vector_handler(VECTOR_ERROR, log_error_interrupt);
    apic_init_cpu();
    cpu_topology[0].apic_id = apic_id();
    log_info("Local APIC: %s mode, boot CPU has id %u, version 0x%x\n", apic_is_x2apic ? "x2APIC" : "xAPIC",
             apic_id(), apic_read(APIC_REG_VERSION) & 0xff);
    ioapic_init();
    irq_desc_init();
    ioapic_connect();
}

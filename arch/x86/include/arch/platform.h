/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine around the CPU: ACPI, interrupt controllers, start of the other CPUs, clocks, PCI. */
#ifndef ARCH_PLATFORM_H
#define ARCH_PLATFORM_H

#include <hv/cpumask.h>
#include <arch/regs.h>

/* ---- hv/acpi: tables found and parsed at boot (MADT, FADT, HPET, MCFG) ---- */
struct acpi_info {
    maddr_t rsdp;
    unsigned int nr_cpus;                       /* usable (enabled, or online capable: counted in nr_disabled) */
    unsigned int nr_disabled_cpus;
    struct { uint32_t apic_id, acpi_id; } cpu[MAX_CPUS];
    unsigned int nr_ioapics;
    struct { uint8_t id; uint32_t address, gsi_base; } ioapic[16];
    unsigned int nr_overrides;
    struct { uint8_t isa_irq; uint32_t gsi; bool active_low, level; } override[16];
    uint64_t lapic_address;
    uint64_t hpet_address;                      /* 0: none */
    uint16_t pm_timer_port;                     /* 0: none */
    bool pm_timer_32bit;
    unsigned int nr_mcfg;
    struct { uint64_t base; uint16_t segment; uint8_t first_bus, last_bus; } mcfg[8];
    /* sleep and reset registers from FADT/FACS: 0 if absent */
    uint16_t pm1a_control, pm1b_control, pm1a_event, pm1b_event, pm1_event_length;
    uint64_t facs_address;
    struct { uint8_t space; uint64_t address; uint8_t value; bool usable; } reset;
    bool has_8042, has_vga, has_cmos_rtc;       /* FADT boot flags; true where the FADT is too old to say */
};
extern struct acpi_info acpi_info;
void acpi_init(void);
/* Maps a whole table by signature (n-th), checks its sum. NULL if none. Boot only. */
const void *acpi_find_table(const char signature[4], unsigned int n);

/* ---- irq/ ---- */
void apic_init(void);              /* boot CPU: local APIC (x2APIC if on), I/O APICs, PICs masked; irq descriptors */
void apic_init_cpu(void);          /* each further CPU */
void apic_eoi(void);
uint32_t apic_id(void);
void apic_send_ipi(uint32_t apic_id, uint32_t icr_low);
bool apic_in_x2apic_mode(void);
/* Local APIC registers by their offset in the memory-mapped form (SDM3 table 10-1); valid after apic_init. */
uint32_t apic_read(unsigned int reg);
void apic_write(unsigned int reg, uint32_t value);
#define APIC_REG_TIMER_LVT     0x320u
#define APIC_REG_TIMER_INITIAL 0x380u
#define APIC_REG_TIMER_CURRENT 0x390u
#define APIC_REG_TIMER_DIVIDE  0x3e0u
/*
 * Local APIC timer, for time/ only. After apic_init (apic_init_cpu) the timer stands in one-shot
 * mode, divided by 1, on VECTOR_TIMER; in TSC-deadline mode if apic_timer_is_deadline().
 * arm: a TSC value in that mode, else a count of the timer's clock; 0 stops it.
 */
bool apic_timer_is_deadline(void);
void apic_timer_arm(uint64_t tsc_deadline_or_count);
/* Who is called, interrupts disabled and the interrupt already acknowledged, for a fixed vector (VECTOR_TIMER: time/). */
void apic_set_vector_handler(unsigned int vector, void (*fn)(void));
/* Entry code: vector 0x20..0xff arrived. Interrupts disabled. */
void irq_interrupt(struct trap_frame *regs);
/* Fixed vectors of ours, highest priority class. */
enum { VECTOR_FIRST_DYNAMIC = 0x20, VECTOR_SYSCALL_INT80 = 0x80, VECTOR_HYPERCALL_INT82 = 0x82, VECTOR_LAST_DYNAMIC = 0xef,
       VECTOR_PIC = 0xf0 /* what a PIC's spurious interrupt looks like: 0xf0..0xf7 */, VECTOR_STOP = 0xf8,
       VECTOR_CALL = 0xfb, VECTOR_KICK = 0xfc, VECTOR_TIMER = 0xf9, VECTOR_ERROR = 0xfe, VECTOR_SPURIOUS = 0xff };

/* ---- cpu/ ---- */
void cpu_features_init(void);      /* boot CPU, early */
void cpu_init_this(void);          /* control registers, PAT, SYSCALL MSRs, TSS, IDT of this CPU */
void smp_boot_all(void);           /* starts every CPU that maxcpus= allows */
void smp_ap_entry(void) noreturn;  /* C entry of a started CPU, on its own stack (boot/trampoline.S) */
/*
 * Picks the page below 640 KiB that other CPUs start in, from boot_info.memory. Called once, before
 * low memory is given to the allocator, which must leave that page out. MADDR(0): there is none.
 */
maddr_t smp_trampoline_reserve(void);
/* This CPU fills its row of cpu_topology[]; its APIC id is there already. */
void cpu_topology_detect(void);
/* Halts every other CPU for good (panic, reset, power-off). Any context; bounded time. */
void smp_stop_others(void);

/* ---- platform/ ---- */
void serial_init_early(void);
void serial_init_interrupts(void); /* once irq_request() and timers work */
/* Is this one of the ports or interrupts of the UARTs that the hypervisor uses (com1=, com2=, console=)? dom0 must not have them. */
bool serial_owns_port(uint16_t port);
bool serial_owns_irq(unsigned int irq);
void vga_init(void);
void vga_hand_over(void);          /* dom0 drives the screen from now on, unless vga=keep; console lock held */
/* UEFI, if the loader told of it: dom0 may ask for its tables and services. After the allocator works. */
void efi_init(void);
bool efi_is_there(void);
union xenpf_efi_info;
/* XEN_FW_EFI_INFO (xen/platform.h). 0; -ENOSYS: not started by UEFI; else what the item's absence means. */
long efi_tell(uint32_t index, union xenpf_efi_info *info);
/* On Xen as a PVH guest; each does nothing, or answers 0 or false, elsewhere. */
uint64_t xen_guest_tsc_hz(void);
bool xen_guest_calendar(uint64_t *unix_seconds);
void xen_guest_console_init(void);
void xen_guest_console_input(void);
void xen_guest_shutdown(bool restart);
void pci_init(void);
void reset_init(void);             /* makes the ACPI reset register reachable; before the first machine_restart that uses it */
uint32_t pci_config_read(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes);
void pci_config_write(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes, uint32_t value);
/* The same on behalf of the hardware domain: what belongs to us (MSI and MSI-X capabilities in use) is kept. */
void pci_config_write_guest(uint16_t segment, uint8_t bus, uint8_t devfn, uint16_t reg, unsigned int bytes, uint32_t value);
/* Machine pages that no guest may map writable (MSI-X tables in use): the mapping is made read-only, writes are dropped. */
bool pci_mmio_is_read_only(mfn_t mfn);
/*
 * Enters sleep state S1..S5 with the PM1 control values that dom0's ACPI found. S5 does not return.
 * -EINVAL: no such state; -EPERM: no PM1 control register; -ENOSYS: S1..S4.
 */
int acpi_enter_sleep(uint16_t pm1a_value, uint16_t pm1b_value, uint32_t sleep_state) must_check;

/* trap/ */
void trap_init(void);              /* IDT; boot CPU */
/* Prints registers and a symbolised stack of the hypervisor. */
void trap_dump(const struct trap_frame *regs);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Restart, halt and power-off of the machine. Works in a panic too: no locks, no allocation, every
 * wait bounded. A restart tries the chosen method (reboot=) first, then all others.
 */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/time.h>

#define PORT_KBD_COMMAND   0x64u
#define KBD_INPUT_FULL     0x02u
#define KBD_PULSE_RESET    0xfeu
#define PORT_RESET_CONTROL 0xcf9u /* chipsets' reset control register: bit 1 kind, bit 2 do it, bit 3 power cycle */
#define PORT_DELAY         0x80u

enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_PCI = 2 }; /* ACPI 6.4 5.2.3.2 */

static char method = 'a';
static bool is_warm;
static volatile uint8_t *reset_register; /* if it lies in memory */

static bool set_option(char c)
{
    switch (c) {
    case 'a': case 'k': case 'p': case 'P': case 't': case 'n':
        method = c;
        return true;
    case 'w': case 'c':
        is_warm = c == 'w';
        return true;
    default:
        return false;
    }
}

/* reboot= acpi kbd pci Power triple no [, warm cold]: the first letter of each word counts. */
static int parse_reboot(const char *s)
{
    while (*s) {
        if (!set_option(*s))
            return ERR(EINVAL);
        while (*s && *s != ',')
            s++;
        if (*s == ',')
            s++;
    }
    return 0;
}
BOOT_PARAM_CUSTOM(reboot, "reboot", parse_reboot);

/* The TSC once it is calibrated; before, an ISA access takes about a microsecond. */
static void wait_us(uint64_t us)
{
    uint64_t khz = arch_tsc_khz();

    if (khz) {
        for (uint64_t start = rdtsc(); rdtsc() - start < us * khz / 1000;)
            cpu_relax();
        return;
    }
    while (us--)
        inb(PORT_DELAY);
}

void reset_init(void)
{
    if (acpi_info.reset.usable && acpi_info.reset.space == SPACE_MEMORY)
        reset_register = vmap_io(MADDR(acpi_info.reset.address), 1, MAP_UC);
}

/* PCI: bus 0; device in bits 32..47, function 16..31, register 0..15 of the address. */
static void reset_by_pci_register(void)
{
    uint64_t a = acpi_info.reset.address;
    uint8_t devfn = (uint8_t)(((a >> 32) & 0x1f) << 3 | ((a >> 16) & 7));

    pci_config_write(0, 0, devfn, (uint16_t)a, 1, acpi_info.reset.value);
}

static void reset_by_acpi(void)
{
    if (!acpi_info.reset.usable)
        return;
    if (acpi_info.reset.space == SPACE_IO)
        outb((uint16_t)acpi_info.reset.address, acpi_info.reset.value);
    else if (acpi_info.reset.space == SPACE_PCI)
        reset_by_pci_register();
    else if (reset_register)
        *reset_register = acpi_info.reset.value;
    wait_us(10000);
}

static void reset_by_keyboard(void)
{
    for (unsigned int try = 0; try < 10; try++) {
        for (unsigned int i = 0; i < 0x10000 && (inb(PORT_KBD_COMMAND) & KBD_INPUT_FULL); i++)
            wait_us(2);
        outb(PORT_KBD_COMMAND, KBD_PULSE_RESET);
        wait_us(1000);
    }
}

static void reset_by_chipset(uint8_t kind)
{
    outb(PORT_RESET_CONTROL, kind);
    wait_us(50);
    outb(PORT_RESET_CONTROL, kind | 4);
    wait_us(10000);
}

static void reset_by_triple_fault(void)
{
    static const struct { uint16_t limit; uint64_t base; } packed no_idt = { 0, 0 };

    __asm__ volatile("lidt %0; int3" :: "m"(no_idt));
}

static void reset_by(char how)
{
    switch (how) {
    case 'a': reset_by_acpi(); break;
    case 'k': reset_by_keyboard(); break;
    case 'p': reset_by_chipset(0x02); break;
    case 'P': reset_by_chipset(0x0a); break;
    case 't': reset_by_triple_fault(); break;
    default: break;
    }
}

/* The last characters are still in the UART's buffer when the log call returns. */
#define LOG_DRAIN_MS 5u

static void wait_ms(unsigned int ms)
{
    for (unsigned int i = 0; i < ms; i++)
        wait_us(1000);
}

void machine_restart(unsigned int delay_ms)
{
    irq_disable();
    wait_ms(max(delay_ms, LOG_DRAIN_MS));
    if (method == 'n')
        machine_halt();
    smp_stop_others();
    xen_guest_shutdown(true);
    /* The BIOS data area's word that chooses between a warm and a cold start. */
    write_once(*(uint16_t *)maddr_va(MADDR(0x472)), is_warm ? 0x1234 : 0);
    reset_by(method);
    for (const char *next = "akpt"; *next; next++)
        reset_by(*next);
    machine_halt();
}

void machine_halt(void)
{
    irq_disable();
    smp_stop_others();
    xen_guest_shutdown(false);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* ---- sleep (ACPI 6.4 4.8.3.2) ---- */

#define PM1_SLEEP_ENABLE (1u << 13)

/* The type first and the enable bit in a second write, as the specification's sequence has it. */
static void write_pm1(uint16_t a, uint16_t b)
{
    outw(acpi_info.pm1a_control, a);
    if (acpi_info.pm1b_control)
        outw(acpi_info.pm1b_control, b);
}

static void power_off(uint16_t a, uint16_t b) noreturn;
static void power_off(uint16_t a, uint16_t b)
{
    log_info("Entering ACPI S5 state\n");
    console_force_sync();
    irq_disable();
    wait_ms(LOG_DRAIN_MS);
    smp_stop_others();
    write_pm1((uint16_t)(a & ~PM1_SLEEP_ENABLE), (uint16_t)(b & ~PM1_SLEEP_ENABLE));
    write_pm1((uint16_t)(a | PM1_SLEEP_ENABLE), (uint16_t)(b | PM1_SLEEP_ENABLE));
    wait_us(1000000);
    log_err("The machine did not switch off\n");
    machine_halt();
}

int acpi_enter_sleep(uint16_t pm1a_value, uint16_t pm1b_value, uint32_t sleep_state)
{
    if (sleep_state == 0 || sleep_state > 5)
        return ERR(EINVAL);
    if (acpi_info.pm1a_control == 0)
        return ERR(EPERM);
    if (sleep_state != 5)
        return ERR(ENOSYS);
    power_off(pm1a_value, pm1b_value);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550 UARTs as consoles "com1" and "com2". A UART is ours if com1=/com2= configures
 * it, or console= names it: then with the speed that the firmware left. Output goes to a buffer, and from there to the chip as long as it takes more: one look
 * at the line status per FIFO load. What a slow chip leaves behind, a timer writes later;
 * a full buffer is waited for. Input comes by interrupt, and by a slow poll in case that
 * no interrupt arrives. Output state is guarded by the console lock, under which nothing
 * may be locked: the timer runs all the time, faster while there is output to write.
 *
 * Registers: PC16550D data sheet (TI SNLS378), table 2.
 */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>
#include <hv/time.h>

enum { REG_RBR_THR_DLL, REG_IER_DLM, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RX_DATA     (1u << 0)
#define FCR_ENABLE      (1u << 0)
#define FCR_CLEAR_BOTH  (3u << 1)
#define FCR_TRIGGER_14  (3u << 6)
#define IIR_FIFO_ON     (3u << 6)
#define LCR_DLAB        (1u << 7)
#define MCR_DTR         (1u << 0)
#define MCR_RTS         (1u << 1)
#define MCR_OUT2        (1u << 3)   /* PC wiring: lets the interrupt out */
#define LSR_DATA_READY  (1u << 0)
#define LSR_THR_EMPTY   (1u << 5)

#define UART_CLOCK_HZ   1843200u
#define TX_SIZE         16384u      /* power of two */
#define TX_POLL_NS      NS_PER_MS
#define RX_POLL_NS      (100 * NS_PER_MS)
#define RX_BURST        64u         /* characters taken at once at most: a stuck chip ends */
#define MAX_POLLS       1000000u    /* a chip that never empties is given up */

struct uart {
    struct console_sink sink;
    char config[64];            /* com1= */
    uint16_t port;
    unsigned int irq;
    unsigned int baud;          /* 0: as the firmware left it */
    unsigned int clock_hz;
    uint8_t line_control;       /* LCR: data bits, parity, stop bits */
    unsigned int fifo_bytes;
    bool present, broken;
    bool buffered;              /* the timer runs: output may stay behind */
    bool after_return;          /* the last character was \r */
    bool receiving;             /* somebody takes input (atomic) */
    uint32_t tx_produced, tx_sent;
    char tx[TX_SIZE];
    struct timer timer;
};

static void com1_write(const char *s, size_t n);
static void com2_write(const char *s, size_t n);
static void com1_drain(void);
static void com2_drain(void);

static struct uart uarts[2] = {
    { .sink = { .name = "com1", .write = com1_write, .drain = com1_drain }, .port = 0x3f8, .irq = 4 },
    { .sink = { .name = "com2", .write = com2_write, .drain = com2_drain }, .port = 0x2f8, .irq = 3 },
};
BOOT_PARAM_STRING(com1, "com1", uarts[0].config);
BOOT_PARAM_STRING(com2, "com2", uarts[1].config);

static bool sync_console;
BOOT_PARAM_BOOL(sync_console, "sync_console", sync_console);

static uint8_t read_reg(const struct uart *u, unsigned int reg) { return inb((uint16_t)(u->port + reg)); }
static void write_reg(const struct uart *u, unsigned int reg, unsigned int v) { outb((uint16_t)(u->port + reg), (uint8_t)v); }

/* ---- output ---- */

static bool thr_is_empty(const struct uart *u)
{
    return (read_reg(u, REG_LSR) & LSR_THR_EMPTY) != 0;
}

/* One FIFO load. */
static void send_load(struct uart *u)
{
    for (unsigned int i = 0; i < u->fifo_bytes && u->tx_sent != u->tx_produced; i++)
        write_reg(u, REG_RBR_THR_DLL, (uint8_t)u->tx[u->tx_sent++ % TX_SIZE]);
}

static void send_what_fits(struct uart *u)
{
    while (u->tx_sent != u->tx_produced && thr_is_empty(u))
        send_load(u);
}

/* Waits for the chip until it has taken another load. */
static void send_load_wait(struct uart *u)
{
    unsigned int polls = 0;

    while (!u->broken && !thr_is_empty(u)) {
        u->broken = ++polls > MAX_POLLS;
        cpu_relax();
    }
    send_load(u);
}

static void drain(struct uart *u)
{
    while (u->tx_sent != u->tx_produced && !u->broken)
        send_load_wait(u);
}

static void put(struct uart *u, char c)
{
    if (u->tx_produced - u->tx_sent == TX_SIZE)
        send_load_wait(u);
    u->tx[u->tx_produced++ % TX_SIZE] = c;
    u->after_return = c == '\r';
}

static void write_text(struct uart *u, const char *s, size_t n)
{
    for (; n; n--, s++) {
        if (*s == '\n' && !u->after_return)
            put(u, '\r');
        put(u, *s);
    }
    if (sync_console || !u->buffered)
        drain(u);
    else
        send_what_fits(u);
}

static void com1_write(const char *s, size_t n) { write_text(&uarts[0], s, n); }
static void com2_write(const char *s, size_t n) { write_text(&uarts[1], s, n); }
static void com1_drain(void) { drain(&uarts[0]); }
static void com2_drain(void) { drain(&uarts[1]); }

/* ---- input ---- */

/* A chip that has gone reads as ones. */
static bool has_input(const struct uart *u)
{
    uint8_t status = read_reg(u, REG_LSR);

    return (status & LSR_DATA_READY) && status != 0xff;
}

/* One at a time, or characters overtake each other. Who finds it taken leaves what there is to that one, or to the next poll. */
static void take_input(struct uart *u)
{
    if (__atomic_test_and_set(&u->receiving, __ATOMIC_ACQUIRE))
        return;
    for (unsigned int i = 0; i < RX_BURST && has_input(u); i++)
        console_input((char)read_reg(u, REG_RBR_THR_DLL));
    __atomic_clear(&u->receiving, __ATOMIC_RELEASE);
}

static void uart_interrupt(unsigned int irq, void *arg)
{
    take_input(arg);
}

static void timer_fired(void *arg)
{
    struct uart *u = arg;

    take_input(u);
    console_flush();
    timer_set(&u->timer, now_ns() + (read_once(u->tx_sent) != read_once(u->tx_produced) ? TX_POLL_NS : RX_POLL_NS));
}

static void start_interrupts(struct uart *u)
{
    timer_init(&u->timer, timer_fired, u, 0);
    if (u->irq && irq_request(u->irq, uart_interrupt, u, u->sink.name))
        log_warn("%s: no interrupt %u: input is polled\n", u->sink.name, u->irq);
    write_reg(u, REG_IER_DLM, IER_RX_DATA);
    write_once(u->buffered, true);
    timer_fired(u);
}

void serial_init_interrupts(void)
{
    for (unsigned int i = 0; i < array_size(uarts); i++)
        if (uarts[i].present)
            start_interrupts(&uarts[i]);
}

/* ---- configuration: BAUD|auto[/CLOCK][,DPS[,PORT[,IRQ]]] ---- */

static int parse_speed(struct uart *u, const char **s)
{
    if (!strncmp(*s, "auto", 4)) {
        *s += 4;
    } else {
        u->baud = (unsigned int)parse_u64(*s, s, 10);
        if (u->baud == 0)
            return ERR(EINVAL);
    }
    if (**s == '/')
        u->clock_hz = (unsigned int)parse_u64(*s + 1, s, 0) << 4;
    return 0;
}

/* Data bits, parity, stop bits: "8n1". LCR as in table 2 of the data sheet. */
static int parse_line(struct uart *u, const char **s)
{
    static const char parities[] = "noems"; /* none odd even mark space */
    static const uint8_t parity_bits[] = { 0, 0x08, 0x18, 0x28, 0x38 };
    const char *p = *s, *parity;

    if (*p < '5' || *p > '8')
        return ERR(EINVAL);
    u->line_control = (uint8_t)(*p++ - '5');
    parity = *p ? strchr(parities, *p++) : NULL;
    if (!parity || (*p != '1' && *p != '2'))
        return ERR(EINVAL);
    u->line_control |= (uint8_t)(parity_bits[parity - parities] | (*p++ == '2' ? 0x04 : 0));
    *s = p;
    return 0;
}

static int parse_port(struct uart *u, const char **s)
{
    uint64_t port = parse_u64(*s, s, 0);

    if (port == 0 || port > 0xfff8)
        return ERR(EINVAL);
    u->port = (uint16_t)port;
    return 0;
}

static int parse_irq(struct uart *u, const char **s)
{
    u->irq = (unsigned int)parse_u64(*s, s, 10);
    return 0;
}

static int parse_config(struct uart *u)
{
    static int (*const fields[])(struct uart *, const char **) = { parse_speed, parse_line, parse_port, parse_irq };
    const char *s = u->config;

    u->baud = 0;
    u->clock_hz = UART_CLOCK_HZ;
    u->line_control = 3; /* 8n1 */
    for (unsigned int i = 0; i < array_size(fields); i++) {
        if (*s != ',' && *s && fields[i](u, &s))
            return ERR(EINVAL);
        if (*s == '\0')
            return 0;
        if (*s++ != ',')
            return ERR(EINVAL);
    }
    return ERR(EINVAL);
}

/* ---- the chip ---- */

/* Nothing there reads as ones; the interrupt enable register keeps only its lower four bits. */
static bool detect(const struct uart *u)
{
    write_reg(u, REG_IER_DLM, 0);
    return read_reg(u, REG_IER_DLM) == 0 && read_reg(u, REG_LSR) != 0xff;
}

static void set_up(struct uart *u)
{
    unsigned int divisor = u->baud ? max(u->clock_hz / 16 / u->baud, 1u) : 0;

    write_reg(u, REG_LCR, u->line_control);
    if (divisor) {
        write_reg(u, REG_LCR, u->line_control | LCR_DLAB);
        write_reg(u, REG_RBR_THR_DLL, divisor & 0xff);
        write_reg(u, REG_IER_DLM, divisor >> 8);
        write_reg(u, REG_LCR, u->line_control);
    }
    write_reg(u, REG_IIR_FCR, FCR_ENABLE | FCR_CLEAR_BOTH | FCR_TRIGGER_14);
    u->fifo_bytes = (read_reg(u, REG_IIR_FCR) & IIR_FIFO_ON) == IIR_FIFO_ON ? 16 : 1;
    write_reg(u, REG_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

static void init_uart(struct uart *u)
{
    if (!*u->config && !console_is_chosen(u->sink.name))
        return;
    if (parse_config(u)) {
        log_warn("Bad value for boot option \"%s\": \"%s\"\n", u->sink.name, u->config);
        return;
    }
    write_reg(u, REG_LCR, u->line_control);
    u->present = detect(u);
    if (!u->present) {
        if (*u->config)
            log_warn("%s: no UART at port %#x\n", u->sink.name, u->port);
        return;
    }
    set_up(u);
    console_sink_register(&u->sink);
}

void serial_init_early(void)
{
    for (unsigned int i = 0; i < array_size(uarts); i++)
        init_uart(&uarts[i]);
}

bool serial_owns_port(uint16_t port)
{
    for (unsigned int i = 0; i < array_size(uarts); i++)
        if (uarts[i].present && port >= uarts[i].port && port < uarts[i].port + 8)
            return true;
    return false;
}

bool serial_owns_irq(unsigned int irq)
{
    for (unsigned int i = 0; i < array_size(uarts); i++)
        if (uarts[i].present && irq && uarts[i].irq == irq)
            return true;
    return false;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The UART driver against a simulated 16550. */
// sources: arch/x86/platform/serial.c hv/core/param.c hv/lib/parse.c
#include "host_support.h"
#include <arch/platform.h>
#include <hv/console.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/time.h>

static struct {
    uint16_t port;
    uint8_t ier, lcr, mcr, fcr;
    uint16_t divisor;
    bool has_fifo, slow, dead;
    char sent[40000];
    size_t nr_sent;
    unsigned int in_fifo, looks, overruns;
    const char *typed;
    void (*meanwhile)(void);    /* what another processor does after a character was taken */
} chip;

static uint32_t line_status(void)
{
    bool empty = !chip.dead && !(chip.slow && ++chip.looks % 7);

    if (empty)
        chip.in_fifo = 0;
    return (empty ? 0x60u : 0) | (*chip.typed ? 1u : 0);
}

static uint32_t received(void)
{
    const uint8_t c = (uint8_t)*chip.typed++;

    if (chip.meanwhile)
        chip.meanwhile();
    return c;
}

uint32_t host_test_in(uint16_t port, unsigned int bytes)
{
    switch (port - chip.port) {
    case 0: return received();
    case 1: return chip.ier & 0xf;
    case 2: return chip.has_fifo && (chip.fcr & 1) ? 0xc1 : 1;
    case 5: return line_status();
    default: return 0xff;
    }
}

static void transmit(char c)
{
    chip.overruns += ++chip.in_fifo > (chip.has_fifo ? 16 : 1);
    chip.sent[chip.nr_sent++] = c;
    chip.sent[chip.nr_sent] = '\0';
}

void host_test_out(uint16_t port, unsigned int bytes, uint32_t v)
{
    bool latch = chip.lcr & 0x80;

    switch (port - chip.port) {
    case 0:
        if (latch)
            chip.divisor = (uint16_t)((chip.divisor & 0xff00) | v);
        else
            transmit((char)v);
        break;
    case 1:
        if (latch)
            chip.divisor = (uint16_t)((chip.divisor & 0xff) | v << 8);
        else
            chip.ier = (uint8_t)v;
        break;
    case 2: chip.fcr = (uint8_t)v; break;
    case 3: chip.lcr = (uint8_t)v; break;
    case 4: chip.mcr = (uint8_t)v; break;
    }
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

static struct console_sink *sink;
void console_sink_register(struct console_sink *s) { sink = s; }
bool console_is_chosen(const char *name) { return false; }
void console_flush(void) { sink->write("", 0); }
static char input[16];
void console_input(char c) { input[strlen(input)] = c; }

static void (*handler)(unsigned int irq, void *arg);
static void *handler_arg;
static unsigned int handler_irq;
int irq_request(unsigned int irq, void (*fn)(unsigned int irq, void *arg), void *arg, const char *name)
{
    handler = fn;
    handler_arg = arg;
    handler_irq = irq;
    return 0;
}

static struct timer *timer;
static uint64_t deadline;
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .arg = arg };
    timer = t;
}
void timer_set(struct timer *t, uint64_t expires_ns) { deadline = expires_ns; }

static void chip_at(uint16_t port)
{
    memset(&chip, 0, sizeof(chip));
    memset(input, 0, sizeof(input));
    chip.port = port;
    chip.has_fifo = true;
    chip.typed = "";
    sink = NULL;
    host_log_quiet = true;
    host_last_log[0] = '\0';
}

static void start(const char *options)
{
    param_parse(options);
    serial_init_early();
}

static void write_string(const char *s) { sink->write(s, strlen(s)); }

static void nothing_is_touched_unasked(void **state)
{
    chip_at(0x3f8);
    start("com1= com2=");
    assert_null(sink);
    assert_int_equal(chip.lcr, 0);
    assert_false(serial_owns_port(0x3f8));
}

static void an_absent_chip_is_named(void **state)
{
    chip_at(0x100);
    start("com1=115200");
    assert_null(sink);
    assert_non_null(strstr(host_last_log, "com1: no UART at port 0x3f8"));
}

static void bad_settings_are_named(void **state)
{
    static const char *const bad[] = { "com1=x", "com1=0", "com1=9600,9n1", "com1=9600,8q1", "com1=9600,8n3",
                                       "com1=9600,8n1x", "com1=9600,8n1,0x3f8,4,7", "com1=9600,8n1,pci", "com1=9600,8" };

    for (unsigned int i = 0; i < array_size(bad); i++) {
        chip_at(0x3f8);
        start(bad[i]);
        assert_null(sink);
        assert_non_null(strstr(host_last_log, bad[i] + 5));
    }
}

static void settings_reach_the_chip(void **state)
{
    chip_at(0x3f8);
    start("com1=115200,8n1");
    assert_non_null(sink);
    assert_int_equal(chip.divisor, 1);
    assert_int_equal(chip.lcr, 3);
    assert_int_equal(chip.mcr, 0x0b);
    chip_at(0x3e8);
    start("com1=9600,7e2,0x3e8,5");
    assert_int_equal(chip.divisor, 12);
    assert_int_equal(chip.lcr, 2 | 0x18 | 4);
    assert_true(serial_owns_port(0x3ef) && serial_owns_irq(5));
    assert_false(serial_owns_port(0x3f0) || serial_owns_irq(4));
    chip_at(0x3f8);
    start("com1=auto,,0x3f8,4");
    assert_int_equal(chip.divisor, 0);
    assert_int_equal(chip.lcr, 3);
    chip_at(0x3f8);
    start("com1=115200/921600");
    assert_int_equal(chip.divisor, 8);
}

static void early_output_waits(void **state)
{
    chip_at(0x3f8);
    start("com1=115200,8n1");
    chip.slow = true;
    write_string("one line that is longer than sixteen characters\nand\r\nanother\n");
    assert_string_equal(chip.sent, "one line that is longer than sixteen characters\r\nand\r\nanother\r\n");
    assert_int_equal(chip.overruns, 0);
}

static void no_fifo(void **state)
{
    chip_at(0x3f8);
    chip.has_fifo = false;
    start("com1=115200,8n1");
    chip.slow = true;
    write_string("abc");
    assert_string_equal(chip.sent, "abc");
    assert_int_equal(chip.overruns, 0);
}

static void a_dead_chip_is_given_up(void **state)
{
    chip_at(0x2f8);
    start("com1= com2=115200");
    serial_init_interrupts();
    chip.dead = true;
    for (unsigned int i = 0; i < 40000; i++)
        write_string("x");
    sink->drain();
    assert_true(chip.nr_sent < sizeof(chip.sent));
}

/* From here on with the timer. */
static void late_output_stays_behind(void **state)
{
    char big[20001];

    chip_at(0x3f8);
    start("com2= com1=115200,8n1");
    serial_init_interrupts();
    assert_int_equal(handler_irq, 4);
    assert_int_equal(chip.ier, 1);
    assert_int_equal(deadline, host_now_ns + 100 * NS_PER_MS);
    chip.slow = true;
    write_string("0123456789abcdef0123456789abcdef0123456789");
    assert_true(chip.nr_sent < 42);
    timer->fn(timer->arg);
    assert_int_equal(deadline, host_now_ns + NS_PER_MS);
    for (unsigned int i = 0; i < 30; i++)
        timer->fn(timer->arg);
    assert_string_equal(chip.sent, "0123456789abcdef0123456789abcdef0123456789");
    assert_int_equal(deadline, host_now_ns + 100 * NS_PER_MS);
    chip.nr_sent = 0;
    memset(big, 'y', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    write_string(big);
    sink->drain();
    assert_int_equal(chip.nr_sent, sizeof(big) - 1);
    assert_int_equal(chip.overruns, 0);
}

static void input_arrives(void **state)
{
    chip.typed = "hi";
    handler(4, handler_arg);
    assert_string_equal(input, "hi");
    chip.typed = "!";
    timer->fn(timer->arg);
    assert_string_equal(input, "hi!");
}

static void interrupt(void) { handler(4, handler_arg); }

/* The poll of one processor and the interrupt on another: neither may overtake the other. */
static void input_stays_in_order(void **state)
{
    memset(input, 0, sizeof(input));
    chip.typed = "xl list";
    chip.meanwhile = interrupt;
    timer->fn(timer->arg);
    chip.meanwhile = NULL;
    assert_string_equal(input, "xl list");
    chip.typed = "\r";
    interrupt();
    assert_string_equal(input, "xl list\r");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_touched_unasked),
        cmocka_unit_test(an_absent_chip_is_named),
        cmocka_unit_test(bad_settings_are_named),
        cmocka_unit_test(settings_reach_the_chip),
        cmocka_unit_test(early_output_waits),
        cmocka_unit_test(no_fifo),
        cmocka_unit_test(late_output_stays_behind),
        cmocka_unit_test(input_arrives),
        cmocka_unit_test(input_stays_in_order),
        cmocka_unit_test(a_dead_chip_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

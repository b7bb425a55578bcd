/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines with their levels, prefixes and rate limit; the ring; sinks; input; debug keys; console_io. */
// sources: hv/control/access.c hv/console/log.c hv/console/ring.c hv/console/sink.c hv/console/timestamp.c hv/console/input.c
// sources: hv/console/keys.c hv/console/guest_io.c hv/core/param.c hv/core/softirq.c hv/lib/parse.c
#include "host_support.h"
#include <arch/platform.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>
#include <xen/sysctl.h>

/* ---- surroundings ---- */

size_t strlcpy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

static char early[65536], shown[65536];
static size_t nr_early, nr_shown;

static void early_write(const char *s, size_t n) { memcpy(early + nr_early, s, n); nr_early += n; early[nr_early] = 0; }
static void late_write(const char *s, size_t n) { memcpy(shown + nr_shown, s, n); nr_shown += n; shown[nr_shown] = 0; }
static struct console_sink com1 = { .name = "com1", .write = early_write }, vga = { .name = "vga", .write = late_write };
static struct console_sink other = { .name = "com2", .write = late_write };

void serial_init_early(void) { console_sink_register(&com1); console_sink_register(&other); }
void serial_init_interrupts(void) { }
void vga_init(void) { console_sink_register(&vga); }
void xen_guest_console_init(void) { }
void xen_guest_console_input(void) { }
void vga_hand_over(void) { vga.enabled = false; }
void time_wallclock(uint64_t *secs, uint32_t *nsecs) { *secs = 0; *nsecs = 0; }
int errlog_note(int error, const char *file, int line) { return error; }
void errlog_dump(void) { }
void machine_restart(unsigned int delay_ms) { abort(); }

static unsigned int virqs[NR_VIRQS];
void event_send_global_virq(unsigned int virq) { virqs[virq]++; }

static bool preempt;
bool hypercall_preempt_check(void) { return preempt; }
long hypercall_continue(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    preempt = false;
    return hc_console_io(a1, a2, a3, a4, a5);
}

#define BAD_ADDRESS 0xbadUL
int guest_read(void *dst, uint64_t va, size_t n)
{
    if (va == BAD_ADDRESS)
        return -14;
    memcpy(dst, (void *)va, n);
    return 0;
}
int guest_write(uint64_t va, const void *src, size_t n)
{
    if (va == BAD_ADDRESS)
        return -14;
    memcpy((void *)va, src, n);
    return 0;
}

static struct domain dom0 = { .id = 0, .is_control = true, .is_hardware = true }, guest = { .id = 7 };
static struct vcpu dom0_vcpu = { .domain = &dom0 }, guest_vcpu = { .domain = &guest, .id = 2 };

static void forget(void)
{
    nr_early = nr_shown = 0;
    early[0] = shown[0] = 0;
    memset(virqs, 0, sizeof(virqs));
}

static unsigned int count(const char *text, const char *part)
{
    unsigned int n = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

/* ---- tests, in this order ---- */

static void late_sinks_see_the_past(void **state)
{
    printk(LOG_INFO, "first\n");
    console_init_early();
    assert_string_equal(early, "(XEN) first\n");
    printk(LOG_INFO, "second\n");
    assert_string_equal(shown, "");
    console_init();
    assert_non_null(strstr(shown, "(XEN) first\n(XEN) second\n"));
    assert_false(other.enabled);
}

static void prefixes(void **state)
{
    forget();
    printk(LOG_ERR, "one\ntwo");
    printk(LOG_ERR, " and a half\n");
    printk(LOG_ERR, "\n");
    printk(LOG_ERR, "%s", "");
    assert_string_equal(early, "(XEN) one\n(XEN) two and a half\n(XEN) \n");
    forget();
    host_test_current = &guest_vcpu;
    guest_printk(LOG_ERR, "x=%d\n", 5);
    assert_string_equal(early, "(XEN) d7v2 x=5\n");
}

static void guests_are_limited_in_rate(void **state)
{
    host_now_ns += 1000 * NS_PER_S;
    forget();
    for (unsigned int i = 0; i < 100; i++)
        guest_printk(LOG_WARN, "spam\n");
    assert_int_equal(count(early, "spam"), 10);
    host_now_ns += 5 * NS_PER_S;
    guest_printk(LOG_WARN, "spam\n");
    assert_int_equal(count(early, "spam"), 11);
    assert_non_null(strstr(early, "(XEN) printk: 90 messages suppressed.\n(XEN) d7v2 spam\n"));
    printk(LOG_DEBUG, "own lines are not\n");
    assert_non_null(strstr(early, "own lines are not"));
}

#define RING_SIZE (4u << (9 + 4)) /* 4 CPUs, all levels */

static uint32_t read_ring(char *buf, uint32_t size, bool clear, bool incremental, uint32_t *index)
{
    struct xen_sysctl_readconsole op = { .clear = clear, .incremental = incremental, .index = *index, .count = size };

    set_xen_guest_handle(op.buffer, buf);
    assert_int_equal(console_read_ring(&op), 0);
    *index = op.index;
    buf[op.count] = '\0';
    return op.count;
}

static void ring_reads(void **state)
{
    static char buf[70000];
    uint32_t index = 0, before;

    assert_true(read_ring(buf, 20, false, false, &index) == 20);
    assert_memory_equal(buf, "(XEN) first\n(XEN) se", 20);
    read_ring(buf, sizeof(buf) - 1, true, false, &index);
    assert_int_equal(read_ring(buf, sizeof(buf) - 1, false, false, &before), 0);
    printk(LOG_ERR, "news\n");
    assert_int_equal(read_ring(buf, sizeof(buf) - 1, false, true, &index), 11);
    assert_string_equal(buf, "(XEN) news\n");
    assert_int_equal(read_ring(buf, sizeof(buf) - 1, false, true, &index), 0);
    before = index;
    for (unsigned int i = 0; i < 3000; i++) {
        forget();
        printk(LOG_ERR, "line %05u\n", i);
    }
    assert_int_equal(read_ring(buf, sizeof(buf) - 1, false, true, &before), RING_SIZE);
    assert_int_equal(before - index, 3000 * 17);
    assert_string_equal(buf + RING_SIZE - 17, "(XEN) line 02999\n");
    index = before + 1000;
    assert_int_equal(read_ring(buf, sizeof(buf) - 1, false, true, &index), RING_SIZE);
    assert_int_equal(index, before);
}

static void ring_read_faults(void **state)
{
    struct xen_sysctl_readconsole op = { .count = 10 };

    op.buffer.p = (void *)BAD_ADDRESS;
    assert_int_equal(console_read_ring(&op), -14);
}

static void type(const char *s)
{
    while (*s)
        console_input(*s++);
}

static unsigned int pressed;
static void count_key(unsigned char key) { pressed++; }

static void input_switches(void **state)
{
    char buf[400] = "";

    host_test_current = &dom0_vcpu;
    debug_key_register('z', count_key, "test");
    type("z\x01z?z");
    assert_int_equal(pressed, 0);
    softirq_run();
    assert_int_equal(pressed, 3);
    forget();
    console_end_boot();
    assert_non_null(strstr(early, "*** Serial input to DOM0 (type 'CTRL-a' three times to switch input)\n"));
    assert_non_null(strstr(early, "(XEN) Guest Loglevel: none/all\n"));
    assert_false(vga.enabled);
    type("ab\x01z\x01\x01");
    softirq_run();
    assert_int_equal(pressed, 3);
    assert_int_equal(virqs[VIRQ_CONSOLE], 3);
    assert_int_equal(hc_console_io(CONSOLEIO_read, 3, (uint64_t)buf, 0, 0), 3);
    assert_int_equal(hc_console_io(CONSOLEIO_read, sizeof(buf), (uint64_t)buf + 3, 0, 0), 1);
    assert_string_equal(buf, "ab\x01z");
    type("\x01z");
    softirq_run();
    assert_int_equal(pressed, 4);
    for (unsigned int i = 0; i < 100; i++)
        type("z");
    type("\x01\x01\x01");
    softirq_run();
    assert_int_equal(pressed, 4 + 32);
    for (unsigned int i = 0; i < 300; i++)
        type("q");
    assert_int_equal(hc_console_io(CONSOLEIO_read, sizeof(buf), (uint64_t)buf, 0, 0), 256);
    assert_int_equal(hc_console_io(CONSOLEIO_read, sizeof(buf), (uint64_t)buf, 0, 0), 0);
}

static void help_lists_keys(void **state)
{
    forget();
    debug_key_press('h');
    softirq_run();
    assert_non_null(strstr(early, "(XEN)  key 'h' (ascii '68') => show this message\n"));
    assert_non_null(strstr(early, " key 'z' (ascii '7a') => test\n"));
    debug_key_press(200);
    debug_key_press('?');
}

static void domains_write(void **state)
{
    char big[300];

    forget();
    host_test_current = &dom0_vcpu;
    assert_int_equal(hc_console_io(CONSOLEIO_write, 5, (uint64_t)"raw\n>", 0, 0), 0);
    assert_string_equal(early, "raw\n>");
    host_now_ns += 1000 * NS_PER_S;
    forget();
    host_test_current = &guest_vcpu;
    assert_int_equal(hc_console_io(CONSOLEIO_write, 3, (uint64_t)"he\x1b", 0, 0), 0);
    assert_string_equal(early, "");
    assert_int_equal(hc_console_io(CONSOLEIO_write, 8, (uint64_t)"llo\nyou\n", 0, 0), 0);
    assert_string_equal(early, "(XEN) (d7) hello\n(XEN) (d7) you\n");
    forget();
    memset(big, 'x', sizeof(big));
    preempt = true;
    assert_int_equal(hc_console_io(CONSOLEIO_write, sizeof(big), (uint64_t)big, 0, 0), 0);
    assert_int_equal(count(early, "(XEN) (d7) x"), 2);
    assert_int_equal(count(early, "x"), 256);
}

static void console_io_errors(void **state)
{
    host_test_current = &guest_vcpu;
    assert_int_equal(hc_console_io(CONSOLEIO_read, 1, BAD_ADDRESS, 0, 0), -1);
    assert_int_equal(hc_console_io(99, 0, 0, 0, 0), -1);
    assert_int_equal(hc_console_io(CONSOLEIO_write, 1, BAD_ADDRESS, 0, 0), -14);
    host_test_current = &dom0_vcpu;
    assert_int_equal(hc_console_io(99, 0, 0, 0, 0), -38);
    assert_int_equal(hc_console_io(CONSOLEIO_read, 0x80000000, 0, 0, 0), -7);
    assert_int_equal(hc_console_io(CONSOLEIO_write, 1, BAD_ADDRESS, 0, 0), -14);
    assert_int_equal(hc_console_io(CONSOLEIO_write, 0, BAD_ADDRESS, 0, 0), 0);
    type("k");
    assert_int_equal(hc_console_io(CONSOLEIO_read, 1, BAD_ADDRESS, 0, 0), -14);
}

static void the_console_daemon_is_told(void **state)
{
    hardware_domain = &dom0;
    forget();
    printk(LOG_ERR, "line\n");
    printk(LOG_ERR, "line\n");
    assert_int_equal(virqs[VIRQ_CON_RING], 0);
    softirq_run();
    assert_int_equal(virqs[VIRQ_CON_RING], 1);
}

static void a_panic_needs_no_lock(void **state)
{
    forget();
    console_force_sync();
    printk(LOG_ERR, "last words\n");
    assert_string_equal(early, "(XEN) last words\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_sinks_see_the_past),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(guests_are_limited_in_rate),
        cmocka_unit_test(ring_reads),
        cmocka_unit_test(ring_read_faults),
        cmocka_unit_test(input_switches),
        cmocka_unit_test(help_lists_keys),
        cmocka_unit_test(domains_write),
        cmocka_unit_test(console_io_errors),
        cmocka_unit_test(the_console_daemon_is_told),
        cmocka_unit_test(a_panic_needs_no_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where console output goes, and the console lock, which guards the sinks, the ring and
 * the line buffers. console= chooses among the sinks that drivers register; one that is
 * enabled late is first shown what the ring has.
 */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include "private.h"

static char console_names[64] = "com1,vga"; /* stock Xen's default */
static bool console_names_given;

static struct spinlock lock = SPINLOCK_INIT(RANK_CONSOLE);
static unsigned int owner;      /* CPU number + 1 that has the lock; 0: none */
static bool forced;             /* a panic goes on without the lock */
static struct console_sink *sinks;

static int parse_console(const char *s)
{
    console_names_given = true;
    return strlcpy(console_names, s, sizeof(console_names)) < sizeof(console_names) ? 0 : -1;
}
BOOT_PARAM_CUSTOM(console, "console", parse_console);

/*
 * Order: any context may print, with locks of any rank held; nothing else is locked
 * inside. So the rank check is bypassed: trying is not checked.
 */
bool console_enter(uint64_t *flags)
{
    *flags = irq_save();
    if (read_once(owner) == this_cpu_id() + 1)
        return false;
    while (!spin_trylock(&lock)) {
        if (read_once(forced))
            return false;
        cpu_relax();
    }
    write_once(owner, this_cpu_id() + 1);
    return true;
}

void console_leave(bool entered, uint64_t flags)
{
    if (entered) {
        write_once(owner, 0);
        spin_unlock(&lock);
    }
    irq_restore(flags);
}

void console_write(const char *s, size_t n)
{
    for (const struct console_sink *sink = sinks; sink; sink = sink->next) {
        if (!sink->enabled)
            continue;
        sink->write(s, n);
        if (forced && sink->drain)
            sink->drain();
    }
}

void console_flush(void)
{
    uint64_t flags;
    bool entered = console_enter(&flags);

    console_write("", 0);
    console_leave(entered, flags);
}

/* Is `name` the first word of the list? Stock Xen's suffixes for 7-bit channels are accepted. */
static bool names_sink(const char *list, const char *name)
{
    size_t n = strlen(name);

    if (strncmp(list, name, n))
        return false;
    list += n;
    if (*list == 'H' || *list == 'L')
        list++;
    return *list == ',' || *list == '\0';
}

static const char *next_name(const char *list)
{
    const char *comma = strchr(list, ',');

    return comma ? comma + 1 : NULL;
}

bool console_is_chosen(const char *name)
{
    for (const char *s = console_names; s; s = next_name(s))
        if (names_sink(s, name))
            return true;
    return false;
}

void console_sink_register(struct console_sink *sink)
{
    uint64_t flags;
    bool entered = console_enter(&flags);

    sink->next = sinks;
    sinks = sink;
    sink->enabled = console_is_chosen(sink->name);
    if (sink->enabled)
        ring_replay(sink->write);
    console_leave(entered, flags);
}

static bool is_known(const char *list)
{
    for (const struct console_sink *sink = sinks; sink; sink = sink->next)
        if (names_sink(list, sink->name))
            return true;
    return names_sink(list, "none") || *list == ',' || *list == '\0';
}

void console_check_names(void)
{
    for (const char *s = console_names; s && console_names_given; s = next_name(s)) {
        const char *comma = strchr(s, ',');
        int n = comma ? (int)(comma - s) : (int)strlen(s);

        if (!is_known(s))
            log_warn("console=: there is no console \"%.*s\"\n", n, s);
    }
}

void console_init_early(void)
{
    serial_init_early();
}

void console_init(void)
{
    ring_grow();
    vga_init();
    xen_guest_console_init();
    keys_init();
    console_check_names();
}

void console_init_input(void)
{
    serial_init_interrupts();
    xen_guest_console_input();
    timestamp_sync();
}

void console_force_sync(void)
{
    write_once(forced, true);
    for (const struct console_sink *sink = sinks; sink; sink = sink->next)
        if (sink->enabled && sink->drain)
            sink->drain();
}

void console_end_vga(void)
{
    uint64_t flags;
    bool entered = console_enter(&flags);

    vga_hand_over();
    console_leave(entered, flags);
}

void console_end_boot(void)
{
    log_print_thresholds();
    input_end_boot();
    console_end_vga();
    timestamp_sync();
}

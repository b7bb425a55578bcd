/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines: levels, rate limit, prefixes. ABI: thresholds, "(XEN) " and the d1v0 form are
 * stock Xen's, which people and tools read.
 */
#include <arch/percpu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include "private.h"

/* A level is shown if it is below `lower`, and within the rate limit if it is below `upper`. */
struct thresholds { unsigned int lower, upper; };

static const char *const threshold_names[] = { "none", "error", "warning", "info", "all" };
#define THRESHOLD_WARNING 2u
#define THRESHOLD_ALL     4u

#ifdef HV_DEBUG
static struct thresholds own = { THRESHOLD_ALL, THRESHOLD_ALL };
static struct thresholds guests = { 0, THRESHOLD_ALL };
#else
static struct thresholds own = { THRESHOLD_WARNING, THRESHOLD_WARNING };
static struct thresholds guests = { 0, THRESHOLD_WARNING };
#endif

/* Index of the name that *s begins with, moving *s behind it; -EINVAL if there is none. */
static int scan_threshold(const char **s)
{
    if (!strncmp(*s, "debug", 5)) {
        *s += 5;
        return THRESHOLD_ALL;
    }
    for (unsigned int i = 0; i < array_size(threshold_names); i++) {
        size_t n = strlen(threshold_names[i]);

        if (!strncmp(*s, threshold_names[i], n)) {
            *s += n;
            return (int)i;
        }
    }
    return ERR(EINVAL);
}

/* "warning", or "warning/all": always shown / shown within the rate limit. */
static int parse_thresholds(const char *s, struct thresholds *t)
{
    int lower = scan_threshold(&s), upper = lower;

    if (lower >= 0 && *s == '/') {
        s++;
        upper = scan_threshold(&s);
    }
    if (lower < 0 || upper < 0 || *s)
        return ERR(EINVAL);
    *t = (struct thresholds){ (unsigned int)lower, (unsigned int)max(lower, upper) };
    return 0;
}

static int parse_loglvl(const char *s) { return parse_thresholds(s, &own); }
static int parse_guest_loglvl(const char *s) { return parse_thresholds(s, &guests); }
BOOT_PARAM_CUSTOM(loglvl, "loglvl", parse_loglvl);
BOOT_PARAM_CUSTOM(guest_loglvl, "guest_loglvl", parse_guest_loglvl);

unsigned int log_threshold(void)
{
    return own.lower;
}

static void print_thresholds(const char *title, const struct thresholds *t)
{
    printk(LOG_WARN, "%s Loglevel: %s%s%s\n", title, threshold_names[t->lower],
           t->lower == t->upper ? "" : "/", t->lower == t->upper ? "" : threshold_names[t->upper]);
}

void log_print_thresholds(void)
{
    print_thresholds("Std.", &own);
    print_thresholds("Guest", &guests);
}

/* ---- rate limit: credit grows with time, a line costs LINE_NS of it. Console lock. ---- */

#define LINE_NS     (5 * NS_PER_S)
#define MAX_CREDIT  (10 * LINE_NS)

static struct {
    uint64_t credit_ns, since_ns;
    unsigned int suppressed;
} limit = { .credit_ns = MAX_CREDIT };

static bool within_limit(void)
{
    uint64_t now = now_ns();

    limit.credit_ns = min(limit.credit_ns + (now - limit.since_ns), (uint64_t)MAX_CREDIT);
    limit.since_ns = now;
    if (limit.credit_ns < LINE_NS) {
        limit.suppressed++;
        return false;
    }
    limit.credit_ns -= LINE_NS;
    return true;
}

/* ---- output. Console lock; the spare buffer serves the CPU that could not take it. ---- */

struct print_buffer {
    char text[1280];    /* the message */
    char out[512];      /* what goes to the sinks at once */
    size_t nr_out;
};
static struct print_buffer buffers[2];
static bool in_line;    /* the last message did not end its line */

static void flush(struct print_buffer *b)
{
    ring_append(b->out, b->nr_out);
    console_write(b->out, b->nr_out);
    b->nr_out = 0;
}

static void put(struct print_buffer *b, const char *s, size_t n)
{
    while (n) {
        size_t part = min(n, sizeof(b->out) - b->nr_out);

        memcpy(b->out + b->nr_out, s, part);
        b->nr_out += part;
        s += part;
        n -= part;
        if (b->nr_out == sizeof(b->out))
            flush(b);
    }
}

static void put_prefix(struct print_buffer *b)
{
    char stamp[TIMESTAMP_SIZE];

    timestamp_format(stamp);
    put(b, "(XEN) ", 6);
    put(b, stamp, strlen(stamp));
}

static void put_lines(struct print_buffer *b, const char *s)
{
    while (*s) {
        const char *end = strchr(s, '\n');
        size_t n = end ? (size_t)(end + 1 - s) : strlen(s);

        if (!in_line)
            put_prefix(b);
        put(b, s, n);
        in_line = !end;
        s += n;
    }
    flush(b);
}

static void put_suppressed(struct print_buffer *b)
{
    snprintf(b->text, sizeof(b->text), "printk: %u messages suppressed.\n", limit.suppressed);
    limit.suppressed = 0;
    put_lines(b, b->text);
}

/* dom0's console daemon wants to hear of new lines: later, from a context where events can be sent. */
static void tell_hardware_domain(void *arg)
{
    timestamp_sync();
    event_send_global_virq(VIRQ_CON_RING);
}
static struct work tell_work = { .fn = tell_hardware_domain };

static void print(const struct thresholds *t, enum log_level level, const char *prefix, const char *fmt, va_list ap)
{
    uint64_t flags;
    bool entered;
    struct print_buffer *b;

    if ((unsigned int)level >= t->upper)
        return;
    entered = console_enter(&flags);
    b = &buffers[entered ? 0 : 1];
    if ((unsigned int)level < t->lower || within_limit()) {
        if (limit.suppressed && (unsigned int)level >= t->lower)
            put_suppressed(b);
        strlcpy(b->text, prefix, sizeof(b->text));
        vsnprintf(b->text + strlen(prefix), sizeof(b->text) - strlen(prefix), fmt, ap);
        put_lines(b, b->text);
    }
    console_leave(entered, flags);
    if (entered && hardware_domain)
        work_schedule(&tell_work);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print(&own, level, "", fmt, ap);
    va_end(ap);
}

void guest_printk(enum log_level level, const char *fmt, ...)
{
    const struct vcpu *v = current;
    char prefix[24] = "";
    va_list ap;

    if (v && v->is_idle)
        snprintf(prefix, sizeof(prefix), "d[IDLE]v%u ", v->id);
    else if (v)
        snprintf(prefix, sizeof(prefix), "d%uv%u ", v->domain->id, v->id);
    va_start(ap, fmt);
    print(&guests, level, prefix, fmt, ap);
    va_end(ap);
}

static void printf_like(2, 3) print_domain_line(const char *prefix, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print(&guests, LOG_DEBUG, prefix, fmt, ap);
    va_end(ap);
}

void log_domain_line(unsigned int domid, const char *text)
{
    char prefix[16];

    snprintf(prefix, sizeof(prefix), "(d%u) ", domid);
    print_domain_line(prefix, "%s\n", text);
}

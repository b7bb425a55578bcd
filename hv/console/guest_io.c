/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console_io hypercall. The hardware domain writes to the sinks as it is, other
 * domains line by line with a "(d1) " in front, in the guests' log.
 */
#include <hv/access.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest_access.h>
#include <hv/lib.h>
#include <hv/param.h>
#include "private.h"

#define CHUNK 128u

static bool domain_output_to_ring;
BOOT_PARAM_BOOL(console_to_ring, "console_to_ring", domain_output_to_ring);

#ifdef HV_DEBUG
#define ANY_DOMAIN_MAY_WRITE true
#else
#define ANY_DOMAIN_MAY_WRITE false
#endif

static void write_raw(const char *s, size_t n)
{
    uint64_t flags;
    bool entered = console_enter(&flags);

    console_write(s, n);
    if (domain_output_to_ring)
        ring_append(s, n);
    console_leave(entered, flags);
}

/* Adds c to the line; true: it is complete, and in `line`. */
static bool collect(struct console_line *pending, char c, char line[sizeof(pending->text) + 1])
{
    bool printable = (c >= ' ' && c <= '~') || c == '\t';

    if (printable)
        pending->text[pending->length++] = c;
    if (c != '\n' && pending->length < sizeof(pending->text))
        return false;
    memcpy(line, pending->text, pending->length);
    line[pending->length] = '\0';
    pending->length = 0;
    return true;
}

static void write_lines(struct domain *d, const char *s, size_t n)
{
    struct console_line *pending = &d->console_line;
    char line[sizeof(pending->text) + 1];

    while (n) {
        bool complete = false;
        uint64_t flags;
        bool entered = console_enter(&flags);

        while (n && !complete) {
            complete = collect(pending, *s++, line);
            n--;
        }
        console_leave(entered, flags);
        if (complete)
            log_domain_line(d->id, line);
    }
}

static long console_io_write(uint32_t count, uint64_t buffer)
{
    struct domain *d = current->domain;
    char chunk[CHUNK];

    for (uint32_t done = 0; done < count; ) {
        uint32_t n = min(count - done, CHUNK);

        if (done && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_console_io, CONSOLEIO_write, count - done, buffer + done, 0, 0);
        if (guest_read(chunk, buffer + done, n))
            return ERR(EFAULT);
        if (d->is_hardware)
            write_raw(chunk, n);
        else
            write_lines(d, chunk, n);
        done += n;
    }
    return 0;
}

static long console_io_read(uint32_t count, uint64_t buffer)
{
    char chunk[CHUNK];
    uint32_t done = 0;
    size_t n;

    /* ABI: the answer is a number of characters and must not look like an error. */
    if (count > INT32_MAX)
        return ERR(E2BIG);
    while (done < count && (n = input_take(chunk, min(count - done, CHUNK))) != 0) {
        if (guest_write(buffer + done, chunk, n))
            return ERR(EFAULT);
        done += (uint32_t)n;
    }
    return done;
}

/* ABI: cmd and count are 32 bits wide (xen.h, "do_console_io"). */
long hc_console_io(uint64_t cmd, uint64_t count, uint64_t buffer, uint64_t a4, uint64_t a5)
{
    const bool for_all = ANY_DOMAIN_MAY_WRITE && (uint32_t)cmd == CONSOLEIO_write;
    const int rc = access_check(for_all ? ACCESS_ANY : ACCESS_CONTROL, current->domain, NULL);

    if (rc != 0)
        return rc;
    switch ((uint32_t)cmd) {
    case CONSOLEIO_write: return console_io_write((uint32_t)count, buffer);
    case CONSOLEIO_read: return console_io_read((uint32_t)count, buffer);
    default: return ERR(ENOSYS);
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time stamps of log lines, console_timestamps=. A line may be printed in any context, so
 * the wall clock, which has a lock, is asked beforehand and carried on by system time.
 */
#include <arch/cpu.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/time.h>
#include "private.h"

static enum { STAMP_NONE, STAMP_DATE, STAMP_DATE_MS, STAMP_BOOT, STAMP_RAW } mode;
static uint64_t epoch_at_boot_ns; /* UTC at system time 0; 0: not known yet */

static int parse_timestamps(const char *s)
{
    static const char *const names[] = { "none", "date", "datems", "boot", "raw" };
    int truth;

    for (unsigned int i = 0; i < array_size(names); i++)
        if (!strcmp(s, names[i])) {
            mode = i;
            return 0;
        }
    truth = *s ? param_parse_bool(s) : 1;
    if (truth < 0)
        return truth;
    mode = truth ? STAMP_DATE : STAMP_NONE;
    return 0;
}
BOOT_PARAM_CUSTOM(console_timestamps, "console_timestamps", parse_timestamps);

void timestamp_sync(void)
{
    uint64_t secs;
    uint32_t nsecs;

    if (mode != STAMP_DATE && mode != STAMP_DATE_MS)
        return;
    time_wallclock(&secs, &nsecs);
    write_once(epoch_at_boot_ns, secs * NS_PER_S + nsecs - now_ns());
}

struct date { unsigned int year, month, day; };

/*
 * Days since 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so
 * that the leap day is a year's last: then months of 31 and 30 days repeat every five (153 days).
 */
static struct date date_of_day(uint64_t days)
{
    uint64_t shifted = days + 719468;                   /* since 0000-03-01 */
    uint64_t era = shifted / 146097, day = shifted % 146097; /* of 400 years */
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t in_year = day - (365 * year + year / 4 - year / 100);
    uint64_t march_month = (5 * in_year + 2) / 153;
    struct date date = {
        .year = (unsigned int)(year + 400 * era + (march_month >= 10)),
        .month = (unsigned int)(march_month < 10 ? march_month + 3 : march_month - 9),
        .day = (unsigned int)(in_year - (153 * march_month + 2) / 5 + 1),
    };
    return date;
}

static void format_boot(char *buf, uint64_t ns)
{
    snprintf(buf, TIMESTAMP_SIZE, "[%5u.%06u] ", (unsigned int)(ns / NS_PER_S),
             (unsigned int)(ns % NS_PER_S / 1000));
}

static void format_date(char *buf, uint64_t ns, bool with_ms)
{
    unsigned int second = (unsigned int)(ns / NS_PER_S % 86400);
    struct date date = date_of_day(ns / NS_PER_S / 86400);
    int n = snprintf(buf, TIMESTAMP_SIZE, "[%04u-%02u-%02u %02u:%02u:%02u", date.year, date.month, date.day,
                     second / 3600, second / 60 % 60, second % 60);

    if (with_ms)
        n += snprintf(buf + n, TIMESTAMP_SIZE - (size_t)n, ".%03u", (unsigned int)(ns / NS_PER_MS % 1000));
    strlcpy(buf + n, "] ", TIMESTAMP_SIZE - (size_t)n);
}

void timestamp_format(char buf[TIMESTAMP_SIZE])
{
    uint64_t epoch_ns = read_once(epoch_at_boot_ns);

    buf[0] = '\0';
    if (mode == STAMP_RAW)
        snprintf(buf, TIMESTAMP_SIZE, "[%016lx] ", (unsigned long)rdtsc());
    else if (mode == STAMP_BOOT || (mode != STAMP_NONE && !epoch_ns))
        format_boot(buf, now_ns());
    else if (mode != STAMP_NONE)
        format_date(buf, epoch_ns + now_ns(), mode == STAMP_DATE_MS);
}

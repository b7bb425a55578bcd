/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's calendar clock (MC146818 data sheet): registers behind ports 0x70 and 0x71. Boot
 * only: the device is dom0's afterwards. Pure part: calendar arithmetic.
 */
#include "rtc.h"

#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/time.h>

#define RTC_INDEX  0x70u
#define RTC_DATA   0x71u
#define REG_A      0x0au
#define REG_B      0x0bu
#define A_UPDATING 0x80u
#define B_BINARY   0x04u
#define B_24_HOURS 0x02u
#define HOUR_PM    0x80u

/* An update takes less than 2.3 ms; a port read takes a microsecond or so. */
#define UPDATE_POLLS 20000u

/* Days from 1970-01-01 to a date of the Gregorian calendar: years are counted from March, so that the leap day ends them. */
static uint64_t days_since_1970(unsigned int year, unsigned int month, unsigned int day)
{
    const unsigned int y = month > 2 ? year : year - 1;
    const unsigned int months = month > 2 ? month - 3 : month + 9;
    const unsigned int day_of_year = (153 * months + 2) / 5 + day - 1;

    return 365ULL * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

uint64_t rtc_to_unix(const struct rtc_time *t)
{
    return ((days_since_1970(t->year, t->month, t->day) * 24 + t->hour) * 60 + t->minute) * 60 + t->second;
}

static unsigned int from_bcd(unsigned int v)
{
    return (v >> 4) * 10 + (v & 0xf);
}

static unsigned int decode_hour(unsigned int v, uint8_t reg_b)
{
    const bool pm = !(reg_b & B_24_HOURS) && (v & HOUR_PM) != 0;
    unsigned int hour = reg_b & B_24_HOURS ? v : v & ~HOUR_PM;

    if (!(reg_b & B_BINARY))
        hour = from_bcd(hour);
    if (reg_b & B_24_HOURS)
        return hour;
    return hour % 12 + (pm ? 12 : 0);
}

/* Two digits of a year: 70..99 are the twentieth century's. */
bool rtc_decode(const uint8_t raw[RTC_NR_FIELDS], uint8_t reg_b, struct rtc_time *t)
{
    unsigned int f[RTC_NR_FIELDS];

    for (unsigned int i = 0; i < RTC_NR_FIELDS; i++)
        f[i] = reg_b & B_BINARY ? raw[i] : from_bcd(raw[i]);
    *t = (struct rtc_time){
        .second = f[RTC_SECOND], .minute = f[RTC_MINUTE], .hour = decode_hour(raw[RTC_HOUR], reg_b),
        .day = f[RTC_DAY], .month = f[RTC_MONTH], .year = f[RTC_YEAR] + (f[RTC_YEAR] < 70 ? 2000 : 1900),
    };
    return t->second < 60 && t->minute < 60 && t->hour < 24 && t->day >= 1 && t->day <= 31 &&
           t->month >= 1 && t->month <= 12 && f[RTC_YEAR] < 100;
}

static uint8_t rtc_register(uint8_t reg)
{
    outb(RTC_INDEX, reg);
    return inb(RTC_DATA);
}

static void read_fields(uint8_t raw[RTC_NR_FIELDS])
{
    static const uint8_t reg[RTC_NR_FIELDS] = {
        [RTC_SECOND] = 0, [RTC_MINUTE] = 2, [RTC_HOUR] = 4, [RTC_DAY] = 7, [RTC_MONTH] = 8, [RTC_YEAR] = 9,
    };

    for (unsigned int i = 0; i < RTC_NR_FIELDS; i++)
        raw[i] = rtc_register(reg[i]);
}

/* Waits out an update in progress: when it ends, a second has just begun. false: it never ends. */
static bool wait_for_update(bool *waited)
{
    for (unsigned int i = 0; i < UPDATE_POLLS; i++) {
        if (!(rtc_register(REG_A) & A_UPDATING)) {
            *waited = i > 0;
            return true;
        }
        cpu_relax();
    }
    return false;
}

static bool read_clock(uint64_t *unix_seconds, bool *at_edge)
{
    uint8_t raw[RTC_NR_FIELDS];
    struct rtc_time t;
    bool moved;

    /* An update may begin while the fields are read, after the look at register A: then once more. */
    if (!wait_for_update(at_edge))
        return false;
    read_fields(raw);
    if ((rtc_register(REG_A) & A_UPDATING) != 0) {
        if (!wait_for_update(&moved))
            return false;
        *at_edge = true;
        read_fields(raw);
    }
    if (!rtc_decode(raw, rtc_register(REG_B), &t))
        return false;
    *unix_seconds = rtc_to_unix(&t);
    return true;
}

bool arch_calendar_read(uint64_t *unix_seconds, bool *at_edge)
{
    *at_edge = false;
    if (xen_guest_calendar(unix_seconds))
        return true;
    return acpi_info.has_cmos_rtc && read_clock(unix_seconds, at_edge);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to time/: decoding the calendar clock. */
#ifndef ARCH_TIME_RTC_H
#define ARCH_TIME_RTC_H

#include <hv/compiler.h>

enum { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_NR_FIELDS };

struct rtc_time { unsigned int second, minute, hour, day, month, year; };

/* Register contents as register B says they are coded. false: not a time of day. */
bool rtc_decode(const uint8_t raw[RTC_NR_FIELDS], uint8_t reg_b, struct rtc_time *t);
uint64_t rtc_to_unix(const struct rtc_time *t);

#endif

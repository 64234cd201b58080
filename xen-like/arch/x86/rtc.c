/* SPDX-License-Identifier: MIT */
/* The CMOS real-time clock (MC146818): read once at boot for the wall clock. */
#include "arch/cpu.h"
#include "arch/time.h"
#include "lib/string.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

#define RTC_SECOND   0x00
#define RTC_MINUTE   0x02
#define RTC_HOUR     0x04
#define RTC_DAY      0x07
#define RTC_MONTH    0x08
#define RTC_YEAR     0x09
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define RTC_CENTURY  0x32 /* where PC firmware keeps it */

#define RTC_A_UPDATING 0x80
#define RTC_B_BINARY   0x04
#define RTC_B_24_HOURS 0x02
#define RTC_HOUR_PM    0x80

static uint8_t cmos_read(uint8_t reg)
{
    cpu_outb(CMOS_INDEX, reg);
    return cpu_inb(CMOS_DATA);
}

static uint8_t from_bcd(uint8_t v)
{
    return (uint8_t)((v >> 4) * 10 + (v & 0xf));
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar. */
static uint64_t days_since_1970(unsigned int year, unsigned int month, unsigned int day)
{
    static const uint16_t before_month[12] = {0,   31,  59,  90,  120, 151,
                                              181, 212, 243, 273, 304, 334};
    unsigned int last = year - 1; /* leap days are counted up to the end of the year before */
    uint64_t leap_days =
        (last / 4 - last / 100 + last / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return (uint64_t)(year - 1970) * 365 + leap_days + before_month[month - 1] +
           (is_leap && month > 2) + day - 1;
}

uint64_t rtc_to_seconds(const struct rtc_fields *raw)
{
    struct rtc_fields f = *raw;
    bool is_pm = !(f.status_b & RTC_B_24_HOURS) && (f.hour & RTC_HOUR_PM);

    if (!(f.status_b & RTC_B_24_HOURS))
        f.hour &= (uint8_t)~RTC_HOUR_PM;
    if (!(f.status_b & RTC_B_BINARY)) {
        f.second = from_bcd(f.second);
        f.minute = from_bcd(f.minute);
        f.hour = from_bcd(f.hour);
        f.day = from_bcd(f.day);
        f.month = from_bcd(f.month);
        f.year = from_bcd(f.year);
        f.century = from_bcd(f.century);
    }
    if (!(f.status_b & RTC_B_24_HOURS))
        f.hour = (uint8_t)(f.hour % 12 + (is_pm ? 12 : 0));
    if (f.second > 59 || f.minute > 59 || f.hour > 23 || f.day < 1 || f.day > 31 || f.month < 1 ||
        f.month > 12 || f.year > 99)
        return 0;
    /* The century byte is firmware's habit, not the chip's: believed only when it makes sense. */
    unsigned int century = f.century >= 19 && f.century <= 29 ? f.century : f.year < 70 ? 20 : 19;
    unsigned int year = century * 100 + f.year;

    if (year < 1970)
        return 0;
    return ((days_since_1970(year, f.month, f.day) * 24 + f.hour) * 60 + f.minute) * 60 + f.second;
}

static void rtc_read_fields(struct rtc_fields *f)
{
    /* An update takes at most 2 ms; a port read about a microsecond: bounded for a clock that is
     * not there. */
    for (unsigned int i = 0; i < 10000 && (cmos_read(RTC_STATUS_A) & RTC_A_UPDATING); i++)
        cpu_relax();
    f->second = cmos_read(RTC_SECOND);
    f->minute = cmos_read(RTC_MINUTE);
    f->hour = cmos_read(RTC_HOUR);
    f->day = cmos_read(RTC_DAY);
    f->month = cmos_read(RTC_MONTH);
    f->year = cmos_read(RTC_YEAR);
    f->century = cmos_read(RTC_CENTURY);
    f->status_b = cmos_read(RTC_STATUS_B);
}

uint64_t rtc_read(void)
{
    struct rtc_fields a, b;

    rtc_read_fields(&b);
    for (unsigned int tries = 0; tries < 8; tries++) {
        a = b;
        rtc_read_fields(&b);
        if (memcmp(&a, &b, sizeof(a)) == 0)
            break;
    }
    return rtc_to_seconds(&b);
}

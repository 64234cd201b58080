/* SPDX-License-Identifier: MIT */
/* The scale of system time against exact arithmetic, and the CMOS clock's calendar against libc's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "arch/time.h"

/* |formula - exact| over `seconds` of a counter at `hz`, in ns. */
static uint64_t error_after(uint64_t hz, uint64_t seconds)
{
    struct time_scale s = time_scale_for(hz);
    uint64_t got = time_scale_apply(&s, hz * seconds), exact = seconds * 1000000000ull;

    return got > exact ? got - exact : exact - got;
}

static void test_scale_is_exact_enough(void **state)
{
    static const uint64_t rates[] = {1000,       32768,      1193182,    3579545,
                                     24000000,   999999999,  1000000000, 1000000001,
                                     1999999999, 2000000000, 2000000001, 2893437000,
                                     3999999999, 5100000000, 8000000001, 999000000000};

    (void)state;
    for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct time_scale s = time_scale_for(rates[i]);

        assert_true(s.mul_frac >= 1u << 31);
        /* Two parts in 2^30: 1.9 ns a second. */
        assert_true(error_after(rates[i], 1) <= 1 + 1000000000ull / rates[i] + 2);
        assert_true(error_after(rates[i], 3600) <= 3600 * 2 + 1000000000ull / rates[i] + 2);
    }
}

static void test_one_gigahertz_is_the_identity(void **state)
{
    struct time_scale s = time_scale_for(1000000000);

    (void)state;
    s.tsc_base = 12345;
    for (uint64_t ns = 1; ns < 1ull << 60; ns *= 3)
        assert_int_equal(time_scale_apply(&s, 12345 + ns), ns);
}

static void test_scale_never_goes_back(void **state)
{
    struct time_scale s = time_scale_for(2893437000);
    uint64_t last = 0;

    (void)state;
    for (uint64_t tsc = 1ull << 50; tsc < (1ull << 50) + 100000; tsc++) {
        uint64_t now = time_scale_apply(&s, tsc);

        assert_true(now >= last);
        last = now;
    }
}

static uint8_t bcd(int v)
{
    return (uint8_t)(v / 10 << 4 | v % 10);
}

static void test_calendar_agrees_with_libc(void **state)
{
    (void)state;
    for (int64_t t = 0; t < 4102444800; t += 86400 * 3 + 12345) { /* 1970 to 2100 */
        struct tm tm;
        time_t when = (time_t)t;

        gmtime_r(&when, &tm);
        int year = tm.tm_year + 1900;
        struct rtc_fields binary = {(uint8_t)tm.tm_sec,       (uint8_t)tm.tm_min,
                                    (uint8_t)tm.tm_hour,      (uint8_t)tm.tm_mday,
                                    (uint8_t)(tm.tm_mon + 1), (uint8_t)(year % 100),
                                    (uint8_t)(year / 100),    0x06};
        struct rtc_fields decimal = {
            bcd(tm.tm_sec),     bcd(tm.tm_min),  bcd(tm.tm_hour), bcd(tm.tm_mday),
            bcd(tm.tm_mon + 1), bcd(year % 100), bcd(year / 100), 0x02};

        assert_int_equal(rtc_to_seconds(&binary), t);
        assert_int_equal(rtc_to_seconds(&decimal), t);
    }
}

static void test_twelve_hours_and_no_century(void **state)
{
    /* 2026-11-21 12:34:56 in BCD, 12-hour mode: noon is 12 PM. */
    struct rtc_fields f = {0x56, 0x34, 0x92, 0x21, 0x11, 0x26, 0, 0};

    (void)state;
    assert_int_equal(rtc_to_seconds(&f), 1795264496);
    f.hour = 0x12; /* midnight is 12 AM */
    assert_int_equal(rtc_to_seconds(&f), 1795264496 - 12 * 3600);
    f.hour = 0x81; /* 1 PM */
    assert_int_equal(rtc_to_seconds(&f), 1795264496 + 3600);
}

static void test_nonsense_is_refused(void **state)
{
    static const struct rtc_fields bad[] = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        {0, 0, 0, 0, 1, 26, 20, 6},
        {0, 0, 0, 1, 13, 26, 20, 6},
        {60, 0, 0, 1, 1, 26, 20, 6},
        {0, 0, 24, 1, 1, 26, 20, 6},
    };

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rtc_to_seconds(&bad[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale_is_exact_enough),
        cmocka_unit_test(test_one_gigahertz_is_the_identity),
        cmocka_unit_test(test_scale_never_goes_back),
        cmocka_unit_test(test_calendar_agrees_with_libc),
        cmocka_unit_test(test_twelve_hours_and_no_century),
        cmocka_unit_test(test_nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

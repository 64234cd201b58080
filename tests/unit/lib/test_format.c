/* SPDX-License-Identifier: MIT */
/* format_sn against libc's snprintf. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/format.h"
#include "random.h"

/* Formats both ways into buffers of exactly `size` bytes and compares text and length. */
#define SAME(size, ...)                                                                            \
    do {                                                                                           \
        volatile size_t n = (size); /* unknown to the compiler, which would warn of truncation */  \
        char *ours = malloc(n + 1), *theirs = malloc(n + 1);                                       \
        ours[0] = theirs[0] = 0;                                                                   \
        assert_int_equal(format_sn(ours, n, __VA_ARGS__), snprintf(theirs, n, __VA_ARGS__));       \
        assert_string_equal(ours, theirs);                                                         \
        free(ours);                                                                                \
        free(theirs);                                                                              \
    } while (0)

static void fixed_cases_match_libc(void **state)
{
    const char unended[3] = {'a', 'b', 'c'};

    (void)state;
    SAME(100, "plain %% text");
    SAME(100, "%d %i %u %x %X %o %c %s", -5, 7, 8u, 0xbeefu, 0xbeefu, 8u, 'c', "string");
    SAME(100, "%ld %lld %zu %jd %hhd %hu", LONG_MIN, LLONG_MAX, SIZE_MAX, INTMAX_MIN,
         (signed char)-1, (unsigned short)65535);
    SAME(100, "[%5s] [%-5s] [%.2s] [%*s] [%-*s] [%.*s]", "ab", "ab", "abcdef", 6, "x", 6, "y", 3,
         "abcdef");
    SAME(100, "%.3s", unended);
    SAME(100, "%.*s", 3, unended);
    SAME(100, "[%.0d] [%.0u] [%.0x] [%#o] [%#.0o] [%#x]", 0, 0u, 0u, 0u, 0u, 0u);
    SAME(5, "truncated text %d", 12345);
    SAME(1, "%s", "one byte");
    SAME(0, "%s", "no byte");
    SAME(100, "%.*d", -1, 5);
    SAME(100, "%*d", -6, 5);
}

static void pointers_and_oddities(void **state)
{
    char buf[64];
    const char *volatile null = NULL;
    const char *volatile odd = "100%! %";

    (void)state;
    format_sn(buf, sizeof(buf), "%p", (void *)0x1234);
    assert_string_equal(buf, "0x0000000000001234");
    format_sn(buf, sizeof(buf), "%s", null);
    assert_string_equal(buf, "(null)");
    format_sn(buf, sizeof(buf), odd);
    assert_string_equal(buf, "100%! %");
}

static void random_numbers_match_libc(void **state)
{
    static const char letters[] = "dixXou";
    uint64_t seed = 6;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char fmt[64] = "%", *p = fmt + 1, ours[128], theirs[128];
        uint64_t value = random_next(&seed) >> random_below(&seed, 64);
        bool wide = random_below(&seed, 2);
        char letter = letters[random_below(&seed, 6)];

        for (const char *flag = "-0+ #"; *flag; flag++)
            /* libc leaves + and space of unsigned, and # of decimal numbers, undefined or ignored
             */
            if (random_below(&seed, 3) == 0 && !((*flag == '#') && strchr("diu", letter)))
                *p++ = *flag;
        if (random_below(&seed, 2))
            p += sprintf(p, "%d", (int)random_below(&seed, 30) + 1);
        if (random_below(&seed, 2))
            p += sprintf(p, ".%d", (int)random_below(&seed, 30));
        if (wide)
            *p++ = 'l';
        *p++ = letter;
        *p = 0;
        if (wide)
            assert_int_equal(format_sn(ours, sizeof(ours), fmt, value),
                             snprintf(theirs, sizeof(theirs), fmt, value));
        else
            assert_int_equal(format_sn(ours, sizeof(ours), fmt, (unsigned int)value),
                             snprintf(theirs, sizeof(theirs), fmt, (unsigned int)value));
        assert_string_equal(ours, theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_cases_match_libc),
        cmocka_unit_test(pointers_and_oddities),
        cmocka_unit_test(random_numbers_match_libc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

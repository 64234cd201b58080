/* SPDX-License-Identifier: MIT */
/* CPU lists as users write and read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/cpulist.h"

static void reads_and_prints(void **state)
{
    static const struct {
        const char *text, *printed; /* among 8 CPUs */
        unsigned int n;
    } cases[] = {
        {"0", "0", 1},         {"0-3", "0-3", 4},           {"0-3,^2", "0-1,3", 3},
        {"1,3,5", "1,3,5", 3}, {"all", "all", CPULIST_MAX}, {"none", "none", 0},
        {"0-7", "all", 8},     {"7,127", "7", 2},           {"2-5,^0-9", "none", 0},
    };
    struct cpulist list;
    char text[64];
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(cpulist_parse(&list, cases[i].text));
        assert_int_equal(cpulist_count(&list), cases[i].n);
        cpulist_format(&list, 8, text, sizeof(text));
        assert_string_equal(text, cases[i].printed);
    }
}

static void refuses_nonsense(void **state)
{
    static const char *const texts[] = {"",  ",",   "1,",    "-1", "1-",   "3-1",         "128",
                                        "a", "1 2", "0-128", "^",  "1--2", "99999999999", "1,,2"};
    struct cpulist list;
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_non_null(cpulist_parse(&list, texts[i]));
}

static void prints_no_more_than_fits(void **state)
{
    struct cpulist list;
    char text[8];
    (void)state;

    assert_null(cpulist_parse(&list, "100,102,104,106"));
    cpulist_format(&list, CPULIST_MAX, text, sizeof(text));
    assert_string_equal(text, "100,102");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_prints),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(prints_no_more_than_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What dnsmasq says reaches the log, a flood of it does not. */
#include "net/log.h"
#include "net/nat/child_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct child_log child;
static unsigned n_logged;
static char logged[512];

/* In place of net/log.c. */
void net_log(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(logged, sizeof(logged), format, args);
    va_end(args);
    n_logged++;
}

static void child_says(const char *text)
{
    assert_int_equal(write(child.write_fd, text, strlen(text)), strlen(text));
}

static int setup(void **state)
{
    (void)state;
    n_logged = 0;
    return child_log_open(&child, "nat0");
}

static int teardown(void **state)
{
    (void)state;
    child_log_close(&child);
    return 0;
}

static void test_lines_are_passed_on(void **state)
{
    (void)state;
    child_log_take(&child, 1000); /* nothing there: it does not wait */
    assert_int_equal(n_logged, 0);
    child_says("dnsmasq: address ");
    child_log_take(&child, 1000);
    assert_int_equal(n_logged, 0);
    child_says("in use\ndnsmasq: \033[2J\n");
    child_log_take(&child, 1000);
    assert_int_equal(n_logged, 2);
    assert_string_equal(logged, "nat0: dnsmasq: ?[2J");
}

static void test_a_flood_is_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        child_says("dnsmasq-dhcp: DHCPNAK(br0) 10.0.0.1 00:16:3e:00:00:01 wrong network\n");
        child_log_take(&child, 1000 + i);
    }
    assert_int_equal(n_logged, CHILD_LOG_LINES_MAX);
    child_says("last\n");
    child_log_take(&child, 1000 + CHILD_LOG_MINUTE_MS);
    assert_int_equal(n_logged, CHILD_LOG_LINES_MAX + 2);
    assert_string_equal(logged, "nat0: last");
}

static void test_long_lines_are_cut(void **state)
{
    char text[2 * CHILD_LOG_LINE_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    strcpy(text + sizeof(text) - 2, "\n");
    child_says(text);
    child_log_take(&child, 0);
    assert_int_equal(n_logged, 1);
    assert_int_equal(strlen(logged), strlen("nat0: ") + CHILD_LOG_LINE_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_passed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flood_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines_are_cut, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Guests' console logs: bounded, one guest's each, and there again after a failure. */
#include "tools/consoled/log.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/console-log-XXXXXX";
static time_t now = 100;
static char kilobyte[1024];

time_t clock_now_s(void)
{
    return now;
}

static off_t size_of(const char *name)
{
    struct stat st;
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void is_set_aside_when_full(void **state)
{
    struct log log;

    (void)state;
    log_open(&log, directory, "full", 1);
    for (unsigned i = 0; i < 1025; i++)
        log_add(&log, kilobyte, sizeof(kilobyte));
    assert_int_equal(size_of("guest-full.log"), 1024);
    assert_int_equal(size_of("guest-full.log.old"), LOG_SIZE_MAX);
    log_close(&log);
}

/* A guest was renamed, and another has its old name now. */
static void is_not_shared(void **state)
{
    struct log old, new, again;

    (void)state;
    log_open(&old, directory, "web", 3);
    log_add(&old, "old", 3);
    log_open(&new, directory, "web", 4);
    for (unsigned i = 0; i < 1025; i++)
        log_add(&new, kilobyte, sizeof(kilobyte));
    log_add(&old, "old", 3);
    assert_int_equal(size_of("guest-web.log"), 6);
    assert_int_equal(size_of("guest-web.4.log"), 1024);
    log_close(&old);
    log_open(&again, directory, "web", 5); /* after a reboot */
    log_add(&again, "again", 5);
    assert_int_equal(size_of("guest-web.log"), 11);
    log_close(&again);
    log_close(&new);
}

static void is_tried_again(void **state)
{
    char path[64], moved[64];
    struct log log;

    (void)state;
    snprintf(path, sizeof(path), "%s/later", directory);
    log_open(&log, path, "guest", 1);
    log_add(&log, "lost", 4);
    assert_int_equal(mkdir(path, 0700), 0);
    log_add(&log, "lost", 4); /* it is not tried for every line */
    assert_int_equal(size_of("later/guest-guest.log"), -1);
    now += LOG_RETRY_S;
    log_add(&log, "kept", 4);
    assert_int_equal(size_of("later/guest-guest.log"), 4);
    /* The same when a full one cannot be replaced. */
    for (unsigned i = 0; i < 1023; i++)
        log_add(&log, kilobyte, sizeof(kilobyte));
    snprintf(moved, sizeof(moved), "%s/moved", directory);
    assert_int_equal(rename(path, moved), 0);
    log_add(&log, kilobyte, sizeof(kilobyte));
    log_add(&log, kilobyte, sizeof(kilobyte));
    assert_int_equal(rename(moved, path), 0);
    now += LOG_RETRY_S;
    for (unsigned i = 0; i < 2; i++)
        log_add(&log, kilobyte, sizeof(kilobyte));
    assert_true(log.fd >= 0);
    log_close(&log);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_set_aside_when_full),
        cmocka_unit_test(is_not_shared),
        cmocka_unit_test(is_tried_again),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

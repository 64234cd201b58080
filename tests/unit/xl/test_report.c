/* SPDX-License-Identifier: MIT */
/* Messages into a log: all are kept until it is full, and the last one always. */
#include "util/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_SIZE 4096

static char path[] = "/tmp/report-XXXXXX";

static off_t size_now(void)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void log_is_bounded(void **state)
{
    int real = dup(STDERR_FILENO), log;
    off_t unbounded, largest = 0;
    char text[64] = "";

    (void)state;
    close(mkstemp(path));
    log = open(path, O_RDWR | O_APPEND);
    dup2(log, STDERR_FILENO);
    for (int i = 0; i < 200; i++)
        report_error("message of about 40 bytes, number %d", i);
    unbounded = size_now();
    report_set_log_max(LOG_SIZE);
    for (int i = 0; i < 1000; i++) {
        report_error("message of about 40 bytes, number %d", i);
        largest = size_now() > largest ? size_now() : largest;
    }
    dup2(real, STDERR_FILENO);
    close(real);
    assert_true(pread(log, text, sizeof(text) - 1, size_now() - 4) == 4);
    close(log);
    unlink(path);
    assert_true(unbounded > LOG_SIZE);
    assert_in_range(largest, LOG_SIZE, LOG_SIZE + 128);
    assert_string_equal(text, "999\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(log_is_bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Messages to the operator. */
#include "util/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *program = "xl";
static int is_verbose;
static off_t log_max; /* 0: without bound */

static void bound_log(void)
{
    struct stat st;

    if (log_max && fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > log_max &&
        ftruncate(STDERR_FILENO, 0) < 0)
        log_max = 0; /* not one that can be */
}

/* One line in one write, so that messages of several processes do not mix. */
static void say(const char *kind, const char *format, va_list args, const char *reason)
{
    char text[2048];

    vsnprintf(text, sizeof(text), format, args);
    bound_log();
    fprintf(stderr, "%s: %s%s%s%s\n", program, kind, text, reason ? ": " : "",
            reason ? reason : "");
    fflush(stderr);
}

int report_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("error: ", format, args, NULL);
    va_end(args);
    return -1;
}

int report_errno(const char *format, ...)
{
    const char *reason = strerror(errno);
    va_list args;

    va_start(args, format);
    say("error: ", format, args, reason);
    va_end(args);
    return -1;
}

int report_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("warning: ", format, args, NULL);
    va_end(args);
    return -1;
}

void report_detail(const char *format, ...)
{
    va_list args;

    if (!is_verbose)
        return;
    va_start(args, format);
    say("", format, args, NULL);
    va_end(args);
}

void report_set_verbose(int verbose)
{
    is_verbose = verbose;
}

void report_set_log_max(off_t size)
{
    log_max = size;
}

void report_set_program(const char *name)
{
    program = name;
}

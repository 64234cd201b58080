/* SPDX-License-Identifier: MIT */
/* Messages to the operator. */
#include "util/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *program = "xl";
static int is_verbose;

/* One line in one write, so that messages of several processes do not mix. */
static void say(const char *kind, const char *format, va_list args, const char *reason)
{
    char text[2048];

    vsnprintf(text, sizeof(text), format, args);
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

void report_set_program(const char *name)
{
    program = name;
}

/* SPDX-License-Identifier: MIT */
/* Runs the registered behaviours of a micro-guest test and prints their results. */
#include "lib/report.h"
#include "lib/child.h"
#include "runtime/console.h"
#include "runtime/format.h"
#include "runtime/start.h"

enum result { SUCCESS, SKIP, ERROR, FAILURE };

static const char *const result_names[] = {"success", "skip", "error", "failure"};
static enum result current, worst;

extern const struct behaviour behaviours_start[], behaviours_end[];

static void result_raise(enum result result)
{
    if (result > current)
        current = result;
}

bool report_compare(const char *file, int line, const char *what, long actual, long expected)
{
    if (actual == expected)
        return true;
    print("  %s:%d: %s is %ld (0x%lx), not %ld (0x%lx)\n", file, line, what, actual, actual,
          expected, expected);
    result_raise(FAILURE);
    return false;
}

static void report_reason(enum result result, const char *format, va_list args)
{
    print("  %s: ", result_names[result]);
    print_args(format, args);
    print("\n");
    result_raise(result);
}

void report_skip(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_reason(SKIP, format, args);
    va_end(args);
}

void report_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_reason(ERROR, format, args);
    va_end(args);
}

bool report_is_good(void)
{
    return current == SUCCESS;
}

void report_answer(const char *what, long value)
{
    print("ANSWER %s %ld\n", what, value);
}

void report_answer_text(const char *what, const char *word)
{
    print("ANSWER %s ", what);
    console_write(word, strlen(word));
    print("\n");
}

void guest_main(void)
{
    unsigned int skipped = 0, total = behaviours_end - behaviours_start;

    if (child_is_self())
        guest_end(child_run_role() ? SHUTDOWN_poweroff : SHUTDOWN_reboot);
    for (const struct behaviour *b = behaviours_start; b < behaviours_end; b++) {
        current = SUCCESS;
        print("BEGIN %s\n", b->name);
        b->run();
        print("BEHAVIOUR %s %s: %s\n", b->name, result_names[current], b->promise);
        skipped += current == SKIP;
        if (current != SKIP && current > worst)
            worst = current;
    }
    if (skipped == total)
        worst = SKIP;
    print("RESULT %s\n", result_names[worst]);
}

/* SPDX-License-Identifier: MIT */
/* Messages to the operator, on standard error, each one line. */
#ifndef UTIL_REPORT_H
#define UTIL_REPORT_H

#include <sys/types.h>

/*
 * Say what failed, where, and how to mend it; no newline at the end. `report_errno` adds the text
 * of errno. All of them return -1, so that a function may end in `return report_error(...)`.
 */
int report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
int report_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));
int report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What happens, for those who asked with -v; silent otherwise. */
void report_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_set_verbose(int verbose);

/*
 * For who stays behind with a log, opened to append, as standard error: once larger than `size`
 * bytes it is begun anew by the next message, so that no guest fills dom0's disk with its reboots.
 */
void report_set_log_max(off_t size);

/* The program's name in front of every message; the string stays the caller's. */
void report_set_program(const char *name);

#endif

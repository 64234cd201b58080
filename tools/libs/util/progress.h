/* SPDX-License-Identifier: MIT */
/* How far long work has come, on the operator's terminal. */
#ifndef UTIL_PROGRESS_H
#define UTIL_PROGRESS_H

#include <stdint.h>

/* One piece of work; zero but for the first two. */
struct progress {
    const char *what;              /* "copying"; the string stays the caller's */
    const char *unit;              /* of what is counted; NULL: bytes, shown as MiB */
    uint64_t started_us, shown_us; /* its own */
};

/*
 * Notes that `done` of `total` is done. On a terminal (standard error), once the work has taken two
 * seconds, the line that says so is written anew, at most five times a second.
 */
void progress_show(void *progress, uint64_t done, uint64_t total);

/* Ends that line, if there is one: before other lines, and at the end. */
void progress_end(struct progress *progress);

#endif

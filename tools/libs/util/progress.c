/* SPDX-License-Identifier: MIT */
/* progress: one line that is written over itself. */
#include "util/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SILENT_US 2000000u
#define PAUSE_US  200000u
#define MIB_SHIFT 20

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void progress_show(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    unsigned shift = progress->unit == NULL ? MIB_SHIFT : 0;
    uint64_t now = now_us();

    if (progress->started_us == 0)
        progress->started_us = now;
    if (!isatty(STDERR_FILENO) || now - progress->started_us < SILENT_US ||
        now - progress->shown_us < PAUSE_US)
        return;
    progress->shown_us = now;
    fprintf(stderr, "\r%s: %llu of %llu %s (%.0f%%)", progress->what,
            (unsigned long long)(done >> shift), (unsigned long long)(total >> shift),
            progress->unit == NULL ? "MiB" : progress->unit,
            total == 0 ? 100.0 : (double)done * 100 / (double)total);
}

void progress_end(struct progress *progress)
{
    if (progress->shown_us != 0)
        fputc('\n', stderr);
    progress->shown_us = 0;
}

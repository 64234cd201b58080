/* SPDX-License-Identifier: MIT */
/* Bounded console logs. */
#include "log.h"
#include "util/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void log_start(struct log *log)
{
    struct stat st;

    log->size = 0;
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->fd < 0)
        report_errno("cannot log to %s", log->path);
    else if (fstat(log->fd, &st) == 0)
        log->size = st.st_size;
}

void log_open(struct log *log, const char *directory, const char *name)
{
    log->fd = -1;
    if (strchr(name, '/') || snprintf(log->path, sizeof(log->path), "%s/guest-%s.log", directory,
                                      name) >= (int)sizeof(log->path))
        return;
    log_start(log);
}

static void log_rotate(struct log *log)
{
    char old[sizeof(log->path) + 4];

    snprintf(old, sizeof(old), "%s.old", log->path);
    close(log->fd);
    rename(log->path, old);
    log_start(log);
}

void log_add(struct log *log, const char *data, size_t size)
{
    if (log->fd >= 0 && log->size + (off_t)size > LOG_SIZE_MAX)
        log_rotate(log);
    if (log->fd < 0)
        return;
    /* A full disk loses log, not console. */
    if (write(log->fd, data, size) > 0)
        log->size += (off_t)size;
}

void log_close(struct log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

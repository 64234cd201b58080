/* SPDX-License-Identifier: MIT */
/* Bounded console logs. */
#include "log.h"
#include "util/clock.h"
#include "util/report.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The lock tells that the file is in use, for logs of this process too. False: it is, by another.
 */
static bool log_start(struct log *log)
{
    struct stat st;

    log->size = 0;
    log->tried_s = clock_now_s();
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->fd < 0) {
        if (!log->is_told)
            report_errno("cannot log to %s; trying again", log->path);
        log->is_told = true;
        return true;
    }
    log->is_told = false;
    if (flock(log->fd, LOCK_EX | LOCK_NB) < 0) {
        log_close(log);
        return false;
    }
    if (fstat(log->fd, &st) == 0)
        log->size = st.st_size;
    return true;
}

static bool set_path(struct log *log, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(log->path, sizeof(log->path), format, args);
    va_end(args);
    if (length >= 0 && length < (int)sizeof(log->path))
        return true;
    log->path[0] = '\0';
    return false;
}

void log_open(struct log *log, const char *directory, const char *name, unsigned int domid)
{
    *log = (struct log){.fd = -1};
    if (strchr(name, '/') || !set_path(log, "%s/guest-%s.log", directory, name) || log_start(log))
        return;
    if (set_path(log, "%s/guest-%s.%u.log", directory, name, domid) && !log_start(log))
        log->path[0] = '\0';
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
    else if (log->fd < 0 && log->path[0] && clock_now_s() - log->tried_s >= LOG_RETRY_S)
        log_start(log);
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

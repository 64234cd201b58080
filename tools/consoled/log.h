/* SPDX-License-Identifier: MIT */
/* A guest's console log on dom0's disk, which the guest cannot fill. */
#ifndef CONSOLED_LOG_H
#define CONSOLED_LOG_H

#include <stddef.h>
#include <sys/types.h>

/* Beyond this a log is set aside as NAME.log.old (one generation) and begun anew. */
#define LOG_SIZE_MAX (1 << 20)

struct log {
    int fd; /* -1: none could be opened */
    off_t size;
    char path[256];
};

/* Opens directory/guest-NAME.log to be added to; a name with a slash gets none. */
void log_open(struct log *log, const char *directory, const char *name);
void log_add(struct log *log, const char *data, size_t size);
void log_close(struct log *log);

#endif

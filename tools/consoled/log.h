/* SPDX-License-Identifier: MIT */
/* A guest's console log on dom0's disk, which the guest cannot fill. */
#ifndef CONSOLED_LOG_H
#define CONSOLED_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Beyond this a log is set aside as NAME.log.old (one generation) and begun anew. */
#define LOG_SIZE_MAX (1 << 20)
/* One that cannot be opened is tried again after this time. */
#define LOG_RETRY_S 10

struct log {
    int fd; /* -1: it could not be opened */
    off_t size;
    time_t tried_s; /* by clock_now_s() */
    bool is_told;   /* that it cannot be opened */
    char path[256]; /* empty: none is kept */
};

/*
 * Opens directory/guest-NAME.log to be added to; a name with a slash gets none. While another
 * guest, which had the name before, logs there, it is guest-NAME.DOMID.log.
 */
void log_open(struct log *log, const char *directory, const char *name, unsigned int domid);
void log_add(struct log *log, const char *data, size_t size);
void log_close(struct log *log);

#endif

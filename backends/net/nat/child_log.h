/* SPDX-License-Identifier: MIT */
/* What a child process says, passed on to our own log in bounded measure. */
#ifndef NET_NAT_CHILD_LOG_H
#define NET_NAT_CHILD_LOG_H

#include <stddef.h>
#include <stdint.h>

/* Guests can make dnsmasq write a line per packet; the log lies in dom0's memory. */
#define CHILD_LOG_LINES_MAX 20 /* passed on a minute */
#define CHILD_LOG_MINUTE_MS 60000
#define CHILD_LOG_LINE_MAX  256 /* bytes with the NUL; the rest of a line is left out */

struct child_log {
    int read_fd, write_fd; /* a pipe: ours, without waiting, and the child's stderr; or -1 */
    const char *name;      /* before each line */
    char line[CHILD_LOG_LINE_MAX];
    size_t len;
    uint64_t minute_ms; /* when the present one began */
    unsigned n_passed, n_left_out;
};

/* Makes the pipe; `name` must outlive it. 0, or -1 with errno and both descriptors -1. */
int child_log_open(struct child_log *log, const char *name);

/* Takes what the child has written by now, at most a few kB, and passes lines on to net_log(). */
void child_log_take(struct child_log *log, uint64_t now_ms);

void child_log_close(struct child_log *log);

#endif

/* SPDX-License-Identifier: MIT */
/* What a child process says, passed on to our own log in bounded measure. */
#include "net/nat/child_log.h"

#include "net/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

int child_log_open(struct child_log *log, const char *name)
{
    int fds[2];

    *log = (struct child_log){.read_fd = -1, .write_fd = -1, .name = name};
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    log->read_fd = fds[0];
    log->write_fd = fds[1];
    return 0;
}

/* The minute is over: its lines are forgotten, and told how many were not seen. */
static void turn_minute(struct child_log *log, uint64_t now_ms)
{
    if (log->n_passed > 0 && now_ms - log->minute_ms < CHILD_LOG_MINUTE_MS)
        return;
    if (log->n_left_out > 0)
        net_log("%s: %u more lines left out", log->name, log->n_left_out);
    log->minute_ms = now_ms;
    log->n_passed = log->n_left_out = 0;
}

static void end_line(struct child_log *log, uint64_t now_ms)
{
    log->line[log->len] = '\0';
    log->len = 0;
    turn_minute(log, now_ms);
    if (log->n_passed == CHILD_LOG_LINES_MAX) {
        log->n_left_out++;
        return;
    }
    log->n_passed++;
    net_log("%s: %s", log->name, log->line);
}

void child_log_take(struct child_log *log, uint64_t now_ms)
{
    char text[4096];
    ssize_t n = read(log->read_fd, text, sizeof(text));

    for (ssize_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            end_line(log, now_ms);
        else if (log->len < sizeof(log->line) - 1)
            log->line[log->len++] = isprint((unsigned char)text[i]) ? text[i] : '?';
    }
}

void child_log_close(struct child_log *log)
{
    if (log->read_fd >= 0)
        close(log->read_fd);
    if (log->write_fd >= 0)
        close(log->write_fd);
    log->read_fd = log->write_fd = -1;
}

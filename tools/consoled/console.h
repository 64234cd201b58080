/* SPDX-License-Identifier: MIT */
/* One guest's console: its ring and event channel on one side, a pty and a log on the other. */
#ifndef CONSOLED_CONSOLE_H
#define CONSOLED_CONSOLE_H

#include "backlog.h"
#include "log.h"

#include <poll.h>
#include <stdbool.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>
#include <xen/io/console.h>

struct console {
    struct console *next;
    unsigned int domid;
    bool is_wanted; /* the guest was there in the last round of looking */
    xengnttab_handle *gnttab;
    volatile struct xencons_interface *ring;
    xenevtchn_handle *evtchn;
    evtchn_port_t port;
    int pty;       /* the master's end, not blocking */
    int pty_slave; /* kept open, so that a reader may come and go */
    struct log log;
    struct backlog backlog;
    size_t poll_index; /* this console's two places in the poll table */
};

/*
 * Joins a guest whose nodes are in xenstore and writes console/tty. Returns NULL, after saying why
 * unless the guest merely has no console yet.
 */
struct console *console_open(struct xs_handle *xs, unsigned int domid, const char *log_directory);
void console_close(struct console *console);

/* Fills two entries with what the console waits for. */
void console_poll(const struct console *console, struct pollfd fds[2]);

/* Serves what the two entries say has come. One turn carries at most a ring's content each way. */
void console_serve(struct console *console, const struct pollfd fds[2]);

#endif

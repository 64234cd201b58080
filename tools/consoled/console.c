/* SPDX-License-Identifier: MIT */
/* Carries a guest's console between its ring, a pty and a log. */
#include "console.h"
#include "ring.h"
#include "util/report.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <xen/grant_table.h>

/* The node's value (free() it) under the guest's directory, or NULL. */
static char *read_node(struct xs_handle *xs, unsigned int domid, const char *node)
{
    char path[128];

    snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, node);
    return xs_read(xs, XBT_NULL, path, NULL);
}

/* The event channel's number, or -1 when the guest has no console of ours. */
static long console_port(struct xs_handle *xs, unsigned int domid)
{
    char *type = read_node(xs, domid, "console/type");
    char *text = read_node(xs, domid, "console/port");
    long port = text && type && strcmp(type, "xenconsoled") == 0 ? strtol(text, NULL, 10) : -1;

    free(type);
    free(text);
    return port > 0 ? port : -1;
}

static int open_ring(struct console *console)
{
    console->gnttab = xengnttab_open(NULL, 0);
    if (!console->gnttab)
        return report_errno("cannot open /dev/xen/gntdev (is the module xen-gntdev loaded?)");
    console->ring = xengnttab_map_grant_ref(console->gnttab, console->domid,
                                            GNTTAB_RESERVED_CONSOLE, PROT_READ | PROT_WRITE);
    if (!console->ring)
        return report_errno("cannot map the console ring of domain %u", console->domid);
    return 0;
}

static int open_port(struct console *console, long remote_port)
{
    xenevtchn_port_or_error_t port;

    console->evtchn = xenevtchn_open(NULL, 0);
    if (!console->evtchn)
        return report_errno("cannot open /dev/xen/evtchn (is the module xen-evtchn loaded?)");
    fcntl(xenevtchn_fd(console->evtchn), F_SETFL, O_NONBLOCK);
    port = xenevtchn_bind_interdomain(console->evtchn, console->domid, (evtchn_port_t)remote_port);
    if (port < 0)
        return report_errno("cannot bind the console's event channel of domain %u", console->domid);
    console->port = (evtchn_port_t)port;
    return 0;
}

static int open_pty(struct console *console, struct xs_handle *xs)
{
    struct termios raw;
    char name[64], path[128];

    if (openpty(&console->pty, &console->pty_slave, NULL, NULL, NULL) < 0)
        return report_errno("cannot make a pty for domain %u", console->domid);
    if (tcgetattr(console->pty_slave, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(console->pty_slave, TCSANOW, &raw);
    }
    fcntl(console->pty, F_SETFL, O_NONBLOCK);
    fcntl(console->pty, F_SETFD, FD_CLOEXEC);
    fcntl(console->pty_slave, F_SETFD, FD_CLOEXEC);
    if (ttyname_r(console->pty_slave, name, sizeof(name)) != 0)
        return report_error("cannot name the pty of domain %u", console->domid);
    snprintf(path, sizeof(path), "/local/domain/%u/console/tty", console->domid);
    if (!xs_write(xs, XBT_NULL, path, name, strlen(name)))
        return report_errno("cannot write %s", path);
    return 0;
}

struct console *console_open(struct xs_handle *xs, unsigned int domid, const char *log_directory)
{
    long remote_port = console_port(xs, domid);
    struct console *console;
    char *name;

    if (remote_port < 0)
        return NULL;
    console = calloc(1, sizeof(*console));
    if (!console)
        return NULL;
    console->domid = domid;
    console->pty = console->pty_slave = console->log.fd = -1;
    if (open_ring(console) < 0 || open_port(console, remote_port) < 0 ||
        open_pty(console, xs) < 0) {
        console_close(console);
        return NULL;
    }
    name = read_node(xs, domid, "name");
    log_open(&console->log, log_directory, name ? name : "unnamed", domid);
    free(name);
    /* What it wrote before we came raised no event of ours. */
    xenevtchn_notify(console->evtchn, console->port);
    return console;
}

void console_poll(const struct console *console, struct pollfd fds[2])
{
    const char *unread;

    fds[0] = (struct pollfd){.fd = xenevtchn_fd(console->evtchn), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = console->pty};
    if (ring_input_room(console->ring))
        fds[1].events |= POLLIN;
    if (backlog_peek(&console->backlog, &unread))
        fds[1].events |= POLLOUT;
}

/* Ring to log and backlog, backlog to pty. */
static void carry_output(struct console *console)
{
    char data[sizeof(console->ring->out)];
    size_t n = ring_take_output(console->ring, data, sizeof(data));
    const char *unread;
    ssize_t written;

    if (n) {
        log_add(&console->log, data, n);
        backlog_add(&console->backlog, data, n);
        xenevtchn_notify(console->evtchn, console->port);
    }
    n = backlog_peek(&console->backlog, &unread);
    written = n ? write(console->pty, unread, n) : 0;
    if (written > 0)
        backlog_drop(&console->backlog, (size_t)written);
}

void console_close(struct console *console)
{
    /* A crashed guest's last words may still lie in the ring. */
    if (console->ring && console->pty >= 0)
        carry_output(console);
    if (console->evtchn)
        xenevtchn_close(console->evtchn);
    if (console->ring)
        xengnttab_unmap(console->gnttab, (void *)console->ring, 1);
    if (console->gnttab)
        xengnttab_close(console->gnttab);
    if (console->pty >= 0)
        close(console->pty);
    if (console->pty_slave >= 0)
        close(console->pty_slave);
    log_close(&console->log);
    free(console);
}

static void carry_input(struct console *console)
{
    char data[sizeof(console->ring->in)];
    size_t room = ring_input_room(console->ring);
    ssize_t n = room ? read(console->pty, data, room < sizeof(data) ? room : sizeof(data)) : 0;

    if (n > 0) {
        ring_put_input(console->ring, data, (size_t)n);
        xenevtchn_notify(console->evtchn, console->port);
    }
}

void console_serve(struct console *console, const struct pollfd fds[2])
{
    if (fds[0].revents & POLLIN) {
        xenevtchn_port_or_error_t port = xenevtchn_pending(console->evtchn);

        if (port >= 0)
            xenevtchn_unmask(console->evtchn, (evtchn_port_t)port);
    }
    if (fds[0].revents & POLLIN || fds[1].revents & POLLOUT)
        carry_output(console);
    if (fds[1].revents & POLLIN)
        carry_input(console);
}

/* SPDX-License-Identifier: MIT */
/* xl console: joins the terminal to the pty on which the console daemon serves a guest. */
#include "command.h"
#include "util/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LEAVE_KEY      0x1d /* Ctrl-] */
#define TTY_TIMEOUT_MS 10000

/* The pty's path (free() it), waiting for the daemon to have made it. NULL after saying why. */
static char *wait_for_tty(struct toolstack *ts, domid_t domid)
{
    const struct timespec pause = {.tv_nsec = 100000000};

    for (int waited = 0; waited < TTY_TIMEOUT_MS; waited += 100) {
        char *tty = store_read(ts->xs, XBT_NULL, "/local/domain/%u/console/tty", domid);

        if (tty && *tty)
            return tty;
        free(tty);
        nanosleep(&pause, NULL);
    }
    report_error("domain %u has no console after %d s: is corbel-consoled running?", domid,
                 TTY_TIMEOUT_MS / 1000);
    return NULL;
}

/* Characters go through as they are, both ways. Returns whether *saved must be put back. */
static bool make_raw(int fd, struct termios *saved)
{
    struct termios raw;

    if (!isatty(fd) || tcgetattr(fd, saved) < 0)
        return false;
    raw = *saved;
    cfmakeraw(&raw);
    return tcsetattr(fd, TCSANOW, &raw) == 0;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Carries bytes until the leaving key (1), the end of input (0 with *input closed), or the
 * console's end (-1). */
static int carry(int from, int to, bool is_keyboard)
{
    char data[4096];
    ssize_t n = read(from, data, sizeof(data));
    char *leave;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return -1;
    leave = is_keyboard ? memchr(data, LEAVE_KEY, (size_t)n) : NULL;
    if (write_all(to, data, leave ? (size_t)(leave - data) : (size_t)n) < 0)
        return -1;
    return leave ? 1 : 0;
}

static void join(int tty)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = tty, .events = POLLIN}};

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents && carry(tty, STDOUT_FILENO, false) < 0)
            return;
        if (fds[0].revents) {
            int ret = carry(STDIN_FILENO, tty, true);

            if (ret > 0)
                return;
            if (ret < 0)
                fds[0].fd = -1; /* no more input: go on showing the guest's output */
        }
    }
}

int console_attach(struct toolstack *ts, domid_t domid)
{
    struct termios saved_terminal, saved_tty;
    char *path = wait_for_tty(ts, domid);
    bool is_raw;
    int tty;

    if (!path)
        return XL_FAILED;
    tty = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0)
        report_errno("cannot open the console %s", path);
    free(path);
    if (tty < 0)
        return XL_FAILED;
    make_raw(tty, &saved_tty);
    is_raw = make_raw(STDIN_FILENO, &saved_terminal);
    join(tty);
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
    close(tty);
    return XL_OK;
}

static int attach_one(struct toolstack *ts, domid_t domid, void *context)
{
    (void)context;
    if (domid == 0)
        return report_error("domain 0's console is the machine's own");
    return console_attach(ts, domid) == XL_OK ? 0 : -1;
}

int cmd_console(int argc, char **argv)
{
    if (argc != 2)
        return command_usage(argv[0]);
    return command_for_domains(argc, argv, attach_one, NULL);
}

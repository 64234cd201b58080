/* SPDX-License-Identifier: MIT */
/* corbel-blkback: serves one virtual block device; started by corbel-blockd. */
#include "block/vbd.h"
#include "lib/launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 1000

/* Blocks the signals that end us and gives them back as a file descriptor. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Watches both directories and the ends of domains. */
static bool watch(struct xs_handle *xs, const char *backend)
{
    char frontend[256], path[300];
    unsigned length;
    char *value;

    snprintf(path, sizeof(path), "%s/frontend", backend);
    value = xs_read(xs, XBT_NULL, path, &length);
    if (value == NULL || length >= sizeof(frontend)) {
        free(value);
        return false;
    }
    memcpy(frontend, value, length);
    frontend[length] = '\0';
    free(value);
    snprintf(path, sizeof(path), "%s/state", frontend);
    return xs_watch(xs, path, "frontend") && xs_watch(xs, backend, "backend") &&
           xs_watch(xs, "@releaseDomain", "domain");
}

/* Empties the queue of watch events: what they say is read afresh by vbd_update(). */
static void drain_watches(struct xs_handle *xs)
{
    char **event;

    while ((event = xs_check_watch(xs)) != NULL)
        free(event);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True when the device has come to its end, false when something else ended us. */
static bool serve(struct xs_handle *xs, struct vbd *vbd, int signals)
{
    int64_t next_tick = now_ms() + TICK_MS;
    bool going = vbd_update(vbd);

    while (going) {
        struct pollfd fds[] = {
            {.fd = xs_fileno(xs), .events = POLLIN},
            {.fd = signals, .events = POLLIN},
            {.fd = vbd_event_fd(vbd), .events = POLLIN},
            {.fd = vbd_engine_fd(vbd), .events = POLLIN},
        };
        int64_t left = next_tick - now_ms();

        if (vbd_has_more(vbd) || left < 0)
            left = 0;
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), (int)left) < 0 && errno != EINTR)
            return false;
        if (fds[1].revents != 0)
            return false;
        /* First of all: after a long sleep, it says whether the disk is still ours. */
        if (now_ms() >= next_tick) {
            vbd_tick(vbd);
            next_tick = now_ms() + TICK_MS;
        }
        if (fds[3].revents != 0)
            vbd_on_engine(vbd);
        if (fds[2].revents != 0)
            vbd_on_event(vbd);
        if (vbd_has_more(vbd))
            vbd_continue(vbd);
        if (fds[0].revents != 0) {
            drain_watches(xs);
            going = vbd_update(vbd);
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct xs_handle *xs;
    struct vbd *vbd;
    bool ended = false;
    int signals, rc;

    if (argc != 2) {
        fprintf(stderr, "Usage: corbel-blkback BACKEND-DIRECTORY (of xenstore)\n");
        return LAUNCHER_GIVE_UP;
    }
    signals = open_signals();
    xs = xs_open(0);
    if (xs == NULL || signals < 0) {
        fprintf(stderr, "corbel-blkback: cannot reach xenstore: %s; is xenstored running?\n",
                strerror(errno));
        return 1;
    }
    if (!watch(xs, argv[1])) {
        fprintf(stderr, "corbel-blkback: %s is not a backend directory\n", argv[1]);
        xs_close(xs);
        return LAUNCHER_GIVE_UP;
    }
    rc = vbd_open(xs, argv[1], &vbd);
    if (rc == 0) {
        ended = serve(xs, vbd, signals);
        vbd_close(vbd);
    }
    xs_close(xs);
    close(signals);
    if (rc == 0)
        return ended ? 0 : 1;
    return rc == -EAGAIN ? 1 : LAUNCHER_GIVE_UP;
}

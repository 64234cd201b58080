/* SPDX-License-Identifier: MIT */
/* corbel-consoled: serves the PV consoles of all guests, a pty and a log each. */
#include "console.h"
#include "util/report.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_DIRECTORY "/var/log/xen/console"

struct daemon {
    struct xs_handle *xs;
    const char *log_directory;
    struct console *consoles;
    size_t n_consoles;
};

static volatile sig_atomic_t must_end;

static void on_signal(int signal)
{
    (void)signal;
    must_end = 1;
}

static struct console *find(struct daemon *daemon, unsigned int domid)
{
    struct console *console = daemon->consoles;

    while (console && console->domid != domid)
        console = console->next;
    return console;
}

/* Closes the consoles of guests that are gone: their last pages are freed only when nobody maps
 * them. */
static void drop_unwanted(struct daemon *daemon)
{
    struct console **link = &daemon->consoles;

    while (*link) {
        struct console *console = *link;

        if (console->is_wanted) {
            link = &console->next;
            continue;
        }
        *link = console->next;
        console_close(console);
        daemon->n_consoles--;
    }
}

/* Serves a guest that has come. */
static void take_in(struct daemon *daemon, unsigned int domid)
{
    struct console *console = console_open(daemon->xs, domid, daemon->log_directory);

    if (!console)
        return;
    console->is_wanted = true;
    console->next = daemon->consoles;
    daemon->consoles = console;
    daemon->n_consoles++;
}

/*
 * Compares the guests there are with those that are served. Who is gone is dropped before others
 * are taken in: after a reboot they log to the same file.
 */
static void look_for_guests(struct daemon *daemon)
{
    unsigned int n = 0, *domids;
    char **names = xs_directory(daemon->xs, XBT_NULL, "/local/domain", &n);

    domids = calloc(n + 1, sizeof(*domids));
    for (struct console *console = daemon->consoles; domids && console; console = console->next)
        console->is_wanted = false;
    for (unsigned int i = 0; domids && names && i < n; i++) {
        unsigned int domid = (unsigned int)strtoul(names[i], NULL, 10);
        struct console *console = find(daemon, domid);

        if (domid == 0 || !xs_is_domain_introduced(daemon->xs, domid))
            continue;
        if (console)
            console->is_wanted = true;
        else
            domids[i] = domid;
    }
    drop_unwanted(daemon);
    for (unsigned int i = 0; domids && i < n; i++)
        if (domids[i])
            take_in(daemon, domids[i]);
    free(domids);
    free(names);
}

/* One round: waits, then serves each console once, so that none starves the others. */
static int serve_once(struct daemon *daemon)
{
    const size_t n = 1 + 2 * daemon->n_consoles;
    struct pollfd *fds = calloc(n, sizeof(*fds));
    size_t index = 1;
    char **event;

    if (!fds)
        return report_error("out of memory");
    fds[0] = (struct pollfd){.fd = xs_fileno(daemon->xs), .events = POLLIN};
    for (struct console *console = daemon->consoles; console; console = console->next) {
        console->poll_index = index;
        console_poll(console, &fds[index]);
        index += 2;
    }
    if (poll(fds, n, -1) < 0) {
        free(fds);
        return errno == EINTR ? 0 : report_errno("cannot wait for events");
    }
    for (struct console *console = daemon->consoles; console; console = console->next)
        console_serve(console, &fds[console->poll_index]);
    if (fds[0].revents) {
        while ((event = xs_check_watch(daemon->xs)) != NULL)
            free(event);
        if (errno != EAGAIN) {
            free(fds);
            return report_errno("lost xenstored");
        }
        look_for_guests(daemon);
    }
    free(fds);
    return 0;
}

/* Makes the directory and those above it. */
static void make_directories(const char *path)
{
    char copy[256];

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0755);
        *slash = '/';
    }
    mkdir(copy, 0755);
}

static int write_pid(const char *path)
{
    FILE *file = path ? fopen(path, "we") : NULL;

    if (!path)
        return 0;
    if (!file)
        return report_errno("cannot write %s", path);
    fprintf(file, "%d\n", getpid());
    return fclose(file) == 0 ? 0 : report_errno("cannot write %s", path);
}

static int run(struct daemon *daemon)
{
    struct sigaction action = {.sa_handler = on_signal};
    int ret = 0;

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    daemon->xs = xs_open(0);
    if (!daemon->xs)
        return report_errno("cannot reach xenstored (is it running?)");
    make_directories(daemon->log_directory);
    if (!xs_watch(daemon->xs, "@introduceDomain", "guests") ||
        !xs_watch(daemon->xs, "@releaseDomain", "guests"))
        ret = report_errno("cannot watch for guests");
    while (ret == 0 && !must_end)
        ret = serve_once(daemon);
    for (struct console *console = daemon->consoles; console; console = console->next)
        console->is_wanted = false;
    drop_unwanted(daemon);
    xs_close(daemon->xs);
    return ret;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"daemon", no_argument, NULL, 'd'},
                                          {"log-dir", required_argument, NULL, 'l'},
                                          {"pid-file", required_argument, NULL, 'p'},
                                          {0}};
    struct daemon consoled = {.log_directory = LOG_DIRECTORY};
    const char *pid_file = NULL;
    int is_daemon = 0, c;

    report_set_program("corbel-consoled");
    while ((c = getopt_long(argc, argv, "dl:p:", known, NULL)) != -1) {
        if (c == 'd') {
            is_daemon = 1;
        } else if (c == 'l') {
            consoled.log_directory = optarg;
        } else if (c == 'p') {
            pid_file = optarg;
        } else {
            fprintf(stderr, "Usage: corbel-consoled [-d|--daemon] [-l|--log-dir DIR] "
                            "[-p|--pid-file FILE]\n");
            return 2;
        }
    }
    if (is_daemon && daemon(0, 1) < 0) {
        report_errno("cannot become a daemon");
        return 1;
    }
    if (write_pid(pid_file) < 0)
        return 1;
    return run(&consoled) < 0 ? 1 : 0;
}

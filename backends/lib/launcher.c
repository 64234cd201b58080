/* SPDX-License-Identifier: MIT */
/* launcher: the table of devices and their processes. */
#include "lib/launcher.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#define DIRECTORY_MAX   256
#define RESTART_DELAY_S 1
/* A program that exits with an error again and again is started ever later, up to this. */
#define RESTART_DELAY_MAX_S 8

struct device {
    char directory[DIRECTORY_MAX];
    pid_t pid;       /* 0: not running */
    bool finished;   /* ended for good; kept until its directory goes */
    bool present;    /* seen in the last scan */
    bool left;       /* was absent while its process ran: what comes there now is another device */
    time_t start_at; /* when to start it (again), by the monotonic clock */
    time_t started;  /* when it was last */
    time_t delay;    /* before the last start, s */
    struct device *next;
};

struct launcher {
    const struct launcher_options *options;
    struct xs_handle *xs;
    char program[PATH_MAX];
    struct device *devices;
};

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* The program beside our own executable, or its bare name for PATH. */
static void find_program(struct launcher *launcher)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    snprintf(launcher->program, sizeof(launcher->program), "%s", launcher->options->program);
    if (n <= 0)
        return;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL)
        return;
    slash[1] = '\0';
    if (strlen(self) + strlen(launcher->options->program) < sizeof(launcher->program)) {
        strcpy(launcher->program, self);
        strcat(launcher->program, launcher->options->program);
    }
    if (access(launcher->program, X_OK) != 0)
        snprintf(launcher->program, sizeof(launcher->program), "%s", launcher->options->program);
}

static void start(struct launcher *launcher, struct device *device)
{
    pid_t pid = fork();

    if (pid < 0) {
        fprintf(stderr, "%s: fork: %s\n", launcher->options->name, strerror(errno));
        device->start_at = now_s() + RESTART_DELAY_S;
        return;
    }
    if (pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execlp(launcher->program, launcher->options->program, device->directory, (char *)NULL);
        fprintf(stderr, "%s: cannot run %s: %s\n", launcher->options->name, launcher->program,
                strerror(errno));
        _exit(1);
    }
    device->pid = pid;
    device->start_at = 0;
    device->started = now_s();
}

static struct device *device_of(struct launcher *launcher, const char *directory)
{
    struct device *device;

    for (device = launcher->devices; device != NULL; device = device->next) {
        if (strcmp(device->directory, directory) == 0)
            return device;
    }
    device = calloc(1, sizeof(*device));
    if (device == NULL)
        return NULL;
    strcpy(device->directory, directory);
    device->next = launcher->devices;
    launcher->devices = device;
    return device;
}

/* A device counts when its frontend is named: then the toolstack has written all of it. */
static bool is_complete(struct launcher *launcher, const char *directory)
{
    char path[DIRECTORY_MAX + 16];
    unsigned length;
    char *value;

    snprintf(path, sizeof(path), "%s/frontend", directory);
    value = xs_read(launcher->xs, XBT_NULL, path, &length);
    free(value);
    return value != NULL;
}

static void scan_domain(struct launcher *launcher, const char *domain)
{
    char path[DIRECTORY_MAX], directory[DIRECTORY_MAX];
    unsigned count = 0;
    char **names;

    if (snprintf(path, sizeof(path), "%s/%s", launcher->options->root, domain) >= (int)sizeof(path))
        return;
    names = xs_directory(launcher->xs, XBT_NULL, path, &count);
    for (unsigned i = 0; names != NULL && i < count; i++) {
        struct device *device;

        if (snprintf(directory, sizeof(directory), "%.200s/%.50s", path, names[i]) >=
                (int)sizeof(directory) ||
            !is_complete(launcher, directory))
            continue;
        device = device_of(launcher, directory);
        if (device != NULL)
            device->present = true;
    }
    free(names);
}

/* Forgets devices whose directory and process are gone; notes those whose process still ends. */
static void forget_absent(struct launcher *launcher)
{
    struct device **link = &launcher->devices;

    while (*link != NULL) {
        struct device *device = *link;

        if (device->present || device->pid != 0) {
            device->left |= !device->present;
            link = &device->next;
            continue;
        }
        *link = device->next;
        free(device);
    }
}

static void scan(struct launcher *launcher)
{
    unsigned count = 0;
    char **domains;

    for (struct device *device = launcher->devices; device != NULL; device = device->next)
        device->present = false;
    domains = xs_directory(launcher->xs, XBT_NULL, launcher->options->root, &count);
    for (unsigned i = 0; domains != NULL && i < count; i++)
        scan_domain(launcher, domains[i]);
    free(domains);
    forget_absent(launcher);
}

static void start_due(struct launcher *launcher)
{
    for (struct device *device = launcher->devices; device != NULL; device = device->next) {
        if (device->pid == 0 && !device->finished && device->present && device->start_at <= now_s())
            start(launcher, device);
    }
}

/* Killed ones are started soon; those that find no end of errors are given time. */
static time_t delay_after(const struct device *device, int status)
{
    bool again = WIFEXITED(status) && device->delay > 0 &&
                 now_s() - device->started < 2 * RESTART_DELAY_MAX_S;
    time_t delay = again ? 2 * device->delay : RESTART_DELAY_S;

    return delay < RESTART_DELAY_MAX_S ? delay : RESTART_DELAY_MAX_S;
}

static void note_end(struct launcher *launcher, struct device *device, int status)
{
    device->pid = 0;
    device->finished = !device->left && WIFEXITED(status) &&
                       (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == LAUNCHER_GIVE_UP);
    device->delay = delay_after(device, status);
    device->start_at = now_s() + device->delay;
    device->left = false;
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: the process of %s died of signal %d: starting it again\n",
                launcher->options->name, device->directory, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        fprintf(stderr, "%s: the process of %s exited with %d%s\n", launcher->options->name,
                device->directory, WEXITSTATUS(status),
                device->finished ? "" : ": starting it again");
}

static void reap(struct launcher *launcher)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (struct device *device = launcher->devices; device != NULL; device = device->next) {
            if (device->pid == pid)
                note_end(launcher, device, status);
        }
    }
    forget_absent(launcher);
}

/* Handles one signal; false when it asks us to end. */
static bool on_signal(struct launcher *launcher, int signals)
{
    struct signalfd_siginfo info;

    if (read(signals, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGCHLD) {
        reap(launcher);
        return true;
    }
    return false;
}

static void end_children(struct launcher *launcher)
{
    for (struct device *device = launcher->devices; device != NULL; device = device->next) {
        if (device->pid != 0)
            kill(device->pid, SIGTERM);
    }
    while (wait(NULL) > 0 || errno == EINTR)
        ;
}

static void free_devices(struct launcher *launcher)
{
    struct device *device;

    while ((device = launcher->devices) != NULL) {
        launcher->devices = device->next;
        free(device);
    }
}

static void run(struct launcher *launcher, int signals)
{
    bool going = true;

    while (going) {
        struct pollfd fds[] = {
            {.fd = xs_fileno(launcher->xs), .events = POLLIN},
            {.fd = signals, .events = POLLIN},
        };
        char **event;

        if (poll(fds, 2, RESTART_DELAY_S * 1000) < 0 && errno != EINTR)
            return;
        if (fds[1].revents != 0)
            going = on_signal(launcher, signals);
        if (fds[0].revents != 0) {
            while ((event = xs_check_watch(launcher->xs)) != NULL)
                free(event);
            scan(launcher);
        }
        if (going)
            start_due(launcher);
    }
}

int launcher_run(const struct launcher_options *options)
{
    struct launcher launcher = {.options = options};
    sigset_t set;
    int signals;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC);
    launcher.xs = xs_open(0);
    if (launcher.xs == NULL || signals < 0 || !xs_watch(launcher.xs, options->root, "devices")) {
        fprintf(stderr, "%s: cannot reach xenstore: %s; is xenstored running?\n", options->name,
                strerror(errno));
        return 1;
    }
    find_program(&launcher);
    run(&launcher, signals);
    end_children(&launcher);
    free_devices(&launcher);
    close(signals);
    xs_close(launcher.xs);
    return 0;
}

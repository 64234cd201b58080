/* SPDX-License-Identifier: MIT */
/* corbel-vswitchd: all vSwitches and all guests' vifs, in one process; see corbel-vswitchd(8). */
#include "lib/instance.h"
#include "net/control.h"
#include "net/datapath.h"
#include "net/log.h"
#include "net/switches.h"
#include "net/vifs.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <xentoollog.h>

#define CONFIG_PATH   "/etc/corbel/vswitch.conf"
#define MAINTENANCE_S 2
#define EVENTS_MAX    32

struct daemon {
    struct net_config config;
    struct switches switches;
    xentoollog_logger *logger;
    struct xs_handle *xs;
    xengnttab_handle *gnttab;
    xenevtchn_handle *evtchn;
    struct vifs *vifs;
    struct cpu_meter meter;
    struct datapath *dp;
    int epoll_fd, signal_fd, timer_fd, control_fd;
    bool stop;
};

/* A descriptor waited for, and what to do when it is readable. */
struct source {
    void (*handle)(struct daemon *d, void *arg);
    void *arg;
};

/* Where each descriptor's source is; those of vSwitches follow the fixed ones in their order. */
enum source_slot {
    SOURCE_STORE,
    SOURCE_EVENT,
    SOURCE_SIGNAL,
    SOURCE_TIMER,
    SOURCE_CONTROL,
    SOURCE_DHCP,
    SOURCE_UPLINKS = SOURCE_DHCP + CONFIG_SWITCHES_MAX,
    SOURCE_COUNT = SOURCE_UPLINKS + CONFIG_SWITCHES_MAX * SWITCH_UPLINKS,
};

static struct source sources[SOURCE_COUNT];

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int watch_fd(struct daemon *d, int fd, unsigned slot,
                    void (*handle)(struct daemon *, void *), void *arg)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = slot};

    sources[slot] = (struct source){handle, arg};
    if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    net_log("cannot wait for a descriptor: %s", strerror(errno));
    return -1;
}

static void on_store(struct daemon *d, void *arg)
{
    (void)arg;
    vifs_handle_changes(d->vifs);
}

static void on_event(struct daemon *d, void *arg)
{
    (void)arg;
    vifs_handle_event(d->vifs);
}

static void on_uplink(struct daemon *d, void *arg)
{
    struct uplink_port *uplink = arg;

    if (uplink->port.number < 0)
        return;
    if (datapath_serve_uplink(d->dp, uplink, now_ms()) == DATAPATH_GONE)
        switches_lose_uplink(uplink);
    vifs_close_broken(d->vifs);
    datapath_charge_receivers(d->dp, cpu_meter_lap(&d->meter));
}

static void on_dhcp_log(struct daemon *d, void *arg)
{
    child_log_take(arg, now_ms());
    cpu_meter_lap(&d->meter);
}

static void on_control(struct daemon *d, void *arg)
{
    int fd = accept4(d->control_fd, NULL, NULL, SOCK_CLOEXEC);

    (void)arg;
    if (fd >= 0)
        control_serve(fd, &d->switches, now_ms());
    cpu_meter_lap(&d->meter);
}

static void on_signal(struct daemon *d, void *arg)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    (void)arg;
    if (read(d->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo != SIGCHLD) {
        d->stop = true;
        return;
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        switches_child_ended(&d->switches, pid, status, now_ms());
}

/* An uplink was opened: wait for its frames. */
static void add_uplink(struct uplink_port *uplink, void *arg)
{
    struct daemon *d = arg;

    for (unsigned i = 0; i < d->switches.n; i++)
        for (unsigned u = 0; u < SWITCH_UPLINKS; u++)
            if (uplink == &d->switches.list[i].uplinks[u])
                watch_fd(d, uplink->uplink.fd, SOURCE_UPLINKS + i * SWITCH_UPLINKS + u, on_uplink,
                         uplink);
}

static void on_timer(struct daemon *d, void *arg)
{
    uint64_t expirations;

    (void)arg;
    if (read(d->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
        switches_maintain(&d->switches, now_ms(), add_uplink, d);
    vifs_show_accounts(d->vifs);
    cpu_meter_lap(&d->meter); /* that was for nobody */
}

static int open_descriptors(struct daemon *d, const char *control_path)
{
    struct itimerspec period = {{MAINTENANCE_S, 0}, {0, 1}};
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    d->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (d->epoll_fd < 0 || d->signal_fd < 0 || d->timer_fd < 0 ||
        timerfd_settime(d->timer_fd, 0, &period, NULL) < 0) {
        net_log("no descriptors for waiting: %s", strerror(errno));
        return -1;
    }
    d->control_fd = control_listen(control_path);
    if (d->control_fd < 0) {
        net_log("cannot listen at %s: %s; choose another place with --socket", control_path,
                strerror(errno));
        return -1;
    }
    return 0;
}

static int open_xen(struct daemon *d)
{
    /* The libraries' own error lines can be provoked by any guest: only the gravest pass. */
    d->logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    d->xs = xs_open(0);
    if (!d->xs) {
        net_log("no xenstore (%s): start xenstored first", strerror(errno));
        return -1;
    }
    d->gnttab = xengnttab_open(d->logger, 0);
    d->evtchn = xenevtchn_open(d->logger, 0);
    if (!d->gnttab || !d->evtchn) {
        net_log("cannot open %s: %s; load the modules xen-gntdev and xen-evtchn",
                d->gnttab ? "/dev/xen/evtchn" : "/dev/xen/gntdev", strerror(errno));
        return -1;
    }
    d->dp = datapath_new(d->gnttab, d->evtchn);
    d->vifs = vifs_new(d->xs, d->gnttab, d->evtchn, &d->meter, switches_find, &d->switches);
    if (!d->dp || !d->vifs) {
        net_log("cannot begin to watch the store for vifs: %s", strerror(errno));
        return -1;
    }
    return 0;
}

/* Wait for what each vSwitch's dnsmasq says. */
static int watch_dhcp_logs(struct daemon *d)
{
    for (unsigned i = 0; i < d->switches.n; i++) {
        struct dhcp_server *dhcp = &d->switches.list[i].dhcp;

        if (dhcp->config &&
            watch_fd(d, dhcp->log.read_fd, SOURCE_DHCP + i, on_dhcp_log, &dhcp->log) < 0)
            return -1;
    }
    return 0;
}

static int start(struct daemon *d, const char *control_path)
{
    if (open_descriptors(d, control_path) < 0 ||
        switches_init(&d->switches, &d->config, INSTANCE_RUN_DIRECTORY) < 0 || open_xen(d) < 0)
        return -1;
    if (watch_fd(d, xs_fileno(d->xs), SOURCE_STORE, on_store, NULL) < 0 ||
        watch_fd(d, xenevtchn_fd(d->evtchn), SOURCE_EVENT, on_event, NULL) < 0 ||
        watch_fd(d, d->signal_fd, SOURCE_SIGNAL, on_signal, NULL) < 0 ||
        watch_fd(d, d->timer_fd, SOURCE_TIMER, on_timer, NULL) < 0 ||
        watch_fd(d, d->control_fd, SOURCE_CONTROL, on_control, NULL) < 0 || watch_dhcp_logs(d) < 0)
        return -1;
    switches_maintain(&d->switches, now_ms(), add_uplink, d);
    return 0;
}

static int run(struct daemon *d)
{
    struct epoll_event events[EVENTS_MAX];

    while (!d->stop) {
        int n = epoll_wait(d->epoll_fd, events, EVENTS_MAX, vifs_have_work(d->vifs) ? 0 : -1);

        if (n < 0 && errno != EINTR) {
            net_log("cannot wait for events: %s", strerror(errno));
            return -1;
        }
        for (int i = 0; i < n; i++) {
            const struct source *source = &sources[events[i].data.u32];

            source->handle(d, source->arg);
        }
        vifs_serve(d->vifs, d->dp, now_ms());
    }
    return 0;
}

static void finish(struct daemon *d)
{
    vifs_free(d->vifs);
    datapath_free(d->dp);
    if (d->evtchn)
        xenevtchn_close(d->evtchn);
    if (d->gnttab)
        xengnttab_close(d->gnttab);
    if (d->xs)
        xs_close(d->xs);
    xtl_logger_destroy(d->logger);
    switches_free(&d->switches);
}

static void usage(FILE *out)
{
    fprintf(out, "Usage: corbel-vswitchd [--config FILE] [--socket PATH] [--check]\n"
                 "Connects guests' network interfaces to vSwitches; runs in the foreground.\n"
                 "  --config FILE  read this instead of " CONFIG_PATH "\n"
                 "  --socket PATH  listen for corbel-vswitchctl there, not at " CONTROL_SOCKET "\n"
                 "  --check        only say whether the configuration is right\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"socket", required_argument, NULL, 's'},
        {"check", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    static struct daemon d;
    const char *config_path = CONFIG_PATH, *control_path = CONTROL_SOCKET;
    char error[512];
    bool check = false;
    int option, result;

    while ((option = getopt_long(argc, argv, "c:s:nh", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            config_path = optarg;
            break;
        case 's':
            control_path = optarg;
            break;
        case 'n':
            check = true;
            break;
        default:
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    }
    if (config_load(config_path, &d.config, error, sizeof(error)) < 0) {
        net_log("%s", error);
        return EXIT_FAILURE;
    }
    if (check)
        return EXIT_SUCCESS;
    if (instance_lock(INSTANCE_RUN_DIRECTORY, "corbel-vswitchd") < 0)
        return EXIT_FAILURE;
    result = start(&d, control_path) < 0 ? -1 : run(&d);
    finish(&d);
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

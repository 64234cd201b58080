/* SPDX-License-Identifier: MIT */
/* A dnsmasq for each vSwitch with a DHCP range (dnsmasq(8)). */
#include "net/nat/dhcp.h"

#include "net/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/wait.h>

#define DNSMASQ         "dnsmasq"
#define ARGS_MAX        24
#define ARG_LEN         160
#define PAUSE_MS        1000
#define PAUSE_SHIFT_MAX 6     /* at most 64 s between starts */
#define STEADY_MS       30000 /* having run so long, its failures are forgotten */

struct arguments {
    unsigned n;
    char text[ARGS_MAX][ARG_LEN];
    char *argv[ARGS_MAX + 1];
};

__attribute__((format(printf, 2, 3))) static void add(struct arguments *args, const char *format,
                                                      ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(args->text[args->n], ARG_LEN, format, list);
    va_end(list);
    args->argv[args->n] = args->text[args->n];
    args->n++;
}

/* Guests' packets are parsed there: not as root, if there is anyone else to be. */
static const char *choose_user(void)
{
    static const char *const users[] = {"dnsmasq", "nobody"};

    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
        if (getpwnam(users[i]))
            return users[i];
    return "root";
}

static void pid_path(char *out, size_t size, const struct switch_config *config,
                     const char *run_dir)
{
    snprintf(out, size, "%s/dnsmasq-%s.pid", run_dir, config->name);
}

static void build_arguments(struct arguments *args, const struct switch_config *config,
                            const char *run_dir)
{
    struct in_addr first = {htonl(config->dhcp_first)}, last = {htonl(config->dhcp_last)};
    char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN], pid[ARG_LEN - 16];

    inet_ntop(AF_INET, &first, from, sizeof(from));
    inet_ntop(AF_INET, &last, to, sizeof(to));
    pid_path(pid, sizeof(pid), config, run_dir);
    args->n = 0;
    add(args, DNSMASQ);
    add(args, "--conf-file=/dev/null");
    add(args, "--keep-in-foreground");
    add(args, "--log-facility=-");
    add(args, "--quiet-dhcp");
    add(args, "--user=%s", choose_user());
    add(args, "--pid-file=%s", pid);
    add(args, "--dhcp-leasefile=%s/dnsmasq-%s.leases", run_dir, config->name);
    add(args, "--interface=%s", config->tap);
    add(args, "--except-interface=lo");
    add(args, "--bind-interfaces");
    add(args, "--dhcp-authoritative");
    add(args, "--dhcp-range=%s,%s,12h", from, to);
    args->argv[args->n] = NULL;
}

/* Whether `pid` is a dnsmasq that was started with our pid file. */
static bool is_ours(pid_t pid, const char *pid_file)
{
    char path[64], text[4096], *at;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    for (at = text; at < text + n; at += strlen(at) + 1)
        if (strncmp(at, "--pid-file=", 11) == 0 && strcmp(at + 11, pid_file) == 0)
            return true;
    return false;
}

int dhcp_init(struct dhcp_server *dhcp, const struct switch_config *config, const char *run_dir)
{
    char path[ARG_LEN];
    FILE *file;
    int pid = 0;

    *dhcp = (struct dhcp_server){.config = config, .pid = -1};
    if (child_log_open(&dhcp->log, config->name) < 0)
        return -1;
    pid_path(path, sizeof(path), config, run_dir);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%d", &pid) == 1 && pid > 1 && is_ours(pid, path))
        kill(pid, SIGTERM);
    fclose(file);
    return 0;
}

static void run_child(const struct arguments *args, int log_fd)
{
    sigset_t none;

    dup2(log_fd, STDERR_FILENO);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(args->argv[0], args->argv);
    _exit(127);
}

void dhcp_keep_running(struct dhcp_server *dhcp, const char *run_dir, uint64_t now_ms)
{
    struct arguments args;
    pid_t pid;

    if (!dhcp->config || dhcp->pid > 0 || now_ms < dhcp->next_start_ms)
        return;
    build_arguments(&args, dhcp->config, run_dir);
    pid = fork();
    if (pid == 0)
        run_child(&args, dhcp->log.write_fd);
    if (pid < 0) {
        net_log("%s: cannot start " DNSMASQ ": %s", dhcp->config->name, strerror(errno));
        return;
    }
    dhcp->pid = pid;
    dhcp->started_ms = now_ms;
}

bool dhcp_child_ended(struct dhcp_server *dhcp, pid_t pid, int status, uint64_t now_ms)
{
    unsigned shift;

    if (!dhcp->config || dhcp->pid != pid)
        return false;
    dhcp->pid = -1;
    if (now_ms - dhcp->started_ms > STEADY_MS)
        dhcp->failures = 0;
    shift = dhcp->failures < PAUSE_SHIFT_MAX ? dhcp->failures : PAUSE_SHIFT_MAX;
    dhcp->failures++;
    dhcp->next_start_ms = now_ms + ((uint64_t)PAUSE_MS << shift);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        net_log("%s: no " DNSMASQ " in PATH: guests get no address; install dnsmasq-base",
                dhcp->config->name);
    else
        net_log("%s: " DNSMASQ " ended (status %#x); starting it again in %u s", dhcp->config->name,
                (unsigned)status, 1u << shift);
    return true;
}

void dhcp_stop(struct dhcp_server *dhcp)
{
    if (dhcp->pid > 0)
        kill(dhcp->pid, SIGTERM);
    dhcp->pid = -1;
    if (dhcp->config)
        child_log_close(&dhcp->log);
}

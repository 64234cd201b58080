/* SPDX-License-Identifier: MIT */
/* xl create: a guest from a config file, and a process that stays behind to watch over it. */
#include "command.h"
#include "describe.h"
#include "domain/kernel.h"
#include "domain/life.h"
#include "util/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_FILE_MAX (1ul << 20)
#define LOG_DIRECTORY   "/var/log/xen"
#define LOG_SIZE_MAX    (256 << 10)

struct create_options {
    const char *file;
    bool is_console;
    bool is_paused;
    bool is_dry;
    bool is_foreground;
    bool is_unwatched;
    bool is_quiet;
};

static int parse_options(int argc, char **argv, struct create_options *options)
{
    static const struct option known[] = {
        {"console", no_argument, NULL, 'c'},         {"paused", no_argument, NULL, 'p'},
        {"dryrun", no_argument, NULL, 'n'},          {"foreground", no_argument, NULL, 'F'},
        {"no-wait", no_argument, NULL, 'e'},         {"quiet", no_argument, NULL, 'q'},
        {"defconfig", required_argument, NULL, 'f'}, {0}};
    int c;

    while ((c = getopt_long(argc, argv, "cpnFeqf:", known, NULL)) != -1) {
        switch (c) {
        case 'c':
            options->is_console = true;
            break;
        case 'p':
            options->is_paused = true;
            break;
        case 'n':
            options->is_dry = true;
            break;
        case 'F':
            options->is_foreground = true;
            break;
        case 'e':
            options->is_unwatched = true;
            break;
        case 'q':
            options->is_quiet = true;
            break;
        case 'f':
            options->file = optarg;
            break;
        default:
            return -1;
        }
    }
    if (!options->file && optind < argc && !strchr(argv[optind], '='))
        options->file = argv[optind++];
    if (options->file)
        return 0;
    return report_error("which config file? (such as /etc/xen/demo.cfg)");
}

static void complain(void *context, bool is_error, const char *file, unsigned int line,
                     const char *text)
{
    const struct create_options *options = context;

    if (!is_error && options->is_quiet)
        return;
    fprintf(stderr, "%s:%u: %s: %s\n", file, line, is_error ? "error" : "warning", text);
}

/* Adds one text's settings; says where it is wrong. */
static int add_text(struct cfg *cfg, const char *text, size_t size, const char *file)
{
    struct cfg_error error;

    if (cfg_parse(cfg, text, size, file, &error) == 0)
        return 0;
    fprintf(stderr, "%s:%u: error: %s\n", error.file, error.line, error.text);
    return -1;
}

/*
 * Makes a path of the config one that holds in any directory: who watches over the guest reads it
 * again at each reboot, from elsewhere. Links in it stay: what they name may change.
 */
static int make_absolute(char **path)
{
    char *directory, *absolute = NULL;
    size_t size;

    if (!*path || **path == '/')
        return 0;
    directory = getcwd(NULL, 0);
    size = directory ? strlen(directory) + strlen(*path) + 2 : 0;
    absolute = directory ? malloc(size) : NULL;
    if (absolute) {
        snprintf(absolute, size, "%s/%s", directory, *path);
        free(*path);
        *path = absolute;
    }
    free(directory);
    return absolute ? 0 : report_errno("cannot tell the present directory");
}

/* The file's settings, then those of the command line on top. */
static int read_config(struct domain_config *config, const struct create_options *options, int argc,
                       char **argv)
{
    struct cfg cfg = {0};
    void *text;
    size_t size;
    int ret;

    *config = (struct domain_config){0};
    if (file_read(options->file, CONFIG_FILE_MAX, &text, &size) < 0)
        return -1;
    ret = add_text(&cfg, text, size, options->file);
    for (int i = optind; ret == 0 && i < argc; i++)
        ret = add_text(&cfg, argv[i], strlen(argv[i]), "command line");
    if (ret == 0)
        ret = domain_config_read(config, &cfg, options->file, complain, (void *)options);
    if (ret == 0 && (make_absolute(&config->kernel) < 0 || make_absolute(&config->ramdisk) < 0))
        ret = -1;
    cfg_free(&cfg);
    free(text);
    return ret;
}

/* Standard input from nowhere, output into the guest's own log. */
static void redirect_to_log(const char *name)
{
    char path[256];
    int null = open("/dev/null", O_RDWR);
    int log;

    mkdir("/var/log", 0755);
    mkdir(LOG_DIRECTORY, 0755);
    snprintf(path, sizeof(path), LOG_DIRECTORY "/xl-%s.log", name);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    if (log < 0)
        log = null;
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    if (null > STDERR_FILENO)
        close(null);
    if (log > STDERR_FILENO && log != null)
        close(log);
}

/*
 * What stays behind. It opens handles of its own: those of the parent have threads that a fork does
 * not copy.
 */
static int watch_over(const struct domain_config *config, domid_t domid)
{
    struct toolstack ts;

    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    domain_watch_over(&ts, config, domid);
    toolstack_close(&ts);
    return XL_OK;
}

/* Leaves a process behind that watches over the guest. */
static int leave_watcher(const struct domain_config *config, domid_t domid)
{
    pid_t pid = fork();

    if (pid < 0)
        return report_errno(
            "cannot start a process to watch over domain %u: on_reboot and the like will "
            "not be done",
            domid);
    if (pid > 0)
        return 0;
    setsid();
    if (chdir("/") < 0)
        _exit(XL_FAILED);
    redirect_to_log(config->name);
    report_set_log_max(LOG_SIZE_MAX);
    report_set_verbose(1);
    _exit(watch_over(config, domid));
}

static int start(struct toolstack *ts, const struct domain_config *config,
                 const struct create_options *options)
{
    int status = XL_OK;
    domid_t domid;

    if (domain_create(ts, config, &domid) < 0)
        return XL_FAILED;
    report_detail("domain %u '%s' made", domid, config->name);
    if (!options->is_unwatched && !options->is_foreground && leave_watcher(config, domid) < 0)
        status = XL_FAILED;
    if (!options->is_paused && hv_domain_unpause(ts->hv, domid) < 0) {
        report_errno("cannot start domain %u", domid);
        status = XL_FAILED;
    }
    if (options->is_console && status == XL_OK)
        status = console_attach(ts, domid);
    if (options->is_foreground && status == XL_OK)
        status = watch_over(config, domid);
    return status;
}

int cmd_create(int argc, char **argv)
{
    struct create_options options = {0};
    struct domain_config config;
    struct toolstack ts;
    int status = XL_FAILED;

    if (parse_options(argc, argv, &options) < 0)
        return command_usage(argv[0]);
    if (!options.is_quiet)
        printf("Parsing config from %s\n", options.file);
    fflush(stdout);
    if (read_config(&config, &options, argc, argv) == 0) {
        if (options.is_dry) {
            status = command_print_json(describe_config(&config));
        } else if (toolstack_open(&ts) == 0) {
            status = start(&ts, &config, &options);
            toolstack_close(&ts);
        }
    }
    domain_config_free(&config);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* vmfs-mount: shows a VMFS volume as a directory of this host, for reading or, asked, writing. */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_READ    1048576 /* bytes of one request: the most that Linux sends */
#define TEXT_OF(x)  #x
#define TEXT(macro) TEXT_OF(macro)

static const char usage[] =
    "Usage: vmfs-mount [OPTIONS] DEVICE... DIRECTORY\n"
    "       vmfs-mount [OPTIONS] --label LABEL DIRECTORY\n"
    "\n"
    "Shows the VMFS volume on DEVICE (image or disk; all its extents), or the one with LABEL, as\n"
    "DIRECTORY, for reading. `umount DIRECTORY` ends it.\n"
    "\n"
    "  -w, --write         allow changes; on a volume not made by Corbel only what is allocated\n"
    "                      already is overwritten\n"
    "      --break-dead    take over from a host that died with the volume open (with --write)\n"
    "      --allow-other   other users may look too\n"
    "  -f, --foreground    stay in the foreground and say what fails\n"
    "      --help\n";

struct settings {
    const char *label;
    unsigned flags; /* of vmfs_open() */
    bool allow_other, foreground;
};

struct mount *mount_current(void)
{
    return fuse_get_context()->private_data;
}

int mount_failed(struct mount *mount, const char *path, int rc)
{
    if (rc != 0)
        fprintf(stderr, "vmfs-mount: %s: %s\n", path, vmfs_error(mount->datastore.volume));
    return rc;
}

static int complain(const char *text)
{
    fprintf(stderr, "vmfs-mount: %s\n", text);
    return 1;
}

/* ---- keeping the heart beating ---- */

static void *beat(void *context)
{
    struct mount *mount = context;
    struct timespec next;
    int rc = 0;

    pthread_mutex_lock(&mount->lock);
    /* -ESTALE: the lease is lost, and the volume refuses every change from here on. */
    while (!mount->is_ending && rc != -ESTALE) {
        rc = mount_failed(mount, "heartbeat", vmfs_heartbeat(mount->datastore.volume));
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_sec++;
        pthread_cond_timedwait(&mount->end, &mount->lock, &next);
    }
    pthread_mutex_unlock(&mount->lock);
    return NULL;
}

static void beat_no_more(struct mount *mount, pthread_t heart)
{
    pthread_mutex_lock(&mount->lock);
    mount->is_ending = true;
    pthread_cond_signal(&mount->end);
    pthread_mutex_unlock(&mount->lock);
    pthread_join(heart, NULL);
}

/* Tells the process in front that all is well, and lets go of its terminal. */
static void leave_terminal(int ready)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (write(ready, "", 1) == 1)
        close(ready);
}

static void *on_start(struct fuse_conn_info *connection, struct fuse_config *config)
{
    struct mount *mount = mount_current();

    config->use_ino = 1;
    config->nullpath_ok = 0;
    /* Another host may change what lies below; contents are kept while length and time stay. */
    config->auto_cache = 1;
    connection->want |= connection->capable & (FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                                               FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS);
    connection->max_read = MAX_READ;
    connection->max_write = MAX_READ;
    connection->max_readahead = MAX_READ;
    if (mount->ready >= 0)
        leave_terminal(mount->ready);
    return mount;
}

/* Handles requests until the directory is unmounted. */
static int loop(struct mount *mount, struct fuse *fuse)
{
    struct fuse_loop_config config = {.clone_fd = 1, .max_idle_threads = 4};
    pthread_t heart;
    int rc;

    if (mount->is_writable && pthread_create(&heart, NULL, beat, mount) != 0)
        return complain("cannot start the thread that keeps the volume's lease");
    rc = fuse_set_signal_handlers(fuse_get_session(fuse));
    if (rc == 0) {
        rc = fuse_loop_mt(fuse, &config);
        fuse_remove_signal_handlers(fuse_get_session(fuse));
    }
    if (mount->is_writable)
        beat_no_more(mount, heart);
    return rc < 0 ? 1 : 0;
}

/* Serves until unmounted. */
static int serve(struct mount *mount, const struct settings *settings, char *directory)
{
    struct fuse_operations operations = {.init = on_start};
    char *arguments[] = {"vmfs-mount", "-ofsname=vmfs,subtype=vmfs,max_read=" TEXT(MAX_READ),
                         mount->is_writable ? "-orw" : "-oro",
                         settings->allow_other ? "-oallow_other" : NULL, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(settings->allow_other ? 4 : 3, arguments);
    struct fuse *fuse;
    int rc = 1;

    mount_name_operations(&operations);
    mount_file_operations(&operations);
    fuse = fuse_new(&args, &operations, sizeof(operations), mount);
    if (fuse == NULL)
        return complain("libfuse does not take its options");
    if (fuse_mount(fuse, directory) == 0) {
        rc = loop(mount, fuse);
        fuse_unmount(fuse);
    }
    fuse_destroy(fuse);
    fuse_opt_free_args(&args);
    return rc;
}

static int run(const struct settings *settings, char **words, int count, int ready)
{
    struct mount mount = {.is_writable = (settings->flags & VMFS_OPEN_WRITE) != 0, .ready = ready};
    char error[STORE_ERROR_MAX];
    int rc;

    pthread_mutex_init(&mount.lock, NULL);
    pthread_cond_init(&mount.end, NULL);
    if (settings->label != NULL)
        rc = datastore_find(settings->label, settings->flags, &mount.datastore, error);
    else
        rc = datastore_open_paths((const char *const *)words, (unsigned)count - 1, settings->flags,
                                  &mount.datastore, error);
    if (rc != 0)
        return complain(error);
    rc = serve(&mount, settings, words[count - 1]);
    datastore_close(&mount.datastore);
    return rc;
}

/* Leaves a process behind that serves; comes back when it does, or has failed. */
static int run_behind(const struct settings *settings, char **words, int count)
{
    int pipes[2];
    char byte;
    pid_t pid;

    if (pipe(pipes) != 0 || (pid = fork()) < 0)
        return complain(strerror(errno));
    if (pid > 0) {
        close(pipes[1]);
        return read(pipes[0], &byte, 1) == 1 ? 0 : 1;
    }
    setsid();
    exit(run(settings, words, count, pipes[1]));
}

int main(int argc, char **argv)
{
    enum { OPT_LABEL = 256, OPT_FILL, OPT_BREAK, OPT_OTHER, OPT_HELP };
    static const struct option options[] = {{"label", required_argument, NULL, OPT_LABEL},
                                            {"write", no_argument, NULL, 'w'},
                                            {"break-dead", no_argument, NULL, OPT_BREAK},
                                            {"allow-other", no_argument, NULL, OPT_OTHER},
                                            {"foreground", no_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, OPT_HELP},
                                            {0}};
    struct settings settings = {0};
    int letter;

    while ((letter = getopt_long(argc, argv, "wf", options, NULL)) != -1) {
        switch (letter) {
        case OPT_LABEL:
            settings.label = optarg;
            break;
        case 'w':
            settings.flags |= VMFS_OPEN_WRITE;
            break;
        case OPT_BREAK:
            settings.flags |= VMFS_OPEN_BREAK_DEAD;
            break;
        case OPT_OTHER:
            settings.allow_other = true;
            break;
        case 'f':
            settings.foreground = true;
            break;
        case OPT_HELP:
            fputs(usage, stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (settings.label != NULL ? argc - optind != 1 : argc - optind < 2)
        return complain("needs the volume's devices or --label, and one directory; see --help");
    if (settings.foreground)
        return run(&settings, argv + optind, argc - optind, -1);
    return run_behind(&settings, argv + optind, argc - optind);
}

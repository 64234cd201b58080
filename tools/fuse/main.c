/* SPDX-License-Identifier: MIT */
/* vmfs-mount: shows a VMFS volume as a directory of this host, for reading or, asked, writing. */
#include "loop.h"
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST 1048576u /* bytes of data: the most that Linux sends */
#define MAX_SPLICE  524288u  /* a pipe holds 1 MiB, and an answer is longer than its data */
#define READ_AHEAD  4194304u

static const char usage[] =
    "Usage: vmfs-mount [OPTIONS] DEVICE... DIRECTORY\n"
    "       vmfs-mount [OPTIONS] --label LABEL DIRECTORY\n"
    "\n"
    "Shows the VMFS volume on DEVICE (image or disk; all its extents), or the one with LABEL, as\n"
    "DIRECTORY, for reading. `umount DIRECTORY` ends it.\n"
    "\n"
    "  -w, --write         allow changes; on a volume not made by Corbel only what is allocated\n"
    "                      already is overwritten\n"
    "      --fill-foreign  also fill the holes of files on a volume not made by Corbel (with "
    "--write)\n"
    "      --break-dead    take over from a host that died with the volume open (with --write)\n"
    "      --direct        contents are not kept in memory: for copying from quick disks with cp\n"
    "      --allow-other   other users may look too\n"
    "  -f, --foreground    stay in the foreground and say what fails\n"
    "      --help\n";

struct settings {
    const char *label;
    unsigned flags; /* of vmfs_open() */
    bool direct, allow_other, foreground;
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

void mount_lock_all(struct mount *mount)
{
    loop_hand_on();
    pthread_rwlock_wrlock(&mount->places);
    pthread_mutex_lock(&mount->lock);
}

void mount_unlock_all(struct mount *mount)
{
    pthread_mutex_unlock(&mount->lock);
    pthread_rwlock_unlock(&mount->places);
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

static unsigned max_read(const struct mount *mount)
{
    return mount->can_splice ? MAX_SPLICE : MAX_REQUEST;
}

/* Splicing happens when no lock is held any more, so only where nothing moves. */
static bool can_splice(const struct mount *mount)
{
    const struct datastore *datastore = &mount->datastore;

    for (unsigned i = 0; i < datastore->device_count; i++)
        if (datastore->devices[i]->fd < 0 || datastore->devices[i]->direct)
            return false;
    return !mount->is_writable;
}

/*
 * Lets the kernel read ahead as far as pays here: it offers less, and only root may ask for more.
 * The request that starts a session is not answered yet, so nothing may be asked of the mount.
 */
static void read_further_ahead(const struct mount *mount, struct fuse_conn_info *connection)
{
    struct statx root;
    char path[64];
    FILE *file;

    if (statx(AT_FDCWD, mount->directory, AT_STATX_DONT_SYNC, STATX_TYPE, &root) != 0)
        return;
    snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", root.stx_dev_major,
             root.stx_dev_minor);
    file = fopen(path, "w");
    if (file == NULL)
        return;
    if (fprintf(file, "%u\n", READ_AHEAD / 1024) > 0)
        connection->max_readahead = READ_AHEAD;
    fclose(file);
}

static void *on_start(struct fuse_conn_info *connection, struct fuse_config *config)
{
    struct mount *mount = mount_current();

    config->use_ino = 1;
    config->nullpath_ok = 0;
    /* Another host may change what lies below; contents are kept while length and time stay. */
    config->auto_cache = 1;
    config->ac_attr_timeout_set = 1;
    config->ac_attr_timeout = 0;
    connection->want |= connection->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS);
    /* Pages are not moved: that would take the image out of the page cache bit by bit. */
    connection->want &= ~(unsigned)(FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
    if (mount->can_splice)
        connection->want |= connection->capable & FUSE_CAP_SPLICE_WRITE;
    connection->max_read = max_read(mount);
    connection->max_write = MAX_REQUEST;
    read_further_ahead(mount, connection);
    if (mount->ready >= 0)
        leave_terminal(mount->ready);
    return mount;
}

/* Handles requests until the directory is unmounted. */
static int loop(struct mount *mount, struct fuse *fuse)
{
    pthread_t heart;
    int rc;

    if (mount->is_writable && pthread_create(&heart, NULL, beat, mount) != 0)
        return complain("cannot start the thread that keeps the volume's lease");
    rc = fuse_set_signal_handlers(fuse_get_session(fuse));
    if (rc == 0) {
        rc = loop_run(fuse_get_session(fuse));
        fuse_remove_signal_handlers(fuse_get_session(fuse));
    }
    if (mount->is_writable)
        beat_no_more(mount, heart);
    return rc < 0 ? 1 : 0;
}

static void print_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(out, strchr(",\\", *text) != NULL ? "\\%c" : "%c", *text);
}

/*
 * libfuse's options, to be freed, or NULL. The devices, with commas between, are the file system's
 * name: that is how vmfstool finds them.
 */
static char *mount_options(const struct mount *mount)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    fprintf(out, "-osubtype=vmfs,max_read=%u,fsname=", max_read(mount));
    for (unsigned i = 0; i < mount->datastore.device_count; i++) {
        const char *name = mount->datastore.devices[i]->name;
        char *path = realpath(name, NULL);

        fputs(i == 0 ? "" : "\\,", out);
        print_escaped(out, path != NULL ? path : name);
        free(path);
    }
    return fclose(out) == 0 ? text : NULL;
}

/* Serves until unmounted. */
static int serve(struct mount *mount, const struct settings *settings, char *directory)
{
    struct fuse_operations operations = {.init = on_start};
    char *names = mount_options(mount);
    char *arguments[] = {"vmfs-mount", names, mount->is_writable ? "-orw" : "-oro",
                         settings->allow_other ? "-oallow_other" : NULL, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(settings->allow_other ? 4 : 3, arguments);
    struct fuse *fuse;
    int rc = 1;

    if (names == NULL)
        return complain("out of memory");
    mount_name_operations(&operations);
    mount_file_operations(&operations);
    fuse = fuse_new(&args, &operations, sizeof(operations), mount);
    if (fuse == NULL) {
        free(names);
        return complain("libfuse does not take its options");
    }
    if (fuse_mount(fuse, directory) == 0) {
        rc = loop(mount, fuse);
        fuse_unmount(fuse);
    }
    fuse_destroy(fuse);
    fuse_opt_free_args(&args);
    free(names);
    return rc;
}

static void prepare(struct mount *mount)
{
    pthread_rwlockattr_t fair;

    pthread_mutex_init(&mount->lock, NULL);
    pthread_cond_init(&mount->end, NULL);
    pthread_rwlockattr_init(&fair);
    pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&mount->places, &fair);
    /* Buffers are kept for the next request: new ones would be page faults, 256 for each 1 MiB. */
    mallopt(M_MMAP_THRESHOLD, 16 * MAX_REQUEST);
    mallopt(M_TRIM_THRESHOLD, 64 * MAX_REQUEST);
    mallopt(M_ARENA_MAX, 1);
}

static int run(const struct settings *settings, char **words, int count, int ready)
{
    struct mount mount = {.is_writable = (settings->flags & VMFS_OPEN_WRITE) != 0,
                          .directory = words[count - 1],
                          .ready = ready};
    unsigned flags = settings->flags | (mount.is_writable ? 0 : VMFS_OPEN_REMEMBER);
    char error[STORE_ERROR_MAX];
    int rc;

    prepare(&mount);
    mount.direct = settings->direct;
    if (settings->label != NULL)
        rc = datastore_find(settings->label, flags, &mount.datastore, error);
    else
        rc = datastore_open_paths((const char *const *)words, (unsigned)count - 1, flags,
                                  &mount.datastore, error);
    if (rc != 0)
        return complain(error);
    mount.can_splice = can_splice(&mount);
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
    enum { OPT_LABEL = 256, OPT_FILL, OPT_BREAK, OPT_DIRECT, OPT_OTHER, OPT_HELP };
    static const struct option options[] = {{"label", required_argument, NULL, OPT_LABEL},
                                            {"write", no_argument, NULL, 'w'},
                                            {"fill-foreign", no_argument, NULL, OPT_FILL},
                                            {"break-dead", no_argument, NULL, OPT_BREAK},
                                            {"direct", no_argument, NULL, OPT_DIRECT},
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
        case OPT_FILL:
            settings.flags |= VMFS_OPEN_FILL_FOREIGN;
            break;
        case OPT_BREAK:
            settings.flags |= VMFS_OPEN_BREAK_DEAD;
            break;
        case OPT_DIRECT:
            settings.direct = true;
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

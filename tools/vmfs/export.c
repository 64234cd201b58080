/* SPDX-License-Identifier: MIT */
/* vmfstool export: a disk's contents as a raw file of this host. */
#include "vmfstool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK     (1u << 20)
#define CHAIN_MAX 256 /* links of the source that are looked at; it is open, so its chain ends */

/* ---- the file to write ---- */

struct guard {
    struct stat file;
    bool is_source;
};

static int compare(void *context, const char *path)
{
    struct guard *guard = context;
    struct stat st;

    if (stat(path, &st) == 0 && st.st_dev == guard->file.st_dev && st.st_ino == guard->file.st_ino)
        guard->is_source = true;
    return guard->is_source;
}

static void compare_device(void *context, const char *path)
{
    compare(context, path);
}

/* Compares with each file of a disk of this host and of its parents. */
static int compare_chain(const struct options *options, const char *target, struct guard *guard)
{
    char path[sizeof(((struct vmdk_info *)NULL)->parent_path)], error[DISK_ERROR_MAX];
    struct vmdk_info info;
    struct store *store;
    const char *start;
    int rc;

    if (target_store(options, target, false, &store, &start) != 0)
        return 1;
    rc = snprintf(path, sizeof(path), "%s", start) < (int)sizeof(path) ? 0 : -ENAMETOOLONG;
    if (rc != 0)
        snprintf(error, sizeof(error), "%.200s: %s", start, strerror(-rc));
    for (unsigned i = 0; i < CHAIN_MAX && rc == 0 && path[0] != '\0' && !guard->is_source; i++) {
        rc = vmdk_list_files(store, path, compare, guard, error);
        if (rc == 0)
            rc = vmdk_get_info(store, path, &info, error);
        if (rc == 0)
            memcpy(path, info.parent_path, sizeof(path));
    }
    store_close(store);
    return rc >= 0 ? 0 : complain("%s", error);
}

/* Whether an open file may be overwritten: no device, no part of the source, in nobody's use. */
static int check_file(const struct options *options, const char *target, int fd, const char *name)
{
    struct guard guard = {.is_source = false};

    if (fstat(fd, &guard.file) != 0 || !S_ISREG(guard.file.st_mode))
        return complain("%s is not a plain file", name);
    for (unsigned i = 0; i < options->device_count; i++)
        compare(&guard, options->devices[i]);
    datastore_each_device(compare_device, &guard);
    if (options->device_count == 0 && target[0] != '[' &&
        compare_chain(options, target, &guard) != 0)
        return 1;
    if (guard.is_source)
        return complain("%s is what is to be exported, or a volume", name);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return complain("%s is in use by another process", name);
    return 0;
}

/* A descriptor, or -1 after a complaint. *made tells that there was no such file before. */
static int open_file(const struct options *options, const char *target, const char *name,
                     bool *made)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    *made = fd >= 0;
    if (fd < 0 && errno == EEXIST && !options->force) {
        complain("%s exists: --force overwrites it", name);
        return -1;
    }
    if (fd < 0 && errno == EEXIST)
        fd = open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        complain("%s: %s", name, strerror(errno));
        return -1;
    }
    if (*made)
        return fd;
    if (check_file(options, target, fd, name) == 0) {
        if (ftruncate(fd, 0) == 0)
            return fd;
        complain("%s: %s", name, strerror(errno));
    }
    close(fd);
    return -1;
}

/* ---- writing ---- */

static int export_to(struct disk *disk, int fd, const char *name)
{
    struct progress progress = {.what = "writing"};
    char *buffer = malloc(CHUNK);
    int rc = buffer == NULL ? complain("out of memory") : 0;

    if (rc == 0 && ftruncate(fd, (off_t)disk->size) != 0)
        rc = complain("%s: %s", name, strerror(errno));
    for (uint64_t at = 0; at < disk->size && rc == 0; at += CHUNK) {
        size_t piece = disk->size - at < CHUNK ? (size_t)(disk->size - at) : CHUNK;

        if (disk_read(disk, at, buffer, piece) != 0)
            rc = complain("%s", disk->error);
        else if (!is_zero(buffer, piece) && pwrite(fd, buffer, piece, (off_t)at) != (ssize_t)piece)
            rc = complain("%s: %s", name, strerror(errno));
        progress_show(&progress, at + piece, disk->size);
    }
    progress_end(&progress);
    if (rc == 0 && fsync(fd) != 0)
        rc = complain("%s: %s", name, strerror(errno));
    free(buffer);
    return rc;
}

int command_export(const struct options *options, const char *target, const char *name)
{
    char label[DATASTORE_LABEL_MAX + 1];
    struct disk *disk;
    const char *path;
    bool made;
    int fd, rc = 1;

    if (datastore_split(name, label, &path) == 0)
        return complain("\"%s\" is on a volume: export writes a file of this host", name);
    if (target_disk(options, target, false, &disk) != 0)
        return 1;
    fd = open_file(options, target, name, &made);
    if (fd >= 0) {
        rc = export_to(disk, fd, name);
        close(fd);
        if (rc != 0 && made)
            unlink(name);
    }
    disk_close(disk);
    return rc;
}

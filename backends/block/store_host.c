/* SPDX-License-Identifier: MIT */
/* store_host: files of this host's own file system. */
#include "block/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct host_file {
    struct store_file file;
    struct bdev *dev; /* the whole file but an odd tail shorter than a sector */
};

static struct host_file *host_of(struct store_file *file)
{
    return (struct host_file *)file;
}

static int fail(struct store *store, int rc, const char *what, const char *path)
{
    snprintf(store->error, sizeof(store->error), "%.160s: %s: %.60s", path, what, strerror(-rc));
    return rc;
}

static int host_open(struct store *store, const char *path, enum store_mode mode,
                     struct store_file **out)
{
    struct host_file *host = calloc(1, sizeof(*host));
    struct stat st;
    int rc = host == NULL ? -ENOMEM : bdev_file_open(path, mode != STORE_WRITE, &host->dev);

    if (rc != 0) {
        free(host);
        return fail(store, rc, "open", path);
    }
    if (mode != STORE_LOOK &&
        flock(host->dev->fd, (mode == STORE_WRITE ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0)
        rc = fail(store, -EBUSY, "in use by another process", path);
    if (rc == 0 && fstat(host->dev->fd, &st) != 0)
        rc = fail(store, -errno, "stat", path);
    if (rc != 0) {
        bdev_close(host->dev);
        free(host);
        return rc;
    }
    host->file.store = store;
    host->file.length = S_ISBLK(st.st_mode) ? host->dev->size : (uint64_t)st.st_size;
    *out = &host->file;
    return 0;
}

static int host_read(struct store_file *file, uint64_t offset, void *buffer, size_t length)
{
    int fd = host_of(file)->dev->fd;

    if (offset > file->length || length > file->length - offset)
        return fail(file->store, -EINVAL, "read past the end", host_of(file)->dev->name);
    if (host_of(file)->dev->direct) {
        int rc = bdev_read(host_of(file)->dev, offset, buffer, length);

        return rc == 0 ? 0 : fail(file->store, rc, "read", host_of(file)->dev->name);
    }
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(fd, (char *)buffer + done, length - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(file->store, n == 0 ? -EIO : -errno, "read", host_of(file)->dev->name);
        done += (size_t)n;
    }
    return 0;
}

static int host_write(struct store_file *file, uint64_t offset, const void *buffer, size_t length)
{
    int fd = host_of(file)->dev->fd;

    if (offset > file->length || length > file->length - offset)
        return fail(file->store, -EINVAL, "write past the end", host_of(file)->dev->name);
    for (size_t done = 0; done < length;) {
        ssize_t n = pwrite(fd, (const char *)buffer + done, length - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(file->store, n == 0 ? -EIO : -errno, "write", host_of(file)->dev->name);
        done += (size_t)n;
    }
    return 0;
}

/* A host file is stored everywhere: the kernel's file system fills its own holes. */
static int host_map(struct store_file *file, uint64_t offset, uint64_t most,
                    struct bdev_extent *out)
{
    *out = (struct bdev_extent){
        .stored = true, .device = host_of(file)->dev, .device_offset = offset, .length = most};
    return 0;
}

static int host_flush(struct store_file *file)
{
    int rc = bdev_flush(host_of(file)->dev);

    return rc == 0 ? 0 : fail(file->store, rc, "flush", host_of(file)->dev->name);
}

static int host_create(struct store *store, const char *path, const struct store_create *how,
                       struct store_file **out)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc = 0;

    if (fd < 0)
        return fail(store, -errno, "create", path);
    if (ftruncate(fd, (off_t)how->length) != 0)
        rc = fail(store, -errno, "set the length", path);
    else if (how->allocation != STORE_THIN && how->length > 0)
        rc = -posix_fallocate(fd, 0, (off_t)how->length);
    close(fd);
    if (rc == 0 && how->progress != NULL)
        how->progress(how->context, how->length, how->length);
    if (rc == 0)
        rc = host_open(store, path, STORE_WRITE, out);
    else
        fail(store, rc, "allocate", path);
    if (rc != 0)
        unlink(path);
    return rc;
}

static int host_resize(struct store_file *file, uint64_t length, enum store_allocation allocation)
{
    struct bdev *dev = host_of(file)->dev;
    int rc = ftruncate(dev->fd, (off_t)length) == 0 ? 0 : -errno;

    if (rc == 0 && allocation != STORE_THIN && length > file->length)
        rc = -posix_fallocate(dev->fd, (off_t)file->length, (off_t)(length - file->length));
    if (rc != 0)
        return fail(file->store, rc, "set the length", dev->name);
    file->length = length;
    dev->size = length / BDEV_SECTOR * BDEV_SECTOR;
    return 0;
}

static int host_remove(struct store *store, const char *path)
{
    return unlink(path) == 0 ? 0 : fail(store, -errno, "remove", path);
}

/* Never onto a file that exists. Not every file system knows that way of renaming, or links. */
static int host_rename(struct store *store, const char *from, const char *to)
{
    int rc;

    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL || link(from, to) != 0)
        return fail(store, -errno, "rename", to);
    if (unlink(from) == 0)
        return 0;
    rc = fail(store, -errno, "rename", from);
    unlink(to);
    return rc;
}

static int host_discard(struct store_file *file, uint64_t offset, uint64_t length)
{
    struct bdev *dev = host_of(file)->dev;
    int rc = bdev_discard(dev, offset, length);

    return rc == 0 ? 0 : fail(file->store, rc, "discard", dev->name);
}

static void host_close_file(struct store_file *file)
{
    bdev_close(host_of(file)->dev);
    free(file);
}

static void host_close(struct store *store)
{
    free(store);
}

static const struct store_ops host_ops = {
    .open = host_open,
    .read = host_read,
    .write = host_write,
    .map = host_map,
    .flush = host_flush,
    .discard = host_discard,
    .close_file = host_close_file,
    .create = host_create,
    .resize = host_resize,
    .remove = host_remove,
    .rename = host_rename,
    .close = host_close,
};

int store_open_host(struct store **out, char error[STORE_ERROR_MAX])
{
    struct store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        snprintf(error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    store->ops = &host_ops;
    store->sector = BDEV_SECTOR;
    *out = store;
    return 0;
}

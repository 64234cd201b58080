/* SPDX-License-Identifier: MIT */
/* disk: bounds checks, raw disks and opening by name. */
#include "block/disk.h"

#include "block/datastore.h"
#include "block/vmdk/vmdk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int check_range(struct disk *disk, uint64_t offset, uint64_t length)
{
    if (offset > disk->size || length > disk->size - offset || offset % BDEV_SECTOR != 0 ||
        length % BDEV_SECTOR != 0) {
        snprintf(disk->error, sizeof(disk->error), "range %llu+%llu is outside the disk",
                 (unsigned long long)offset, (unsigned long long)length);
        return -EINVAL;
    }
    return 0;
}

int disk_read(struct disk *disk, uint64_t offset, void *buffer, size_t length)
{
    int rc = check_range(disk, offset, length);

    return rc != 0 ? rc : disk->ops->read(disk, offset, buffer, length);
}

static int check_writable(struct disk *disk)
{
    if (!disk->read_only)
        return 0;
    snprintf(disk->error, sizeof(disk->error), "the disk is read-only");
    return -EROFS;
}

int disk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t length)
{
    int rc = check_range(disk, offset, length);

    if (rc == 0)
        rc = check_writable(disk);
    return rc != 0 ? rc : disk->ops->write(disk, offset, buffer, length);
}

int disk_map(struct disk *disk, uint64_t offset, uint64_t most, enum disk_use use,
             struct bdev_extent *out, bool *read_needed)
{
    int rc = check_range(disk, offset, most);

    if (rc == 0 && use == DISK_TO_WRITE)
        rc = check_writable(disk);
    return rc != 0 ? rc : disk->ops->map(disk, offset, most, use, out, read_needed);
}

int disk_commit(struct disk *disk)
{
    return disk->read_only || disk->ops->commit == NULL ? 0 : disk->ops->commit(disk);
}

int disk_flush(struct disk *disk)
{
    return disk->read_only ? 0 : disk->ops->flush(disk);
}

int disk_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    int rc = check_range(disk, offset, length);

    if (rc == 0 && disk->read_only)
        rc = -EROFS;
    if (rc == 0 && (disk->ops->discard == NULL || disk->discard_unit == 0))
        rc = -EOPNOTSUPP;
    return rc != 0 ? rc : disk->ops->discard(disk, offset, length);
}

int disk_tick(struct disk *disk)
{
    return disk->ops->tick == NULL ? 0 : disk->ops->tick(disk);
}

int disk_close(struct disk *disk)
{
    return disk == NULL ? 0 : disk->ops->close(disk);
}

/* ---- raw ---- */

struct raw_disk {
    struct disk disk;
    struct bdev *dev;
};

static struct raw_disk *raw_of(struct disk *disk)
{
    return (struct raw_disk *)disk;
}

static int raw_result(struct disk *disk, const char *what, int rc)
{
    if (rc != 0)
        snprintf(disk->error, sizeof(disk->error), "%.160s: %s: %.60s", raw_of(disk)->dev->name,
                 what, strerror(-rc));
    return rc;
}

static int raw_read(struct disk *disk, uint64_t offset, void *buffer, size_t length)
{
    return raw_result(disk, "read", bdev_read(raw_of(disk)->dev, offset, buffer, length));
}

static int raw_write(struct disk *disk, uint64_t offset, const void *buffer, size_t length)
{
    return raw_result(disk, "write", bdev_write(raw_of(disk)->dev, offset, buffer, length));
}

static int raw_map(struct disk *disk, uint64_t offset, uint64_t most, enum disk_use use,
                   struct bdev_extent *out, bool *read_needed)
{
    (void)use;
    *out = (struct bdev_extent){
        .stored = true, .device = raw_of(disk)->dev, .device_offset = offset, .length = most};
    *read_needed = false;
    return 0;
}

static int raw_flush(struct disk *disk)
{
    return raw_result(disk, "flush", bdev_flush(raw_of(disk)->dev));
}

static int raw_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    return raw_result(disk, "discard", bdev_discard(raw_of(disk)->dev, offset, length));
}

/* A device or file that has grown makes the disk larger; it never shrinks under a guest. */
static int raw_tick(struct disk *disk)
{
    struct bdev *dev = raw_of(disk)->dev;
    off_t end = dev->fd < 0 ? -1 : lseek(dev->fd, 0, SEEK_END);

    if (end > 0 && (uint64_t)end / BDEV_SECTOR * BDEV_SECTOR > disk->size)
        disk->size = dev->size = (uint64_t)end / BDEV_SECTOR * BDEV_SECTOR;
    return 0;
}

static int raw_close(struct disk *disk)
{
    bdev_close(raw_of(disk)->dev);
    free(disk);
    return 0;
}

static const struct disk_ops raw_ops = {
    .read = raw_read,
    .write = raw_write,
    .map = raw_map,
    .flush = raw_flush,
    .discard = raw_discard,
    .tick = raw_tick,
    .close = raw_close,
};

int disk_open_raw(const char *path, bool read_only, struct disk **out, char error[DISK_ERROR_MAX])
{
    struct raw_disk *raw = calloc(1, sizeof(*raw));
    int rc = raw == NULL ? -ENOMEM : bdev_file_claim(path, read_only, &raw->dev);

    if (rc != 0) {
        snprintf(error, DISK_ERROR_MAX, "cannot open %.160s: %s", path,
                 rc == -EBUSY ? DISK_IN_USE : strerror(-rc));
        free(raw);
        return rc;
    }
    raw->disk.ops = &raw_ops;
    raw->disk.size = raw->dev->size;
    raw->disk.read_only = read_only;
    /* A disk's own partition table counts its own sectors. */
    raw->disk.sector = raw->disk.physical_sector = raw->dev->sector;
    raw->disk.discard_unit = raw->dev->ops->discard == NULL ? 0 : raw->dev->sector;
    *out = &raw->disk;
    return 0;
}

/* The store that `target` lies in, and its path there. */
static int open_store(const char *target, bool writable, struct store **store, const char **path,
                      char error[DISK_ERROR_MAX])
{
    char label[DATASTORE_LABEL_MAX + 1];
    int rc = datastore_split(target, label, path);

    if (rc == 0)
        return datastore_open_label(label, writable, store, error);
    *path = target;
    if (rc == -ENOENT)
        return store_open_host(store, error);
    snprintf(error, DISK_ERROR_MAX, "\"%s\" is not of the form \"[label] dir/x.vmdk\"", target);
    return rc;
}

int disk_open(const char *format, const char *target, bool read_only, struct disk **out,
              char error[DISK_ERROR_MAX])
{
    struct store *store;
    const char *path;
    int rc;

    if (strcmp(format, "raw") == 0)
        return disk_open_raw(target, read_only, out, error);
    if (strcmp(format, "vmdk") != 0) {
        snprintf(error, DISK_ERROR_MAX, "unknown disk format \"%s\": use vmdk or raw", format);
        return -EINVAL;
    }
    rc = open_store(target, !read_only, &store, &path, error);
    if (rc != 0)
        return rc;
    rc = vmdk_open(store, path, read_only, out, error);
    if (rc != 0)
        store_close(store);
    return rc;
}

/* Between two tries of disk_open_wait(). */
#define OPEN_NAP_MS 20

int disk_open_wait(const char *format, const char *target, bool read_only, unsigned wait_ms,
                   struct disk **out, char error[DISK_ERROR_MAX])
{
    const struct timespec nap = {.tv_nsec = OPEN_NAP_MS * 1000000};
    int rc = disk_open(format, target, read_only, out, error);

    for (unsigned waited = 0; rc == -EBUSY && waited < wait_ms; waited += OPEN_NAP_MS) {
        nanosleep(&nap, NULL);
        rc = disk_open(format, target, read_only, out, error);
    }
    return rc;
}

int disk_grow(const char *format, const char *target, uint64_t size, char error[DISK_ERROR_MAX])
{
    struct store_create how = {.length = size, .allocation = STORE_ZEROEDTHICK};
    struct vmdk_info info;
    struct store *store;
    const char *path;
    int rc;

    if (strcmp(format, "vmdk") != 0) {
        snprintf(error, DISK_ERROR_MAX, "a raw disk grows with its device or file");
        return -EOPNOTSUPP;
    }
    rc = open_store(target, true, &store, &path, error);
    if (rc != 0)
        return rc;
    rc = vmdk_get_info(store, path, &info, error);
    if (rc == 0 && info.kind == VMDK_KIND_VMFS_THIN)
        how.allocation = STORE_THIN;
    if (rc == 0 && info.kind == VMDK_KIND_VMFS_EAGERZEROEDTHICK)
        how.allocation = STORE_EAGERTHICK;
    if (rc == 0)
        rc = vmdk_grow(store, path, &how, error);
    store_close(store);
    return rc;
}

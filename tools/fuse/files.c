/* SPDX-License-Identifier: MIT */
/* Open files: one per file of the volume, however often it is open. */
#include "loop.h"
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Below this, copying data is cheaper than a pipe. */
#define SPLICE_MIN   32768u
#define MEMORY_ALIGN 4096u /* of what is read from a disk */

struct open_file {
    struct open_file *next;
    uint64_t address; /* of its inode: what the file is, whatever its name */
    unsigned users;
    bool is_locked; /* open for writing */
    struct vmfs_file *file;
};

static struct open_file *handle(const struct fuse_file_info *info)
{
    return (struct open_file *)(uintptr_t)info->fh;
}

static struct open_file *find(const struct mount *mount, uint64_t address)
{
    struct open_file *file = mount->files;

    while (file != NULL && file->address != address)
        file = file->next;
    return file;
}

bool mount_is_open(const struct mount *mount, uint64_t address)
{
    return find(mount, address) != NULL;
}

bool mount_open_length(const struct mount *mount, uint64_t address, uint64_t *length)
{
    const struct open_file *file = find(mount, address);

    if (file != NULL)
        *length = vmfs_file_length(file->file);
    return file != NULL;
}

/* Enters a file that was just opened. Takes `vmfs` over, also when memory lacks. */
static int enter(struct mount *mount, struct fuse_file_info *info, uint64_t address,
                 struct vmfs_file *vmfs, bool is_locked)
{
    struct open_file *file = malloc(sizeof(*file));

    if (file == NULL) {
        vmfs_file_close(vmfs);
        return -ENOMEM;
    }
    *file = (struct open_file){mount->files, address, 1, is_locked, vmfs};
    mount->files = file;
    info->fh = (uintptr_t)file;
    return 0;
}

/* A file that is read by some here is opened for writing too: its lock is taken in their place. */
static int lock_open(struct mount *mount, struct open_file *file, const char *path)
{
    struct vmfs_file *locked;
    int rc = vmfs_file_open(mount->datastore.volume, path, VMFS_SHARE_EXCLUSIVE, &locked);

    if (rc != 0)
        return rc;
    vmfs_file_close(file->file);
    file->file = locked;
    file->is_locked = true;
    return 0;
}

static int open_locked(struct mount *mount, const char *path, struct fuse_file_info *info)
{
    bool writes = (info->flags & O_ACCMODE) != O_RDONLY;
    struct vmfs_volume *volume = mount->datastore.volume;
    struct vmfs_stat stat;
    struct vmfs_file *vmfs;
    struct open_file *file;
    int rc;

    if (writes && !mount->is_writable)
        return -EROFS;
    rc = vmfs_stat(volume, path, &stat);
    if (rc != 0)
        return rc;
    file = find(mount, stat.address);
    /* The kernel may not keep what somebody else is writing to. */
    info->direct_io =
        mount->direct || (stat.is_locked && !writes && (file == NULL || !file->is_locked));
    if (file == NULL) {
        rc = vmfs_file_open(volume, path, writes ? VMFS_SHARE_EXCLUSIVE : VMFS_SHARE_NONE, &vmfs);
        if (rc == 0 && (info->flags & O_TRUNC) && (rc = vmfs_file_truncate(vmfs, 0)) != 0)
            vmfs_file_close(vmfs);
        return rc != 0 ? rc : enter(mount, info, stat.address, vmfs, writes);
    }
    if (writes && !file->is_locked)
        rc = lock_open(mount, file, path);
    if (rc == 0 && (info->flags & O_TRUNC))
        rc = vmfs_file_truncate(file->file, 0);
    if (rc == 0) {
        file->users++;
        info->fh = (uintptr_t)file;
    }
    return rc;
}

static int on_open(const char *path, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    bool writes = (info->flags & O_ACCMODE) != O_RDONLY;
    int rc;

    writes ? mount_lock_all(mount) : (void)pthread_mutex_lock(&mount->lock);
    rc = mount_failed(mount, path, open_locked(mount, path + strspn(path, "/"), info));
    writes ? mount_unlock_all(mount) : (void)pthread_mutex_unlock(&mount->lock);
    return rc;
}

static int on_create(const char *path, mode_t mode, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    struct vmfs_volume *volume = mount->datastore.volume;
    const char *name = path + strspn(path, "/");
    struct vmfs_file *vmfs;
    struct vmfs_stat stat;
    int rc;

    (void)mode;
    info->direct_io = mount->direct;
    loop_hand_on();
    pthread_mutex_lock(&mount->lock);
    rc = vmfs_file_create(volume, name, 0, VMFS_THIN, NULL, NULL, &vmfs);
    if (rc == 0 && (rc = vmfs_stat(volume, name, &stat)) != 0)
        vmfs_file_close(vmfs);
    rc = mount_failed(mount, path, rc);
    if (rc == 0)
        rc = enter(mount, info, stat.address, vmfs, true);
    pthread_mutex_unlock(&mount->lock);
    return rc;
}

static int on_release(const char *path, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    struct open_file *file = handle(info), **link = &mount->files;

    (void)path;
    pthread_mutex_lock(&mount->lock);
    if (--file->users == 0) {
        while (*link != file)
            link = &(*link)->next;
        *link = file->next;
        vmfs_file_close(file->file);
        free(file);
    }
    pthread_mutex_unlock(&mount->lock);
    return 0;
}

/* ---- reading ---- */

/* What is in the page cache is had at once; for the rest another thread takes over the requests. */
static int read_stored(const char *path, const struct bdev_extent *extent, void *buffer,
                       size_t length)
{
    struct bdev *device = extent->device;
    struct iovec piece = {buffer, length};
    int rc;

    if (device->fd >= 0 && !device->direct &&
        preadv2(device->fd, &piece, 1, (off_t)extent->device_offset, RWF_NOWAIT) == (ssize_t)length)
        return 0;
    loop_hand_on();
    rc = bdev_read(device, extent->device_offset, buffer, length);
    if (rc != 0)
        fprintf(stderr, "vmfs-mount: %s: %s: %s\n", path, device->name, strerror(-rc));
    return rc;
}

/*
 * Reads whole sectors into an aligned buffer, waiting for the device without the volume's lock. Of
 * what has no blocks of its own (a resident file) only `length` bytes. Called with `places` held.
 */
static int read_copied(struct mount *mount, struct open_file *file, const char *path,
                       uint64_t offset, char *buffer, size_t length)
{
    size_t done = 0, piece;
    int rc = 0;

    while (rc == 0 && done < length) {
        struct bdev_extent extent = {0};

        pthread_mutex_lock(&mount->lock);
        rc = vmfs_file_map(file->file, offset + done, length - done, &extent);
        if (rc == -ENOTSUP) {
            rc = vmfs_file_read(file->file, offset + done, buffer + done, length - done);
            extent.length = length - done;
        } else if (rc == 0 && !extent.stored) {
            memset(buffer + done, 0, (size_t)extent.length);
        }
        rc = mount_failed(mount, path, rc);
        pthread_mutex_unlock(&mount->lock);
        piece = (size_t)extent.length;
        if (rc == 0 && extent.stored)
            rc = read_stored(path, &extent, buffer + done,
                             (piece + BDEV_SECTOR - 1) / BDEV_SECTOR * BDEV_SECTOR);
        done += piece;
    }
    return rc;
}

/*
 * Where all of a range lies in one piece of a device that the kernel can splice from; false where
 * it lies in several, or nowhere.
 */
static bool map_whole(struct mount *mount, struct open_file *file, uint64_t offset, size_t length,
                      struct bdev_extent *extent)
{
    bool is_whole;

    if (!mount->can_splice || length < SPLICE_MIN)
        return false;
    pthread_mutex_lock(&mount->lock);
    is_whole = vmfs_file_map(file->file, offset, length, extent) == 0 && extent->stored &&
               extent->length >= length;
    pthread_mutex_unlock(&mount->lock);
    return is_whole;
}

/* Where the kernel keeps nothing, programs' own offsets arrive here, which need not be aligned. */
static int read_to_memory(struct mount *mount, struct open_file *file, const char *path,
                          uint64_t offset, struct fuse_buf *buf)
{
    size_t before = offset % MEMORY_ALIGN;
    int rc;

    if (posix_memalign(&buf->mem, MEMORY_ALIGN, before + buf->size + BDEV_SECTOR) != 0)
        return -ENOMEM;
    rc = read_copied(mount, file, path, offset - before, buf->mem, before + buf->size);
    if (rc == 0 && before > 0)
        memmove(buf->mem, (char *)buf->mem + before, buf->size);
    return rc;
}

/* What a read is answered with: a place on a device, or memory. Called with `places` held. */
static int answer(struct mount *mount, struct open_file *file, const char *path, uint64_t offset,
                  struct fuse_buf *buf)
{
    struct bdev_extent extent;
    uint64_t length;

    pthread_mutex_lock(&mount->lock);
    length = vmfs_file_length(file->file);
    pthread_mutex_unlock(&mount->lock);
    if (offset >= length)
        buf->size = 0;
    else if (length - offset < buf->size)
        buf->size = (size_t)(length - offset);
    if (buf->size == 0)
        return 0;
    if (buf->size >= SPLICE_MIN)
        loop_hand_on();
    if (map_whole(mount, file, offset, buf->size, &extent)) {
        buf->flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
        buf->fd = extent.device->fd;
        buf->pos = (off_t)extent.device_offset;
        return 0;
    }
    return read_to_memory(mount, file, path, offset, buf);
}

static int on_read_buf(const char *path, struct fuse_bufvec **out, size_t size, off_t at,
                       struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    struct fuse_bufvec *vector = malloc(sizeof(*vector));
    int rc;

    if (vector == NULL)
        return -ENOMEM;
    *vector = FUSE_BUFVEC_INIT(size);
    *out = vector;
    pthread_rwlock_rdlock(&mount->places);
    rc = answer(mount, handle(info), path, (uint64_t)at, &vector->buf[0]);
    pthread_rwlock_unlock(&mount->places);
    return rc;
}

/* ---- writing ---- */

/* Lengthens a file so that it holds `length` bytes. */
static int reach(struct open_file *file, uint64_t length)
{
    if (length <= vmfs_file_length(file->file))
        return 0;
    return vmfs_file_extend(file->file, length, VMFS_THIN, NULL, NULL);
}

static int on_write(const char *path, const char *data, size_t size, off_t at,
                    struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    struct open_file *file = handle(info);
    uint64_t end = (uint64_t)at + size;
    bool grows;
    int rc = 0;

    loop_hand_on();
    pthread_mutex_lock(&mount->lock);
    grows = end > vmfs_file_length(file->file);
    if (grows) {
        /* A file that grows may leave its sub-blocks to others, and readers may be in them. */
        pthread_mutex_unlock(&mount->lock);
        mount_lock_all(mount);
        rc = reach(file, end);
    }
    if (rc == 0)
        rc = vmfs_file_write(file->file, (uint64_t)at, data, size);
    rc = mount_failed(mount, path, rc);
    grows ? mount_unlock_all(mount) : (void)pthread_mutex_unlock(&mount->lock);
    return rc != 0 ? rc : (int)size;
}

/* Truncates a file that is open here, or opens it for as long as that takes. */
static int truncate_locked(struct mount *mount, const char *path, uint64_t length)
{
    struct vmfs_volume *volume = mount->datastore.volume;
    struct vmfs_stat stat;
    struct vmfs_file *vmfs;
    struct open_file *file;
    int rc = vmfs_stat(volume, path, &stat);

    if (rc != 0)
        return rc;
    file = find(mount, stat.address);
    if (file != NULL && !file->is_locked)
        rc = lock_open(mount, file, path);
    if (file != NULL)
        return rc != 0 ? rc : vmfs_file_truncate(file->file, length);
    rc = vmfs_file_open(volume, path, VMFS_SHARE_EXCLUSIVE, &vmfs);
    if (rc == 0) {
        rc = vmfs_file_truncate(vmfs, length);
        vmfs_file_close(vmfs);
    }
    return rc;
}

static int on_truncate(const char *path, off_t length, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    int rc;

    mount_lock_all(mount);
    if (info != NULL && handle(info)->is_locked)
        rc = vmfs_file_truncate(handle(info)->file, (uint64_t)length);
    else
        rc = truncate_locked(mount, path + strspn(path, "/"), (uint64_t)length);
    rc = mount_failed(mount, path, rc);
    mount_unlock_all(mount);
    return rc;
}

static int on_fsync(const char *path, int only_data, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    int rc;

    (void)only_data;
    (void)info;
    if (!mount->is_writable)
        return 0;
    loop_hand_on();
    pthread_mutex_lock(&mount->lock);
    rc = mount_failed(mount, path, vmfs_flush(mount->datastore.volume));
    pthread_mutex_unlock(&mount->lock);
    return rc;
}

/* What close(2) is told: data written into room the file already had is on the device. */
static int on_flush(const char *path, struct fuse_file_info *info)
{
    return handle(info)->is_locked ? on_fsync(path, 0, info) : 0;
}

void mount_file_operations(struct fuse_operations *operations)
{
    operations->open = on_open;
    operations->create = on_create;
    operations->release = on_release;
    operations->read_buf = on_read_buf;
    operations->write = on_write;
    operations->truncate = on_truncate;
    operations->fsync = on_fsync;
    operations->flush = on_flush;
}

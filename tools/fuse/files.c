/* SPDX-License-Identifier: MIT */
/* Open files: one per file of the volume, however often it is open. */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Below this, copying data is cheaper than a pipe. */
#define SPLICE_MIN 65536u

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
    if (file == NULL) {
        rc = vmfs_file_open(volume, path, writes ? VMFS_SHARE_EXCLUSIVE : VMFS_SHARE_NONE, &vmfs);
        return rc != 0 ? rc : enter(mount, info, stat.address, vmfs, writes);
    }
    if (writes && !file->is_locked)
        rc = lock_open(mount, file, path);
    if (rc == 0) {
        file->users++;
        info->fh = (uintptr_t)file;
    }
    return rc;
}

static int on_open(const char *path, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    int rc;

    pthread_mutex_lock(&mount->lock);
    rc = mount_failed(mount, path, open_locked(mount, path + strspn(path, "/"), info));
    pthread_mutex_unlock(&mount->lock);
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

/*
 * Where all of a range lies in one piece of a device that the kernel can splice from; false where
 * it lies in several, or nowhere, or the device takes aligned transfers only.
 */
static bool map_whole(struct open_file *file, uint64_t offset, size_t length,
                      struct bdev_extent *extent)
{
    return vmfs_file_map(file->file, offset, length, extent) == 0 && extent->stored &&
           extent->length >= length && extent->device->fd >= 0 && !extent->device->direct;
}

static int read_copied(struct mount *mount, struct open_file *file, const char *path,
                       uint64_t offset, struct fuse_buf *buf)
{
    buf->mem = malloc(buf->size > 0 ? buf->size : 1);
    if (buf->mem == NULL)
        return -ENOMEM;
    if (buf->size == 0)
        return 0;
    return mount_failed(mount, path, vmfs_file_read(file->file, offset, buf->mem, buf->size));
}

static int on_read_buf(const char *path, struct fuse_bufvec **out, size_t size, off_t at,
                       struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    struct open_file *file = handle(info);
    struct fuse_bufvec *vector = malloc(sizeof(*vector));
    struct bdev_extent extent;
    uint64_t length, offset = (uint64_t)at;
    int rc = 0;

    if (vector == NULL)
        return -ENOMEM;
    *vector = FUSE_BUFVEC_INIT(0);
    *out = vector;
    pthread_mutex_lock(&mount->lock);
    length = vmfs_file_length(file->file);
    if (offset < length)
        vector->buf[0].size = length - offset < size ? (size_t)(length - offset) : size;
    if (vector->buf[0].size >= SPLICE_MIN &&
        map_whole(file, offset, vector->buf[0].size, &extent)) {
        vector->buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
        vector->buf[0].fd = extent.device->fd;
        vector->buf[0].pos = (off_t)extent.device_offset;
    } else {
        rc = read_copied(mount, file, path, offset, &vector->buf[0]);
    }
    pthread_mutex_unlock(&mount->lock);
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
    int rc;

    pthread_mutex_lock(&mount->lock);
    rc = reach(file, (uint64_t)at + size);
    if (rc == 0)
        rc = vmfs_file_write(file->file, (uint64_t)at, data, size);
    rc = mount_failed(mount, path, rc);
    pthread_mutex_unlock(&mount->lock);
    return rc != 0 ? rc : (int)size;
}

static int on_fsync(const char *path, int only_data, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    int rc;

    (void)only_data;
    (void)info;
    if (!mount->is_writable)
        return 0;
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
    operations->fsync = on_fsync;
    operations->flush = on_flush;
}

/* SPDX-License-Identifier: MIT */
/* Directories, attributes and names. */
#include "mount.h"

#include "block/vmfs/ondisk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define UNIT      512u     /* of st_blocks */
#define READ      4194304u /* what cp reads at once: large, since each read is a request */
#define SECOND_NS 1000000000u
#define ASIDE_MAX 4200u /* bytes of a path, with the longest name in place of its last */

/* FUSE's paths begin with a slash, the library's with a name. */
static const char *inside(const char *path)
{
    return path + strspn(path, "/");
}

static void fill(struct stat *st, const struct vmfs_stat *from)
{
    static const struct {
        uint32_t type;
        mode_t mode;
    } kinds[] = {{VMFS_TYPE_DIRECTORY, S_IFDIR}, {VMFS_TYPE_SYMLINK, S_IFLNK}};

    memset(st, 0, sizeof(*st));
    st->st_mode = S_IFREG;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (from->type == kinds[i].type)
            st->st_mode = kinds[i].mode;
    st->st_mode |= from->mode & 07777;
    st->st_nlink = 1;
    st->st_ino = from->address;
    st->st_size = (off_t)from->length;
    st->st_blksize = READ;
    st->st_blocks = (blkcnt_t)(from->allocated / UNIT);
    st->st_mtime = st->st_atime = st->st_ctime = from->mtime_s;
    /* VMFS has seconds only, and data written into a file does not change them: what is kept of
     * contents is good while this stays. */
    st->st_mtim.tv_nsec = from->turns % SECOND_NS;
}

/* As the file is now: one that is open here may have grown. */
static void show(const struct mount *mount, struct stat *st, const struct vmfs_stat *from)
{
    uint64_t length;

    fill(st, from);
    if (mount_open_length(mount, from->address, &length))
        st->st_size = (off_t)length;
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    struct mount *mount = mount_current();
    struct vmfs_stat stat;
    int rc;

    (void)info;
    pthread_mutex_lock(&mount->lock);
    rc = vmfs_stat(mount->datastore.volume, inside(path), &stat);
    if (rc == 0)
        show(mount, st, &stat);
    rc = rc == -ENOENT ? rc : mount_failed(mount, path, rc);
    pthread_mutex_unlock(&mount->lock);
    return rc;
}

struct reading {
    const struct mount *mount;
    void *buffer;
    fuse_fill_dir_t put;
    enum fuse_fill_dir_flags flags;
};

static int put_entry(void *context, const char *name, const struct vmfs_stat *stat)
{
    const struct reading *reading = context;
    struct stat st;

    show(reading->mount, &st, stat);
    return reading->put(reading->buffer, name, &st, 0, reading->flags) != 0 ? 1 : 0;
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t put, off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    struct mount *mount = mount_current();
    struct reading reading = {mount, buffer, put, 0};
    int rc;

    (void)offset;
    (void)info;
    if (flags & FUSE_READDIR_PLUS)
        reading.flags = FUSE_FILL_DIR_PLUS;
    put(buffer, ".", NULL, 0, 0);
    put(buffer, "..", NULL, 0, 0);
    pthread_mutex_lock(&mount->lock);
    rc = vmfs_list(mount->datastore.volume, inside(path), put_entry, &reading);
    rc = mount_failed(mount, path, rc > 0 ? -ENOMEM : rc);
    pthread_mutex_unlock(&mount->lock);
    return rc;
}

static int on_statfs(const char *path, struct statvfs *st)
{
    struct mount *mount = mount_current();
    struct vmfs_info info;
    int rc;

    (void)path;
    pthread_mutex_lock(&mount->lock);
    rc = mount_failed(mount, "/", vmfs_get_info(mount->datastore.volume, &info));
    pthread_mutex_unlock(&mount->lock);
    if (rc != 0)
        return rc;
    memset(st, 0, sizeof(*st));
    st->f_bsize = st->f_frsize = info.block_size;
    st->f_blocks = info.blocks;
    st->f_bfree = st->f_bavail = info.blocks_free;
    st->f_files = info.files;
    st->f_ffree = st->f_favail = info.files_free;
    st->f_namemax = 127;
    return 0;
}

/* One change of names. */
static int change(const char *path, int (*call)(struct vmfs_volume *volume, const char *path))
{
    struct mount *mount = mount_current();
    int rc;

    mount_lock_all(mount);
    rc = mount_failed(mount, path, call(mount->datastore.volume, inside(path)));
    mount_unlock_all(mount);
    return rc;
}

static int on_mkdir(const char *path, mode_t mode)
{
    (void)mode;
    return change(path, vmfs_mkdir);
}

static int on_remove(const char *path)
{
    return change(path, vmfs_remove);
}

static int not_empty(void *context, const char *name, const struct vmfs_stat *stat)
{
    (void)context;
    (void)name;
    (void)stat;
    return -ENOTEMPTY;
}

/*
 * What is replaced goes aside first and is removed last, so that it is back where the rename fails,
 * and there under another name where power does.
 */
static int replace(struct vmfs_volume *volume, const char *from, const char *to,
                   const struct vmfs_stat *target)
{
    const char *slash = strrchr(to, '/');
    char aside[ASIDE_MAX];
    int rc = target->type == VMFS_TYPE_DIRECTORY ? vmfs_list(volume, to, not_empty, NULL) : 0;

    if (rc == 0 && (size_t)snprintf(aside, sizeof(aside), "%.*s.replaced-%08x",
                                    slash == NULL ? 0 : (int)(slash - to) + 1, to,
                                    target->address) >= sizeof(aside))
        rc = -ENAMETOOLONG;
    if (rc == 0)
        rc = vmfs_rename(volume, to, aside);
    if (rc != 0)
        return rc;
    rc = vmfs_rename(volume, from, to);
    if (rc == 0)
        return vmfs_remove(volume, aside);
    if (vmfs_rename(volume, aside, to) != 0)
        fprintf(stderr, "vmfs-mount: what was %s is %s now\n", to, aside);
    return rc;
}

/* Replaces the target, as rename(2) does, if it may: with a moment in which neither is there. */
static int on_rename(const char *from, const char *to, unsigned flags)
{
    struct mount *mount = mount_current();
    struct vmfs_volume *volume = mount->datastore.volume;
    struct vmfs_stat stat;
    int rc;

    if ((flags & ~RENAME_NOREPLACE) != 0)
        return -EINVAL;
    mount_lock_all(mount);
    rc = vmfs_stat(volume, inside(from), &stat);
    if (rc == 0 && mount_is_open(mount, stat.address))
        rc = -EBUSY;
    else if (rc == 0 && vmfs_stat(volume, inside(to), &stat) == 0)
        rc = (flags & RENAME_NOREPLACE) != 0
                 ? -EEXIST
                 : mount_failed(mount, to, replace(volume, inside(from), inside(to), &stat));
    else if (rc == 0)
        rc = mount_failed(mount, from, vmfs_rename(volume, inside(from), inside(to)));
    mount_unlock_all(mount);
    return rc;
}

static int on_symlink(const char *target, const char *path)
{
    struct mount *mount = mount_current();
    int rc;

    mount_lock_all(mount);
    rc = mount_failed(mount, path, vmfs_symlink(mount->datastore.volume, target, inside(path)));
    mount_unlock_all(mount);
    return rc;
}

static int on_readlink(const char *path, char *buffer, size_t size)
{
    struct mount *mount = mount_current();
    char target[VMFS_LINK_MAX];
    int rc;

    pthread_mutex_lock(&mount->lock);
    rc = vmfs_read_link(mount->datastore.volume, inside(path), target);
    rc = mount_failed(mount, path, rc);
    pthread_mutex_unlock(&mount->lock);
    if (rc == 0)
        snprintf(buffer, size, "%s", target);
    return rc;
}

void mount_name_operations(struct fuse_operations *operations)
{
    operations->getattr = on_getattr;
    operations->readdir = on_readdir;
    operations->statfs = on_statfs;
    operations->mkdir = on_mkdir;
    operations->unlink = on_remove;
    operations->rmdir = on_remove;
    operations->rename = on_rename;
    operations->symlink = on_symlink;
    operations->readlink = on_readlink;
}

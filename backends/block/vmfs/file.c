/* SPDX-License-Identifier: MIT */
/* Files as users see them: open, create, grow, read, write, map, remove. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct vmfs_file *file_new(struct vmfs_volume *volume, enum vmfs_share share)
{
    struct vmfs_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        vmfs_fail(volume, -ENOMEM, "out of memory");
        return NULL;
    }
    file->volume = volume;
    file->share = share;
    return file;
}

static void file_free(struct vmfs_file *file)
{
    map_cache_free(&file->cache);
    free(file);
}

static int find_and_lock(struct vmfs_volume *volume, const char *path, enum vmfs_share share,
                         struct vmfs_inode *out)
{
    bool locks = share != VMFS_SHARE_NONE, inside = locks && volume->writable;
    /* Where others of this host take turns, they leave the name alone between look and lock. */
    int rc = inside ? vmfs_begin(volume) : 0;

    if (rc != 0)
        return rc;
    rc = path_resolve(volume, path, out);
    if (rc == 0 && out->fd.type != VMFS_TYPE_FILE && locks)
        rc = vmfs_fail(volume, -EINVAL, "\"%s\" is not a plain file", path);
    if (rc == 0 && locks)
        rc = inode_lock(volume, out,
                        share == VMFS_SHARE_READ ? VMFS_LOCK_READ : VMFS_LOCK_EXCLUSIVE);
    if (inside)
        vmfs_end(volume);
    return rc;
}

int vmfs_file_open(struct vmfs_volume *volume, const char *path, enum vmfs_share share,
                   struct vmfs_file **out)
{
    struct vmfs_file *file = file_new(volume, share);
    int rc;

    if (file == NULL)
        return -ENOMEM;
    rc = find_and_lock(volume, path, share, &file->inode);
    if (rc != 0) {
        file_free(file);
        return rc;
    }
    *out = file;
    return 0;
}

void vmfs_file_close(struct vmfs_file *file)
{
    if (file == NULL)
        return;
    if (file->share != VMFS_SHARE_NONE && inode_unlock(file->volume, &file->inode) == 0)
        vmfs_flush(file->volume);
    file_free(file);
}

/* The smallest mapping that holds a file of this length. */
static enum vmfs_zla choose_zla(const struct vmfs_volume *volume, uint64_t length)
{
    uint64_t blocks = (length + volume->block_size - 1) >> volume->block_shift;

    if (length <= volume->sbc.item_size)
        return VMFS_ZLA_SB;
    if (blocks <= volume->fd_addresses)
        return VMFS_ZLA_FB;
    if (blocks <= (uint64_t)volume->fd_addresses << volume->pb_shift)
        return VMFS_ZLA_PB;
    return VMFS_ZLA_PB_DOUBLE;
}

int vmfs_file_create(struct vmfs_volume *volume, const char *path, uint64_t length,
                     enum vmfs_allocation allocation, vmfs_progress progress, void *context,
                     struct vmfs_file **out)
{
    char name[VMFS_NAME_MAX + 1];
    struct vmfs_inode parent;
    struct vmfs_file *file;
    bool left = false;
    uint64_t blocks;
    int rc = path_require_absent(volume, path, &parent, name);

    if (rc != 0)
        return rc;
    file = file_new(volume, VMFS_SHARE_EXCLUSIVE);
    if (file == NULL)
        return -ENOMEM;
    rc = inode_create(volume, VMFS_TYPE_FILE, parent.fd.address, &file->inode);
    if (rc != 0) {
        file_free(file);
        return rc;
    }
    inode_set_unit(volume, &file->inode, choose_zla(volume, length));
    if (length > inode_max_blocks(volume, &file->inode) * file->inode.fd.unit_size)
        rc =
            vmfs_fail(volume, -EFBIG, "%llu bytes do not fit one file", (unsigned long long)length);
    file->inode.fd.length = length;
    if (rc == 0)
        rc = inode_write(volume, &file->inode);
    blocks = (length + file->inode.fd.unit_size - 1) / file->inode.fd.unit_size;
    if (rc == 0 && allocation != VMFS_THIN)
        rc = alloc_range(file, 0, blocks, allocation == VMFS_EAGERTHICK, progress, context);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = path_add_name(volume, &parent, name, &file->inode, &left);
    if (rc != 0) {
        file_abandon(file, left);
        file_free(file);
        return rc;
    }
    *out = file;
    return 0;
}

int vmfs_mkdir(struct vmfs_volume *volume, const char *path)
{
    char name[VMFS_NAME_MAX + 1];
    struct vmfs_inode parent;
    struct vmfs_file *dir;
    bool left = false;
    int rc = path_require_absent(volume, path, &parent, name);

    if (rc != 0)
        return rc;
    dir = file_new(volume, VMFS_SHARE_EXCLUSIVE);
    if (dir == NULL)
        return -ENOMEM;
    rc = inode_create(volume, VMFS_TYPE_DIRECTORY, parent.fd.address, &dir->inode);
    if (rc != 0) {
        file_free(dir);
        return rc;
    }
    rc = dir_fill(dir, &parent);
    if (rc == 0)
        rc = inode_write(volume, &dir->inode);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = path_add_name(volume, &parent, name, &dir->inode, &left);
    if (rc == 0)
        rc = inode_unlock(volume, &dir->inode);
    else
        file_abandon(dir, left);
    file_free(dir);
    return rc != 0 ? rc : vmfs_flush(volume);
}

/* What a path to be removed leads to, and where its name lies. */
static int find_removable(struct vmfs_volume *volume, const char *path, struct vmfs_inode *parent,
                          char name[VMFS_NAME_MAX + 1], struct vmfs_inode *inode)
{
    int rc = vmfs_require_ours(volume, "removing");

    if (rc == 0)
        rc = path_parent(volume, path, parent, name);
    if (rc == 0)
        rc = path_resolve(volume, path, inode);
    if (rc == 0 && inode->fd.type != VMFS_TYPE_FILE && inode->fd.type != VMFS_TYPE_DIRECTORY &&
        inode->fd.type != VMFS_TYPE_SYMLINK)
        rc = vmfs_fail(volume, -EPERM, "\"%s\" is not a file or directory of a user", path);
    if (rc == 0 && inode->fd.address == VMFS_FD_ROOT)
        rc = vmfs_fail(volume, -EBUSY, "the root directory stays");
    return rc;
}

/* Drops the name of what the caller has locked: nobody can change either meanwhile. */
static int drop_name(struct vmfs_volume *volume, const struct vmfs_inode *parent, const char *name,
                     const struct vmfs_inode *inode)
{
    struct vmfs_entry entry;
    uint64_t position;
    int rc;

    if (inode->fd.type == VMFS_TYPE_DIRECTORY) {
        rc = dir_is_empty(volume, inode);
        if (rc <= 0)
            return rc < 0 ? rc
                          : vmfs_fail(volume, -ENOTEMPTY, "directory \"%s\" is not empty", name);
    }
    rc = path_find_again(volume, parent, name, inode, &entry, &position);
    return rc != 0 ? rc : dir_drop(volume, parent, position, &entry);
}

/* After one of its names has gone: a renaming that was cut off may have left another. */
static int lose_link(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    int rc;

    if (inode->fd.type == VMFS_TYPE_DIRECTORY || inode->fd.link_count <= 1)
        return inode_destroy(volume, inode);
    rc = inode_set_links(volume, inode, inode->fd.link_count - 1);
    if (inode_unlock(volume, inode) != 0 && rc == 0)
        rc = -EIO;
    return rc;
}

int vmfs_remove(struct vmfs_volume *volume, const char *path)
{
    char name[VMFS_NAME_MAX + 1];
    struct vmfs_inode parent, inode;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = find_removable(volume, path, &parent, name, &inode);
    if (rc == 0)
        rc = inode_lock(volume, &inode, VMFS_LOCK_EXCLUSIVE);
    if (rc == 0) {
        rc = drop_name(volume, &parent, name, &inode);
        if (rc != 0)
            lock_give_up(volume, &inode.fd.lock);
        else
            rc = lose_link(volume, &inode);
    }
    if (rc == 0)
        rc = vmfs_flush(volume);
    vmfs_end(volume);
    return rc;
}

uint64_t vmfs_file_length(const struct vmfs_file *file)
{
    return file->inode.fd.length;
}

/* The length that counts; it stays as it was in memory when it may not be so on disk. */
static int set_length(struct vmfs_file *file, uint64_t length)
{
    uint64_t before = file->inode.fd.length;
    int rc;

    file->inode.fd.length = length;
    file->inode.fd.mtime_s = (uint32_t)time(NULL);
    rc = inode_write(file->volume, &file->inode);
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    if (rc != 0)
        file->inode.fd.length = before;
    return file_failed(file, rc);
}

int vmfs_file_extend(struct vmfs_file *file, uint64_t length, enum vmfs_allocation allocation,
                     vmfs_progress progress, void *context)
{
    struct vmfs_volume *volume = file->volume;
    struct vmfs_fd *fd = &file->inode.fd;
    uint64_t first, end, unit;
    int rc = vmfs_require_ours(volume, "growing a file");

    if (rc != 0)
        return rc;
    if (file->share != VMFS_SHARE_EXCLUSIVE)
        return vmfs_fail(file->volume, -EBADF, "the file is not open for writing");
    rc = file_refresh(file);
    if (rc != 0)
        return rc;
    if (fd->zla == VMFS_ZLA_RESIDENT)
        return vmfs_fail(volume, -ENOTSUP, "descriptor 0x%08x holds its data itself", fd->address);
    if (length < fd->length)
        return vmfs_fail(file->volume, -EINVAL, "a file can grow, not shrink");
    rc = inode_promote(file, length);
    if (rc != 0)
        return rc;
    unit = fd->unit_size;
    first = (fd->length + unit - 1) / unit;
    end = (length + unit - 1) / unit;
    if (allocation != VMFS_THIN && end > first)
        rc =
            alloc_range(file, first, end - first, allocation == VMFS_EAGERTHICK, progress, context);
    if (rc != 0)
        file_cut_tail(file);
    return rc != 0 ? rc : set_length(file, length);
}

int vmfs_file_read(struct vmfs_file *file, uint64_t offset, void *buffer, size_t length)
{
    int rc = file_refresh(file);

    return rc != 0 ? rc
                   : map_read(file->volume, &file->cache, &file->inode, offset, buffer, length);
}

int vmfs_file_write(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length)
{
    struct vmfs_fd *fd = &file->inode.fd;
    int rc;

    if (file->share != VMFS_SHARE_EXCLUSIVE)
        return vmfs_fail(file->volume, -EBADF, "the file is not open for writing");
    rc = file_refresh(file);
    if (rc != 0)
        return rc;
    if (offset > fd->length || length > fd->length - offset)
        return vmfs_fail(file->volume, -EINVAL, "write past the end of descriptor 0x%08x",
                         fd->address);
    if (fd->zla != VMFS_ZLA_RESIDENT)
        return alloc_write(file, offset, buffer, length);
    memcpy(file->inode.data + offset, buffer, length);
    rc = inode_write(file->volume, &file->inode);
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    return file_failed(file, rc);
}

int vmfs_file_may_write(struct vmfs_file *file)
{
    return file->share == VMFS_SHARE_EXCLUSIVE
               ? slot_check_lease(file->volume)
               : vmfs_fail(file->volume, -EBADF, "the file is not open for writing");
}

/* Where the byte at `offset` lies; not stored in holes and to-be-zeroed blocks. */
static int map_unit(struct vmfs_file *file, uint64_t offset, bool *stored, uint64_t *place)
{
    uint64_t address;
    int rc = map_block(file->volume, &file->cache, &file->inode, offset / file->inode.fd.unit_size,
                       &address);

    *stored = rc == 0 && address != 0 && !addr_is_tbz(file->volume, address);
    return *stored ? map_place(file->volume, &file->inode, address, offset, place) : rc;
}

int vmfs_file_map(struct vmfs_file *file, uint64_t offset, uint64_t most, struct bdev_extent *out)
{
    uint64_t unit, inside, place = 0;
    int rc = file_refresh(file);

    if (rc != 0)
        return rc;
    unit = file->inode.fd.unit_size;
    inside = offset % (unit == 0 ? 1 : unit);
    if (file->inode.fd.zla == VMFS_ZLA_RESIDENT || file->inode.fd.type == VMFS_TYPE_RDM)
        return vmfs_fail(file->volume, -ENOTSUP, "descriptor 0x%08x has no blocks",
                         file->inode.fd.address);
    if (offset >= file->inode.fd.length)
        return vmfs_fail(file->volume, -EINVAL, "offset past the end of descriptor 0x%08x",
                         file->inode.fd.address);
    if (most > file->inode.fd.length - offset)
        most = file->inode.fd.length - offset;
    rc = map_unit(file, offset, &out->stored, &place);
    out->length = unit - inside;
    while (rc == 0 && out->length < most) {
        uint64_t next = 0;
        bool stored;

        rc = map_unit(file, offset + out->length, &stored, &next);
        if (rc != 0 || stored != out->stored || (stored && next != place + out->length))
            break;
        out->length += unit;
    }
    if (rc != 0)
        return rc;
    if (out->length > most)
        out->length = most;
    if (!out->stored)
        return 0;
    return lvm_map(file->volume, place, &out->length, &out->device, &out->device_offset);
}

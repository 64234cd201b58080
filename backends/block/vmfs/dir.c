/* SPDX-License-Identifier: MIT */
/* Directories of either format: finding, adding and dropping names. */
#include "block/vmfs/dir6.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool entry_is_free(const struct vmfs_entry *entry)
{
    return entry->type == 0 || entry->fd_address == 0;
}

bool entry_is_dot(const struct vmfs_entry *entry)
{
    return strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0;
}

/* .sdd.sf is a directory that calls itself a system file. */
static int check_type(struct vmfs_volume *volume, const struct vmfs_inode *dir)
{
    if (dir->fd.type == VMFS_TYPE_DIRECTORY || dir->fd.address == VMFS_FD_SDD)
        return 0;
    return vmfs_fail(volume, -ENOTDIR, "descriptor 0x%08x is not a directory", dir->fd.address);
}

int dir_each(struct vmfs_volume *volume, const struct vmfs_inode *dir,
             int (*visit)(void *context, uint64_t position, struct vmfs_entry *entry),
             void *context)
{
    struct dir_visit call = {.visit = visit, .context = context};
    int rc = check_type(volume, dir);

    if (rc != 0)
        return rc;
    return volume->format == VMFS_FORMAT_6 ? dir6_each(volume, dir, call)
                                           : dir5_each(volume, dir, call);
}

struct search {
    const char *name;
    struct vmfs_entry *entry;
    uint64_t *position;
};

static int match(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct search *search = context;

    if (entry_is_free(entry) || strcmp(entry->name, search->name) != 0)
        return 0;
    *search->entry = *entry;
    *search->position = position;
    return 1;
}

int dir_find(struct vmfs_volume *volume, const struct vmfs_inode *dir, const char *name,
             struct vmfs_entry *out, uint64_t *position)
{
    struct search search = {.name = name, .entry = out, .position = position};
    int rc = check_type(volume, dir);

    if (rc == 0 && volume->format == VMFS_FORMAT_6)
        return dir6_find(volume, dir, name, out, position);
    if (rc == 0)
        rc = dir_each(volume, dir, match, &search);
    return rc == 0 ? -ENOENT : rc == 1 ? 0 : rc;
}

static int is_name(void *context, uint64_t position, struct vmfs_entry *entry)
{
    (void)context;
    (void)position;
    return !entry_is_free(entry) && !entry_is_dot(entry);
}

int dir_is_empty(struct vmfs_volume *volume, const struct vmfs_inode *dir)
{
    int rc = dir_each(volume, dir, is_name, NULL);

    return rc < 0 ? rc : rc == 0;
}

/* Opens a directory for changing: its descriptor read afresh and locked. In a transaction. */
static int dir_open(struct vmfs_volume *volume, const struct vmfs_inode *inode,
                    struct vmfs_file *dir)
{
    struct vmfs_lock lock;
    int rc;

    memset(dir, 0, sizeof(*dir));
    dir->volume = volume;
    rc = inode_read_again(volume, inode, &dir->inode);
    if (rc == 0)
        rc = lock_acquire(volume, &dir->inode.fd.lock, VMFS_LOCK_EXCLUSIVE, true);
    if (rc != 0 || !volume->shared)
        return rc;
    lock = dir->inode.fd.lock;
    rc = inode_read_again(volume, inode, &dir->inode);
    if (rc != 0)
        lock_give_up(volume, &lock);
    return rc;
}

/* Writes descriptor and released lock; of a descriptor that cannot be trusted only the lock. */
static int dir_close(struct vmfs_file *dir)
{
    struct vmfs_volume *volume = dir->volume;
    const struct vmfs_lock lock = dir->inode.fd.lock;
    int rc = file_refresh(dir);

    if (rc == 0 && !volume->shared)
        lock_drop(volume, &dir->inode.fd.lock);
    if (rc == 0)
        rc = inode_write(volume, &dir->inode);
    if (rc == 0 && volume->shared)
        rc = lock_release(volume, &dir->inode.fd.lock);
    else if (rc != 0)
        lock_give_up(volume, &lock);
    map_cache_free(&dir->cache);
    return rc != 0 ? rc : vmfs_flush(volume);
}

static bool same_entry(const struct vmfs_entry *one, const struct vmfs_entry *other)
{
    return one->type == other->type && one->fd_address == other->fd_address &&
           one->generation == other->generation && strcmp(one->name, other->name) == 0;
}

struct place {
    const struct vmfs_entry *entry;
    uint64_t position;
};

static int is_same(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct place *place = context;

    place->position = position;
    return !entry_is_free(entry) && same_entry(entry, place->entry);
}

/* What the header counts, after a change of which nobody knows how far it came. */
static int count_names(struct vmfs_file *dir)
{
    unsigned lost;
    int wrong, rc = dir6_audit(dir, &lost, &wrong);

    return rc != 0 || wrong == 0 ? rc : dir6_set_count(dir, -(int64_t)wrong);
}

/* Takes a name out of an open directory that adding it has failed in, if it is there. */
static int take_out(struct vmfs_file *dir, const struct vmfs_entry *entry)
{
    struct place place = {.entry = entry};
    int rc = file_refresh(dir);

    if (rc == 0)
        rc = dir_each(dir->volume, &dir->inode, is_same, &place);
    if (rc == 1)
        rc = dir->volume->format == VMFS_FORMAT_6 ? dir6_drop(dir, place.position)
                                                  : dir5_drop(dir, place.position);
    if (rc == 0 && dir->volume->format == VMFS_FORMAT_6)
        rc = count_names(dir);
    return rc != 0 ? rc : vmfs_flush(dir->volume);
}

/* The same where closing it failed; `links` is what the directory counted before. */
static int take_back(struct vmfs_volume *volume, const struct vmfs_inode *parent,
                     const struct vmfs_entry *entry, uint32_t links)
{
    struct vmfs_file dir;
    int rc = dir_open(volume, parent, &dir), closed;

    if (rc != 0)
        return rc;
    rc = take_out(&dir, entry);
    if (rc == 0 && dir.inode.fd.link_count > links)
        dir.inode.fd.link_count--;
    closed = dir_close(&dir);
    return rc != 0 ? rc : closed;
}

/* Adds a name to an open directory; *left as for dir_add(). */
static int add_to_open(struct vmfs_file *dir, const struct vmfs_entry *entry, bool *left)
{
    struct vmfs_volume *volume = dir->volume;
    char cause[VMFS_ERROR_MAX];
    struct vmfs_entry found;
    uint64_t position;
    int rc = dir_find(volume, &dir->inode, entry->name, &found, &position);

    if (rc == 0)
        return vmfs_fail(volume, -EEXIST, "\"%s\" already exists", entry->name);
    if (rc != -ENOENT)
        return rc;
    rc = volume->format == VMFS_FORMAT_6 ? dir6_add(dir, entry) : dir5_add(dir, entry);
    if (rc == 0) {
        dir->inode.fd.link_count += entry->type == VMFS_TYPE_DIRECTORY;
        return 0;
    }
    memcpy(cause, volume->error, sizeof(cause));
    *left = take_out(dir, entry) != 0;
    memcpy(volume->error, cause, sizeof(cause));
    return rc;
}

int dir_add(struct vmfs_volume *volume, const struct vmfs_inode *parent,
            const struct vmfs_entry *entry, bool *left)
{
    struct vmfs_file dir;
    uint32_t links;
    int rc = vmfs_begin(volume);

    *left = false;
    if (rc != 0)
        return rc;
    rc = dir_open(volume, parent, &dir);
    if (rc != 0) {
        vmfs_end(volume);
        return rc;
    }
    links = dir.inode.fd.link_count;
    rc = add_to_open(&dir, entry, left);
    if (dir_close(&dir) != 0 && rc == 0) {
        rc = -EIO;
        *left = take_back(volume, parent, entry, links) != 0;
    }
    vmfs_end(volume);
    return rc;
}

struct at_position {
    uint64_t position;
    const struct vmfs_entry *entry;
};

/* Whether the name wanted is there: 1, or the message's code where another is. */
static int is_at(void *context, uint64_t position, struct vmfs_entry *entry)
{
    const struct at_position *at = context;

    if (position != at->position)
        return 0;
    return same_entry(entry, at->entry) ? 1 : -ENOENT;
}

/* Half dropped, a name might not be found and yet count: what fails is done once more. */
static int drop_from_open(struct vmfs_file *dir, uint64_t position, const struct vmfs_entry *entry)
{
    int rc =
        dir->volume->format == VMFS_FORMAT_6 ? dir6_drop(dir, position) : dir5_drop(dir, position);

    return rc != 0 ? take_out(dir, entry) : 0;
}

int dir_drop(struct vmfs_volume *volume, const struct vmfs_inode *parent, uint64_t position,
             const struct vmfs_entry *entry)
{
    struct at_position at = {.position = position, .entry = entry};
    struct vmfs_file dir;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = dir_open(volume, parent, &dir);
    if (rc != 0) {
        vmfs_end(volume);
        return rc;
    }
    rc = dir_each(volume, &dir.inode, is_at, &at);
    if (rc == 0 || rc == -ENOENT)
        rc = vmfs_fail(volume, -ENOENT, "the name \"%s\" was changed by another", entry->name);
    else if (rc == 1)
        rc = drop_from_open(&dir, position, entry);
    if (rc == 0 && entry->type == VMFS_TYPE_DIRECTORY && dir.inode.fd.link_count > 2)
        dir.inode.fd.link_count--;
    if (dir_close(&dir) != 0 && rc == 0)
        rc = -EIO;
    vmfs_end(volume);
    return rc;
}

int dir_fill(struct vmfs_file *dir, const struct vmfs_inode *parent)
{
    return dir->volume->format == VMFS_FORMAT_6 ? dir6_fill(dir, parent) : dir5_fill(dir, parent);
}

/* File offset of the record of "..", which VMFS-6 keeps in the header. */
static int locate_parent(struct vmfs_volume *volume, const struct vmfs_inode *dir,
                         struct vmfs_entry *out, uint64_t *position)
{
    struct vmfs6_dir_header header;
    int rc;

    if (volume->format != VMFS_FORMAT_6)
        return dir_find(volume, dir, "..", out, position);
    rc = check_type(volume, dir);
    if (rc == 0)
        rc = dir6_read_header(volume, dir, &header);
    if (rc != 0)
        return rc;
    *out = (struct vmfs_entry){.type = header.parent.type,
                               .fd_address = header.parent.fd_address,
                               .generation = header.parent.generation,
                               .name = ".."};
    *position = offsetof(struct vmfs6_dir_header, parent);
    return 0;
}

int dir_find_parent(struct vmfs_volume *volume, const struct vmfs_inode *dir,
                    struct vmfs_entry *out)
{
    uint64_t position;
    int rc = locate_parent(volume, dir, out, &position);

    if (rc == -ENOENT)
        rc = vmfs_fail(volume, -EUCLEAN, "directory 0x%08x has no \"..\"", dir->fd.address);
    return rc;
}

int dir_set_parent(struct vmfs_file *dir, const struct vmfs_inode *parent)
{
    /* As both formats' records have them behind the type. */
    const uint32_t target[2] = {parent->fd.address, parent->fd.generation};
    struct vmfs_entry entry;
    uint64_t position;
    int rc = locate_parent(dir->volume, &dir->inode, &entry, &position);

    if (dir->volume->format == VMFS_FORMAT_6)
        dir->inode.fd.parent_fd = parent->fd.address;
    return rc != 0 ? rc
                   : alloc_write(dir, position + offsetof(struct vmfs5_dirent, fd_address), target,
                                 sizeof(target));
}

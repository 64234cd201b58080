/* SPDX-License-Identifier: MIT */
/* Directories: arrays of 140-byte records, and the paths that lead through them. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECORD sizeof(struct vmfs_dirent)
/* Records read at a time. */
#define CHUNK_RECORDS 117u
/* Far above what the descriptors of a volume can fill; bounds the scan of a damaged directory. */
#define MAX_LENGTH (256u << 20)

bool dirent_is_free(const struct vmfs_dirent *entry)
{
    return entry->type == 0 || entry->fd_address == 0;
}

int dir_each(struct vmfs_volume *volume, const struct vmfs_inode *dir,
             int (*visit)(void *context, uint64_t position, struct vmfs_dirent *entry),
             void *context)
{
    struct vmfs_dirent chunk[CHUNK_RECORDS];
    uint64_t length = dir->fd.length;

    if (dir->fd.type != VMFS_TYPE_DIRECTORY && dir->fd.address != VMFS_FD_SDD)
        return vmfs_fail(volume, -ENOTDIR, "descriptor 0x%08x is not a directory", dir->fd.address);
    if (length % RECORD != 0 || length > MAX_LENGTH)
        return vmfs_fail(volume, -EUCLEAN, "directory 0x%08x has a length of %llu", dir->fd.address,
                         (unsigned long long)length);
    for (uint64_t at = 0; at < length; at += sizeof(chunk)) {
        size_t piece = length - at < sizeof(chunk) ? length - at : sizeof(chunk);
        int rc = map_read(volume, NULL, dir, at, chunk, piece);

        for (size_t i = 0; i < piece / RECORD && rc == 0; i++) {
            chunk[i].name[VMFS_NAME_MAX] = '\0';
            rc = visit(context, at + i * RECORD, &chunk[i]);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

struct search {
    const char *name; /* NULL: the first free record */
    struct vmfs_dirent *entry;
    uint64_t *position;
};

static int match(void *context, uint64_t position, struct vmfs_dirent *entry)
{
    struct search *search = context;

    if (search->name == NULL ? !dirent_is_free(entry)
                             : dirent_is_free(entry) || strcmp(entry->name, search->name) != 0)
        return 0;
    *search->entry = *entry;
    *search->position = position;
    return 1;
}

int dir_find(struct vmfs_volume *volume, const struct vmfs_inode *dir, const char *name,
             struct vmfs_dirent *out, uint64_t *position)
{
    struct search search = {.name = name, .entry = out, .position = position};
    int rc = dir_each(volume, dir, match, &search);

    return rc == 0 ? -ENOENT : rc == 1 ? 0 : rc;
}

/* Opens a directory for changing: its descriptor read afresh and locked. In a transaction. */
static int dir_open(struct vmfs_volume *volume, uint32_t address, struct vmfs_file *dir)
{
    int rc;

    memset(dir, 0, sizeof(*dir));
    dir->volume = volume;
    rc = inode_read(volume, address, &dir->inode);
    if (rc == 0)
        rc = lock_acquire(volume, &dir->inode.fd.lock, VMFS_LOCK_EXCLUSIVE, true);
    if (rc == 0 && volume->shared)
        rc = inode_read(volume, address, &dir->inode);
    return rc;
}

/* Writes descriptor and released lock. */
static int dir_close(struct vmfs_file *dir)
{
    int rc;

    if (!dir->volume->shared)
        lock_drop(dir->volume, &dir->inode.fd.lock);
    rc = inode_write(dir->volume, &dir->inode);
    if (rc == 0 && dir->volume->shared)
        rc = lock_release(dir->volume, &dir->inode.fd.lock);
    map_cache_free(&dir->cache);
    return rc != 0 ? rc : vmfs_flush(dir->volume);
}

/*
 * Puts a record where a free one is. The type comes last, on its own: a record may lie across two
 * sectors, and only the type makes it count.
 */
static int reuse_record(struct vmfs_file *dir, uint64_t position, const struct vmfs_dirent *entry)
{
    struct vmfs_dirent quiet = *entry;
    int rc;

    quiet.type = 0;
    rc = alloc_write(dir, position, &quiet, RECORD);
    if (rc == 0)
        rc = vmfs_flush(dir->volume);
    return rc != 0 ? rc : alloc_write(dir, position, &entry->type, sizeof(entry->type));
}

int dir_add(struct vmfs_volume *volume, uint32_t dir_address, const struct vmfs_dirent *entry)
{
    struct vmfs_dirent found;
    struct vmfs_file dir;
    uint64_t position;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = dir_open(volume, dir_address, &dir);
    if (rc != 0) {
        vmfs_end(volume);
        return rc;
    }
    rc = dir_find(volume, &dir.inode, entry->name, &found, &position);
    if (rc == 0) {
        rc = vmfs_fail(volume, -EEXIST, "\"%s\" already exists", entry->name);
    } else if (rc == -ENOENT) {
        rc = dir_find(volume, &dir.inode, NULL, &found, &position);
        if (rc == 0) {
            rc = reuse_record(&dir, position, entry);
        } else if (rc == -ENOENT) {
            /* Past the end nobody looks: the length below makes the record appear. */
            rc = alloc_write(&dir, dir.inode.fd.length, entry, RECORD);
            if (rc == 0)
                rc = vmfs_flush(volume);
            if (rc == 0)
                dir.inode.fd.length += RECORD;
        }
        if (rc == 0 && entry->type == VMFS_TYPE_DIRECTORY)
            dir.inode.fd.link_count++;
    }
    if (dir_close(&dir) != 0 && rc == 0)
        rc = -EIO;
    vmfs_end(volume);
    return rc;
}

static int count_used(void *context, uint64_t position, struct vmfs_dirent *entry)
{
    uint64_t *used_end = context;

    if (!dirent_is_free(entry))
        *used_end = position + RECORD;
    return 0;
}

int dir_drop(struct vmfs_volume *volume, uint32_t dir_address, uint64_t position)
{
    static const struct vmfs_dirent none;
    struct vmfs_dirent entry;
    struct vmfs_file dir;
    uint64_t used_end = 0;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = dir_open(volume, dir_address, &dir);
    if (rc != 0) {
        vmfs_end(volume);
        return rc;
    }
    rc = map_read(volume, NULL, &dir.inode, position, &entry, RECORD);
    if (rc == 0)
        rc = alloc_write(&dir, position, &none.type, sizeof(none.type));
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = alloc_write(&dir, position, &none, RECORD);
    if (rc == 0)
        rc = dir_each(volume, &dir.inode, count_used, &used_end);
    if (rc == 0) {
        dir.inode.fd.length = used_end;
        if (entry.type == VMFS_TYPE_DIRECTORY)
            dir.inode.fd.link_count--;
    }
    if (dir_close(&dir) != 0 && rc == 0)
        rc = -EIO;
    vmfs_end(volume);
    return rc;
}

/* Cuts the next part off a path: its length, 0 at the end; skips slashes. */
static int next_part(struct vmfs_volume *volume, const char **path, char name[VMFS_NAME_MAX + 1])
{
    size_t length;

    *path += strspn(*path, "/");
    length = strcspn(*path, "/");
    if (length > VMFS_NAME_MAX)
        return vmfs_fail(volume, -ENAMETOOLONG, "a name is at most %u bytes long", VMFS_NAME_MAX);
    memcpy(name, *path, length);
    name[length] = '\0';
    *path += length;
    *path += strspn(*path, "/");
    return (int)length;
}

/* Follows the path; with `stop_at_last`, the last part is left in `name` and not looked up. */
static int follow(struct vmfs_volume *volume, const char *path, bool stop_at_last,
                  struct vmfs_inode *inode, char name[VMFS_NAME_MAX + 1])
{
    const char *rest = path;
    int rc = inode_read(volume, VMFS_FD_ROOT, inode);

    while (rc == 0) {
        struct vmfs_dirent entry;
        uint64_t position;
        int length = next_part(volume, &rest, name);

        if (length < 0)
            return length;
        if (length == 0)
            return stop_at_last ? vmfs_fail(volume, -EINVAL, "\"%s\" names no file", path) : 0;
        if (stop_at_last && *rest == '\0')
            return 0;
        rc = dir_find(volume, inode, name, &entry, &position);
        if (rc == -ENOENT)
            return vmfs_fail(volume, -ENOENT, "\"%s\": no \"%s\" on volume \"%.128s\"", path, name,
                             volume->super.label);
        if (rc == 0)
            rc = inode_read(volume, entry.fd_address, inode);
        if (rc == 0 && inode->fd.generation != entry.generation)
            return vmfs_fail(volume, -EUCLEAN, "\"%s\" names generation %u of 0x%08x, found %u",
                             name, entry.generation, entry.fd_address, inode->fd.generation);
    }
    return rc;
}

int path_resolve(struct vmfs_volume *volume, const char *path, struct vmfs_inode *out)
{
    char name[VMFS_NAME_MAX + 1];

    return follow(volume, path, false, out, name);
}

int path_parent(struct vmfs_volume *volume, const char *path, struct vmfs_inode *parent,
                char name[VMFS_NAME_MAX + 1])
{
    return follow(volume, path, true, parent, name);
}

static void stat_of(const struct vmfs_inode *inode, struct vmfs_stat *out)
{
    out->type = inode->fd.type;
    out->mode = inode->fd.mode;
    out->mtime_s = inode->fd.mtime_s;
    out->length = inode->fd.length;
    out->allocated =
        inode->fd.zla == VMFS_ZLA_RESIDENT ? 0 : inode->fd.block_count * inode->fd.unit_size;
    out->address = inode->fd.address;
}

int vmfs_stat(struct vmfs_volume *volume, const char *path, struct vmfs_stat *out)
{
    struct vmfs_inode inode;
    int rc = path_resolve(volume, path, &inode);

    if (rc == 0)
        stat_of(&inode, out);
    return rc;
}

struct listing {
    struct vmfs_volume *volume;
    int (*visit)(void *context, const char *name, const struct vmfs_stat *stat);
    void *context;
};

static int list_one(void *context, uint64_t position, struct vmfs_dirent *entry)
{
    struct listing *listing = context;
    struct vmfs_inode inode;
    struct vmfs_stat stat;
    int rc;

    (void)position;
    if (dirent_is_free(entry) || strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
        return 0;
    rc = inode_read(listing->volume, entry->fd_address, &inode);
    if (rc != 0)
        return rc;
    stat_of(&inode, &stat);
    return listing->visit(listing->context, entry->name, &stat);
}

int vmfs_list(struct vmfs_volume *volume, const char *path,
              int (*visit)(void *context, const char *name, const struct vmfs_stat *stat),
              void *context)
{
    struct listing listing = {.volume = volume, .visit = visit, .context = context};
    struct vmfs_inode dir;
    int rc = path_resolve(volume, path, &dir);

    return rc != 0 ? rc : dir_each(volume, &dir, list_one, &listing);
}

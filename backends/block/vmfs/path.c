/* SPDX-License-Identifier: MIT */
/* Paths and what they lead to: looking names up, listing, what a user sees of a file. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* Whether a name that leads to another file than it says is not there any more. */
static bool name_was_changed(struct vmfs_volume *volume, const struct vmfs_inode *before,
                             const struct vmfs_entry *entry)
{
    struct vmfs_entry now;
    struct vmfs_inode dir;
    uint64_t position;

    return inode_read_again(volume, before, &dir) != 0 ||
           dir_find(volume, &dir, entry->name, &now, &position) != 0 ||
           now.fd_address != entry->fd_address || now.generation != entry->generation;
}

/* Follows the path; with `stop_at_last`, the last part is left in `name` and not looked up. */
static int follow(struct vmfs_volume *volume, const char *path, bool stop_at_last,
                  struct vmfs_inode *inode, char name[VMFS_NAME_MAX + 1])
{
    const char *rest = path;
    struct vmfs_inode dir;
    int rc = inode_read(volume, VMFS_FD_ROOT, inode);

    while (rc == 0) {
        struct vmfs_entry entry;
        uint64_t position;
        int length = next_part(volume, &rest, name);

        if (length < 0)
            return length;
        if (length == 0)
            return stop_at_last ? vmfs_fail(volume, -EINVAL, "\"%s\" names no file", path) : 0;
        if (stop_at_last && *rest == '\0')
            return 0;
        dir = *inode;
        rc = dir_find(volume, inode, name, &entry, &position);
        if (rc == -ENOENT)
            return vmfs_fail(volume, -ENOENT, "\"%s\": no \"%s\" on volume \"%.128s\"", path, name,
                             volume->super.label);
        if (rc == 0)
            rc = inode_read(volume, entry.fd_address, inode);
        if (rc == 0 && inode->fd.generation != entry.generation &&
            name_was_changed(volume, &dir, &entry))
            return vmfs_fail(volume, -ENOENT, "\"%s\" was removed by another", name);
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

int path_add_name(struct vmfs_volume *volume, const struct vmfs_inode *parent, const char *name,
                  const struct vmfs_inode *inode, bool *left)
{
    struct vmfs_entry entry = {.type = inode->fd.type,
                               .fd_address = inode->fd.address,
                               .generation = inode->fd.generation};

    memcpy(entry.name, name, strlen(name));
    return dir_add(volume, parent, &entry, left);
}

int path_find_again(struct vmfs_volume *volume, const struct vmfs_inode *parent, const char *name,
                    const struct vmfs_inode *inode, struct vmfs_entry *entry, uint64_t *position)
{
    struct vmfs_inode dir;
    int rc = inode_read_again(volume, parent, &dir);

    if (rc == 0)
        rc = dir_find(volume, &dir, name, entry, position);
    if (rc == -ENOENT || (rc == 0 && (entry->fd_address != inode->fd.address ||
                                      entry->generation != inode->fd.generation)))
        rc = vmfs_fail(volume, -ENOENT, "\"%s\" was removed or renamed by another", name);
    return rc;
}

int path_require_absent(struct vmfs_volume *volume, const char *path, struct vmfs_inode *parent,
                        char name[VMFS_NAME_MAX + 1])
{
    struct vmfs_entry entry;
    uint64_t position;
    int rc = vmfs_require_ours(volume, "a new name");

    if (rc == 0)
        rc = path_parent(volume, path, parent, name);
    if (rc != 0)
        return rc;
    rc = dir_find(volume, parent, name, &entry, &position);
    if (rc == 0)
        return vmfs_fail(volume, -EEXIST, "\"%s\" already exists", path);
    return rc == -ENOENT ? 0 : rc;
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
    out->turns = (uint32_t)inode->fd.lock.token;
    out->is_locked = inode->fd.lock.mode != VMFS_LOCK_FREE && inode->fd.lock.mode != VMFS_LOCK_READ;
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

static int list_one(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct listing *listing = context;
    struct vmfs_inode inode;
    struct vmfs_stat stat;
    int rc;

    (void)position;
    if (entry_is_free(entry) || entry_is_dot(entry))
        return 0;
    rc = inode_read(listing->volume, entry->fd_address, &inode);
    /* A name that leads nowhere hides no others; a file may go while we look. */
    if (rc == -ENOENT || (rc == 0 && inode.fd.generation != entry->generation))
        return 0;
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

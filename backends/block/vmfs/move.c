/* SPDX-License-Identifier: MIT */
/*
 * Giving files and directories another name or another directory: the new name first, then what the
 * moved one says of its parent, then the old name goes. After a cut between them vmfs_check() drops
 * one of two names and mends a ".." that leads elsewhere.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* Far more than a path goes down. */
#define MAX_DEPTH 4096u

/* What is moved, from where to where. */
struct move {
    const char *from;
    char old_name[VMFS_NAME_MAX + 1], new_name[VMFS_NAME_MAX + 1];
    struct vmfs_inode inode, old_parent, new_parent;
};

static int find_places(struct vmfs_volume *volume, struct move *move, const char *to)
{
    int rc = path_resolve(volume, move->from, &move->inode);

    if (rc == 0)
        rc = path_parent(volume, move->from, &move->old_parent, move->old_name);
    if (rc == 0)
        rc = path_require_absent(volume, to, &move->new_parent, move->new_name);
    if (rc == 0 &&
        (move->inode.fd.type == VMFS_TYPE_SYSTEM || move->inode.fd.address == VMFS_FD_ROOT))
        rc = vmfs_fail(volume, -EPERM, "\"%s\" is not a user's", move->from);
    return rc;
}

/*
 * A directory must not come to lie in itself: none of the directories above its new place may be
 * it. Whoever moves one of those holds its lock, and looks at ours in turn: one of us is refused.
 */
static int require_outside(struct vmfs_volume *volume, const struct move *move)
{
    struct vmfs_inode above = move->new_parent;

    for (unsigned depth = 0; depth < MAX_DEPTH; depth++) {
        struct vmfs_entry parent;
        int rc;

        if (above.fd.address == move->inode.fd.address)
            return vmfs_fail(volume, -EINVAL, "directory \"%s\" cannot move into itself",
                             move->from);
        if (above.fd.address == VMFS_FD_ROOT)
            return 0;
        rc = lock_wait(volume, &above.fd.lock);
        if (rc == 0)
            rc = dir_find_parent(volume, &above, &parent);
        if (rc == 0)
            rc = inode_read(volume, parent.fd_address, &above);
        if (rc == 0 && above.fd.generation != parent.generation)
            rc = vmfs_fail(volume, -EUCLEAN, "a directory above the new place has no parent");
        if (rc != 0)
            return rc;
    }
    return vmfs_fail(volume, -EUCLEAN, "the directories above the new place have no end");
}

/* Tells what was moved where it is now. */
static int tell_parent(struct vmfs_volume *volume, struct move *move,
                       const struct vmfs_inode *parent)
{
    struct vmfs_file moved = {.volume = volume, .inode = move->inode};
    int rc = 0;

    if (moved.inode.fd.type == VMFS_TYPE_DIRECTORY)
        rc = dir_set_parent(&moved, parent);
    else if (volume->format == VMFS_FORMAT_6)
        moved.inode.fd.parent_fd = parent->fd.address;
    if (rc == 0 && volume->format == VMFS_FORMAT_6)
        rc = inode_write(volume, &moved.inode);
    map_cache_free(&moved.cache);
    move->inode = moved.inode;
    return rc != 0 ? rc : vmfs_flush(volume);
}

/* Drops one of the names of what is moved, if it is there. */
static int drop_name(struct vmfs_volume *volume, const struct move *move,
                     const struct vmfs_inode *parent, const char *name)
{
    struct vmfs_entry entry;
    uint64_t position;
    int rc = path_find_again(volume, parent, name, &move->inode, &entry, &position);

    return rc != 0 ? rc : dir_drop(volume, parent, position, &entry);
}

/*
 * After an error: the new name goes if the old one is there; else the file has moved. Where that
 * fails too, both names stay, and are counted.
 */
static void take_back(struct vmfs_volume *volume, struct move *move, uint32_t links, bool elsewhere)
{
    char cause[VMFS_ERROR_MAX];
    struct vmfs_entry entry;
    uint64_t position;
    bool stays;
    int rc;

    memcpy(cause, volume->error, sizeof(cause));
    rc =
        path_find_again(volume, &move->old_parent, move->old_name, &move->inode, &entry, &position);
    stays = rc == 0;
    if (stays)
        rc = drop_name(volume, move, &move->new_parent, move->new_name);
    if (rc == 0 || rc == -ENOENT)
        rc = inode_read_again(volume, &move->inode, &move->inode);
    if (rc == 0 && stays && elsewhere)
        rc = tell_parent(volume, move, &move->old_parent);
    if (rc == 0)
        inode_set_links(volume, &move->inode, links);
    memcpy(volume->error, cause, sizeof(cause));
}

static int change_names(struct vmfs_volume *volume, struct move *move)
{
    bool elsewhere = move->old_parent.fd.address != move->new_parent.fd.address, left;
    uint32_t links = move->inode.fd.link_count;
    struct vmfs_entry entry;
    uint64_t position;
    int rc =
        path_find_again(volume, &move->old_parent, move->old_name, &move->inode, &entry, &position);

    if (rc == 0 && elsewhere && move->inode.fd.type == VMFS_TYPE_DIRECTORY)
        rc = require_outside(volume, move);
    if (rc != 0)
        return rc;
    rc = inode_set_links(volume, &move->inode, links + 1);
    if (rc == 0)
        rc = path_add_name(volume, &move->new_parent, move->new_name, &move->inode, &left);
    if (rc == 0 && elsewhere)
        rc = tell_parent(volume, move, &move->new_parent);
    if (rc == 0)
        rc = drop_name(volume, move, &move->old_parent, move->old_name);
    if (rc != 0)
        take_back(volume, move, links, elsewhere);
    else /* if that fails, the checker mends it */
        inode_set_links(volume, &move->inode, links);
    return rc;
}

int vmfs_rename(struct vmfs_volume *volume, const char *from, const char *to)
{
    struct move move = {.from = from};
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = find_places(volume, &move, to);
    if (rc == 0)
        rc = inode_lock(volume, &move.inode, VMFS_LOCK_EXCLUSIVE);
    if (rc != 0) {
        vmfs_end(volume);
        return rc;
    }
    rc = change_names(volume, &move);
    if (inode_unlock(volume, &move.inode) != 0 && rc == 0)
        rc = -EIO;
    vmfs_end(volume);
    return rc != 0 ? rc : vmfs_flush(volume);
}

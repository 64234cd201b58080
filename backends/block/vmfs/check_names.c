/* SPDX-License-Identifier: MIT */
/* Checking directories: names that lead nowhere or twice, hash tables, parents and links. */
#include "block/vmfs/check.h"
#include "block/vmfs/dir6.h"

#include <errno.h>
#include <stdlib.h>

struct visit {
    struct checker *checker;
    const struct vmfs_inode *dir;
    uint32_t folders; /* found in it */
    bool unsure;      /* not all names in it could be followed */
};

/* Directories wait here for their turn: however deep they nest, the stack does not. */
static int folder_push(struct checker *checker, const struct vmfs_inode *dir,
                       const struct vmfs_inode *parent)
{
    if (checker->folder_count == checker->folder_room) {
        size_t room = checker->folder_room == 0 ? 64 : 2 * checker->folder_room;
        struct check_folder *more = realloc(checker->folders, room * sizeof(*more));

        if (more == NULL)
            return vmfs_fail(checker->volume, -ENOMEM, "out of memory");
        checker->folders = more;
        checker->folder_room = room;
    }
    checker->folders[checker->folder_count++] =
        (struct check_folder){.address = dir->fd.address,
                              .parent = parent->fd.address,
                              .parent_generation = parent->fd.generation};
    return 0;
}

/* A name that leads nowhere, or a second one. */
static void bad_name(struct visit *visit, uint64_t position, const struct vmfs_entry *entry)
{
    if (check_may_drop(visit->checker))
        check_repaired(visit->checker,
                       dir_drop(visit->checker->volume, visit->dir, position, entry));
}

/* What a name leads to. -ENOENT: certainly to no file; other errors: nobody knows. */
static int follow(struct visit *visit, const struct vmfs_entry *entry, struct vmfs_inode *inode,
                  uint64_t *item)
{
    struct vmfs_volume *volume = visit->checker->volume;
    struct vmfs_resource *resource = resource_of_address(volume, entry->fd_address, item);
    int rc;

    if (resource != &volume->fdc || *item >= resource->item_count)
        return -ENOENT;
    rc = inode_read(volume, entry->fd_address, inode);
    return rc == 0 && inode->fd.generation != entry->generation ? -ENOENT : rc;
}

static int check_entry(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct visit *visit = context;
    struct checker *checker = visit->checker;
    uint32_t dir = visit->dir->fd.address;
    struct vmfs_inode inode;
    uint64_t item;
    int rc;

    if (entry_is_free(entry) || entry_is_dot(entry))
        return 0;
    rc = follow(visit, entry, &inode, &item);
    if (rc == -ENOENT) {
        check_report(checker,
                     "\"%s\" in directory 0x%08x leads to 0x%08x, which is no file of that name",
                     entry->name, dir, entry->fd_address);
        bad_name(visit, position, entry);
        return 0;
    }
    if (rc != 0) {
        visit->unsure = true;
        check_unread(checker, "\"%s\" in directory 0x%08x: %s", entry->name, dir,
                     checker->volume->error);
        return 0;
    }
    if (bit_get(checker->named, item)) {
        check_report(checker, "\"%s\" is a second name of file 0x%08x", entry->name,
                     entry->fd_address);
        bad_name(visit, position, entry);
        return 0;
    }
    bit_set(checker->named, item);
    if (entry->type != inode.fd.type) {
        visit->unsure = true;
        check_unread(checker, "\"%s\" in directory 0x%08x has type %u, its file 0x%08x type %u",
                     entry->name, dir, entry->type, entry->fd_address, inode.fd.type);
    }
    if (inode.fd.type != VMFS_TYPE_DIRECTORY)
        return 0;
    visit->folders++;
    return folder_push(checker, &inode, visit->dir);
}

/* Names that only a search from end to end would find. */
static void check_hashes(struct checker *checker, const struct vmfs_inode *inode)
{
    struct vmfs_file dir = {.volume = checker->volume, .inode = *inode};
    unsigned lost;
    int count_error;

    if (dir6_audit(&dir, &lost, &count_error) != 0) {
        check_unread(checker, "directory 0x%08x: %s", inode->fd.address, checker->volume->error);
        return;
    }
    if (lost == 0 && count_error == 0)
        return;
    check_report(checker, "directory 0x%08x: %u names are not in its hash table, its count is %+d",
                 inode->fd.address, lost, count_error);
    if (checker->check->repair)
        check_repaired(checker, dir6_rebuild(&dir));
    map_cache_free(&dir.cache);
}

/* Whether ".." leads to where the directory was found. */
static void check_parent(struct checker *checker, const struct vmfs_inode *inode,
                         const struct check_folder *folder)
{
    struct vmfs_file dir = {.volume = checker->volume, .inode = *inode};
    struct vmfs_entry entry;
    int rc;

    rc = dir_find_parent(checker->volume, inode, &entry);
    if (rc != 0) {
        if (rc == -EUCLEAN)
            check_report(checker, "%s", checker->volume->error);
        else
            check_unread(checker, "directory 0x%08x: %s", inode->fd.address,
                         checker->volume->error);
        return;
    }
    if (entry.fd_address == folder->parent && entry.generation == folder->parent_generation)
        return;
    check_report(checker, "\"..\" in directory 0x%08x leads to 0x%08x, it lies in 0x%08x",
                 inode->fd.address, entry.fd_address, folder->parent);
    if (checker->check->repair) {
        const struct vmfs_inode parent = {.fd.address = folder->parent,
                                          .fd.generation = folder->parent_generation};

        rc = dir_set_parent(&dir, &parent);
        check_repaired(checker, rc != 0 ? rc : inode_write(checker->volume, &dir.inode));
    }
    map_cache_free(&dir.cache);
}

/* A directory's links: its name, its ".", and the ".." of those in it. */
static void check_links(struct checker *checker, struct vmfs_inode *dir, uint32_t folders)
{
    if (dir->fd.link_count == folders + 2)
        return;
    check_report(checker, "directory 0x%08x counts %u links, has %u", dir->fd.address,
                 dir->fd.link_count, folders + 2);
    dir->fd.link_count = folders + 2;
    if (checker->check->repair)
        check_repaired(checker, inode_write(checker->volume, dir));
}

static int check_directory(struct checker *checker, const struct check_folder *folder)
{
    struct vmfs_volume *volume = checker->volume;
    struct visit visit = {.checker = checker};
    struct vmfs_inode dir;
    int rc = inode_read(volume, folder->address, &dir);

    visit.dir = &dir;
    if (rc == 0)
        rc = dir_each(volume, &dir, check_entry, &visit);
    if (rc == 0 && volume->ours && volume->format == VMFS_FORMAT_6)
        rc = dir6_check_blocks(volume, &dir);
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0) {
        check_unread(checker, "directory 0x%08x: %s", folder->address, volume->error);
        return 0;
    }
    if (volume->format == VMFS_FORMAT_6)
        check_hashes(checker, &dir);
    if (!volume->ours || visit.unsure)
        return 0;
    /* Repairs until here have changed it. */
    if (inode_read(volume, folder->address, &dir) != 0) {
        check_unread(checker, "directory 0x%08x: %s", folder->address, volume->error);
        return 0;
    }
    check_links(checker, &dir, visit.folders);
    check_parent(checker, &dir, folder);
    return 0;
}

int check_names(struct checker *checker, const struct vmfs_inode *root)
{
    struct vmfs_inode sdd;
    int rc = inode_read(checker->volume, VMFS_FD_SDD, &sdd);
    bool has_sdd = rc == 0 && (sdd.fd.mode & 040000) != 0;

    if (rc != 0 && rc != -ENOENT)
        check_unread(checker, "%s", checker->volume->error);
    bit_set(checker->named, 0);
    rc = folder_push(checker, root, root);
    if (rc == 0 && has_sdd)
        rc = folder_push(checker, &sdd, root);
    for (size_t i = 0; rc == 0 && i < checker->folder_count; i++) {
        const struct check_folder folder = checker->folders[i]; /* the list moves as it grows */

        check_progress(checker);
        rc = check_directory(checker, &folder);
    }
    return rc;
}

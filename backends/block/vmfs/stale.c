/* SPDX-License-Identifier: MIT */
/*
 * After a metadata step that failed, the descriptor and the pointer blocks in memory may say what
 * the disk does not: some of what they say was never written, or came back as an error and is there
 * all the same. The file is then stale: before anything else is done by it, it is read again.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

int file_failed(struct vmfs_file *file, int rc)
{
    file->stale = file->stale || rc != 0;
    return rc;
}

struct recount {
    const struct vmfs_volume *volume;
    uint64_t blocks, tbz, pbs;
};

static int count_address(void *context, uint64_t address, unsigned levels, uint64_t n)
{
    struct recount *count = context;

    (void)n;
    count->pbs += levels > 0;
    count->blocks += levels == 0;
    count->tbz += levels == 0 && addr_is_tbz(count->volume, address);
    return 0;
}

/* Mends the counters: a step that ended between them and the pointers left them apart. */
static int recount(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    struct recount count = {.volume = volume};
    int rc;

    if (!volume->ours || inode->fd.zla == VMFS_ZLA_RESIDENT || inode->fd.type == VMFS_TYPE_RDM)
        return 0;
    rc = map_walk(volume, inode, count_address, &count);
    if (rc != 0 || (inode->fd.block_count == count.blocks && inode->fd.tbz_count == count.tbz &&
                    inode->fd.pb_count == count.pbs))
        return rc;
    inode->fd.block_count = count.blocks;
    inode->fd.new_count = (uint32_t)count.blocks;
    inode->fd.tbz_count = (uint32_t)count.tbz;
    inode->fd.pb_count = (uint32_t)count.pbs;
    rc = inode_write(volume, inode);
    return rc != 0 ? rc : vmfs_flush(volume);
}

int file_refresh(struct vmfs_file *file)
{
    struct vmfs_volume *volume = file->volume;
    struct vmfs_inode fresh;
    int rc;

    if (!file->stale)
        return 0;
    map_cache_free(&file->cache);
    /* What is read must not be undone by a power cut: what is done next relies on it. */
    rc = vmfs_flush(volume);
    if (rc == 0)
        rc = inode_read(volume, file->inode.fd.address, &fresh);
    if (rc == 0 && fresh.fd.generation != file->inode.fd.generation)
        rc = vmfs_fail(volume, -ESTALE, "descriptor 0x%08x is another file's by now",
                       fresh.fd.address);
    if (rc == 0)
        rc = recount(volume, &fresh);
    if (rc != 0)
        return rc;
    file->inode = fresh;
    file->fresh_run = 0;
    file->stale = false;
    return 0;
}

/* Whether the way to block n leads to this address, of the block or of a pointer block. */
static int is_named(struct vmfs_file *file, uint64_t n, uint64_t address, bool *named)
{
    const struct vmfs_volume *volume = file->volume;
    unsigned levels = inode_levels(&file->inode);
    uint64_t next;

    *named = false;
    if (n >= inode_max_blocks(volume, &file->inode))
        return 0;
    next = file->inode.addresses[n >> volume->pb_shift * levels];
    for (;;) {
        struct vmfs_pb *pb;
        int rc;

        *named = vmfs_addr_with_tbz(volume->format, next, false) ==
                 vmfs_addr_with_tbz(volume->format, address, false);
        if (*named || levels == 0 || next == 0)
            return 0;
        rc = map_read_pb(file->volume, &file->cache, next, &pb);
        if (rc != 0)
            return rc;
        next = pb->entries[n >> volume->pb_shift * --levels & ((1u << volume->pb_shift) - 1)];
    }
}

static int give_back_one(struct vmfs_file *file, uint64_t n, uint64_t address)
{
    uint64_t item;
    struct vmfs_resource *resource = resource_of_address(file->volume, address, &item);
    bool named = true;
    int rc = resource == NULL ? 0 : is_named(file, n, address, &named);

    return rc != 0 || named ? rc : resource_free(file->volume, resource, item, 1);
}

void file_give_back(struct vmfs_file *file, uint64_t n, const uint64_t *addresses,
                    const bool *chosen, uint32_t count)
{
    char cause[VMFS_ERROR_MAX];
    int rc;

    memcpy(cause, file->volume->error, sizeof(cause));
    rc = file_refresh(file);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (chosen == NULL || chosen[i])
            rc = give_back_one(file, n + i, addresses[i]);
    }
    for (uint32_t i = 0; i < file->created_count && rc == 0; i++)
        rc = give_back_one(file, file->created[i].block, file->created[i].address);
    file->created_count = 0;
    memcpy(file->volume->error, cause, sizeof(cause));
}

void file_destroy(struct vmfs_file *file)
{
    char cause[VMFS_ERROR_MAX];

    memcpy(cause, file->volume->error, sizeof(cause));
    /* By what cannot be read again nothing is freed: it is the checker's. */
    if (file_refresh(file) == 0)
        inode_destroy(file->volume, &file->inode);
    memcpy(file->volume->error, cause, sizeof(cause));
}

void file_abandon(struct vmfs_file *file, bool left)
{
    char cause[VMFS_ERROR_MAX];

    if (!left) {
        file_destroy(file);
        return;
    }
    memcpy(cause, file->volume->error, sizeof(cause));
    inode_unlock(file->volume, &file->inode);
    memcpy(file->volume->error, cause, sizeof(cause));
}

/* SPDX-License-Identifier: MIT */
/* Giving back what a file had: bits first to nobody, then blocks to the device below. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* Collects addresses into runs so that one cluster write frees many blocks. */
struct freeing {
    struct vmfs_volume *volume;
    struct vmfs_resource *resource;
    uint64_t first;
    uint32_t count;
};

/* A device that refuses to discard keeps its room; the volume has its blocks back all the same. */
int blocks_give_back(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t first,
                     uint32_t count)
{
    discard_blocks(volume, resource, first, count);
    return resource_free(volume, resource, first, count);
}

static int freeing_flush(struct freeing *run)
{
    int rc =
        run->count == 0 ? 0 : blocks_give_back(run->volume, run->resource, run->first, run->count);

    run->count = 0;
    return rc;
}

static int freeing_add(void *context, uint64_t address, unsigned levels, uint64_t n)
{
    struct freeing *run = context;
    struct vmfs_resource *resource;
    uint64_t item;
    int rc = 0;

    (void)levels;
    (void)n;
    resource = resource_of_address(run->volume, address, &item);
    if (resource == NULL)
        return 0;
    if (run->count > 0 && (resource != run->resource || item != run->first + run->count))
        rc = freeing_flush(run);
    if (rc != 0)
        return rc;
    if (run->count == 0) {
        run->resource = resource;
        run->first = item;
    }
    run->count++;
    return 0;
}

int inode_free_blocks(struct vmfs_volume *volume, const struct vmfs_inode *inode)
{
    struct freeing run = {.volume = volume};
    int rc = map_walk(volume, inode, freeing_add, &run);

    return rc != 0 ? rc : freeing_flush(&run);
}

int inode_destroy(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    struct freeing run = {.volume = volume};
    struct vmfs_inode gone = *inode;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    /* The descriptor dies first: a crash leaves used bits without owner, never a shared block. */
    gone.fd.link_count = 0;
    lock_drop(volume, &gone.fd.lock);
    rc = inode_write(volume, &gone);
    if (rc != 0)
        lock_give_up(volume, &inode->fd.lock);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = map_walk(volume, inode, freeing_add, &run);
    if (rc == 0)
        rc = freeing_flush(&run);
    if (rc == 0)
        rc = freeing_add(&run, inode->fd.address, 0, 0);
    if (rc == 0)
        rc = freeing_flush(&run);
    vmfs_end(volume);
    return rc;
}

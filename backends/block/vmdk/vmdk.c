/* SPDX-License-Identifier: MIT */
/* vmdk: a chain of links as a disk. */
#include "block/vmdk/vmdk.h"

#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The block of VMFS-5 and VMFS-6; where blocks are larger, smaller discards do nothing. */
#define DISCARD_UNIT (1u << 20)

struct vmdk_disk {
    struct disk disk;
    struct link link;
    bool owns_store;
};

static struct link *link_of(struct disk *disk)
{
    return &((struct vmdk_disk *)disk)->link;
}

static int result(struct disk *disk, int rc)
{
    if (rc != 0)
        strcpy(disk->error, link_of(disk)->error);
    return rc;
}

static int vmdk_read(struct disk *disk, uint64_t offset, void *buffer, size_t length)
{
    return result(disk, link_read_bytes(link_of(disk), offset, buffer, length));
}

static int vmdk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t length)
{
    return result(disk, link_write_bytes(link_of(disk), offset, buffer, length));
}

static int vmdk_map(struct disk *disk, uint64_t offset, uint64_t most, enum disk_use use,
                    struct bdev_extent *out, bool *read_needed)
{
    return result(disk, link_map(link_of(disk), offset, most, use, out, read_needed));
}

static int vmdk_commit(struct disk *disk)
{
    return result(disk, link_commit(link_of(disk)));
}

static int vmdk_flush(struct disk *disk)
{
    return result(disk, link_flush(link_of(disk)));
}

static int vmdk_discard(struct disk *disk, uint64_t offset, uint64_t length)
{
    return result(disk, link_discard(link_of(disk), offset, length));
}

static int vmdk_tick(struct disk *disk)
{
    struct store *store = link_of(disk)->store;

    return store->ops->tick == NULL
               ? 0
               : result(disk, link_result(link_of(disk), store->ops->tick(store)));
}

static int vmdk_close(struct disk *disk)
{
    struct store *store = link_of(disk)->store;
    bool owns_store = ((struct vmdk_disk *)disk)->owns_store;
    int rc = link_close(link_of(disk));

    if (owns_store)
        store_close(store);
    free(disk);
    return rc;
}

static const struct disk_ops vmdk_ops = {
    .read = vmdk_read,
    .write = vmdk_write,
    .map = vmdk_map,
    .commit = vmdk_commit,
    .flush = vmdk_flush,
    .discard = vmdk_discard,
    .tick = vmdk_tick,
    .close = vmdk_close,
};

static int open_in(struct store *store, const char *path, bool read_only, bool owns_store,
                   struct disk **out, char error[DISK_ERROR_MAX])
{
    struct vmdk_disk *vmdk = calloc(1, sizeof(*vmdk));
    int rc;

    if (vmdk == NULL) {
        snprintf(error, DISK_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    rc = link_read(store, path, &vmdk->link);
    if (rc == 0)
        rc = link_open(&vmdk->link, read_only);
    if (rc == 0)
        rc = link_open_parents(&vmdk->link);
    if (rc != 0) {
        snprintf(error, DISK_ERROR_MAX, "%s", vmdk->link.error);
        link_close(&vmdk->link);
        free(vmdk);
        return rc;
    }
    vmdk->owns_store = owns_store;
    vmdk->disk.ops = &vmdk_ops;
    vmdk->disk.read_only = read_only;
    vmdk->disk.size = link_size(&vmdk->link);
    vmdk->disk.sector = BDEV_SECTOR;
    vmdk->disk.physical_sector = store->sector;
    /* A thick disk keeps what it was promised. */
    if (vmdk->link.descriptor.thin && !read_only && store->ops->discard != NULL)
        vmdk->disk.discard_unit = DISCARD_UNIT;
    *out = &vmdk->disk;
    return 0;
}

int vmdk_open(struct store *store, const char *path, bool read_only, struct disk **out,
              char error[DISK_ERROR_MAX])
{
    return open_in(store, path, read_only, true, out, error);
}

int vmdk_open_in(struct store *store, const char *path, bool read_only, struct disk **out,
                 char error[DISK_ERROR_MAX])
{
    return open_in(store, path, read_only, false, out, error);
}

/* SPDX-License-Identifier: MIT */
/* Telling the device below what holds nothing any more: holes punched into files, free blocks. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* Blocks of one step: bounds what a crash can leave used by nobody. */
#define STEP 64u
/* Bytes of one discard, between looks at the lease. */
#define PIECE (1ull << 30)

int discard_blocks(struct vmfs_volume *volume, const struct vmfs_resource *resource, uint64_t first,
                   uint64_t count)
{
    unsigned shift =
        resource->type == VMFS_ADDR_LFB ? volume->lfb_shift : (unsigned)volume->block_shift;
    uint64_t offset = first << shift, end = (first + count) << shift;
    int rc = 0;

    if (resource->type != VMFS_ADDR_FB && resource->type != VMFS_ADDR_LFB)
        return 0;
    while (rc == 0 && offset < end) {
        uint64_t length = end - offset < PIECE ? end - offset : PIECE, device_offset;
        struct bdev *dev;

        rc = slot_check_lease(volume);
        if (rc == 0)
            rc = lvm_map(volume, offset, &length, &dev, &device_offset);
        if (rc == 0 && (rc = bdev_discard(dev, device_offset, length)) != 0)
            rc = vmfs_fail(volume, rc, "%s: discard of %llu bytes at 0x%llx: %s", dev->name,
                           (unsigned long long)length, (unsigned long long)device_offset,
                           strerror(-rc));
        offset += length;
    }
    return rc;
}

/* Gives back blocks nobody points at any more; to the device first, while they are nobody's. */
static int give_back(struct vmfs_volume *volume, const uint64_t *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t item;
        struct vmfs_resource *resource = resource_of_address(volume, addresses[i], &item);
        int rc = discard_blocks(volume, resource, item, 1);

        if (rc == 0)
            rc = resource_free(volume, resource, item, 1);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Large blocks are shared by many entries of a map: they stay. */
static bool is_block(const struct vmfs_volume *volume, uint64_t address)
{
    return address != 0 && vmfs_addr_decode(volume->format, address).type == VMFS_ADDR_FB;
}

/* Makes holes of the blocks n.. that are file blocks of their own. In a transaction. */
static int punch(struct vmfs_file *file, uint64_t n, uint32_t count)
{
    uint64_t addresses[STEP], holes[STEP];
    uint32_t run = 0;
    int rc = 0;

    memset(holes, 0, sizeof(holes));
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = map_block(file->volume, &file->cache, &file->inode, n + i, &addresses[i]);
    for (uint32_t i = 0; i < count && rc == 0; i += run) {
        for (run = 0; i + run < count && is_block(file->volume, addresses[i + run]); run++)
            ;
        if (run > 0) {
            rc = alloc_point(file, n + i, holes, run);
            if (rc != 0)
                file_give_back(file, n + i, &addresses[i], NULL, run);
            else
                rc = give_back(file->volume, &addresses[i], run);
        } else {
            run = 1;
        }
    }
    return rc;
}

int vmfs_file_discard(struct vmfs_file *file, uint64_t offset, uint64_t length)
{
    struct vmfs_volume *volume = file->volume;
    uint64_t unit, first, end;
    int rc = file_refresh(file);

    if (rc != 0)
        return rc;
    unit = file->inode.fd.unit_size;
    if (file->share != VMFS_SHARE_EXCLUSIVE)
        return vmfs_fail(volume, -EROFS, "the file is not open for writing");
    if (offset > file->inode.fd.length || length > file->inode.fd.length - offset)
        return vmfs_fail(volume, -EINVAL, "discard past the end of the file");
    /* Small files are not worth it; volumes of others are changed no more than they must be. */
    if (unit != volume->block_size || !volume->ours)
        return 0;
    first = (offset + unit - 1) / unit;
    end = (offset + length) / unit;
    while (first < end) {
        uint32_t step = end - first < STEP ? (uint32_t)(end - first) : STEP;

        rc = vmfs_begin(volume);
        if (rc == 0) {
            rc = punch(file, first, step);
            vmfs_end(volume);
        }
        if (rc != 0)
            return rc;
        first += step;
    }
    return 0;
}

struct reclaiming {
    struct vmfs_volume *volume;
    uint64_t bytes;
};

static int reclaim_run(void *context, uint64_t first, uint32_t count)
{
    struct reclaiming *reclaiming = context;
    struct vmfs_volume *volume = reclaiming->volume;

    reclaiming->bytes += (uint64_t)count << volume->block_shift;
    return discard_blocks(volume, &volume->fbb, first, count);
}

int vmfs_reclaim(struct vmfs_volume *volume, vmfs_progress progress, void *context, uint64_t *bytes)
{
    struct reclaiming reclaiming = {.volume = volume};
    uint32_t clusters = volume->fbb.cluster_count;
    int rc = vmfs_require_ours(volume, "giving free blocks back to the device");

    for (uint32_t i = 0; rc == 0 && i < clusters; i++) {
        rc = resource_visit_free(volume, &volume->fbb, i, reclaim_run, &reclaiming);
        if (progress != NULL)
            progress(context, volume->size / clusters * (i + 1), volume->size);
    }
    *bytes = reclaiming.bytes;
    return rc;
}

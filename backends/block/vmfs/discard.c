/* SPDX-License-Identifier: MIT */
/* Punching holes into a file: its blocks go back to the volume, and the device below is told. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* Blocks of one step: bounds what a crash can leave used by nobody. */
#define STEP 64u

/* Gives back blocks nobody points at any more; to the device first, while they are nobody's. */
static int give_back(struct vmfs_volume *volume, const struct vmfs_inode *inode,
                     const uint64_t *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vmfs_resource *resource;
        uint64_t offset, length, item;
        struct bdev *dev;
        int rc = map_place(volume, inode, addresses[i], 0, &offset);

        resource = resource_of_address(volume, addresses[i], &item);
        for (uint64_t done = 0; rc == 0 && done < volume->block_size; done += length) {
            uint64_t device_offset;

            length = volume->block_size - done;
            rc = lvm_map(volume, offset + done, &length, &dev, &device_offset);
            if (rc == 0)
                rc = bdev_discard(dev, device_offset, length);
        }
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
            if (rc == 0)
                rc = vmfs_flush(file->volume);
            if (rc == 0)
                rc = give_back(file->volume, &file->inode, &addresses[i], run);
        } else {
            run = 1;
        }
    }
    return rc;
}

int vmfs_file_discard(struct vmfs_file *file, uint64_t offset, uint64_t length)
{
    struct vmfs_volume *volume = file->volume;
    uint64_t unit = file->inode.fd.unit_size, first, end;
    int rc;

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

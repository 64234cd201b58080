/* SPDX-License-Identifier: MIT */
/*
 * Making a volume larger: onto what its last device has gained, or onto another device. The volume
 * entry of the first extent is written last: until then the volume opens as it was.
 */
#include "block/vmfs/lvm_write.h"
#include "block/vmfs/mkfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* What an extent's headers say. */
static int read_extent(struct vmfs_volume *volume, unsigned i, struct lvm_extent *out)
{
    struct bdev *dev = volume->devices[i];
    uint64_t at = volume->bases[i] + LVM_HEADER_OFFSET;
    struct lvm_volume entry;
    union {
        struct lvm_header header;
        uint8_t sector[BDEV_SECTOR];
    } block;
    int rc = bdev_read(dev, at, &block, sizeof(block));

    at += block.header.major == LVM_MAJOR_VMFS6 ? VMFS6_MD : LVM_VOLUME_OFFSET;
    if (rc == 0)
        rc = bdev_read(dev, at, &entry, sizeof(entry));
    if (rc != 0)
        return vmfs_fail(volume, rc, "%s: cannot read the LVM header", dev->name);
    *out = (struct lvm_extent){.dev = dev,
                               .base = volume->bases[i],
                               .room = block.header.total_bytes + LVM_HEADER_OFFSET,
                               .major = block.header.major,
                               .first_pe = entry.first_pe,
                               .pe_count = entry.pe_count,
                               .volume_size = entry.size,
                               .device_count = entry.device_count,
                               .generation = entry.generation + 1,
                               .volume_uuid = entry.uuid,
                               .device_uuid = block.header.device_uuid,
                               .created_us = entry.created_us,
                               .now_us = now_us()};
    return 0;
}

/* Tells every extent what the volume is now, the first one last. */
static int write_entries(struct vmfs_volume *volume, struct lvm_extent *extents, unsigned count)
{
    int rc = vmfs_flush(volume);

    for (unsigned i = count; i-- > 0 && rc == 0;) {
        if (i == 0)
            rc = vmfs_flush(volume);
        if (rc == 0)
            rc = lvm_write_volume(&extents[i]);
    }
    if (rc == 0)
        rc = vmfs_flush(volume);
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = lvm_write_header(&extents[i]);
    if (rc != 0)
        return vmfs_fail(volume, rc, "cannot write the LVM headers: %s", strerror(-rc));
    return vmfs_flush(volume);
}

/* Items for the volume's new size: file blocks first, for the others lie in some. */
static int grow_resources(struct vmfs_volume *volume)
{
    uint64_t mib = volume->size >> 20;
    int rc = resource_grow(volume, &volume->fbb, volume->size >> volume->block_shift);

    if (volume->format == VMFS_FORMAT_6) {
        uint64_t large = (volume->size + (1ull << volume->lfb_shift) - 1) >> volume->lfb_shift;

        /* Both kinds of block share a file, which is long enough once the small ones fit. */
        volume->lfb.inode = volume->fbb.inode;
        map_cache_free(&volume->lfb.cache);
        if (rc == 0)
            rc = resource_grow(volume, &volume->lfb, large);
    } else if (rc == 0) {
        rc = resource_grow(volume, &volume->pbc, mkfs_pointer_blocks(mib));
    }
    if (rc == 0)
        rc = resource_grow(volume, &volume->sbc, mkfs_sub_blocks(volume->format, mib));
    if (rc == 0)
        rc = resource_grow(volume, &volume->fdc, mkfs_descriptors(volume->format, mib));
    return rc;
}

static int begin_growing(struct vmfs_volume *volume)
{
    int rc = vmfs_require_ours(volume, "growing the volume");

    /* Others know the volume as it was. */
    return rc != 0 ? rc : alone_begin(volume);
}

/* Lets I/O reach PEs that were added at the end of a device. */
static int add_pes(struct vmfs_volume *volume, const struct lvm_extent *extent, uint32_t from)
{
    struct vmfs_segment segment = {.volume_offset = (extent->first_pe + from) * LVM_PE_SIZE,
                                   .device_offset =
                                       extent->base + LVM_DATA_OFFSET + from * LVM_PE_SIZE,
                                   .length = (extent->pe_count - from) * LVM_PE_SIZE,
                                   .device = extent->dev};
    int rc = lvm_add_segment(volume, &segment);

    volume->size += segment.length;
    return rc;
}

/* Bytes that the last extent may fill, and how many of nobody lie behind those. */
static int measure(struct vmfs_volume *volume, const struct lvm_extent *last,
                   struct lvm_partition *partition, uint64_t *room, uint64_t *behind)
{
    int rc = lvm_find_partition(last->dev, partition);

    if (rc == 0 && partition->base != last->base)
        rc = -EUCLEAN;
    if (rc == 0)
        rc = lvm_measure_partition(last->dev, partition, room, behind);
    return rc == 0 ? 0
                   : vmfs_fail(volume, rc,
                               "%s: its partition table is damaged: repair that first (gdisk or "
                               "fdisk), then grow",
                               last->dev->name);
}

/* Makes PEs of what the last extent has gained. */
static int grow_last(struct vmfs_volume *volume, struct lvm_extent *extents, unsigned count,
                     uint64_t room, uint32_t pes)
{
    struct lvm_extent *last = &extents[count - 1];
    uint32_t before = last->pe_count;
    int rc;

    last->room = room;
    last->pe_count = pes;
    for (unsigned i = 0; i < count; i++)
        extents[i].volume_size = volume->size + (pes - before) * LVM_PE_SIZE;
    rc = lvm_write_pes(last);
    if (rc == 0)
        rc = write_entries(volume, extents, count);
    return rc != 0 ? rc : add_pes(volume, last, before);
}

int vmfs_grow(struct vmfs_volume *volume)
{
    struct lvm_extent extents[LVM_MAX_EXTENTS];
    unsigned count = volume->device_count;
    struct lvm_extent *last = &extents[count - 1];
    struct lvm_partition partition = {0};
    uint64_t room = 0, behind = 0;
    uint32_t before = 0, pes = 0;
    int rc = begin_growing(volume);

    if (rc != 0)
        return rc;
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = read_extent(volume, i, &extents[i]);
    if (rc == 0)
        rc = measure(volume, last, &partition, &room, &behind);
    if (rc == 0) {
        before = last->pe_count;
        pes = (uint32_t)lvm_pes_of_room(last->major, room);
    }
    if (rc == 0 && pes > before)
        rc = grow_last(volume, extents, count, room, pes);
    /* Also where an earlier growth was cut off after its first half. */
    if (rc == 0)
        rc = grow_resources(volume);
    if (rc == 0 && pes <= before && behind >= LVM_PE_SIZE)
        rc = vmfs_fail(volume, -ENOSPC,
                       "%s: the volume fills partition %u, and %llu MiB behind that are free: "
                       "enlarge the partition first (sfdisk, sgdisk or parted), then grow",
                       last->dev->name, partition.number, (unsigned long long)behind >> 20);
    alone_end(volume);
    return rc;
}

/* Makes the device an extent behind the others. */
static int make_extent(struct vmfs_volume *volume, struct lvm_extent *extent)
{
    int rc = bdev_write_zeros(extent->dev, 0, LVM_DATA_OFFSET);

    if (rc == 0)
        rc = lvm_write_pes(extent);
    if (rc == 0)
        rc = lvm_write_volume(extent);
    if (rc == 0)
        rc = bdev_flush(extent->dev);
    if (rc == 0)
        rc = lvm_write_header(extent);
    if (rc == 0)
        rc = bdev_flush(extent->dev);
    return rc == 0 ? 0 : vmfs_fail(volume, rc, "%s: %s", extent->dev->name, strerror(-rc));
}

static int add_extent(struct vmfs_volume *volume, struct bdev *dev)
{
    struct vmfs_uuid devices[LVM_MAX_EXTENTS];
    struct lvm_extent extents[LVM_MAX_EXTENTS];
    unsigned count = volume->device_count;
    struct lvm_extent *fresh = &extents[count];
    int rc = 0;

    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = read_extent(volume, i, &extents[i]);
    if (rc != 0)
        return rc;
    *fresh = extents[0];
    fresh->dev = dev;
    fresh->base = 0;
    fresh->room = dev->size;
    fresh->first_pe = volume->size / LVM_PE_SIZE;
    fresh->pe_count = (uint32_t)lvm_pes_of_room(fresh->major, dev->size);
    uuid_generate(&fresh->device_uuid);
    if (fresh->pe_count == 0)
        return vmfs_fail(volume, -EINVAL, "%s is too small: an extent has at least 274 MiB",
                         dev->name);
    for (unsigned i = 0; i <= count; i++) {
        extents[i].device_count = count + 1;
        extents[i].volume_size = volume->size + fresh->pe_count * LVM_PE_SIZE;
        devices[i] = extents[i].device_uuid;
    }
    rc = make_extent(volume, fresh);
    if (rc == 0)
        rc = lvm_write_names(&extents[0], devices, count + 1);
    if (rc == 0)
        rc = write_entries(volume, extents, count);
    if (rc != 0)
        return rc;
    volume->devices[count] = dev;
    volume->bases[count] = 0;
    volume->device_count = count + 1;
    return add_pes(volume, fresh, 0);
}

int vmfs_add_extent(struct vmfs_volume *volume, struct bdev *dev)
{
    int rc = begin_growing(volume);

    if (rc != 0)
        return rc;
    if (volume->device_count == LVM_MAX_EXTENTS)
        rc = vmfs_fail(volume, -ENOSPC, "a volume has at most %u extents", LVM_MAX_EXTENTS);
    for (unsigned i = 0; i < volume->device_count && rc == 0; i++) {
        if (volume->devices[i] == dev)
            rc = vmfs_fail(volume, -EEXIST, "%s is an extent already", dev->name);
    }
    if (rc == 0)
        rc = add_extent(volume, dev);
    if (rc == 0)
        rc = grow_resources(volume);
    alone_end(volume);
    return rc;
}

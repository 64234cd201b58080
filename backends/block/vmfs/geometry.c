/* SPDX-License-Identifier: MIT */
/* What the superblock says about a volume: version, sizes, where things start. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

static void set_vmfs5(struct vmfs_volume *volume)
{
    volume->format = VMFS_FORMAT_5;
    volume->md = BDEV_SECTOR;
    volume->fd_size = VMFS5_FD_SIZE;
    volume->fd_addresses = VMFS5_FD_ADDRESSES;
    volume->resident_max = VMFS5_RESIDENT_MAX;
    volume->pb_shift = (uint32_t)__builtin_ctz(VMFS5_PB_ENTRIES);
    volume->pb_entry = sizeof(uint32_t);
    volume->slot_count = VMFS5_SLOT_COUNT;
    volume->slot_stride = VMFS_SLOT_SIZE;
    volume->fdc_start = volume->block_size > 4u << 20 ? volume->block_size : 4u << 20;
}

static int set_vmfs6(struct vmfs_volume *volume)
{
    const struct vmfs_superblock *super = &volume->super;

    if (super->md_size != VMFS6_MD)
        return vmfs_fail(volume, -ENOTSUP,
                         "metadata blocks of %u bytes; VMFS-6 is known with %u only",
                         super->md_size, VMFS6_MD);
    if (volume->block_size != 1u << 20 || super->lfb_shift != 9 || super->pb_shift != 16)
        return vmfs_fail(volume, -EUCLEAN,
                         "superblock: blocks of %u bytes, large ones << %u, pointer blocks 1 << %u",
                         volume->block_size, super->lfb_shift, super->pb_shift);
    volume->format = VMFS_FORMAT_6;
    volume->md = super->md_size;
    volume->fd_size = 2 * volume->md;
    volume->fd_addresses = VMFS6_FD_ADDRESSES;
    volume->resident_max = VMFS6_RESIDENT_MAX;
    volume->pb_shift = (uint32_t)__builtin_ctz(VMFS6_PB_ENTRIES);
    volume->pb_entry = sizeof(uint64_t);
    volume->slot_count = VMFS6_SLOT_COUNT;
    volume->slot_stride = volume->md;
    volume->lfb_shift = volume->block_shift + super->lfb_shift;
    /* The first whole MiB behind the heartbeats. */
    volume->fdc_start =
        (VMFS_SLOTS_OFFSET + (uint64_t)VMFS6_SLOT_COUNT * volume->md + 0xFFFFF) & ~0xFFFFFull;
    return 0;
}

/*
 * What VMFS-5's superblock says of .fdc.sf, VMFS-3 says in that file's own header, at the file's
 * fixed place. It has no .pb2.sf and no .sdd.sf, and sub-blocks of one size.
 */
static int read_fdc_header(struct vmfs_volume *volume)
{
    struct vmfs_superblock *super = &volume->super;
    struct vmfs_resource_header header;
    int rc = volume_read(volume, volume->fdc_start, &header, sizeof(header));

    if (rc != 0)
        return rc;
    super->fdc_group_offset = header.group_offset;
    super->fdc_clusters_per_group = header.clusters_per_group;
    super->pb2_fd_address = super->sdd_fd_address = 0;
    super->sub_block_size = VMFS_SUB_BLOCK_MAX;
    return 0;
}

int geometry_load(struct vmfs_volume *volume)
{
    struct vmfs_uuid lvm_uuid = volume->super.volume_uuid;
    struct vmfs_superblock *super = &volume->super;
    int rc = volume_read(volume, VMFS_SUPERBLOCK_OFFSET, super, sizeof(*super));

    if (rc != 0)
        return rc;
    if (super->magic != VMFS_MAGIC)
        return vmfs_fail(volume, -EUCLEAN, "superblock at 0x%x has magic 0x%x, not 0x%x",
                         VMFS_SUPERBLOCK_OFFSET, super->magic, VMFS_MAGIC);
    if (super->major > VMFS6_MAJOR)
        return vmfs_fail(volume, -ENOTSUP,
                         "file system version %u.%u; VMFS-3, 5 and 6 (up to %u) are supported",
                         super->major, super->minor, VMFS6_MAJOR);
    if (memcmp(&lvm_uuid, &super->volume_uuid, sizeof(lvm_uuid)) != 0)
        return vmfs_fail(volume, -EUCLEAN, "superblock belongs to another logical volume");
    if (super->block_size < 1u << 20 || super->block_size > 8u << 20 ||
        (super->block_size & (super->block_size - 1)) != 0)
        return vmfs_fail(volume, -EUCLEAN, "superblock: block size %llu is not 1, 2, 4 or 8 MiB",
                         (unsigned long long)super->block_size);
    volume->block_size = (uint32_t)super->block_size;
    volume->block_shift = (uint32_t)__builtin_ctz(volume->block_size);
    if (super->major >= VMFS6_MAJOR)
        rc = set_vmfs6(volume);
    else
        set_vmfs5(volume);
    if (rc == 0 && super->major < VMFS5_MAJOR)
        rc = volume->writable ? vmfs_fail(volume, -EROFS, "VMFS-3 volumes are only read")
                              : read_fdc_header(volume);
    if (rc != 0)
        return rc;
    if (super->fdc_group_offset % BDEV_SECTOR != 0 || super->fdc_clusters_per_group == 0 ||
        super->fdc_clusters_per_group > 0xFFFF)
        return vmfs_fail(volume, -EUCLEAN, "superblock: geometry of .fdc.sf is impossible");
    volume->cluster_header = 2 * volume->md;
    return 0;
}

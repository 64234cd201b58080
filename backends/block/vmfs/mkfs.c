/* SPDX-License-Identifier: MIT */
/* Making an empty volume on a whole device, VMFS-5 or VMFS-6. */
#include "block/vmfs/mkfs.h"

#include "block/vmfs/lvm_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct mkfs_file mkfs_system_files[MKFS_SYSTEM_FILES6] = {
    {".", VMFS_TYPE_DIRECTORY},    {".fbb.sf", VMFS_TYPE_SYSTEM}, {".fdc.sf", VMFS_TYPE_SYSTEM},
    {".pbc.sf", VMFS_TYPE_SYSTEM}, {".sbc.sf", VMFS_TYPE_SYSTEM}, {".vh.sf", VMFS_TYPE_SYSTEM},
    {".pb2.sf", VMFS_TYPE_SYSTEM}, {".sdd.sf", VMFS_TYPE_SYSTEM}, {".jbc.sf", VMFS_TYPE_SYSTEM},
};

int mkfs_put(struct mkfs *mk, uint64_t volume_offset, const void *data, size_t length)
{
    return bdev_write(mk->dev, LVM_DATA_OFFSET + volume_offset, data, length);
}

uint64_t mkfs_block_offset(const struct mkfs *mk, uint32_t block)
{
    return (uint64_t)block * mk->block_size;
}

void mkfs_fill_superblock(const struct mkfs *mk, struct vmfs_superblock *super)
{
    super->magic = VMFS_MAGIC;
    super->uuid = mk->fs_uuid;
    super->sector_size = BDEV_SECTOR;
    super->block_size = mk->block_size;
    super->created_s = (uint32_t)(mk->now_us / 1000000u);
    super->snapshot_id = 1;
    super->volume_uuid = mk->lvm_uuid;
    super->volume_snapshot_id = 1;
    super->pb2_fd_address = VMFS_FD_PB2;
    super->sdd_fd_address = VMFS_FD_SDD;
    super->host = mk->host;
    super->generation = 1;
    memcpy(super->label, mk->label, strlen(mk->label));
}

/* Wipes whatever was there: partition tables, other file systems, an older volume's metadata. */
static int wipe(struct mkfs *mk)
{
    uint64_t tail = mk->dev->size - (1u << 20);
    int rc = bdev_write_zeros(mk->dev, 0, LVM_DATA_OFFSET + VMFS_SLOTS_OFFSET);

    return rc != 0 ? rc : bdev_write_zeros(mk->dev, tail / BDEV_SECTOR * BDEV_SECTOR, 1u << 20);
}

static int make(struct mkfs *mk, const struct lvm_extent *extent)
{
    int rc = wipe(mk);

    if (rc == 0)
        rc = extent->major == LVM_MAJOR_VMFS6 ? mkfs6_write(mk) : mkfs5_write(mk);
    if (rc == 0)
        rc = lvm_write_pes(extent);
    if (rc == 0)
        rc = lvm_write_names(extent, &mk->device_uuid, 1);
    if (rc == 0)
        rc = lvm_write_volume(extent);
    if (rc == 0)
        rc = bdev_flush(mk->dev);
    /* Only a finished volume gets the header that makes it one. */
    if (rc == 0)
        rc = lvm_write_header(extent);
    return rc != 0 ? rc : bdev_flush(mk->dev);
}

static int check_options(const struct mkfs *mk, unsigned version, char *error)
{
    if (version != 5 && version != 6) {
        snprintf(error, VMFS_ERROR_MAX, "VMFS-%u cannot be made; 5 and 6 can", version);
        return -EINVAL;
    }
    /* Its locks and slots are 512 bytes: a torn write of one could take its neighbours along. */
    if (version == 5 && mk->dev->sector != BDEV_SECTOR) {
        snprintf(error, VMFS_ERROR_MAX,
                 "%.128s has sectors of %u bytes and VMFS-5 needs 512: make it VMFS-6",
                 mk->dev->name, mk->dev->sector);
        return -ENOTSUP;
    }
    if (strlen(mk->label) > VMFS_LABEL_MAX - 1) {
        snprintf(error, VMFS_ERROR_MAX, "a label is at most %u bytes long", VMFS_LABEL_MAX - 1);
        return -EINVAL;
    }
    if (mk->block_size < 1u << 20 || mk->block_size > (version == 6 ? 1u << 20 : 8u << 20) ||
        (mk->block_size & (mk->block_size - 1)) != 0) {
        snprintf(error, VMFS_ERROR_MAX,
                 version == 6 ? "a file block of VMFS-6 is 1 MiB"
                              : "a file block is 1, 2, 4 or 8 MiB");
        return -EINVAL;
    }
    if (mk->sub_block_size != (version == 6 ? VMFS_SUB_BLOCK_MAX : VMFS5_SUB_BLOCK) &&
        mk->sub_block_size != VMFS_SUB_BLOCK_MAX) {
        snprintf(error, VMFS_ERROR_MAX,
                 version == 6 ? "a sub-block of VMFS-6 is 64 KiB" : "a sub-block is 8 or 64 KiB");
        return -EINVAL;
    }
    if (mk->dev->size < LVM_DATA_OFFSET + LVM_PE_SIZE + (1u << 20)) {
        snprintf(error, VMFS_ERROR_MAX, "%.128s is too small: VMFS-%u needs at least 274 MiB",
                 mk->dev->name, version);
        return -EINVAL;
    }
    if (version == 5 && mk->dev->size > LVM_DATA_OFFSET + LVM_PE_SIZE * LVM_PES_PER_MAP *
                                                              (LVM_MAX_PE_MAPS + 1ull)) {
        snprintf(error, VMFS_ERROR_MAX,
                 "%.128s is larger than the 16 TiB an extent of VMFS-5 may have", mk->dev->name);
        return -EINVAL;
    }
    return 0;
}

int vmfs_mkfs(struct bdev *dev, const struct vmfs_mkfs *options, char error[VMFS_ERROR_MAX])
{
    struct mkfs mk = {.dev = dev,
                      .label = options->label,
                      .block_size = options->block_size,
                      .sub_block_size = options->sub_block_size};
    struct lvm_extent extent = {.dev = dev, .room = dev->size, .device_count = 1, .generation = 2};
    unsigned version = options->version == 0 ? 5 : options->version;
    struct timespec now;
    int rc;

    if (mk.block_size == 0)
        mk.block_size = 1u << 20;
    if (mk.sub_block_size == 0)
        mk.sub_block_size = version == 6 ? VMFS_SUB_BLOCK_MAX : VMFS5_SUB_BLOCK;
    rc = check_options(&mk, version, error);
    if (rc != 0)
        return rc;
    clock_gettime(CLOCK_REALTIME, &now);
    mk.now_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
    uuid_generate(&mk.fs_uuid);
    uuid_generate(&mk.lvm_uuid);
    uuid_generate(&mk.device_uuid);
    uuid_of_host(&mk.host);
    extent.major = version == 6 ? LVM_MAJOR_VMFS6 : LVM_MAJOR_VMFS5;
    extent.pe_count = (uint32_t)lvm_pes_of_room(extent.major, dev->size);
    extent.volume_size = mk.size = extent.pe_count * LVM_PE_SIZE;
    extent.volume_uuid = mk.lvm_uuid;
    extent.device_uuid = mk.device_uuid;
    extent.created_us = extent.now_us = mk.now_us;
    mk.buffer = malloc(MKFS_IO_SIZE);
    if (mk.buffer == NULL) {
        snprintf(error, VMFS_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    rc = make(&mk, &extent);
    free(mk.buffer);
    if (rc != 0)
        snprintf(error, VMFS_ERROR_MAX, "%.128s: %.64s", dev->name, strerror(-rc));
    return rc;
}

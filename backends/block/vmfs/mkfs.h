/* SPDX-License-Identifier: MIT */
/* What making a VMFS-5 and a VMFS-6 volume share. */
#ifndef BACKENDS_BLOCK_VMFS_MKFS_H
#define BACKENDS_BLOCK_VMFS_MKFS_H

#include "block/vmfs/internal.h"

#define MKFS_IO_SIZE      (64u * 1024)
#define MKFS_GROUP_OFFSET 0x10000u /* of the first cluster group in every resource file */

/* A volume being made. */
struct mkfs {
    struct bdev *dev;
    const char *label;
    uint32_t block_size, sub_block_size;
    uint64_t size; /* of the volume */
    struct vmfs_uuid fs_uuid, lvm_uuid, device_uuid, host;
    uint64_t now_us;
    uint8_t *buffer; /* MKFS_IO_SIZE bytes */
};

/* What a resource file of the new volume shall be. */
struct mkfs_resource {
    uint32_t lock_type;
    uint32_t per_cluster;
    uint32_t clusters_per_group;
    uint32_t item_size;
    uint64_t count; /* items */
    uint64_t used;  /* the first so many are allocated */
    uint64_t length;
    uint32_t first_block, blocks;
};

struct mkfs_file {
    const char *name;
    uint32_t type;
};

/* The system files in the order of their descriptors: VMFS-5 has the first 8. */
#define MKFS_SYSTEM_FILES5 8u
#define MKFS_SYSTEM_FILES6 9u
extern const struct mkfs_file mkfs_system_files[MKFS_SYSTEM_FILES6];

static inline uint64_t mkfs_clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* How many items a volume of so many MiB has in its resource files. */
static inline uint64_t mkfs_descriptors(enum vmfs_format format, uint64_t mib)
{
    return format == VMFS_FORMAT_6 ? mkfs_clamp(mib / 64, 2048, 16384) & ~2047ull
                                   : mkfs_clamp(mib / 8, 2048, 32768) & ~2047ull;
}

static inline uint64_t mkfs_sub_blocks(enum vmfs_format format, uint64_t mib)
{
    return format == VMFS_FORMAT_6 ? mkfs_clamp(mib / 16, 512, 65536) & ~255ull
                                   : mkfs_clamp(mib / 4, 512, 16384) & ~31ull;
}

/* Of VMFS-5: VMFS-6 takes sub-blocks. */
static inline uint64_t mkfs_pointer_blocks(uint64_t mib)
{
    return mkfs_clamp(mib / 512 + 256, 256, 62 * 1024) & ~15ull;
}

static inline uint32_t mkfs_clusters(const struct mkfs_resource *plan)
{
    return (uint32_t)((plan->count + plan->per_cluster - 1) / plan->per_cluster);
}

/* Writes at a volume offset. */
int mkfs_put(struct mkfs *mk, uint64_t volume_offset, const void *data, size_t length);
uint64_t mkfs_block_offset(const struct mkfs *mk, uint32_t block);
/* Fills in what both formats' superblocks have. */
void mkfs_fill_superblock(const struct mkfs *mk, struct vmfs_superblock *super);
/* Everything of the file system that lies inside the volume. */
int mkfs5_write(struct mkfs *mk);
int mkfs6_write(struct mkfs *mk);

#endif

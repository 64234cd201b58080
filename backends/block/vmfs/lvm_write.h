/* SPDX-License-Identifier: MIT */
/* Writing what makes a device an extent of a volume. */
#ifndef BACKENDS_BLOCK_VMFS_LVM_WRITE_H
#define BACKENDS_BLOCK_VMFS_LVM_WRITE_H

#include "block/vmfs/internal.h"

/* One extent of a volume, and what its headers say of the whole. */
struct lvm_extent {
    struct bdev *dev;
    uint64_t base;  /* device offset of the partition it fills */
    uint64_t room;  /* bytes from there on */
    uint32_t major; /* LVM_MAJOR_VMFS5 or 6 */
    uint64_t first_pe;
    uint32_t pe_count;
    uint64_t volume_size; /* of all extents */
    uint32_t device_count;
    uint64_t generation; /* of the volume entry */
    struct vmfs_uuid volume_uuid, device_uuid;
    uint64_t created_us, now_us;
};

/* PEs that fit `room` bytes of a device; at most what LVM's tables can name. */
uint64_t lvm_pes_of_room(uint32_t major, uint64_t room);
/* Entries of the PE table that name so many PEs. */
uint32_t lvm_entries_of_pes(uint32_t major, uint32_t pes);
/*
 * PE bitmap and table: they grow only at their end, so an older volume entry stays true; of VMFS-6
 * the last entry may grow too, which the older one then cuts.
 */
int lvm_write_pes(const struct lvm_extent *extent);
/* The volume entry: one sector, the step that makes a change count. */
int lvm_write_volume(const struct lvm_extent *extent);
/* The header: the step that makes a device an extent. */
int lvm_write_header(const struct lvm_extent *extent);
/* The table of all extents' names, which lies on the first. */
int lvm_write_names(const struct lvm_extent *first, const struct vmfs_uuid *devices,
                    unsigned count);

#endif

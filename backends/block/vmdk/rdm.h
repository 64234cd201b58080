/* SPDX-License-Identifier: MIT */
/*
 * rdm: raw device mappings. The mapping file names a disk by what the disk says of itself; the data
 * is on that disk.
 */
#ifndef BACKENDS_BLOCK_VMDK_RDM_H
#define BACKENDS_BLOCK_VMDK_RDM_H

#include "block/store.h"

#include <assert.h>
#include <stdint.h>

/* What a mapping file begins with (SCSI_DiskId); `id` is a descriptor of VPD page 0x83, or 0x80. */
struct rdm_id {
    uint8_t type;
    uint8_t length; /* valid bytes of id */
    uint16_t lun;
    uint8_t device_type;
    uint8_t scsi_level;
    char vendor[8];
    char model[16];
    char revision[4];
    uint8_t id[44];
} __attribute__((packed));
static_assert(sizeof(struct rdm_id) == 78, "layout on disk");

/*
 * Opens the disk that a mapping file names. The file that it gives has a store of its own, which
 * close_file() closes; until then both mapping and disk keep others out as STORE_WRITE or
 * STORE_READ says. -ENODEV when no disk of this machine has the id, -EBUSY; the error is `store`'s.
 */
int rdm_open(struct store *store, const char *path, bool writable, struct store_file **out);

/* What a device says of itself, and its size in bytes. -ENOTSUP when it says nothing. */
int rdm_identify(struct store *store, const char *device, struct rdm_id *out, uint64_t *size);

/*
 * The name (in /dev) of the block device with this id, of its multipath map where it is a path of
 * one. Looks in CORBEL_RDM's folder instead of
 * /sys/class/block and /dev when that is set: NAME/device/vpd_pg83 beside NAME/node.
 */
int rdm_find(const struct rdm_id *id, char *out, size_t size);

#endif

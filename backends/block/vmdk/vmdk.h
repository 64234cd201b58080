/* SPDX-License-Identifier: MIT */
/* vmdk: virtual disks made of a descriptor and its extents. */
#ifndef BACKENDS_BLOCK_VMDK_VMDK_H
#define BACKENDS_BLOCK_VMDK_VMDK_H

#include "block/disk.h"
#include "block/store.h"

/*
 * Opens the disk whose descriptor (or sparse file with a descriptor in it) lies at `path` in the
 * store. Read and written: flat extents (createType vmfs, monolithicFlat, twoGbMaxExtentFlat); read
 * only: hosted sparse (monolithicSparse, twoGbMaxExtentSparse). On success the disk owns the store.
 * -ENOTSUP for other kinds and for disks with a parent, -EINVAL for broken ones, -EBUSY when
 * somebody else has it open.
 */
int vmdk_open(struct store *store, const char *path, bool read_only, struct disk **out,
              char error[DISK_ERROR_MAX]);

#endif

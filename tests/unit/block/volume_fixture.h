/* SPDX-License-Identifier: MIT */
/* What tests of volumes in memory begin and end with. */
#ifndef TESTS_UNIT_BLOCK_VOLUME_FIXTURE_H
#define TESTS_UNIT_BLOCK_VOLUME_FIXTURE_H

#include "memory_bdev.h"

#include "block/vmfs/vmfs.h"

/* Opens the volume on a disk, with flags of vmfs_open(); fails the test where that fails. */
struct vmfs_volume *fixture_open(struct memory_bdev *memory, unsigned flags);

/* Fails the test if the checker finds anything. */
void assert_clean(struct vmfs_volume *volume);

#endif

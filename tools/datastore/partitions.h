/* SPDX-License-Identifier: MIT */
/* The partitions of a disk, as its MBR or GPT lists them. */
#ifndef DATASTORE_PARTITIONS_H
#define DATASTORE_PARTITIONS_H

#include "block/disk.h"

#define PARTITIONS_MAX 128

struct partition {
    unsigned number; /* as Linux counts; 0: the whole disk */
    uint64_t offset, length;
};

/*
 * Fills `out` with the whole disk and then its partitions; returns how many. A table that cannot be
 * read, or that points outside the disk, is taken as far as it makes sense.
 */
unsigned partitions_read(struct disk *disk, struct partition out[PARTITIONS_MAX]);

#endif

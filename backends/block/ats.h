/* SPDX-License-Identifier: MIT */
/* ats: SCSI COMPARE AND WRITE ("atomic test and set") of one sector, by SG_IO. */
#ifndef BACKENDS_BLOCK_ATS_H
#define BACKENDS_BLOCK_ATS_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of a disk that has the command. */
struct ats {
    uint64_t first_lba; /* of the partition on its disk */
};

/*
 * Whether the open disk or partition answers COMPARE AND WRITE: its Block Limits page (SBC-3 6.6.4,
 * VPD 0xB0) names a maximum length other than zero. Disks that are not SCSI answer no.
 */
bool ats_probe(int fd, struct ats *out);

/*
 * Replaces the 512 bytes at `offset` if they are `expected`. 0; -EAGAIN when they differ; -EIO
 * when the outcome is unknown: read and compare before believing either.
 */
int ats_compare_and_write(int fd, const struct ats *ats, uint64_t offset, const void *expected,
                          const void *replacement);

/*
 * The first sector of a block device on its disk, which SCSI commands do not add, from its folder
 * in sysfs; 0 for a whole disk. False for a device that a mapping (partition mapper, logical
 * volume) puts elsewhere: commands would go to other sectors than reads do. It is then used by one
 * host at a time.
 */
bool ats_read_start(const char *folder, uint64_t *start);

#endif

/* SPDX-License-Identifier: MIT */
/* A disk in memory that records its writes, goes back in time and fails on demand. */
#ifndef TESTS_UNIT_BLOCK_MEMORY_BDEV_H
#define TESTS_UNIT_BLOCK_MEMORY_BDEV_H

#include "block/bdev.h"

/* One recorded write; length 0 is a flush. */
struct memory_write {
    uint64_t offset;
    size_t length;
    uint8_t *data;
};

struct memory_bdev {
    struct bdev dev;
    uint8_t *bytes;
    bool recording;
    struct memory_write *log;
    unsigned log_count, log_room;
    bool undoing;
    struct memory_write *undo;
    unsigned undo_count, undo_room;
    unsigned read_count, write_count;
    int fail_after;  /* this many more transfers, then every one fails with -EIO; -1: never */
    bool fail_once;  /* then only one does, and fail_after is -1 again */
    uint64_t bad_at; /* reads of the byte here fail with -EIO; 0: of none */
};

struct memory_bdev *memory_bdev_new(uint64_t size);
void memory_bdev_free(struct memory_bdev *memory);
/* Gives the disk a command that zeroes. */
void memory_bdev_can_zero(struct memory_bdev *memory);
#define MEMORY_DISCARDED 0xDD
/* Gives the disk a discard command, which leaves MEMORY_DISCARDED in every byte. */
void memory_bdev_can_discard(struct memory_bdev *memory);
/* Gives the disk commands that zero and that compare and write: hosts may share it. */
void memory_bdev_can_share(struct memory_bdev *memory);
/* Forgets the log and starts recording. */
void memory_bdev_record(struct memory_bdev *memory);
/* From now on old contents are kept; memory_bdev_rollback() brings them back. */
void memory_bdev_mark(struct memory_bdev *memory);
void memory_bdev_rollback(struct memory_bdev *memory);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * extent: one file of a disk, of whatever format. A format only keeps tables: it says where bytes
 * lie, and takes in whole grains. Reading, filling grains from a parent and cutting requests into
 * pieces is link.c's.
 *
 * Every function returns 0 or a negative errno with the store's `error` saying what and where.
 * Offsets and lengths are bytes of the extent, multiples of 512 within its size.
 */
#ifndef BACKENDS_BLOCK_VMDK_EXTENT_H
#define BACKENDS_BLOCK_VMDK_EXTENT_H

#include "block/store.h"
#include "block/vmdk/descriptor.h"
#include "block/vmdk/vmdk.h"

#include <stdbool.h>
#include <stdint.h>

enum place_kind {
    PLACE_STORED, /* bytes as they are, in the file from `at` */
    PLACE_ABSENT, /* the parent has them; zeros without one */
    PLACE_ZERO,   /* zeros, whatever a parent says */
    PLACE_PACKED, /* ask the extent's read() */
};

struct place {
    enum place_kind kind;
    uint64_t at;     /* bytes in the file, PLACE_STORED only */
    uint64_t length; /* bytes from the offset asked for, at least 512 */
};

/* Table entries that one locate() looks at, at most: it may say less than it was asked. */
#define EXTENT_LOOK_MAX 65536u

struct extent;

struct extent_ops {
    /* What lies at `offset`, for at most `most` bytes (`most` > 0). */
    int (*locate)(struct extent *extent, uint64_t offset, uint64_t most, struct place *out);
    /*
     * Stores whole grains that are absent or zero: `offset` is a multiple of the grain, so is
     * `length` unless it ends at the extent's end. NULL: existing data is all that can be written.
     */
    int (*allocate)(struct extent *extent, uint64_t offset, const void *data, size_t length);
    /* Any range that locate() called PLACE_PACKED; NULL where there is none. */
    int (*read)(struct extent *extent, uint64_t offset, void *buffer, size_t length);
    /* Takes any write in place of link.c's own way; NULL nearly everywhere. */
    int (*write)(struct extent *extent, uint64_t offset, const void *buffer, size_t length);
    /*
     * Everything written survives the death of this process, if not of the host: tables are in the
     * file. NULL: write and allocate keep nothing back.
     */
    int (*commit)(struct extent *extent);
    /* Everything written becomes durable, data before what points at it. */
    int (*flush)(struct extent *extent);
    /* Compares the tables with each other and the file; see vmdk_check(). NULL: nothing to compare.
     */
    int (*check)(struct extent *extent, struct vmdk_check *check);
    /* Flushes a writable extent and frees it with its file. What went wrong is its return. */
    int (*close)(struct extent *extent);
};

struct extent {
    const struct extent_ops *ops;
    struct store_file *file; /* owned; NULL for ZERO */
    char name[VMDK_NAME_MAX + 1];
    uint64_t size;  /* bytes */
    uint32_t grain; /* bytes, a power of two; 0: no grains, everything is in place */
    bool writable;
};

/* Sets the store's error to "NAME: ..." and returns `code`. */
int extent_fail(struct extent *extent, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads inside the file; -EINVAL when it is shorter. */
int extent_file_read(struct extent *extent, uint64_t at, void *buffer, size_t length);
int extent_file_write(struct extent *extent, uint64_t at, const void *buffer, size_t length);

/*
 * Makes the file reach `end` bytes at least, growing in steps so that growth costs its store
 * little: a step is 64 MiB, or less in small extents.
 */
int extent_file_reach(struct extent *extent, uint64_t end);
/* Gives back what extent_file_reach() took past `end`, where the store can. */
int extent_file_trim(struct extent *extent, uint64_t end);

/* Frees what all extents have: the file and the struct itself. */
void extent_free(struct extent *extent);

/* Bytes at an offset of a file, whole ("flat"): needs `offset` + `size` bytes of the file. */
int extent_flat_open(struct store_file *file, const char *name, uint64_t offset, uint64_t size,
                     bool writable, struct extent **out);
/* No file, all zeros. */
int extent_zero_open(struct store *store, uint64_t size, struct extent **out);

#endif

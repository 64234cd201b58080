/* SPDX-License-Identifier: MIT */
/* disk: what a guest sees as a disk, whatever it is made of. */
#ifndef BACKENDS_BLOCK_DISK_H
#define BACKENDS_BLOCK_DISK_H

#include "block/bdev.h"

#include <stdbool.h>
#include <stdint.h>

#define DISK_ERROR_MAX 256

/* What -EBUSY of bdev_file_claim() means to a user. */
#define DISK_IN_USE "it is in use by another guest or program, or mounted on this host"

struct disk;

enum disk_use { DISK_TO_READ, DISK_TO_WRITE };

/* All offsets and lengths are bytes and multiples of 512. Return 0 or a negative errno. */
struct disk_ops {
    int (*read)(struct disk *disk, uint64_t offset, void *buffer, size_t length);
    /*
     * Allocates what it must. A flat disk's newly allocated data is on stable storage when it
     * returns; what a sparse one took is forgotten if this process dies before commit().
     */
    int (*write)(struct disk *disk, uint64_t offset, const void *buffer, size_t length);
    /*
     * Where a byte lies and for how long that stays contiguous, at most `most` bytes. What is not
     * stored reads as zeros unless `read_needed`, then read() knows; it is written by write().
     * Only what was mapped to write may be written there: -EROFS where the disk cannot be.
     */
    int (*map)(struct disk *disk, uint64_t offset, uint64_t most, enum disk_use use,
               struct bdev_extent *out, bool *read_needed);
    /*
     * What was written so far survives the death of this process (of the host: after flush()).
     * Costs nothing when nothing was allocated. NULL: it always does.
     */
    int (*commit)(struct disk *disk);
    /* Everything written so far, also directly to mapped extents, becomes durable. */
    int (*flush)(struct disk *disk);
    /*
     * Forgets a range; what lies whole in it reads as zeros or as before, and its room is given
     * back. No transfer to the range may be under way. NULL: the disk keeps its room.
     */
    int (*discard)(struct disk *disk, uint64_t offset, uint64_t length);
    /* Called every second or so; keeps leases, sees a raw disk grow. -ESTALE: stop all writing. */
    int (*tick)(struct disk *disk);
    /* Flushes and frees the disk, whatever it returns: what could not be flushed may be lost. */
    int (*close)(struct disk *disk);
};

struct disk {
    const struct disk_ops *ops;
    uint64_t size;
    bool read_only;
    uint32_t sector;            /* bytes: the least a guest is to transfer */
    uint32_t physical_sector;   /* bytes: less than this costs a read and a write */
    uint32_t discard_unit;      /* bytes discard() works in; 0: it would do nothing */
    char error[DISK_ERROR_MAX]; /* why the last call failed */
};

/* Bounds-checked wrappers; -EINVAL outside the disk, -EROFS for writes to a read-only one. */
int disk_read(struct disk *disk, uint64_t offset, void *buffer, size_t length);
int disk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t length);
int disk_map(struct disk *disk, uint64_t offset, uint64_t most, enum disk_use use,
             struct bdev_extent *out, bool *read_needed);
/* Before a write is called done: see disk_ops. */
int disk_commit(struct disk *disk);
int disk_flush(struct disk *disk);
/* -EOPNOTSUPP where nothing would come of it. */
int disk_discard(struct disk *disk, uint64_t offset, uint64_t length);
int disk_tick(struct disk *disk);
/* NULL is fine. A failure means that writes which no disk_flush() followed may be lost. */
int disk_close(struct disk *disk);

/* Opens a whole device or file as a raw disk. -EBUSY as bdev_file_claim(). */
int disk_open_raw(const char *path, bool read_only, struct disk **out, char error[DISK_ERROR_MAX]);

/*
 * Opens a disk as an xl disk line names it. `format` is "vmdk" or "raw"; `target` is
 * "[label] dir/x.vmdk" (on the VMFS volume of that label) or a path of this host.
 */
int disk_open(const char *format, const char *target, bool read_only, struct disk **out,
              char error[DISK_ERROR_MAX]);

/*
 * The same, trying again for some time while another has it open: a backend that was killed lets go
 * only when its last transfer has ended in the kernel, and its successor must not begin before.
 */
int disk_open_wait(const char *format, const char *target, bool read_only, unsigned wait_ms,
                   struct disk **out, char error[DISK_ERROR_MAX]);

/*
 * Makes a disk that nobody has open larger, as thick or thin as it was. -EOPNOTSUPP for raw disks,
 * else as vmdk_grow().
 */
int disk_grow(const char *format, const char *target, uint64_t size, char error[DISK_ERROR_MAX]);

#endif

/* SPDX-License-Identifier: MIT */
/* bdev: a block device behind a small interface, so files, disks and faulty disks look the same. */
#ifndef BACKENDS_BLOCK_BDEV_H
#define BACKENDS_BLOCK_BDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Every transfer is a multiple of this and starts on a multiple of it, whatever the device's own
 * sectors are: what fills only part of one is read, changed and written back.
 */
#define BDEV_SECTOR     512u
#define BDEV_SECTOR_MAX 4096u

struct bdev;

/*
 * What a kind of device must do, on ranges of whole sectors of its own. All return 0 or a negative
 * errno; a short transfer is -EIO.
 */
struct bdev_ops {
    int (*read)(struct bdev *dev, uint64_t offset, void *buffer, size_t length);
    int (*write)(struct bdev *dev, uint64_t offset, const void *buffer, size_t length);
    /* Writes zeros; may be NULL, then bdev_write_zeros() writes them itself. */
    int (*zero)(struct bdev *dev, uint64_t offset, uint64_t length);
    /*
     * Returns when every completed write is on stable storage. -ENOTRECOVERABLE, now and at every
     * later flush: some were lost, and which is not known. After other errors it may be tried
     * again.
     */
    int (*flush)(struct bdev *dev);
    /*
     * Takes (or drops) an exclusive lock between the processes of this host on a range of bytes.
     * Without `wait`, -EAGAIN when another process holds it. May be NULL: a device nobody shares.
     */
    int (*lock)(struct bdev *dev, uint64_t offset, uint64_t length, bool take, bool wait);
    /* Tells the device that a range holds nothing of value; may be NULL: nothing is told. */
    int (*discard)(struct bdev *dev, uint64_t offset, uint64_t length);
    /*
     * Replaces one sector if it still holds `expected`, as one step that no other initiator can
     * come between. -EAGAIN when it holds something else. May be NULL: the device cannot.
     */
    int (*compare_and_write)(struct bdev *dev, uint64_t offset, const void *expected,
                             const void *replacement);
    void (*close)(struct bdev *dev);
};

struct bdev {
    const struct bdev_ops *ops;
    uint64_t size;   /* bytes */
    uint32_t sector; /* the device's own, BDEV_SECTOR or BDEV_SECTOR_MAX bytes */
    bool read_only;
    int fd;      /* for direct data I/O by io_uring; -1 where there is none */
    bool direct; /* fd is open with O_DIRECT */
    char name[256];
};

/* One contiguous piece of something that is kept on a device. */
struct bdev_extent {
    bool stored; /* false: nothing there yet, reads as zeros */
    struct bdev *device;
    uint64_t device_offset;
    uint64_t length; /* bytes from the offset asked for */
};

/*
 * Opens a block device (with O_DIRECT) or a regular file (through the page cache).
 * The caller owns *out and closes it with bdev_close(). -EACCES, -ENOENT, -ENOMEM, -EINVAL (not a
 * disk or a file), -ENOTSUP (sectors of neither 512 nor
 * 4096 bytes).
 */
int bdev_file_open(const char *path, bool read_only, struct bdev **out);

/*
 * The same for one user: a writer keeps every other caller of this function out until the device is
 * closed and its last transfer has ended, a reader keeps writers out. A block device that this
 * host's kernel uses itself, or a part of it (mounted, swap, in a volume group or an array), is not
 * opened for writing. -EBUSY.
 */
int bdev_file_claim(const char *path, bool read_only, struct bdev **out);

/* Bounds-checked wrappers: -EINVAL past the end or unaligned, -EROFS on a read-only device. */
int bdev_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length);
int bdev_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length);
int bdev_write_zeros(struct bdev *dev, uint64_t offset, uint64_t length);
int bdev_flush(struct bdev *dev);
/* 0 also where the device has no use for it: what the range then reads as is undefined. */
int bdev_discard(struct bdev *dev, uint64_t offset, uint64_t length);
/*
 * BDEV_SECTOR bytes at `offset`. -EAGAIN: they differ; -ENOTSUP: the device has no such command, or
 * larger sectors.
 */
int bdev_compare_and_write(struct bdev *dev, uint64_t offset, const void *expected,
                           const void *replacement);
int bdev_lock(struct bdev *dev, uint64_t offset, uint64_t length, bool wait);
void bdev_unlock(struct bdev *dev, uint64_t offset, uint64_t length);
void bdev_close(struct bdev *dev);

#endif

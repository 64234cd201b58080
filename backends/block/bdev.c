/* SPDX-License-Identifier: MIT */
/* bdev: the checks every kind of device shares. */
#include "block/bdev.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* Zeros are written in pieces of this size when the device cannot do better. */
#define ZERO_CHUNK (1u << 20)

static int bdev_check(const struct bdev *dev, uint64_t offset, uint64_t length)
{
    if (offset % BDEV_SECTOR != 0 || length % BDEV_SECTOR != 0)
        return -EINVAL;
    if (offset > dev->size || length > dev->size - offset)
        return -EINVAL;
    return 0;
}

/* The part of [offset, offset + length) that lies in the first sector, if it does not fill it. */
static size_t ragged_start(const struct bdev *dev, uint64_t offset, uint64_t length)
{
    size_t inside = offset % dev->sector, most = dev->sector - inside;

    if (inside == 0 && length >= dev->sector)
        return 0;
    return length < most ? (size_t)length : most;
}

/* Reads, or changes, a part of one sector. */
static int edge_transfer(struct bdev *dev, uint64_t offset, void *in, const void *out,
                         size_t length)
{
    alignas(BDEV_SECTOR_MAX) uint8_t sector[BDEV_SECTOR_MAX];
    uint64_t start = offset - offset % dev->sector;
    int rc = dev->ops->read(dev, start, sector, dev->sector);

    if (rc != 0)
        return rc;
    if (in != NULL) {
        memcpy(in, sector + (offset - start), length);
        return 0;
    }
    memcpy(sector + (offset - start), out, length);
    return dev->ops->write(dev, start, sector, dev->sector);
}

/* Whole sectors from the start of a range that begins at one. */
static uint64_t whole_sectors(const struct bdev *dev, uint64_t length)
{
    return length - length % dev->sector;
}

int bdev_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    int rc = bdev_check(dev, offset, length);
    size_t part;

    for (char *at = buffer; rc == 0 && length > 0; at += part, offset += part, length -= part) {
        part = ragged_start(dev, offset, length);
        if (part > 0) {
            rc = edge_transfer(dev, offset, at, NULL, part);
            continue;
        }
        part = whole_sectors(dev, length);
        rc = dev->ops->read(dev, offset, at, part);
    }
    return rc;
}

int bdev_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    int rc = bdev_check(dev, offset, length);
    size_t part;

    if (rc == 0 && dev->read_only)
        return -EROFS;
    for (const char *at = buffer; rc == 0 && length > 0;
         at += part, offset += part, length -= part) {
        part = ragged_start(dev, offset, length);
        if (part > 0) {
            rc = edge_transfer(dev, offset, NULL, at, part);
            continue;
        }
        part = whole_sectors(dev, length);
        rc = dev->ops->write(dev, offset, at, part);
    }
    return rc;
}

/* Writes zeros over whole sectors. */
static int zero_sectors(struct bdev *dev, uint64_t offset, uint64_t length)
{
    void *zeros;
    int rc = 0;

    if (dev->ops->zero != NULL)
        return dev->ops->zero(dev, offset, length);
    zeros = calloc(1, ZERO_CHUNK);
    if (zeros == NULL)
        return -ENOMEM;
    while (rc == 0 && length > 0) {
        size_t piece = length < ZERO_CHUNK ? length : ZERO_CHUNK;

        rc = dev->ops->write(dev, offset, zeros, piece);
        offset += piece;
        length -= piece;
    }
    free(zeros);
    return rc;
}

int bdev_write_zeros(struct bdev *dev, uint64_t offset, uint64_t length)
{
    static const uint8_t zeros[BDEV_SECTOR_MAX];
    int rc = bdev_check(dev, offset, length);
    uint64_t part;

    if (rc == 0 && dev->read_only)
        return -EROFS;
    for (; rc == 0 && length > 0; offset += part, length -= part) {
        part = ragged_start(dev, offset, length);
        if (part > 0) {
            rc = edge_transfer(dev, offset, NULL, zeros, part);
            continue;
        }
        part = whole_sectors(dev, length);
        rc = zero_sectors(dev, offset, part);
    }
    return rc;
}

int bdev_flush(struct bdev *dev)
{
    return dev->read_only ? 0 : dev->ops->flush(dev);
}

int bdev_discard(struct bdev *dev, uint64_t offset, uint64_t length)
{
    int rc = bdev_check(dev, offset, length);
    uint64_t ragged;

    if (rc != 0)
        return rc;
    if (dev->read_only)
        return -EROFS;
    ragged = ragged_start(dev, offset, length);
    length = whole_sectors(dev, length - ragged);
    return dev->ops->discard == NULL || length == 0
               ? 0
               : dev->ops->discard(dev, offset + ragged, length);
}

int bdev_compare_and_write(struct bdev *dev, uint64_t offset, const void *expected,
                           const void *replacement)
{
    int rc = bdev_check(dev, offset, BDEV_SECTOR);

    if (rc != 0)
        return rc;
    if (dev->read_only)
        return -EROFS;
    if (dev->ops->compare_and_write == NULL || dev->sector != BDEV_SECTOR)
        return -ENOTSUP;
    return dev->ops->compare_and_write(dev, offset, expected, replacement);
}

int bdev_lock(struct bdev *dev, uint64_t offset, uint64_t length, bool wait)
{
    return dev->ops->lock == NULL ? 0 : dev->ops->lock(dev, offset, length, true, wait);
}

void bdev_unlock(struct bdev *dev, uint64_t offset, uint64_t length)
{
    if (dev->ops->lock != NULL)
        dev->ops->lock(dev, offset, length, false, false);
}

void bdev_close(struct bdev *dev)
{
    if (dev != NULL)
        dev->ops->close(dev);
}

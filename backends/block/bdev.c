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

/*
 * What one request moves, and on which side: into `in`, else from `out`, else zeros. Writes of
 * whole sectors take the device's own way.
 */
struct transfer {
    char *in;
    const char *out;
};

/* Reads, or changes, a part of one sector. */
static int move_part(struct bdev *dev, uint64_t offset, const struct transfer *t, size_t length)
{
    alignas(BDEV_SECTOR_MAX) uint8_t sector[BDEV_SECTOR_MAX];
    uint64_t start = offset - offset % dev->sector;
    uint8_t *part = sector + (offset - start);
    int rc = dev->ops->read(dev, start, sector, dev->sector);

    if (rc != 0)
        return rc;
    if (t->in != NULL) {
        memcpy(t->in, part, length);
        return 0;
    }
    if (t->out != NULL)
        memcpy(part, t->out, length);
    else
        memset(part, 0, length);
    return dev->ops->write(dev, start, sector, dev->sector);
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

static int move_sectors(struct bdev *dev, uint64_t offset, const struct transfer *t,
                        uint64_t length)
{
    if (t->in != NULL)
        return dev->ops->read(dev, offset, t->in, length);
    return t->out != NULL ? dev->ops->write(dev, offset, t->out, length)
                          : zero_sectors(dev, offset, length);
}

/* Whole sectors from the start of a range that begins at one. */
static uint64_t whole_sectors(const struct bdev *dev, uint64_t length)
{
    return length - length % dev->sector;
}

static int move(struct bdev *dev, uint64_t offset, struct transfer t, uint64_t length)
{
    int rc = bdev_check(dev, offset, length);

    if (rc == 0 && length > 0 && dev->read_only && t.in == NULL)
        return -EROFS;
    while (rc == 0 && length > 0) {
        size_t ragged = ragged_start(dev, offset, length);
        uint64_t part = ragged > 0 ? ragged : whole_sectors(dev, length);

        rc = ragged > 0 ? move_part(dev, offset, &t, ragged) : move_sectors(dev, offset, &t, part);
        t.in = t.in != NULL ? t.in + part : NULL;
        t.out = t.out != NULL ? t.out + part : NULL;
        offset += part;
        length -= part;
    }
    return rc;
}

int bdev_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    return move(dev, offset, (struct transfer){.in = buffer}, length);
}

int bdev_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    return move(dev, offset, (struct transfer){.out = buffer}, length);
}

int bdev_write_zeros(struct bdev *dev, uint64_t offset, uint64_t length)
{
    return move(dev, offset, (struct transfer){0}, length);
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

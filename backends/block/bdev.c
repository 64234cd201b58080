/* SPDX-License-Identifier: MIT */
/* bdev: the checks every kind of device shares. */
#include "block/bdev.h"

#include <errno.h>
#include <stdlib.h>

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

int bdev_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    int rc = bdev_check(dev, offset, length);

    return rc != 0 ? rc : dev->ops->read(dev, offset, buffer, length);
}

int bdev_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    int rc = bdev_check(dev, offset, length);

    if (rc != 0)
        return rc;
    if (dev->read_only)
        return -EROFS;
    return dev->ops->write(dev, offset, buffer, length);
}

int bdev_write_zeros(struct bdev *dev, uint64_t offset, uint64_t length)
{
    int rc = bdev_check(dev, offset, length);
    void *zeros;

    if (rc != 0)
        return rc;
    if (dev->read_only)
        return -EROFS;
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

int bdev_flush(struct bdev *dev)
{
    return dev->read_only ? 0 : dev->ops->flush(dev);
}

int bdev_discard(struct bdev *dev, uint64_t offset, uint64_t length)
{
    int rc = bdev_check(dev, offset, length);

    if (rc != 0)
        return rc;
    if (dev->read_only)
        return -EROFS;
    return dev->ops->discard == NULL ? 0 : dev->ops->discard(dev, offset, length);
}

int bdev_compare_and_write(struct bdev *dev, uint64_t offset, const void *expected,
                           const void *replacement)
{
    int rc = bdev_check(dev, offset, BDEV_SECTOR);

    if (rc != 0)
        return rc;
    if (dev->read_only)
        return -EROFS;
    if (dev->ops->compare_and_write == NULL)
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

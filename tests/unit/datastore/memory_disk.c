/* SPDX-License-Identifier: MIT */
/* A read-only disk in memory, and the bounds that backends/block/disk.c keeps. */
#include "memory_disk.h"

#include <errno.h>
#include <string.h>

static int on_read(struct disk *disk, uint64_t offset, void *buffer, size_t length)
{
    const struct memory_disk *memory = (const struct memory_disk *)disk;
    size_t known = 0;

    if (offset < memory->length)
        known = memory->length - offset < length ? (size_t)(memory->length - offset) : length;
    if (known > 0)
        memcpy(buffer, memory->data + offset, known);
    memset((char *)buffer + known, 0, length - known);
    return 0;
}

int disk_read(struct disk *disk, uint64_t offset, void *buffer, size_t length)
{
    if (offset % BDEV_SECTOR != 0 || length % BDEV_SECTOR != 0 || offset > disk->size ||
        length > disk->size - offset)
        return -EINVAL;
    return disk->ops->read(disk, offset, buffer, length);
}

void memory_disk_init(struct memory_disk *memory, const uint8_t *data, size_t length, uint64_t size)
{
    static const struct disk_ops ops = {.read = on_read};

    if (size < length)
        size = length;
    size = (size + BDEV_SECTOR - 1) / BDEV_SECTOR * BDEV_SECTOR;
    *memory = (struct memory_disk){
        .disk = {.ops = &ops, .size = size, .read_only = true}, .data = data, .length = length};
}

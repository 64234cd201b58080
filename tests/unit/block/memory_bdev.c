/* SPDX-License-Identifier: MIT */
/* A disk in memory. */
#include "memory_bdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct memory_bdev *memory_of(struct bdev *dev)
{
    return (struct memory_bdev *)dev;
}

static void keep(struct memory_write **list, unsigned *count, unsigned *room, uint64_t offset,
                 const void *data, size_t length)
{
    if (*count == *room) {
        *room = *room == 0 ? 64 : *room * 2;
        *list = realloc(*list, *room * sizeof(**list));
    }
    (*list)[*count].offset = offset;
    (*list)[*count].length = length;
    (*list)[*count].data = length == 0 ? NULL : malloc(length);
    if (length > 0)
        memcpy((*list)[*count].data, data, length);
    (*count)++;
}

static void drop(struct memory_write *list, unsigned *count)
{
    for (unsigned i = 0; i < *count; i++)
        free(list[i].data);
    *count = 0;
}

static bool fails(struct memory_bdev *memory)
{
    if (memory->fail_after < 0)
        return false;
    if (memory->fail_after == 0) {
        memory->fail_after = memory->fail_once ? -1 : 0;
        return true;
    }
    memory->fail_after--;
    return false;
}

/* Whether a read meets the sector that cannot be read. */
static bool is_bad(const struct memory_bdev *memory, uint64_t offset, size_t length)
{
    return memory->bad_at != 0 && memory->bad_at - offset < length;
}

/* A disk takes whole sectors only. */
static bool ragged(const struct bdev *dev, uint64_t offset, uint64_t length)
{
    return offset % dev->sector != 0 || length % dev->sector != 0;
}

static int memory_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    if (fails(memory_of(dev)) || ragged(dev, offset, length) ||
        is_bad(memory_of(dev), offset, length))
        return -EIO;
    memory_of(dev)->read_count++;
    memcpy(buffer, memory_of(dev)->bytes + offset, length);
    return 0;
}

static int memory_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    struct memory_bdev *memory = memory_of(dev);

    if (fails(memory) || ragged(dev, offset, length))
        return -EIO;
    memory->write_count++;
    if (memory->recording)
        keep(&memory->log, &memory->log_count, &memory->log_room, offset, buffer, length);
    if (memory->undoing)
        keep(&memory->undo, &memory->undo_count, &memory->undo_room, offset, memory->bytes + offset,
             length);
    memcpy(memory->bytes + offset, buffer, length);
    return 0;
}

static int memory_flush(struct bdev *dev)
{
    struct memory_bdev *memory = memory_of(dev);

    if (fails(memory))
        return -EIO;
    if (memory->recording)
        keep(&memory->log, &memory->log_count, &memory->log_room, 0, NULL, 0);
    return 0;
}

static const struct bdev_ops memory_ops = {
    .read = memory_read,
    .write = memory_write,
    .flush = memory_flush,
};

/* Whole pages go back to the system, which gives zeroed ones. */
static int memory_zero(struct bdev *dev, uint64_t offset, uint64_t length)
{
    uint8_t *from = memory_of(dev)->bytes + offset, *to = from + length;
    uint8_t *first = (uint8_t *)(((uintptr_t)from + 4095) & ~(uintptr_t)4095);
    uint8_t *last = (uint8_t *)((uintptr_t)to & ~(uintptr_t)4095);

    if (fails(memory_of(dev)) || ragged(dev, offset, length))
        return -EIO;
    /* What is recorded or may be undone must be kept: zeros are written. */
    if (memory_of(dev)->recording || memory_of(dev)->undoing) {
        void *zeros = calloc(1, length);
        int rc = zeros == NULL ? -ENOMEM : memory_write(dev, offset, zeros, length);

        free(zeros);
        return rc;
    }
    if (first >= last) {
        memset(from, 0, length);
        return 0;
    }
    memset(from, 0, (size_t)(first - from));
    memset(last, 0, (size_t)(to - last));
    return madvise(first, (size_t)(last - first), MADV_DONTNEED) == 0 ? 0 : -errno;
}

static const struct bdev_ops zeroing_ops = {
    .read = memory_read,
    .write = memory_write,
    .zero = memory_zero,
    .flush = memory_flush,
};

void memory_bdev_can_zero(struct memory_bdev *memory)
{
    memory->dev.ops = &zeroing_ops;
}

static int memory_discard(struct bdev *dev, uint64_t offset, uint64_t length)
{
    if (fails(memory_of(dev)) || ragged(dev, offset, length))
        return -EIO;
    memset(memory_of(dev)->bytes + offset, MEMORY_DISCARDED, length);
    return 0;
}

static const struct bdev_ops discarding_ops = {
    .read = memory_read,
    .write = memory_write,
    .flush = memory_flush,
    .discard = memory_discard,
};

void memory_bdev_can_discard(struct memory_bdev *memory)
{
    memory->dev.ops = &discarding_ops;
}

static int memory_swap(struct bdev *dev, uint64_t offset, const void *expected,
                       const void *replacement)
{
    if (fails(memory_of(dev)) || ragged(dev, offset, BDEV_SECTOR))
        return -EIO;
    if (memcmp(memory_of(dev)->bytes + offset, expected, BDEV_SECTOR) != 0)
        return -EAGAIN;
    return memory_write(dev, offset, replacement, BDEV_SECTOR);
}

static const struct bdev_ops sharing_ops = {
    .read = memory_read,
    .write = memory_write,
    .zero = memory_zero,
    .flush = memory_flush,
    .compare_and_write = memory_swap,
};

void memory_bdev_can_share(struct memory_bdev *memory)
{
    memory->dev.ops = &sharing_ops;
}

struct memory_bdev *memory_bdev_new(uint64_t size)
{
    struct memory_bdev *memory = calloc(1, sizeof(*memory));

    memory->dev.ops = &memory_ops;
    memory->dev.size = size;
    memory->dev.sector = BDEV_SECTOR;
    memory->dev.fd = -1;
    strcpy(memory->dev.name, "memory");
    memory->fail_after = -1;
    memory->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory->bytes == MAP_FAILED)
        abort();
    return memory;
}

void memory_bdev_free(struct memory_bdev *memory)
{
    drop(memory->log, &memory->log_count);
    drop(memory->undo, &memory->undo_count);
    free(memory->log);
    free(memory->undo);
    munmap(memory->bytes, memory->dev.size);
    free(memory);
}

void memory_bdev_record(struct memory_bdev *memory)
{
    drop(memory->log, &memory->log_count);
    memory->recording = true;
}

void memory_bdev_mark(struct memory_bdev *memory)
{
    drop(memory->undo, &memory->undo_count);
    memory->undoing = true;
}

void memory_bdev_rollback(struct memory_bdev *memory)
{
    for (unsigned i = memory->undo_count; i-- > 0;)
        memcpy(memory->bytes + memory->undo[i].offset, memory->undo[i].data,
               memory->undo[i].length);
    drop(memory->undo, &memory->undo_count);
    memory->undoing = false;
}

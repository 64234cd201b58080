/* SPDX-License-Identifier: MIT */
/*
 * Giving blocks to files. The order that makes a crash harmless: bits in the bitmap and the block's
 * contents first, a flush, then the pointers (innermost pointer block first), a flush.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* Blocks given to a file between two flushes, and when they are not for one write. */
#define ROUND_BLOCKS 1024u
#define RANGE_BLOCKS 64u
/* So many blocks allocated one behind the other by writing make a file that grows. */
#define GROWING_RUN 4u

/* Writes bytes that need not be whole sectors; the rest of a sector keeps its contents. */
int volume_write_bytes(struct vmfs_volume *volume, uint64_t offset, const void *buffer,
                       size_t length)
{
    uint8_t sector[BDEV_SECTOR];
    uint32_t head = offset % BDEV_SECTOR;

    while (length > 0) {
        size_t piece;
        int rc;

        if (head == 0 && length >= BDEV_SECTOR) {
            piece = length - length % BDEV_SECTOR;
            rc = volume_write(volume, offset, buffer, piece);
        } else {
            piece = BDEV_SECTOR - head < length ? BDEV_SECTOR - head : length;
            rc = volume_read(volume, offset - head, sector, sizeof(sector));
            memcpy(sector + head, buffer, piece);
            if (rc == 0)
                rc = volume_write(volume, offset - head, sector, sizeof(sector));
        }
        if (rc != 0)
            return rc;
        offset += piece;
        buffer = (const char *)buffer + piece;
        length -= piece;
        head = 0;
    }
    return 0;
}

static struct vmfs_resource *unit_resource(struct vmfs_file *file)
{
    return file->inode.fd.zla == VMFS_ZLA_SB ? &file->volume->sbc : &file->volume->fbb;
}

/* New blocks of a round, to be given back if the round fails before they are pointed at. */
struct round {
    uint64_t addresses[ROUND_BLOCKS]; /* as they shall stand in the file's map */
    bool fresh[ROUND_BLOCKS];         /* allocated by this round */
    uint32_t count;
};

static void round_undo(struct vmfs_file *file, uint64_t n, const struct round *round)
{
    file_give_back(file, n, round->addresses, round->fresh, round->count);
}

/* Allocates every hole among the first `count` entries of a round. */
static int round_allocate(struct vmfs_file *file, struct round *round)
{
    struct vmfs_resource *resource = unit_resource(file);

    for (uint32_t i = 0; i < round->count;) {
        uint32_t want = 1, got;
        uint64_t first;
        int rc;

        if (round->addresses[i] != 0) {
            i++;
            continue;
        }
        while (i + want < round->count && round->addresses[i + want] == 0)
            want++;
        rc = resource_alloc(file->volume, resource, want, &first, &got, NULL);
        if (rc != 0)
            return rc;
        for (uint32_t k = 0; k < got; k++, i++) {
            round->addresses[i] = resource_address(resource, first + k);
            round->fresh[i] = true;
        }
    }
    return 0;
}

/* Fills one newly stored block: zeros around, data within. */
static int fill_block(struct vmfs_file *file, uint64_t address, uint64_t offset, const void *buffer,
                      uint32_t length)
{
    uint64_t unit = file->inode.fd.unit_size, inside = offset & (unit - 1), base;
    uint64_t head = (inside + BDEV_SECTOR - 1) / BDEV_SECTOR * BDEV_SECTOR;
    uint64_t tail = (inside + length) / BDEV_SECTOR * BDEV_SECTOR;
    int rc = map_place(file->volume, &file->inode, address, offset - inside, &base);

    if (rc == 0 && head > 0)
        rc = volume_zero(file->volume, base, head);
    if (rc == 0 && tail < unit)
        rc = volume_zero(file->volume, base + tail, unit - tail);
    return rc != 0 ? rc : volume_write_bytes(file->volume, base + inside, buffer, length);
}

/* Zeroes what a round allocated, from its block number `first` on. */
static int round_zero(struct vmfs_file *file, const struct round *round, uint32_t first)
{
    for (uint32_t i = first; i < round->count; i++) {
        uint64_t base;
        int rc;

        if (!round->fresh[i])
            continue;
        rc = map_place(file->volume, &file->inode, round->addresses[i], 0, &base);
        if (rc == 0)
            rc = volume_zero(file->volume, base, file->inode.fd.unit_size);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/*
 * How many blocks behind those being written shall be taken too: as many as the file has grown by
 * without a gap, where the device zeroes them itself. They spare the next writes their metadata.
 */
static uint64_t blocks_ahead(const struct vmfs_file *file, uint64_t n, uint64_t written)
{
    uint64_t unit = file->inode.fd.unit_size, end = (file->inode.fd.length + unit - 1) / unit;
    uint64_t ahead = file->fresh_run;

    if (n != file->fresh_next || file->fresh_run < GROWING_RUN ||
        file->inode.fd.zla == VMFS_ZLA_SB || !file->volume->ours)
        return 0;
    for (unsigned i = 0; i < file->volume->device_count; i++) {
        if (file->volume->devices[i]->ops->zero == NULL)
            return 0;
    }
    if (ahead > end - n - written)
        ahead = end - n - written;
    return ahead + written > ROUND_BLOCKS ? ROUND_BLOCKS - written : ahead;
}

/* The round's blocks: those of the write up to the first that is stored, and `ahead` behind. */
static int round_collect(struct vmfs_file *file, struct round *round, uint64_t n, uint64_t last,
                         uint64_t ahead, uint32_t *written)
{
    uint64_t most = last - n + 1 + ahead;

    round->count = 0;
    *written = 0;
    while (round->count < ROUND_BLOCKS && round->count < most) {
        uint64_t address;
        int rc = map_block(file->volume, &file->cache, &file->inode, n + round->count, &address);

        if (rc != 0)
            return rc;
        if (address != 0 && (!addr_is_tbz(file->volume, address) || n + round->count > last))
            break;
        round->fresh[round->count] = false;
        round->addresses[round->count++] = vmfs_addr_with_tbz(file->volume->format, address, false);
        *written += n + *written <= last;
    }
    return 0;
}

/* Writes a range that starts in a block not yet stored; *done is how far it got. */
static int write_fresh(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length,
                       size_t *done)
{
    uint64_t unit = file->inode.fd.unit_size, n = offset / unit;
    uint64_t last = (offset + length - 1) / unit;
    struct round round = {0};
    uint32_t written;
    uint64_t ahead;
    int rc;

    if (!file->volume->ours && !file->volume->fill_foreign)
        return vmfs_fail(file->volume, -EPERM,
                         "offset 0x%llx of descriptor 0x%08x has no block of its own yet, and the "
                         "volume was not made here: open with --fill to allocate all the same",
                         (unsigned long long)offset, file->inode.fd.address);
    rc = vmfs_begin(file->volume);
    if (rc != 0)
        return rc;
    ahead = blocks_ahead(file, n, last - n + 1 < ROUND_BLOCKS ? last - n + 1 : ROUND_BLOCKS);
    rc = round_collect(file, &round, n, last, ahead, &written);
    if (rc == 0)
        rc = round_allocate(file, &round);
    if (rc == -ENOSPC && ahead > 0) {
        /* What is left is for what must be written. */
        round_undo(file, n, &round);
        rc = round_collect(file, &round, n, last, 0, &written);
        if (rc == 0)
            rc = round_allocate(file, &round);
    }
    *done = 0;
    for (uint32_t i = 0; i < written && rc == 0; i++) {
        uint32_t piece = (uint32_t)(unit - (offset + *done) % unit);

        if (piece > length - *done)
            piece = (uint32_t)(length - *done);
        rc = fill_block(file, round.addresses[i], offset + *done, (const char *)buffer + *done,
                        piece);
        *done += piece;
    }
    if (rc == 0)
        rc = round_zero(file, &round, written);
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    if (rc == 0)
        rc = alloc_point(file, n, round.addresses, round.count);
    if (rc != 0)
        round_undo(file, n, &round);
    file->fresh_run = (n == file->fresh_next ? file->fresh_run : 0) + round.count;
    file->fresh_next = n + round.count;
    vmfs_end(file->volume);
    return rc;
}

int alloc_write(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length)
{
    uint64_t unit = file->inode.fd.unit_size;

    while (length > 0) {
        uint64_t inside = offset & (unit - 1), base;
        size_t piece = unit - inside < length ? unit - inside : length;
        uint64_t address;
        int rc = map_block(file->volume, &file->cache, &file->inode, offset / unit, &address);

        if (rc != 0)
            return rc;
        if (address == 0 || addr_is_tbz(file->volume, address)) {
            rc = write_fresh(file, offset, buffer, length, &piece);
        } else {
            rc = map_place(file->volume, &file->inode, address, offset, &base);
            if (rc == 0)
                rc = volume_write_bytes(file->volume, base, buffer, piece);
        }
        if (rc != 0)
            return rc;
        offset += piece;
        buffer = (const char *)buffer + piece;
        length -= piece;
    }
    return 0;
}

/* One round of alloc_range(). */
static int range_round(struct vmfs_file *file, uint64_t n, uint32_t count, bool zero_now)
{
    struct round round = {.count = count};
    int rc = vmfs_begin(file->volume);

    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = map_block(file->volume, &file->cache, &file->inode, n + i, &round.addresses[i]);
    if (rc != 0)
        round.count = 0;
    else
        rc = round_allocate(file, &round);
    if (rc == 0 && zero_now)
        rc = round_zero(file, &round, 0);
    for (uint32_t i = 0; i < round.count && !zero_now; i++) {
        if (round.fresh[i])
            round.addresses[i] = vmfs_addr_with_tbz(file->volume->format, round.addresses[i], true);
    }
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    if (rc == 0)
        rc = alloc_point(file, n, round.addresses, round.count);
    if (rc != 0)
        round_undo(file, n, &round);
    vmfs_end(file->volume);
    return rc;
}

int alloc_range(struct vmfs_file *file, uint64_t n, uint64_t count, bool zero_now,
                vmfs_progress progress, void *context)
{
    uint64_t unit = file->inode.fd.unit_size;

    /* Sub-blocks have no to-be-zeroed mark. */
    zero_now = zero_now || file->inode.fd.zla == VMFS_ZLA_SB;
    for (uint64_t done = 0; done < count;) {
        uint32_t piece = count - done < RANGE_BLOCKS ? (uint32_t)(count - done) : RANGE_BLOCKS;
        int rc = range_round(file, n + done, piece, zero_now);

        if (rc != 0)
            return rc;
        done += piece;
        if (progress != NULL)
            progress(context, done * unit, count * unit);
    }
    return 0;
}

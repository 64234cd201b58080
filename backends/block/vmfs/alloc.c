/* SPDX-License-Identifier: MIT */
/*
 * Giving blocks to files. The order that makes a crash harmless: bits in the bitmap and the block's
 * contents first, a flush, then the pointers (innermost pointer block first), a flush.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* Blocks handled between two flushes. */
#define ROUND_BLOCKS 64u

/* Changes in the descriptor's counters that a set of new pointers brings. */
struct point_counts {
    int64_t blocks;
    int64_t tbz;
};

static void count_change(struct point_counts *counts, uint32_t old, uint32_t new)
{
    counts->blocks += (new != 0) - (old != 0);
    counts->tbz += vmfs_addr_decode(new).tbz - vmfs_addr_decode(old).tbz;
}

/* A new, zeroed pointer block, in the cache but not yet on disk. */
static int pb_create(struct vmfs_file *file, struct vmfs_pb **out)
{
    struct vmfs_volume *volume = file->volume;
    uint32_t address, got;
    uint64_t item;
    int rc = resource_alloc(volume, &volume->pbc, 1, &item, &got, NULL);

    if (rc != 0)
        return rc;
    address = resource_address(&volume->pbc, item);
    rc = map_read_pb(volume, &file->cache, address, out, NULL);
    if (rc == 0)
        memset((*out)->entries, 0, sizeof((*out)->entries));
    return rc;
}

static int pb_write(struct vmfs_file *file, struct vmfs_pb *pb)
{
    struct vmfs_addr addr = vmfs_addr_decode(pb->address);
    uint64_t offset;
    int rc = resource_locate(file->volume, &file->volume->pbc, addr.cluster, addr.item, &offset);

    if (rc == 0)
        rc = volume_write(file->volume, offset, pb->entries, sizeof(pb->entries));
    if (rc != 0)
        pb->address = 0;
    return rc;
}

/*
 * Sets addresses in the lowest pointer block that maps block n; *slot is the pointer to it, created
 * when 0 (then *created). Uses as many of `count` as the block holds and says so in *used.
 */
static int point_leaf(struct vmfs_file *file, uint32_t *slot, uint64_t n, const uint32_t *addresses,
                      uint32_t count, struct point_counts *counts, bool *created, uint32_t *used)
{
    uint32_t index = n % VMFS5_PB_ENTRIES;
    struct vmfs_pb *pb;
    int rc;

    *used = count < VMFS5_PB_ENTRIES - index ? count : VMFS5_PB_ENTRIES - index;
    if (*slot == 0)
        rc = pb_create(file, &pb);
    else
        rc = map_read_pb(file->volume, &file->cache, *slot, &pb, NULL);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < *used; i++) {
        count_change(counts, pb->entries[index + i], addresses[i]);
        pb->entries[index + i] = addresses[i];
    }
    *created = *slot == 0;
    *slot = pb->address;
    return pb_write(file, pb);
}

/* The same through the upper level of a double mapping. */
static int point_double(struct vmfs_file *file, uint32_t *slot, uint64_t n,
                        const uint32_t *addresses, uint32_t count, struct point_counts *counts,
                        bool *created, uint32_t *used)
{
    uint32_t index = n / VMFS5_PB_ENTRIES % VMFS5_PB_ENTRIES, child = 0, top = *slot;
    bool child_created;
    struct vmfs_pb *pb;
    int rc = 0;

    if (top != 0) {
        rc = map_read_pb(file->volume, &file->cache, top, &pb, NULL);
        if (rc == 0)
            child = pb->entries[index];
    }
    if (rc == 0)
        rc = point_leaf(file, &child, n, addresses, count, counts, &child_created, used);
    *created = false;
    if (rc != 0 || !child_created)
        return rc;
    rc = vmfs_flush(file->volume);
    if (rc != 0)
        return rc;
    /* The leaf may have pushed the upper block out of the cache: read it again. */
    if (top == 0)
        rc = pb_create(file, &pb);
    else
        rc = map_read_pb(file->volume, &file->cache, top, &pb, NULL);
    if (rc != 0)
        return rc;
    pb->entries[index] = child;
    *created = top == 0;
    *slot = pb->address;
    return pb_write(file, pb);
}

int alloc_point(struct vmfs_file *file, uint64_t n, const uint32_t *addresses, uint32_t count)
{
    struct vmfs_fd *fd = &file->inode.fd;
    struct point_counts counts = {0};
    bool any_created = false;
    int rc = 0;

    if (count == 0)
        return 0;
    if (n >= inode_max_blocks(&file->inode) || count > inode_max_blocks(&file->inode) - n)
        return vmfs_fail(file->volume, -EFBIG, "descriptor 0x%08x cannot map block %llu",
                         fd->address, (unsigned long long)n);
    while (count > 0 && rc == 0) {
        bool created = false;
        uint32_t used = 1;

        uint64_t index = fd->zla == VMFS_ZLA_PB          ? n / VMFS5_PB_ENTRIES
                         : fd->zla == VMFS_ZLA_PB_DOUBLE ? n / VMFS5_PB_ENTRIES / VMFS5_PB_ENTRIES
                                                         : n;
        uint32_t slot = fd->addresses[index];

        if (fd->zla == VMFS_ZLA_PB) {
            rc = point_leaf(file, &slot, n, addresses, count, &counts, &created, &used);
        } else if (fd->zla == VMFS_ZLA_PB_DOUBLE) {
            rc = point_double(file, &slot, n, addresses, count, &counts, &created, &used);
        } else {
            count_change(&counts, slot, addresses[0]);
            slot = addresses[0];
        }
        fd->addresses[index] = slot;
        any_created = any_created || created;
        n += used;
        addresses += used;
        count -= used;
    }
    if (rc == 0 && any_created)
        rc = vmfs_flush(file->volume);
    fd->block_count += (uint64_t)counts.blocks;
    fd->new_count = (uint32_t)fd->block_count;
    fd->tbz_count += (uint32_t)counts.tbz;
    if (rc == 0)
        rc = inode_write(file->volume, &file->inode);
    return rc != 0 ? rc : vmfs_flush(file->volume);
}

/* Writes bytes that need not be whole sectors; the rest of a sector keeps its contents. */
static int write_bytes(struct vmfs_volume *volume, uint64_t offset, const void *buffer,
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
    uint32_t addresses[ROUND_BLOCKS]; /* as they shall stand in the file's map */
    bool fresh[ROUND_BLOCKS];         /* allocated by this round */
    uint32_t count;
};

static void round_undo(struct vmfs_file *file, const struct round *round)
{
    uint64_t item;

    for (uint32_t i = 0; i < round->count; i++) {
        if (round->fresh[i] && resource_of_address(file->volume, round->addresses[i], &item))
            resource_free(file->volume, unit_resource(file), item, 1);
    }
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
static int fill_block(struct vmfs_file *file, uint32_t address, uint32_t inside, const void *buffer,
                      uint32_t length)
{
    uint64_t unit = file->inode.fd.unit_size, base;
    uint32_t head = (inside + BDEV_SECTOR - 1) / BDEV_SECTOR * BDEV_SECTOR;
    uint32_t tail = (inside + length) / BDEV_SECTOR * BDEV_SECTOR;
    int rc = map_address(file->volume, address, &base);

    if (rc == 0 && head > 0)
        rc = volume_zero(file->volume, base, head);
    if (rc == 0 && tail < unit)
        rc = volume_zero(file->volume, base + tail, unit - tail);
    return rc != 0 ? rc : write_bytes(file->volume, base + inside, buffer, length);
}

/* Writes a range that starts in a block not yet stored; *done is how far it got. */
static int write_fresh(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length,
                       size_t *done)
{
    uint64_t unit = file->inode.fd.unit_size, n = offset / unit;
    uint64_t last = (offset + length - 1) / unit;
    struct round round = {0};
    int rc = vmfs_begin(file->volume);

    if (rc != 0)
        return rc;
    while (round.count < ROUND_BLOCKS && n + round.count <= last) {
        uint32_t address;

        rc = map_block(file->volume, &file->cache, &file->inode, n + round.count, &address);
        if (rc != 0 || (address != 0 && !vmfs_addr_decode(address).tbz))
            break;
        round.addresses[round.count++] = address & ~VMFS_ADDR_FB_TBZ;
    }
    if (rc == 0)
        rc = round_allocate(file, &round);
    *done = 0;
    for (uint32_t i = 0; i < round.count && rc == 0; i++) {
        uint32_t inside = (uint32_t)((offset + *done) % unit);
        uint32_t piece = (uint32_t)(unit - inside);

        if (piece > length - *done)
            piece = (uint32_t)(length - *done);
        rc = fill_block(file, round.addresses[i], inside, (const char *)buffer + *done, piece);
        *done += piece;
    }
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    if (rc != 0)
        round_undo(file, &round);
    else
        rc = alloc_point(file, n, round.addresses, round.count);
    vmfs_end(file->volume);
    return rc;
}

int alloc_write(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length)
{
    uint64_t unit = file->inode.fd.unit_size;

    while (length > 0) {
        uint64_t inside = offset & (unit - 1), base;
        size_t piece = unit - inside < length ? unit - inside : length;
        uint32_t address;
        int rc = map_block(file->volume, &file->cache, &file->inode, offset / unit, &address);

        if (rc != 0)
            return rc;
        if (address == 0 || vmfs_addr_decode(address).tbz) {
            rc = write_fresh(file, offset, buffer, length, &piece);
        } else {
            rc = map_address(file->volume, address, &base);
            if (rc == 0)
                rc = write_bytes(file->volume, base + inside, buffer, piece);
        }
        if (rc != 0)
            return rc;
        offset += piece;
        buffer = (const char *)buffer + piece;
        length -= piece;
    }
    return 0;
}

/* Zeroes what a round allocated. */
static int round_zero(struct vmfs_file *file, const struct round *round)
{
    for (uint32_t i = 0; i < round->count; i++) {
        uint64_t base;
        int rc;

        if (!round->fresh[i])
            continue;
        rc = map_address(file->volume, round->addresses[i], &base);
        if (rc == 0)
            rc = volume_zero(file->volume, base, file->inode.fd.unit_size);
        if (rc != 0)
            return rc;
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
        rc = round_zero(file, &round);
    for (uint32_t i = 0; i < round.count && !zero_now; i++) {
        if (round.fresh[i])
            round.addresses[i] |= VMFS_ADDR_FB_TBZ;
    }
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    if (rc != 0)
        round_undo(file, &round);
    else
        rc = alloc_point(file, n, round.addresses, round.count);
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
        uint32_t piece = count - done < ROUND_BLOCKS ? (uint32_t)(count - done) : ROUND_BLOCKS;
        int rc = range_round(file, n + done, piece, zero_now);

        if (rc != 0)
            return rc;
        done += piece;
        if (progress != NULL)
            progress(context, done * unit, count * unit);
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Cutting a file short. What lies past the new end is first forgotten, from the pointer blocks up
 * to the descriptor, so that growing again never shows it; then its blocks are free.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Neighbouring items of one resource. */
struct run {
    struct vmfs_resource *resource;
    uint64_t first;
    uint32_t count;
};

/* What the cut takes away. */
struct cut {
    struct vmfs_volume *volume;
    uint64_t keep; /* blocks */
    struct run *runs;
    size_t count, room;
    uint64_t blocks, tbz;
    uint32_t pbs;
};

static int cut_add(void *context, uint64_t address, unsigned levels, uint64_t n)
{
    struct cut *cut = context;
    struct run *last = cut->count == 0 ? NULL : &cut->runs[cut->count - 1], *grown;
    struct vmfs_resource *resource;
    uint64_t item;

    if (n < cut->keep)
        return 0;
    resource = resource_of_address(cut->volume, address, &item);
    if (resource == NULL)
        return 0;
    cut->pbs += levels > 0;
    cut->blocks += levels == 0;
    cut->tbz += levels == 0 && addr_is_tbz(cut->volume, address);
    if (last != NULL && last->resource == resource && item == last->first + last->count &&
        last->count < UINT32_MAX) {
        last->count++;
        return 0;
    }
    if (cut->count == cut->room) {
        cut->room = cut->room == 0 ? 64 : cut->room * 2;
        grown = reallocarray(cut->runs, cut->room, sizeof(*grown));
        if (grown == NULL)
            return vmfs_fail(cut->volume, -ENOMEM, "out of memory");
        cut->runs = grown;
    }
    cut->runs[cut->count++] = (struct run){.resource = resource, .first = item, .count = 1};
    return 0;
}

/* Zeroes what stays allocated of the last block behind the new end. */
static int zero_tail(struct vmfs_file *file, uint64_t length)
{
    static const uint8_t zeros[BDEV_SECTOR];
    uint64_t unit = file->inode.fd.unit_size, address, place;
    uint64_t end = (length + unit - 1) / unit * unit, sector;
    int rc;

    if (length == end)
        return 0;
    rc = map_block(file->volume, &file->cache, &file->inode, length / unit, &address);
    if (rc != 0 || address == 0 || addr_is_tbz(file->volume, address))
        return rc;
    rc = map_place(file->volume, &file->inode, address, length, &place);
    sector = (BDEV_SECTOR - length % BDEV_SECTOR) % BDEV_SECTOR;
    if (rc == 0 && sector > 0)
        rc = volume_write_bytes(file->volume, place, zeros, sector);
    if (rc == 0 && end - length > sector)
        rc = volume_zero(file->volume, place + sector, end - length - sector);
    return rc;
}

/* Forgets in the pointer blocks that stay what is past the end, lowest first. */
static int clear_pointers(struct vmfs_file *file, uint64_t keep)
{
    struct vmfs_volume *volume = file->volume;
    unsigned levels = inode_levels(&file->inode);
    uint64_t path[2] = {0}, next = file->inode.addresses[keep >> volume->pb_shift * levels];

    /* Pointer blocks on the way to block `keep`, the top one first. */
    for (unsigned i = 0; i < levels && next != 0; i++) {
        unsigned shift = volume->pb_shift * (levels - 1 - i);
        struct vmfs_pb *pb;
        int rc = map_read_pb(volume, &file->cache, next, &pb);

        if (rc != 0)
            return rc;
        path[i] = next;
        next = pb->entries[keep >> shift & ((1u << volume->pb_shift) - 1)];
    }
    for (unsigned i = levels; i-- > 0;) {
        unsigned shift = volume->pb_shift * (levels - 1 - i);
        uint64_t below = keep >> shift, first = below & ((1u << volume->pb_shift) - 1);
        struct vmfs_pb *pb;
        int rc;

        /* The block that `keep` falls into stays when something before `keep` is in it. */
        if (below << shift != keep)
            first++;
        if (path[i] == 0 || (keep & ((1ull << (shift + volume->pb_shift)) - 1)) == 0)
            continue;
        rc = map_read_pb(volume, &file->cache, path[i], &pb);
        for (uint64_t k = first; rc == 0 && k < 1u << volume->pb_shift; k++)
            pb->entries[k] = 0;
        if (rc == 0)
            rc = map_write_pb(volume, pb);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The descriptor after the cut. */
static void cut_inode(const struct vmfs_file *file, const struct cut *cut, uint64_t length,
                      struct vmfs_inode *out)
{
    unsigned shift = file->volume->pb_shift * inode_levels(&file->inode);
    uint64_t first = (cut->keep + (1ull << shift) - 1) >> shift;

    *out = file->inode;
    for (uint64_t i = first; i < file->volume->fd_addresses; i++)
        out->addresses[i] = 0;
    out->fd.length = length;
    out->fd.block_count -= cut->blocks;
    out->fd.new_count = (uint32_t)out->fd.block_count;
    out->fd.tbz_count -= (uint32_t)cut->tbz;
    out->fd.pb_count -= cut->pbs < out->fd.pb_count ? cut->pbs : out->fd.pb_count;
    out->fd.mtime_s = (uint32_t)time(NULL);
}

/*
 * Gives back what a cut that failed has forgotten all the same: those of its items that a second
 * look, in the same order, no longer finds.
 */
static void give_back_forgotten(struct vmfs_file *file, const struct cut *cut)
{
    struct cut left = {.volume = cut->volume, .keep = cut->keep};
    size_t at = 0;
    uint32_t inside = 0;
    int rc = file_refresh(file);

    if (rc == 0)
        rc = map_walk(file->volume, &file->inode, cut_add, &left);
    for (size_t i = 0; i < cut->count && rc == 0; i++) {
        const struct run *run = &cut->runs[i];

        for (uint32_t k = 0; k < run->count && rc == 0; k++) {
            const struct run *next = at < left.count ? &left.runs[at] : NULL;

            if (next == NULL || next->resource != run->resource ||
                next->first + inside != run->first + k) {
                rc = blocks_give_back(file->volume, run->resource, run->first + k, 1);
            } else if (++inside == next->count) {
                inside = 0;
                at++;
            }
        }
    }
    free(left.runs);
}

/* Writes what the file is without what is behind the new end. */
static int forget(struct vmfs_file *file, uint64_t length, const struct cut *cut)
{
    struct vmfs_inode after;
    int rc = 0;

    if (cut->keep < inode_max_blocks(file->volume, &file->inode))
        rc = clear_pointers(file, cut->keep);
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    if (rc != 0)
        return rc;
    cut_inode(file, cut, length, &after);
    rc = inode_write(file->volume, &after);
    if (rc == 0)
        rc = vmfs_flush(file->volume);
    if (rc == 0)
        file->inode = after;
    return rc;
}

static int shrink(struct vmfs_file *file, uint64_t length, struct cut *cut)
{
    int rc = map_walk(file->volume, &file->inode, cut_add, cut);

    if (rc == 0)
        rc = zero_tail(file, length);
    if (rc != 0)
        return rc;
    rc = file_failed(file, forget(file, length, cut));
    if (rc != 0) {
        give_back_forgotten(file, cut);
        return rc;
    }
    map_cache_free(&file->cache);
    for (size_t i = 0; i < cut->count && rc == 0; i++)
        rc = blocks_give_back(file->volume, cut->runs[i].resource, cut->runs[i].first,
                              cut->runs[i].count);
    return rc != 0 ? rc : vmfs_flush(file->volume);
}

/* shrink() between what other processes of the host do. */
static int shrink_alone(struct vmfs_file *file, uint64_t length)
{
    uint64_t unit = file->inode.fd.unit_size;
    struct cut cut = {.volume = file->volume, .keep = (length + unit - 1) / unit};
    int rc = vmfs_begin(file->volume);

    if (rc != 0)
        return rc;
    rc = shrink(file, length, &cut);
    vmfs_end(file->volume);
    free(cut.runs);
    return rc;
}

void file_cut_tail(struct vmfs_file *file)
{
    char cause[VMFS_ERROR_MAX];

    memcpy(cause, file->volume->error, sizeof(cause));
    if (file_refresh(file) == 0)
        shrink_alone(file, file->inode.fd.length);
    memcpy(file->volume->error, cause, sizeof(cause));
}

int vmfs_file_truncate(struct vmfs_file *file, uint64_t length)
{
    struct vmfs_volume *volume = file->volume;
    int rc = file_refresh(file);

    if (rc != 0)
        return rc;
    if (length >= file->inode.fd.length)
        return vmfs_file_extend(file, length, VMFS_THIN, NULL, NULL);
    rc = vmfs_require_ours(volume, "cutting a file");
    if (rc == 0 && file->share != VMFS_SHARE_EXCLUSIVE)
        rc = vmfs_fail(volume, -EBADF, "the file is not open for writing");
    if (rc == 0 && file->inode.fd.zla == VMFS_ZLA_RESIDENT)
        rc = vmfs_fail(volume, -ENOTSUP, "descriptor 0x%08x holds its data itself",
                       file->inode.fd.address);
    return rc != 0 ? rc : shrink_alone(file, length);
}

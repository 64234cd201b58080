/* SPDX-License-Identifier: MIT */
/* Pointing at blocks: addresses in the descriptor and in pointer blocks, innermost first. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Changes in the descriptor's counters that a set of new pointers brings. */
struct point_counts {
    int64_t blocks;
    int64_t tbz;
};

static void count_change(const struct vmfs_volume *volume, struct point_counts *counts,
                         uint64_t old, uint64_t new)
{
    counts->blocks += (new != 0) - (old != 0);
    counts->tbz += addr_is_tbz(volume, new) - addr_is_tbz(volume, old);
}

int pb_create(struct vmfs_file *file, uint64_t n, struct vmfs_pb **out)
{
    struct vmfs_volume *volume = file->volume;
    /* System files must not be mapped by what they hold themselves. */
    struct vmfs_resource *resource = file->inode.fd.type == VMFS_TYPE_SYSTEM ? &volume->pb2
                                     : volume->format == VMFS_FORMAT_6       ? &volume->sbc
                                                                             : &volume->pbc;
    uint64_t item, address;
    uint32_t got;
    int rc = resource_alloc(volume, resource, 1, &item, &got, NULL);

    if (rc != 0)
        return rc;
    address = resource_address(resource, item);
    if (file->created_count < VMFS_CREATED_MAX)
        file->created[file->created_count++] =
            (struct vmfs_created){.address = address, .block = n};
    rc = map_take_pb(volume, &file->cache, address, out);
    if (rc != 0)
        return rc;
    memset((*out)->entries, 0, sizeof(uint64_t) << volume->pb_shift);
    (*out)->address = address;
    file->inode.fd.pb_count++;
    return 0;
}

/*
 * Sets addresses in the lowest pointer block that maps block n; *slot is the pointer to it, created
 * when 0 (then *created). Uses as many of `count` as the block holds and says so in *used.
 */
static int point_leaf(struct vmfs_file *file, uint64_t *slot, uint64_t n, const uint64_t *addresses,
                      uint32_t count, struct point_counts *counts, bool *created, uint32_t *used)
{
    uint32_t entries = 1u << file->volume->pb_shift, index = n % entries;
    struct vmfs_pb *pb;
    int rc;

    *used = count < entries - index ? count : entries - index;
    if (*slot == 0)
        rc = pb_create(file, n, &pb);
    else
        rc = map_read_pb(file->volume, &file->cache, *slot, &pb);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < *used; i++) {
        count_change(file->volume, counts, pb->entries[index + i], addresses[i]);
        pb->entries[index + i] = addresses[i];
    }
    *created = *slot == 0;
    *slot = pb->address;
    return map_write_pb(file->volume, pb);
}

/* The same through the upper level of a double mapping. */
static int point_double(struct vmfs_file *file, uint64_t *slot, uint64_t n,
                        const uint64_t *addresses, uint32_t count, struct point_counts *counts,
                        bool *created, uint32_t *used)
{
    uint32_t index = n >> file->volume->pb_shift & ((1u << file->volume->pb_shift) - 1);
    uint64_t child = 0, top = *slot;
    bool child_created;
    struct vmfs_pb *pb;
    int rc = 0;

    if (top != 0) {
        rc = map_read_pb(file->volume, &file->cache, top, &pb);
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
        rc = pb_create(file, n, &pb);
    else
        rc = map_read_pb(file->volume, &file->cache, top, &pb);
    if (rc != 0)
        return rc;
    pb->entries[index] = child;
    *created = top == 0;
    *slot = pb->address;
    return map_write_pb(file->volume, pb);
}

static int point(struct vmfs_file *file, uint64_t n, const uint64_t *addresses, uint32_t count)
{
    struct vmfs_fd *fd = &file->inode.fd;
    struct point_counts counts = {0};
    unsigned levels = inode_levels(&file->inode);
    bool any_created = false;
    int rc = 0;

    if (count == 0)
        return 0;
    if (n >= inode_max_blocks(file->volume, &file->inode) ||
        count > inode_max_blocks(file->volume, &file->inode) - n)
        return vmfs_fail(file->volume, -EFBIG, "descriptor 0x%08x cannot map block %llu",
                         fd->address, (unsigned long long)n);
    while (count > 0 && rc == 0) {
        bool created = false;
        uint32_t used = 1;
        uint64_t *slot = &file->inode.addresses[n >> file->volume->pb_shift * levels];

        if (levels == 1) {
            rc = point_leaf(file, slot, n, addresses, count, &counts, &created, &used);
        } else if (levels == 2) {
            rc = point_double(file, slot, n, addresses, count, &counts, &created, &used);
        } else {
            count_change(file->volume, &counts, *slot, addresses[0]);
            *slot = addresses[0];
        }
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

int alloc_point(struct vmfs_file *file, uint64_t n, const uint64_t *addresses, uint32_t count)
{
    int rc;

    file->created_count = 0;
    rc = file_failed(file, point(file, n, addresses, count));
    if (rc == 0)
        file->created_count = 0;
    return rc;
}

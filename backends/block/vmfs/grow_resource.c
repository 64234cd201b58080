/* SPDX-License-Identifier: MIT */
/*
 * Giving resource files more items, for a volume that has grown or one that has run out. New
 * clusters lie complete on disk before the header counts them; the last old cluster is filled up
 * after that. A cut between leaves it short, which vmfs_check() mends.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

static uint32_t items_in(const struct vmfs_resource *resource, uint32_t number)
{
    uint64_t left = resource->item_count - (uint64_t)number * resource->per_cluster;

    return left < resource->per_cluster ? (uint32_t)left : resource->per_cluster;
}

/* Bytes the file needs for all its clusters. */
static uint64_t file_length(const struct vmfs_volume *volume, const struct vmfs_resource *resource)
{
    uint32_t last = resource->cluster_count - 1, group = last / resource->clusters_per_group;

    if (resource->groups_per_parent != 0)
        return resource->group_offset +
               (uint64_t)(group / resource->groups_per_parent + 1) * resource->parent_group_size;
    return resource->group_offset + (uint64_t)group * resource->group_size +
           (uint64_t)resource->clusters_per_group * volume->cluster_header +
           (uint64_t)(last % resource->clusters_per_group + 1) * resource->per_cluster *
               resource->item_size;
}

/* Makes the file long enough; what is new in it is zeros. */
static int lengthen(struct vmfs_volume *volume, struct vmfs_resource *resource)
{
    /* A step that failed earlier may have left on disk what was not taken over here. */
    struct vmfs_file file = {
        .volume = volume, .inode = resource->inode, .share = VMFS_SHARE_EXCLUSIVE, .stale = true};
    uint64_t length = file_length(volume, resource), blocks, have;
    int rc;

    if (length <= file.inode.fd.length)
        return 0;
    rc = file_refresh(&file);
    if (rc != 0)
        return rc;
    blocks = (length + volume->block_size - 1) >> volume->block_shift;
    have = (file.inode.fd.length + volume->block_size - 1) >> volume->block_shift;
    if (blocks > inode_max_blocks(volume, &file.inode))
        rc = inode_promote(&file, length);
    if (rc == 0 && blocks > have)
        rc = alloc_range(&file, have, blocks - have, true, NULL, NULL);
    if (rc == 0) {
        if (file.inode.fd.length < length)
            file.inode.fd.length = length;
        rc = inode_write(volume, &file.inode);
    }
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        resource->inode = file.inode;
    map_cache_free(&file.cache);
    map_cache_free(&resource->cache);
    return rc;
}

/* Fills the items from `from` on in as free; a large block as made into small ones. */
static void add_items(const struct vmfs_resource *resource, struct vmfs_cluster *cluster,
                      uint32_t from)
{
    for (uint32_t i = from; i < cluster->total; i++) {
        if (resource->type != VMFS_ADDR_LFB) {
            cluster_set_bit(resource, cluster, i, true);
            cluster->free++;
        } else {
            cluster->md6.bitmap[(3 * i + 2) / 8] |= (uint8_t)(1u << (3 * i + 2) % 8);
            cluster->md6.affinity[8 * i] = 0xFF;
        }
    }
}

/* An empty descriptor is one all the same: its lock says what it is. */
static int write_descriptors(struct vmfs_volume *volume, struct vmfs_resource *resource,
                             const struct vmfs_cluster *cluster)
{
    union {
        struct vmfs_lock lock;
        uint8_t raw[2 * VMFS6_MD];
    } descriptor;
    int rc = 0;

    memset(&descriptor, 0, sizeof(descriptor));
    descriptor.lock.type = VMFS_LOCK_FD;
    descriptor.lock.token = 1;
    for (uint32_t i = 0; i < cluster->total && rc == 0; i++) {
        uint64_t offset;

        rc = resource_locate(volume, resource, cluster->number, i, &offset);
        descriptor.lock.address = offset;
        if (rc == 0)
            rc = volume_write(volume, offset, descriptor.raw, volume->fd_size);
    }
    return rc;
}

static int write_new_cluster(struct vmfs_volume *volume, struct vmfs_resource *resource,
                             uint32_t number)
{
    struct vmfs_cluster cluster;
    uint64_t offset;
    int rc = resource_locate_cluster(volume, resource, number, &offset);

    if (rc != 0)
        return rc;
    memset(&cluster, 0, sizeof(cluster));
    cluster.number = number;
    cluster.lock.type = resource->lock_type;
    cluster.lock.address = offset;
    cluster.lock.token = 1;
    cluster.total = items_in(resource, number);
    if (volume->format == VMFS_FORMAT_6) {
        cluster.md6.signature = VMFS6_SIG_CLUSTER;
        cluster.md6.version = 1;
        cluster.md6.number = number;
    } else {
        cluster.md5.number = number;
    }
    add_items(resource, &cluster, 0);
    if (resource->type == VMFS_ADDR_FD)
        rc = write_descriptors(volume, resource, &cluster);
    /* Nobody knows this lock yet; cluster_write() leaves those alone that others may hold. */
    if (rc == 0 && volume->shared)
        rc = volume_write_bytes(volume, offset, &cluster.lock, sizeof(cluster.lock));
    return rc != 0 ? rc : cluster_write(volume, resource, &cluster, offset);
}

/* The header: one sector, the step that makes the new items count. */
static int write_header(struct vmfs_volume *volume, struct vmfs_resource *resource)
{
    struct vmfs_file file = {.volume = volume, .inode = resource->inode};
    uint64_t at = resource->groups_per_parent != 0 ? VMFS6_CHILD_OFFSET : 0;
    struct vmfs_resource_header header;
    int rc = map_read(volume, NULL, &resource->inode, at, &header, sizeof(header));

    if (rc == 0) {
        header.resource_count = (uint32_t)resource->item_count;
        header.resource_count_high = (uint32_t)(resource->item_count >> 32);
        header.group_count = (resource->cluster_count + resource->clusters_per_group - 1) /
                             resource->clusters_per_group;
        if (resource->type == VMFS_ADDR_LFB)
            header.converted_clusters = (uint32_t)resource->item_count;
        rc = alloc_write(&file, at, &header, sizeof(header));
    }
    map_cache_free(&file.cache);
    return rc != 0 ? rc : vmfs_flush(volume);
}

static int fill_up(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t number)
{
    struct vmfs_cluster cluster;
    uint32_t from;
    uint64_t offset;
    int rc = cluster_read(volume, resource, number, &cluster, &offset);

    from = cluster.total;
    if (rc != 0 || from >= items_in(resource, number))
        return rc;
    cluster.total = items_in(resource, number);
    add_items(resource, &cluster, from);
    rc = cluster_write(volume, resource, &cluster, offset);
    return rc != 0 ? rc : vmfs_flush(volume);
}

int resource_grow(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t count)
{
    const uint64_t old_count = resource->item_count;
    const uint32_t old_clusters = resource->cluster_count;
    uint32_t done = old_clusters;
    int rc;

    if (resource->per_cluster == 0 || count <= old_count)
        return 0;
    resource->item_count = count;
    resource->cluster_count =
        (uint32_t)((count + resource->per_cluster - 1) / resource->per_cluster);
    rc = lengthen(volume, resource);
    for (; done < resource->cluster_count && rc == 0; done++)
        rc = write_new_cluster(volume, resource, done);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = write_header(volume, resource);
    if (rc != 0) {
        resource->item_count = old_count;
        resource->cluster_count = old_clusters;
        return rc;
    }
    return fill_up(volume, resource, old_clusters - 1);
}

/* Files there may be, and small ones: as many as ESXi allows, about. */
#define ITEMS_MAX 131072u

int resource_extend(struct vmfs_volume *volume, struct vmfs_resource *resource)
{
    uint64_t step = (uint64_t)resource->clusters_per_group * resource->per_cluster;
    int rc;

    if (!volume->ours || (resource->type != VMFS_ADDR_FD && resource->type != VMFS_ADDR_SB) ||
        resource->item_count + step > ITEMS_MAX || alone_begin(volume) != 0)
        return -ENOSPC;
    rc = resource_grow(volume, resource, resource->item_count + step);
    alone_end(volume);
    return rc;
}

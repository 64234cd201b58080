/* SPDX-License-Identifier: MIT */
/* Resource files: clusters of items (file blocks, sub-blocks, pointer blocks, descriptors). */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* No VMFS-5 resource file is anywhere near this many clusters; bounds every scan. */
#define MAX_CLUSTERS (1u << 22)

bool cluster_bit(const struct vmfs_cluster *cluster, uint32_t item)
{
    return (cluster->bitmap[item / 8] >> item % 8 & 1) != 0;
}

void cluster_set_bit(struct vmfs_cluster *cluster, uint32_t item, bool is_free)
{
    uint8_t mask = (uint8_t)(1u << item % 8);

    if (is_free)
        cluster->bitmap[item / 8] |= mask;
    else
        cluster->bitmap[item / 8] &= (uint8_t)~mask;
}

int resource_load(struct vmfs_volume *volume, struct vmfs_resource *resource)
{
    struct vmfs_resource_header header;
    uint64_t group, count;
    int rc = map_read(volume, NULL, &resource->inode, 0, &header, sizeof(header));

    if (rc != 0)
        return rc;
    count = header.resource_count | (uint64_t)header.resource_count_high << 32;
    group = (uint64_t)header.clusters_per_group * VMFS5_CLUSTER_HEADER +
            (uint64_t)header.clusters_per_group * header.per_cluster * header.resource_size;
    if (header.per_cluster == 0 || header.per_cluster > VMFS5_BITMAP_BYTES * 8 ||
        header.clusters_per_group == 0 || header.clusters_per_group > 0xFFFF ||
        header.group_offset % BDEV_SECTOR != 0 || header.group_offset < BDEV_SECTOR ||
        header.resource_size % BDEV_SECTOR != 0 || header.resource_size > 1u << 20 ||
        header.group_size < group || header.group_size % BDEV_SECTOR != 0 ||
        (count + header.per_cluster - 1) / header.per_cluster > MAX_CLUSTERS)
        return vmfs_fail(volume, -EUCLEAN, "%s: header describes an impossible layout",
                         resource->name);
    if ((resource->type == VMFS_ADDR_FD && header.resource_size != VMFS5_FD_SIZE) ||
        (resource->type == VMFS_ADDR_PB && header.resource_size != VMFS5_PB_SIZE) ||
        (resource->type == VMFS_ADDR_SB &&
         (header.resource_size == 0 || header.resource_size != volume->super.sub_block_size)))
        return vmfs_fail(volume, -EUCLEAN, "%s: items of %u bytes", resource->name,
                         header.resource_size);
    if (resource->type == VMFS_ADDR_FB && count > volume->size >> volume->block_shift)
        return vmfs_fail(volume, -EUCLEAN, "%s: %llu file blocks in a volume of %llu bytes",
                         resource->name, (unsigned long long)count,
                         (unsigned long long)volume->size);
    resource->per_cluster = header.per_cluster;
    resource->clusters_per_group = header.clusters_per_group;
    resource->group_offset = header.group_offset;
    resource->group_size = header.group_size;
    resource->item_size = header.resource_size;
    resource->item_count = count;
    resource->cluster_count = (uint32_t)((count + header.per_cluster - 1) / header.per_cluster);
    return 0;
}

/* File offset of a cluster's header. */
static uint64_t cluster_position(const struct vmfs_resource *resource, uint32_t number)
{
    uint64_t group = number / resource->clusters_per_group;

    return resource->group_offset + group * resource->group_size +
           (uint64_t)(number % resource->clusters_per_group) * VMFS5_CLUSTER_HEADER;
}

/* Volume offset of `length` bytes of a resource file, which must lie in one file block. */
static int locate(struct vmfs_volume *volume, const struct vmfs_resource *resource,
                  uint64_t position, uint32_t length, uint64_t *offset)
{
    uint64_t inside = position & (volume->block_size - 1), block;
    uint32_t address = 0;
    int rc;

    if (position + length > resource->inode.fd.length || inside + length > volume->block_size)
        return vmfs_fail(volume, -EUCLEAN, "%s: offset 0x%llx is past its end or across blocks",
                         resource->name, (unsigned long long)position);
    rc = map_block(volume, NULL, &resource->inode, position >> volume->block_shift, &address);
    if (rc != 0)
        return rc;
    if (vmfs_addr_decode(address).type != VMFS_ADDR_FB)
        return vmfs_fail(volume, -EUCLEAN, "%s: hole at offset 0x%llx", resource->name,
                         (unsigned long long)position);
    rc = map_address(volume, address, &block);
    if (rc == 0)
        *offset = block + inside;
    return rc;
}

int resource_locate(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t cluster,
                    uint32_t item, uint64_t *offset)
{
    uint64_t position;

    if (resource->item_size == 0 || cluster >= resource->cluster_count ||
        item >= resource->per_cluster ||
        (uint64_t)cluster * resource->per_cluster + item >= resource->item_count)
        return vmfs_fail(volume, -EUCLEAN, "%s has no item %u.%u", resource->name, cluster, item);
    position = resource->group_offset +
               (uint64_t)(cluster / resource->clusters_per_group) * resource->group_size +
               (uint64_t)resource->clusters_per_group * VMFS5_CLUSTER_HEADER +
               ((uint64_t)(cluster % resource->clusters_per_group) * resource->per_cluster + item) *
                   resource->item_size;
    return locate(volume, resource, position, resource->item_size, offset);
}

int resource_read_cluster(struct vmfs_volume *volume, struct vmfs_resource *resource,
                          uint32_t number, struct vmfs_cluster *out, uint64_t *offset)
{
    uint64_t first = (uint64_t)number * resource->per_cluster;
    int rc =
        locate(volume, resource, cluster_position(resource, number), VMFS5_CLUSTER_HEADER, offset);

    if (rc == 0)
        rc = volume_read(volume, *offset, out, sizeof(*out));
    if (rc != 0)
        return rc;
    if (out->lock.type != resource->lock_type || out->lock.address != *offset ||
        out->number != number)
        return vmfs_fail(
            volume, -EUCLEAN,
            "%s: cluster %u at 0x%llx is not what it should be (type 0x%x, own address "
            "0x%llx, number %u)",
            resource->name, number, (unsigned long long)*offset, out->lock.type,
            (unsigned long long)out->lock.address, out->number);
    if (out->total > resource->per_cluster || out->free > out->total ||
        first + out->total > resource->item_count)
        return vmfs_fail(volume, -EUCLEAN, "%s: cluster %u counts %u of %u items free",
                         resource->name, number, out->free, out->total);
    return 0;
}

/* Reads a cluster and writes its lock as ours. Inside a transaction. */
static int cluster_lock(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t number,
                        struct vmfs_cluster *cluster, uint64_t *offset)
{
    int rc = resource_read_cluster(volume, resource, number, cluster, offset);

    if (rc == 0)
        rc = lock_acquire(volume, &cluster->lock, VMFS_LOCK_EXCLUSIVE, true);
    /* Another host may have changed it before the lock was ours. */
    if (rc == 0 && volume->shared)
        rc = resource_read_cluster(volume, resource, number, cluster, offset);
    return rc;
}

/* Writes a changed cluster and releases its lock: in one transfer where no other host looks on. */
static int cluster_unlock(struct vmfs_volume *volume, struct vmfs_cluster *cluster, uint64_t offset)
{
    int rc;

    cluster->next_free = 0;
    for (uint32_t i = 0; i < cluster->total; i++) {
        if (cluster_bit(cluster, i)) {
            cluster->next_free = i;
            break;
        }
    }
    if (volume->shared) {
        rc = volume_write(volume, offset + sizeof(cluster->lock), &cluster->number,
                          sizeof(*cluster) - sizeof(cluster->lock));
        return rc != 0 ? rc : lock_release(volume, &cluster->lock);
    }
    lock_drop(volume, &cluster->lock);
    return volume_write(volume, offset, cluster, sizeof(*cluster));
}

/* Takes the first run of free items, at most `want`. The counter is not trusted, the bits are. */
static uint32_t cluster_take(struct vmfs_cluster *cluster, uint32_t want, uint32_t *first)
{
    uint32_t item = 0, got = 0;

    while (item < cluster->total && !cluster_bit(cluster, item))
        item++;
    *first = item;
    while (item < cluster->total && got < want && cluster_bit(cluster, item)) {
        cluster_set_bit(cluster, item++, false);
        got++;
    }
    cluster->free -= got < cluster->free ? got : cluster->free;
    return got;
}

int resource_alloc(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t want,
                   uint64_t *first, uint32_t *got, uint32_t *generation)
{
    struct vmfs_cluster cluster;
    uint64_t offset;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    *got = 0;
    for (uint32_t i = 0; i < resource->cluster_count && rc == 0; i++) {
        uint32_t number = (resource->hint + i) % resource->cluster_count, item;

        rc = resource_read_cluster(volume, resource, number, &cluster, &offset);
        if (rc != 0 || cluster.free == 0)
            continue;
        rc = cluster_lock(volume, resource, number, &cluster, &offset);
        if (rc != 0)
            break;
        *got = cluster_take(&cluster, want, &item);
        if (generation != NULL && *got > 0)
            *generation = ++cluster.type_data;
        rc = cluster_unlock(volume, &cluster, offset);
        if (rc != 0 || *got == 0)
            continue;
        resource->hint = number;
        *first = (uint64_t)number * resource->per_cluster + item;
        break;
    }
    vmfs_end(volume);
    if (rc == 0 && *got == 0)
        rc = vmfs_fail(volume, -ENOSPC, "no free %s left on volume \"%.128s\"",
                       resource->type == VMFS_ADDR_FB   ? "file blocks"
                       : resource->type == VMFS_ADDR_FD ? "file descriptors"
                       : resource->type == VMFS_ADDR_SB ? "sub-blocks"
                                                        : "pointer blocks",
                       volume->super.label);
    return rc;
}

int resource_free(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t first,
                  uint32_t count)
{
    struct vmfs_cluster cluster;
    uint64_t offset;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    while (count > 0 && rc == 0) {
        uint32_t number = (uint32_t)(first / resource->per_cluster);
        uint32_t item = (uint32_t)(first % resource->per_cluster);

        if (first >= resource->item_count) {
            rc = vmfs_fail(volume, -EUCLEAN, "%s has no item %llu", resource->name,
                           (unsigned long long)first);
            break;
        }
        rc = cluster_lock(volume, resource, number, &cluster, &offset);
        if (rc != 0)
            break;
        for (; count > 0 && item < cluster.total; item++, first++, count--) {
            if (cluster_bit(&cluster, item))
                continue;
            cluster_set_bit(&cluster, item, true);
            cluster.free++;
        }
        if (item < resource->per_cluster && count > 0)
            rc = vmfs_fail(volume, -EUCLEAN, "%s has no item %llu", resource->name,
                           (unsigned long long)first);
        if (number < resource->hint)
            resource->hint = number;
        if (cluster_unlock(volume, &cluster, offset) != 0 && rc == 0)
            rc = -EIO;
    }
    vmfs_end(volume);
    return rc;
}

int resource_mark_used(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t item)
{
    struct vmfs_cluster cluster;
    uint64_t offset;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc =
        cluster_lock(volume, resource, (uint32_t)(item / resource->per_cluster), &cluster, &offset);
    if (rc == 0 && cluster_bit(&cluster, (uint32_t)(item % resource->per_cluster))) {
        cluster_set_bit(&cluster, (uint32_t)(item % resource->per_cluster), false);
        cluster.free -= cluster.free > 0;
    }
    if (rc == 0)
        rc = cluster_unlock(volume, &cluster, offset);
    vmfs_end(volume);
    return rc;
}

int resource_count_free(struct vmfs_volume *volume, struct vmfs_resource *resource,
                        uint64_t *free_count)
{
    struct vmfs_cluster cluster;
    uint64_t offset;

    *free_count = 0;
    for (uint32_t i = 0; i < resource->cluster_count; i++) {
        int rc = resource_read_cluster(volume, resource, i, &cluster, &offset);

        if (rc != 0)
            return rc;
        *free_count += cluster.free;
    }
    return 0;
}

uint32_t resource_address(const struct vmfs_resource *resource, uint64_t item)
{
    if (resource->type == VMFS_ADDR_FB)
        return vmfs_addr_fb((uint32_t)item, false);
    return vmfs_addr_of(resource->type, (uint32_t)(item / resource->per_cluster),
                        (uint32_t)(item % resource->per_cluster));
}

struct vmfs_resource *resource_of_address(struct vmfs_volume *volume, uint32_t address,
                                          uint64_t *item)
{
    struct vmfs_addr addr = vmfs_addr_decode(address);
    struct vmfs_resource *resource;

    switch (addr.type) {
    case VMFS_ADDR_FB:
        *item = addr.cluster;
        return &volume->fbb;
    case VMFS_ADDR_SB:
        resource = &volume->sbc;
        break;
    case VMFS_ADDR_PB:
        resource = &volume->pbc;
        break;
    case VMFS_ADDR_FD:
        resource = &volume->fdc;
        break;
    default:
        return NULL;
    }
    *item = (uint64_t)addr.cluster * resource->per_cluster + addr.item;
    return resource;
}

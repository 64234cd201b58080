/* SPDX-License-Identifier: MIT */
/* Clusters of resource files: their bitmaps, and giving out and taking back items. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* Where an item's bits start; they never cross a byte's border further than into the next. */
static uint8_t *item_bits(const struct vmfs_resource *resource, struct vmfs_cluster *cluster,
                          uint32_t bit)
{
    /* The bitmap of small file blocks runs on where other resources keep affinities. */
    uint8_t *map = resource->format == VMFS_FORMAT_6
                       ? (uint8_t *)&cluster->md6 + offsetof(struct vmfs6_cluster_md, bitmap)
                       : cluster->md5.bitmap;

    return &map[bit / 8];
}

bool cluster_bit(const struct vmfs_resource *resource, const struct vmfs_cluster *cluster,
                 uint32_t item)
{
    uint32_t bit = item * resource->bits;

    return (*item_bits(resource, (struct vmfs_cluster *)cluster, bit) >> bit % 8 & 1) != 0;
}

void cluster_set_bit(const struct vmfs_resource *resource, struct vmfs_cluster *cluster,
                     uint32_t item, bool is_free)
{
    uint32_t bit = item * resource->bits;

    for (uint32_t i = 0; i < resource->bits; i++, bit++) {
        uint8_t *byte = item_bits(resource, cluster, bit), mask = (uint8_t)(1u << bit % 8);

        *byte = (uint8_t)(is_free && i == 0 ? *byte | mask : *byte & ~mask);
    }
}

static int check(struct vmfs_volume *volume, const struct vmfs_resource *resource, uint32_t number,
                 const struct vmfs_cluster *cluster, uint64_t offset)
{
    uint64_t first = (uint64_t)number * resource->per_cluster;

    if (cluster->lock.type != resource->lock_type || cluster->lock.address != offset ||
        cluster->number != number)
        return vmfs_fail(
            volume, -EUCLEAN,
            "%s: cluster %u at 0x%llx is not what it should be (type 0x%x, own address "
            "0x%llx, number %u)",
            resource->name, number, (unsigned long long)offset, cluster->lock.type,
            (unsigned long long)cluster->lock.address, cluster->number);
    if (resource->format == VMFS_FORMAT_6 && cluster->md6.signature != VMFS6_SIG_CLUSTER)
        return vmfs_fail(volume, -EUCLEAN, "%s: cluster %u at 0x%llx has signature 0x%x",
                         resource->name, number, (unsigned long long)offset,
                         cluster->md6.signature);
    if (cluster->total > resource->per_cluster || cluster->free > cluster->total ||
        first + cluster->total > resource->item_count)
        return vmfs_fail(volume, -EUCLEAN, "%s: cluster %u at 0x%llx counts %u of %u items free",
                         resource->name, number, (unsigned long long)offset, cluster->free,
                         cluster->total);
    return 0;
}

int cluster_read(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t number,
                 struct vmfs_cluster *out, uint64_t *offset)
{
    uint8_t raw[2 * VMFS6_MD];
    int rc = resource_locate_cluster(volume, resource, number, offset);

    if (rc == 0)
        rc = volume_read(volume, *offset, raw, volume->cluster_header);
    if (rc != 0)
        return rc;
    memcpy(&out->lock, raw, sizeof(out->lock));
    if (resource->format == VMFS_FORMAT_6) {
        memcpy(&out->md6, raw + volume->md, sizeof(out->md6));
        out->number = out->md6.number > UINT32_MAX ? UINT32_MAX : (uint32_t)out->md6.number;
        out->total = out->md6.total;
        out->free = out->md6.free;
        out->next_free = out->md6.next_free;
        out->type_data = out->md6.type_data;
    } else {
        memcpy(&out->md5, raw + volume->md, sizeof(out->md5));
        out->number = out->md5.number;
        out->total = out->md5.total;
        out->free = out->md5.free;
        out->next_free = out->md5.next_free;
        out->type_data = out->md5.type_data;
    }
    return check(volume, resource, number, out, *offset);
}

int cluster_write(struct vmfs_volume *volume, const struct vmfs_resource *resource,
                  struct vmfs_cluster *cluster, uint64_t offset)
{
    uint8_t raw[2 * VMFS6_MD];

    memset(raw, 0, sizeof(raw));
    memcpy(raw, &cluster->lock, sizeof(cluster->lock));
    if (resource->format == VMFS_FORMAT_6) {
        cluster->md6.total = (uint16_t)cluster->total;
        cluster->md6.free = (uint16_t)cluster->free;
        cluster->md6.next_free = cluster->next_free;
        cluster->md6.type_data = cluster->type_data;
        memcpy(raw + volume->md, &cluster->md6, sizeof(cluster->md6));
    } else {
        cluster->md5.total = cluster->total;
        cluster->md5.free = cluster->free;
        cluster->md5.next_free = cluster->next_free;
        cluster->md5.type_data = cluster->type_data;
        memcpy(raw + volume->md, &cluster->md5, sizeof(cluster->md5));
    }
    /* Other hosts change the lock by COMPARE AND WRITE only. */
    if (volume->shared)
        return volume_write(volume, offset + volume->md, raw + volume->md, volume->md);
    return volume_write(volume, offset, raw, volume->cluster_header);
}

/*
 * Reads a cluster and takes its lock, inside a transaction: on disk where other hosts look on;
 * elsewhere the host lock keeps everybody out, and the lock comes and goes in one write.
 */
static int cluster_lock(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t number,
                        struct vmfs_cluster *cluster, uint64_t *offset)
{
    int rc = cluster_read(volume, resource, number, cluster, offset);

    if (rc == 0 && !volume->shared)
        return lock_take(volume, &cluster->lock, VMFS_LOCK_EXCLUSIVE);
    if (rc == 0)
        rc = lock_acquire(volume, &cluster->lock, VMFS_LOCK_EXCLUSIVE, true);
    /* Another host may have changed it before the lock was ours. */
    if (rc == 0) {
        struct vmfs_lock lock = cluster->lock;

        rc = cluster_read(volume, resource, number, cluster, offset);
        if (rc != 0)
            lock_give_up(volume, &lock);
    }
    return rc;
}

/* Writes a changed cluster and releases its lock: in one transfer where no other host looks on. */
static int cluster_unlock(struct vmfs_volume *volume, const struct vmfs_resource *resource,
                          struct vmfs_cluster *cluster, uint64_t offset)
{
    int rc;

    cluster->next_free = 0;
    for (uint32_t i = 0; i < cluster->total; i++) {
        if (cluster_bit(resource, cluster, i)) {
            cluster->next_free = i;
            break;
        }
    }
    if (!volume->shared)
        lock_drop(volume, &cluster->lock);
    rc = cluster_write(volume, resource, cluster, offset);
    if (rc == 0 && volume->shared)
        rc = lock_release(volume, &cluster->lock);
    else if (volume->shared)
        lock_give_up(volume, &cluster->lock);
    return rc;
}

/* Takes the first run of free items, at most `want`. The counter is not trusted, the bits are. */
static uint32_t cluster_take(const struct vmfs_resource *resource, struct vmfs_cluster *cluster,
                             uint32_t want, uint32_t *first)
{
    uint32_t item = 0, got = 0;

    while (item < cluster->total && !cluster_bit(resource, cluster, item))
        item++;
    *first = item;
    while (item < cluster->total && got < want && cluster_bit(resource, cluster, item)) {
        cluster_set_bit(resource, cluster, item++, false);
        got++;
    }
    cluster->free -= got < cluster->free ? got : cluster->free;
    return got;
}

/* One search through all clusters; *got stays 0 when nothing is free. */
static int find_free(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t want,
                     uint64_t *first, uint32_t *got, uint32_t *generation)
{
    uint32_t start = resource->hint;
    struct vmfs_cluster cluster;
    bool busy = false;
    uint64_t offset;
    int rc = 0;

    *got = 0;
    for (uint32_t i = 0; i < resource->cluster_count && rc == 0; i++) {
        uint32_t number = (start + i) % resource->cluster_count, item;

        rc = cluster_read(volume, resource, number, &cluster, &offset);
        if (rc != 0 || cluster.free == 0)
            continue;
        rc = cluster_lock(volume, resource, number, &cluster, &offset);
        if (rc == -EBUSY) {
            /* Somebody has kept it for long: the next may be free, also for the next search. */
            busy = true;
            resource->hint = (number + 1) % resource->cluster_count;
            rc = 0;
            continue;
        }
        if (rc != 0)
            break;
        *got = cluster_take(resource, &cluster, want, &item);
        if (generation != NULL && *got > 0)
            *generation = ++cluster.type_data;
        rc = cluster_unlock(volume, resource, &cluster, offset);
        if (rc != 0 || *got == 0)
            continue;
        resource->hint = number;
        *first = (uint64_t)number * resource->per_cluster + item;
        break;
    }
    return rc == 0 && *got == 0 && busy ? -EBUSY : rc;
}

int resource_alloc(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t want,
                   uint64_t *first, uint32_t *got, uint32_t *generation)
{
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = find_free(volume, resource, want, first, got, generation);
    if (rc == 0 && *got == 0 && resource_extend(volume, resource) == 0)
        rc = find_free(volume, resource, want, first, got, generation);
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
        uint32_t number, item;

        if (first >= resource->item_count) {
            rc = vmfs_fail(volume, -EUCLEAN, "%s has no item %llu", resource->name,
                           (unsigned long long)first);
            break;
        }
        number = (uint32_t)(first / resource->per_cluster);
        item = (uint32_t)(first % resource->per_cluster);
        rc = cluster_lock(volume, resource, number, &cluster, &offset);
        if (rc != 0)
            break;
        for (; count > 0 && item < cluster.total; item++, first++, count--) {
            if (cluster_bit(resource, &cluster, item))
                continue;
            cluster_set_bit(resource, &cluster, item, true);
            cluster.free++;
        }
        if (item < resource->per_cluster && count > 0)
            rc = vmfs_fail(volume, -EUCLEAN, "%s has no item %llu", resource->name,
                           (unsigned long long)first);
        if (number < resource->hint)
            resource->hint = number;
        if (cluster_unlock(volume, resource, &cluster, offset) != 0 && rc == 0)
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
    if (rc == 0 && cluster_bit(resource, &cluster, (uint32_t)(item % resource->per_cluster))) {
        cluster_set_bit(resource, &cluster, (uint32_t)(item % resource->per_cluster), false);
        cluster.free -= cluster.free > 0;
    }
    if (rc == 0)
        rc = cluster_unlock(volume, resource, &cluster, offset);
    vmfs_end(volume);
    return rc;
}

int resource_visit_free(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t number,
                        int (*visit)(void *context, uint64_t first, uint32_t count), void *context)
{
    struct vmfs_cluster cluster;
    uint64_t offset;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = cluster_lock(volume, resource, number, &cluster, &offset);
    if (rc == 0) {
        for (uint32_t item = 0, run; rc == 0 && item < cluster.total; item += run + (run == 0)) {
            for (run = 0; item + run < cluster.total && cluster_bit(resource, &cluster, item + run);
                 run++)
                ;
            if (run > 0)
                rc = visit(context, (uint64_t)number * resource->per_cluster + item, run);
        }
        if (cluster_unlock(volume, resource, &cluster, offset) != 0 && rc == 0)
            rc = -EIO;
    }
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
        int rc = cluster_read(volume, resource, i, &cluster, &offset);

        if (rc != 0)
            return rc;
        *free_count += cluster.free;
    }
    return 0;
}

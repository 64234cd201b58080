/* SPDX-License-Identifier: MIT */
/* Resource files: where their clusters and items (blocks, pointer blocks, descriptors) lie. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>

/* No resource file is anywhere near this many clusters; bounds every scan. */
#define MAX_CLUSTERS (1u << 22)

/* Bytes the cluster headers of one group take. */
static uint64_t headers_size(const struct vmfs_volume *volume, const struct vmfs_resource *resource)
{
    return (uint64_t)resource->clusters_per_group * volume->cluster_header;
}

static bool item_size_is_right(const struct vmfs_volume *volume,
                               const struct vmfs_resource *resource)
{
    switch (resource->type) {
    case VMFS_ADDR_FD:
        return resource->item_size == volume->fd_size;
    case VMFS_ADDR_PB:
    case VMFS_ADDR_PB2:
        return resource->item_size == volume->pb_entry << volume->pb_shift;
    case VMFS_ADDR_SB:
        return resource->item_size != 0 && resource->item_size == volume->super.sub_block_size;
    default:
        return true;
    }
}

static bool layout_is_possible(const struct vmfs_volume *volume,
                               const struct vmfs_resource *resource,
                               const struct vmfs_resource_header *header)
{
    uint32_t bitmap = volume->format == VMFS_FORMAT_6 ? VMFS6_BITMAP_BYTES : VMFS5_BITMAP_BYTES;
    uint64_t group = headers_size(volume, resource) + (uint64_t)resource->clusters_per_group *
                                                          resource->per_cluster *
                                                          resource->item_size;

    /* The bitmap of small file blocks ends where others' affinities begin: 128 bytes. */
    if (resource->groups_per_parent != 0)
        bitmap = 128;
    return resource->per_cluster != 0 && resource->bits != 0 && resource->bits <= 4 &&
           (uint64_t)resource->per_cluster * resource->bits <= bitmap * 8 &&
           resource->clusters_per_group != 0 && resource->clusters_per_group <= 0xFFFF &&
           header->group_offset % volume->md == 0 && header->group_offset >= volume->md &&
           header->resource_size % volume->md == 0 && header->resource_size <= 8u << 20 &&
           header->group_size >= group && header->group_size % volume->md == 0 &&
           resource->item_count / resource->per_cluster < MAX_CLUSTERS;
}

static int check_header(struct vmfs_volume *volume, const struct vmfs_resource *resource,
                        const struct vmfs_resource_header *header)
{
    uint32_t shift = resource->type == VMFS_ADDR_LFB ? volume->lfb_shift : volume->block_shift;
    /* The last large block may be there in part only: its small ones are counted. */
    uint64_t room = (volume->size + (1ull << shift) - 1) >> shift;

    if (volume->format == VMFS_FORMAT_6 && header->signature != VMFS6_SIG_RESOURCE)
        return vmfs_fail(volume, -EUCLEAN, "%s: header has signature 0x%x, not 0x%x",
                         resource->name, header->signature, VMFS6_SIG_RESOURCE);
    if (!layout_is_possible(volume, resource, header))
        return vmfs_fail(volume, -EUCLEAN, "%s: header describes an impossible layout",
                         resource->name);
    /* Growing writes those of our volumes with three bits and eight bytes of affinity each. */
    if (resource->type == VMFS_ADDR_LFB && volume->ours &&
        (resource->bits != 3 || resource->per_cluster > 256))
        return vmfs_fail(volume, -EUCLEAN, "%s: %u items of %u bits a cluster", resource->name,
                         resource->per_cluster, resource->bits);
    if (!item_size_is_right(volume, resource))
        return vmfs_fail(volume, -EUCLEAN, "%s: items of %u bytes", resource->name,
                         resource->item_size);
    if ((resource->type == VMFS_ADDR_FB || resource->type == VMFS_ADDR_LFB) &&
        resource->item_count > room)
        return vmfs_fail(volume, -EUCLEAN, "%s: %llu file blocks in a volume of %llu bytes",
                         resource->name, (unsigned long long)resource->item_count,
                         (unsigned long long)volume->size);
    if (resource->type == VMFS_ADDR_FB && volume->format == VMFS_FORMAT_6 &&
        resource->per_cluster != 1u << (volume->lfb_shift - volume->block_shift))
        return vmfs_fail(volume, -EUCLEAN, "%s: %u small file blocks a cluster", resource->name,
                         resource->per_cluster);
    return 0;
}

/* Reads the header at a file offset of the resource file. */
static int load_header(struct vmfs_volume *volume, struct vmfs_resource *resource,
                       uint64_t position, struct vmfs_resource_header *header)
{
    uint64_t count;
    int rc =
        map_read(volume, &resource->cache, &resource->inode, position, header, sizeof(*header));

    if (rc != 0)
        return rc;
    if (resource->inode.fd.unit_size != volume->block_size)
        return vmfs_fail(volume, -EUCLEAN, "%s: blocks of %llu bytes", resource->name,
                         (unsigned long long)resource->inode.fd.unit_size);
    count = header->resource_count | (uint64_t)header->resource_count_high << 32;
    /* VMFS-6 volumes may have no pointer blocks of their own at all. */
    if (count == 0 && volume->format == VMFS_FORMAT_6 && resource->type == VMFS_ADDR_PB)
        return 0;
    resource->format = volume->format;
    resource->bits = volume->format == VMFS_FORMAT_6 ? header->bits : 1;
    if (resource->bits == 0)
        resource->bits = 1;
    resource->per_cluster = header->per_cluster;
    resource->clusters_per_group = header->clusters_per_group;
    resource->group_offset = header->group_offset;
    resource->group_size = header->group_size;
    resource->item_size = header->resource_size;
    resource->item_count = count;
    if (header->parent_clusters_per_group != 0 && volume->format == VMFS_FORMAT_6) {
        uint64_t items = (uint64_t)header->parent_clusters_per_group * header->parent_per_cluster;

        if (resource->clusters_per_group == 0 || items == 0 ||
            items % resource->clusters_per_group != 0 ||
            items / resource->clusters_per_group > 0xFFFF)
            return vmfs_fail(volume, -EUCLEAN, "%s: header describes an impossible parent",
                             resource->name);
        resource->groups_per_parent = (uint32_t)(items / resource->clusters_per_group);
        resource->parent_group_size = header->parent_group_size;
        resource->parent_headers = header->parent_clusters_per_group * volume->cluster_header;
    }
    rc = check_header(volume, resource, header);
    if (rc != 0)
        return rc;
    resource->cluster_count =
        (uint32_t)((resource->item_count + resource->per_cluster - 1) / resource->per_cluster);
    return 0;
}

static int load(struct vmfs_volume *volume, struct vmfs_resource *resource)
{
    struct vmfs_resource_header header;

    return load_header(volume, resource, 0, &header);
}

/* .fbb.sf of VMFS-6 holds two: large file blocks, and the small ones those are made into. */
static int load_fbb6(struct vmfs_volume *volume)
{
    struct vmfs_resource_header header;
    int rc;

    volume->lfb = volume->fbb;
    volume->lfb.name = ".fbb.sf (large)";
    volume->lfb.type = VMFS_ADDR_LFB;
    volume->lfb.lock_type = VMFS_LOCK_LFB;
    rc = load_header(volume, &volume->lfb, 0, &header);
    if (rc != 0)
        return rc;
    if (header.child_offset % BDEV_SECTOR != 0 || header.child_offset == 0)
        return vmfs_fail(volume, -EUCLEAN, ".fbb.sf: no header of small file blocks");
    return load_header(volume, &volume->fbb, header.child_offset, &header);
}

int resource_load_all(struct vmfs_volume *volume)
{
    /* In this order: system files of large volumes are mapped by what .pb2.sf holds. */
    const struct {
        struct vmfs_resource *resource;
        const char *name;
        uint32_t address, lock_type;
        enum vmfs_addr_type type;
    } files[] = {
        {&volume->pb2, ".pb2.sf", VMFS_FD_PB2, VMFS_LOCK_PB2, VMFS_ADDR_PB2},
        {&volume->fdc, ".fdc.sf", VMFS_FD_FDC, VMFS_LOCK_FDC, VMFS_ADDR_FD},
        {&volume->fbb, ".fbb.sf", VMFS_FD_FBB, VMFS_LOCK_FBB, VMFS_ADDR_FB},
        {&volume->pbc, ".pbc.sf", VMFS_FD_PBC, VMFS_LOCK_PBC, VMFS_ADDR_PB},
        {&volume->sbc, ".sbc.sf", VMFS_FD_SBC, VMFS_LOCK_SBC, VMFS_ADDR_SB},
    };

    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct vmfs_resource *resource = files[i].resource;
        int rc;

        resource->name = files[i].name;
        resource->type = files[i].type;
        resource->lock_type = files[i].lock_type;
        if (resource == &volume->pb2 && volume->super.pb2_fd_address == 0)
            continue;
        rc = inode_read(volume, files[i].address, &resource->inode);
        if (rc == 0 && resource == &volume->fbb && volume->format == VMFS_FORMAT_6)
            rc = load_fbb6(volume);
        else if (rc == 0)
            rc = load(volume, resource);
        if (rc != 0)
            return rc;
    }
    return 0;
}

void resource_free_all(struct vmfs_volume *volume)
{
    struct vmfs_resource *all[] = {&volume->pb2, &volume->fdc, &volume->fbb,
                                   &volume->lfb, &volume->pbc, &volume->sbc};

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        map_cache_free(&all[i]->cache);
}

/* File offset of the group a cluster is in. */
static uint64_t group_position(const struct vmfs_resource *resource, uint32_t cluster)
{
    uint64_t group = cluster / resource->clusters_per_group;

    if (resource->groups_per_parent == 0)
        return resource->group_offset + group * resource->group_size;
    return resource->group_offset +
           group / resource->groups_per_parent * resource->parent_group_size +
           resource->parent_headers + group % resource->groups_per_parent * resource->group_size;
}

/* Volume offset of `length` bytes of a resource file, which must lie in one file block. */
static int locate(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t position,
                  uint32_t length, uint64_t *offset)
{
    uint64_t inside = position & (volume->block_size - 1), address = 0;
    int rc;

    if (position + length > resource->inode.fd.length || inside + length > volume->block_size)
        return vmfs_fail(volume, -EUCLEAN, "%s: offset 0x%llx is past its end or across blocks",
                         resource->name, (unsigned long long)position);
    /* .sbc.sf, .fdc.sf and others are mapped by .pb2.sf, and that by nobody: two at most. */
    if (volume->locate_depth >= 2)
        return vmfs_fail(volume, -EUCLEAN, "%s is mapped by itself", resource->name);
    volume->locate_depth++;
    rc = map_block(volume, &resource->cache, &resource->inode, position >> volume->block_shift,
                   &address);
    volume->locate_depth--;
    if (rc != 0)
        return rc;
    if (vmfs_addr_decode(volume->format, address).type != VMFS_ADDR_FB &&
        vmfs_addr_decode(volume->format, address).type != VMFS_ADDR_LFB)
        return vmfs_fail(volume, -EUCLEAN, "%s: hole at offset 0x%llx", resource->name,
                         (unsigned long long)position);
    return map_place(volume, &resource->inode, address, position, offset);
}

int resource_locate_cluster(struct vmfs_volume *volume, struct vmfs_resource *resource,
                            uint32_t number, uint64_t *offset)
{
    uint64_t position;

    if (number >= resource->cluster_count)
        return vmfs_fail(volume, -EUCLEAN, "%s has no cluster %u", resource->name, number);
    position = group_position(resource, number) +
               (uint64_t)(number % resource->clusters_per_group) * volume->cluster_header;
    return locate(volume, resource, position, volume->cluster_header, offset);
}

int resource_locate(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t cluster,
                    uint32_t item, uint64_t *offset)
{
    uint64_t position;

    if (resource->item_size == 0 || cluster >= resource->cluster_count ||
        item >= resource->per_cluster ||
        (uint64_t)cluster * resource->per_cluster + item >= resource->item_count)
        return vmfs_fail(volume, -EUCLEAN, "%s has no item %u.%u", resource->name, cluster, item);
    position = group_position(resource, cluster) + headers_size(volume, resource) +
               ((uint64_t)(cluster % resource->clusters_per_group) * resource->per_cluster + item) *
                   resource->item_size;
    return locate(volume, resource, position, resource->item_size, offset);
}

uint64_t resource_address(const struct vmfs_resource *resource, uint64_t item)
{
    struct vmfs_addr addr = {.type = resource->type,
                             .cluster = (uint32_t)(item / resource->per_cluster),
                             .item = (uint32_t)(item % resource->per_cluster)};

    if (resource->type == VMFS_ADDR_LFB ||
        (resource->type == VMFS_ADDR_FB && resource->format == VMFS_FORMAT_5)) {
        addr.cluster = (uint32_t)item;
        addr.item = 0;
    }
    return vmfs_addr_encode(resource->format, addr);
}

struct vmfs_resource *resource_of_address(struct vmfs_volume *volume, uint64_t address,
                                          uint64_t *item)
{
    struct vmfs_addr addr = vmfs_addr_decode(volume->format, address);
    struct vmfs_resource *resource;

    switch (addr.type) {
    case VMFS_ADDR_FB:
        *item = addr.cluster;
        if (volume->format == VMFS_FORMAT_6)
            *item = addr.item >> (volume->lfb_shift - volume->block_shift) != 0
                        ? UINT64_MAX /* no item of that cluster: the caller finds it out of range */
                        : ((uint64_t)addr.cluster << (volume->lfb_shift - volume->block_shift)) +
                              addr.item;
        return &volume->fbb;
    case VMFS_ADDR_LFB:
        *item = addr.cluster;
        return &volume->lfb;
    case VMFS_ADDR_SB:
        resource = &volume->sbc;
        break;
    case VMFS_ADDR_PB:
        resource = &volume->pbc;
        break;
    case VMFS_ADDR_PB2:
        resource = &volume->pb2;
        break;
    case VMFS_ADDR_FD:
        resource = &volume->fdc;
        break;
    default:
        return NULL;
    }
    if (addr.item >= resource->per_cluster)
        return NULL;
    *item = (uint64_t)addr.cluster * resource->per_cluster + addr.item;
    return resource;
}

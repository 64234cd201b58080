/* SPDX-License-Identifier: MIT */
/* From a file's offset to the volume's: addresses, pointer blocks, reading. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PB_SHIFT 10u /* log2 of VMFS5_PB_ENTRIES */
static_assert(1u << PB_SHIFT == VMFS5_PB_ENTRIES, "layout on disk");

int map_read_pb(struct vmfs_volume *volume, struct vmfs_pb_cache *cache, uint32_t address,
                struct vmfs_pb **out, struct vmfs_pb *scratch)
{
    struct vmfs_addr addr = vmfs_addr_decode(address);
    struct vmfs_pb *pb = scratch;
    uint64_t offset;
    int rc;

    if (addr.type != VMFS_ADDR_PB)
        return vmfs_fail(volume, -EUCLEAN, "0x%08x stands where a pointer block should", address);
    if (cache != NULL) {
        uint32_t slot = (addr.cluster * 16 + addr.item) % VMFS_PB_CACHE_SLOTS;

        if (cache->slots[slot] == NULL)
            cache->slots[slot] = calloc(1, sizeof(*pb));
        if (cache->slots[slot] == NULL)
            return vmfs_fail(volume, -ENOMEM, "out of memory");
        pb = cache->slots[slot];
        *out = pb;
        if (pb->address == address)
            return 0;
    }
    *out = pb;
    pb->address = 0;
    rc = resource_locate(volume, &volume->pbc, addr.cluster, addr.item, &offset);
    if (rc == 0)
        rc = volume_read(volume, offset, pb->entries, sizeof(pb->entries));
    if (rc == 0)
        pb->address = address;
    return rc;
}

void map_cache_free(struct vmfs_pb_cache *cache)
{
    for (unsigned i = 0; i < VMFS_PB_CACHE_SLOTS; i++)
        free(cache->slots[i]);
    memset(cache, 0, sizeof(*cache));
}

int map_block(struct vmfs_volume *volume, struct vmfs_pb_cache *cache,
              const struct vmfs_inode *inode, uint64_t n, uint32_t *address)
{
    unsigned levels = inode->fd.zla == VMFS_ZLA_PB          ? 1
                      : inode->fd.zla == VMFS_ZLA_PB_DOUBLE ? 2
                                                            : 0;
    struct vmfs_pb scratch, *pb;
    uint32_t next;

    if (n >= inode_max_blocks(inode))
        return vmfs_fail(volume, -EINVAL, "descriptor 0x%08x cannot map block %llu",
                         inode->fd.address, (unsigned long long)n);
    next = inode->fd.addresses[n >> PB_SHIFT * levels];
    while (levels > 0 && next != 0) {
        int rc = map_read_pb(volume, cache, next, &pb, &scratch);

        if (rc != 0)
            return rc;
        levels--;
        next = pb->entries[n >> PB_SHIFT * levels & (VMFS5_PB_ENTRIES - 1)];
    }
    *address = next;
    return 0;
}

int map_address(struct vmfs_volume *volume, uint32_t address, uint64_t *offset)
{
    struct vmfs_addr addr = vmfs_addr_decode(address);

    switch (addr.type) {
    case VMFS_ADDR_FB:
        *offset = (uint64_t)addr.cluster << volume->block_shift;
        if (*offset >= volume->size)
            return vmfs_fail(volume, -EUCLEAN, "file block %u is outside the volume", addr.cluster);
        return 0;
    case VMFS_ADDR_SB:
        return resource_locate(volume, &volume->sbc, addr.cluster, addr.item, offset);
    default:
        return vmfs_fail(volume, -EUCLEAN, "0x%08x stands where a data block should", address);
    }
}

/* Visits one address and what lies below it. */
static int walk(struct vmfs_volume *volume, uint32_t address, unsigned levels,
                int (*visit)(void *context, uint32_t address), void *context)
{
    struct vmfs_pb *pb;
    int rc;

    if (address == 0)
        return 0;
    rc = visit(context, address);
    if (rc != 0 || levels == 0)
        return rc;
    pb = malloc(sizeof(*pb));
    if (pb == NULL)
        return vmfs_fail(volume, -ENOMEM, "out of memory");
    rc = map_read_pb(volume, NULL, address, &pb, pb);
    for (uint32_t i = 0; i < VMFS5_PB_ENTRIES && rc == 0; i++)
        rc = walk(volume, pb->entries[i], levels - 1, visit, context);
    free(pb);
    return rc;
}

int map_walk(struct vmfs_volume *volume, const struct vmfs_inode *inode,
             int (*visit)(void *context, uint32_t address), void *context)
{
    unsigned levels = inode->fd.zla == VMFS_ZLA_PB          ? 1
                      : inode->fd.zla == VMFS_ZLA_PB_DOUBLE ? 2
                                                            : 0;
    int rc = 0;

    if (inode->fd.zla == VMFS_ZLA_RESIDENT || inode->fd.type == VMFS_TYPE_RDM)
        return 0;
    for (uint32_t i = 0; i < VMFS5_FD_ADDRESSES && rc == 0; i++)
        rc = walk(volume, inode->fd.addresses[i], levels, visit, context);
    return rc;
}

/* Reads bytes that need not be whole sectors. */
static int read_bytes(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length)
{
    uint8_t sector[BDEV_SECTOR];
    uint32_t head = offset % BDEV_SECTOR;

    while (length > 0) {
        size_t piece;
        int rc;

        if (head == 0 && length >= BDEV_SECTOR) {
            piece = length - length % BDEV_SECTOR;
            rc = volume_read(volume, offset, buffer, piece);
        } else {
            piece = BDEV_SECTOR - head < length ? BDEV_SECTOR - head : length;
            rc = volume_read(volume, offset - head, sector, sizeof(sector));
            memcpy(buffer, sector + head, piece);
        }
        if (rc != 0)
            return rc;
        offset += piece;
        buffer = (char *)buffer + piece;
        length -= piece;
        head = 0;
    }
    return 0;
}

int map_read(struct vmfs_volume *volume, struct vmfs_pb_cache *cache,
             const struct vmfs_inode *inode, uint64_t offset, void *buffer, size_t length)
{
    const struct vmfs_fd *fd = &inode->fd;

    if (offset > fd->length || length > fd->length - offset)
        return vmfs_fail(volume, -EINVAL, "read past the end of descriptor 0x%08x", fd->address);
    if (fd->type == VMFS_TYPE_RDM)
        return vmfs_fail(volume, -ENOTSUP, "descriptor 0x%08x is a raw device mapping",
                         fd->address);
    if (fd->zla == VMFS_ZLA_RESIDENT) {
        memcpy(buffer, fd->resident + offset, length);
        return 0;
    }
    while (length > 0) {
        uint64_t inside = offset & (fd->unit_size - 1), base;
        size_t piece = fd->unit_size - inside < length ? fd->unit_size - inside : length;
        uint32_t address;
        int rc = map_block(volume, cache, inode, offset / fd->unit_size, &address);

        if (rc != 0)
            return rc;
        if (address == 0 || vmfs_addr_decode(address).tbz) {
            memset(buffer, 0, piece);
        } else {
            rc = map_address(volume, address, &base);
            if (rc == 0)
                rc = read_bytes(volume, base + inside, buffer, piece);
        }
        if (rc != 0)
            return rc;
        offset += piece;
        buffer = (char *)buffer + piece;
        length -= piece;
    }
    return 0;
}

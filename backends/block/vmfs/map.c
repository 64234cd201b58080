/* SPDX-License-Identifier: MIT */
/* From a file's offset to the volume's: addresses, pointer blocks, reading. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool addr_is_tbz(const struct vmfs_volume *volume, uint64_t address)
{
    return vmfs_addr_decode(volume->format, address).tbz;
}

static int file_block(struct vmfs_volume *volume, uint64_t address, uint64_t *offset)
{
    uint64_t number;

    resource_of_address(volume, address, &number);
    if (number >= volume->size >> volume->block_shift)
        return vmfs_fail(volume, -EUCLEAN, "file block %llu (0x%llx) is outside the volume",
                         (unsigned long long)number, (unsigned long long)address);
    *offset = number << volume->block_shift;
    return 0;
}

int map_locate_pb(struct vmfs_volume *volume, uint64_t address, uint64_t *offset)
{
    struct vmfs_addr addr = vmfs_addr_decode(volume->format, address);
    uint32_t size = volume->pb_entry << volume->pb_shift;

    switch (addr.type) {
    case VMFS_ADDR_PB:
        return resource_locate(volume, &volume->pbc, addr.cluster, addr.item, offset);
    case VMFS_ADDR_PB2:
        return resource_locate(volume, &volume->pb2, addr.cluster, addr.item, offset);
    case VMFS_ADDR_SB:
        if (volume->format == VMFS_FORMAT_6 && volume->sbc.item_size == size)
            return resource_locate(volume, &volume->sbc, addr.cluster, addr.item, offset);
        break;
    case VMFS_ADDR_FB:
        if (volume->format == VMFS_FORMAT_6)
            return file_block(volume, address, offset);
        break;
    default:
        break;
    }
    return vmfs_fail(volume, -EUCLEAN, "0x%llx stands where a pointer block should",
                     (unsigned long long)address);
}

int map_take_pb(struct vmfs_volume *volume, struct vmfs_pb_cache *cache, uint64_t address,
                struct vmfs_pb **out)
{
    uint32_t slots = volume->format == VMFS_FORMAT_6 ? VMFS6_PB_CACHE_SLOTS : VMFS5_PB_CACHE_SLOTS;
    struct vmfs_addr addr = vmfs_addr_decode(volume->format, address);
    struct vmfs_pb **slot = &cache->slots[(addr.cluster * 16 + addr.item) % slots];

    if (*slot == NULL)
        *slot = calloc(1, sizeof(**slot) + (sizeof(uint64_t) << volume->pb_shift));
    if (*slot == NULL)
        return vmfs_fail(volume, -ENOMEM, "out of memory");
    *out = *slot;
    return 0;
}

int map_read_pb(struct vmfs_volume *volume, struct vmfs_pb_cache *cache, uint64_t address,
                struct vmfs_pb **out)
{
    uint32_t count = 1u << volume->pb_shift;
    uint64_t offset;
    int rc = map_take_pb(volume, cache, address, out);

    if (rc != 0 || (*out)->address == address)
        return rc;
    (*out)->address = 0;
    rc = map_locate_pb(volume, address, &offset);
    if (rc == 0)
        rc = volume_read(volume, offset, (*out)->entries, (size_t)volume->pb_entry * count);
    if (rc != 0)
        return rc;
    /* 32-bit addresses are widened in place, the last first. */
    for (uint32_t i = count; volume->pb_entry == sizeof(uint32_t) && i-- > 0;) {
        uint32_t narrow;

        memcpy(&narrow, (uint8_t *)(*out)->entries + i * sizeof(narrow), sizeof(narrow));
        (*out)->entries[i] = narrow;
    }
    (*out)->address = address;
    return 0;
}

int map_write_pb(struct vmfs_volume *volume, struct vmfs_pb *pb)
{
    uint32_t narrow[VMFS5_PB_ENTRIES];
    const void *bytes = pb->entries;
    uint64_t offset;
    int rc = map_locate_pb(volume, pb->address, &offset);

    if (volume->pb_entry == sizeof(uint32_t)) {
        for (uint32_t i = 0; i < VMFS5_PB_ENTRIES; i++)
            narrow[i] = (uint32_t)pb->entries[i];
        bytes = narrow;
    }
    if (rc == 0)
        rc = volume_write(volume, offset, bytes, (size_t)volume->pb_entry << volume->pb_shift);
    if (rc != 0)
        pb->address = 0;
    return rc;
}

void map_cache_free(struct vmfs_pb_cache *cache)
{
    for (unsigned i = 0; i < VMFS5_PB_CACHE_SLOTS; i++)
        free(cache->slots[i]);
    memset(cache, 0, sizeof(*cache));
}

/* One address out of a pointer block that nobody caches. */
static int peek_pb(struct vmfs_volume *volume, uint64_t address, uint64_t index, uint64_t *entry)
{
    uint8_t sector[BDEV_SECTOR];
    uint64_t at = index * volume->pb_entry, offset;
    int rc = map_locate_pb(volume, address, &offset);

    if (rc == 0)
        rc = volume_read(volume, offset + at / BDEV_SECTOR * BDEV_SECTOR, sector, sizeof(sector));
    *entry = 0;
    if (rc == 0)
        memcpy(entry, sector + at % BDEV_SECTOR, volume->pb_entry);
    return rc;
}

int map_block(struct vmfs_volume *volume, struct vmfs_pb_cache *cache,
              const struct vmfs_inode *inode, uint64_t n, uint64_t *address)
{
    unsigned levels = inode_levels(inode);
    uint64_t next;

    if (n >= inode_max_blocks(volume, inode))
        return vmfs_fail(volume, -EINVAL, "descriptor 0x%08x cannot map block %llu",
                         inode->fd.address, (unsigned long long)n);
    next = inode->addresses[n >> volume->pb_shift * levels];
    while (levels > 0 && next != 0) {
        uint64_t index = n >> volume->pb_shift * --levels & ((1u << volume->pb_shift) - 1);
        struct vmfs_pb *pb;
        int rc;

        if (cache == NULL) {
            rc = peek_pb(volume, next, index, &next);
        } else {
            rc = map_read_pb(volume, cache, next, &pb);
            next = rc == 0 ? pb->entries[index] : 0;
        }
        if (rc != 0)
            return rc;
    }
    *address = next;
    return 0;
}

int map_place(struct vmfs_volume *volume, const struct vmfs_inode *inode, uint64_t address,
              uint64_t offset, uint64_t *place)
{
    struct vmfs_addr addr = vmfs_addr_decode(volume->format, address);
    uint64_t unit = inode->fd.unit_size, base;
    int rc;

    switch (addr.type) {
    case VMFS_ADDR_FB:
        rc = unit > volume->block_size ? -EUCLEAN : file_block(volume, address, &base);
        break;
    case VMFS_ADDR_SB:
        rc = unit > volume->sbc.item_size
                 ? -EUCLEAN
                 : resource_locate(volume, &volume->sbc, addr.cluster, addr.item, &base);
        break;
    case VMFS_ADDR_LFB:
        base = (uint64_t)addr.cluster << volume->lfb_shift;
        unit = 1ull << volume->lfb_shift;
        rc = volume->format != VMFS_FORMAT_6 || base >= volume->size || unit > volume->size - base
                 ? -EUCLEAN
                 : 0;
        break;
    default:
        rc = -EUCLEAN;
    }
    if (rc != 0)
        return vmfs_fail(volume, -EUCLEAN,
                         "descriptor 0x%08x: 0x%llx stands where the data block of offset 0x%llx "
                         "should",
                         inode->fd.address, (unsigned long long)address,
                         (unsigned long long)offset);
    *place = base + (offset & (unit - 1));
    return 0;
}

struct walk {
    struct vmfs_volume *volume;
    int (*visit)(void *context, uint64_t address, unsigned levels, uint64_t n);
    void *context;
};

/* Visits one address and what lies below it. */
static int walk(const struct walk *call, uint64_t address, unsigned levels, uint64_t n)
{
    struct vmfs_pb_cache cache = {0};
    struct vmfs_pb *pb;
    int rc;

    if (address == 0)
        return 0;
    rc = call->visit(call->context, address, levels, n);
    if (rc != 0 || levels == 0)
        return rc;
    rc = map_read_pb(call->volume, &cache, address, &pb);
    levels--;
    for (uint64_t i = 0; i < 1u << call->volume->pb_shift && rc == 0; i++)
        rc = walk(call, pb->entries[i], levels, n + (i << call->volume->pb_shift * levels));
    map_cache_free(&cache);
    return rc;
}

int map_walk(struct vmfs_volume *volume, const struct vmfs_inode *inode,
             int (*visit)(void *context, uint64_t address, unsigned levels, uint64_t n),
             void *context)
{
    const struct walk call = {.volume = volume, .visit = visit, .context = context};
    unsigned levels = inode_levels(inode);
    int rc = 0;

    if (inode->fd.zla == VMFS_ZLA_RESIDENT || inode->fd.type == VMFS_TYPE_RDM)
        return 0;
    for (uint64_t i = 0; i < volume->fd_addresses && rc == 0; i++)
        rc = walk(&call, inode->addresses[i], levels, i << volume->pb_shift * levels);
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
        memcpy(buffer, inode->data + offset, length);
        return 0;
    }
    while (length > 0) {
        uint64_t inside = offset & (fd->unit_size - 1), address, place;
        size_t piece = fd->unit_size - inside < length ? fd->unit_size - inside : length;
        int rc = map_block(volume, cache, inode, offset / fd->unit_size, &address);

        if (rc != 0)
            return rc;
        if (address == 0 || addr_is_tbz(volume, address)) {
            memset(buffer, 0, piece);
        } else {
            rc = map_place(volume, inode, address, offset, &place);
            if (rc == 0)
                rc = read_bytes(volume, place, buffer, piece);
        }
        if (rc != 0)
            return rc;
        offset += piece;
        buffer = (char *)buffer + piece;
        length -= piece;
    }
    return 0;
}

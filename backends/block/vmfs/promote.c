/* SPDX-License-Identifier: MIT */
/*
 * Giving a growing file a mapping that holds more: from sub-blocks to a file block, from file
 * blocks named by the descriptor to a pointer block, from pointer blocks to one above them.
 *
 * The new block is complete on disk first. Then the one sector with the first addresses is written:
 * an address of the next kind there, or the same pointer block named twice, means that the new
 * mapping counts, whatever the rest of the descriptor still says, so a cut at any point leaves
 * either mapping whole. inode_settle() reads it that way. inode_complete() then writes the rest,
 * and that sector without its mark last.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_pointer_block(const struct vmfs_volume *volume, enum vmfs_addr_type type)
{
    return type == VMFS_ADDR_PB2 ||
           type == (volume->format == VMFS_FORMAT_6 ? VMFS_ADDR_SB : VMFS_ADDR_PB);
}

static void keep_first(struct vmfs_inode *inode, uint64_t first)
{
    memset(inode->addresses, 0, sizeof(inode->addresses));
    inode->addresses[0] = first;
}

void inode_settle(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    uint64_t first = inode->addresses[0];
    enum vmfs_addr_type type = vmfs_addr_decode(volume->format, first).type;

    if (!volume->ours || first == 0)
        return;
    if (inode->fd.zla == VMFS_ZLA_SB && type == VMFS_ADDR_FB) {
        inode_set_unit(volume, inode, VMFS_ZLA_FB);
    } else if (inode->fd.zla == VMFS_ZLA_FB && is_pointer_block(volume, type)) {
        inode->fd.zla = type == VMFS_ADDR_PB2 ? VMFS_ZLA_PB2 : VMFS_ZLA_PB;
        inode->fd.pb_count = 1;
    } else if (inode->fd.zla == VMFS_ZLA_PB && inode->addresses[1] == first) {
        inode->fd.zla = VMFS_ZLA_PB_DOUBLE;
        inode->fd.pb_count++;
    } else if (inode->fd.zla != VMFS_ZLA_PB_DOUBLE || inode->addresses[1] != first) {
        return;
    }
    keep_first(inode, first);
    inode->settled = true;
}

/* Offset in the descriptor of its addresses. */
static uint32_t addresses_at(const struct vmfs_volume *volume)
{
    return volume->md + BDEV_SECTOR + (volume->format == VMFS_FORMAT_6 ? VMFS6_ADDRESSES_AT : 0);
}

int inode_complete(struct vmfs_volume *volume, struct vmfs_inode *inode, const uint8_t *raw)
{
    uint32_t first = addresses_at(volume), rest = first + BDEV_SECTOR;
    int rc = volume_write(volume, inode->offset + rest, raw + rest, volume->fd_size - rest);

    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = volume_write(volume, inode->offset, raw, first);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = volume_write(volume, inode->offset + first, raw + first, BDEV_SECTOR);
    inode->settled = inode->settled && rc != 0;
    return rc;
}

/* Makes the new first address count: the sector it lies in, alone. */
static int switch_over(struct vmfs_file *file, uint64_t first)
{
    struct vmfs_volume *volume = file->volume;
    uint64_t at = file->inode.offset + addresses_at(volume);
    union {
        uint32_t narrow[BDEV_SECTOR / sizeof(uint32_t)];
        uint64_t wide[BDEV_SECTOR / sizeof(uint64_t)];
    } sector = {0};
    bool twice = file->inode.fd.zla == VMFS_ZLA_PB;
    int rc;

    if (volume->format == VMFS_FORMAT_6) {
        sector.wide[0] = first;
        sector.wide[1] = twice ? first : 0;
    } else {
        sector.narrow[0] = (uint32_t)first;
        sector.narrow[1] = twice ? (uint32_t)first : 0;
    }
    rc = volume_write(volume, at, &sector, sizeof(sector));
    if (rc == 0)
        rc = vmfs_flush(volume);
    keep_first(&file->inode, first);
    file->inode.settled = true;
    return rc;
}

/* Copies what the sub-blocks hold into the file block, whose rest is zeroed. */
static int fill_from_sub_blocks(struct vmfs_file *file, uint64_t address)
{
    struct vmfs_volume *volume = file->volume;
    uint64_t length = file->inode.fd.length, rounded, place;
    struct vmfs_inode target = file->inode;
    uint8_t *bytes;
    int rc;

    inode_set_unit(volume, &target, VMFS_ZLA_FB);
    rounded = (length + BDEV_SECTOR - 1) / BDEV_SECTOR * BDEV_SECTOR;
    bytes = calloc(1, rounded + 1);
    if (bytes == NULL)
        return vmfs_fail(volume, -ENOMEM, "out of memory");
    rc = map_read(volume, NULL, &file->inode, 0, bytes, length);
    if (rc == 0)
        rc = map_place(volume, &target, address, 0, &place);
    if (rc == 0 && rounded > 0)
        rc = volume_write(volume, place, bytes, rounded);
    if (rc == 0)
        rc = volume_zero(volume, place + rounded, volume->block_size - rounded);
    free(bytes);
    return rc;
}

/* One file block instead of sub-blocks, which hold no more than that. */
static int to_file_block(struct vmfs_file *file)
{
    struct vmfs_volume *volume = file->volume;
    struct vmfs_inode old = file->inode;
    uint64_t item, address;
    uint32_t got;
    int rc;

    file->created_count = 0;
    if (old.fd.block_count == 0) {
        inode_set_unit(volume, &file->inode, VMFS_ZLA_FB);
        return file_failed(file, inode_write(volume, &file->inode));
    }
    rc = resource_alloc(volume, &volume->fbb, 1, &item, &got, NULL);
    if (rc != 0)
        return rc;
    address = resource_address(&volume->fbb, item);
    rc = fill_from_sub_blocks(file, address);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc != 0) {
        resource_free(volume, &volume->fbb, item, 1);
        return rc;
    }
    rc = switch_over(file, address);
    inode_set_unit(volume, &file->inode, VMFS_ZLA_FB);
    file->inode.fd.block_count = file->inode.fd.new_count = 1;
    if (rc == 0)
        rc = inode_write(volume, &file->inode);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc != 0) {
        file_failed(file, rc);
        file_give_back(file, 0, &address, NULL, 1);
        /* The new mapping may count all the same. */
        if (!file->stale && file->inode.addresses[0] == address)
            inode_free_blocks(volume, &old);
        return rc;
    }
    return inode_free_blocks(volume, &old);
}

static bool names_anything(const struct vmfs_volume *volume, const struct vmfs_inode *inode)
{
    for (uint32_t i = 0; i < volume->fd_addresses; i++) {
        if (inode->addresses[i] != 0)
            return true;
    }
    return false;
}

/* A pointer block that names what the descriptor named. */
static int add_level(struct vmfs_file *file)
{
    enum vmfs_zla zla = file->inode.fd.zla == VMFS_ZLA_PB         ? VMFS_ZLA_PB_DOUBLE
                        : file->inode.fd.type == VMFS_TYPE_SYSTEM ? VMFS_ZLA_PB2
                                                                  : VMFS_ZLA_PB;
    struct vmfs_volume *volume = file->volume;
    struct vmfs_pb *pb;
    int rc = 0;

    file->created_count = 0;
    if (names_anything(volume, &file->inode)) {
        rc = pb_create(file, 0, &pb);
        if (rc == 0)
            memcpy(pb->entries, file->inode.addresses, volume->fd_addresses * sizeof(uint64_t));
        if (rc == 0)
            rc = map_write_pb(volume, pb);
        if (rc == 0)
            rc = vmfs_flush(volume);
        if (rc == 0)
            rc = switch_over(file, pb->address);
    }
    file->inode.fd.zla = zla;
    if (rc == 0)
        rc = inode_write(volume, &file->inode);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc != 0) {
        file_failed(file, rc);
        file_give_back(file, 0, NULL, NULL, 0);
    }
    file->created_count = 0;
    return rc;
}

/* Files of more than one sub-block are made of file blocks. */
static bool outgrows(const struct vmfs_file *file, uint64_t length)
{
    const struct vmfs_inode *inode = &file->inode;

    return length > inode_max_blocks(file->volume, inode) * inode->fd.unit_size ||
           (inode->fd.zla == VMFS_ZLA_SB && length > inode->fd.unit_size &&
            inode->fd.length <= file->volume->block_size);
}

int inode_promote(struct vmfs_file *file, uint64_t length)
{
    struct vmfs_volume *volume = file->volume;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    while (rc == 0 && outgrows(file, length)) {
        if (file->inode.fd.zla == VMFS_ZLA_SB && file->inode.fd.length <= volume->block_size)
            rc = to_file_block(file);
        else if (file->inode.fd.zla == VMFS_ZLA_FB || file->inode.fd.zla == VMFS_ZLA_PB)
            rc = add_level(file);
        else
            rc = vmfs_fail(volume, -EFBIG,
                           "mapping 0x%x of descriptor 0x%08x ends at %llu bytes: make a larger "
                           "file and copy",
                           file->inode.fd.zla, file->inode.fd.address,
                           (unsigned long long)(inode_max_blocks(volume, &file->inode) *
                                                file->inode.fd.unit_size));
    }
    vmfs_end(volume);
    return rc;
}

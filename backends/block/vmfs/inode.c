/* SPDX-License-Identifier: MIT */
/* File descriptors: finding, checking, writing, creating and destroying them. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The system descriptors lie in cluster 0, whose place follows from the superblock alone. */
static uint64_t system_fd_offset(const struct vmfs_volume *volume, uint32_t address, uint32_t item)
{
    const struct vmfs_superblock *super = &volume->super;

    /* Volumes upgraded from VMFS-3 have these two elsewhere. */
    if ((super->flags & VMFS_FLAG_DENSE_SB) == 0 && address == super->pb2_fd_address)
        return super->pb2_fd_offset;
    if ((super->flags & VMFS_FLAG_DENSE_SB) == 0 && address == super->sdd_fd_address)
        return super->sdd_fd_offset;
    return volume->fdc_start + super->fdc_group_offset +
           (uint64_t)super->fdc_clusters_per_group * volume->cluster_header +
           (uint64_t)item * volume->fd_size;
}

static int locate(struct vmfs_volume *volume, uint32_t address, uint64_t *offset)
{
    struct vmfs_addr addr = vmfs_addr_decode(volume->format, address);

    if (addr.type != VMFS_ADDR_FD)
        return vmfs_fail(volume, -EUCLEAN, "0x%08x is not a file descriptor's address", address);
    if (volume->fdc.item_count == 0) {
        *offset = system_fd_offset(volume, address, addr.item);
        return 0;
    }
    return resource_locate(volume, &volume->fdc, addr.cluster, addr.item, offset);
}

static int check_mapping(struct vmfs_volume *volume, const struct vmfs_inode *inode)
{
    const struct vmfs_fd *fd = &inode->fd;
    uint64_t unit = fd->unit_size;

    if (fd->zla == VMFS_ZLA_RESIDENT) {
        if (fd->length > volume->resident_max)
            return vmfs_fail(volume, -EUCLEAN, "descriptor 0x%08x: %llu resident bytes",
                             fd->address, (unsigned long long)fd->length);
        return 0;
    }
    if (fd->type == VMFS_TYPE_RDM)
        return 0;
    if (fd->zla != VMFS_ZLA_FB && fd->zla != VMFS_ZLA_SB && fd->zla != VMFS_ZLA_PB &&
        fd->zla != VMFS_ZLA_PB2 && fd->zla != VMFS_ZLA_PB_DOUBLE)
        return vmfs_fail(volume, -EUCLEAN, "descriptor 0x%08x: unknown mapping 0x%x", fd->address,
                         fd->zla);
    if (unit < BDEV_SECTOR || unit > 512u << 20 || (unit & (unit - 1)) != 0)
        return vmfs_fail(volume, -EUCLEAN, "descriptor 0x%08x: blocks of %llu bytes", fd->address,
                         (unsigned long long)unit);
    /* Neither side wraps: 2^40 blocks of 2^29 bytes would, what descriptors map does not. */
    if ((fd->length + unit - 1) / unit > inode_max_blocks(volume, inode) ||
        fd->length > UINT64_MAX - unit)
        return vmfs_fail(volume, -EUCLEAN,
                         "descriptor 0x%08x: length %llu is past what mapping "
                         "0x%x can hold",
                         fd->address, (unsigned long long)fd->length, fd->zla);
    return 0;
}

static int check(struct vmfs_volume *volume, const struct vmfs_inode *inode, uint32_t address)
{
    const struct vmfs_fd *fd = &inode->fd;
    bool in_place = fd->lock.type == VMFS_LOCK_FD && fd->lock.address == inode->offset;

    if (in_place && fd->link_count == 0)
        return vmfs_fail(volume, -ENOENT, "descriptor 0x%08x is not in use", address);
    if (!in_place || fd->address != address)
        return vmfs_fail(volume, -EUCLEAN,
                         "descriptor 0x%08x at 0x%llx is not what it should be (type 0x%x, own "
                         "address 0x%llx, id 0x%08x)",
                         address, (unsigned long long)inode->offset, fd->lock.type,
                         (unsigned long long)fd->lock.address, fd->address);
    if (volume->format == VMFS_FORMAT_6 && fd->signature != VMFS6_SIG_FD)
        return vmfs_fail(volume, -EUCLEAN, "descriptor 0x%08x at 0x%llx has signature 0x%x",
                         address, (unsigned long long)inode->offset, fd->signature);
    return check_mapping(volume, inode);
}

/* Whether the data area holds bytes, not addresses. */
static bool holds_data(const struct vmfs_fd *fd)
{
    return fd->zla == VMFS_ZLA_RESIDENT || fd->type == VMFS_TYPE_RDM;
}

static void unpack(const struct vmfs_volume *volume, const uint8_t *raw, struct vmfs_inode *out)
{
    struct vmfs_fd *fd = &out->fd;
    const uint32_t *narrow = (const uint32_t *)(raw + 2 * VMFS_LOCK_SIZE);

    memcpy(fd, raw, VMFS_LOCK_SIZE);
    memcpy((uint8_t *)fd + VMFS_LOCK_SIZE, raw + volume->md, sizeof(*fd) - VMFS_LOCK_SIZE);
    /* Older descriptors leave the shift to be found from the size. */
    if (fd->unit_shift == 0 && fd->unit_size != 0)
        fd->unit_shift = (uint8_t)__builtin_ctzll(fd->unit_size);
    memset(out->data, 0, sizeof(out->data));
    if (volume->format == VMFS_FORMAT_6)
        memcpy(out->data, raw + volume->md + BDEV_SECTOR, VMFS6_RESIDENT_MAX);
    else if (holds_data(fd))
        memcpy(out->data, narrow, VMFS5_RESIDENT_MAX);
    for (unsigned i = 0; i < VMFS5_FD_ADDRESSES; i++) {
        if (volume->format != VMFS_FORMAT_6 && !holds_data(fd))
            out->addresses[i] = narrow[i];
    }
}

static void pack(const struct vmfs_volume *volume, const struct vmfs_inode *inode, uint8_t *raw)
{
    const struct vmfs_fd *fd = &inode->fd;
    uint32_t *narrow = (uint32_t *)(raw + 2 * VMFS_LOCK_SIZE);

    memset(raw, 0, volume->fd_size);
    memcpy(raw, fd, VMFS_LOCK_SIZE);
    memcpy(raw + volume->md, (const uint8_t *)fd + VMFS_LOCK_SIZE, sizeof(*fd) - VMFS_LOCK_SIZE);
    if (volume->format == VMFS_FORMAT_6)
        memcpy(raw + volume->md + BDEV_SECTOR, inode->data, VMFS6_RESIDENT_MAX);
    else if (holds_data(fd))
        memcpy(narrow, inode->data, VMFS5_RESIDENT_MAX);
    for (unsigned i = 0; i < VMFS5_FD_ADDRESSES; i++) {
        if (volume->format != VMFS_FORMAT_6 && !holds_data(fd))
            narrow[i] = (uint32_t)inode->addresses[i];
    }
}

int inode_read(struct vmfs_volume *volume, uint32_t address, struct vmfs_inode *out)
{
    _Alignas(8) uint8_t raw[2 * VMFS6_MD];
    int rc = locate(volume, address, &out->offset);

    if (rc == 0)
        rc = volume_read(volume, out->offset, raw, volume->fd_size);
    if (rc != 0)
        return rc;
    out->settled = false;
    unpack(volume, raw, out);
    if (!holds_data(&out->fd))
        inode_settle(volume, out);
    return check(volume, out, address);
}

int inode_read_again(struct vmfs_volume *volume, const struct vmfs_inode *before,
                     struct vmfs_inode *out)
{
    const uint32_t address = before->fd.address, generation = before->fd.generation;
    int rc = inode_read(volume, address, out);

    if (rc == 0 && out->fd.generation != generation)
        rc = vmfs_fail(volume, -ENOENT,
                       "descriptor 0x%08x was removed, and is another file's by now", address);
    return rc;
}

int inode_write(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    _Alignas(8) uint8_t raw[2 * VMFS6_MD];

    pack(volume, inode, raw);
    if (inode->settled)
        return inode_complete(volume, inode, raw);
    return volume_write(volume, inode->offset, raw, volume->fd_size);
}

unsigned inode_levels(const struct vmfs_inode *inode)
{
    switch (inode->fd.zla) {
    case VMFS_ZLA_PB:
    case VMFS_ZLA_PB2:
        return 1;
    case VMFS_ZLA_PB_DOUBLE:
        return 2;
    default:
        return 0;
    }
}

uint64_t inode_max_blocks(const struct vmfs_volume *volume, const struct vmfs_inode *inode)
{
    if (inode->fd.zla == VMFS_ZLA_RESIDENT)
        return 0;
    return (uint64_t)volume->fd_addresses << volume->pb_shift * inode_levels(inode);
}

void inode_set_unit(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_zla zla)
{
    uint32_t unit = zla == VMFS_ZLA_SB ? volume->sbc.item_size : volume->block_size;

    inode->fd.zla = zla;
    inode->fd.unit_size = unit;
    inode->fd.unit_shift = (uint8_t)__builtin_ctz(unit);
    inode->fd.tbz_shift = inode->fd.unit_shift;
}

int inode_create(struct vmfs_volume *volume, enum vmfs_file_type type, uint32_t parent,
                 struct vmfs_inode *out)
{
    uint32_t got, generation, now = (uint32_t)time(NULL);
    struct vmfs_fd *fd = &out->fd;
    uint64_t item;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    rc = resource_alloc(volume, &volume->fdc, 1, &item, &got, &generation);
    if (rc == 0)
        rc = resource_locate(volume, &volume->fdc, (uint32_t)(item / volume->fdc.per_cluster),
                             (uint32_t)(item % volume->fdc.per_cluster), &out->offset);
    if (rc != 0) {
        vmfs_end(volume);
        return rc;
    }
    out->settled = false;
    memset(fd, 0, sizeof(*fd));
    memset(out->data, 0, sizeof(out->data));
    fd->lock.type = VMFS_LOCK_FD;
    fd->lock.address = out->offset;
    fd->address = (uint32_t)resource_address(&volume->fdc, item);
    fd->generation = generation;
    fd->link_count = type == VMFS_TYPE_DIRECTORY ? 2 : 1;
    fd->type = type;
    fd->mtime_s = fd->ctime_s = fd->atime_s = now;
    fd->mode = type == VMFS_TYPE_DIRECTORY ? 0755 : 0600;
    if (volume->format == VMFS_FORMAT_6) {
        fd->signature = VMFS6_SIG_FD;
        fd->parent_fd = parent;
        fd->affinity_fd = parent;
    }
    inode_set_unit(volume, out, VMFS_ZLA_SB);
    rc = lock_take(volume, &fd->lock, VMFS_LOCK_EXCLUSIVE);
    if (rc == 0)
        rc = inode_write(volume, out);
    if (rc != 0)
        inode_destroy(volume, out);
    vmfs_end(volume);
    return rc;
}

int inode_set_links(struct vmfs_volume *volume, struct vmfs_inode *inode, uint32_t links)
{
    int rc;

    if (inode->fd.type == VMFS_TYPE_DIRECTORY)
        return 0;
    inode->fd.link_count = links;
    rc = inode_write(volume, inode);
    return rc != 0 ? rc : vmfs_flush(volume);
}

int inode_lock(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_lock_mode mode)
{
    struct vmfs_inode now;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    /* Somebody else may have changed it since it was read. */
    rc = inode_read_again(volume, inode, &now);
    if (rc == 0)
        rc = lock_acquire(volume, &now.fd.lock, mode, false);
    if (rc == 0) {
        struct vmfs_lock lock = now.fd.lock;

        if (volume->shared)
            rc = inode_read_again(volume, inode, &now);
        if (rc == 0)
            rc = vmfs_flush(volume);
        if (rc != 0)
            lock_give_up(volume, &lock);
    }
    if (rc == 0)
        *inode = now;
    vmfs_end(volume);
    return rc;
}

int inode_unlock(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    struct vmfs_lock lock;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    lock = inode->fd.lock;
    rc = lock_release(volume, &lock);
    inode->fd.lock = lock;
    vmfs_end(volume);
    return rc;
}

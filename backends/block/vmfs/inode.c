/* SPDX-License-Identifier: MIT */
/* File descriptors: finding, checking, writing, creating and destroying them. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The system descriptors lie in cluster 0, whose place follows from the superblock alone. */
static uint64_t system_fd_offset(const struct vmfs_volume *volume, uint32_t item)
{
    return volume->fdc_start + volume->super.fdc_group_offset +
           (uint64_t)volume->super.fdc_clusters_per_group * VMFS5_CLUSTER_HEADER +
           (uint64_t)item * VMFS5_FD_SIZE;
}

static int locate(struct vmfs_volume *volume, uint32_t address, uint64_t *offset)
{
    struct vmfs_addr addr = vmfs_addr_decode(address);

    if (addr.type != VMFS_ADDR_FD)
        return vmfs_fail(volume, -EUCLEAN, "0x%08x is not a file descriptor's address", address);
    if (volume->fdc.item_count == 0) {
        *offset = system_fd_offset(volume, addr.item);
        return 0;
    }
    return resource_locate(volume, &volume->fdc, addr.cluster, addr.item, offset);
}

static int check(struct vmfs_volume *volume, const struct vmfs_inode *inode, uint32_t address)
{
    const struct vmfs_fd *fd = &inode->fd;
    uint64_t unit = fd->unit_size;
    bool in_place = fd->lock.type == VMFS_LOCK_FD && fd->lock.address == inode->offset;

    if (in_place && fd->link_count == 0)
        return vmfs_fail(volume, -ENOENT, "descriptor 0x%08x is not in use", address);
    if (!in_place || fd->address != address)
        return vmfs_fail(volume, -EUCLEAN,
                         "descriptor 0x%08x at 0x%llx is not what it should be (type 0x%x, own "
                         "address 0x%llx, id 0x%08x)",
                         address, (unsigned long long)inode->offset, fd->lock.type,
                         (unsigned long long)fd->lock.address, fd->address);
    if (fd->zla == VMFS_ZLA_RESIDENT) {
        if (fd->length > VMFS5_RESIDENT_MAX)
            return vmfs_fail(volume, -EUCLEAN, "descriptor 0x%08x: %llu resident bytes", address,
                             (unsigned long long)fd->length);
        return 0;
    }
    if (fd->type == VMFS_TYPE_RDM)
        return 0;
    if (fd->zla != VMFS_ZLA_FB && fd->zla != VMFS_ZLA_SB && fd->zla != VMFS_ZLA_PB &&
        fd->zla != VMFS_ZLA_PB_DOUBLE)
        return vmfs_fail(volume, -EUCLEAN, "descriptor 0x%08x: unknown mapping 0x%x", address,
                         fd->zla);
    if (unit < BDEV_SECTOR || unit > 8u << 20 || (unit & (unit - 1)) != 0)
        return vmfs_fail(volume, -EUCLEAN, "descriptor 0x%08x: blocks of %llu bytes", address,
                         (unsigned long long)unit);
    if (fd->length > inode_max_blocks(inode) * unit)
        return vmfs_fail(volume, -EUCLEAN,
                         "descriptor 0x%08x: length %llu is past what mapping "
                         "0x%x can hold",
                         address, (unsigned long long)fd->length, fd->zla);
    return 0;
}

int inode_read(struct vmfs_volume *volume, uint32_t address, struct vmfs_inode *out)
{
    int rc = locate(volume, address, &out->offset);

    if (rc == 0)
        rc = volume_read(volume, out->offset, &out->fd, sizeof(out->fd));
    return rc != 0 ? rc : check(volume, out, address);
}

int inode_write(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    return volume_write(volume, inode->offset, &inode->fd, sizeof(inode->fd));
}

uint64_t inode_max_blocks(const struct vmfs_inode *inode)
{
    uint64_t direct = VMFS5_FD_ADDRESSES;

    switch (inode->fd.zla) {
    case VMFS_ZLA_PB:
        return direct * VMFS5_PB_ENTRIES;
    case VMFS_ZLA_PB_DOUBLE:
        return direct * VMFS5_PB_ENTRIES * VMFS5_PB_ENTRIES;
    case VMFS_ZLA_RESIDENT:
        return 0;
    default:
        return direct;
    }
}

void inode_set_unit(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_zla zla)
{
    uint32_t unit = zla == VMFS_ZLA_SB ? volume->sbc.item_size : volume->block_size;

    inode->fd.zla = zla;
    inode->fd.unit_size = unit;
    inode->fd.unit_shift = (uint8_t)__builtin_ctz(unit);
    inode->fd.tbz_shift = inode->fd.unit_shift;
}

int inode_create(struct vmfs_volume *volume, enum vmfs_file_type type, struct vmfs_inode *out)
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
    memset(fd, 0, sizeof(*fd));
    fd->lock.type = VMFS_LOCK_FD;
    fd->lock.address = out->offset;
    fd->address = resource_address(&volume->fdc, item);
    fd->generation = generation;
    fd->link_count = type == VMFS_TYPE_DIRECTORY ? 2 : 1;
    fd->type = type;
    fd->mtime_s = fd->ctime_s = fd->atime_s = now;
    fd->mode = type == VMFS_TYPE_DIRECTORY ? 0755 : 0600;
    inode_set_unit(volume, out, VMFS_ZLA_SB);
    rc = lock_take(volume, &fd->lock, VMFS_LOCK_EXCLUSIVE);
    if (rc == 0)
        rc = inode_write(volume, out);
    vmfs_end(volume);
    return rc;
}

int inode_lock(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_lock_mode mode)
{
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    /* Somebody else may have changed it since it was read. */
    rc = inode_read(volume, inode->fd.address, inode);
    if (rc == 0)
        rc = lock_acquire(volume, &inode->fd.lock, mode, false);
    if (rc == 0 && volume->shared)
        rc = inode_read(volume, inode->fd.address, inode);
    if (rc == 0)
        rc = vmfs_flush(volume);
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

/* Collects addresses into runs so that one cluster write frees many blocks. */
struct freeing {
    struct vmfs_volume *volume;
    struct vmfs_resource *resource;
    uint64_t first;
    uint32_t count;
};

static int freeing_flush(struct freeing *run)
{
    int rc =
        run->count == 0 ? 0 : resource_free(run->volume, run->resource, run->first, run->count);

    run->count = 0;
    return rc;
}

static int freeing_add(void *context, uint32_t address)
{
    struct freeing *run = context;
    struct vmfs_resource *resource;
    uint64_t item;
    int rc = 0;

    resource = resource_of_address(run->volume, address, &item);
    if (resource == NULL)
        return 0;
    if (run->count > 0 && (resource != run->resource || item != run->first + run->count))
        rc = freeing_flush(run);
    if (rc != 0)
        return rc;
    if (run->count == 0) {
        run->resource = resource;
        run->first = item;
    }
    run->count++;
    return 0;
}

int inode_destroy(struct vmfs_volume *volume, struct vmfs_inode *inode)
{
    struct freeing run = {.volume = volume};
    struct vmfs_inode gone = *inode;
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    /* The descriptor dies first: a crash leaves used bits without owner, never a shared block. */
    gone.fd.link_count = 0;
    lock_drop(volume, &gone.fd.lock);
    rc = inode_write(volume, &gone);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc == 0)
        rc = map_walk(volume, inode, freeing_add, &run);
    if (rc == 0)
        rc = freeing_flush(&run);
    if (rc == 0)
        rc = freeing_add(&run, inode->fd.address);
    if (rc == 0)
        rc = freeing_flush(&run);
    vmfs_end(volume);
    return rc;
}

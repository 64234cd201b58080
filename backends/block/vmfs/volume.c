/* SPDX-License-Identifier: MIT */
/* Opening and closing a volume, its errors and its metadata transactions. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int vmfs_fail(struct vmfs_volume *volume, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(volume->error, sizeof(volume->error), format, arguments);
    va_end(arguments);
    return code;
}

const char *vmfs_error(const struct vmfs_volume *volume)
{
    return volume->error;
}

static int read_superblock(struct vmfs_volume *volume)
{
    struct vmfs_uuid lvm_uuid = volume->super.volume_uuid;
    struct vmfs_superblock *super = &volume->super;
    int rc = volume_read(volume, VMFS_SUPERBLOCK_OFFSET, super, sizeof(*super));

    if (rc != 0)
        return rc;
    if (super->magic != VMFS_MAGIC)
        return vmfs_fail(volume, -EUCLEAN, "superblock at 0x%x has magic 0x%x, not 0x%x",
                         VMFS_SUPERBLOCK_OFFSET, super->magic, VMFS_MAGIC);
    if (super->major != VMFS5_MAJOR)
        return vmfs_fail(volume, -ENOTSUP, "file system version %u.%u; only VMFS-5 is supported",
                         super->major, super->minor);
    if (memcmp(&lvm_uuid, &super->volume_uuid, sizeof(lvm_uuid)) != 0)
        return vmfs_fail(volume, -EUCLEAN, "superblock belongs to another logical volume");
    if (super->block_size < 1u << 20 || super->block_size > 8u << 20 ||
        (super->block_size & (super->block_size - 1)) != 0)
        return vmfs_fail(volume, -EUCLEAN, "superblock: block size %llu is not 1, 2, 4 or 8 MiB",
                         (unsigned long long)super->block_size);
    if (super->fdc_group_offset % BDEV_SECTOR != 0 || super->fdc_clusters_per_group == 0 ||
        super->fdc_clusters_per_group > 0xFFFF)
        return vmfs_fail(volume, -EUCLEAN, "superblock: geometry of .fdc.sf is impossible");
    volume->block_size = (uint32_t)super->block_size;
    volume->block_shift = (uint32_t)__builtin_ctz(volume->block_size);
    volume->fdc_start = volume->block_size > 4u << 20 ? volume->block_size : 4u << 20;
    return 0;
}

static int load_resources(struct vmfs_volume *volume)
{
    const struct {
        struct vmfs_resource *resource;
        const char *name;
        uint32_t address, lock_type;
        enum vmfs_addr_type type;
    } files[] = {
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
        rc = inode_read(volume, files[i].address, &resource->inode);
        if (rc == 0)
            rc = resource_load(volume, resource);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void host_set(struct vmfs_volume *volume, const struct vmfs_host *host)
{
    static const uint8_t none[sizeof(host->uuid)];

    _Static_assert(sizeof(host->uuid) == sizeof(volume->host), "a UUID");
    volume->options = *host;
    volume->lease_us = (host->lease_ms == 0 ? VMFS_LEASE_MS : host->lease_ms) * UINT64_C(1000);
    volume->retire_us = host->retire_ms == 0 ? volume->lease_us / 8 : host->retire_ms * 1000u;
    if (memcmp(host->uuid, none, sizeof(none)) == 0)
        uuid_of_host(&volume->host);
    else
        memcpy(&volume->host, host->uuid, sizeof(volume->host));
}

static bool devices_are_shared(const struct vmfs_volume *volume)
{
    for (unsigned i = 0; i < volume->device_count; i++) {
        if (volume->devices[i]->ops->compare_and_write == NULL)
            return false;
    }
    return volume->device_count > 0;
}

int vmfs_open(struct bdev *const *devices, unsigned count, unsigned flags, struct vmfs_volume **out,
              char error[VMFS_ERROR_MAX])
{
    const struct vmfs_host usual = {0};

    return vmfs_open_as(devices, count, flags, &usual, out, error);
}

bool vmfs_is_shared(const struct vmfs_volume *volume)
{
    return volume->shared;
}

int vmfs_open_as(struct bdev *const *devices, unsigned count, unsigned flags,
                 const struct vmfs_host *host, struct vmfs_volume **out, char error[VMFS_ERROR_MAX])
{
    struct vmfs_volume *volume = calloc(1, sizeof(*volume));
    int rc;

    if (volume == NULL) {
        snprintf(error, VMFS_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    volume->writable = (flags & VMFS_OPEN_WRITE) != 0;
    host_set(volume, host);
    rc = lvm_assemble(volume, devices, count);
    if (rc == 0)
        rc = read_superblock(volume);
    if (rc == 0)
        rc = load_resources(volume);
    volume->shared = rc == 0 && devices_are_shared(volume);
    if (rc == 0 && volume->writable)
        rc = slot_acquire(volume, flags);
    if (rc != 0) {
        snprintf(error, VMFS_ERROR_MAX, "%s", volume->error);
        slot_release(volume);
        free(volume->segments);
        free(volume);
        return rc;
    }
    *out = volume;
    return 0;
}

void vmfs_close(struct vmfs_volume *volume)
{
    if (volume == NULL)
        return;
    slot_release(volume);
    free(volume->segments);
    free(volume);
}

bool vmfs_is_writable(const struct vmfs_volume *volume)
{
    return volume->writable;
}

int vmfs_heartbeat(struct vmfs_volume *volume)
{
    return volume->slot_address == 0 ? 0 : slot_beat(volume);
}

int vmfs_begin(struct vmfs_volume *volume)
{
    uint64_t length = BDEV_SECTOR, offset;
    struct bdev *dev;
    int rc;

    if (!volume->writable)
        return vmfs_fail(volume, -EROFS, "the volume is open read-only");
    if (volume->transaction_depth > 0) {
        volume->transaction_depth++;
        return 0;
    }
    rc = slot_beat(volume);
    if (rc == 0 && volume->shared) {
        /* The locks on disk keep out processes of this host as well as other hosts. */
        volume->transaction_depth = 1;
        return 0;
    }
    if (rc == 0)
        rc = lvm_map(volume, VMFS_SUPERBLOCK_OFFSET, &length, &dev, &offset);
    if (rc != 0)
        return rc;
    rc = bdev_lock(dev, offset, length, true);
    if (rc != 0)
        return vmfs_fail(volume, rc, "cannot take the host lock: %s", strerror(-rc));
    volume->transaction_depth = 1;
    return 0;
}

void vmfs_end(struct vmfs_volume *volume)
{
    uint64_t length = BDEV_SECTOR, offset;
    struct bdev *dev;

    if (--volume->transaction_depth > 0 || volume->shared)
        return;
    if (lvm_map(volume, VMFS_SUPERBLOCK_OFFSET, &length, &dev, &offset) == 0)
        bdev_unlock(dev, offset, length);
}

int vmfs_probe(struct bdev *dev, struct vmfs_probe *out)
{
    uint64_t super_offset = LVM_DATA_OFFSET + VMFS_SUPERBLOCK_OFFSET;
    struct lvm_volume entry;
    union {
        struct lvm_header header;
        struct vmfs_superblock super;
        uint8_t sector[512];
    } block;

    if (bdev_read(dev, LVM_HEADER_OFFSET, &block, sizeof(block)) != 0 ||
        block.header.magic != LVM_MAGIC || block.header.data_offset != LVM_DATA_OFFSET ||
        bdev_read(dev, LVM_HEADER_OFFSET + LVM_VOLUME_OFFSET, &entry, sizeof(entry)) != 0 ||
        bdev_read(dev, super_offset, &block, sizeof(block)) != 0)
        return -ENODEV;
    if (entry.first_pe != 0 || block.super.magic != VMFS_MAGIC)
        return -ENODEV;
    memcpy(out->label, block.super.label, VMFS_LABEL_MAX);
    out->label[VMFS_LABEL_MAX] = '\0';
    uuid_to_text(&block.super.uuid, out->uuid);
    out->major = block.super.major;
    out->minor = block.super.minor;
    out->extent = 0;
    out->extent_count = entry.device_count;
    return 0;
}

int vmfs_get_info(struct vmfs_volume *volume, struct vmfs_info *out)
{
    int rc;

    memset(out, 0, sizeof(*out));
    memcpy(out->label, volume->super.label, VMFS_LABEL_MAX);
    uuid_to_text(&volume->super.uuid, out->uuid);
    out->major = volume->super.major;
    out->minor = volume->super.minor;
    out->block_size = volume->block_size;
    out->sub_block_size = volume->sbc.item_size;
    out->size = volume->size;
    out->blocks = volume->fbb.item_count;
    out->sub_blocks = volume->sbc.item_count;
    out->pointer_blocks = volume->pbc.item_count;
    out->files = volume->fdc.item_count;
    rc = resource_count_free(volume, &volume->fbb, &out->blocks_free);
    if (rc == 0)
        rc = resource_count_free(volume, &volume->sbc, &out->sub_blocks_free);
    if (rc == 0)
        rc = resource_count_free(volume, &volume->pbc, &out->pointer_blocks_free);
    if (rc == 0)
        rc = resource_count_free(volume, &volume->fdc, &out->files_free);
    return rc;
}

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

int vmfs_require_ours(struct vmfs_volume *volume, const char *what)
{
    if (volume->ours)
        return 0;
    return vmfs_fail(volume, -EPERM,
                     "%s: volume \"%.128s\" was not made here; on others' volumes only blocks that "
                     "are already allocated are written",
                     what, volume->super.label);
}

static void volume_free(struct vmfs_volume *volume)
{
    resource_free_all(volume);
    remember_free(volume);
    host_locks_close(volume);
    free(volume->segments);
    free(volume);
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

/* Whether locks and slots lie each in sectors of its own: neighbours may be written at a time. */
static int check_sectors(struct vmfs_volume *volume)
{
    for (unsigned i = 0; i < volume->device_count; i++) {
        if (volume->devices[i]->sector > volume->md)
            return vmfs_fail(volume, -EROFS,
                             "%.128s has sectors of %u bytes, the volume's metadata are %u: it can "
                             "only be read there",
                             volume->devices[i]->name, volume->devices[i]->sector, volume->md);
    }
    return 0;
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

/* Reads again what the volume consists of; as it was stays valid when that fails. */
static int reassemble(struct vmfs_volume *volume, struct bdev *const *devices, unsigned count)
{
    struct vmfs_segment *segments = volume->segments;
    unsigned segment_count = volume->segment_count;
    int rc;

    volume->segments = NULL;
    volume->segment_count = 0;
    rc = lvm_assemble(volume, devices, count);
    if (rc == 0)
        rc = geometry_load(volume);
    if (rc == 0) {
        free(segments);
        return 0;
    }
    free(volume->segments);
    volume->segments = segments;
    volume->segment_count = segment_count;
    return rc;
}

/*
 * Makes us one of the volume's writers. Until our slot was ours another may have been alone and
 * have made the volume larger: nothing read before that is relied on.
 */
static int join(struct vmfs_volume *volume, struct bdev *const *devices, unsigned count,
                unsigned flags)
{
    int rc = check_sectors(volume);

    if (rc == 0)
        rc = slot_acquire(volume, flags);
    if (rc == 0)
        rc = alone_wait(volume, (flags & VMFS_OPEN_NO_WAIT) == 0);
    return rc != 0 ? rc : reassemble(volume, devices, count);
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
    volume->host_locks = -1;
    volume->writable = (flags & VMFS_OPEN_WRITE) != 0;
    volume->fill_foreign = (flags & VMFS_OPEN_FILL_FOREIGN) != 0;
    host_set(volume, host);
    rc = lvm_assemble(volume, devices, count);
    if (rc == 0 && (flags & (VMFS_OPEN_REMEMBER | VMFS_OPEN_WRITE)) == VMFS_OPEN_REMEMBER)
        rc = remember_start(volume);
    if (rc == 0)
        rc = geometry_load(volume);
    volume->shared = rc == 0 && devices_are_shared(volume);
    if (rc == 0 && volume->writable)
        rc = join(volume, devices, count, flags);
    if (rc == 0)
        rc = resource_load_all(volume);
    if (rc != 0) {
        snprintf(error, VMFS_ERROR_MAX, "%s", volume->error);
        slot_release(volume);
        volume_free(volume);
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
    volume_free(volume);
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
    int rc;

    if (!volume->writable)
        return vmfs_fail(volume, -EROFS, "the volume is open read-only");
    if (volume->transaction_depth > 0) {
        volume->transaction_depth++;
        return 0;
    }
    rc = slot_beat(volume);
    /* The locks on disk keep out processes of this host as well as other hosts. */
    if (rc == 0 && !volume->shared)
        rc = host_turn_take(volume);
    if (rc == 0)
        volume->transaction_depth = 1;
    return rc;
}

void vmfs_end(struct vmfs_volume *volume)
{
    if (--volume->transaction_depth == 0 && !volume->shared)
        host_turn_end(volume);
}

int vmfs_probe(struct bdev *dev, struct vmfs_probe *out)
{
    struct lvm_volume entry;
    union {
        struct lvm_header header;
        struct vmfs_superblock super;
        uint8_t sector[512];
    } block;
    struct lvm_partition partition;
    uint64_t base, at;

    memset(out, 0, sizeof(*out));
    if (lvm_find_partition(dev, &partition) != 0)
        return -ENODEV;
    base = partition.base;
    if (bdev_read(dev, base + LVM_HEADER_OFFSET, &block, sizeof(block)) != 0 ||
        block.header.magic != LVM_MAGIC)
        return -ENODEV;
    at = block.header.major == LVM_MAJOR_VMFS6 ? block.header.metadata_align : LVM_VOLUME_OFFSET;
    if (bdev_read(dev, base + LVM_HEADER_OFFSET + at, &entry, sizeof(entry)) != 0)
        return -ENODEV;
    at = block.header.data_offset;
    out->lvm_major = block.header.major;
    out->ours = memcmp(block.header.disk_id.id, LVM_OUR_ID, strlen(LVM_OUR_ID)) == 0;
    uuid_to_text(&entry.uuid, out->volume_uuid);
    out->first_pe = entry.first_pe;
    out->extent_count = entry.device_count;
    out->size = entry.size;
    if (entry.first_pe != 0) {
        out->is_first = false;
        return 0;
    }
    if (bdev_read(dev, base + at + VMFS_SUPERBLOCK_OFFSET, &block, sizeof(block)) != 0 ||
        block.super.magic != VMFS_MAGIC)
        return -ENODEV;
    out->is_first = true;
    memcpy(out->label, block.super.label, VMFS_LABEL_MAX);
    uuid_to_text(&block.super.uuid, out->uuid);
    out->major = block.super.major;
    out->minor = block.super.minor;
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
    out->ours = volume->ours;
    out->extents = volume->device_count;
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

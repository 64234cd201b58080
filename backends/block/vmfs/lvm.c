/* SPDX-License-Identifier: MIT */
/* The logical volume: device headers, physical extents (PEs) and I/O by volume offset. */
#include "block/vmfs/lvm_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One device's header and volume entry, as read and checked, and where its tables are. */
struct lvm_device {
    struct bdev *dev;
    uint64_t base; /* of the partition it fills */
    bool ours;     /* made by this library */
    struct lvm_header header;
    struct lvm_volume volume;
    uint32_t entry_count; /* of the PE table */
    uint64_t tables;      /* device offset of the first pair of PE bitmap and table */
    uint32_t bitmap_size;
};

/* Versions 3 and 5 have 512 volume entries of 512 bytes, version 6 has one. */
static void find_tables(struct lvm_device *out)
{
    uint32_t align = out->header.metadata_align;

    out->entry_count = out->volume.pe_count;
    out->bitmap_size = LVM_PE_BITMAP_SIZE;
    out->tables = out->base + LVM_HEADER_OFFSET + LVM_PE_MAP_OFFSET;
    if (out->header.major != LVM_MAJOR_VMFS6)
        return;
    /* One entry may cover the whole device. */
    out->entry_count = out->header.pe_count;
    /* Growing writes the header last: cut off before, it counts too few. */
    if (out->ours && out->entry_count < lvm_entries_of_pes(LVM_MAJOR_VMFS6, out->volume.pe_count))
        out->entry_count = lvm_entries_of_pes(LVM_MAJOR_VMFS6, out->volume.pe_count);
    out->tables = out->base + LVM_HEADER_OFFSET + align + (LVM_PE_MAP_OFFSET - LVM_VOLUME_OFFSET);
    if (align > LVM_PE_BITMAP_SIZE)
        out->bitmap_size = align;
}

static int check_header(struct vmfs_volume *volume, const struct lvm_device *device)
{
    const struct lvm_header *header = &device->header;
    uint32_t align = header->metadata_align;

    if (header->magic != LVM_MAGIC)
        return vmfs_fail(volume, -ENODEV, "%s: no VMFS volume here (no LVM header at 0x%llx)",
                         device->dev->name, (unsigned long long)device->base + LVM_HEADER_OFFSET);
    if (header->major != LVM_MAJOR_VMFS3 && header->major != LVM_MAJOR_VMFS5 &&
        header->major != LVM_MAJOR_VMFS6)
        return vmfs_fail(volume, -ENOTSUP, "%s: LVM version %u; 3, 5 and 6 are supported",
                         device->dev->name, header->major);
    if (header->major == LVM_MAJOR_VMFS6 &&
        (align < BDEV_SECTOR || align > 1u << 16 || (align & (align - 1)) != 0))
        return vmfs_fail(volume, -EUCLEAN, "%s: LVM header has metadata blocks of %u bytes",
                         device->dev->name, align);
    return 0;
}

static int read_device(struct vmfs_volume *volume, struct bdev *dev, struct lvm_device *out)
{
    struct lvm_partition partition;
    uint8_t sector[512];
    uint64_t at;
    int rc;

    out->dev = dev;
    rc = lvm_find_partition(dev, &partition);
    out->base = partition.base;
    if (rc == 0)
        rc = bdev_read(dev, out->base + LVM_HEADER_OFFSET, sector, sizeof(sector));
    if (rc != 0)
        return vmfs_fail(volume, rc, "%s: cannot read the LVM header at 0x%llx", dev->name,
                         (unsigned long long)out->base + LVM_HEADER_OFFSET);
    memcpy(&out->header, sector, sizeof(out->header));
    out->ours = memcmp(out->header.disk_id.id, LVM_OUR_ID, strlen(LVM_OUR_ID)) == 0;
    rc = check_header(volume, out);
    if (rc != 0)
        return rc;
    at = out->header.major == LVM_MAJOR_VMFS6 ? out->header.metadata_align : LVM_VOLUME_OFFSET;
    rc = bdev_read(dev, out->base + LVM_HEADER_OFFSET + at, &out->volume, sizeof(out->volume));
    if (rc != 0)
        return vmfs_fail(volume, rc, "%s: cannot read the volume table", dev->name);
    if (out->volume.state != LVM_STATE_NORMAL)
        return vmfs_fail(volume, -EUCLEAN, "%s: volume entry in state %u, not normal", dev->name,
                         out->volume.state);
    find_tables(out);
    if (out->volume.device_count == 0 || out->volume.device_count > LVM_MAX_EXTENTS ||
        out->volume.pe_count == 0 || out->volume.first_pe > out->volume.last_pe ||
        out->volume.last_pe > 1u << 24 || out->entry_count == 0 ||
        out->volume.last_pe - out->volume.first_pe != out->volume.pe_count - 1)
        return vmfs_fail(volume, -EUCLEAN, "%s: volume entry contradicts itself", dev->name);
    return 0;
}

int lvm_add_segment(struct vmfs_volume *volume, const struct vmfs_segment *segment)
{
    struct vmfs_segment *last =
        volume->segment_count > 0 ? &volume->segments[volume->segment_count - 1] : NULL;
    struct vmfs_segment *grown;

    if (last != NULL && last->device == segment->device &&
        last->volume_offset + last->length == segment->volume_offset &&
        last->device_offset + last->length == segment->device_offset) {
        last->length += segment->length;
        return 0;
    }
    grown = reallocarray(volume->segments, volume->segment_count + 1, sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    volume->segments = grown;
    grown[volume->segment_count++] = *segment;
    return 0;
}

/*
 * Growing may lengthen the last entry of VMFS-6, which is written before the volume entry: cut off
 * between, it reaches past the volume's end.
 */
static void cut_pe(const struct lvm_device *device, struct lvm_pe *pe, uint64_t expected)
{
    uint64_t end = (device->volume.last_pe + 1) * LVM_PE_SIZE;

    if (device->ours && device->header.major == LVM_MAJOR_VMFS6 && pe->length > end - expected)
        pe->length = end - expected;
}

static int check_pe(struct vmfs_volume *volume, const struct lvm_device *device, uint32_t index,
                    const struct lvm_pe *pe, uint64_t expected)
{
    uint64_t end = (device->volume.last_pe + 1) * LVM_PE_SIZE;
    bool length_is_right = device->header.major == LVM_MAJOR_VMFS6
                               ? pe->length != 0 && pe->length % BDEV_SECTOR == 0
                               : pe->length == LVM_PE_SIZE;

    if (pe->used == 1 && length_is_right && pe->volume_offset == expected &&
        pe->length <= end - expected && pe->device_offset % BDEV_SECTOR == 0 &&
        pe->device_offset <= device->dev->size - device->base &&
        pe->length <= device->dev->size - device->base - pe->device_offset)
        return 0;
    return vmfs_fail(volume, -EUCLEAN,
                     "%s: PE %u is wrong (used %u, volume offset 0x%llx, device offset 0x%llx, "
                     "length 0x%llx) or the device was cut short",
                     device->dev->name, index, pe->used, (unsigned long long)pe->volume_offset,
                     (unsigned long long)pe->device_offset, (unsigned long long)pe->length);
}

/* Reads one device's PE table in pieces and appends its segments in volume order. */
static int read_pes(struct vmfs_volume *volume, const struct lvm_device *device)
{
    uint64_t expected = device->volume.first_pe * LVM_PE_SIZE;
    uint64_t end = (device->volume.last_pe + 1) * LVM_PE_SIZE;
    uint8_t piece[16 * LVM_PE_STRIDE];

    for (uint32_t i = 0; i < device->entry_count && expected < end; i++) {
        uint64_t map = i / LVM_PES_PER_MAP, slot = i % LVM_PES_PER_MAP;
        uint64_t table =
            device->tables + map * (device->bitmap_size + LVM_PE_TABLE_SIZE) + device->bitmap_size;
        struct lvm_pe pe;
        int rc = 0;

        if (slot % 16 == 0)
            rc = bdev_read(device->dev, table + slot * LVM_PE_STRIDE, piece, sizeof(piece));
        if (rc != 0)
            return vmfs_fail(volume, rc, "%s: cannot read PE table %llu", device->dev->name,
                             (unsigned long long)map);
        memcpy(&pe, piece + slot % 16 * LVM_PE_STRIDE, sizeof(pe));
        cut_pe(device, &pe, expected);
        rc = check_pe(volume, device, i, &pe, expected);
        if (rc != 0)
            return rc;
        rc = lvm_add_segment(
            volume, &(struct vmfs_segment){.volume_offset = pe.volume_offset,
                                           .device_offset = device->base + pe.device_offset,
                                           .length = pe.length,
                                           .device = device->dev});
        if (rc != 0)
            return vmfs_fail(volume, rc, "out of memory");
        expected += pe.length;
    }
    return expected == end
               ? 0
               : vmfs_fail(volume, -EUCLEAN, "%s: the PE table covers 0x%llx bytes of 0x%llx",
                           device->dev->name, (unsigned long long)expected,
                           (unsigned long long)end);
}

static int by_first_pe(const void *a, const void *b)
{
    const struct lvm_device *left = a, *right = b;

    return left->volume.first_pe < right->volume.first_pe   ? -1
           : left->volume.first_pe > right->volume.first_pe ? 1
                                                            : 0;
}

/* Checks that the sorted devices are one whole volume. */
static int check_set(struct vmfs_volume *volume, const struct lvm_device *set, unsigned count)
{
    uint64_t next = 0;

    if (set[0].volume.device_count != count)
        return vmfs_fail(volume, -ENXIO, "the volume has %u extents, %u given",
                         set[0].volume.device_count, count);
    for (unsigned i = 0; i < count; i++) {
        if (memcmp(&set[i].volume.uuid, &set[0].volume.uuid, sizeof(struct vmfs_uuid)) != 0 ||
            set[i].volume.snapshot_id != set[0].volume.snapshot_id)
            return vmfs_fail(volume, -EINVAL, "%s belongs to another volume than %s",
                             set[i].dev->name, set[0].dev->name);
        if (set[i].volume.first_pe != next)
            return vmfs_fail(volume, -ENXIO, "%s starts at PE %llu, not %llu: an extent is missing",
                             set[i].dev->name, (unsigned long long)set[i].volume.first_pe,
                             (unsigned long long)next);
        if (set[i].entry_count > LVM_PES_PER_MAP * LVM_MAX_PE_MAPS)
            return vmfs_fail(volume, -ENOTSUP, "%s: more than 16 TiB on one VMFS-5 extent",
                             set[i].dev->name);
        next = set[i].volume.last_pe + 1;
    }
    return 0;
}

int lvm_assemble(struct vmfs_volume *volume, struct bdev *const *devices, unsigned count)
{
    struct lvm_device *set;
    int rc = 0;

    if (count == 0 || count > LVM_MAX_EXTENTS)
        return vmfs_fail(volume, -EINVAL, "%u devices given; 1 to %u make a volume", count,
                         LVM_MAX_EXTENTS);
    set = calloc(count, sizeof(*set));
    if (set == NULL)
        return vmfs_fail(volume, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = read_device(volume, devices[i], &set[i]);
    if (rc == 0) {
        qsort(set, count, sizeof(*set), by_first_pe);
        rc = check_set(volume, set, count);
    }
    for (unsigned i = 0; i < count && rc == 0; i++) {
        volume->devices[i] = set[i].dev;
        volume->bases[i] = set[i].base;
        rc = read_pes(volume, &set[i]);
    }
    volume->device_count = count;
    volume->ours = set[0].ours;
    volume->size = (set[count - 1].volume.last_pe + 1) * LVM_PE_SIZE;
    memcpy(&volume->super.volume_uuid, &set[0].volume.uuid, sizeof(struct vmfs_uuid));
    free(set);
    return rc;
}

int lvm_map(struct vmfs_volume *volume, uint64_t offset, uint64_t *length, struct bdev **device,
            uint64_t *device_offset)
{
    for (unsigned i = 0; i < volume->segment_count; i++) {
        const struct vmfs_segment *segment = &volume->segments[i];
        uint64_t inside = offset - segment->volume_offset;

        if (offset < segment->volume_offset || inside >= segment->length)
            continue;
        if (*length > segment->length - inside)
            *length = segment->length - inside;
        *device = segment->device;
        *device_offset = segment->device_offset + inside;
        return 0;
    }
    return vmfs_fail(volume, -EINVAL, "volume offset 0x%llx is outside the volume",
                     (unsigned long long)offset);
}

enum volume_io { VOLUME_READ, VOLUME_WRITE, VOLUME_ZERO };

static int volume_io(struct vmfs_volume *volume, enum volume_io what, uint64_t offset, void *buffer,
                     uint64_t length)
{
    while (length > 0) {
        uint64_t piece = length, device_offset;
        struct bdev *dev;
        int rc = lvm_map(volume, offset, &piece, &dev, &device_offset);

        if (rc != 0)
            return rc;
        if (what == VOLUME_READ)
            rc = bdev_read(dev, device_offset, buffer, piece);
        else if (what == VOLUME_WRITE)
            rc = bdev_write(dev, device_offset, buffer, piece);
        else
            rc = bdev_write_zeros(dev, device_offset, piece);
        if (rc != 0)
            return vmfs_fail(volume, rc, "%s: %s of %llu bytes at 0x%llx: %s", dev->name,
                             what == VOLUME_READ ? "read" : "write", (unsigned long long)piece,
                             (unsigned long long)device_offset, strerror(-rc));
        offset += piece;
        length -= piece;
        if (buffer != NULL)
            buffer = (char *)buffer + piece;
    }
    return 0;
}

int volume_read_through(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length)
{
    return volume_io(volume, VOLUME_READ, offset, buffer, length);
}

int volume_read(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length)
{
    return volume->memory != NULL ? remember_read(volume, offset, buffer, length)
                                  : volume_read_through(volume, offset, buffer, length);
}

int volume_write(struct vmfs_volume *volume, uint64_t offset, const void *buffer, size_t length)
{
    int rc = slot_check_lease(volume);

    if (rc != 0)
        return rc;
    return volume_io(volume, VOLUME_WRITE, offset, (void *)buffer, length);
}

int volume_zero(struct vmfs_volume *volume, uint64_t offset, uint64_t length)
{
    int rc = slot_check_lease(volume);

    if (rc != 0)
        return rc;
    return volume_io(volume, VOLUME_ZERO, offset, NULL, length);
}

int vmfs_flush(struct vmfs_volume *volume)
{
    for (unsigned i = 0; i < volume->device_count; i++) {
        int rc = bdev_flush(volume->devices[i]);

        if (rc != 0)
            return vmfs_fail(volume, rc, "%s: flush: %s", volume->devices[i]->name, strerror(-rc));
    }
    return 0;
}

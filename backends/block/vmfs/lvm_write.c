/* SPDX-License-Identifier: MIT */
/* Writing LVM headers, volume entries and tables of physical extents (PEs). */
#include "block/vmfs/lvm_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (64u * 1024)
/* VMFS-6 names many PEs with one entry; ours are of 16 TiB at most, as ESXi's. */
#define PES_PER_ENTRY6 65536u

static uint64_t tables_offset(const struct lvm_extent *extent)
{
    uint64_t at = extent->base + LVM_HEADER_OFFSET + LVM_PE_MAP_OFFSET;

    return extent->major == LVM_MAJOR_VMFS6 ? at - LVM_VOLUME_OFFSET + VMFS6_MD : at;
}

static uint32_t bitmap_size(const struct lvm_extent *extent)
{
    return extent->major == LVM_MAJOR_VMFS6 ? VMFS6_MD : LVM_PE_BITMAP_SIZE;
}

static uint32_t pes_per_entry(const struct lvm_extent *extent)
{
    return extent->major == LVM_MAJOR_VMFS6 ? PES_PER_ENTRY6 : 1;
}

uint32_t lvm_entries_of_pes(uint32_t major, uint32_t pes)
{
    return major == LVM_MAJOR_VMFS6 ? (pes + PES_PER_ENTRY6 - 1) / PES_PER_ENTRY6 : pes;
}

static uint32_t entry_count(const struct lvm_extent *extent)
{
    return lvm_entries_of_pes(extent->major, extent->pe_count);
}

uint64_t lvm_pes_of_room(uint32_t major, uint64_t room)
{
    uint64_t pes = room < LVM_DATA_OFFSET ? 0 : (room - LVM_DATA_OFFSET) / LVM_PE_SIZE;
    uint64_t most = major == LVM_MAJOR_VMFS6 ? (uint64_t)PES_PER_ENTRY6 * LVM_PES_PER_MAP
                                             : LVM_PES_PER_MAP * LVM_MAX_PE_MAPS;

    return pes < most ? pes : most;
}

static void fill_entry(const struct lvm_extent *extent, uint32_t index, uint8_t *out)
{
    uint32_t first = index * pes_per_entry(extent), count = extent->pe_count - first;
    struct lvm_pe pe = {.used = 1,
                        .id = index,
                        .device_offset = LVM_DATA_OFFSET + first * LVM_PE_SIZE,
                        .volume_offset = (extent->first_pe + first) * LVM_PE_SIZE,
                        .version = 1};

    if (count > pes_per_entry(extent))
        count = pes_per_entry(extent);
    pe.length = count * LVM_PE_SIZE;
    memcpy(out, &pe, sizeof(pe));
}

/* One pair of bitmap and table, whose first entry is number `first`. */
static int write_map(const struct lvm_extent *extent, uint64_t at, uint32_t first, uint8_t *piece)
{
    const uint32_t step = PIECE / LVM_PE_STRIDE;
    uint32_t entries = entry_count(extent);
    int rc;

    memset(piece, 0, PIECE);
    for (uint32_t i = first; i < entries && i < first + LVM_PES_PER_MAP; i++)
        piece[(i - first) / 8] |= (uint8_t)(1u << i % 8);
    rc = bdev_write(extent->dev, at, piece, bitmap_size(extent));
    at += bitmap_size(extent);
    for (uint32_t i = first; i < first + LVM_PES_PER_MAP && rc == 0; i += step) {
        memset(piece, 0, PIECE);
        for (uint32_t k = 0; k < step && i + k < entries; k++)
            fill_entry(extent, i + k, piece + k * LVM_PE_STRIDE);
        rc = bdev_write(extent->dev, at + (uint64_t)(i - first) * LVM_PE_STRIDE, piece, PIECE);
    }
    return rc;
}

int lvm_write_pes(const struct lvm_extent *extent)
{
    uint8_t *piece = malloc(PIECE);
    int rc = piece == NULL ? -ENOMEM : 0;

    for (uint32_t first = 0; first < entry_count(extent) && rc == 0; first += LVM_PES_PER_MAP)
        rc = write_map(extent,
                       tables_offset(extent) + (uint64_t)(first / LVM_PES_PER_MAP) *
                                                   (bitmap_size(extent) + LVM_PE_TABLE_SIZE),
                       first, piece);
    free(piece);
    return rc;
}

int lvm_write_volume(const struct lvm_extent *extent)
{
    uint32_t at = extent->major == LVM_MAJOR_VMFS6 ? VMFS6_MD : LVM_VOLUME_OFFSET;
    char text[VMFS_UUID_TEXT];
    struct lvm_volume entry = {
        .size = extent->volume_size,
        .generation = extent->generation,
        .state = LVM_STATE_NORMAL,
        .uuid = extent->volume_uuid,
        .snapshot_id = 1,
        .created_us = extent->created_us,
        .pe_count = extent->pe_count,
        .first_pe = extent->first_pe,
        .last_pe = extent->first_pe + extent->pe_count - 1,
        .modified_us = extent->now_us,
        .device_count = extent->device_count,
        .consumed_pes = extent->major == LVM_MAJOR_VMFS6,
    };

    uuid_to_text(&extent->volume_uuid, text);
    memcpy(entry.name, text, sizeof(text));
    return bdev_write(extent->dev, extent->base + LVM_HEADER_OFFSET + at, &entry, sizeof(entry));
}

int lvm_write_names(const struct lvm_extent *first, const struct vmfs_uuid *devices, unsigned count)
{
    uint64_t at = first->base + LVM_HEADER_OFFSET + LVM_DEVICES_OFFSET;
    char names[LVM_MAX_EXTENTS][LVM_DEVICE_NAME], text[VMFS_UUID_TEXT];

    if (first->major == LVM_MAJOR_VMFS6)
        at += VMFS6_MD - LVM_VOLUME_OFFSET;
    memset(names, 0, sizeof(names));
    for (unsigned i = 0; i < count; i++) {
        uuid_to_text(&devices[i], text);
        snprintf(names[i], sizeof(names[i]), "corbel.%s:1", text);
    }
    return bdev_write(first->dev, at, names, sizeof(names));
}

int lvm_write_header(const struct lvm_extent *extent)
{
    uint8_t sector[BDEV_SECTOR];
    struct lvm_header header = {
        .magic = LVM_MAGIC,
        .major = extent->major,
        .minor = LVM_MINOR,
        .sector_size = BDEV_SECTOR,
        .total_bytes = extent->room - LVM_HEADER_OFFSET,
        .volume_count = 1,
        .pe_count = entry_count(extent),
        .generation = extent->generation + 1,
        .data_offset = LVM_DATA_OFFSET,
        .device_uuid = extent->device_uuid,
        .created_us = extent->created_us,
        .modified_us = extent->now_us,
    };

    if (extent->major == LVM_MAJOR_VMFS6) {
        header.metadata_align = VMFS6_MD;
        header.pe_count_v6 = extent->pe_count;
    } else {
        header.pe_map_count = (extent->pe_count + LVM_PES_PER_MAP - 1) / LVM_PES_PER_MAP;
    }
    header.disk_id.length = (uint8_t)snprintf(header.disk_id.id, sizeof(header.disk_id.id),
                                              LVM_OUR_ID "%08x", extent->device_uuid.time_hi);
    memset(sector, 0, sizeof(sector));
    memcpy(sector, &header, sizeof(header));
    return bdev_write(extent->dev, extent->base + LVM_HEADER_OFFSET, sector, sizeof(sector));
}

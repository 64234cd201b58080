/* SPDX-License-Identifier: MIT */
/* Finding the VMFS partition of a disk: none (the whole disk), MBR or GPT; and the room behind it.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MBR_ENTRIES     0x1BEu
#define MBR_SIGNATURE   0xAA55u
#define MBR_TYPE_VMFS   0xFBu
#define GPT_SIGNATURE   "EFI PART"
#define GPT_ENTRY_SIZE  128u
#define GPT_MAX_ENTRIES 1024u

/* AA31E02A-400F-11DB-9590-000C2911D1B8 as it lies on disk. */
static const uint8_t gpt_type_vmfs[16] = {0x2A, 0xE0, 0x31, 0xAA, 0x0F, 0x40, 0xDB, 0x11,
                                          0x95, 0x90, 0x00, 0x0C, 0x29, 0x11, 0xD1, 0xB8};

struct mbr_entry {
    uint8_t boot;
    uint8_t first_chs[3];
    uint8_t type;
    uint8_t last_chs[3];
    uint32_t first; /* sectors */
    uint32_t count;
} VMFS_PACKED;
static_assert(sizeof(struct mbr_entry) == 16, "layout on disk");

struct gpt_header {
    char signature[8];
    uint32_t revision, size, crc, reserved;
    uint64_t own, backup, first_usable, last_usable;
    uint8_t disk[16];
    uint64_t entries;
    uint32_t entry_count;
    uint32_t entry_size;
    uint32_t entries_crc;
    uint8_t rest[512 - 92];
} VMFS_PACKED;
static_assert(sizeof(struct gpt_header) == 512, "layout on disk");

struct gpt_entry {
    uint8_t type[16];
    uint8_t unique[16];
    uint64_t first, last;
    uint8_t rest[GPT_ENTRY_SIZE - 48];
} VMFS_PACKED;
static_assert(sizeof(struct gpt_entry) == GPT_ENTRY_SIZE, "layout on disk");

static bool has_lvm(struct bdev *dev, uint64_t base)
{
    struct {
        uint32_t magic;
        uint8_t rest[508];
    } sector;

    return base < dev->size &&
           bdev_read(dev, base + LVM_HEADER_OFFSET, &sector, sizeof(sector)) == 0 &&
           sector.magic == LVM_MAGIC;
}

static bool read_gpt_header(struct bdev *dev, uint32_t sector_size, struct gpt_header *header)
{
    return bdev_read(dev, sector_size, header, sizeof(*header)) == 0 &&
           memcmp(header->signature, GPT_SIGNATURE, 8) == 0 &&
           header->entry_size == GPT_ENTRY_SIZE && header->entry_count <= GPT_MAX_ENTRIES &&
           header->entries <= dev->size / sector_size;
}

/* A GPT whose sectors have this size. */
static bool find_gpt(struct bdev *dev, uint32_t sector_size, struct lvm_partition *out)
{
    struct gpt_header header;
    struct gpt_entry entries[4];

    if (!read_gpt_header(dev, sector_size, &header))
        return false;
    for (uint32_t i = 0; i < header.entry_count; i += 4) {
        uint64_t at = header.entries * sector_size + (uint64_t)i * GPT_ENTRY_SIZE;

        if (bdev_read(dev, at, entries, sizeof(entries)) != 0)
            return false;
        for (unsigned k = 0; k < 4; k++) {
            if (memcmp(entries[k].type, gpt_type_vmfs, 16) != 0 ||
                entries[k].first > dev->size / sector_size)
                continue;
            *out = (struct lvm_partition){.base = entries[k].first * sector_size,
                                          .number = i + k + 1,
                                          .gpt_sector = sector_size};
            if (has_lvm(dev, out->base))
                return true;
        }
    }
    return false;
}

static bool read_mbr(struct bdev *dev, struct mbr_entry entries[4])
{
    uint8_t sector[512];

    if (bdev_read(dev, 0, sector, sizeof(sector)) != 0 ||
        (sector[510] | sector[511] << 8) != MBR_SIGNATURE)
        return false;
    memcpy(entries, sector + MBR_ENTRIES, 4 * sizeof(*entries));
    return true;
}

static bool find_mbr(struct bdev *dev, struct lvm_partition *out)
{
    struct mbr_entry entries[4];

    if (!read_mbr(dev, entries))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        *out = (struct lvm_partition){.base = (uint64_t)entries[i].first * BDEV_SECTOR,
                                      .number = i + 1};
        if (entries[i].type == MBR_TYPE_VMFS && has_lvm(dev, out->base))
            return true;
    }
    return false;
}

int lvm_find_partition(struct bdev *dev, struct lvm_partition *out)
{
    /* A disk may carry traces of an older table: what has a header right here is whole. */
    if (!has_lvm(dev, 0) &&
        (find_gpt(dev, 512, out) || find_gpt(dev, 4096, out) || find_mbr(dev, out)))
        return 0;
    *out = (struct lvm_partition){0};
    return dev->size < LVM_HEADER_OFFSET + BDEV_SECTOR ? -ENODEV : 0;
}

/* ---- how far it reaches ---- */

/* The sectors of one partition among the others of its table. */
struct neighbours {
    uint64_t first, last; /* the partition's own; last 0: not seen yet */
    uint64_t next;        /* where what lies behind it begins */
    bool overlap;
};

static void meet(struct neighbours *near, uint64_t first, uint64_t last)
{
    if (first <= near->last && last >= near->first)
        near->overlap = true;
    else if (first > near->last && first < near->next)
        near->next = first;
}

/* CRC-32 of UEFI 2.10, section 5.3.2. */
static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* The whole table, its checksums compared; NULL where it is not to be trusted. Free it. */
static struct gpt_entry *read_gpt(struct bdev *dev, uint32_t sector_size, struct gpt_header *header)
{
    struct gpt_header blank;
    struct gpt_entry *entries;
    size_t length, room;

    if (!read_gpt_header(dev, sector_size, header) || header->size < 92 ||
        header->size > sizeof(*header))
        return NULL;
    blank = *header;
    blank.crc = 0;
    length = (size_t)header->entry_count * GPT_ENTRY_SIZE;
    room = (length + BDEV_SECTOR - 1) / BDEV_SECTOR * BDEV_SECTOR;
    if (crc32_of((const uint8_t *)&blank, header->size) != header->crc || length == 0)
        return NULL;
    entries = malloc(room);
    if (entries != NULL && (bdev_read(dev, header->entries * sector_size, entries, room) != 0 ||
                            crc32_of((const uint8_t *)entries, length) != header->entries_crc)) {
        free(entries);
        return NULL;
    }
    return entries;
}

static bool measure_gpt(struct bdev *dev, const struct lvm_partition *partition,
                        struct neighbours *near)
{
    static const uint8_t unused[16];
    struct gpt_header header;
    struct gpt_entry *entries = read_gpt(dev, partition->gpt_sector, &header);
    uint64_t table;

    if (entries == NULL || partition->number > header.entry_count) {
        free(entries);
        return false;
    }
    near->first = entries[partition->number - 1].first;
    near->last = entries[partition->number - 1].last;
    /* The backup table moves to the end of a device that has grown. */
    table = 1 + header.entry_count * GPT_ENTRY_SIZE / partition->gpt_sector;
    near->next = dev->size / partition->gpt_sector - table;
    for (uint32_t i = 0; i < header.entry_count; i++) {
        if (i + 1 != partition->number && memcmp(entries[i].type, unused, 16) != 0)
            meet(near, entries[i].first, entries[i].last);
    }
    free(entries);
    return true;
}

static bool measure_mbr(struct bdev *dev, const struct lvm_partition *partition,
                        struct neighbours *near)
{
    const struct mbr_entry *own;
    struct mbr_entry entries[4];

    if (!read_mbr(dev, entries))
        return false;
    own = &entries[partition->number - 1];
    near->first = own->first;
    near->last = (uint64_t)own->first + own->count - 1;
    near->next = dev->size / BDEV_SECTOR;
    if (near->next > UINT32_MAX)
        near->next = UINT32_MAX;
    for (unsigned i = 0; i < 4; i++) {
        if (&entries[i] != own && entries[i].type != 0 && entries[i].count != 0)
            meet(near, entries[i].first, (uint64_t)entries[i].first + entries[i].count - 1);
    }
    return true;
}

int lvm_measure_partition(struct bdev *dev, const struct lvm_partition *partition, uint64_t *length,
                          uint64_t *behind)
{
    uint32_t sector = partition->gpt_sector != 0 ? partition->gpt_sector : BDEV_SECTOR;
    struct neighbours near = {0};

    *length = dev->size;
    *behind = 0;
    if (partition->number == 0)
        return 0;
    if (!(partition->gpt_sector != 0 ? measure_gpt(dev, partition, &near)
                                     : measure_mbr(dev, partition, &near)) ||
        near.overlap || near.first * sector != partition->base || near.last < near.first ||
        near.last >= dev->size / sector)
        return -EUCLEAN;
    *length = (near.last - near.first + 1) * sector;
    if (near.next > near.last + 1)
        *behind = (near.next - near.last - 1) * sector;
    return 0;
}

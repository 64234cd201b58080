/* SPDX-License-Identifier: MIT */
/* Finding the VMFS partition of a disk: none (the whole disk), MBR or GPT. */
#include "block/vmfs/internal.h"

#include <errno.h>
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

/* A GPT whose sectors have this size. */
static bool find_gpt(struct bdev *dev, uint32_t sector_size, uint64_t *base)
{
    struct gpt_header header;
    struct gpt_entry entries[4];

    if (bdev_read(dev, sector_size, &header, sizeof(header)) != 0 ||
        memcmp(header.signature, GPT_SIGNATURE, 8) != 0 || header.entry_size != GPT_ENTRY_SIZE ||
        header.entry_count > GPT_MAX_ENTRIES || header.entries > dev->size / sector_size)
        return false;
    for (uint32_t i = 0; i < header.entry_count; i += 4) {
        uint64_t at = header.entries * sector_size + (uint64_t)i * GPT_ENTRY_SIZE;

        if (bdev_read(dev, at, entries, sizeof(entries)) != 0)
            return false;
        for (unsigned k = 0; k < 4; k++) {
            if (memcmp(entries[k].type, gpt_type_vmfs, 16) != 0 ||
                entries[k].first > dev->size / sector_size)
                continue;
            *base = entries[k].first * sector_size;
            if (has_lvm(dev, *base))
                return true;
        }
    }
    return false;
}

static bool find_mbr(struct bdev *dev, uint64_t *base)
{
    struct mbr_entry entries[4];
    uint8_t sector[512];

    if (bdev_read(dev, 0, sector, sizeof(sector)) != 0 ||
        (sector[510] | sector[511] << 8) != MBR_SIGNATURE)
        return false;
    memcpy(entries, sector + MBR_ENTRIES, sizeof(entries));
    for (unsigned i = 0; i < 4; i++) {
        *base = (uint64_t)entries[i].first * BDEV_SECTOR;
        if (entries[i].type == MBR_TYPE_VMFS && has_lvm(dev, *base))
            return true;
    }
    return false;
}

int lvm_find_partition(struct bdev *dev, uint64_t *base)
{
    /* A disk may carry traces of an older table: what has a header right here is whole. */
    if (!has_lvm(dev, 0) &&
        (find_gpt(dev, 512, base) || find_gpt(dev, 4096, base) || find_mbr(dev, base)))
        return 0;
    *base = 0;
    return dev->size < LVM_HEADER_OFFSET + BDEV_SECTOR ? -ENODEV : 0;
}

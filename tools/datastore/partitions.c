/* SPDX-License-Identifier: MIT */
/* MBR with logical partitions, and GPT (UEFI 2.10, section 5). */
#include "partitions.h"

#include <endian.h>
#include <string.h>

#define SECTOR         512u
#define MBR_ENTRIES_AT 446u
#define MBR_ENTRY_SIZE 16u
#define TYPE_EXTENDED  0x05
#define TYPE_EXTENDED2 0x0F
#define TYPE_GPT       0xEE
#define GPT_ENTRY_SIZE 128u

struct list {
    struct disk *disk;
    struct partition *entries;
    unsigned n;
};

static void add(struct list *list, unsigned number, uint64_t first, uint64_t count)
{
    uint64_t sectors = list->disk->size / SECTOR;

    if (list->n == PARTITIONS_MAX || count == 0 || first >= sectors || count > sectors - first)
        return;
    list->entries[list->n++] = (struct partition){number, first * SECTOR, count * SECTOR};
}

static bool read_sector(struct disk *disk, uint64_t sector, uint8_t out[SECTOR])
{
    return sector < disk->size / SECTOR && disk_read(disk, sector * SECTOR, out, SECTOR) == 0;
}

static uint32_t get32(const uint8_t *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof(value));
    return le32toh(value);
}

static uint64_t get64(const uint8_t *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof(value));
    return le64toh(value);
}

static void read_gpt(struct list *list)
{
    static const uint8_t unused[16];
    uint8_t header[SECTOR], sector[SECTOR];
    uint64_t table;
    uint32_t count;

    if (!read_sector(list->disk, 1, header) || memcmp(header, "EFI PART", 8) != 0 ||
        get32(header + 84) != GPT_ENTRY_SIZE)
        return;
    table = get64(header + 72);
    count = get32(header + 80);
    for (uint32_t i = 0; i < count && i < PARTITIONS_MAX; i++) {
        const uint8_t *entry = sector + i % 4 * GPT_ENTRY_SIZE;
        uint64_t first, last;

        if (i % 4 == 0 && !read_sector(list->disk, table + i / 4, sector))
            return;
        first = get64(entry + 32);
        last = get64(entry + 40);
        if (memcmp(entry, unused, sizeof(unused)) != 0 && last >= first)
            add(list, i + 1, first, last - first + 1);
    }
}

/* The chain of tables in an extended partition; each names one partition and the next table. */
static void read_logical(struct list *list, uint64_t extended)
{
    uint64_t at = extended;

    for (unsigned number = 5; number < PARTITIONS_MAX; number++) {
        uint8_t sector[SECTOR];
        const uint8_t *entry = sector + MBR_ENTRIES_AT;

        if (!read_sector(list->disk, at, sector) || sector[510] != 0x55 || sector[511] != 0xAA)
            return;
        add(list, number, at + get32(entry + 8), get32(entry + 12));
        entry += MBR_ENTRY_SIZE;
        if (get32(entry + 12) == 0)
            return;
        at = extended + get32(entry + 8);
    }
}

unsigned partitions_read(struct disk *disk, struct partition out[PARTITIONS_MAX])
{
    struct list list = {.disk = disk, .entries = out};
    uint8_t sector[SECTOR];

    add(&list, 0, 0, disk->size / SECTOR);
    if (!read_sector(disk, 0, sector) || sector[510] != 0x55 || sector[511] != 0xAA)
        return list.n;
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *entry = sector + MBR_ENTRIES_AT + i * MBR_ENTRY_SIZE;

        if (entry[4] == TYPE_GPT) {
            read_gpt(&list);
            return list.n;
        }
        if (entry[4] == TYPE_EXTENDED || entry[4] == TYPE_EXTENDED2)
            read_logical(&list, get32(entry + 8));
        else if (entry[4] != 0)
            add(&list, i + 1, get32(entry + 8), get32(entry + 12));
    }
    return list.n;
}

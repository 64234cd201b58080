/* SPDX-License-Identifier: MIT */
/* cowd: vmfsSparse deltas, read and written. */
#include "block/vmdk/cowd.h"

#include "block/vmdk/check.h"
#include "block/vmdk/tables.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COWD_MAGIC    0x44574F43u
#define COWD_FLAGS    3u
#define TABLE_ENTRIES 4096u
#define TABLE_BYTES   (TABLE_ENTRIES * 4u)
#define GRAIN_MAX     2048u /* sectors: 1 MiB */
#define DIRECTORY     4u    /* sectors: behind the header */

struct cowd_header {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t capacity; /* sectors, as all that follow */
    uint32_t grain_size;
    uint32_t directory;
    uint32_t directory_entries;
    uint32_t free_sector;
    char parent[1024];
    uint32_t parent_generation;
    uint32_t generation;
    char name[60];
    char description[512];
    uint32_t saved_generation;
    uint8_t reserved[8];
    uint32_t unclean;
    uint8_t padding[396];
} __attribute__((packed));
static_assert(sizeof(struct cowd_header) == 2048, "layout on disk");
static_assert(offsetof(struct cowd_header, parent_generation) == 1056, "layout on disk");
static_assert(offsetof(struct cowd_header, unclean) == 1648, "layout on disk");

struct cowd {
    struct extent extent;
    struct cowd_header header;
    struct tables *tables;
    uint64_t next; /* bytes: where the next grain or table goes */
    bool changed;
};

static struct cowd *cowd_of(struct extent *extent)
{
    return (struct cowd *)extent;
}

bool cowd_probe(const void *sector)
{
    uint32_t magic;

    memcpy(&magic, sector, sizeof(magic));
    return magic == COWD_MAGIC;
}

static uint32_t directory_entries(uint64_t capacity, uint64_t grain)
{
    return (uint32_t)((capacity + TABLE_ENTRIES * grain - 1) / (TABLE_ENTRIES * grain));
}

/* NULL, or what is wrong with a header. */
static const char *header_fault(const struct cowd_header *h, int *code)
{
    *code = -EINVAL;
    if (h->magic != COWD_MAGIC)
        return "no COWD header";
    if (h->capacity == 0)
        return "capacity is 0";
    if (h->grain_size == 0 || h->grain_size > GRAIN_MAX)
        return "grain size is not 512 bytes to 1 MiB";
    if (h->directory < DIRECTORY)
        return "the grain directory lies in the header";
    if (h->directory_entries < directory_entries(h->capacity, h->grain_size))
        return "the grain directory is too short for the capacity";
    *code = -ENOTSUP;
    if (h->version != 1 || h->flags != COWD_FLAGS)
        return "a version or flags that are not known here";
    return NULL;
}

static int cowd_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out);
static int cowd_allocate(struct extent *extent, uint64_t offset, const void *data, size_t length);
static int cowd_commit(struct extent *extent);
static int cowd_flush(struct extent *extent);
static int cowd_check(struct extent *extent, struct vmdk_check *check);
static int cowd_close(struct extent *extent);

static const struct extent_ops cowd_ops = {
    .locate = cowd_locate,
    .allocate = cowd_allocate,
    .commit = cowd_commit,
    .flush = cowd_flush,
    .check = cowd_check,
    .close = cowd_close,
};

int cowd_open(struct store_file *file, const char *name, uint64_t size, bool writable,
              struct extent **out)
{
    struct cowd *cowd = calloc(1, sizeof(*cowd));
    uint64_t directory_end;
    const char *fault;
    int rc, code;

    if (cowd == NULL || (cowd->tables = tables_new(file)) == NULL) {
        free(cowd);
        snprintf(file->store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    cowd->extent =
        (struct extent){.ops = &cowd_ops, .file = file, .size = size, .writable = writable};
    snprintf(cowd->extent.name, sizeof(cowd->extent.name), "%s", name);
    rc = extent_file_read(&cowd->extent, 0, &cowd->header, sizeof(cowd->header));
    fault = rc == 0 ? header_fault(&cowd->header, &code) : NULL;
    if (fault != NULL)
        rc = extent_fail(&cowd->extent, code, "%s", fault);
    directory_end = (uint64_t)cowd->header.directory * VMDK_SECTOR +
                    cowd->header.directory_entries * sizeof(uint32_t);
    if (rc == 0 && directory_end > file->length)
        rc = extent_fail(&cowd->extent, -EINVAL,
                         "the file was cut short: its grain directory reaches byte %llu, it has "
                         "%llu",
                         (unsigned long long)directory_end, (unsigned long long)file->length);
    if (rc == 0 && cowd->header.capacity < size / VMDK_SECTOR)
        rc = extent_fail(&cowd->extent, -EINVAL,
                         "the extent has %u sectors, its descriptor says %llu",
                         cowd->header.capacity, (unsigned long long)size / VMDK_SECTOR);
    if (rc != 0) {
        tables_free(cowd->tables);
        free(cowd);
        return rc;
    }
    cowd->extent.grain = cowd->header.grain_size * VMDK_SECTOR;
    cowd->next = (uint64_t)cowd->header.free_sector * VMDK_SECTOR;
    if (cowd->next < file->length)
        cowd->next = file->length;
    *out = &cowd->extent;
    return 0;
}

/* The entry of one grain; `table` gets the byte of its table, 0 where there is none. */
static int entry_get(struct cowd *cowd, uint64_t grain, uint64_t *table, uint32_t *out)
{
    uint64_t at = (uint64_t)cowd->header.directory * VMDK_SECTOR + grain / TABLE_ENTRIES * 4;
    uint64_t bytes = cowd->extent.size - grain * cowd->extent.grain;
    uint32_t sector;
    int rc = tables_get32(cowd->tables, at, &sector);

    *out = 0;
    *table = (uint64_t)sector * VMDK_SECTOR;
    if (rc != 0 || sector == 0)
        return rc;
    if (sector < DIRECTORY)
        return extent_fail(&cowd->extent, -EINVAL, "grain table %llu lies in the header",
                           (unsigned long long)grain / TABLE_ENTRIES);
    rc = tables_get32(cowd->tables, *table + grain % TABLE_ENTRIES * 4, out);
    at = (uint64_t)*out * VMDK_SECTOR;
    if (bytes > cowd->extent.grain)
        bytes = cowd->extent.grain;
    if (rc == 0 && *out != 0 &&
        (*out < DIRECTORY || at > cowd->extent.file->length ||
         bytes > cowd->extent.file->length - at))
        rc = extent_fail(&cowd->extent, -EINVAL,
                         "grain %llu is said to lie at sector %u, past the file's end or in its "
                         "header",
                         (unsigned long long)grain, *out);
    return rc;
}

static int cowd_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out)
{
    struct cowd *cowd = cowd_of(extent);
    unsigned looks = 0;

    out->length = 0;
    while (out->length < most && looks++ < EXTENT_LOOK_MAX) {
        uint64_t covered = (uint64_t)TABLE_ENTRIES * extent->grain;
        uint64_t at = offset + out->length, inside = at % extent->grain, table, stored;
        uint32_t entry;
        int rc = entry_get(cowd, at / extent->grain, &table, &entry);

        if (rc != 0)
            return out->length > 0 ? 0 : rc;
        stored = (uint64_t)entry * VMDK_SECTOR + inside;
        if (out->length == 0)
            *out = (struct place){entry == 0 ? PLACE_ABSENT : PLACE_STORED, stored, 0};
        else if ((entry == 0) != (out->kind == PLACE_ABSENT) ||
                 (entry != 0 && stored != out->at + out->length))
            break;
        /* Where there is no table nothing is, up to the next one. */
        out->length += table == 0 ? covered - at % covered : extent->grain - inside;
    }
    if (out->length > most)
        out->length = most;
    return 0;
}

static int take_room(struct cowd *cowd, uint64_t bytes, uint64_t *out)
{
    uint64_t at = (cowd->next + VMDK_SECTOR - 1) / VMDK_SECTOR * VMDK_SECTOR;
    int rc;

    if ((at + bytes) / VMDK_SECTOR > UINT32_MAX)
        return extent_fail(&cowd->extent, -EFBIG,
                           "a vmfsSparse delta holds at most 2 TiB: merge it, or clone the disk");
    rc = extent_file_reach(&cowd->extent, at + bytes);
    if (rc == 0) {
        cowd->next = at + bytes;
        cowd->changed = true;
        *out = at;
    }
    return rc;
}

static int put_grain(struct cowd *cowd, uint64_t grain, uint32_t sector)
{
    uint64_t at = (uint64_t)cowd->header.directory * VMDK_SECTOR + grain / TABLE_ENTRIES * 4;
    uint64_t table;
    uint32_t old;
    int rc = entry_get(cowd, grain, &table, &old);

    if (rc == 0 && table == 0) {
        rc = take_room(cowd, TABLE_BYTES, &table);
        if (rc == 0)
            rc = tables_clear(cowd->tables, table, TABLE_BYTES);
        if (rc == 0)
            rc = tables_put32(cowd->tables, at, (uint32_t)(table / VMDK_SECTOR), TABLES_LATE);
    }
    if (rc == 0)
        rc = tables_put32(cowd->tables, table + grain % TABLE_ENTRIES * 4, sector, TABLES_LATE);
    return rc;
}

static int cowd_allocate(struct extent *extent, uint64_t offset, const void *data, size_t length)
{
    struct cowd *cowd = cowd_of(extent);
    uint64_t grain = offset / extent->grain;
    uint64_t end = grain + (length + extent->grain - 1) / extent->grain, at = 0;
    int rc = take_room(cowd, (end - grain) * extent->grain, &at);

    if (rc == 0)
        rc = extent_file_write(extent, at, data, length);
    for (; grain < end && rc == 0; grain++, at += extent->grain)
        rc = put_grain(cowd, grain, (uint32_t)(at / VMDK_SECTOR));
    return rc;
}

static int cowd_commit(struct extent *extent)
{
    return extent->writable ? tables_commit(cowd_of(extent)->tables) : 0;
}

static int cowd_flush(struct extent *extent)
{
    return extent->writable ? tables_flush(cowd_of(extent)->tables) : 0;
}

/* Tables first; then the header learns how far they reach. */
static int cowd_close(struct extent *extent)
{
    struct cowd *cowd = cowd_of(extent);
    int rc = cowd_flush(extent);

    if (rc == 0 && cowd->changed) {
        rc = extent_file_trim(extent, cowd->next);
        cowd->header.free_sector = (uint32_t)(cowd->next / VMDK_SECTOR);
        if (rc == 0)
            rc = extent_file_write(extent, 0, &cowd->header, VMDK_SECTOR);
        if (rc == 0)
            rc = extent->file->store->ops->flush(extent->file);
    }
    tables_free(cowd->tables);
    extent_free(extent);
    return rc;
}

struct checking {
    struct cowd *cowd;
    struct vmdk_check *check;
    struct check_room room;   /* by grain */
    struct check_room tables; /* by sector: where each table begins */
    uint64_t reach;           /* sectors: end of the last grain */
};

/* One table's grains: each where it can be, none where another is. */
static int check_table(struct checking *c, uint64_t first)
{
    struct cowd *cowd = c->cowd;
    uint64_t grains = (cowd->extent.size + cowd->extent.grain - 1) / cowd->extent.grain, table;

    for (uint64_t grain = first; grain < grains && grain < first + TABLE_ENTRIES; grain++) {
        uint32_t entry;
        int rc = entry_get(cowd, grain, &table, &entry);

        if (rc == -EINVAL)
            check_found(c->check, &cowd->extent, false, "%s", cowd->extent.file->store->error);
        else if (rc != 0)
            return rc;
        if (table == 0)
            return 0;
        if (grain == first && !check_room_take(&c->tables, table / VMDK_SECTOR)) {
            check_found(c->check, &cowd->extent, false,
                        "grain table %llu is another's too, or past the file's end",
                        (unsigned long long)first / TABLE_ENTRIES);
            return 0;
        }
        if (rc != 0 || entry == 0)
            continue;
        if (c->reach < (uint64_t)entry + cowd->header.grain_size)
            c->reach = (uint64_t)entry + cowd->header.grain_size;
        if (!check_room_take(&c->room, (uint64_t)entry * VMDK_SECTOR / cowd->extent.grain))
            check_found(c->check, &cowd->extent, false, "grain %llu shares sector %u with another",
                        (unsigned long long)grain, entry);
    }
    return 0;
}

static int cowd_check(struct extent *extent, struct vmdk_check *check)
{
    struct checking c = {.cowd = cowd_of(extent), .check = check};
    uint64_t covered = (uint64_t)TABLE_ENTRIES * extent->grain;
    int rc = check_room_init(&c.room, extent, extent->grain);

    if (rc == 0)
        rc = check_room_init(&c.tables, extent, VMDK_SECTOR);
    for (uint64_t at = 0; at < extent->size && rc == 0; at += covered) {
        check_reached(check, at);
        rc = check_table(&c, at / extent->grain);
    }
    if (rc == 0 && c.cowd->header.free_sector < c.reach) {
        check_found(check, extent, check->repair,
                    "the next free sector is noted as %u, the file has data up to %llu",
                    c.cowd->header.free_sector, (unsigned long long)c.reach);
        c.cowd->changed = check->repair;
    }
    check_room_free(&c.room);
    check_room_free(&c.tables);
    return rc;
}

int cowd_make(struct store_file *file, uint64_t size, uint32_t grain, const char *parent)
{
    struct cowd_header header = {.magic = COWD_MAGIC,
                                 .version = 1,
                                 .flags = COWD_FLAGS,
                                 .capacity = (uint32_t)(size / VMDK_SECTOR),
                                 .grain_size = grain == 0 ? 1 : grain / VMDK_SECTOR,
                                 .directory = DIRECTORY};
    uint64_t directory_bytes;
    int rc;

    if (size / VMDK_SECTOR > UINT32_MAX || header.grain_size == 0 ||
        header.grain_size > GRAIN_MAX) {
        snprintf(file->store->error, STORE_ERROR_MAX,
                 "a vmfsSparse delta has at most 2 TiB less a sector, and grains of 512 bytes to "
                 "1 MiB: make it seSparse");
        return -EINVAL;
    }
    header.directory_entries = directory_entries(header.capacity, header.grain_size);
    directory_bytes =
        (header.directory_entries * 4ull + VMDK_SECTOR - 1) / VMDK_SECTOR * VMDK_SECTOR;
    header.free_sector = DIRECTORY + (uint32_t)(directory_bytes / VMDK_SECTOR);
    if (parent != NULL)
        snprintf(header.parent, sizeof(header.parent), "%s", parent);
    rc = file->store->ops->resize(file, (uint64_t)header.free_sector * VMDK_SECTOR, STORE_THIN);
    if (rc == 0)
        rc = file->store->ops->write(file, 0, &header, sizeof(header));
    return rc == 0 ? file->store->ops->flush(file) : rc;
}

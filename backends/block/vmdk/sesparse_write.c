/* SPDX-License-Identifier: MIT */
/* sesparse: new grains, and new deltas. */
#include "block/vmdk/sesparse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AREA 0x800u /* sectors: areas begin at multiples of 1 MiB */

static int bitmap_get(struct se_extent *se, uint64_t grain, uint64_t *at, uint64_t *word)
{
    *at = se_at(&se->header.bitmap) + grain / 64 * sizeof(*word);
    return tables_get64(se->tables, *at, word);
}

/*
 * A free grain of the file, from where the last one was found on; -ENOSPC when all are in use. The
 * file's end is tried first, so the whole bitmap is walked only once the area is full.
 */
static int find_free(struct se_extent *se, uint64_t *out)
{
    uint64_t count = se_grain_count(se), grain = se->next, word, at;

    for (uint64_t seen = 0; seen < count + 64;) {
        int rc;

        if (grain >= count)
            grain = 0;
        rc = bitmap_get(se, grain, &at, &word);
        if (rc != 0)
            return rc;
        if (word == UINT64_MAX) {
            seen += 64 - grain % 64;
            grain += 64 - grain % 64;
        } else if ((word >> grain % 64 & 1) != 0) {
            seen++;
            grain++;
        } else {
            *out = grain;
            return 0;
        }
    }
    return extent_fail(&se->extent, -ENOSPC, "every grain is in use");
}

/* Marks a grain of the file as holding `held` of the disk. */
static int take_grain(struct se_extent *se, uint64_t grain, uint64_t held)
{
    uint64_t at, word;
    int rc = bitmap_get(se, grain, &at, &word);

    if (rc == 0)
        rc = tables_put64(se->tables, at, word | 1ull << grain % 64, TABLES_EARLY);
    if (rc == 0)
        rc = tables_put64(se->tables, se_at(&se->header.backmap) + grain * sizeof(uint64_t),
                          SE_BACKMAP | se_rotate(held), TABLES_EARLY);
    if (rc == 0)
        se->next = grain + 1;
    return rc;
}

/*
 * Whether every table in use is counted, so that the next one may be cleared. The directory is read
 * once, before the first new table.
 */
static int count_tables(struct se_extent *se)
{
    uint64_t covered = (uint64_t)SE_TABLE_ENTRIES * SE_GRAIN, number;
    uint64_t most = (se->extent.size + covered - 1) / covered;

    for (uint64_t table = 0; table < most && !se->counted; table++) {
        int rc = se_table_at(se, table, &number);

        if (rc != 0)
            return rc;
        if (number != 0 &&
            (number - se_at(&se->header.tables)) / (SE_TABLE_SECTORS * VMDK_SECTOR) >=
                se->state.next_table)
            return extent_fail(&se->extent, -EINVAL,
                               "grain table %llu is in use, but not counted: copy the disk",
                               (unsigned long long)table);
    }
    se->counted = true;
    return 0;
}

/* Gives a range of the disk its table; the volatile header counts it before the directory has it.
 */
static int make_table(struct se_extent *se, uint64_t table, uint64_t *out)
{
    uint64_t number = se->state.next_table;
    int rc = count_tables(se);

    if (rc != 0)
        return rc;
    if (number >= se->header.tables.size / SE_TABLE_SECTORS)
        return extent_fail(&se->extent, -ENOSPC, "every grain table is in use");
    *out = se_at(&se->header.tables) + number * SE_TABLE_SECTORS * VMDK_SECTOR;
    rc = tables_clear(se->tables, *out, SE_TABLE_SECTORS * VMDK_SECTOR);
    if (rc == 0)
        rc = tables_put64(se->tables,
                          se_at(&se->header.volatile_header) +
                              offsetof(struct se_volatile, next_table),
                          number + 1, TABLES_EARLY);
    if (rc == 0)
        rc = tables_put64(se->tables, se_at(&se->header.directory) + table * sizeof(uint64_t),
                          SE_TABLE | number, TABLES_LATE);
    if (rc == 0)
        se->state.next_table = number + 1;
    return rc;
}

static int put_entry(struct se_extent *se, uint64_t grain, uint64_t entry)
{
    uint64_t table;
    int rc = se_table_at(se, grain / SE_TABLE_ENTRIES, &table);

    if (rc == 0 && table == 0)
        rc = make_table(se, grain / SE_TABLE_ENTRIES, &table);
    if (rc == 0)
        rc = tables_put64(se->tables, table + grain % SE_TABLE_ENTRIES * sizeof(entry), entry,
                          TABLES_LATE);
    return rc;
}

/* As many free grains in a row as asked for, or fewer, at least one. */
static int find_run(struct se_extent *se, uint64_t want, uint64_t *first, uint64_t *have)
{
    uint64_t count = se_grain_count(se), at, word;
    int rc = find_free(se, first);

    for (*have = 1; rc == 0 && *have < want && *first + *have < count; (*have)++) {
        rc = bitmap_get(se, *first + *have, &at, &word);
        if (rc == 0 && (word >> (*first + *have) % 64 & 1) != 0)
            break;
    }
    return rc;
}

int se_allocate(struct extent *extent, uint64_t offset, const void *data, size_t length)
{
    struct se_extent *se = se_of(extent);
    uint64_t grain = offset / SE_GRAIN, left = (length + SE_GRAIN - 1) / SE_GRAIN;
    int rc = 0;

    while (left > 0 && rc == 0) {
        uint64_t first = 0, run = 0;
        size_t bytes;

        rc = find_run(se, left, &first, &run);
        if (rc != 0)
            return rc;
        bytes = run * SE_GRAIN < length ? (size_t)(run * SE_GRAIN) : length;
        rc = extent_file_reach(extent, se_grain_at(se, first + run));
        if (rc == 0 && se->end < se_grain_at(se, first + run))
            se->end = se_grain_at(se, first + run);
        if (rc == 0)
            rc = extent_file_write(extent, se_grain_at(se, first), data, bytes);
        for (uint64_t i = 0; i < run && rc == 0; i++) {
            rc = take_grain(se, first + i, grain + i);
            if (rc == 0)
                rc = put_entry(se, grain + i, SE_STORED | se_rotate(first + i));
        }
        data = (const char *)data + bytes;
        length -= bytes;
        grain += run;
        left -= run;
    }
    return rc;
}

int se_commit(struct extent *extent)
{
    return extent->writable ? tables_commit(se_of(extent)->tables) : 0;
}

int se_flush(struct extent *extent)
{
    return extent->writable ? tables_flush(se_of(extent)->tables) : 0;
}

int se_close(struct extent *extent)
{
    struct se_extent *se = se_of(extent);
    int rc = se_flush(extent);

    if (rc == 0 && extent->writable)
        rc = extent_file_trim(extent, se->end);
    tables_free(se->tables);
    extent_free(extent);
    return rc;
}

static struct se_area area_after(const struct se_area *before, uint64_t bytes)
{
    uint64_t sectors = (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR;

    return (struct se_area){before->offset + before->size, (sectors + AREA - 1) / AREA * AREA};
}

int se_make(struct store_file *file, uint64_t size)
{
    uint64_t grains = (size + SE_GRAIN - 1) / SE_GRAIN;
    uint64_t tables = (grains + SE_TABLE_ENTRIES - 1) / SE_TABLE_ENTRIES;
    struct se_header h = {
        .magic = SE_MAGIC,
        .version = SE_VERSION,
        .capacity = size / VMDK_SECTOR,
        .grain_size = SE_GRAIN / VMDK_SECTOR,
        .table_size = SE_TABLE_SECTORS,
        .volatile_header = {1, 1},
        .journal_header = {2, 2},
        .journal = {AREA, AREA},
    };
    struct se_volatile state = {.magic = SE_VOLATILE_MAGIC, .next_sequence = 1};
    uint64_t journal[2 * VMDK_SECTOR / sizeof(uint64_t)] = {SE_JOURNAL_MAGIC, 1, 1};
    const struct store_ops *ops = file->store->ops;
    int rc;

    if (size == 0 || size / VMDK_SECTOR > VMDK_MAX_SECTORS) {
        snprintf(file->store->error, STORE_ERROR_MAX, "a seSparse delta has at most 64 TiB");
        return -EINVAL;
    }
    h.directory = area_after(&h.journal, tables * sizeof(uint64_t));
    h.tables = area_after(&h.directory, tables * SE_TABLE_SECTORS * VMDK_SECTOR);
    h.bitmap = area_after(&h.tables, grains / 8 + 8);
    h.backmap = area_after(&h.bitmap, grains * sizeof(uint64_t));
    h.grains =
        (struct se_area){h.backmap.offset + h.backmap.size, grains * (SE_GRAIN / VMDK_SECTOR)};
    rc = ops->resize(file, h.grains.offset * VMDK_SECTOR, STORE_THIN);
    if (rc == 0)
        rc = ops->write(file, VMDK_SECTOR, &state, sizeof(state));
    if (rc == 0)
        rc = ops->write(file, 2 * VMDK_SECTOR, journal, sizeof(journal));
    if (rc == 0)
        rc = ops->write(file, 0, &h, sizeof(h));
    return rc == 0 ? ops->flush(file) : rc;
}

/* SPDX-License-Identifier: MIT */
/* kdmv: new grains, flushing and closing. */
#include "block/vmdk/kdmv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/*
 * The header says whether every writer left in order: then both copies of the tables agree, and
 * where they do not one was damaged.
 */
static int mark_unclean(struct kdmv *kdmv, bool unclean)
{
    int rc;

    if (kdmv->marked_unclean == unclean)
        return 0;
    kdmv->header.unclean = unclean;
    rc = extent_file_write(&kdmv->extent, 0, &kdmv->header, sizeof(kdmv->header));
    if (rc == 0) {
        tables_forget(kdmv->tables, 0, sizeof(kdmv->header));
        rc = kdmv->extent.file->store->ops->flush(kdmv->extent.file);
    }
    if (rc == 0)
        kdmv->marked_unclean = unclean;
    return rc;
}

/* Takes `bytes` of room at the end of the file. */
static int take_room(struct kdmv *kdmv, uint64_t bytes, uint64_t unit, uint64_t *out)
{
    uint64_t at = round_up(kdmv->next, unit);
    int rc;

    if ((at + bytes) / VMDK_SECTOR > UINT32_MAX)
        return extent_fail(&kdmv->extent, -EFBIG,
                           "a hosted sparse file holds at most 2 TiB: clone it to another kind");
    rc = extent_file_reach(&kdmv->extent, at + bytes);
    if (rc == 0) {
        kdmv->next = at + bytes;
        *out = at;
    }
    return rc;
}

/* Makes the tables that one directory lacks; they hold absent grains. */
static int make_table(struct kdmv *kdmv, enum kdmv_copy copy, uint64_t table, uint64_t *out)
{
    uint64_t directory =
        copy == KDMV_PRIMARY ? kdmv->header.directory : kdmv->header.redundant_directory;
    uint64_t bytes = round_up(kdmv->header.table_entries * sizeof(uint32_t), VMDK_SECTOR);
    int rc = take_room(kdmv, bytes, VMDK_SECTOR, out);

    if (rc == 0)
        rc = tables_clear(kdmv->tables, *out, bytes);
    if (rc == 0)
        rc = tables_put32(kdmv->tables, directory * VMDK_SECTOR + table * sizeof(uint32_t),
                          (uint32_t)(*out / VMDK_SECTOR), TABLES_LATE);
    return rc;
}

/* Notes one grain's sector in one copy. A copy that is broken stays as it is for the checker. */
static int put_entry(struct kdmv *kdmv, enum kdmv_copy copy, uint64_t grain, uint32_t sector,
                     bool *noted)
{
    uint64_t table = grain / kdmv->header.table_entries, at;
    int rc = kdmv_table_at(kdmv, copy, table, &at);

    if (rc == -EINVAL)
        return 0;
    if (rc == 0 && at == 0)
        rc = make_table(kdmv, copy, table, &at);
    if (rc == 0)
        rc = tables_put32(kdmv->tables, at + grain % kdmv->header.table_entries * sizeof(uint32_t),
                          sector, TABLES_LATE);
    *noted = *noted || rc == 0;
    return rc;
}

static int put_grain(struct kdmv *kdmv, uint64_t grain, uint32_t sector)
{
    bool noted = false;
    int rc = put_entry(kdmv, KDMV_PRIMARY, grain, sector, &noted);

    if (rc == 0 && kdmv_has_redundant(kdmv))
        rc = put_entry(kdmv, KDMV_REDUNDANT, grain, sector, &noted);
    if (rc == 0 && !noted)
        rc = extent_fail(&kdmv->extent, -EINVAL, "no whole grain table for grain %llu",
                         (unsigned long long)grain);
    return rc;
}

int kdmv_allocate(struct extent *extent, uint64_t offset, const void *data, size_t length)
{
    struct kdmv *kdmv = kdmv_of(extent);
    uint64_t grain = offset / extent->grain,
             end = grain + (length + extent->grain - 1) / extent->grain;
    uint64_t at = 0;
    int rc = mark_unclean(kdmv, true);

    if (rc == 0)
        rc = take_room(kdmv, (end - grain) * extent->grain, extent->grain, &at);
    if (rc == 0)
        rc = extent_file_write(extent, at, data, length);
    for (; grain < end && rc == 0; grain++, at += extent->grain)
        rc = put_grain(kdmv, grain, (uint32_t)(at / VMDK_SECTOR));
    return rc;
}

static int kdmv_commit(struct extent *extent)
{
    return extent->writable ? tables_commit(kdmv_of(extent)->tables) : 0;
}

int kdmv_flush(struct extent *extent)
{
    return extent->writable ? tables_flush(kdmv_of(extent)->tables) : 0;
}

int kdmv_close(struct extent *extent)
{
    struct kdmv *kdmv = kdmv_of(extent);
    int rc = kdmv_flush(extent);

    if (rc == 0 && kdmv->marked_unclean)
        rc = extent_file_trim(extent, kdmv->next);
    if (rc == 0 && !kdmv->stays_unclean)
        rc = mark_unclean(kdmv, false);
    kdmv_packer_free(kdmv->packer);
    tables_free(kdmv->tables);
    extent_free(extent);
    return rc;
}

const struct extent_ops kdmv_plain_ops = {
    .locate = kdmv_locate,
    .allocate = kdmv_allocate,
    .commit = kdmv_commit,
    .flush = kdmv_flush,
    .check = kdmv_check,
    .close = kdmv_close,
};

const struct extent_ops kdmv_stream_ops = {
    .locate = kdmv_locate,
    .read = kdmv_stream_read,
    .flush = kdmv_flush,
    .check = kdmv_check,
    .close = kdmv_close,
};

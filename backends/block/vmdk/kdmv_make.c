/* SPDX-License-Identifier: MIT */
/* kdmv: making hosted sparse extents, and giving them a larger capacity. */
#include "block/vmdk/kdmv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRAIN_DEFAULT (64u * 1024)
#define COPY_BYTES    (64u * 1024)

static uint64_t sectors_of(uint64_t bytes)
{
    return (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR;
}

static int fail(struct store_file *file, int rc, const char *why)
{
    snprintf(file->store->error, STORE_ERROR_MAX, "%s", why);
    return rc;
}

/* A directory and its tables, all absent, in an area of zeros: only the directory is written. */
static int write_directory(struct store_file *file, uint64_t directory, uint64_t first_table,
                           uint64_t tables)
{
    uint32_t entries[COPY_BYTES / sizeof(uint32_t)];
    const uint64_t most = COPY_BYTES / sizeof(uint32_t);
    int rc = 0;

    for (uint64_t done = 0; done < tables && rc == 0; done += most) {
        uint64_t count = tables - done < most ? tables - done : most;

        for (uint64_t i = 0; i < count; i++)
            entries[i] = (uint32_t)(first_table + (done + i) * 4);
        rc = file->store->ops->write(file, directory * VMDK_SECTOR + done * sizeof(uint32_t),
                                     entries, count * sizeof(uint32_t));
    }
    return rc;
}

int kdmv_make(struct store_file *file, const struct kdmv_make *how)
{
    uint32_t grain = how->grain == 0 ? GRAIN_DEFAULT : how->grain;
    struct kdmv_header header = {
        .magic = KDMV_MAGIC,
        .version = how->zero_grains ? 2 : 1,
        .flags = KDMV_FLAG_NEWLINES | KDMV_FLAG_REDUNDANT |
                 (how->zero_grains ? KDMV_FLAG_ZERO_GRAINS : 0),
        .capacity = how->size / VMDK_SECTOR,
        .grain_size = grain / VMDK_SECTOR,
        .descriptor_offset = how->descriptor_sectors == 0 ? 0 : 1,
        .descriptor_size = how->descriptor_sectors,
        .table_entries = KDMV_TABLE_ENTRIES,
        .newline = {'\n', ' ', '\r', '\n'},
    };
    uint64_t covered = header.grain_size * KDMV_TABLE_ENTRIES;
    uint64_t tables = (header.capacity + covered - 1) / covered;
    uint64_t directory_sectors = sectors_of(tables * sizeof(uint32_t)), room;
    int rc;

    if (grain < 4096 || grain > (1u << 20) || (grain & (grain - 1)) != 0)
        return fail(file, -EINVAL, "a grain is a power of two from 4 KiB to 1 MiB");
    header.redundant_directory = 1 + how->descriptor_sectors;
    header.directory = header.redundant_directory + directory_sectors + tables * 4;
    room = header.directory + directory_sectors + tables * 4;
    header.overhead = (room + header.grain_size - 1) / header.grain_size * header.grain_size;
    if (header.overhead > UINT32_MAX / 2)
        return fail(file, -EFBIG, "the disk is too large for a hosted sparse file");
    rc = file->store->ops->resize(file, header.overhead * VMDK_SECTOR, STORE_THIN);
    if (rc == 0)
        rc = write_directory(file, header.redundant_directory,
                             header.redundant_directory + directory_sectors, tables);
    if (rc == 0)
        rc = write_directory(file, header.directory, header.directory + directory_sectors, tables);
    if (rc == 0)
        rc = file->store->ops->write(file, 0, &header, sizeof(header));
    return rc == 0 ? file->store->ops->flush(file) : rc;
}

/* Copies one old directory into a larger one and gives it tables for all of the new capacity. */
static int regrow_directory(struct kdmv *kdmv, enum kdmv_copy copy, uint64_t directory,
                            uint64_t tables)
{
    struct store_file *file = kdmv->extent.file;
    uint64_t old = kdmv_table_count(kdmv), directory_sectors = sectors_of(tables * 4);
    int rc = write_directory(file, directory, directory + directory_sectors, tables);

    for (uint64_t table = 0; table < old && rc == 0; table++) {
        uint64_t at;
        uint32_t sector;

        rc = kdmv_table_at(kdmv, copy, table, &at);
        sector = (uint32_t)(at / VMDK_SECTOR);
        if (rc == 0 && sector != 0)
            rc = file->store->ops->write(file, directory * VMDK_SECTOR + table * 4, &sector,
                                         sizeof(sector));
    }
    return rc;
}

/*
 * New directories go to the end of the file, and the header, one sector, moves over to them: a
 * crash leaves the old disk or the new one.
 */
int kdmv_grow(struct extent *extent, uint64_t size)
{
    struct kdmv *kdmv = kdmv_of(extent);
    struct kdmv_header header = kdmv->header;
    uint64_t covered = header.grain_size * header.table_entries, tables, each, start;
    int rc;

    if (extent->ops != &kdmv_plain_ops)
        return extent_fail(extent, -ENOTSUP, "a stream does not grow: clone it to another kind");
    if (header.table_entries != KDMV_TABLE_ENTRIES)
        return extent_fail(extent, -ENOTSUP, "grain tables of an unusual size do not grow");
    header.capacity = size / VMDK_SECTOR;
    tables = (header.capacity + covered - 1) / covered;
    start = (kdmv->next + VMDK_SECTOR - 1) / VMDK_SECTOR;
    each = sectors_of(tables * sizeof(uint32_t)) + tables * 4;
    if (start + 2 * each > UINT32_MAX)
        return extent_fail(extent, -EFBIG, "a hosted sparse file holds at most 2 TiB");
    rc = extent->file->store->ops->resize(extent->file, (start + 2 * each) * VMDK_SECTOR,
                                          STORE_THIN);
    if (rc == 0)
        rc = regrow_directory(kdmv, KDMV_PRIMARY, start, tables);
    if (rc == 0 && kdmv_has_redundant(kdmv))
        rc = regrow_directory(kdmv, KDMV_REDUNDANT, start + each, tables);
    if (rc == 0)
        rc = extent->file->store->ops->flush(extent->file);
    if (rc != 0)
        return rc;
    tables_forget(kdmv->tables, start * VMDK_SECTOR, 2 * each * VMDK_SECTOR);
    header.directory = start;
    if (kdmv_has_redundant(kdmv))
        header.redundant_directory = start + each;
    rc = extent_file_write(extent, 0, &header, sizeof(header));
    if (rc == 0)
        rc = extent->file->store->ops->flush(extent->file);
    if (rc == 0) {
        kdmv->header = header;
        kdmv->next = extent->file->length;
        extent->size = size;
    }
    return rc;
}

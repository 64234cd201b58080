/* SPDX-License-Identifier: MIT */
/* kdmv: writing stream-optimized extents, grain after grain, and their tables behind them. */
#include "block/vmdk/kdmv_packer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GRAIN_DEFAULT (64u * 1024)

int kdmv_stream_make(struct store_file *file, const struct kdmv_make *how)
{
    uint32_t grain = how->grain == 0 ? GRAIN_DEFAULT : how->grain;
    uint64_t first = 1 + (uint64_t)how->descriptor_sectors;
    struct kdmv_header header = {
        .magic = KDMV_MAGIC,
        .version = 3,
        .flags = KDMV_FLAG_NEWLINES | KDMV_FLAG_COMPRESSED | KDMV_FLAG_MARKERS,
        .capacity = how->size / VMDK_SECTOR,
        .grain_size = grain / VMDK_SECTOR,
        .descriptor_offset = how->descriptor_sectors == 0 ? 0 : 1,
        .descriptor_size = how->descriptor_sectors,
        .table_entries = KDMV_TABLE_ENTRIES,
        .directory = KDMV_AT_END,
        .newline = {'\n', ' ', '\r', '\n'},
        .compression = 1,
    };
    int rc;

    header.overhead = (first + header.grain_size - 1) / header.grain_size * header.grain_size;
    rc = file->store->ops->resize(file, header.overhead * VMDK_SECTOR, STORE_THIN);
    return rc == 0 ? file->store->ops->write(file, 0, &header, sizeof(header)) : rc;
}

/* Appends bytes and zeros up to the next sector. */
static int append(struct kdmv *kdmv, const void *data, size_t length)
{
    static const uint8_t zeros[VMDK_SECTOR];
    size_t tail = (VMDK_SECTOR - length % VMDK_SECTOR) % VMDK_SECTOR;
    int rc = extent_file_reach(&kdmv->extent, kdmv->next + length + tail);

    if (rc == 0)
        rc = extent_file_write(&kdmv->extent, kdmv->next, data, length);
    if (rc == 0 && tail > 0)
        rc = extent_file_write(&kdmv->extent, kdmv->next + length, zeros, tail);
    kdmv->next += length + tail;
    return rc;
}

/* Appends the marker of what follows; gives the sector of what follows. */
static int append_marker(struct kdmv *kdmv, enum kdmv_marker_type type, uint64_t sectors,
                         uint32_t *at)
{
    struct kdmv_marker marker = {.value = sectors, .type = type};
    int rc = append(kdmv, &marker, sizeof(marker));

    *at = (uint32_t)(kdmv->next / VMDK_SECTOR);
    return rc;
}

static int end_table(struct kdmv *kdmv)
{
    struct kdmv_packer *packer = kdmv->packer;
    uint32_t *entry = &packer->tables[packer->table_number];
    int rc;

    if (!packer->table_used)
        return 0;
    rc = append_marker(kdmv, KDMV_TABLE, sizeof(packer->table) / VMDK_SECTOR, entry);
    if (rc == 0)
        rc = append(kdmv, packer->table, sizeof(packer->table));
    memset(packer->table, 0, sizeof(packer->table));
    packer->table_used = false;
    return rc;
}

/* Deflates and appends the gathered grain, unless it is all zeros: that is what absence reads as.
 */
static int end_grain(struct kdmv *kdmv)
{
    struct kdmv_packer *packer = kdmv->packer;
    struct kdmv_marker marker = {.value = packer->held * kdmv->header.grain_size};
    uint64_t start = packer->held * kdmv->extent.grain;
    uint64_t length = kdmv->extent.size - start;
    uLongf packed = packer->packed_size - KDMV_MARKER_GRAIN_BYTES;

    if (packer->held == UINT64_MAX)
        return 0;
    if (length > kdmv->extent.grain)
        length = kdmv->extent.grain;
    if (packer->grain[0] == 0 && memcmp(packer->grain, packer->grain + 1, length - 1) == 0)
        return 0;
    if (kdmv->next / VMDK_SECTOR + packed / VMDK_SECTOR > UINT32_MAX - 8)
        return extent_fail(&kdmv->extent, -EFBIG, "a stream holds at most 2 TiB");
    if (compress2(packer->packed + KDMV_MARKER_GRAIN_BYTES, &packed, packer->grain, length, 6) !=
        Z_OK)
        return extent_fail(&kdmv->extent, -EIO, "grain %llu does not deflate",
                           (unsigned long long)packer->held);
    marker.size = (uint32_t)packed;
    memcpy(packer->packed, &marker, KDMV_MARKER_GRAIN_BYTES);
    packer->table[packer->held % KDMV_TABLE_ENTRIES] = (uint32_t)(kdmv->next / VMDK_SECTOR);
    packer->table_used = true;
    return append(kdmv, packer->packed, packed + KDMV_MARKER_GRAIN_BYTES);
}

/* Makes `grain` the one that is gathered. */
static int begin_grain(struct kdmv *kdmv, uint64_t grain)
{
    struct kdmv_packer *packer = kdmv->packer;
    int rc;

    if (packer->held == grain)
        return 0;
    if (packer->held != UINT64_MAX && grain < packer->held)
        return extent_fail(&kdmv->extent, -EINVAL,
                           "a stream-optimized disk is written in order, each grain once");
    rc = end_grain(kdmv);
    if (rc == 0 && grain / KDMV_TABLE_ENTRIES != packer->table_number)
        rc = end_table(kdmv);
    packer->held = grain;
    packer->table_number = grain / KDMV_TABLE_ENTRIES;
    memset(packer->grain, 0, kdmv->extent.grain);
    return rc;
}

static int append_write(struct extent *extent, uint64_t offset, const void *buffer, size_t length)
{
    struct kdmv *kdmv = kdmv_of(extent);
    int rc = 0;

    while (length > 0 && rc == 0) {
        uint64_t inside = offset % extent->grain;
        size_t piece = extent->grain - inside < length ? (size_t)(extent->grain - inside) : length;

        rc = begin_grain(kdmv, offset / extent->grain);
        if (rc == 0)
            memcpy(kdmv->packer->grain + inside, buffer, piece);
        buffer = (const char *)buffer + piece;
        offset += piece;
        length -= piece;
    }
    /* What was not written whole gets no footer: no reader takes it for a disk. */
    if (rc != 0)
        extent->writable = false;
    return rc;
}

static int append_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out)
{
    (void)offset;
    (void)most;
    (void)out;
    return extent_fail(extent, -ENOTSUP, "a stream is not read while it is written");
}

/* The last grain and table, the directory, the footer and the end mark. */
static int finish(struct kdmv *kdmv)
{
    static const uint8_t end[VMDK_SECTOR];
    uint64_t bytes = kdmv_table_count(kdmv) * sizeof(uint32_t);
    struct kdmv_header footer = kdmv->header;
    uint32_t at = 0;
    int rc = end_grain(kdmv);

    if (rc == 0)
        rc = end_table(kdmv);
    if (rc == 0)
        rc = append_marker(kdmv, KDMV_DIRECTORY, (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR, &at);
    footer.directory = at;
    if (rc == 0)
        rc = append(kdmv, kdmv->packer->tables, bytes);
    if (rc == 0)
        rc = append_marker(kdmv, KDMV_FOOTER, 1, &at);
    if (rc == 0)
        rc = append(kdmv, &footer, sizeof(footer));
    if (rc == 0)
        rc = append(kdmv, end, sizeof(end));
    if (rc == 0)
        rc = extent_file_trim(&kdmv->extent, kdmv->next);
    if (rc == 0 && kdmv->extent.file->length != kdmv->next)
        rc = extent_fail(&kdmv->extent, -EOPNOTSUPP,
                         "a stream ends where its file ends, and files do not shrink here");
    return rc == 0 ? kdmv->extent.file->store->ops->flush(kdmv->extent.file) : rc;
}

static int append_close(struct extent *extent)
{
    struct kdmv *kdmv = kdmv_of(extent);
    int rc = extent->writable ? finish(kdmv) : 0;

    kdmv_packer_free(kdmv->packer);
    tables_free(kdmv->tables);
    extent_free(extent);
    return rc;
}

static int append_flush(struct extent *extent)
{
    return extent->file->store->ops->flush(extent->file);
}

static const struct extent_ops append_ops = {
    .locate = append_locate,
    .write = append_write,
    .flush = append_flush,
    .close = append_close,
};

int kdmv_stream_append(struct store_file *file, const char *name, struct extent **out)
{
    struct kdmv *kdmv = calloc(1, sizeof(*kdmv));
    int rc;

    if (kdmv == NULL) {
        snprintf(file->store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    kdmv->extent = (struct extent){.ops = &append_ops, .file = file, .writable = true};
    snprintf(kdmv->extent.name, sizeof(kdmv->extent.name), "%s", name);
    rc = kdmv_read_header(file, name, &kdmv->header);
    if (rc == 0) {
        kdmv->extent.size = kdmv->header.capacity * VMDK_SECTOR;
        kdmv->extent.grain = (uint32_t)kdmv->header.grain_size * VMDK_SECTOR;
        kdmv->next = kdmv->header.overhead * VMDK_SECTOR;
        rc = kdmv_packer_make(kdmv);
    }
    if (rc == 0) {
        kdmv->packer->tables = calloc(kdmv_table_count(kdmv), sizeof(uint32_t));
        if (kdmv->packer->tables == NULL)
            rc = extent_fail(&kdmv->extent, -ENOMEM, "out of memory");
    }
    if (rc != 0) {
        kdmv_packer_free(kdmv->packer);
        free(kdmv);
        return rc;
    }
    *out = &kdmv->extent;
    return 0;
}

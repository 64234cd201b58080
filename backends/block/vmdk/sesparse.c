/* SPDX-License-Identifier: MIT */
/* sesparse: opening space-efficient deltas, and finding grains. */
#include "block/vmdk/sesparse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool se_probe(const void *sector)
{
    uint64_t magic;

    memcpy(&magic, sector, sizeof(magic));
    return magic == SE_MAGIC;
}

uint64_t se_grain_count(const struct se_extent *se)
{
    return se->header.grains.size * VMDK_SECTOR / SE_GRAIN;
}

/* Whether an area has room for `bytes`, lies behind the headers and is addressable. */
static bool area_holds(const struct se_area *area, uint64_t bytes)
{
    return area->offset >= 2 && area->offset < 1ull << 50 && area->size < 1ull << 50 &&
           bytes <= area->size * VMDK_SECTOR;
}

/* Whether no two areas of the file share a sector. */
static bool areas_apart(const struct se_header *h)
{
    const struct se_area areas[] = {
        {0, 1},    h->volatile_header, h->journal_header, h->journal, h->directory,
        h->tables, h->bitmap,          h->backmap,        h->grains,
    };
    const size_t count = sizeof(areas) / sizeof(areas[0]);

    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (areas[i].size > 0 && areas[j].size > 0 &&
                areas[i].offset < areas[j].offset + areas[j].size &&
                areas[j].offset < areas[i].offset + areas[i].size)
                return false;
    return true;
}

/* NULL, or what is wrong with a header; `code` says whether it is broken or only unknown. */
static const char *header_fault(const struct se_header *h, int *code)
{
    uint64_t grains, tables;

    *code = -EINVAL;
    if (h->magic != SE_MAGIC)
        return "no seSparse header";
    if (h->capacity == 0 || h->capacity > VMDK_MAX_SECTORS)
        return "capacity is 0 or above 64 TiB";
    *code = -ENOTSUP;
    if (h->version != SE_VERSION || h->flags != 0)
        return "a version or flags that are not known here";
    if (h->grain_size != SE_GRAIN / VMDK_SECTOR || h->table_size != SE_TABLE_SECTORS)
        return "grains are not 4 KiB, or tables not 32 KiB";
    *code = -EINVAL;
    grains = (h->capacity * VMDK_SECTOR + SE_GRAIN - 1) / SE_GRAIN;
    tables = (grains + SE_TABLE_ENTRIES - 1) / SE_TABLE_ENTRIES;
    if (h->volatile_header.offset == 0 || h->volatile_header.offset > 1u << 30 ||
        h->volatile_header.size == 0 || h->volatile_header.size > 1u << 30)
        return "the volatile header is out of range";
    if (!area_holds(&h->directory, tables * sizeof(uint64_t)))
        return "the grain directory is too small or out of range";
    if (!area_holds(&h->tables, tables * SE_TABLE_SECTORS * VMDK_SECTOR))
        return "the grain tables' area is too small or out of range";
    if (!area_holds(&h->grains, SE_GRAIN))
        return "the grains' area is empty or out of range";
    grains = h->grains.size * VMDK_SECTOR / SE_GRAIN;
    if (!area_holds(&h->bitmap, grains / 8))
        return "the free bitmap is too small or out of range";
    if (!area_holds(&h->backmap, grains * sizeof(uint64_t)))
        return "the backmap is too small or out of range";
    if (h->journal_header.offset >= 1ull << 50 || h->journal_header.size >= 1ull << 50 ||
        h->journal.offset >= 1ull << 50 || h->journal.size >= 1ull << 50)
        return "the journal is out of range";
    if (!areas_apart(h))
        return "two of its areas overlap";
    return NULL;
}

static int read_headers(struct se_extent *se)
{
    struct extent *extent = &se->extent;
    const char *fault;
    int code, rc = extent_file_read(extent, 0, &se->header, sizeof(se->header));

    if (rc != 0)
        return rc;
    fault = header_fault(&se->header, &code);
    if (fault != NULL)
        return extent_fail(extent, code, "%s", fault);
    if (se->header.capacity < extent->size / VMDK_SECTOR)
        return extent_fail(extent, -EINVAL, "the extent has %llu sectors, its descriptor says %llu",
                           (unsigned long long)se->header.capacity,
                           (unsigned long long)extent->size / VMDK_SECTOR);
    rc =
        extent_file_read(extent, se_at(&se->header.volatile_header), &se->state, sizeof(se->state));
    if (rc != 0)
        return rc;
    if (se->state.magic != SE_VOLATILE_MAGIC)
        return extent_fail(extent, -EINVAL, "no volatile header where the header says");
    if (se->state.replay != 0)
        return extent_fail(extent, -ENOTSUP,
                           "its journal must be replayed: open the disk once on ESXi");
    if (se_at(&se->header.directory) + se->header.directory.size * VMDK_SECTOR >
        extent->file->length)
        return extent_fail(extent, -EINVAL, "the file was cut short in its grain directory");
    if (se->state.next_table > se->header.tables.size / SE_TABLE_SECTORS)
        return extent_fail(extent, -EINVAL, "more grain tables in use than there is room for");
    return 0;
}

static int se_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out);

static const struct extent_ops se_ops = {
    .locate = se_locate,
    .allocate = se_allocate,
    .commit = se_commit,
    .flush = se_flush,
    .check = se_check,
    .close = se_close,
};

int se_open(struct store_file *file, const char *name, uint64_t size, bool writable,
            struct extent **out)
{
    struct se_extent *se = calloc(1, sizeof(*se));
    uint64_t start;
    int rc;

    if (se == NULL || (se->tables = tables_new(file)) == NULL) {
        free(se);
        snprintf(file->store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    se->extent = (struct extent){
        .ops = &se_ops, .file = file, .size = size, .grain = SE_GRAIN, .writable = writable};
    snprintf(se->extent.name, sizeof(se->extent.name), "%s", name);
    rc = read_headers(se);
    if (rc != 0) {
        tables_free(se->tables);
        free(se);
        return rc;
    }
    /* No grain lies past the end of the file: the search for a free one begins there. */
    start = se_at(&se->header.grains);
    se->next = file->length <= start ? 0 : (file->length - start + SE_GRAIN - 1) / SE_GRAIN;
    se->end = file->length;
    *out = &se->extent;
    return 0;
}

int se_table_at(struct se_extent *se, uint64_t table, uint64_t *out)
{
    uint64_t entry, most = se->header.tables.size / SE_TABLE_SECTORS;
    int rc = tables_get64(se->tables, se_at(&se->header.directory) + table * sizeof(entry), &entry);

    *out = 0;
    if (rc != 0 || entry == 0)
        return rc;
    if ((entry & ~(uint64_t)UINT32_MAX) != SE_TABLE || (entry & UINT32_MAX) >= most)
        return extent_fail(&se->extent, -EINVAL,
                           "grain directory entry %llu is %llx: not a table's",
                           (unsigned long long)table, (unsigned long long)entry);
    *out = se_at(&se->header.tables) + (entry & UINT32_MAX) * SE_TABLE_SECTORS * VMDK_SECTOR;
    return 0;
}

int se_entry(struct se_extent *se, uint64_t grain, uint64_t *out)
{
    uint64_t table, number;
    int rc = se_table_at(se, grain / SE_TABLE_ENTRIES, &table);

    *out = 0;
    if (rc != 0 || table == 0)
        return rc;
    rc = tables_get64(se->tables, table + grain % SE_TABLE_ENTRIES * sizeof(*out), out);
    if (rc != 0 || *out == 0 || (*out & SE_KIND_MASK) == SE_UNMAPPED ||
        (*out & SE_KIND_MASK) == SE_ZERO)
        return rc;
    number = se_unrotate(*out);
    if ((*out & SE_KIND_MASK) != SE_STORED || number >= se_grain_count(se) ||
        se_grain_at(se, number) + SE_GRAIN > se->extent.file->length)
        return extent_fail(&se->extent, -EINVAL,
                           "grain %llu has the entry %llx: no kind, or past the file's end",
                           (unsigned long long)grain, (unsigned long long)*out);
    return 0;
}

static int se_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out)
{
    struct se_extent *se = se_of(extent);
    const uint64_t covered = (uint64_t)SE_TABLE_ENTRIES * SE_GRAIN;
    unsigned looks = 0;

    out->length = 0;
    while (out->length < most && looks++ < EXTENT_LOOK_MAX) {
        uint64_t at = offset + out->length, inside = at % SE_GRAIN, entry, table;
        struct place next = {PLACE_ABSENT, 0, 0};
        int rc = se_table_at(se, at / covered, &table);

        if (rc == 0)
            rc = se_entry(se, at / SE_GRAIN, &entry);
        if (rc != 0)
            return out->length > 0 ? 0 : rc;
        /* Unmapped reads as zeros: SCSI UNMAP's promise, and what QEMU does. */
        if (entry != 0)
            next.kind = PLACE_ZERO;
        if ((entry & SE_KIND_MASK) == SE_STORED)
            next = (struct place){PLACE_STORED, se_grain_at(se, se_unrotate(entry)) + inside, 0};
        if (out->length == 0)
            *out = next;
        else if (next.kind != out->kind ||
                 (next.kind == PLACE_STORED && next.at != out->at + out->length))
            break;
        /* Where there is no table nothing is, up to the next one. */
        out->length += table == 0 ? covered - at % covered : SE_GRAIN - inside;
    }
    if (out->length > most)
        out->length = most;
    return 0;
}

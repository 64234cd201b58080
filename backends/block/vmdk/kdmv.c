/* SPDX-License-Identifier: MIT */
/* kdmv: opening hosted sparse extents, and finding grains. */
#include "block/vmdk/kdmv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS_KNOWN                                                                                \
    (KDMV_FLAG_NEWLINES | KDMV_FLAG_REDUNDANT | KDMV_FLAG_ZERO_GRAINS | KDMV_FLAG_COMPRESSED |     \
     KDMV_FLAG_MARKERS)
#define GRAIN_MAX       2048u /* sectors: 1 MiB */
#define FOOTER_FROM_END 1024u

bool kdmv_probe(const void *sector)
{
    uint32_t magic;

    memcpy(&magic, sector, sizeof(magic));
    return magic == KDMV_MAGIC;
}

/* NULL, or what is wrong with a header; `code` says whether it is broken or only unknown. */
static const char *header_fault(const struct kdmv_header *h, int *code)
{
    bool packed = (h->flags & KDMV_FLAG_COMPRESSED) != 0;

    *code = -EINVAL;
    if (h->magic != KDMV_MAGIC)
        return "no KDMV header";
    if ((h->flags & KDMV_FLAG_NEWLINES) != 0 && memcmp(h->newline, "\n \r\n", 4) != 0)
        return "the file went through a text-mode transfer: copy it again in binary mode";
    if (h->capacity == 0 || h->capacity > VMDK_MAX_SECTORS)
        return "capacity is 0 or above 64 TiB";
    if (h->grain_size == 0 || h->grain_size > GRAIN_MAX ||
        (h->grain_size & (h->grain_size - 1)) != 0)
        return "grain size is not a power of two up to 1 MiB";
    if (h->table_entries == 0 || h->table_entries > KDMV_TABLE_ENTRIES)
        return "a grain table has 1 to 512 entries";
    if (h->directory == 0 || (h->directory > UINT32_MAX && h->directory != KDMV_AT_END))
        return "no grain directory";
    if (h->redundant_directory > UINT32_MAX && (h->flags & KDMV_FLAG_REDUNDANT) != 0)
        return "the redundant grain directory is out of range";
    if (h->descriptor_offset > UINT32_MAX || h->descriptor_size > UINT32_MAX)
        return "the embedded descriptor is out of range";
    if (packed != (h->compression == 1))
        return "flags and compression algorithm contradict each other";
    *code = -ENOTSUP;
    if (h->version < 1 || h->version > 3 || (h->flags & ~FLAGS_KNOWN) != 0)
        return "a version or flag that is not known here";
    return NULL;
}

/* A header or footer at a byte of the file. */
static int read_header_at(struct store_file *file, const char *name, uint64_t at,
                          struct kdmv_header *out)
{
    struct extent shown = {.file = file};
    const char *fault;
    int rc;

    snprintf(shown.name, sizeof(shown.name), "%s", name);
    rc = extent_file_read(&shown, at, out, sizeof(*out));
    if (rc != 0)
        return rc;
    fault = header_fault(out, &rc);
    return fault == NULL ? 0 : extent_fail(&shown, rc, "%s", fault);
}

int kdmv_read_header(struct store_file *file, const char *name, struct kdmv_header *out)
{
    return read_header_at(file, name, 0, out);
}

struct kdmv_embedded kdmv_embedded(const struct kdmv_header *header)
{
    return (struct kdmv_embedded){.offset = header->descriptor_offset * VMDK_SECTOR,
                                  .length = header->descriptor_size * VMDK_SECTOR};
}

/* A stream whose tables are at its end: its footer is the header that counts. */
static int read_footer(struct kdmv *kdmv)
{
    struct extent *extent = &kdmv->extent;
    struct kdmv_header footer;
    int rc;

    if (extent->file->length < 3 * sizeof(footer))
        return extent_fail(extent, -EINVAL, "the stream was cut short: no footer");
    rc =
        read_header_at(extent->file, extent->name, extent->file->length - FOOTER_FROM_END, &footer);
    if (rc != 0 || footer.directory == KDMV_AT_END)
        return extent_fail(extent, -EINVAL,
                           "the stream was cut short: no footer where one must be; get it again");
    if (footer.capacity != kdmv->header.capacity || footer.grain_size != kdmv->header.grain_size ||
        footer.flags != kdmv->header.flags || footer.table_entries != kdmv->header.table_entries)
        return extent_fail(extent, -EINVAL, "header and footer contradict each other");
    kdmv->header = footer;
    return 0;
}

bool kdmv_has_redundant(const struct kdmv *kdmv)
{
    return (kdmv->header.flags & KDMV_FLAG_REDUNDANT) != 0 && kdmv->header.redundant_directory != 0;
}

uint64_t kdmv_table_count(const struct kdmv *kdmv)
{
    uint64_t covered = kdmv->header.grain_size * kdmv->header.table_entries;

    return (kdmv->header.capacity + covered - 1) / covered;
}

/* A directory that the file does not hold is of no use: then the redundant one must do. */
static int check_directory(struct kdmv *kdmv)
{
    uint64_t bytes = kdmv_table_count(kdmv) * sizeof(uint32_t), length = kdmv->extent.file->length;
    uint64_t at = kdmv->header.directory * VMDK_SECTOR;

    if ((at > length || bytes > length - at) && kdmv_has_redundant(kdmv))
        at = kdmv->header.redundant_directory * VMDK_SECTOR;
    if (at <= length && bytes <= length - at)
        return 0;
    return extent_fail(&kdmv->extent, -EINVAL,
                       "the file was cut short: its grain directory reaches byte %llu, it has %llu",
                       (unsigned long long)at + bytes, (unsigned long long)length);
}

int kdmv_open(struct store_file *file, const char *name, uint64_t size, bool writable,
              struct extent **out)
{
    struct kdmv *kdmv = calloc(1, sizeof(*kdmv));
    int rc;

    if (kdmv == NULL || (kdmv->tables = tables_new(file)) == NULL) {
        free(kdmv);
        snprintf(file->store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    kdmv->extent =
        (struct extent){.ops = &kdmv_plain_ops, .file = file, .size = size, .writable = writable};
    snprintf(kdmv->extent.name, sizeof(kdmv->extent.name), "%s", name);
    rc = kdmv_read_header(file, name, &kdmv->header);
    if (rc == 0 && kdmv->header.directory == KDMV_AT_END)
        rc = read_footer(kdmv);
    if (rc == 0 && (kdmv->header.flags & KDMV_FLAG_COMPRESSED) != 0) {
        kdmv->extent.ops = &kdmv_stream_ops;
        if (writable)
            rc = extent_fail(&kdmv->extent, -EROFS,
                             "a stream-optimized disk is written once: clone it to write to it");
    }
    if (rc == 0 && kdmv->header.capacity < size / VMDK_SECTOR)
        rc = extent_fail(
            &kdmv->extent, -EINVAL, "the extent has %llu sectors, its descriptor says %llu",
            (unsigned long long)kdmv->header.capacity, (unsigned long long)size / VMDK_SECTOR);
    if (rc == 0)
        rc = check_directory(kdmv);
    if (rc != 0) {
        tables_free(kdmv->tables);
        free(kdmv);
        return rc;
    }
    kdmv->extent.grain = (uint32_t)kdmv->header.grain_size * VMDK_SECTOR;
    kdmv->next = file->length;
    kdmv->stays_unclean = kdmv->header.unclean != 0;
    *out = &kdmv->extent;
    return 0;
}

int kdmv_table_at(struct kdmv *kdmv, enum kdmv_copy copy, uint64_t table, uint64_t *out)
{
    uint64_t directory =
        copy == KDMV_PRIMARY ? kdmv->header.directory : kdmv->header.redundant_directory;
    uint64_t bytes = kdmv->header.table_entries * sizeof(uint32_t);
    uint32_t sector;
    int rc = tables_get32(kdmv->tables, directory * VMDK_SECTOR + table * sizeof(sector), &sector);

    if (rc != 0)
        return rc;
    *out = (uint64_t)sector * VMDK_SECTOR;
    if (sector != 0 &&
        (*out > kdmv->extent.file->length || bytes > kdmv->extent.file->length - *out))
        return extent_fail(&kdmv->extent, -EINVAL, "grain table %llu lies past the file's end",
                           (unsigned long long)table);
    return 0;
}

bool kdmv_entry_is_sane(const struct kdmv *kdmv, uint64_t grain, uint32_t entry)
{
    uint64_t at = (uint64_t)entry * VMDK_SECTOR, start = grain * kdmv->extent.grain;
    uint64_t bytes = kdmv->header.capacity * VMDK_SECTOR - start;

    if (entry == KDMV_ABSENT)
        return true;
    if (entry == KDMV_ZERO && (kdmv->header.flags & KDMV_FLAG_ZERO_GRAINS) != 0)
        return true;
    if ((kdmv->header.flags & KDMV_FLAG_COMPRESSED) != 0)
        bytes = VMDK_SECTOR;
    else if (bytes > kdmv->extent.grain)
        bytes = kdmv->extent.grain;
    return at < kdmv->extent.file->length && bytes <= kdmv->extent.file->length - at;
}

static int entry_in(struct kdmv *kdmv, enum kdmv_copy copy, uint64_t grain, uint32_t *out)
{
    uint64_t at;
    int rc = kdmv_table_at(kdmv, copy, grain / kdmv->header.table_entries, &at);

    *out = KDMV_ABSENT;
    if (rc != 0 || at == 0)
        return rc;
    rc = tables_get32(kdmv->tables, at + grain % kdmv->header.table_entries * sizeof(*out), out);
    if (rc == 0 && !kdmv_entry_is_sane(kdmv, grain, *out))
        rc = extent_fail(&kdmv->extent, -EINVAL,
                         "grain %llu is said to lie at sector %u, past "
                         "the file's end or in its header",
                         (unsigned long long)grain, *out);
    return rc;
}

int kdmv_entry(struct kdmv *kdmv, uint64_t grain, uint32_t *out)
{
    int rc = entry_in(kdmv, KDMV_PRIMARY, grain, out);

    if (rc != 0 && kdmv_has_redundant(kdmv) && entry_in(kdmv, KDMV_REDUNDANT, grain, out) == 0) {
        kdmv->recovered++;
        rc = 0;
    }
    return rc;
}

/* What an entry means. */
static struct place place_of(const struct kdmv *kdmv, uint32_t entry)
{
    struct place place = {PLACE_STORED, (uint64_t)entry * VMDK_SECTOR, 0};

    if (entry == KDMV_ABSENT)
        place.kind = PLACE_ABSENT;
    else if (entry == KDMV_ZERO && (kdmv->header.flags & KDMV_FLAG_ZERO_GRAINS) != 0)
        place.kind = PLACE_ZERO;
    else if ((kdmv->header.flags & KDMV_FLAG_COMPRESSED) != 0)
        place.kind = PLACE_PACKED;
    return place;
}

/* How far an absent grain's absence reaches without another look: to the end of a missing table. */
static uint64_t absent_length(struct kdmv *kdmv, uint64_t grain)
{
    uint64_t entries = kdmv->header.table_entries, at = 1;

    if (kdmv_table_at(kdmv, KDMV_PRIMARY, grain / entries, &at) != 0 || at != 0)
        return kdmv->extent.grain;
    return (entries - grain % entries) * kdmv->extent.grain;
}

int kdmv_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out)
{
    struct kdmv *kdmv = kdmv_of(extent);
    unsigned looks = 0;

    out->length = 0;
    while (out->length < most && looks++ < EXTENT_LOOK_MAX) {
        uint64_t at = offset + out->length, inside = at % extent->grain, step = extent->grain;
        struct place next;
        uint32_t entry;
        int rc = kdmv_entry(kdmv, at / extent->grain, &entry);

        if (rc != 0)
            return out->length > 0 ? 0 : rc;
        next = place_of(kdmv, entry);
        if (out->length == 0) {
            *out = next;
            out->at += inside;
        } else if (next.kind != out->kind ||
                   (next.kind == PLACE_STORED && next.at != out->at + out->length)) {
            break;
        }
        if (entry == KDMV_ABSENT)
            step = absent_length(kdmv, at / extent->grain);
        out->length += step - inside;
    }
    if (out->length > most)
        out->length = most;
    return 0;
}

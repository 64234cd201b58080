/* SPDX-License-Identifier: MIT */
/* sparse: hosted sparse extents; tables are read one at a time, never whole. */
#include "block/vmdk/sparse.h"

#include "block/vmdk/descriptor.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPARSE_MAGIC      0x564D444Bu
#define FLAG_NEWLINE_TEST (1u << 0)
#define FLAG_REDUNDANT    (1u << 1)
#define FLAG_ZERO_GRAIN   (1u << 2)
#define FLAG_COMPRESSED   (1u << 16)
#define FLAG_MARKERS      (1u << 17)
#define FLAGS_KNOWN       (FLAG_NEWLINE_TEST | FLAG_REDUNDANT | FLAG_ZERO_GRAIN)
#define TABLE_MAX         512u
#define GRAIN_MAX         2048u /* sectors: 1 MiB */
#define GRAIN_ABSENT      0u
#define GRAIN_ZERO        1u

struct sparse_header {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint64_t capacity;
    uint64_t grain_size;
    uint64_t descriptor_offset;
    uint64_t descriptor_size;
    uint32_t table_entries;
    uint64_t redundant_directory;
    uint64_t directory;
    uint64_t overhead;
    uint8_t unclean;
    uint8_t newline[4];
    uint16_t compression;
    uint8_t zero[433];
} __attribute__((packed));
static_assert(sizeof(struct sparse_header) == 512, "layout on disk");
static_assert(offsetof(struct sparse_header, directory) == 56, "layout on disk");

struct vmdk_sparse {
    struct store_file *file;
    struct sparse_header header;
    uint64_t cached; /* index of the table in memory + 1; 0 = none */
    uint32_t table[TABLE_MAX];
};

static int fail(struct vmdk_sparse *sparse, int code, const char *what)
{
    snprintf(sparse->file->store->error, STORE_ERROR_MAX, "sparse extent: %s", what);
    return code;
}

int vmdk_sparse_probe(const void *sector)
{
    const struct sparse_header *header = sector;

    return header->magic == SPARSE_MAGIC;
}

static int check(struct vmdk_sparse *sparse)
{
    const struct sparse_header *h = &sparse->header;

    if (h->magic != SPARSE_MAGIC)
        return fail(sparse, -EINVAL, "no KDMV header");
    if ((h->flags & FLAG_NEWLINE_TEST) != 0 && memcmp(h->newline, "\n \r\n", 4) != 0)
        return fail(sparse, -EINVAL, "the file went through a text-mode transfer");
    if ((h->flags & (FLAG_COMPRESSED | FLAG_MARKERS)) != 0 || h->compression != 0)
        return fail(sparse, -ENOTSUP,
                    "stream-optimized disks are not read; convert it with qemu-img first");
    if (h->version < 1 || h->version > 3 || (h->flags & ~FLAGS_KNOWN) != 0)
        return fail(sparse, -ENOTSUP, "unknown version or flags");
    if (h->capacity == 0 || h->capacity > VMDK_MAX_SECTORS)
        return fail(sparse, -EINVAL, "capacity is 0 or above 64 TiB");
    if (h->grain_size == 0 || h->grain_size > GRAIN_MAX ||
        (h->grain_size & (h->grain_size - 1)) != 0)
        return fail(sparse, -EINVAL, "grain size is not a power of two up to 1 MiB");
    if (h->table_entries == 0 || h->table_entries > TABLE_MAX)
        return fail(sparse, -EINVAL, "a grain table has 1 to 512 entries");
    if (h->directory == 0 || h->directory > UINT32_MAX)
        return fail(sparse, -EINVAL, "no grain directory");
    if (h->descriptor_offset > UINT32_MAX || h->descriptor_size > UINT32_MAX)
        return fail(sparse, -EINVAL, "the embedded descriptor is out of range");
    return 0;
}

int vmdk_sparse_open(struct store_file *file, struct vmdk_sparse **out)
{
    struct vmdk_sparse *sparse = calloc(1, sizeof(*sparse));
    int rc;

    if (sparse == NULL)
        return -ENOMEM;
    sparse->file = file;
    if (file->length < sizeof(sparse->header))
        rc = fail(sparse, -EINVAL, "the file is shorter than its header");
    else
        rc = file->store->ops->read(file, 0, &sparse->header, sizeof(sparse->header));
    if (rc == 0)
        rc = check(sparse);
    if (rc != 0) {
        free(sparse);
        return rc;
    }
    *out = sparse;
    return 0;
}

void vmdk_sparse_close(struct vmdk_sparse *sparse)
{
    free(sparse);
}

uint64_t vmdk_sparse_sectors(const struct vmdk_sparse *sparse)
{
    return sparse->header.capacity;
}

struct vmdk_embedded vmdk_sparse_descriptor(const struct vmdk_sparse *sparse)
{
    return (struct vmdk_embedded){.offset = sparse->header.descriptor_offset * VMDK_SECTOR,
                                  .length = sparse->header.descriptor_size * VMDK_SECTOR};
}

/* Brings grain table `index` into memory; a missing one is all absent grains. */
static int load_table(struct vmdk_sparse *sparse, uint64_t index)
{
    uint64_t at = sparse->header.directory * VMDK_SECTOR + index * sizeof(uint32_t);
    const struct store_ops *ops = sparse->file->store->ops;
    uint32_t sector;
    int rc;

    if (sparse->cached == index + 1)
        return 0;
    sparse->cached = 0;
    if (at + sizeof(sector) > sparse->file->length)
        return fail(sparse, -EINVAL, "the file was cut short before its grain directory");
    rc = ops->read(sparse->file, at, &sector, sizeof(sector));
    if (rc != 0)
        return rc;
    memset(sparse->table, 0, sizeof(sparse->table));
    if (sector != 0) {
        size_t bytes = sparse->header.table_entries * sizeof(uint32_t);

        at = (uint64_t)sector * VMDK_SECTOR;
        if (at + bytes > sparse->file->length)
            return fail(sparse, -EINVAL, "a grain table lies past the end of the file");
        rc = ops->read(sparse->file, at, sparse->table, bytes);
    }
    if (rc == 0)
        sparse->cached = index + 1;
    return rc;
}

int vmdk_sparse_read(struct vmdk_sparse *sparse, uint64_t offset, void *buffer, size_t length)
{
    uint64_t grain_bytes = sparse->header.grain_size * VMDK_SECTOR;

    while (length > 0) {
        uint64_t grain = offset / grain_bytes, inside = offset % grain_bytes;
        size_t piece = grain_bytes - inside < length ? grain_bytes - inside : length;
        uint32_t entry;
        int rc = load_table(sparse, grain / sparse->header.table_entries);

        if (rc != 0)
            return rc;
        entry = sparse->table[grain % sparse->header.table_entries];
        if (entry == GRAIN_ABSENT ||
            (entry == GRAIN_ZERO && (sparse->header.flags & FLAG_ZERO_GRAIN) != 0)) {
            memset(buffer, 0, piece);
        } else {
            uint64_t at = (uint64_t)entry * VMDK_SECTOR + inside;

            if (at + piece > sparse->file->length)
                return fail(sparse, -EINVAL, "a grain lies past the end of the file");
            rc = sparse->file->store->ops->read(sparse->file, at, buffer, piece);
            if (rc != 0)
                return rc;
        }
        offset += piece;
        buffer = (char *)buffer + piece;
        length -= piece;
    }
    return 0;
}

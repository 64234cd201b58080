/* SPDX-License-Identifier: MIT */
/*
 * kdmv: hosted sparse extents ("KDMV"), plain and stream-optimized.
 *
 * header | descriptor | redundant directory and tables | directory and tables | grains
 *
 * A directory entry is the sector of a table, a table entry the sector of a grain: 0 is absent, 1
 * zeros where the header allows it. Both copies of the tables are written; the first is read, the
 * redundant one where the first points nowhere. In a stream the grains are deflated, each behind a
 * marker that names its place, and the tables follow them; it is written once, in order.
 * (Virtual Disk Format 5.0, VMware 2011.)
 */
#ifndef BACKENDS_BLOCK_VMDK_KDMV_H
#define BACKENDS_BLOCK_VMDK_KDMV_H

#include "block/vmdk/extent.h"
#include "block/vmdk/tables.h"

#include <assert.h>
#include <stddef.h>

#define KDMV_MAGIC            0x564D444Bu
#define KDMV_FLAG_NEWLINES    (1u << 0)
#define KDMV_FLAG_REDUNDANT   (1u << 1)
#define KDMV_FLAG_ZERO_GRAINS (1u << 2)
#define KDMV_FLAG_COMPRESSED  (1u << 16)
#define KDMV_FLAG_MARKERS     (1u << 17)
#define KDMV_AT_END           UINT64_MAX /* directory: see the footer */
#define KDMV_TABLE_ENTRIES    512u
#define KDMV_ABSENT           0u
#define KDMV_ZERO             1u

struct kdmv_header {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint64_t capacity; /* sectors, as all that follow */
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
static_assert(sizeof(struct kdmv_header) == 512, "layout on disk");
static_assert(offsetof(struct kdmv_header, directory) == 56, "layout on disk");
static_assert(offsetof(struct kdmv_header, compression) == 77, "layout on disk");

struct kdmv_marker {
    uint64_t value; /* grain: its first sector in the disk; others: sectors that follow */
    uint32_t size;  /* grain: deflated bytes; others 0 */
    uint32_t type;  /* grain: data begins here */
} __attribute__((packed));
#define KDMV_MARKER_GRAIN_BYTES 12u
enum kdmv_marker_type { KDMV_END, KDMV_TABLE, KDMV_DIRECTORY, KDMV_FOOTER };

struct kdmv_packer;

/* Which copy of the tables. */
enum kdmv_copy { KDMV_PRIMARY, KDMV_REDUNDANT };

struct kdmv {
    struct extent extent;
    struct kdmv_header header;
    struct tables *tables;
    uint64_t next;              /* bytes: where the next grain or table goes */
    bool marked_unclean;        /* on disk, by us */
    bool stays_unclean;         /* it was before us: only kdmv_check() may say otherwise */
    uint64_t recovered;         /* lookups that only the redundant copy could answer */
    struct kdmv_packer *packer; /* streams: one grain unpacked, or being gathered */
};

static inline struct kdmv *kdmv_of(struct extent *extent)
{
    return (struct kdmv *)extent;
}

/* Whether a file's first sector is such a header. */
bool kdmv_probe(const void *sector);

/* Where the descriptor inside the file lies, in bytes; length 0: none. */
struct kdmv_embedded {
    uint64_t offset, length;
};
/* Checks the header at the start of a file. -EINVAL, -ENOTSUP with the store's error. */
int kdmv_read_header(struct store_file *file, const char *name, struct kdmv_header *out);
struct kdmv_embedded kdmv_embedded(const struct kdmv_header *header);

/* Opens an extent of `size` bytes; takes the file over when it succeeds. */
int kdmv_open(struct store_file *file, const char *name, uint64_t size, bool writable,
              struct extent **out);

/*
 * Makes an empty extent in an empty file: header, `descriptor_sectors` of room for a descriptor,
 * both tables. The file stays the caller's. `grain` in bytes, 0 = 64 KiB.
 */
struct kdmv_make {
    uint64_t size; /* bytes */
    uint32_t grain;
    uint32_t descriptor_sectors;
    bool zero_grains;
};
int kdmv_make(struct store_file *file, const struct kdmv_make *how);

/* Gives an extent a larger capacity: tables for all of it, new where the old have no room. */
int kdmv_grow(struct extent *extent, uint64_t size);

/* Makes a stream's header and room for its descriptor; then kdmv_stream_append() opens it. */
int kdmv_stream_make(struct store_file *file, const struct kdmv_make *how);
/* Opens a stream just made: takes writes in ascending order; close() ends it with its tables. */
int kdmv_stream_append(struct store_file *file, const char *name, struct extent **out);

/* ---- between the files of this format ---- */

extern const struct extent_ops kdmv_plain_ops, kdmv_stream_ops;

/* Byte offset in the file of one table's first entry, 0 where the directory has none. */
int kdmv_table_at(struct kdmv *kdmv, enum kdmv_copy copy, uint64_t table, uint64_t *out);
/* One grain's entry, from the redundant copy where the first cannot be right. */
int kdmv_entry(struct kdmv *kdmv, uint64_t grain, uint32_t *out);
/* Whether an entry of one grain can be: absent, zero, or inside the file. */
bool kdmv_entry_is_sane(const struct kdmv *kdmv, uint64_t grain, uint32_t entry);
bool kdmv_has_redundant(const struct kdmv *kdmv);
uint64_t kdmv_table_count(const struct kdmv *kdmv);
int kdmv_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out);
int kdmv_allocate(struct extent *extent, uint64_t offset, const void *data, size_t length);
int kdmv_flush(struct extent *extent);
int kdmv_close(struct extent *extent);
int kdmv_check(struct extent *extent, struct vmdk_check *check);
int kdmv_stream_read(struct extent *extent, uint64_t offset, void *buffer, size_t length);
void kdmv_packer_free(struct kdmv_packer *packer);

#endif

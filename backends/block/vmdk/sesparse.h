/* SPDX-License-Identifier: MIT */
/*
 * sesparse: ESXi's space-efficient deltas.
 *
 * const header | volatile header | journal header | journal | directory | tables | free bitmap |
 * backmap | grains, each area at a multiple of 1 MiB where the const header says
 *
 * A grain is 4 KiB. A table entry's top four bits say absent (the parent's), unmapped, zero or
 * stored; the rest is the grain's number with its low twelve bits moved above the others. The
 * bitmap has a bit a stored grain, the backmap the disk's grain that it holds.
 *
 * ESXi's journal is left alone: a disk whose journal must be replayed is refused. Order stands in
 * for it: bitmap, backmap and the count of tables are durable before an entry points at a grain.
 */
#ifndef BACKENDS_BLOCK_VMDK_SESPARSE_H
#define BACKENDS_BLOCK_VMDK_SESPARSE_H

#include "block/vmdk/extent.h"
#include "block/vmdk/tables.h"

#include <assert.h>
#include <stddef.h>

#define SE_MAGIC          0x00000000CAFEBABEull
#define SE_VERSION        0x0000000200000001ull
#define SE_VOLATILE_MAGIC 0x00000000CAFECAFEull
#define SE_JOURNAL_MAGIC  0x00000000DEAFC0DEull
#define SE_GRAIN          4096u
#define SE_TABLE_SECTORS  64u
#define SE_TABLE_ENTRIES  4096u
#define SE_KIND_MASK      0xF000000000000000ull
#define SE_UNMAPPED       0x1000000000000000ull
#define SE_ZERO           0x2000000000000000ull
#define SE_STORED         0x3000000000000000ull
#define SE_TABLE          0x1000000000000000ull /* directory: there is one */
#define SE_BACKMAP        0x1000000000000000ull

struct se_area {
    uint64_t offset, size; /* sectors */
};

struct se_header {
    uint64_t magic;
    uint64_t version;
    uint64_t capacity;
    uint64_t grain_size;
    uint64_t table_size;
    uint64_t flags;
    uint64_t reserved[4];
    struct se_area volatile_header;
    struct se_area journal_header;
    struct se_area journal;
    struct se_area directory;
    struct se_area tables;
    struct se_area bitmap;
    struct se_area backmap;
    struct se_area grains;
    uint8_t zero[304];
};
static_assert(sizeof(struct se_header) == 512, "layout on disk");
static_assert(offsetof(struct se_header, grains) == 0xC0, "layout on disk");

struct se_volatile {
    uint64_t magic;
    uint64_t next_table; /* number of tables in use */
    uint64_t next_sequence;
    uint64_t replay; /* the journal holds what the tables do not */
    uint8_t zero[480];
};
static_assert(sizeof(struct se_volatile) == 512, "layout on disk");

struct se_extent {
    struct extent extent;
    struct se_header header;
    struct se_volatile state;
    struct tables *tables;
    uint64_t next; /* grain of the file to try first */
    uint64_t end;  /* bytes of the file that are in use */
    bool counted;  /* no table of the directory lies behind state.next_table */
};

static inline struct se_extent *se_of(struct extent *extent)
{
    return (struct se_extent *)extent;
}

bool se_probe(const void *sector);

/* Opens an extent of `size` bytes; takes the file over when it succeeds. */
int se_open(struct store_file *file, const char *name, uint64_t size, bool writable,
            struct extent **out);

/* Makes an empty delta in an empty file, which stays the caller's. */
int se_make(struct store_file *file, uint64_t size);

/* ---- between the files of this format ---- */

/* A grain's number as entries hold it, and back. */
static inline uint64_t se_rotate(uint64_t grain)
{
    return (grain & 0xFFF) << 48 | grain >> 12;
}

static inline uint64_t se_unrotate(uint64_t entry)
{
    return (entry & 0x0000FFFFFFFFFFFFull) << 12 | (entry >> 48 & 0xFFF);
}

/* Byte in the file of an area's first byte, and of one grain. */
static inline uint64_t se_at(const struct se_area *area)
{
    return area->offset * VMDK_SECTOR;
}

static inline uint64_t se_grain_at(const struct se_extent *se, uint64_t grain)
{
    return se_at(&se->header.grains) + grain * SE_GRAIN;
}

uint64_t se_grain_count(const struct se_extent *se);
/* Byte of a table, 0 where the directory has none. */
int se_table_at(struct se_extent *se, uint64_t table, uint64_t *out);
/* The table entry of one grain of the disk; SE_ZERO, SE_STORED etc. are checked. */
int se_entry(struct se_extent *se, uint64_t grain, uint64_t *out);
int se_allocate(struct extent *extent, uint64_t offset, const void *data, size_t length);
int se_commit(struct extent *extent);
int se_flush(struct extent *extent);
int se_close(struct extent *extent);
int se_check(struct extent *extent, struct vmdk_check *check);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * tables: the metadata of one sparse file, a few pages of it in memory.
 *
 * Reads come through a cache of pages; writes stay in it until tables_commit() or tables_flush().
 * Both make the file's data durable before they write sectors marked LATE (what points at room): a
 * table on disk never points at data that is not there. Sectors marked EARLY (what says that room
 * is taken) are durable by then too, so a crash between leaves room that nobody uses, never room
 * that two use.
 * Only whole dirty sectors are written back: a page may hold a neighbour's data.
 */
#ifndef BACKENDS_BLOCK_VMDK_TABLES_H
#define BACKENDS_BLOCK_VMDK_TABLES_H

#include "block/store.h"

#include <stddef.h>
#include <stdint.h>

enum tables_order { TABLES_EARLY, TABLES_LATE };

struct tables;

/* The file stays the caller's and outlives the tables. NULL: out of memory. */
struct tables *tables_new(struct store_file *file);
/* What was not flushed is lost. NULL is fine. */
void tables_free(struct tables *tables);

/*
 * One little-endian number at a byte offset that is a multiple of its size. -EINVAL past the end
 * of the file, else what the store says; its `error` is set.
 */
int tables_get32(struct tables *tables, uint64_t offset, uint32_t *out);
int tables_get64(struct tables *tables, uint64_t offset, uint64_t *out);
int tables_put32(struct tables *tables, uint64_t offset, uint32_t value, enum tables_order order);
int tables_put64(struct tables *tables, uint64_t offset, uint64_t value, enum tables_order order);

/* Writes zeros to whole sectors of the file at once and forgets what the cache held of them. */
int tables_clear(struct tables *tables, uint64_t offset, uint64_t length);

/* Forgets a range that was written behind the cache's back. Nothing in it may be dirty. */
void tables_forget(struct tables *tables, uint64_t offset, uint64_t length);

/*
 * Puts every change into the file, in order: data and early sectors, durable, then late sectors. A
 * death of this process then loses nothing; the late sectors survive the host's after
 * tables_flush(). Costs nothing when nothing was changed.
 */
int tables_commit(struct tables *tables);
/* tables_commit(), and makes everything durable. After a failure both try everything again. */
int tables_flush(struct tables *tables);

#endif

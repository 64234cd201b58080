/* SPDX-License-Identifier: MIT */
/*
 * cowd: ESXi's vmfsSparse deltas ("COWD").
 *
 * header (2 KiB) | directory | tables and grains as they were needed
 *
 * Entries are sectors of the file, 0 is absent. A table has 4096 entries. The header notes the next
 * free sector; others leave it stale, so the end of the file counts too.
 */
#ifndef BACKENDS_BLOCK_VMDK_COWD_H
#define BACKENDS_BLOCK_VMDK_COWD_H

#include "block/vmdk/extent.h"

bool cowd_probe(const void *sector);

/* Opens an extent of `size` bytes; takes the file over when it succeeds. */
int cowd_open(struct store_file *file, const char *name, uint64_t size, bool writable,
              struct extent **out);

/* Makes an empty delta in an empty file; `grain` in bytes, 0 = 512. The file stays the caller's. */
int cowd_make(struct store_file *file, uint64_t size, uint32_t grain, const char *parent);

#endif

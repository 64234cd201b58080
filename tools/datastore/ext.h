/* SPDX-License-Identifier: MIT */
/* ext2, 3 and 4 file systems on a part of a virtual disk, read through libext2fs. */
#ifndef DATASTORE_EXT_H
#define DATASTORE_EXT_H

#include "partitions.h"

struct ext;

/* NULL when the partition holds no such file system. Close before the disk. */
struct ext *ext_open(struct disk *disk, const struct partition *partition);
void ext_close(struct ext *ext);

/*
 * Reads a whole file of at most `most` bytes, following links; a NUL is put behind it. The caller
 * frees. NULL when there is none, or it is larger.
 */
char *ext_read(struct ext *ext, const char *path, size_t most, size_t *length);

/* Whether a path leads to something. */
bool ext_exists(struct ext *ext, const char *path);

/* Calls visit with each name in a directory; a directory that is not there has none. */
void ext_list(struct ext *ext, const char *path, void (*visit)(void *context, const char *name),
              void *context);

#endif

/* SPDX-License-Identifier: MIT */
/* sparse: hosted sparse extents ("KDMV"), read only. */
#ifndef BACKENDS_BLOCK_VMDK_SPARSE_H
#define BACKENDS_BLOCK_VMDK_SPARSE_H

#include "block/store.h"

#include <stdint.h>

struct vmdk_sparse;

/* What the header says of a descriptor kept inside the file. */
struct vmdk_embedded {
    uint64_t offset, length; /* bytes; length 0: none */
};

/* Whether a file's first sector is a hosted sparse header. */
int vmdk_sparse_probe(const void *sector);

/* The file stays the caller's. -EINVAL, -ENOTSUP (compressed, unknown flags) with the store's
 * error. */
int vmdk_sparse_open(struct store_file *file, struct vmdk_sparse **out);
void vmdk_sparse_close(struct vmdk_sparse *sparse);
uint64_t vmdk_sparse_sectors(const struct vmdk_sparse *sparse);
struct vmdk_embedded vmdk_sparse_descriptor(const struct vmdk_sparse *sparse);
/* Reads bytes of the extent; absent grains are zeros. Ranges are multiples of 512. */
int vmdk_sparse_read(struct vmdk_sparse *sparse, uint64_t offset, void *buffer, size_t length);

#endif

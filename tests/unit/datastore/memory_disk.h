/* SPDX-License-Identifier: MIT */
/* A read-only disk in memory: given bytes, then zeros. */
#ifndef TESTS_UNIT_DATASTORE_MEMORY_DISK_H
#define TESTS_UNIT_DATASTORE_MEMORY_DISK_H

#include "block/disk.h"

struct memory_disk {
    struct disk disk;
    const uint8_t *data;
    size_t length;
};

/* The bytes stay the caller's; `size` is rounded up to sectors and to hold them all. */
void memory_disk_init(struct memory_disk *memory, const uint8_t *data, size_t length,
                      uint64_t size);

#endif

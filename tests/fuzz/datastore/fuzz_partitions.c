/* SPDX-License-Identifier: MIT */
/* Any bytes as the beginning of a 1 GiB disk: the whole disk, then partitions that lie on it. */
#include "../../unit/datastore/memory_disk.h"
#include "datastore/partitions.h"

#include <stdlib.h>

#define DISK_SIZE (1ull << 30)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct partition *partitions = malloc(PARTITIONS_MAX * sizeof(*partitions));
    struct memory_disk memory;
    unsigned n;

    if (partitions == NULL)
        return 0;
    memory_disk_init(&memory, data, size, DISK_SIZE);
    n = partitions_read(&memory.disk, partitions);
    if (n == 0 || n > PARTITIONS_MAX || partitions[0].number != 0 || partitions[0].offset != 0 ||
        partitions[0].length != memory.disk.size)
        abort();
    for (unsigned i = 1; i < n; i++)
        if (partitions[i].number == 0 || partitions[i].length == 0 ||
            partitions[i].offset % BDEV_SECTOR != 0 || partitions[i].offset >= memory.disk.size ||
            partitions[i].length > memory.disk.size - partitions[i].offset)
            abort();
    free(partitions);
    return 0;
}

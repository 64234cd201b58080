/* SPDX-License-Identifier: MIT */
/* kdmv: deflated grains of stream-optimized extents, read at random. */
#include "block/vmdk/kdmv.h"

#include "block/vmdk/kdmv_packer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void kdmv_packer_free(struct kdmv_packer *packer)
{
    if (packer == NULL)
        return;
    free(packer->grain);
    free(packer->packed);
    free(packer->tables);
    free(packer);
}

int kdmv_packer_make(struct kdmv *kdmv)
{
    struct kdmv_packer *packer;

    if (kdmv->packer != NULL)
        return 0;
    packer = calloc(1, sizeof(*packer));
    if (packer == NULL)
        return extent_fail(&kdmv->extent, -ENOMEM, "out of memory");
    /* Deflate may make noise longer; zlib says by how much at most. */
    packer->packed_size = compressBound(kdmv->extent.grain) + VMDK_SECTOR;
    packer->held = UINT64_MAX;
    packer->grain = malloc(kdmv->extent.grain);
    packer->packed = malloc(packer->packed_size);
    if (packer->grain == NULL || packer->packed == NULL) {
        kdmv_packer_free(packer);
        return extent_fail(&kdmv->extent, -ENOMEM, "out of memory");
    }
    kdmv->packer = packer;
    return 0;
}

/* Reads the marker before a grain: its place must be the grain's own. */
static int read_marker(struct kdmv *kdmv, uint64_t grain, uint64_t at, uint32_t *size,
                       uint32_t *skip)
{
    struct kdmv_marker marker = {0};
    int rc;

    if ((kdmv->header.flags & KDMV_FLAG_MARKERS) == 0) {
        *skip = sizeof(uint32_t);
        return extent_file_read(&kdmv->extent, at, size, sizeof(*size));
    }
    rc = extent_file_read(&kdmv->extent, at, &marker, KDMV_MARKER_GRAIN_BYTES);
    if (rc == 0 && marker.value != grain * kdmv->header.grain_size)
        rc = extent_fail(&kdmv->extent, -EINVAL,
                         "the grain at byte %llu says it is sector %llu, the tables say %llu",
                         (unsigned long long)at, (unsigned long long)marker.value,
                         (unsigned long long)(grain * kdmv->header.grain_size));
    *size = marker.size;
    *skip = KDMV_MARKER_GRAIN_BYTES;
    return rc;
}

/* Brings one grain into the packer. */
static int unpack(struct kdmv *kdmv, uint64_t grain)
{
    struct kdmv_packer *packer = kdmv->packer;
    struct extent *extent = &kdmv->extent;
    uint64_t start = grain * extent->grain, capacity = kdmv->header.capacity * VMDK_SECTOR, at;
    uLongf length = extent->grain;
    uint32_t entry, size, skip;
    int rc;

    if (packer->held == grain)
        return 0;
    packer->held = UINT64_MAX;
    rc = kdmv_entry(kdmv, grain, &entry);
    if (rc != 0)
        return rc;
    at = (uint64_t)entry * VMDK_SECTOR;
    rc = read_marker(kdmv, grain, at, &size, &skip);
    if (rc == 0 && (size == 0 || size > packer->packed_size))
        rc = extent_fail(extent, -EINVAL, "the grain at byte %llu says it has %u deflated bytes",
                         (unsigned long long)at, size);
    if (rc == 0)
        rc = extent_file_read(extent, at + skip, packer->packed, size);
    if (rc != 0)
        return rc;
    if (uncompress(packer->grain, &length, packer->packed, size) != Z_OK)
        return extent_fail(extent, -EINVAL, "the grain at byte %llu does not inflate",
                           (unsigned long long)at);
    /* The last grain may be as short as the disk. */
    if (length < extent->grain && length < capacity - start)
        return extent_fail(extent, -EINVAL, "the grain at byte %llu inflates to %lu bytes",
                           (unsigned long long)at, (unsigned long)length);
    memset(packer->grain + length, 0, extent->grain - length);
    packer->held = grain;
    return 0;
}

int kdmv_stream_read(struct extent *extent, uint64_t offset, void *buffer, size_t length)
{
    struct kdmv *kdmv = kdmv_of(extent);
    int rc = kdmv_packer_make(kdmv);

    while (length > 0 && rc == 0) {
        uint64_t inside = offset % extent->grain;
        size_t piece = extent->grain - inside < length ? (size_t)(extent->grain - inside) : length;

        rc = unpack(kdmv, offset / extent->grain);
        if (rc == 0)
            memcpy(buffer, kdmv->packer->grain + inside, piece);
        buffer = (char *)buffer + piece;
        offset += piece;
        length -= piece;
    }
    return rc;
}

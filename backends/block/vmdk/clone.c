/* SPDX-License-Identifier: MIT */
/* clone: a disk's contents into a new disk of any kind. */
#include "block/vmdk/kdmv.h"
#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (1u << 20)
#define PIECE (64u * 1024) /* zeros are left out in these */

struct target {
    struct extent *stream; /* one of them */
    struct disk *disk;
};

static bool is_zero(const char *buffer, size_t length)
{
    return buffer[0] == 0 && memcmp(buffer, buffer + 1, length - 1) == 0;
}

static int open_stream(struct store *store, const char *path, struct target *target)
{
    struct store_file *file;
    int rc = store->ops->open(store, path, STORE_WRITE, &file);

    if (rc != 0)
        return rc;
    rc = kdmv_stream_append(file, path, &target->stream);
    if (rc != 0)
        file->store->ops->close_file(file);
    return rc;
}

static int target_write(struct target *target, uint64_t at, const char *buffer, size_t length)
{
    return target->stream != NULL ? target->stream->ops->write(target->stream, at, buffer, length)
                                  : disk_write(target->disk, at, buffer, length);
}

/* Writes the runs of pieces that are not all zeros: a new disk reads as zeros. */
static int write_chunk(struct target *target, uint64_t at, const char *buffer, size_t length)
{
    size_t start = 0, end;
    int rc = 0;

    while (start < length && rc == 0) {
        for (end = start; end < length; end += PIECE) {
            size_t piece = length - end < PIECE ? length - end : PIECE;

            if (is_zero(buffer + end, piece))
                break;
        }
        end = end < length ? end : length;
        if (end > start)
            rc = target_write(target, at + start, buffer + start, end - start);
        start = end + PIECE;
    }
    return rc;
}

/* How far the source is known to be zeros, without reading it. */
static uint64_t hole_at(struct disk *source, uint64_t at)
{
    struct bdev_extent extent;
    bool read_needed;

    if (disk_map(source, at, source->size - at, DISK_TO_READ, &extent, &read_needed) != 0 ||
        extent.stored || read_needed)
        return 0;
    return extent.length;
}

static int copy(struct disk *source, struct target *target, const struct vmdk_create *how,
                char *error)
{
    char *buffer = malloc(CHUNK);
    int rc = buffer == NULL ? -ENOMEM : 0;

    if (rc != 0)
        snprintf(error, DISK_ERROR_MAX, "out of memory");
    for (uint64_t at = 0; at < source->size && rc == 0;) {
        uint64_t hole = hole_at(source, at);
        size_t piece = source->size - at < CHUNK ? (size_t)(source->size - at) : CHUNK;

        if (hole == 0) {
            rc = disk_read(source, at, buffer, piece);
            if (rc != 0)
                snprintf(error, DISK_ERROR_MAX, "%s", source->error);
            else
                rc = write_chunk(target, at, buffer, piece);
        }
        at += hole > 0 ? hole : piece;
        if (how->progress != NULL)
            how->progress(how->context, at, source->size);
    }
    free(buffer);
    return rc;
}

/* Ends the new disk in order; a stream's tables are written only now. */
static int finish(struct target *target, int rc, struct store *store, char *error)
{
    if (target->disk != NULL) {
        int flushed = rc == 0 ? disk_flush(target->disk) : 0;

        if ((rc != 0 && error[0] == '\0') || flushed != 0)
            snprintf(error, DISK_ERROR_MAX, "%s", target->disk->error);
        rc = rc != 0 ? rc : flushed;
        flushed = disk_close(target->disk);
        if (rc == 0 && flushed != 0)
            snprintf(error, DISK_ERROR_MAX, "closing the new disk: %s", strerror(-flushed));
        return rc != 0 ? rc : flushed;
    }
    if (rc != 0 && error[0] == '\0')
        snprintf(error, DISK_ERROR_MAX, "%s", store->error);
    if (rc != 0)
        target->stream->writable = false;
    if (target->stream->ops->close(target->stream) != 0 && rc == 0) {
        rc = -EIO;
        snprintf(error, DISK_ERROR_MAX, "%s", store->error);
    }
    return rc;
}

int vmdk_clone(struct disk *source, struct store *store, const char *path,
               const struct vmdk_create *how, char error[DISK_ERROR_MAX])
{
    struct vmdk_create made = *how;
    struct target target = {0};
    char later[DISK_ERROR_MAX];
    int rc;

    error[0] = '\0';
    if (made.size == 0)
        made.size = source->size;
    if (made.size < source->size || made.parent != NULL) {
        snprintf(error, DISK_ERROR_MAX,
                 "%.85s: a clone is at least as large as its source, and "
                 "has no parent",
                 path);
        return -EINVAL;
    }
    rc = vmdk_create(store, path, &made, error);
    if (rc != 0)
        return rc;
    if (made.kind == VMDK_KIND_STREAM) {
        rc = open_stream(store, path, &target);
        if (rc != 0)
            snprintf(error, DISK_ERROR_MAX, "%s", store->error);
    } else {
        rc = vmdk_open_in(store, path, false, &target.disk, error);
    }
    if (rc == 0) {
        rc = copy(source, &target, &made, error);
        rc = finish(&target, rc, store, error);
    }
    if (rc != 0)
        vmdk_remove(store, path, later);
    return rc;
}

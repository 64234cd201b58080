/* SPDX-License-Identifier: MIT */
/* extent: what all formats share, and the formats without tables. */
#include "block/vmdk/extent.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROW_STEP (64ull << 20)

int extent_fail(struct extent *extent, int code, const char *format, ...)
{
    char what[STORE_ERROR_MAX - 100];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(extent->file->store->error, STORE_ERROR_MAX, "%.90s: %s", extent->name, what);
    return code;
}

int extent_file_read(struct extent *extent, uint64_t at, void *buffer, size_t length)
{
    struct store_file *file = extent->file;

    if (at > file->length || length > file->length - at)
        return extent_fail(extent, -EINVAL,
                           "the file was cut short: data at byte %llu, the file ends at %llu",
                           (unsigned long long)at + length, (unsigned long long)file->length);
    return file->store->ops->read(file, at, buffer, length);
}

int extent_file_write(struct extent *extent, uint64_t at, const void *buffer, size_t length)
{
    return extent->file->store->ops->write(extent->file, at, buffer, length);
}

int extent_file_reach(struct extent *extent, uint64_t end)
{
    uint64_t step = extent->size / 16 < GROW_STEP ? extent->size / 16 : GROW_STEP;

    if (end <= extent->file->length)
        return 0;
    if (extent->file->store->ops->resize == NULL)
        return extent_fail(extent, -ENOTSUP, "files cannot grow here");
    step = (step + 4095) / 4096 * 4096;
    return extent->file->store->ops->resize(extent->file, end + step, STORE_THIN);
}

int extent_file_trim(struct extent *extent, uint64_t end)
{
    int rc = 0;

    if (end < extent->file->length)
        rc = extent->file->store->ops->resize(extent->file, end, STORE_THIN);
    return rc == -EOPNOTSUPP ? 0 : rc;
}

void extent_free(struct extent *extent)
{
    if (extent->file != NULL)
        extent->file->store->ops->close_file(extent->file);
    free(extent);
}

/* ---- flat ---- */

struct flat {
    struct extent extent;
    uint64_t offset;
};

static int flat_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out)
{
    *out = (struct place){PLACE_STORED, ((struct flat *)extent)->offset + offset, most};
    return 0;
}

static int flat_flush(struct extent *extent)
{
    return extent->writable ? extent->file->store->ops->flush(extent->file) : 0;
}

static int flat_close(struct extent *extent)
{
    int rc = flat_flush(extent);

    extent_free(extent);
    return rc;
}

static const struct extent_ops flat_ops = {
    .locate = flat_locate,
    .flush = flat_flush,
    .close = flat_close,
};

int extent_flat_open(struct store_file *file, const char *name, uint64_t offset, uint64_t size,
                     bool writable, struct extent **out)
{
    struct flat *flat = calloc(1, sizeof(*flat));

    if (flat == NULL) {
        snprintf(file->store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    flat->extent =
        (struct extent){.ops = &flat_ops, .file = file, .size = size, .writable = writable};
    snprintf(flat->extent.name, sizeof(flat->extent.name), "%s", name);
    flat->offset = offset;
    if (offset > file->length || size > file->length - offset) {
        int rc = extent_fail(&flat->extent, -EINVAL,
                             "a flat extent's file has %llu bytes, its descriptor says %llu",
                             (unsigned long long)file->length, (unsigned long long)offset + size);

        free(flat);
        return rc;
    }
    *out = &flat->extent;
    return 0;
}

/* ---- zero ---- */

static int zero_locate(struct extent *extent, uint64_t offset, uint64_t most, struct place *out)
{
    (void)extent;
    *out = (struct place){PLACE_ZERO, offset, most};
    return 0;
}

static int zero_flush(struct extent *extent)
{
    (void)extent;
    return 0;
}

static int zero_close(struct extent *extent)
{
    free(extent);
    return 0;
}

static const struct extent_ops zero_ops = {
    .locate = zero_locate,
    .flush = zero_flush,
    .close = zero_close,
};

int extent_zero_open(struct store *store, uint64_t size, struct extent **out)
{
    struct extent *extent = calloc(1, sizeof(*extent));

    if (extent == NULL) {
        snprintf(store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    *extent = (struct extent){.ops = &zero_ops, .size = size};
    *out = extent;
    return 0;
}

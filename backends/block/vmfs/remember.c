/* SPDX-License-Identifier: MIT */
/*
 * What was read lately, in lines that hold more than was asked for: descriptors and names lie
 * close together, and on a disk behind a network each request costs as much as a line.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE     65536u
#define LINES    128u
#define KEPT_NS  1000000000ull /* as long as Linux keeps what FUSE told it of names */
#define LONGEST  (LINE / 2)    /* what is longer is read by itself */
#define NO_PLACE UINT64_MAX

struct vmfs_line {
    uint64_t offset; /* of the volume, a multiple of LINE; NO_PLACE: nothing is held */
    uint64_t since_ns;
    uint32_t length; /* less than LINE at the volume's end */
    uint8_t bytes[LINE];
};

struct vmfs_memory {
    struct vmfs_line *lines[LINES];
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int remember_start(struct vmfs_volume *volume)
{
    volume->memory = calloc(1, sizeof(*volume->memory));
    return volume->memory == NULL ? vmfs_fail(volume, -ENOMEM, "out of memory") : 0;
}

void remember_free(struct vmfs_volume *volume)
{
    for (unsigned i = 0; i < LINES && volume->memory != NULL; i++)
        free(volume->memory->lines[i]);
    free(volume->memory);
}

/* The line from `start` on, read if it is not held or too old; NULL: it cannot be had. */
static const struct vmfs_line *line_at(struct vmfs_volume *volume, uint64_t start)
{
    struct vmfs_line **slot = &volume->memory->lines[start / LINE % LINES], *line = *slot;
    uint64_t now = now_ns();

    if (line != NULL && line->offset == start && now - line->since_ns < KEPT_NS)
        return line;
    if (line == NULL)
        line = *slot = malloc(sizeof(*line));
    if (line == NULL)
        return NULL;
    line->offset = NO_PLACE;
    line->length = volume->size - start < LINE ? (uint32_t)(volume->size - start) : LINE;
    if (volume_read_through(volume, start, line->bytes, line->length) != 0)
        return NULL;
    line->offset = start;
    line->since_ns = now;
    return line;
}

int remember_read(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length)
{
    while (length > 0) {
        uint64_t inside = offset % LINE;
        size_t piece = length < LINE - inside ? length : (size_t)(LINE - inside);
        const struct vmfs_line *line = NULL;

        if (length <= LONGEST && offset < volume->size)
            line = line_at(volume, offset - inside);
        /* What cannot be read with its neighbours may be read alone, or fails by its own name. */
        if (line == NULL || line->length < inside + piece)
            return volume_read_through(volume, offset, buffer, length);
        memcpy(buffer, line->bytes + inside, piece);
        buffer = (char *)buffer + piece;
        offset += piece;
        length -= piece;
    }
    return 0;
}

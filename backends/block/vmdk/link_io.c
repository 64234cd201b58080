/* SPDX-License-Identifier: MIT */
/* link: reading, writing and mapping through a chain of extents. */
#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct part *part_at(struct link *link, uint64_t offset)
{
    struct part *part = &link->parts[link->last_part];
    unsigned low = 0, high = link->part_count;

    if (offset >= part->start && offset - part->start < part->length)
        return part;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;

        if (offset >= link->parts[middle].start)
            low = middle;
        else
            high = middle;
    }
    link->last_part = low;
    return &link->parts[low];
}

/* The store's error of a part: a mapped disk has a store of its own. */
static int part_result(struct link *link, const struct part *part, int rc)
{
    if (rc == 0 || part->extent->file == NULL)
        return rc;
    return link_fail(link, rc, "%s", part->extent->file->store->error);
}

/* What an absent range reads as. A parent may be shorter than its child. */
static int read_parent(struct link *link, uint64_t offset, void *buffer, size_t length)
{
    uint64_t end = link->parent == NULL ? 0 : link_size(link->parent);
    size_t have = offset >= end ? 0 : end - offset < length ? (size_t)(end - offset) : length;
    int rc = 0;

    if (have > 0) {
        rc = link_read_bytes(link->parent, offset, buffer, have);
        if (rc != 0)
            strcpy(link->error, link->parent->error);
    }
    memset((char *)buffer + have, 0, length - have);
    return rc;
}

/* Finds what lies at a byte of the disk, within one part. */
static int locate(struct link *link, uint64_t offset, uint64_t most, struct part **part,
                  struct place *place)
{
    uint64_t inside;

    *part = part_at(link, offset);
    inside = offset - (*part)->start;
    if ((*part)->access == VMDK_ACCESS_NONE)
        return link_fail(link, -EACCES, "this part of the disk is marked NOACCESS");
    if (most > (*part)->length - inside)
        most = (*part)->length - inside;
    return part_result(link, *part,
                       (*part)->extent->ops->locate((*part)->extent, inside, most, place));
}

int link_read_bytes(struct link *link, uint64_t offset, void *buffer, size_t length)
{
    while (length > 0) {
        struct place place;
        struct part *part;
        int rc = locate(link, offset, length, &part, &place);

        if (rc != 0)
            return rc;
        switch (place.kind) {
        case PLACE_STORED:
            rc = part_result(link, part,
                             extent_file_read(part->extent, place.at, buffer, place.length));
            break;
        case PLACE_ABSENT:
            rc = read_parent(link, offset, buffer, place.length);
            break;
        case PLACE_ZERO:
            memset(buffer, 0, place.length);
            break;
        case PLACE_PACKED:
            rc = part_result(
                link, part,
                part->extent->ops->read(part->extent, offset - part->start, buffer, place.length));
            break;
        }
        if (rc != 0)
            return rc;
        offset += place.length;
        buffer = (char *)buffer + place.length;
        length -= place.length;
    }
    return 0;
}

/*
 * Stores part of one grain that is not stored yet: the rest of it comes from the parent, or is
 * zeros where the grain is known to be.
 */
static int write_grain(struct link *link, struct part *part, const struct place *place,
                       uint64_t offset, const void *buffer, size_t length)
{
    struct extent *extent = part->extent;
    uint64_t inside = offset - part->start, start = inside / extent->grain * extent->grain;
    uint64_t bytes = part->length - start < extent->grain ? part->length - start : extent->grain;
    int rc = 0;

    if (place->kind == PLACE_ABSENT)
        rc = read_parent(link, part->start + start, link->grain, bytes);
    else
        memset(link->grain, 0, bytes);
    if (rc != 0)
        return rc;
    memcpy(link->grain + (inside - start), buffer, length);
    return part_result(link, part, extent->ops->allocate(extent, start, link->grain, bytes));
}

/* Stores bytes that are not stored yet, as many whole grains as there are; `done` says how many. */
static int write_new(struct link *link, struct part *part, const struct place *place,
                     uint64_t offset, const void *buffer, size_t *done)
{
    struct extent *extent = part->extent;
    uint64_t inside = offset - part->start, length = place->length;
    bool to_end = inside + length == part->length;

    if (extent->ops->allocate == NULL)
        return link_fail(link, -EROFS, "this part of the disk cannot be written");
    link->uncommitted = true;
    if (inside % extent->grain == 0 && (length >= extent->grain || to_end)) {
        if (!to_end)
            length -= length % extent->grain;
        *done = length;
        return part_result(link, part, extent->ops->allocate(extent, inside, buffer, length));
    }
    if (length > extent->grain - inside % extent->grain)
        length = extent->grain - inside % extent->grain;
    *done = length;
    return write_grain(link, part, place, offset, buffer, length);
}

static int check_writable(struct link *link, const struct part *part)
{
    return part->extent->writable
               ? 0
               : link_fail(link, -EROFS, "this part of the disk cannot be written");
}

static int write_piece(struct link *link, uint64_t offset, const void *buffer, size_t length,
                       size_t *done)
{
    struct part *part = part_at(link, offset);
    uint64_t inside = offset - part->start;
    struct place place;
    int rc = check_writable(link, part);

    if (rc == 0)
        rc = link_begin_writing(link);
    if (rc != 0)
        return rc;
    if (length > part->length - inside)
        length = part->length - inside;
    *done = length;
    if (part->extent->ops->write != NULL)
        return part_result(link, part,
                           part->extent->ops->write(part->extent, inside, buffer, length));
    rc = locate(link, offset, length, &part, &place);
    if (rc != 0)
        return rc;
    *done = place.length;
    if (place.kind == PLACE_STORED)
        return part_result(link, part,
                           extent_file_write(part->extent, place.at, buffer, place.length));
    return write_new(link, part, &place, offset, buffer, done);
}

int link_write_bytes(struct link *link, uint64_t offset, const void *buffer, size_t length)
{
    int rc = 0;

    while (length > 0 && rc == 0) {
        size_t done = 0;

        rc = write_piece(link, offset, buffer, length, &done);
        offset += done;
        buffer = (const char *)buffer + done;
        length -= done;
    }
    return rc;
}

/* Before data that does not pass link_write_bytes() is written to a stored place. */
static int begin_mapped_write(struct link *link, const struct part *part)
{
    struct store_file *file = part->extent->file;
    int rc = link_begin_writing(link);

    return rc != 0 || file->store->ops->may_write == NULL
               ? rc
               : part_result(link, part, file->store->ops->may_write(file));
}

int link_map(struct link *link, uint64_t offset, uint64_t most, enum disk_use use,
             struct bdev_extent *out, bool *read_needed)
{
    struct place place;
    struct part *part;
    int rc = locate(link, offset, most, &part, &place);

    if (rc == 0 && use == DISK_TO_WRITE)
        rc = check_writable(link, part);
    if (rc != 0)
        return rc;
    *read_needed =
        place.kind == PLACE_PACKED || (place.kind == PLACE_ABSENT && link->parent != NULL);
    if (place.kind != PLACE_STORED) {
        *out = (struct bdev_extent){.length = place.length};
        return 0;
    }
    /* What is then written there does not pass link_write_bytes(). */
    if (use == DISK_TO_WRITE) {
        rc = begin_mapped_write(link, part);
        if (rc != 0)
            return rc;
    }
    return part_result(
        link, part,
        part->extent->file->store->ops->map(part->extent->file, place.at, place.length, out));
}

int link_commit(struct link *link)
{
    int rc = 0;

    if (!link->uncommitted)
        return 0;
    for (unsigned i = 0; i < link->part_count && rc == 0; i++) {
        struct extent *extent = link->parts[i].extent;

        if (extent->ops->commit != NULL)
            rc = part_result(link, &link->parts[i], extent->ops->commit(extent));
    }
    link->uncommitted = rc != 0;
    return rc;
}

int link_flush(struct link *link)
{
    int rc = 0;

    for (unsigned i = 0; i < link->part_count && rc == 0; i++)
        rc = part_result(link, &link->parts[i],
                         link->parts[i].extent->ops->flush(link->parts[i].extent));
    return rc;
}

int link_discard(struct link *link, uint64_t offset, uint64_t length)
{
    int rc = 0;

    while (length > 0 && rc == 0) {
        struct extent *extent;
        struct place place;
        struct part *part;

        rc = locate(link, offset, length, &part, &place);
        if (rc != 0)
            break;
        extent = part->extent;
        /* Where there are grains, what lies under them differs: their room is not the store's. */
        if (place.kind == PLACE_STORED && extent->writable && extent->grain == 0 &&
            extent->file->store->ops->discard != NULL) {
            rc = link_begin_writing(link);
            if (rc == 0)
                rc = part_result(
                    link, part,
                    extent->file->store->ops->discard(extent->file, place.at, place.length));
        }
        offset += place.length;
        length -= place.length;
    }
    return rc;
}

/* SPDX-License-Identifier: MIT */
/* grow: making disks larger. */
#include "block/vmdk/kdmv.h"
#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of thick room, between two lines of progress; each costs a flush or two. */
#define STEP (256ull << 20)

static int check_growth(struct link *link, uint64_t size)
{
    const struct vmdk_descriptor *d = &link->descriptor;

    if (size % VMDK_SECTOR != 0 || size / VMDK_SECTOR > VMDK_MAX_SECTORS)
        return link_fail(link, -EINVAL, "the new size is not a multiple of 512 up to 64 TiB");
    if (size < link_size(link))
        return link_fail(link, -EINVAL, "a disk is not made smaller");
    if (d->parent_cid != VMDK_CID_NO_PARENT)
        return link_fail(link, -ENOTSUP,
                         "a snapshot does not grow: VMware would refuse it; merge it first");
    if (d->extent_count != 1)
        return link_fail(link, -ENOTSUP, "a disk in several pieces does not grow: clone it");
    return 0;
}

/* By steps, which show how far it has come, and back to what it was when one fails. */
static int grow_file(struct link *link, struct store_file *file, const struct store_create *how,
                     uint64_t length)
{
    const struct store_ops *ops = file->store->ops;
    uint64_t before = file->length;
    int rc = 0;

    while (rc == 0 && file->length < length) {
        uint64_t next = file->length + STEP;

        if (how->allocation == STORE_THIN || next > length)
            next = length;
        rc = link_result(link, ops->resize(file, next, how->allocation));
        if (rc == 0 && how->progress != NULL)
            how->progress(how->context, file->length - before, length - before);
    }
    if (rc != 0 && file->length > before)
        ops->resize(file, before, STORE_THIN);
    return rc;
}

static int grow_extent(struct link *link, const struct store_create *how)
{
    struct extent *extent = link->parts[0].extent;
    struct vmdk_extent *described = &link->descriptor.extents[0];

    switch (described->type) {
    case VMDK_EXTENT_FLAT:
    case VMDK_EXTENT_VMFS:
        return grow_file(link, extent->file, how, how->length + described->offset * VMDK_SECTOR);
    case VMDK_EXTENT_SPARSE:
        return link_result(link, kdmv_grow(extent, how->length));
    default:
        return link_fail(link, -ENOTSUP, "extents of type %s do not grow",
                         vmdk_extent_word(described->type));
    }
}

/* Writes the new size over the old in the first extent's line. */
static int describe_growth(struct link *link, uint64_t size)
{
    char line[VMDK_NAME_MAX + 80], *text, *larger, *at, *end;
    const struct vmdk_extent *extent = &link->descriptor.extents[0];
    size_t length;
    int rc = link_load_text(link, &text, &length), n;

    if (rc != 0)
        return rc;
    n = snprintf(line, sizeof(line), "%llu %s", (unsigned long long)extent->sectors,
                 vmdk_extent_word(extent->type));
    at = strcasestr(text, line);
    larger = malloc(length + sizeof(line));
    if (at == NULL || larger == NULL) {
        rc = link_fail(link, at == NULL ? -EINVAL : -ENOMEM, "the extent's line cannot be changed");
    } else {
        end = at + n;
        n = sprintf(larger, "%.*s%llu %s%s", (int)(at - text), text,
                    (unsigned long long)(size / VMDK_SECTOR), vmdk_extent_word(extent->type), end);
        rc = link_store_text(link, larger, (size_t)n);
    }
    free(larger);
    free(text);
    return rc;
}

/*
 * The extent grows first: a crash between leaves a file that is longer than its descriptor says,
 * which every reader takes.
 */
int vmdk_grow(struct store *store, const char *path, const struct store_create *how,
              char error[DISK_ERROR_MAX])
{
    struct link link;
    int rc = link_read(store, path, &link), closed;

    if (rc == 0)
        rc = check_growth(&link, how->length);
    if (rc == 0)
        rc = link_open(&link, false);
    if (rc == 0)
        rc = link_begin_writing(&link);
    if (rc == 0)
        rc = grow_extent(&link, how);
    if (rc == 0)
        rc = link_flush(&link);
    if (rc == 0)
        rc = describe_growth(&link, how->length);
    if (rc != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", link.error);
    closed = link_close(&link);
    if (rc == 0 && closed != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", link.error);
    return rc != 0 ? rc : closed;
}

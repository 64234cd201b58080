/* SPDX-License-Identifier: MIT */
/* grow: making disks larger. */
#include "block/vmdk/kdmv.h"
#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int grow_extent(struct link *link, uint64_t size, enum store_allocation allocation)
{
    struct extent *extent = link->parts[0].extent;
    struct vmdk_extent *described = &link->descriptor.extents[0];

    switch (described->type) {
    case VMDK_EXTENT_FLAT:
    case VMDK_EXTENT_VMFS:
        size += described->offset * VMDK_SECTOR;
        if (extent->file->length >= size)
            return 0;
        return link_result(link, extent->file->store->ops->resize(extent->file, size, allocation));
    case VMDK_EXTENT_SPARSE:
        return link_result(link, kdmv_grow(extent, size));
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
int vmdk_grow(struct store *store, const char *path, uint64_t size,
              enum store_allocation allocation, char error[DISK_ERROR_MAX])
{
    struct link link;
    int rc = link_read(store, path, &link), closed;

    if (rc == 0)
        rc = check_growth(&link, size);
    if (rc == 0)
        rc = link_open(&link, false);
    if (rc == 0)
        rc = link_begin_writing(&link);
    if (rc == 0)
        rc = grow_extent(&link, size, allocation);
    if (rc == 0)
        rc = link_flush(&link);
    if (rc == 0)
        rc = describe_growth(&link, size);
    if (rc != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", link.error);
    closed = link_close(&link);
    if (rc == 0 && closed != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", link.error);
    return rc != 0 ? rc : closed;
}

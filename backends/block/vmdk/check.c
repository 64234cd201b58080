/* SPDX-License-Identifier: MIT */
/* check: descriptors, chains and files; the formats compare their own tables. */
#include "block/vmdk/check.h"

#include "block/vmdk/link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void report(struct vmdk_check *check, const char *name, bool repaired, const char *what)
{
    char text[LINK_PATH_MAX + DISK_ERROR_MAX + 32];

    check->findings++;
    check->repaired += repaired;
    snprintf(text, sizeof(text), "%s: %s%s", name, what, repaired ? " (repaired)" : "");
    if (check->report != NULL)
        check->report(check->context, text);
}

void check_found(struct vmdk_check *check, const struct extent *extent, bool repaired,
                 const char *format, ...)
{
    char what[256];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    report(check, extent->name, repaired, what);
}

void check_reached(const struct vmdk_check *check, uint64_t byte)
{
    if (check->progress != NULL)
        check->progress(check->context, check->before + byte, check->size);
}

int check_room_init(struct check_room *room, struct extent *extent, uint64_t unit_bytes)
{
    room->units = extent->file->length / unit_bytes + 1;
    room->bits = calloc((room->units + 63) / 64, sizeof(*room->bits));
    return room->bits == NULL ? extent_fail(extent, -ENOMEM, "out of memory") : 0;
}

void check_room_free(struct check_room *room)
{
    free(room->bits);
    room->bits = NULL;
}

bool check_room_take(struct check_room *room, uint64_t unit)
{
    uint64_t bit = 1ull << unit % 64;

    if (unit >= room->units || (room->bits[unit / 64] & bit) != 0)
        return false;
    room->bits[unit / 64] |= bit;
    return true;
}

/* Whether the extent types are those that the createType has. */
static void check_types(struct link *link, struct vmdk_check *check)
{
    static const struct {
        enum vmdk_kind kind;
        enum vmdk_extent_type type;
    } types[] = {
        {VMDK_KIND_MONOLITHIC_SPARSE, VMDK_EXTENT_SPARSE},
        {VMDK_KIND_TWO_GB_SPARSE, VMDK_EXTENT_SPARSE},
        {VMDK_KIND_STREAM, VMDK_EXTENT_SPARSE},
        {VMDK_KIND_MONOLITHIC_FLAT, VMDK_EXTENT_FLAT},
        {VMDK_KIND_TWO_GB_FLAT, VMDK_EXTENT_FLAT},
        {VMDK_KIND_VMFS_SPARSE, VMDK_EXTENT_VMFS_SPARSE},
        {VMDK_KIND_SE_SPARSE, VMDK_EXTENT_SE_SPARSE},
        {VMDK_KIND_VMFS_THIN, VMDK_EXTENT_VMFS},
        {VMDK_KIND_VMFS_ZEROEDTHICK, VMDK_EXTENT_VMFS},
    };
    enum vmdk_kind kind = link_kind(&link->descriptor);
    char what[200];

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].kind != kind)
            continue;
        for (unsigned k = 0; k < link->descriptor.extent_count; k++) {
            const struct vmdk_extent *extent = &link->descriptor.extents[k];

            if (extent->type == types[i].type || extent->type == VMDK_EXTENT_ZERO)
                continue;
            snprintf(what, sizeof(what), "createType %.40s with an extent of type %s",
                     link->descriptor.create_type, vmdk_extent_word(extent->type));
            report(check, link->path, false, what);
        }
    }
}

static void check_chain(struct link *link, struct vmdk_check *check)
{
    bool has_hint = link->descriptor.parent_hint[0] != '\0';

    if (link->descriptor.parent_cid == VMDK_CID_NO_PARENT) {
        if (has_hint)
            report(check, link->path, false, "names a parent, but parentCID says there is none");
        return;
    }
    if (link_open_parents(link) != 0)
        report(check, link->path, false, link->error);
}

static int check_extents(struct link *link, struct vmdk_check *check)
{
    int rc = 0;

    for (unsigned i = 0; i < link->part_count && rc == 0; i++) {
        struct extent *extent = link->parts[i].extent;

        if (extent->ops->check != NULL)
            rc = extent->ops->check(extent, check);
        if (rc != 0)
            link_fail(link, rc, "%s", extent->file->store->error);
        check->before += extent->size;
    }
    return rc;
}

int vmdk_check(struct store *store, const char *path, struct vmdk_check *check,
               char error[DISK_ERROR_MAX])
{
    struct link link;
    int rc = link_read(store, path, &link), closed;

    check->findings = check->repaired = 0;
    check->before = 0;
    if (rc == 0) {
        check_types(&link, check);
        rc = link_open(&link, !check->repair);
    }
    if (rc == 0) {
        check->size = link_size(&link);
        check_chain(&link, check);
        rc = check_extents(&link, check);
    }
    if (rc != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", link.error);
    closed = link_close(&link);
    if (rc == 0 && closed != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", link.error);
    return rc != 0 ? rc : closed;
}

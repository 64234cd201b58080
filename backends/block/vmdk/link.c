/* SPDX-License-Identifier: MIT */
/* link: opening descriptors, extents and parents. */
#include "block/vmdk/link.h"

#include "block/vmdk/cowd.h"
#include "block/vmdk/kdmv.h"
#include "block/vmdk/rdm.h"
#include "block/vmdk/sesparse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 256u /* links; VMware makes at most 33 */

int link_fail(struct link *link, int code, const char *format, ...)
{
    char what[DISK_ERROR_MAX - 90];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(link->error, sizeof(link->error), "%.85s: %s", link->path, what);
    return code;
}

int link_result(struct link *link, int rc)
{
    return rc == 0 ? 0 : link_fail(link, rc, "%s", link->store->error);
}

int link_read(struct store *store, const char *path, struct link *link)
{
    char why[VMDK_ERROR_MAX], *text;
    size_t length;
    int rc;

    memset(link, 0, sizeof(*link));
    link->store = store;
    if (strlen(path) >= sizeof(link->path))
        return link_fail(link, -ENAMETOOLONG, "the path %.100s... is too long", path);
    strcpy(link->path, path);
    rc = link_load_text(link, &text, &length);
    if (rc != 0)
        return rc;
    rc = vmdk_descriptor_parse(text, length, &link->descriptor, why);
    if (rc != 0)
        link_fail(link, rc, "%s", why);
    free(text);
    return rc;
}

/* Opens the file of a part in its format. */
static int open_format(struct link *link, const struct vmdk_extent *extent, struct store_file *file,
                       bool writable, struct extent **out)
{
    uint64_t bytes = extent->sectors * VMDK_SECTOR;

    switch (extent->type) {
    case VMDK_EXTENT_FLAT:
    case VMDK_EXTENT_VMFS:
    case VMDK_EXTENT_RDM:
        return extent_flat_open(file, extent->file, extent->offset * VMDK_SECTOR, bytes, writable,
                                out);
    case VMDK_EXTENT_SPARSE:
        return kdmv_open(file, extent->file, bytes, writable, out);
    case VMDK_EXTENT_VMFS_SPARSE:
        return cowd_open(file, extent->file, bytes, writable, out);
    case VMDK_EXTENT_SE_SPARSE:
        return se_open(file, extent->file, bytes, writable, out);
    case VMDK_EXTENT_ZERO:
    case VMDK_EXTENT_RAW:
        break;
    }
    snprintf(link->store->error, STORE_ERROR_MAX,
             "extents of type %s are not served: attach the device itself",
             vmdk_extent_word(extent->type));
    return -ENOTSUP;
}

static int open_part(struct link *link, const struct vmdk_extent *extent, struct part *part)
{
    bool writable = !link->read_only && extent->access == VMDK_ACCESS_RW;
    enum store_mode mode = writable ? STORE_WRITE : STORE_READ;
    char path[LINK_PATH_MAX];
    struct store_file *file;
    int rc = 0;

    if (extent->type == VMDK_EXTENT_ZERO || extent->access == VMDK_ACCESS_NONE)
        return link_result(link, extent_zero_open(link->store, part->length, &part->extent));
    /* A file with its own descriptor is the extent, whatever name it was made under. */
    if (link->embedded)
        strcpy(path, link->path);
    else
        rc = link_file_path(link->path, extent->file, path);
    if (rc != 0)
        return link_fail(link, rc,
                         rc == -EPERM ? "the extent's file must lie beside its descriptor"
                                      : "the extent's path is too long");
    if (extent->type == VMDK_EXTENT_RDM)
        rc = rdm_open(link->store, path, writable, &file);
    else
        rc = link->store->ops->open(link->store, path, mode, &file);
    if (rc != 0)
        return link_result(link, rc);
    rc = open_format(link, extent, file, writable, &part->extent);
    if (rc != 0)
        file->store->ops->close_file(file);
    else if (part->extent->grain > link->grain_size)
        link->grain_size = part->extent->grain;
    return rc == 0 ? 0 : link_result(link, rc);
}

int link_open(struct link *link, bool read_only)
{
    const struct vmdk_descriptor *descriptor = &link->descriptor;
    uint64_t start = 0;
    int rc = 0;

    link->read_only = read_only;
    if (link->embedded &&
        (descriptor->extent_count != 1 || descriptor->extents[0].type != VMDK_EXTENT_SPARSE))
        return link_fail(link, -EINVAL, "a sparse file's own descriptor names other extents");
    if (link->embedded && descriptor->extents[0].access == VMDK_ACCESS_NONE)
        return link_fail(link, -EINVAL, "a sparse file's own descriptor marks it NOACCESS");
    link->parts = calloc(descriptor->extent_count, sizeof(*link->parts));
    if (link->parts == NULL)
        return link_fail(link, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < descriptor->extent_count && rc == 0; i++) {
        const struct vmdk_extent *extent = &descriptor->extents[i];

        link->parts[i] = (struct part){
            .start = start, .length = extent->sectors * VMDK_SECTOR, .access = extent->access};
        rc = open_part(link, extent, &link->parts[i]);
        if (rc == 0)
            link->part_count++;
        start += link->parts[i].length;
    }
    if (rc == 0 && link->grain_size > 0 && (link->grain = malloc(link->grain_size)) == NULL)
        rc = link_fail(link, -ENOMEM, "out of memory");
    return rc;
}

int link_close(struct link *link)
{
    int first = 0;

    for (unsigned i = 0; i < link->part_count; i++) {
        int rc = link->parts[i].extent->ops->close(link->parts[i].extent);

        if (first == 0)
            first = link_result(link, rc);
    }
    if (link->parent != NULL)
        link_close(link->parent);
    free(link->parent);
    free(link->parts);
    free(link->grain);
    vmdk_descriptor_free(&link->descriptor);
    link->parent = NULL;
    link->parts = NULL;
    link->grain = NULL;
    link->part_count = 0;
    return first;
}

uint64_t link_size(const struct link *link)
{
    return link->descriptor.sectors * VMDK_SECTOR;
}

/* A parent must be what it was when its child was made. */
static int check_parent(struct link *link, struct link *parent)
{
    if (parent->descriptor.cid != link->descriptor.parent_cid)
        return link_fail(link, -ESTALE,
                         "its parent %.60s has CID %08x, not %08x: it was written since. If it is "
                         "known to be unchanged, mend the chain with `vmfstool --adopt`",
                         parent->path, parent->descriptor.cid, link->descriptor.parent_cid);
    if (link_size(parent) > link_size(link))
        return link_fail(link, -EINVAL, "its parent %.60s is larger than it is", parent->path);
    return 0;
}

static int open_parent(struct link *child)
{
    char path[LINK_PATH_MAX];
    int rc = link_parent_path(child, path);

    if (rc != 0)
        return link_fail(child, rc, "its parent \"%.100s\" is not where a parent may lie",
                         child->descriptor.parent_hint);
    child->parent = calloc(1, sizeof(*child->parent));
    if (child->parent == NULL)
        return link_fail(child, -ENOMEM, "out of memory");
    rc = link_read(child->store, path, child->parent);
    if (rc == 0) {
        rc = check_parent(child, child->parent);
        if (rc != 0)
            return rc;
        rc = link_open(child->parent, true);
    }
    if (rc != 0)
        strcpy(child->error, child->parent->error);
    return rc;
}

int link_open_parents(struct link *link)
{
    unsigned depth = 0;

    for (struct link *child = link; child->descriptor.parent_cid != VMDK_CID_NO_PARENT;
         child = child->parent) {
        int rc = ++depth > CHAIN_MAX
                     ? link_fail(child, -ELOOP,
                                 "more than %u snapshots: does the chain bite its tail?", CHAIN_MAX)
                     : open_parent(child);

        if (rc != 0) {
            if (child != link)
                strcpy(link->error, child->error);
            return rc;
        }
    }
    return 0;
}

enum vmdk_kind link_kind(const struct vmdk_descriptor *d)
{
    enum vmdk_kind kind;

    if (vmdk_kind_parse(d->create_type, &kind) == 0 && kind != VMDK_KIND_VMFS_ZEROEDTHICK)
        return kind;
    return d->thin ? VMDK_KIND_VMFS_THIN : VMDK_KIND_VMFS_ZEROEDTHICK;
}

/* SPDX-License-Identifier: MIT */
/* manage: looking at links, removing and adopting them. */
#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_error(const struct link *link, int rc, char *error)
{
    if (rc != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", link->error);
    return rc;
}

int vmdk_get_info(struct store *store, const char *path, struct vmdk_info *out,
                  char error[DISK_ERROR_MAX])
{
    struct link link;
    const struct vmdk_descriptor *d = &link.descriptor;
    int rc = take_error(&link, link_read(store, path, &link), error);

    memset(out, 0, sizeof(*out));
    if (rc == 0) {
        *out = (struct vmdk_info){.kind = link_kind(d),
                                  .size = link_size(&link),
                                  .cid = d->cid,
                                  .parent_cid = d->parent_cid,
                                  .extents = d->extent_count};
        snprintf(out->create_type, sizeof(out->create_type), "%s", d->create_type);
        snprintf(out->adapter, sizeof(out->adapter), "%s", d->adapter);
        snprintf(out->hw_version, sizeof(out->hw_version), "%s", d->hw_version);
        snprintf(out->encoding, sizeof(out->encoding), "%s", d->encoding);
        snprintf(out->parent_hint, sizeof(out->parent_hint), "%s", d->parent_hint);
        snprintf(out->change_track, sizeof(out->change_track), "%s", d->change_track);
        if (d->parent_cid != VMDK_CID_NO_PARENT && link_parent_path(&link, out->parent_path) != 0)
            out->parent_path[0] = '\0';
    }
    link_close(&link);
    return rc;
}

/*
 * Visits the files of a link that was read; the descriptor first. `own_only`: not the extents that
 * it may not write, which are other disks' too.
 */
static int each_file(struct link *link, bool own_only,
                     int (*visit)(void *context, const char *file), void *context)
{
    const struct vmdk_descriptor *d = &link->descriptor;
    char path[LINK_PATH_MAX];
    int rc = visit(context, link->path);

    for (unsigned i = 0; i < d->extent_count && rc == 0 && !link->embedded; i++) {
        if (d->extents[i].type == VMDK_EXTENT_ZERO || d->extents[i].type == VMDK_EXTENT_RAW)
            continue;
        if (own_only && d->extents[i].access != VMDK_ACCESS_RW)
            continue;
        rc = link_file_path(link->path, d->extents[i].file, path);
        if (rc != 0)
            return link_fail(link, rc, "an extent's file must lie beside its descriptor");
        rc = visit(context, path);
    }
    if (rc == 0 && d->change_track[0] != '\0' &&
        link_file_path(link->path, d->change_track, path) == 0)
        rc = visit(context, path);
    return rc;
}

int vmdk_list_files(struct store *store, const char *path,
                    int (*visit)(void *context, const char *file), void *context,
                    char error[DISK_ERROR_MAX])
{
    struct link link;
    int rc = link_read(store, path, &link);

    if (rc == 0)
        rc = each_file(&link, false, visit, context);
    if (rc < 0 && link.error[0] != '\0')
        take_error(&link, rc, error);
    link_close(&link);
    return rc;
}

static int remove_file(void *context, const char *file)
{
    struct link *link = context;
    int rc = link->store->ops->remove(link->store, file);

    /* A file that is gone already is what was asked for. */
    return rc == -ENOENT ? 0 : link_result(link, rc);
}

static int is_file_free(void *context, const char *path)
{
    struct link *link = context;
    struct store_file *file;
    int rc = link->store->ops->open(link->store, path, STORE_WRITE, &file);

    if (rc == 0)
        file->store->ops->close_file(file);
    /* What is broken or missing is nobody's. */
    return rc == -EBUSY || rc == -EAGAIN ? link_result(link, rc) : 0;
}

int link_is_free(struct store *store, const char *path, char error[DISK_ERROR_MAX])
{
    struct link link;
    int rc = link_read(store, path, &link);

    if (rc == 0)
        rc = each_file(&link, true, is_file_free, &link);
    take_error(&link, rc, error);
    link_close(&link);
    return rc;
}

int vmdk_remove(struct store *store, const char *path, char error[DISK_ERROR_MAX])
{
    struct link link;
    int rc = link_is_free(store, path, error);

    if (rc != 0)
        return rc;
    rc = link_read(store, path, &link);
    if (rc == 0)
        rc = each_file(&link, true, remove_file, &link);
    take_error(&link, rc, error);
    link_close(&link);
    return rc;
}

int vmdk_adopt(struct store *store, const char *path, char error[DISK_ERROR_MAX])
{
    struct link child, parent = {0};
    char parent_path[LINK_PATH_MAX], line[32], *text = NULL;
    size_t length;
    int rc = link_read(store, path, &child);

    if (rc == 0 && child.descriptor.parent_cid == VMDK_CID_NO_PARENT)
        rc = link_fail(&child, -EINVAL, "it has no parent");
    if (rc == 0) {
        rc = link_parent_path(&child, parent_path);
        if (rc != 0)
            link_fail(&child, rc, "its parent is not where a parent may lie");
    }
    if (rc == 0) {
        rc = link_read(store, parent_path, &parent);
        if (rc != 0)
            snprintf(child.error, sizeof(child.error), "%s", parent.error);
    }
    if (rc == 0)
        rc = link_load_text(&child, &text, &length);
    if (rc == 0) {
        char *larger = realloc(text, length + sizeof(line));
        int changed = -ENOMEM;

        text = larger != NULL ? larger : text;
        snprintf(line, sizeof(line), "parentCID=%08x", parent.descriptor.cid);
        if (larger != NULL)
            changed =
                vmdk_descriptor_replace(text, length, length + sizeof(line), "parentCID", line);
        rc = changed < 0 ? link_fail(&child, changed, "its parentCID line cannot be changed")
                         : link_store_text(&child, text, (size_t)changed);
    }
    take_error(&child, rc, error);
    free(text);
    link_close(&parent);
    link_close(&child);
    return rc;
}

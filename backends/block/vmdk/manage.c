/* SPDX-License-Identifier: MIT */
/* manage: looking at links, removing, renaming and adopting them. */
#include "block/vmdk/encoding.h"
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

/* Visits the files of a link that was read; the descriptor first. */
static int each_file(struct link *link, int (*visit)(void *context, const char *file),
                     void *context)
{
    const struct vmdk_descriptor *d = &link->descriptor;
    char path[LINK_PATH_MAX];
    int rc = visit(context, link->path);

    for (unsigned i = 0; i < d->extent_count && rc == 0 && !link->embedded; i++) {
        if (d->extents[i].type == VMDK_EXTENT_ZERO || d->extents[i].type == VMDK_EXTENT_RAW)
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
        rc = each_file(&link, visit, context);
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

/* Opens and closes all that a link is made of, to see that nobody has it open. */
static int is_free(struct store *store, const char *path, char *error)
{
    struct link link;
    int rc = link_read(store, path, &link);

    if (rc == 0) {
        rc = link_open(&link, false);
        /* What is broken, or written once, is nobody's either. */
        if (rc != -EBUSY && rc != -EAGAIN)
            rc = 0;
    }
    take_error(&link, rc, error);
    link_close(&link);
    return rc;
}

int vmdk_remove(struct store *store, const char *path, char error[DISK_ERROR_MAX])
{
    struct link link;
    int rc = is_free(store, path, error);

    if (rc != 0)
        return rc;
    rc = link_read(store, path, &link);
    if (rc == 0)
        rc = each_file(&link, remove_file, &link);
    take_error(&link, rc, error);
    link_close(&link);
    return rc;
}

/* Replaces one quoted name everywhere in a text; -ENOMEM. */
static int replace_name(char **text, size_t *length, const char *encoding, const char *from,
                        const char *to)
{
    char old[VMDK_NAME_MAX + 3] = "\"", new[VMDK_NAME_MAX + 3] = "\"", *at, *larger;
    int rc = encoding_from_utf8(encoding, from, old + 1, VMDK_NAME_MAX + 1);

    if (rc == 0)
        rc = encoding_from_utf8(encoding, to, new + 1, VMDK_NAME_MAX + 1);
    if (rc != 0)
        return rc;
    strcat(old, "\"");
    strcat(new, "\"");
    at = strstr(*text, old);
    if (at == NULL)
        return 0;
    larger = malloc(*length + strlen(new) + 1);
    if (larger == NULL)
        return -ENOMEM;
    *length = (size_t)sprintf(larger, "%.*s%s%s", (int)(at - *text), *text, new, at + strlen(old));
    free(*text);
    *text = larger;
    return 0;
}

struct renaming {
    struct link link;
    const char *to;
    char old_stem[VMDK_NAME_MAX + 1], new_stem[VMDK_NAME_MAX + 1]; /* names without ".vmdk" */
    char *text;
    size_t length;
};

static int take_stem(struct link *link, const char *path, char out[VMDK_NAME_MAX + 1])
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    size_t length = strlen(name);

    if (length < 6 || length > VMDK_NAME_MAX - 20 || strcmp(name + length - 5, ".vmdk") != 0)
        return link_fail(link, -EINVAL, "a virtual disk's name ends in .vmdk");
    snprintf(out, VMDK_NAME_MAX + 1, "%.*s", (int)length - 5, name);
    return 0;
}

/* What a file is called after the renaming: its own name when it does not begin with the disk's. */
static void new_name(const struct renaming *r, const char *file, char out[VMDK_NAME_MAX + 1])
{
    size_t stem = strlen(r->old_stem);

    if (strncmp(file, r->old_stem, stem) == 0)
        snprintf(out, VMDK_NAME_MAX + 1, "%.230s%s", r->new_stem, file + stem);
    else
        snprintf(out, VMDK_NAME_MAX + 1, "%s", file);
}

static int rename_one(struct renaming *r, const char *file)
{
    char name[VMDK_NAME_MAX + 1], from[LINK_PATH_MAX], to[LINK_PATH_MAX];
    int rc = link_file_path(r->link.path, file, from);

    new_name(r, file, name);
    if (rc == 0)
        rc = link_file_path(r->to, name, to);
    if (rc != 0)
        return link_fail(&r->link, rc, "an extent's file must lie beside its descriptor");
    if (strcmp(from, to) == 0)
        return 0;
    rc = link_result(&r->link, r->link.store->ops->rename(r->link.store, from, to));
    if (rc != 0)
        return rc;
    rc = replace_name(&r->text, &r->length, r->link.descriptor.encoding, file, name);
    return rc == 0 ? 0 : link_fail(&r->link, rc, "the new name cannot be in the descriptor");
}

/* The extents' files, then the descriptor with their new names, then its own name. */
static int rename_files(struct renaming *r)
{
    struct vmdk_descriptor *d = &r->link.descriptor;
    int rc = link_load_text(&r->link, &r->text, &r->length);

    for (unsigned i = 0; i < d->extent_count && rc == 0 && !r->link.embedded; i++)
        if (d->extents[i].type != VMDK_EXTENT_ZERO)
            rc = rename_one(r, d->extents[i].file);
    if (rc == 0 && r->link.embedded) {
        char name[VMDK_NAME_MAX + 1];

        new_name(r, d->extents[0].file, name);
        rc = replace_name(&r->text, &r->length, d->encoding, d->extents[0].file, name);
        if (rc != 0)
            link_fail(&r->link, rc, "the new name cannot be in the descriptor");
    }
    if (rc == 0 && d->change_track[0] != '\0')
        rc = rename_one(r, d->change_track);
    if (rc == 0)
        rc = link_store_text(&r->link, r->text, r->length);
    if (rc == 0)
        rc = link_result(&r->link, r->link.store->ops->rename(r->link.store, r->link.path, r->to));
    return rc;
}

int vmdk_rename(struct store *store, const char *from, const char *to, char error[DISK_ERROR_MAX])
{
    struct renaming r = {.to = to};
    int rc = is_free(store, from, error);

    if (rc != 0)
        return rc;
    rc = link_read(store, from, &r.link);
    if (rc == 0)
        rc = take_stem(&r.link, from, r.old_stem);
    if (rc == 0)
        rc = take_stem(&r.link, to, r.new_stem);
    if (rc == 0)
        rc = rename_files(&r);
    take_error(&r.link, rc, error);
    free(r.text);
    link_close(&r.link);
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

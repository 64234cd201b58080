/* SPDX-License-Identifier: MIT */
/* rename: a link's files under other names, all of them or none. */
#include "block/vmdk/encoding.h"
#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Replaces a quoted name where it first stands in a text; -ENOMEM. */
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

struct move {
    char from[LINK_PATH_MAX], to[LINK_PATH_MAX];
};

struct renaming {
    struct link link;
    const char *to;
    char old_stem[VMDK_NAME_MAX + 1], new_stem[VMDK_NAME_MAX + 1]; /* names without ".vmdk" */
    char *old_text, *text;
    size_t old_length, length;
    struct move *moves; /* of the files beside the descriptor */
    unsigned count, done;
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

/* Puts a file's new name into the text, and what is to be done with the file on the list. */
static int plan_file(struct renaming *r, const char *file, bool own)
{
    struct move *move = &r->moves[r->count];
    char name[VMDK_NAME_MAX + 1];
    int rc = link_file_path(r->link.path, file, move->from);

    if (own)
        new_name(r, file, name);
    else
        snprintf(name, sizeof(name), "%s", file);
    if (rc == 0)
        rc = link_file_path(r->to, name, move->to);
    if (rc != 0)
        return link_fail(&r->link, rc, "an extent's file must lie beside its descriptor");
    if (strcmp(move->from, move->to) == 0)
        return 0;
    if (!own)
        return link_fail(&r->link, -EINVAL,
                         "\"%.80s\" is not its own (not marked RW) and stays where it is: the disk "
                         "cannot leave the folder",
                         file);
    rc = replace_name(&r->text, &r->length, r->link.descriptor.encoding, file, name);
    if (rc != 0)
        return link_fail(&r->link, rc, "the new name cannot be in the descriptor");
    /* Two extents may lie in one file. */
    for (unsigned i = 0; i < r->count; i++)
        if (strcmp(r->moves[i].from, move->from) == 0)
            return 0;
    r->count++;
    return 0;
}

/* An embedded descriptor names the file it lies in. */
static int plan_embedded(struct renaming *r)
{
    const struct vmdk_descriptor *d = &r->link.descriptor;
    char name[VMDK_NAME_MAX + 1];
    int rc;

    new_name(r, d->extents[0].file, name);
    rc = replace_name(&r->text, &r->length, d->encoding, d->extents[0].file, name);
    return rc == 0 ? 0 : link_fail(&r->link, rc, "the new name cannot be in the descriptor");
}

static int check_free_name(struct renaming *r, const char *path)
{
    struct store_file *file;
    int rc = r->link.store->ops->open(r->link.store, path, STORE_LOOK, &file);

    if (rc == -ENOENT)
        return 0;
    if (rc == 0)
        file->store->ops->close_file(file);
    return link_fail(&r->link, -EEXIST, "there is a file %.150s already", path);
}

/* Everything that can be known to fail does so here, before anything has changed. */
static int plan(struct renaming *r)
{
    const struct vmdk_descriptor *d = &r->link.descriptor;
    int rc = link_load_text(&r->link, &r->old_text, &r->old_length);

    if (rc == 0)
        rc = link_load_text(&r->link, &r->text, &r->length);
    r->moves = calloc(d->extent_count + 1u, sizeof(*r->moves));
    if (rc == 0 && r->moves == NULL)
        rc = link_fail(&r->link, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < d->extent_count && rc == 0 && !r->link.embedded; i++)
        if (d->extents[i].type != VMDK_EXTENT_ZERO)
            rc = plan_file(r, d->extents[i].file, d->extents[i].access == VMDK_ACCESS_RW);
    if (rc == 0 && r->link.embedded)
        rc = plan_embedded(r);
    if (rc == 0 && d->change_track[0] != '\0')
        rc = plan_file(r, d->change_track, true);
    for (unsigned i = 0; i < r->count && rc == 0; i++)
        rc = check_free_name(r, r->moves[i].to);
    return rc == 0 ? check_free_name(r, r->to) : rc;
}

/* The files, then the descriptor with their new names, then its own name. */
static int carry_out(struct renaming *r)
{
    struct store *store = r->link.store;
    int rc = 0;

    for (; r->done < r->count && rc == 0; r->done += rc == 0)
        rc = link_result(&r->link,
                         store->ops->rename(store, r->moves[r->done].from, r->moves[r->done].to));
    if (rc == 0)
        rc = link_store_text(&r->link, r->text, r->length);
    if (rc == 0)
        rc = link_result(&r->link, store->ops->rename(store, r->link.path, r->to));
    return rc;
}

/* Back to what was, after an error of the store's; that error stays the one that is told. */
static void undo(struct renaming *r)
{
    struct store *store = r->link.store;
    char why[DISK_ERROR_MAX];
    int rc = 0;

    strcpy(why, r->link.error);
    if (r->done == r->count)
        rc = link_store_text(&r->link, r->old_text, r->old_length);
    while (r->done > 0 && rc == 0) {
        r->done--;
        rc = store->ops->rename(store, r->moves[r->done].to, r->moves[r->done].from);
    }
    snprintf(r->link.error, sizeof(r->link.error), "%.*s%s", rc == 0 ? DISK_ERROR_MAX - 1 : 180,
             why, rc == 0 ? "" : "; and the old names cannot be brought back");
}

int vmdk_rename(struct store *store, const char *from, const char *to, char error[DISK_ERROR_MAX])
{
    struct renaming r = {.to = to};
    int rc = link_is_free(store, from, error);

    if (rc != 0)
        return rc;
    rc = link_read(store, from, &r.link);
    if (rc == 0)
        rc = take_stem(&r.link, from, r.old_stem);
    if (rc == 0)
        rc = take_stem(&r.link, to, r.new_stem);
    if (rc == 0)
        rc = plan(&r);
    if (rc == 0) {
        rc = carry_out(&r);
        if (rc != 0)
            undo(&r);
    }
    if (rc != 0)
        snprintf(error, DISK_ERROR_MAX, "%s", r.link.error);
    free(r.moves);
    free(r.old_text);
    free(r.text);
    link_close(&r.link);
    return rc;
}

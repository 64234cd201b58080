/* SPDX-License-Identifier: MIT */
/* link: the descriptor's text, and what changes in it when a disk is written. */
#include "block/vmdk/link.h"

#include "block/vmdk/kdmv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* The file with the text: an embedded one is open already. */
static int text_open(struct link *link, enum store_mode mode, struct store_file **out)
{
    if (link->embedded && link->part_count > 0) {
        *out = link->parts[0].extent->file;
        return 0;
    }
    return link_result(link, link->store->ops->open(link->store, link->path, mode, out));
}

static void text_close(struct link *link, struct store_file *file)
{
    if (!link->embedded || link->part_count == 0)
        link->store->ops->close_file(file);
}

/* Finds where in a file the text lies. */
static int find_text(struct link *link, struct store_file *file)
{
    char sector[VMDK_SECTOR] = "";
    struct kdmv_header header;
    int rc = 0;

    link->text_at = 0;
    link->text_room = file->length;
    if (file->length >= sizeof(sector))
        rc = link_result(link, link->store->ops->read(file, 0, sector, sizeof(sector)));
    if (rc == 0 && kdmv_probe(sector)) {
        struct kdmv_embedded embedded;

        rc = link_result(link, kdmv_read_header(file, link->path, &header));
        if (rc != 0)
            return rc;
        embedded = kdmv_embedded(&header);
        if (embedded.length == 0 || embedded.offset > file->length ||
            embedded.length > file->length - embedded.offset)
            return link_fail(link, -EINVAL,
                             "a sparse extent without descriptor: open the descriptor");
        link->embedded = true;
        link->text_at = embedded.offset;
        link->text_room = embedded.length;
    }
    if (rc == 0 && link->text_room > VMDK_DESCRIPTOR_MAX)
        rc = link_fail(link, -EINVAL, "not a VMDK descriptor (too long): is it the data file?");
    return rc;
}

int link_load_text(struct link *link, char **text, size_t *length)
{
    struct store_file *file;
    int rc = text_open(link, STORE_LOOK, &file);

    *text = NULL;
    if (rc != 0)
        return rc;
    rc = find_text(link, file);
    if (rc == 0 && (*text = calloc(1, link->text_room + 1)) == NULL)
        rc = link_fail(link, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = link_result(link, link->store->ops->read(file, link->text_at, *text, link->text_room));
    text_close(link, file);
    if (rc != 0) {
        free(*text);
        *text = NULL;
        return rc;
    }
    *length = strnlen(*text, link->text_room);
    return 0;
}

int link_store_text(struct link *link, const char *text, size_t length)
{
    struct store_file *file;
    char *padded = NULL;
    int rc = text_open(link, STORE_WRITE, &file);

    if (rc != 0)
        return rc;
    if (length > link->text_room) {
        if (link->embedded)
            rc = link_fail(link, -ENOSPC, "the room for the embedded descriptor is too small");
        else
            rc = link_result(link, file->store->ops->resize(file, length, STORE_THIN));
        if (rc == 0)
            link->text_room = length;
    }
    /* NULs behind the text end it for every reader. */
    if (rc == 0 && (padded = calloc(1, link->text_room)) == NULL)
        rc = link_fail(link, -ENOMEM, "out of memory");
    if (rc == 0) {
        memcpy(padded, text, length);
        rc = link_result(link,
                         file->store->ops->write(file, link->text_at, padded, link->text_room));
    }
    if (rc == 0)
        rc = link_result(link, file->store->ops->flush(file));
    free(padded);
    text_close(link, file);
    return rc;
}

/* The value's first digit behind a key at the start of a line; NULL when there is none. */
static char *value_of(char *text, const char *key)
{
    size_t length = strlen(key);

    for (char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, key, length) == 0) {
            char *at = line + length;

            at += strspn(at, " \t");
            if (*at == '=')
                return at + 1 + strspn(at + 1, " \t\"");
        }
    }
    return NULL;
}

static size_t hex_digits(const char *at)
{
    return at == NULL ? 0 : strspn(at, "0123456789abcdefABCDEF");
}

static uint32_t random_cid(uint32_t old)
{
    uint32_t cid;

    do {
        if (getrandom(&cid, sizeof(cid), 0) != sizeof(cid))
            cid = old * 1664525u + 1013904223u;
        old = cid;
    } while (cid >= VMDK_CID_UNWRITTEN);
    return cid;
}

/*
 * Puts a new content id in place of the old, digit for digit: no other byte of the text moves, so a
 * crash cannot leave half a descriptor.
 */
static bool put_cid(struct link *link, char *text)
{
    char *at = value_of(text, "CID"), *tail = value_of(text, "ddb.longContentID"), digits[9];
    size_t count = hex_digits(at), tail_count = hex_digits(tail);
    uint32_t cid, kept;

    if (count == 0 || count > 8)
        return false;
    do {
        cid = random_cid(link->descriptor.cid);
        kept = cid & (uint32_t)((1ull << 4 * count) - 1);
    } while (kept == link->descriptor.cid);
    snprintf(digits, sizeof(digits), "%08x", kept);
    memcpy(at, digits + 8 - count, count);
    if (tail_count == 32)
        memcpy(tail + 24, digits, 8);
    link->descriptor.cid = kept;
    return true;
}

/* Turns the line that names the change tracking file into a comment. Gives the file's path. */
static bool drop_change_tracking(struct link *link, char *text, char path[LINK_PATH_MAX])
{
    char *at = value_of(text, "changeTrackPath");

    if (at == NULL)
        return false;
    while (at > text && at[-1] != '\n')
        at--;
    *at = '#';
    return link->descriptor.change_track[0] != '\0' && link->store->ops->remove != NULL &&
           link_file_path(link->path, link->descriptor.change_track, path) == 0;
}

int link_begin_writing(struct link *link)
{
    char tracking[LINK_PATH_MAX], *text;
    bool tracked = false;
    size_t length;
    int rc;

    if (link->cid_renewed)
        return 0;
    rc = link_load_text(link, &text, &length);
    if (rc != 0)
        return rc;
    if (!put_cid(link, text))
        rc = link_fail(link, -EINVAL, "the descriptor's CID has gone");
    if (rc == 0) {
        tracked = drop_change_tracking(link, text, tracking);
        rc = link_store_text(link, text, length);
    }
    /* Nobody finds the file any more: a file that cannot be removed only takes room. */
    if (rc == 0 && tracked) {
        link->store->ops->remove(link->store, tracking);
        link->descriptor.change_track[0] = '\0';
    }
    free(text);
    link->cid_renewed = rc == 0;
    return rc;
}

/* SPDX-License-Identifier: MIT */
/* VMDK descriptors: making their text, and changing a line of it. */
#include "block/vmdk/descriptor.h"

#include "block/vmdk/encoding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct text {
    char *at;
    size_t size, used;
    int rc; /* the first error */
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text->at + text->used, text->size - text->used, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= text->size - text->used) {
        text->rc = text->rc == 0 ? -ENOSPC : text->rc;
        return;
    }
    text->used += (size_t)n;
}

/* A name in the text's encoding, in quotes. */
static void add_name(struct text *text, const char *encoding, const char *name)
{
    char encoded[VMDK_NAME_MAX + 1] = "";
    int rc = encoding_from_utf8(encoding, name, encoded, sizeof(encoded));

    if (rc == 0 && (strchr(encoded, '"') != NULL || strchr(encoded, '\n') != NULL))
        rc = -EILSEQ;
    if (rc != 0 && text->rc == 0)
        text->rc = rc;
    add(text, "\"%s\"", encoded);
}

/* Cylinders, heads and sectors as VMware computes them. */
static void add_geometry(struct text *text, const struct vmdk_new *disk, const char *adapter)
{
    const uint64_t gib = 1ull << 21;
    unsigned heads, per_track, most = 65535;
    uint64_t cylinders;

    if (strcasecmp(adapter, "ide") == 0) {
        heads = 16;
        per_track = 63;
        most = 16383;
    } else {
        heads = disk->sectors < gib ? 64 : disk->sectors < 2 * gib ? 128 : 255;
        per_track = disk->sectors < 2 * gib ? 32 : 63;
    }
    cylinders = disk->sectors / (heads * per_track);
    cylinders = cylinders > most ? most : cylinders == 0 ? 1 : cylinders;
    add(text, "ddb.geometry.cylinders = \"%llu\"\n", (unsigned long long)cylinders);
    add(text, "ddb.geometry.heads = \"%u\"\n", heads);
    add(text, "ddb.geometry.sectors = \"%u\"\n", per_track);
}

static void add_extent(struct text *text, const char *encoding, const struct vmdk_extent *extent)
{
    static const char *const access[] = {"RW", "RDONLY", "NOACCESS"};

    add(text, "%s %llu %s", access[extent->access], (unsigned long long)extent->sectors,
        vmdk_extent_word(extent->type));
    if (extent->type != VMDK_EXTENT_ZERO) {
        add(text, " ");
        add_name(text, encoding, extent->file);
    }
    /* Flat extents say where they begin, even at 0; those of VMFS must not. */
    if (extent->type == VMDK_EXTENT_FLAT)
        add(text, " %llu", (unsigned long long)extent->offset);
    add(text, "\n");
}

static void add_ids(struct text *text, const struct vmdk_new *disk)
{
    const uint8_t *uuid = disk->uuid;

    add(text, "ddb.longContentID = \"");
    for (int i = 15; i >= 4; i--)
        add(text, "%02x", uuid[i]);
    add(text, "%08x\"\n", disk->cid);
    /* A snapshot is the disk its base is: only the base has the disk's name. */
    if (disk->parent_hint != NULL)
        return;
    add(text, "ddb.uuid = \"");
    for (int i = 0; i < 16; i++)
        add(text, "%02x%s", uuid[i], i == 7 ? "-" : i == 15 ? "\"\n" : " ");
}

int vmdk_descriptor_format(const struct vmdk_new *disk, char *out, size_t size)
{
    struct text text = {.at = out, .size = size};
    const char *encoding = disk->encoding == NULL ? "UTF-8" : disk->encoding;
    const char *adapter = disk->adapter == NULL ? "lsilogic" : disk->adapter;

    add(&text, "# Disk DescriptorFile\nversion=1\nencoding=\"%s\"\nCID=%08x\n", encoding,
        disk->cid);
    add(&text, "parentCID=%08x\nisNativeSnapshot=\"no\"\ncreateType=\"%s\"\n",
        disk->parent_hint == NULL ? VMDK_CID_NO_PARENT : disk->parent_cid, disk->create_type);
    if (disk->parent_hint != NULL) {
        add(&text, "parentFileNameHint=");
        add_name(&text, encoding, disk->parent_hint);
        add(&text, "\n");
    }
    add(&text, "\n# Extent description\n");
    for (unsigned i = 0; i < disk->extent_count; i++)
        add_extent(&text, encoding, &disk->extents[i]);
    add(&text, "\n# The Disk Data Base\n#DDB\n\n");
    /* What a delta does not say is looked up in its parents. */
    if (disk->parent_hint == NULL) {
        add(&text, "ddb.adapterType = \"%s\"\n", adapter);
        add_geometry(&text, disk, adapter);
    }
    if (strcasecmp(disk->create_type, "seSparse") == 0)
        add(&text, "ddb.grain = \"8\"\n");
    add_ids(&text, disk);
    if (disk->thin)
        add(&text, "ddb.thinProvisioned = \"1\"\n");
    if (disk->parent_hint == NULL)
        add(&text, "ddb.virtualHWVersion = \"%u\"\n", disk->hw_version == 0 ? 8 : disk->hw_version);
    return text.rc != 0 ? text.rc : (int)text.used;
}

int vmdk_descriptor_replace(char *text, size_t length, size_t size, const char *key,
                            const char *line)
{
    size_t key_length = strlen(key), line_length = strlen(line);

    for (size_t at = 0; at < length;) {
        const char *newline = memchr(text + at, '\n', length - at);
        size_t end = newline == NULL ? length : (size_t)(newline - text);
        size_t after = at + key_length;

        if (end - at > key_length && strncasecmp(text + at, key, key_length) == 0) {
            while (after < end && (text[after] == ' ' || text[after] == '\t'))
                after++;
            if (after < end && text[after] == '=') {
                if (length - (end - at) + line_length > size)
                    return -ENOSPC;
                memmove(text + at + line_length, text + end, length - end);
                memcpy(text + at, line, line_length);
                return (int)(length - (end - at) + line_length);
            }
        }
        at = end + 1;
    }
    return -ENOENT;
}

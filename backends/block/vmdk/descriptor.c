/* SPDX-License-Identifier: MIT */
/* VMDK descriptors: parsing. */
#include "block/vmdk/descriptor.h"

#include "block/vmdk/encoding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A piece of the text; never NUL-terminated. */
struct slice {
    const char *at;
    size_t length;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.length > 0 && is_space(s.at[0])) {
        s.at++;
        s.length--;
    }
    while (s.length > 0 && is_space(s.at[s.length - 1]))
        s.length--;
    return s;
}

static bool slice_is(struct slice s, const char *word)
{
    return s.length == strlen(word) && strncasecmp(s.at, word, s.length) == 0;
}

/* Copies a value, without its quotes, into a buffer; false when it is too long. */
static bool copy_value(struct slice value, char *out, size_t size)
{
    if (value.length >= 2 && value.at[0] == '"' && value.at[value.length - 1] == '"') {
        value.at++;
        value.length -= 2;
    }
    if (value.length >= size || memchr(value.at, '\0', value.length) != NULL)
        return false;
    memcpy(out, value.at, value.length);
    out[value.length] = '\0';
    return true;
}

/* The whole slice as a number: false for anything else or more than `max`. */
static bool parse_number(struct slice s, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (s.length == 0)
        return false;
    for (size_t i = 0; i < s.length; i++) {
        char c = s.at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 99;

        if (digit >= base || value > (max - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

/* Cuts the next word off a line; a quoted one may hold spaces and keeps its quotes. */
static struct slice next_word(struct slice *line)
{
    struct slice word;

    *line = trim(*line);
    word.at = line->at;
    word.length = 0;
    if (line->length > 0 && line->at[0] == '"') {
        const char *end = memchr(line->at + 1, '"', line->length - 1);

        word.length = end == NULL ? line->length : (size_t)(end - line->at) + 1;
    } else {
        while (word.length < line->length && !is_space(line->at[word.length]))
            word.length++;
    }
    line->at += word.length;
    line->length -= word.length;
    return word;
}

static bool parse_access(struct slice word, enum vmdk_access *out)
{
    if (slice_is(word, "RW"))
        *out = VMDK_ACCESS_RW;
    else if (slice_is(word, "RDONLY"))
        *out = VMDK_ACCESS_RDONLY;
    else if (slice_is(word, "NOACCESS"))
        *out = VMDK_ACCESS_NONE;
    else
        return false;
    return true;
}

static const struct {
    const char *word;
    enum vmdk_extent_type type;
} extent_types[] = {
    {"FLAT", VMDK_EXTENT_FLAT},
    {"VMFS", VMDK_EXTENT_VMFS},
    {"SPARSE", VMDK_EXTENT_SPARSE},
    {"ZERO", VMDK_EXTENT_ZERO},
    {"VMFSSPARSE", VMDK_EXTENT_VMFS_SPARSE},
    {"SESPARSE", VMDK_EXTENT_SE_SPARSE},
    {"VMFSRDM", VMDK_EXTENT_RDM},
    {"VMFSRAW", VMDK_EXTENT_RAW},
};

static bool parse_type(struct slice word, enum vmdk_extent_type *out)
{
    for (size_t i = 0; i < sizeof(extent_types) / sizeof(extent_types[0]); i++) {
        if (slice_is(word, extent_types[i].word)) {
            *out = extent_types[i].type;
            return true;
        }
    }
    return false;
}

const char *vmdk_extent_word(enum vmdk_extent_type type)
{
    return extent_types[type].word;
}

/* Room for one more extent. */
static bool extents_reserve(struct vmdk_descriptor *out)
{
    struct vmdk_extent *more;

    if ((out->extent_count & (out->extent_count - 1)) != 0)
        return true;
    more = realloc(out->extents,
                   (out->extent_count == 0 ? 1 : 2 * (size_t)out->extent_count) * sizeof(*more));
    if (more != NULL)
        out->extents = more;
    return more != NULL;
}

/* The words after the access word of an extent line. NULL, or what is wrong. */
static const char *parse_extent(struct slice line, enum vmdk_access access,
                                struct vmdk_descriptor *out)
{
    struct vmdk_extent *extent;
    struct slice word;

    if (out->extent_count == VMDK_MAX_EXTENTS)
        return "too many extents";
    if (!extents_reserve(out))
        return "out of memory";
    extent = &out->extents[out->extent_count];
    memset(extent, 0, sizeof(*extent));
    extent->access = access;
    if (!parse_number(next_word(&line), 10, VMDK_MAX_SECTORS, &extent->sectors))
        return "the extent's size is not a number of sectors up to 64 TiB";
    if (!parse_type(next_word(&line), &extent->type))
        return "unknown extent type";
    word = next_word(&line);
    if (extent->type != VMDK_EXTENT_ZERO &&
        (word.length < 3 || word.at[0] != '"' || word.at[word.length - 1] != '"' ||
         !copy_value(word, extent->file, sizeof(extent->file))))
        return "the extent names no file in quotes";
    word = next_word(&line);
    if (word.length > 0 && !parse_number(word, 10, VMDK_MAX_SECTORS, &extent->offset))
        return "the extent's offset is not a number of sectors";
    if (out->sectors > VMDK_MAX_SECTORS - extent->sectors)
        return "the disk is larger than 64 TiB";
    out->sectors += extent->sectors;
    out->extent_count++;
    return NULL;
}

/* A line `key = value`. NULL, or what is wrong. */
static const char *parse_key(struct slice key, struct slice value, struct vmdk_descriptor *out,
                             bool *has_cid)
{
    uint64_t number;
    char small[8];

    if (slice_is(key, "version")) {
        if (!parse_number(value, 10, 9, &number) || number == 0)
            return "the version is not a small number";
        out->version = (uint32_t)number;
    } else if (slice_is(key, "encoding") || slice_is(key, "ddb.encoding")) {
        if (!copy_value(value, out->encoding, sizeof(out->encoding)))
            return "the encoding's name is too long";
    } else if (slice_is(key, "CID")) {
        if (!parse_number(value, 16, UINT32_MAX, &number))
            return "CID is not a 32-bit hexadecimal number";
        out->cid = (uint32_t)number;
        *has_cid = true;
    } else if (slice_is(key, "parentCID")) {
        if (!parse_number(value, 16, UINT32_MAX, &number))
            return "parentCID is not a 32-bit hexadecimal number";
        out->parent_cid = (uint32_t)number;
    } else if (slice_is(key, "createType")) {
        if (!copy_value(value, out->create_type, sizeof(out->create_type)))
            return "createType is too long";
    } else if (slice_is(key, "parentFileNameHint")) {
        if (!copy_value(value, out->parent_hint, sizeof(out->parent_hint)))
            return "parentFileNameHint is too long";
    } else if (slice_is(key, "changeTrackPath")) {
        if (!copy_value(value, out->change_track, sizeof(out->change_track)))
            return "changeTrackPath is too long";
    } else if (slice_is(key, "ddb.adapterType")) {
        if (!copy_value(value, out->adapter, sizeof(out->adapter)))
            return "ddb.adapterType is too long";
    } else if (slice_is(key, "ddb.virtualHWVersion")) {
        if (!copy_value(value, out->hw_version, sizeof(out->hw_version)))
            return "ddb.virtualHWVersion is too long";
    } else if (slice_is(key, "ddb.thinProvisioned")) {
        out->thin = copy_value(value, small, sizeof(small)) && strcmp(small, "1") == 0;
    }
    return NULL;
}

static const char *parse_line(struct slice line, struct vmdk_descriptor *out, bool *has_cid)
{
    struct slice rest = line, key = line, value = line, word;
    enum vmdk_access access;
    const char *equals;

    if (line.length == 0 || line.at[0] == '#')
        return NULL;
    word = next_word(&rest);
    if (parse_access(word, &access))
        return parse_extent(rest, access, out);
    equals = memchr(line.at, '=', line.length);
    if (equals == NULL)
        return "neither an extent nor key=value";
    key.length = (size_t)(equals - line.at);
    value.at = equals + 1;
    value.length = line.length - key.length - 1;
    return parse_key(trim(key), trim(value), out, has_cid);
}

/* What makes a text no descriptor of a disk; NULL when nothing is missing. */
static const char *missing(const struct vmdk_descriptor *d, bool has_cid)
{
    return d->version == 0          ? "no version"
           : !has_cid               ? "no CID"
           : d->create_type[0] == 0 ? "no createType"
           : d->extent_count == 0   ? "no extent"
           : d->sectors == 0        ? "no sectors"
                                    : NULL;
}

/* Makes a name UTF-8, in place; a byte order or characters of another encoding are an error. */
static int name_to_utf8(const char *encoding, char name[VMDK_NAME_MAX + 1])
{
    char utf8[VMDK_NAME_MAX + 1];
    int rc = encoding_to_utf8(encoding, name, utf8, sizeof(utf8));

    if (rc == 0)
        strcpy(name, utf8);
    return rc;
}

static int names_to_utf8(struct vmdk_descriptor *d, char error[VMDK_ERROR_MAX])
{
    int rc = name_to_utf8(d->encoding, d->parent_hint);

    if (rc == 0)
        rc = name_to_utf8(d->encoding, d->change_track);
    for (unsigned i = 0; i < d->extent_count && rc == 0; i++)
        rc = name_to_utf8(d->encoding, d->extents[i].file);
    if (rc != 0)
        snprintf(error, VMDK_ERROR_MAX,
                 rc == -EINVAL ? "the descriptor's encoding \"%s\" is not known here"
                               : "a name is not in the descriptor's encoding \"%s\"",
                 d->encoding[0] == '\0' ? "UTF-8" : d->encoding);
    return rc == 0 ? 0 : -EINVAL;
}

/* Every line up to the first NUL. */
static int parse_lines(const char *text, size_t length, struct vmdk_descriptor *out,
                       char error[VMDK_ERROR_MAX])
{
    const char *end = memchr(text, '\0', length), *wrong = NULL;
    bool has_cid = false;
    unsigned number = 0;

    if (end == NULL)
        end = text + length;
    while (text < end && wrong == NULL) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        struct slice line = {text, (size_t)((newline == NULL ? end : newline) - text)};

        number++;
        wrong = parse_line(trim(line), out, &has_cid);
        text = newline == NULL ? end : newline + 1;
    }
    if (wrong != NULL) {
        snprintf(error, VMDK_ERROR_MAX, "descriptor line %u: %s", number, wrong);
        return -EINVAL;
    }
    wrong = missing(out, has_cid);
    if (wrong != NULL) {
        snprintf(error, VMDK_ERROR_MAX, "not a complete VMDK descriptor: %s", wrong);
        return -EINVAL;
    }
    return 0;
}

int vmdk_descriptor_parse(const char *text, size_t length, struct vmdk_descriptor *out,
                          char error[VMDK_ERROR_MAX])
{
    int rc;

    memset(out, 0, sizeof(*out));
    out->parent_cid = VMDK_CID_NO_PARENT;
    if (length > VMDK_DESCRIPTOR_MAX) {
        snprintf(error, VMDK_ERROR_MAX, "a descriptor of %zu bytes; at most %u are read", length,
                 VMDK_DESCRIPTOR_MAX);
        return -EINVAL;
    }
    rc = parse_lines(text, length, out, error);
    if (rc == 0)
        rc = names_to_utf8(out, error);
    if (rc != 0)
        vmdk_descriptor_free(out);
    return rc;
}

void vmdk_descriptor_free(struct vmdk_descriptor *descriptor)
{
    free(descriptor->extents);
    descriptor->extents = NULL;
    descriptor->extent_count = 0;
}

/* SPDX-License-Identifier: MIT */
/* VMDK descriptors: parsing and writing. */
#include "block/vmdk/descriptor.h"

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

static bool parse_type(struct slice word, enum vmdk_extent_type *out)
{
    static const struct {
        const char *word;
        enum vmdk_extent_type type;
    } types[] = {
        {"FLAT", VMDK_EXTENT_FLAT},        {"VMFS", VMDK_EXTENT_VMFS},
        {"SPARSE", VMDK_EXTENT_SPARSE},    {"ZERO", VMDK_EXTENT_ZERO},
        {"VMFSSPARSE", VMDK_EXTENT_OTHER}, {"SESPARSE", VMDK_EXTENT_OTHER},
        {"VMFSRDM", VMDK_EXTENT_OTHER},    {"VMFSRAW", VMDK_EXTENT_OTHER},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (slice_is(word, types[i].word)) {
            *out = types[i].type;
            return true;
        }
    }
    return false;
}

/* The words after the access word of an extent line. NULL, or what is wrong. */
static const char *parse_extent(struct slice line, enum vmdk_access access,
                                struct vmdk_descriptor *out)
{
    struct vmdk_extent *extent = &out->extents[out->extent_count];
    struct slice word;

    if (out->extent_count == VMDK_MAX_EXTENTS)
        return "too many extents";
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

int vmdk_descriptor_parse(const char *text, size_t length, struct vmdk_descriptor *out,
                          char error[VMDK_ERROR_MAX])
{
    const char *end, *wrong = NULL;
    bool has_cid = false;
    unsigned number = 0;

    memset(out, 0, sizeof(*out));
    out->parent_cid = VMDK_CID_NO_PARENT;
    if (length > VMDK_DESCRIPTOR_MAX) {
        snprintf(error, VMDK_ERROR_MAX, "a descriptor of %zu bytes; at most %u are read", length,
                 VMDK_DESCRIPTOR_MAX);
        return -EINVAL;
    }
    end = memchr(text, '\0', length);
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
    wrong = out->version == 0          ? "no version"
            : !has_cid                 ? "no CID"
            : out->create_type[0] == 0 ? "no createType"
            : out->extent_count == 0   ? "no extent"
            : out->sectors == 0        ? "no sectors"
                                       : NULL;
    if (wrong != NULL) {
        snprintf(error, VMDK_ERROR_MAX, "not a complete VMDK descriptor: %s", wrong);
        return -EINVAL;
    }
    return 0;
}

/* Cylinders, heads and sectors as ESXi computes them for SCSI disks. */
static void geometry(uint64_t sectors, uint64_t *cylinders, unsigned *heads, unsigned *per_track)
{
    const uint64_t gib = 1ull << 21;

    *heads = sectors < gib ? 64 : sectors < 2 * gib ? 128 : 255;
    *per_track = sectors < 2 * gib ? 32 : 63;
    *cylinders = sectors / (*heads * *per_track);
    if (*cylinders > 65535)
        *cylinders = 65535;
    if (*cylinders == 0)
        *cylinders = 1;
}

static void format_uuid(const uint8_t uuid[16], char out[49])
{
    for (int i = 0; i < 16; i++)
        snprintf(out + i * 3, 4, "%02x%c", uuid[i], i == 7 ? '-' : ' ');
    out[47] = '\0';
}

int vmdk_descriptor_format(const struct vmdk_new *disk, char *text, size_t size)
{
    unsigned heads, per_track;
    uint64_t cylinders;
    char uuid[49];
    int n;

    geometry(disk->sectors, &cylinders, &heads, &per_track);
    format_uuid(disk->uuid, uuid);
    n = snprintf(text, size,
                 "# Disk DescriptorFile\n"
                 "version=1\n"
                 "encoding=\"UTF-8\"\n"
                 "CID=%08x\n"
                 "parentCID=ffffffff\n"
                 "isNativeSnapshot=\"no\"\n"
                 "createType=\"vmfs\"\n"
                 "\n"
                 "# Extent description\n"
                 "RW %llu VMFS \"%s\"\n"
                 "\n"
                 "# The Disk Data Base\n"
                 "#DDB\n"
                 "\n"
                 "ddb.adapterType = \"lsilogic\"\n"
                 "ddb.geometry.cylinders = \"%llu\"\n"
                 "ddb.geometry.heads = \"%u\"\n"
                 "ddb.geometry.sectors = \"%u\"\n"
                 "ddb.longContentID = \"%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%02x%08x\"\n"
                 "%s"
                 "ddb.uuid = \"%s\"\n"
                 "ddb.virtualHWVersion = \"8\"\n",
                 disk->cid, (unsigned long long)disk->sectors, disk->flat_name,
                 (unsigned long long)cylinders, heads, per_track, disk->uuid[15], disk->uuid[14],
                 disk->uuid[13], disk->uuid[12], disk->uuid[11], disk->uuid[10], disk->uuid[9],
                 disk->uuid[8], disk->uuid[7], disk->uuid[6], disk->uuid[5], disk->uuid[4],
                 disk->cid, disk->thin ? "ddb.thinProvisioned = \"1\"\n" : "", uuid);
    return n < 0 || (size_t)n >= size ? -ENOSPC : n;
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
            while (after < end && is_space(text[after]))
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

/* SPDX-License-Identifier: MIT */
/* Messages, sizes and targets of vmfstool. */
#include "vmfstool.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int complain(const char *format, ...)
{
    va_list arguments;

    fputs("vmfstool: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return 1;
}

/* Whether an open volume has this label or UUID. */
static int check_label(struct datastore *datastore, const char *label)
{
    struct vmfs_info info;

    if (vmfs_get_info(datastore->volume, &info) != 0)
        return complain("%s", vmfs_error(datastore->volume));
    if (strcmp(info.label, label) == 0 || strcmp(info.uuid, label) == 0)
        return 0;
    return complain("the volume of --device is \"%s\", not \"%s\"", info.label, label);
}

int target_open(const struct options *options, const char *target, bool writable,
                struct datastore *out, const char **path)
{
    unsigned flags = (writable ? VMFS_OPEN_WRITE : VMFS_OPEN_REMEMBER) |
                     (options->break_dead ? VMFS_OPEN_BREAK_DEAD : 0);
    char label[DATASTORE_LABEL_MAX + 1], error[STORE_ERROR_MAX];
    int rc = datastore_split(target, label, path), opened;

    if (writable && options->read_only)
        return complain("%s is mounted for reading: mount it with --write", options->mounted);
    if (rc == -EINVAL)
        return complain("\"%s\" is not of the form \"[label] dir/name\"", target);
    if (rc == -ENOENT && options->device_count == 0)
        return complain("\"%s\" names no volume: write \"[label] %s\" or give --device", target,
                        target);
    if (options->device_count > 0) {
        if (rc == -ENOENT)
            *path = target;
        opened = datastore_open_paths(options->devices, options->device_count, flags, out, error);
        if (opened == 0 && rc == 0 && check_label(out, label) != 0) {
            datastore_close(out);
            return 1;
        }
        rc = opened;
    } else {
        rc = datastore_find(label, flags, out, error);
    }
    return rc == 0 ? 0 : complain("%s", error);
}

int target_store(const struct options *options, const char *target, bool writable,
                 struct store **out, const char **path)
{
    struct datastore datastore;
    char error[STORE_ERROR_MAX];

    if (options->device_count == 0 && target[0] != '[') {
        *path = target;
        return store_open_host(out, error) == 0 ? 0 : complain("%s", error);
    }
    if (target_open(options, target, writable, &datastore, path) != 0)
        return 1;
    if (datastore_store(&datastore, out) == 0)
        return 0;
    datastore_close(&datastore);
    return complain("out of memory");
}

int target_beside(const struct options *options, const char *first, const char *second,
                  const char **path)
{
    char label[DATASTORE_LABEL_MAX + 1], second_label[DATASTORE_LABEL_MAX + 1];
    int one = datastore_split(first, label, path);
    int other = datastore_split(second, second_label, path);

    if (other == -EINVAL)
        return complain("\"%s\" is not of the form \"[label] dir/name\"", second);
    if (other == -ENOENT)
        *path = second;
    if (one == other && (other != 0 || strcmp(label, second_label) == 0))
        return 0;
    if (other == -ENOENT && options->device_count > 0)
        return 0;
    return complain("\"%s\" is not where \"%s\" is: write both with the same label", second, first);
}

void json_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

void findings_print(void *context, const char *finding)
{
    struct findings *findings = context;

    progress_end(&findings->progress);
    if (findings->json) {
        printf("%s\n  ", findings->count > 0 ? "," : "");
        json_string(finding);
    } else {
        puts(finding);
    }
    findings->count++;
}

void findings_progress(void *context, uint64_t done, uint64_t total)
{
    struct findings *findings = context;

    progress_show(&findings->progress, done, total);
}

bool parse_size(const char *text, uint64_t *out)
{
    static const char units[] = "kmgt";
    char *end;
    const char *unit;
    unsigned shift = 0;
    unsigned long long value;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    if (*end != '\0') {
        unit = strchr(units, tolower((unsigned char)*end));
        if (unit == NULL || *unit == '\0' || end[1] != '\0')
            return false;
        shift = 10 * (unsigned)(unit - units + 1);
    }
    if (value > UINT64_MAX >> shift)
        return false;
    *out = (uint64_t)value << shift;
    return true;
}

bool is_zero(const char *buffer, size_t length)
{
    return length == 0 || (buffer[0] == 0 && memcmp(buffer, buffer + 1, length - 1) == 0);
}

/* SPDX-License-Identifier: MIT */
/* Disk specifications, as xl-disk-configuration(5) describes them. */
#include "config/domain_config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define XVD_MAJOR         202
#define XVD_DISKS_SHORT   16        /* xvda..xvdp fit the major/minor form */
#define XVD_DISKS_MAX     (1 << 20) /* 28 bits of extended form, 8 of them partitions */
#define XVD_EXTENDED_FORM (1 << 28)

int disk_device_id(const char *vdev)
{
    unsigned int disk = 0, partition = 0;
    const char *at = vdev + 3;

    if (strncmp(vdev, "xvd", 3) != 0 || !islower((unsigned char)*at))
        return -1;
    for (; islower((unsigned char)*at); at++) {
        disk = disk * 26 + (*at - 'a' + 1);
        if (disk > XVD_DISKS_MAX)
            return -1;
    }
    disk--;
    if (*at == '0')
        return -1;
    for (; isdigit((unsigned char)*at); at++) {
        partition = partition * 10 + (*at - '0');
        if (partition > 255)
            return -1;
    }
    if (*at)
        return -1;
    if (disk < XVD_DISKS_SHORT && partition < 16)
        return (int)(XVD_MAJOR << 8 | disk << 4 | partition);
    return (int)(XVD_EXTENDED_FORM | disk << 8 | partition);
}

/* Replaces a string field by a copy of length bytes. */
static const char *set_field(char **field, const char *text, size_t length)
{
    if (*field)
        return "a part is given twice";
    *field = strndup(text, length);
    return *field ? NULL : "out of memory";
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncmp(text, word, length) == 0;
}

static const char *set_access(struct disk_config *disk, const char *text, size_t length)
{
    if (is_word(text, length, "w") || is_word(text, length, "rw"))
        disk->is_writable = true;
    else if (is_word(text, length, "r") || is_word(text, length, "ro"))
        disk->is_writable = false;
    else
        return "access is r (read only) or w";
    return NULL;
}

static const char *set_on_error(struct disk_config *disk, const char *text, size_t length)
{
    disk->pause_on_error = is_word(text, length, "pause");
    return disk->pause_on_error || is_word(text, length, "error")
               ? NULL
               : "on-error is error (the guest hears of it) or pause (it waits)";
}

/* One key=value part. */
static const char *set_named(struct disk_config *disk, const char *part, size_t length)
{
    const char *value = memchr(part, '=', length);
    size_t key_length = value - part;
    size_t value_length = length - key_length - 1;

    value++;
    if (is_word(part, key_length, "target"))
        return set_field(&disk->target, value, value_length);
    if (is_word(part, key_length, "format"))
        return set_field(&disk->format, value, value_length);
    if (is_word(part, key_length, "vdev"))
        return set_field(&disk->vdev, value, value_length);
    if (is_word(part, key_length, "access"))
        return set_access(disk, value, value_length);
    if (is_word(part, key_length, "on-error"))
        return set_on_error(disk, value, value_length);
    return "unknown part (known: target= format= vdev= access= on-error=)";
}

/* The n-th positional part: TARGET, FORMAT, VDEV, ACCESS. */
static const char *set_positional(struct disk_config *disk, int n, const char *part, size_t length)
{
    switch (n) {
    case 0:
        return set_field(&disk->target, part, length);
    case 1:
        return length ? set_field(&disk->format, part, length) : NULL;
    case 2:
        return set_field(&disk->vdev, part, length);
    case 3:
        return set_access(disk, part, length);
    default:
        return "more than four parts (TARGET,FORMAT,VDEV,ACCESS)";
    }
}

static bool has_name(const char *part, size_t length)
{
    static const char *const names[] = {"target=", "format=", "vdev=", "access=", "on-error="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (length >= strlen(names[i]) && strncmp(part, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static const char *check_disk(struct disk_config *disk)
{
    size_t length;
    int id;

    if (!disk->target || !*disk->target)
        return "no target: which device or \"[LABEL] dir/file.vmdk\"";
    if (!disk->vdev)
        return "no vdev: the guest's name for the disk, such as xvda";
    id = disk_device_id(disk->vdev);
    if (id < 0)
        return "vdev is not xvda, xvdb, ...";
    disk->device_id = (unsigned int)id;
    if (!disk->format) {
        length = strlen(disk->target);
        disk->format = strdup(
            length > 5 && strcasecmp(disk->target + length - 5, ".vmdk") == 0 ? "vmdk" : "raw");
        return disk->format ? NULL : "out of memory";
    }
    if (strcmp(disk->format, "raw") != 0 && strcmp(disk->format, "vmdk") != 0)
        return "format is raw or vmdk";
    return NULL;
}

const char *disk_config_parse(struct disk_config *disk, const char *spec)
{
    const char *error = NULL;
    int n_positional = 0;

    *disk = (struct disk_config){.is_writable = true};
    while (!error) {
        size_t length;

        spec += strspn(spec, " \t");
        length = strcspn(spec, ",");
        while (length && isspace((unsigned char)spec[length - 1]))
            length--;
        if (is_word(spec, length, "discard") || is_word(spec, length, "no-discard"))
            disk->keeps_blocks = spec[0] == 'n';
        else if (has_name(spec, length))
            error = set_named(disk, spec, length);
        else
            error = set_positional(disk, n_positional++, spec, length);
        spec = strchr(spec, ',');
        if (!spec)
            break;
        spec++;
    }
    return error ? error : check_disk(disk);
}

void disk_config_free(struct disk_config *disk)
{
    free(disk->target);
    free(disk->format);
    free(disk->vdev);
    *disk = (struct disk_config){0};
}

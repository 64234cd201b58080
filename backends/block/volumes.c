/* SPDX-License-Identifier: MIT */
/* Extents gathered into volumes by the logical volume's number. */
#include "block/volumes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct found_volume *volume_of(struct found_volumes *volumes, const char *id)
{
    struct found_volume *v;

    for (unsigned i = 0; i < volumes->n; i++)
        if (strcmp(volumes->volume[i].id, id) == 0)
            return &volumes->volume[i];
    if (volumes->n == VOLUMES_MAX)
        return NULL;
    v = &volumes->volume[volumes->n++];
    memset(v, 0, sizeof(*v));
    snprintf(v->id, sizeof(v->id), "%s", id);
    return v;
}

/* Whether `path` is named as Linux names a partition of `disk`: sda1 of sda, nvme0n1p1 of nvme0n1.
 */
static bool is_partition(const char *disk, const char *path)
{
    size_t length = strlen(disk);
    const char *rest = path + length;

    if (strncmp(disk, path, length) != 0 || length == 0)
        return false;
    if (isdigit((unsigned char)disk[length - 1]) && *rest++ != 'p')
        return false;
    return isdigit((unsigned char)*rest);
}

/* Whether two paths lead to one disk, or one to a partition of the other. */
static bool same_disk(const char *one, const char *other)
{
    struct stat a, b;

    if (stat(one, &a) != 0 || stat(other, &b) != 0)
        return false;
    if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
        return a.st_rdev == b.st_rdev || is_partition(one, other) || is_partition(other, one);
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void add_extent(struct found_volumes *volumes, const struct vmfs_probe *probe,
                       const char *path)
{
    struct found_volume *v = volume_of(volumes, probe->volume_uuid);

    if (v == NULL || v->n_paths == DATASTORE_MAX_DEVICES)
        return;
    for (unsigned i = 0; i < v->n_paths; i++)
        if (v->first_pe[i] == probe->first_pe && same_disk(v->paths[i], path))
            return;
    v->paths[v->n_paths] = strdup(path);
    if (v->paths[v->n_paths] == NULL)
        return;
    v->first_pe[v->n_paths++] = probe->first_pe;
    v->lvm_major = probe->lvm_major;
    v->ours = probe->ours;
    v->size = probe->size;
    v->n_extents = probe->extent_count;
    if (!probe->is_first)
        return;
    snprintf(v->label, sizeof(v->label), "%s", probe->label);
    snprintf(v->uuid, sizeof(v->uuid), "%s", probe->uuid);
    v->major = probe->major;
    v->minor = probe->minor;
}

static void look_at(void *context, const char *path)
{
    struct vmfs_probe probe;
    struct bdev *dev;

    if (bdev_file_open(path, true, &dev) != 0)
        return;
    if (vmfs_probe(dev, &probe) == 0)
        add_extent(context, &probe, path);
    bdev_close(dev);
}

void volumes_find(const char *const *paths, unsigned n_paths, struct found_volumes *out)
{
    out->n = 0;
    for (unsigned i = 0; i < n_paths; i++)
        look_at(out, paths[i]);
    if (n_paths == 0)
        datastore_each_device(look_at, out);
}

void volumes_free(struct found_volumes *volumes)
{
    for (unsigned i = 0; i < volumes->n; i++)
        for (unsigned k = 0; k < volumes->volume[i].n_paths; k++)
            free(volumes->volume[i].paths[k]);
    volumes->n = 0;
}

int volume_open(const struct found_volume *volume, unsigned flags, struct datastore *out,
                char error[STORE_ERROR_MAX])
{
    const struct found_volume *v = volume;

    for (unsigned i = 0; i < v->n_paths; i++)
        for (unsigned k = 0; k < i; k++)
            if (v->first_pe[i] == v->first_pe[k]) {
                snprintf(error, STORE_ERROR_MAX,
                         "the same extent is on %.90s and on %.90s: take the copy away",
                         v->paths[k], v->paths[i]);
                return -ENOTUNIQ;
            }
    if (v->n_paths < v->n_extents) {
        snprintf(error, STORE_ERROR_MAX, "%u of its %u extents are on this machine", v->n_paths,
                 v->n_extents);
        return -ENODEV;
    }
    return datastore_open_paths((const char *const *)v->paths, v->n_paths, flags, out, error);
}

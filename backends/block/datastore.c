/* SPDX-License-Identifier: MIT */
/* datastore: finding volumes, and the volume as a store. */
#include "block/datastore.h"

#include "block/volumes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int datastore_split(const char *target, char label[DATASTORE_LABEL_MAX + 1], const char **path)
{
    const char *close;

    if (target[0] != '[')
        return -ENOENT;
    close = strchr(target, ']');
    if (close == NULL || close == target + 1 || close - target - 1 > DATASTORE_LABEL_MAX)
        return -EINVAL;
    memcpy(label, target + 1, (size_t)(close - target) - 1);
    label[close - target - 1] = '\0';
    *path = close + 1 + strspn(close + 1, " /");
    return 0;
}

int datastore_open_paths(const char *const *paths, unsigned count, unsigned flags,
                         struct datastore *out, char error[STORE_ERROR_MAX])
{
    int rc = 0;

    memset(out, 0, sizeof(*out));
    if (count > DATASTORE_MAX_DEVICES) {
        snprintf(error, STORE_ERROR_MAX, "a volume has at most %u extents", DATASTORE_MAX_DEVICES);
        return -EINVAL;
    }
    for (unsigned i = 0; i < count && rc == 0; i++) {
        rc = bdev_file_open(paths[i], (flags & VMFS_OPEN_WRITE) == 0, &out->devices[i]);
        if (rc != 0)
            snprintf(error, STORE_ERROR_MAX, "cannot open %s: %s", paths[i], strerror(-rc));
        else
            out->device_count++;
    }
    if (rc == 0)
        rc = vmfs_open(out->devices, out->device_count, flags, &out->volume, error);
    if (rc != 0)
        datastore_close(out);
    return rc;
}

void datastore_close(struct datastore *datastore)
{
    vmfs_close(datastore->volume);
    for (unsigned i = 0; i < datastore->device_count; i++)
        bdev_close(datastore->devices[i]);
    memset(datastore, 0, sizeof(*datastore));
}

/* ---- scanning ---- */

static void each_of_environment(void (*look)(void *context, const char *path), void *context)
{
    const char *list = getenv("CORBEL_DEVICES");

    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");
        char path[256];

        if (length < sizeof(path)) {
            memcpy(path, list, length);
            path[length] = '\0';
            look(context, path);
        }
        list += length + (list[length] == ':');
    }
}

static void each_partition(void (*look)(void *context, const char *path), void *context)
{
    FILE *file = fopen("/proc/partitions", "re");
    char line[256], name[128], path[160];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, " %*u %*u %*u %127s", name) != 1)
            continue;
        snprintf(path, sizeof(path), "/dev/%s", name);
        look(context, path);
    }
    if (file != NULL)
        fclose(file);
}

void datastore_each_device(void (*look)(void *context, const char *path), void *context)
{
    each_of_environment(look, context);
    each_partition(look, context);
}

int datastore_find(const char *name, unsigned flags, struct datastore *out,
                   char error[STORE_ERROR_MAX])
{
    struct found_volumes *volumes = malloc(sizeof(*volumes));
    const struct found_volume *found = NULL;
    unsigned matches = 0;
    int rc;

    if (volumes == NULL) {
        snprintf(error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    volumes_find(NULL, 0, volumes);
    for (unsigned i = 0; i < volumes->n; i++) {
        const struct found_volume *v = &volumes->volume[i];

        if (v->major != 0 && (strcmp(v->label, name) == 0 || strcmp(v->uuid, name) == 0)) {
            found = v;
            matches++;
        }
    }
    rc = matches == 1 ? 0 : matches == 0 ? -ENODEV : -ENOTUNIQ;
    if (matches == 0)
        snprintf(error, STORE_ERROR_MAX,
                 "no VMFS volume with label \"%s\" on any disk of this machine", name);
    else if (matches > 1)
        snprintf(error, STORE_ERROR_MAX, "%u volumes have the label \"%s\": use the UUID", matches,
                 name);
    else
        rc = volume_open(found, flags, out, error);
    volumes_free(volumes);
    free(volumes);
    return rc;
}

/* ---- the volume as a store ---- */

struct vmfs_store {
    struct store store;
    struct datastore datastore;
};

struct vmfs_store_file {
    struct store_file file;
    struct vmfs_file *vmfs;
};

static struct vmfs_volume *volume_of(struct store *store)
{
    return ((struct vmfs_store *)store)->datastore.volume;
}

static struct vmfs_file *vmfs_of(struct store_file *file)
{
    return ((struct vmfs_store_file *)file)->vmfs;
}

static int result(struct store *store, int rc)
{
    if (rc != 0)
        snprintf(store->error, sizeof(store->error), "%s", vmfs_error(volume_of(store)));
    return rc;
}

static int on_vmfs_open(struct store *store, const char *path, enum store_mode mode,
                        struct store_file **out)
{
    struct vmfs_store_file *file = calloc(1, sizeof(*file));
    enum vmfs_share share = mode == STORE_WRITE  ? VMFS_SHARE_EXCLUSIVE
                            : mode == STORE_READ ? VMFS_SHARE_READ
                                                 : VMFS_SHARE_NONE;
    int rc;

    /* A lock is a write: on a device that cannot be written there is nobody to keep out. */
    if (share == VMFS_SHARE_READ && !vmfs_is_writable(volume_of(store)))
        share = VMFS_SHARE_NONE;
    if (file == NULL) {
        snprintf(store->error, sizeof(store->error), "out of memory");
        return -ENOMEM;
    }
    rc = vmfs_file_open(volume_of(store), path, share, &file->vmfs);
    if (rc != 0) {
        free(file);
        return result(store, rc);
    }
    file->file.store = store;
    file->file.length = vmfs_file_length(file->vmfs);
    *out = &file->file;
    return 0;
}

static int on_vmfs_read(struct store_file *file, uint64_t offset, void *buffer, size_t length)
{
    return result(file->store, vmfs_file_read(vmfs_of(file), offset, buffer, length));
}

static int on_vmfs_write(struct store_file *file, uint64_t offset, const void *buffer,
                         size_t length)
{
    return result(file->store, vmfs_file_write(vmfs_of(file), offset, buffer, length));
}

static int on_vmfs_map(struct store_file *file, uint64_t offset, uint64_t most,
                       struct bdev_extent *out)
{
    return result(file->store, vmfs_file_map(vmfs_of(file), offset, most, out));
}

static int on_vmfs_may_write(struct store_file *file)
{
    return result(file->store, vmfs_file_may_write(vmfs_of(file)));
}

static int on_vmfs_flush(struct store_file *file)
{
    return result(file->store, vmfs_flush(volume_of(file->store)));
}

static enum vmfs_allocation vmfs_allocation_of(enum store_allocation allocation)
{
    return allocation == STORE_THIN          ? VMFS_THIN
           : allocation == STORE_ZEROEDTHICK ? VMFS_ZEROEDTHICK
                                             : VMFS_EAGERTHICK;
}

static int on_vmfs_create(struct store *store, const char *path, const struct store_create *how,
                          struct store_file **out)
{
    struct vmfs_store_file *file = calloc(1, sizeof(*file));
    int rc;

    if (file == NULL) {
        snprintf(store->error, sizeof(store->error), "out of memory");
        return -ENOMEM;
    }
    rc = vmfs_file_create(volume_of(store), path, how->length, vmfs_allocation_of(how->allocation),
                          how->progress, how->context, &file->vmfs);
    if (rc != 0) {
        free(file);
        return result(store, rc);
    }
    file->file.store = store;
    file->file.length = how->length;
    *out = &file->file;
    return 0;
}

static int on_vmfs_resize(struct store_file *file, uint64_t length,
                          enum store_allocation allocation)
{
    int rc = length < file->length ? vmfs_file_truncate(vmfs_of(file), length)
                                   : vmfs_file_extend(vmfs_of(file), length,
                                                      vmfs_allocation_of(allocation), NULL, NULL);

    if (rc == 0)
        file->length = length;
    return result(file->store, rc);
}

static int on_vmfs_remove(struct store *store, const char *path)
{
    return result(store, vmfs_remove(volume_of(store), path));
}

static int on_vmfs_rename(struct store *store, const char *from, const char *to)
{
    return result(store, vmfs_rename(volume_of(store), from, to));
}

static int on_vmfs_discard(struct store_file *file, uint64_t offset, uint64_t length)
{
    return result(file->store, vmfs_file_discard(vmfs_of(file), offset, length));
}

static void on_vmfs_close_file(struct store_file *file)
{
    vmfs_file_close(vmfs_of(file));
    free(file);
}

static int on_vmfs_tick(struct store *store)
{
    return result(store, vmfs_heartbeat(volume_of(store)));
}

static void on_vmfs_close(struct store *store)
{
    datastore_close(&((struct vmfs_store *)store)->datastore);
    free(store);
}

static const struct store_ops vmfs_store_ops = {
    .open = on_vmfs_open,
    .read = on_vmfs_read,
    .write = on_vmfs_write,
    .map = on_vmfs_map,
    .may_write = on_vmfs_may_write,
    .flush = on_vmfs_flush,
    .discard = on_vmfs_discard,
    .close_file = on_vmfs_close_file,
    .create = on_vmfs_create,
    .resize = on_vmfs_resize,
    .remove = on_vmfs_remove,
    .rename = on_vmfs_rename,
    .tick = on_vmfs_tick,
    .close = on_vmfs_close,
};

int datastore_store(const struct datastore *datastore, struct store **out)
{
    struct vmfs_store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return -ENOMEM;
    store->store.ops = &vmfs_store_ops;
    store->store.closed_root = true;
    store->store.sector = BDEV_SECTOR;
    for (unsigned i = 0; i < datastore->device_count; i++)
        if (datastore->devices[i]->sector > store->store.sector)
            store->store.sector = datastore->devices[i]->sector;
    store->datastore = *datastore;
    *out = &store->store;
    return 0;
}

int datastore_open_label(const char *label, bool writable, struct store **out,
                         char error[STORE_ERROR_MAX])
{
    struct datastore datastore;
    int rc = datastore_find(label, VMFS_OPEN_WRITE, &datastore, error);

    if ((rc == -EROFS || rc == -EACCES) && !writable)
        rc = datastore_find(label, 0, &datastore, error);
    if (rc != 0)
        return rc;
    rc = datastore_store(&datastore, out);
    if (rc != 0) {
        snprintf(error, STORE_ERROR_MAX, "out of memory");
        datastore_close(&datastore);
    }
    return rc;
}

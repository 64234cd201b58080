/* SPDX-License-Identifier: MIT */
/* rdm: finding a mapped disk by its vital product data, and serving it as a file. */
#include "block/vmdk/rdm.h"

#include "block/disk.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_CLASS "/sys/class/block"
#define PAGE_MAX    512u
#define MULTIPATH   "mpath-" /* how the uuids of multipath maps begin */
#define MODEL_TAIL  6u       /* letters of a model in an id */

/* One page of vital product data as the kernel keeps it; its length, 0 when there is none. */
static size_t read_page(const char *name, const char *page, uint8_t out[PAGE_MAX])
{
    const char *root = getenv("CORBEL_RDM");
    char path[512];
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s/device/%s", root == NULL ? BLOCK_CLASS : root, name, page);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    length = fread(out, 1, PAGE_MAX, file);
    fclose(file);
    return length;
}

/*
 * The designators of page 0x83 that name the logical unit: NAA, EUI or T10 vendor. Calls for each;
 * true when the callee says so.
 */
static bool each_designator(const uint8_t *page, size_t length,
                            bool (*visit)(void *context, const uint8_t *id, uint8_t size),
                            void *context)
{
    for (size_t at = 4; at + 4 <= length && at + 4u + page[at + 3] <= length;
         at += 4u + page[at + 3]) {
        unsigned association = page[at + 1] >> 4 & 3, type = page[at + 1] & 15;

        if (association == 0 && (type == 3 || type == 2 || type == 1) &&
            visit(context, page + at + 4, page[at + 3]))
            return true;
    }
    return false;
}

/*
 * The whole id, or the id and the model's first letters behind it: so it is in the names that ESXi
 * gives its disks (vml.*).
 */
static bool id_matches(void *context, const uint8_t *id, uint8_t size)
{
    const struct rdm_id *wanted = context;
    const uint8_t *tail = wanted->id + size;

    if (size == 0 || size > wanted->length || memcmp(wanted->id, id, size) != 0)
        return false;
    return size == wanted->length ||
           (wanted->length - size == MODEL_TAIL && memcmp(tail, wanted->model, MODEL_TAIL) == 0);
}

static bool device_matches(const char *name, const struct rdm_id *id)
{
    uint8_t page[PAGE_MAX];
    size_t length = read_page(name, "vpd_pg83", page);

    if (each_designator(page, length, id_matches, (void *)id))
        return true;
    length = read_page(name, "vpd_pg80", page);
    return length > 4 && page[3] <= length - 4 && id_matches((void *)id, page + 4, page[3]);
}

/*
 * A path that multipath has taken is used through its map: `name` becomes the map's. On its own it
 * would fail with its cable.
 */
static void follow_multipath(const char *root, char name[256])
{
    char path[600], uuid[sizeof(MULTIPATH)] = "";
    struct dirent *entry;
    FILE *file;
    DIR *dir;

    snprintf(path, sizeof(path), "%.200s/%.255s/holders", root, name);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%.200s/%.255s/dm/uuid", root, entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (file == NULL)
            continue;
        if (fgets(uuid, sizeof(uuid), file) != NULL && strcmp(uuid, MULTIPATH) == 0)
            snprintf(name, 256, "%.255s", entry->d_name);
        fclose(file);
    }
    if (dir != NULL)
        closedir(dir);
}

int rdm_find(const struct rdm_id *id, char *out, size_t size)
{
    const char *test_root = getenv("CORBEL_RDM");
    const char *root = test_root == NULL ? BLOCK_CLASS : test_root;
    DIR *dir = opendir(root);
    struct dirent *entry;
    char name[256];
    int rc = -ENODEV;

    if (id->length == 0 || id->length > sizeof(id->id))
        rc = -EINVAL;
    while (dir != NULL && rc == -ENODEV && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || !device_matches(entry->d_name, id))
            continue;
        snprintf(name, sizeof(name), "%.255s", entry->d_name);
        follow_multipath(root, name);
        if (test_root == NULL)
            snprintf(out, size, "/dev/%s", name);
        else
            snprintf(out, size, "%s/%s/node", root, name);
        rc = 0;
    }
    if (dir != NULL)
        closedir(dir);
    return rc;
}

static bool take_first(void *context, const uint8_t *id, uint8_t size)
{
    struct rdm_id *out = context;

    if (size == 0 || size > sizeof(out->id))
        return false;
    memcpy(out->id, id, size);
    out->length = size;
    return true;
}

int rdm_identify(struct store *store, const char *device, struct rdm_id *out, uint64_t *size)
{
    const char *name = strrchr(device, '/'), *root = getenv("CORBEL_RDM");
    char folder[256];
    uint8_t page[PAGE_MAX];
    struct bdev *dev;
    int rc;

    name = name == NULL ? device : name + 1;
    if (root != NULL && strncmp(device, root, strlen(root)) == 0) {
        snprintf(folder, sizeof(folder), "%s", device + strlen(root) + 1);
        folder[strcspn(folder, "/")] = '\0';
        name = folder;
    }
    memset(out, 0, sizeof(*out));
    out->type = 1;
    if (!each_designator(page, read_page(name, "vpd_pg83", page), take_first, out)) {
        snprintf(store->error, STORE_ERROR_MAX,
                 "%.100s has no identity (VPD page 0x83): it cannot be mapped", device);
        return -ENOTSUP;
    }
    rc = bdev_file_open(device, true, &dev);
    if (rc != 0) {
        snprintf(store->error, STORE_ERROR_MAX, "cannot open %.100s: %s", device, strerror(-rc));
        return rc;
    }
    *size = dev->size;
    bdev_close(dev);
    return 0;
}

/* ---- the mapped disk as a file ---- */

struct rdm_file {
    struct store_file file;
    struct store store;         /* the file's own */
    struct store_file *mapping; /* open as long as the disk: the lock that other hosts see */
    struct bdev *dev;
};

static struct bdev *dev_of(struct store_file *file)
{
    return ((struct rdm_file *)file)->dev;
}

static int result(struct store_file *file, const char *what, int rc)
{
    if (rc != 0)
        snprintf(file->store->error, STORE_ERROR_MAX, "mapped disk %.100s: %s: %s",
                 dev_of(file)->name, what, strerror(-rc));
    return rc;
}

static int rdm_read(struct store_file *file, uint64_t offset, void *buffer, size_t length)
{
    return result(file, "read", bdev_read(dev_of(file), offset, buffer, length));
}

/* The disk is ours as long as the mapping is. */
static int rdm_may_write(struct store_file *file)
{
    struct store_file *mapping = ((struct rdm_file *)file)->mapping;
    int rc = mapping->store->ops->may_write == NULL ? 0 : mapping->store->ops->may_write(mapping);

    if (rc != 0)
        memcpy(file->store->error, mapping->store->error, STORE_ERROR_MAX);
    return rc;
}

static int rdm_write(struct store_file *file, uint64_t offset, const void *buffer, size_t length)
{
    int rc = rdm_may_write(file);

    return rc != 0 ? rc : result(file, "write", bdev_write(dev_of(file), offset, buffer, length));
}

static int rdm_map(struct store_file *file, uint64_t offset, uint64_t most, struct bdev_extent *out)
{
    *out = (struct bdev_extent){
        .stored = true, .device = dev_of(file), .device_offset = offset, .length = most};
    return 0;
}

static int rdm_flush(struct store_file *file)
{
    return result(file, "flush", bdev_flush(dev_of(file)));
}

static void rdm_close_file(struct store_file *file)
{
    struct store_file *mapping = ((struct rdm_file *)file)->mapping;

    bdev_close(dev_of(file));
    mapping->store->ops->close_file(mapping);
    free(file);
}

static const struct store_ops rdm_ops = {
    .read = rdm_read,
    .write = rdm_write,
    .map = rdm_map,
    .may_write = rdm_may_write,
    .flush = rdm_flush,
    .close_file = rdm_close_file,
};

/* Finds and opens the disk that an open mapping names. */
static int open_device(struct store_file *mapping, const char *path, bool writable,
                       struct bdev **out)
{
    char device[512], *error = mapping->store->error;
    struct rdm_id id;
    int rc = mapping->store->ops->read(mapping, 0, &id, sizeof(id));

    if (rc != 0)
        return rc;
    rc = rdm_find(&id, device, sizeof(device));
    if (rc != 0) {
        snprintf(error, STORE_ERROR_MAX, "the disk that %.80s maps is not on this machine: %s",
                 path, strerror(-rc));
        return rc;
    }
    rc = bdev_file_claim(device, !writable, out);
    if (rc != 0)
        snprintf(error, STORE_ERROR_MAX, "cannot open %.60s, which %.60s maps: %s", device, path,
                 rc == -EBUSY ? DISK_IN_USE : strerror(-rc));
    return rc;
}

int rdm_open(struct store *store, const char *path, bool writable, struct store_file **out)
{
    struct rdm_file *rdm = calloc(1, sizeof(*rdm));
    int rc;

    if (store->no_devices) {
        free(rdm);
        snprintf(store->error, STORE_ERROR_MAX, "%.100s maps a device of this host: refused", path);
        return -EPERM;
    }
    if (rdm == NULL) {
        snprintf(store->error, STORE_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    rc = store->ops->open(store, path, writable ? STORE_WRITE : STORE_READ, &rdm->mapping);
    if (rc == 0) {
        rc = open_device(rdm->mapping, path, writable, &rdm->dev);
        if (rc != 0)
            store->ops->close_file(rdm->mapping);
    }
    if (rc != 0) {
        free(rdm);
        return rc;
    }
    rdm->store.ops = &rdm_ops;
    rdm->file = (struct store_file){.store = &rdm->store, .length = rdm->dev->size};
    *out = &rdm->file;
    return 0;
}

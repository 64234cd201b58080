/* SPDX-License-Identifier: MIT */
/* memory_store: files in memory, and the power cut under them. */
#include "memory_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

struct memory_file {
    struct store_file file;
    unsigned blob;
};

static struct memory_store *store_of(struct store *store)
{
    return (struct memory_store *)store;
}

static struct memory_blob *blob_of(struct store_file *file)
{
    return &store_of(file->store)->blobs[((struct memory_file *)file)->blob];
}

static int fail(struct store *store, int rc)
{
    snprintf(store->error, sizeof(store->error), "memory: %s", strerror(-rc));
    return rc;
}

static int find(struct memory_store *store, const char *name)
{
    for (unsigned i = 0; i < MEMORY_FILES; i++)
        if (strcmp(store->blobs[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int open_file(struct store *store, const char *path, enum store_mode mode,
                     struct store_file **out)
{
    int blob = path[0] == '\0' ? -1 : find(store_of(store), path);
    struct memory_file *file = blob < 0 ? NULL : calloc(1, sizeof(*file));

    (void)mode;
    if (file == NULL)
        return fail(store, -ENOENT);
    file->file = (struct store_file){store, store_of(store)->blobs[blob].length};
    file->blob = (unsigned)blob;
    *out = &file->file;
    return 0;
}

static int create(struct store *store, const char *path, const struct store_create *how,
                  struct store_file **out)
{
    int blob = find(store_of(store), "");

    if (find(store_of(store), path) >= 0)
        return fail(store, -EEXIST);
    if (blob < 0 || how->length > MEMORY_FILE_MAX || strlen(path) > 63)
        return fail(store, -ENOSPC);
    memory_store_put(store_of(store), path, NULL, how->length);
    return open_file(store, path, STORE_WRITE, out);
}

static int read_file(struct store_file *file, uint64_t offset, void *buffer, size_t length)
{
    if (offset > file->length || length > file->length - offset)
        return fail(file->store, -EINVAL);
    memcpy(buffer, blob_of(file)->bytes + offset, length);
    return 0;
}

/* Whether the device still answers. */
static bool alive(struct memory_store *store)
{
    store->calls++;
    return store->fail_at == 0 || store->calls < store->fail_at;
}

static void record(struct memory_store *store, unsigned blob, uint64_t offset, size_t length)
{
    struct memory_write *write;

    if (store->write_count == store->write_room) {
        store->write_room = store->write_room == 0 ? 64 : store->write_room * 2;
        store->writes = realloc(store->writes, store->write_room * sizeof(*store->writes));
    }
    write = &store->writes[store->write_count++];
    *write = (struct memory_write){blob, offset, length, malloc(length)};
    memcpy(write->before, store->blobs[blob].bytes + offset, length);
}

static int write_file(struct store_file *file, uint64_t offset, const void *buffer, size_t length)
{
    struct memory_store *store = store_of(file->store);

    if (offset > file->length || length > file->length - offset)
        return fail(file->store, -EINVAL);
    if (!alive(store))
        return fail(file->store, -EIO);
    if (store->record)
        record(store, ((struct memory_file *)file)->blob, offset, length);
    memcpy(blob_of(file)->bytes + offset, buffer, length);
    return 0;
}

static void forget_writes(struct memory_store *store)
{
    for (size_t i = 0; i < store->write_count; i++)
        free(store->writes[i].before);
    store->write_count = 0;
}

static int flush_file(struct store_file *file)
{
    if (!alive(store_of(file->store)))
        return fail(file->store, -EIO);
    forget_writes(store_of(file->store));
    return 0;
}

static int map_file(struct store_file *file, uint64_t offset, uint64_t most,
                    struct bdev_extent *out)
{
    (void)file;
    *out = (struct bdev_extent){.stored = true, .device_offset = offset, .length = most};
    return 0;
}

static void close_file(struct store_file *file)
{
    free(file);
}

/* Lengths are the file system's, which keeps them in order: they are not undone by a cut. */
static int resize(struct store_file *file, uint64_t length, enum store_allocation allocation)
{
    struct memory_blob *blob = blob_of(file);
    uint8_t *bytes;

    (void)allocation;
    if (!alive(store_of(file->store)))
        return fail(file->store, -EIO);
    if (length > MEMORY_FILE_MAX)
        return fail(file->store, -ENOSPC);
    if (length > blob->length) {
        bytes = realloc(blob->bytes, length);
        if (bytes == NULL)
            return fail(file->store, -ENOMEM);
        memset(bytes + blob->length, 0, length - blob->length);
        blob->bytes = bytes;
    }
    blob->length = file->length = length;
    return 0;
}

static int remove_file(struct store *store, const char *path)
{
    int blob = find(store_of(store), path);

    if (blob < 0)
        return fail(store, -ENOENT);
    free(store_of(store)->blobs[blob].bytes);
    store_of(store)->blobs[blob] = (struct memory_blob){0};
    return 0;
}

static void close_store(struct store *store)
{
    (void)store;
}

static const struct store_ops ops = {
    .open = open_file,
    .create = create,
    .read = read_file,
    .write = write_file,
    .map = map_file,
    .flush = flush_file,
    .close_file = close_file,
    .resize = resize,
    .remove = remove_file,
    .close = close_store,
};

void memory_store_init(struct memory_store *store)
{
    memset(store, 0, sizeof(*store));
    store->store.ops = &ops;
    store->store.sector = BDEV_SECTOR;
}

void memory_store_free(struct memory_store *store)
{
    forget_writes(store);
    free(store->writes);
    for (unsigned i = 0; i < MEMORY_FILES; i++)
        free(store->blobs[i].bytes);
    memset(store->blobs, 0, sizeof(store->blobs));
}

void memory_store_put(struct memory_store *store, const char *name, const void *bytes,
                      uint64_t length)
{
    struct memory_blob *blob = &store->blobs[find(store, "")];

    snprintf(blob->name, sizeof(blob->name), "%s", name);
    blob->bytes = calloc(1, length + 1);
    blob->length = length;
    if (bytes != NULL)
        memcpy(blob->bytes, bytes, length);
}

/* What a sector would hold had this write and those after it not reached it. */
void memory_store_cut(struct memory_store *store, bool (*keep)(void *context), void *context)
{
    store->record = false;
    /* From the last to the first: what is undone shows what the write before left. */
    for (size_t i = store->write_count; i-- > 0;) {
        struct memory_write *write = &store->writes[i];
        struct memory_blob *blob = &store->blobs[write->blob];

        for (size_t at = 0; at < write->length; at += SECTOR) {
            size_t piece = write->length - at < SECTOR ? write->length - at : SECTOR;

            if (write->offset + at + piece <= blob->length && !keep(context))
                memcpy(blob->bytes + write->offset + at, write->before + at, piece);
        }
    }
    forget_writes(store);
}

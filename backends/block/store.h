/* SPDX-License-Identifier: MIT */
/* store: a place where named files lie (a VMFS volume, or this host's own file system). */
#ifndef BACKENDS_BLOCK_STORE_H
#define BACKENDS_BLOCK_STORE_H

#include "block/bdev.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_ERROR_MAX 256

struct store;
struct store_file;

enum store_mode {
    STORE_LOOK,  /* read without a lock */
    STORE_READ,  /* read, keep writers out */
    STORE_WRITE, /* the only opener */
};

/* Return 0 or a negative errno, with the store's `error` set. */
struct store_ops {
    int (*open)(struct store *store, const char *path, enum store_mode mode,
                struct store_file **out);
    int (*read)(struct store_file *file, uint64_t offset, void *buffer, size_t length);
    int (*write)(struct store_file *file, uint64_t offset, const void *buffer, size_t length);
    int (*map)(struct store_file *file, uint64_t offset, uint64_t most, struct bdev_extent *out);
    int (*flush)(struct store_file *file);
    void (*close_file)(struct store_file *file);
    int (*tick)(struct store *store);
    void (*close)(struct store *store);
};

struct store {
    const struct store_ops *ops;
    char error[STORE_ERROR_MAX];
};

struct store_file {
    struct store *store;
    uint64_t length; /* bytes */
};

static inline void store_close(struct store *store)
{
    if (store != NULL)
        store->ops->close(store);
}

/* This host's file system; paths are the host's. */
int store_open_host(struct store **out, char error[STORE_ERROR_MAX]);

#endif

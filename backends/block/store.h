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

enum store_allocation {
    STORE_THIN,        /* room when first written */
    STORE_ZEROEDTHICK, /* room now, zeroed when first written */
    STORE_EAGERTHICK,  /* room now, zeroed now */
};

/* Called between pieces of long work with bytes done and bytes in all. */
typedef void (*store_progress)(void *context, uint64_t done, uint64_t total);

struct store_create {
    uint64_t length; /* bytes, read as zeros */
    enum store_allocation allocation;
    store_progress progress; /* may be NULL */
    void *context;
};

/* Return 0 or a negative errno, with the store's `error` set. */
struct store_ops {
    int (*open)(struct store *store, const char *path, enum store_mode mode,
                struct store_file **out);
    int (*read)(struct store_file *file, uint64_t offset, void *buffer, size_t length);
    int (*write)(struct store_file *file, uint64_t offset, const void *buffer, size_t length);
    int (*map)(struct store_file *file, uint64_t offset, uint64_t most, struct bdev_extent *out);
    /*
     * Asked before each write to what map() gave: 0, or why this opener must not write any more
     * (-ESTALE: the file is another host's now). NULL: it may as long as it has the file open.
     */
    int (*may_write)(struct store_file *file);
    int (*flush)(struct store_file *file);
    /* Makes holes of what lies whole inside the range; may be NULL: keeps everything. */
    int (*discard)(struct store_file *file, uint64_t offset, uint64_t length);
    void (*close_file)(struct store_file *file);
    /* Makes a file and opens it as STORE_WRITE does. -EEXIST when the name is taken. */
    int (*create)(struct store *store, const char *path, const struct store_create *how,
                  struct store_file **out);
    /*
     * Makes a file opened with STORE_WRITE longer, by zeros allocated as asked, or shorter.
     * -EOPNOTSUPP where a file cannot shrink. The new length is on stable storage after flush().
     */
    int (*resize)(struct store_file *file, uint64_t length, enum store_allocation allocation);
    int (*remove)(struct store *store, const char *path);
    int (*rename)(struct store *store, const char *from, const char *to);
    int (*tick)(struct store *store);
    void (*close)(struct store *store);
};

struct store {
    const struct store_ops *ops;
    uint32_t sector;  /* of the devices it lies on, at most; bytes */
    bool closed_root; /* paths start at a root of the store's own, no name leads out of it */
    bool no_devices;  /* its raw device mappings are refused: nobody here made them */
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

/* SPDX-License-Identifier: MIT */
/* Xenstore paths and values with printf; who may read and write a node. */
#ifndef DOMAIN_STORE_H
#define DOMAIN_STORE_H

#include <stdbool.h>

#include <xenstore.h>

#define STORE_PATH_MAX 512

/* A node's owner, and one other domain that may read it; -1 for none. */
struct store_access {
    int owner;
    int reader;
};

/* The value at a path (free() it), or NULL with errno set. */
char *store_read(struct xs_handle *xs, xs_transaction_t t, const char *path_format, ...)
    __attribute__((format(printf, 3, 4)));

/* The number at a path, or -1 when there is none. */
long store_read_number(struct xs_handle *xs, xs_transaction_t t, const char *path_format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes value under directory/name; the directory's readers may read it. False with errno set. */
bool store_write(struct xs_handle *xs, xs_transaction_t t, const char *directory, const char *name,
                 const char *value_format, ...) __attribute__((format(printf, 5, 6)));

/* Makes a directory (or an empty node) with an access of its own. False with errno set. */
bool store_make(struct xs_handle *xs, xs_transaction_t t, struct store_access access,
                const char *path_format, ...) __attribute__((format(printf, 4, 5)));

/* Removes a node and all beneath it; one that is not there is no error. */
bool store_remove(struct xs_handle *xs, const char *path_format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Calls body until its transaction goes through. body returns false, with errno set, to give up.
 * Returns false with errno set when it did, or when xenstored fails.
 */
typedef bool store_body(struct xs_handle *xs, xs_transaction_t t, void *context);
bool store_transact(struct xs_handle *xs, store_body *body, void *context);

#endif

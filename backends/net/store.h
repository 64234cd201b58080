/* SPDX-License-Identifier: MIT */
/* Reading and writing single xenstore nodes, strictly. */
#ifndef NET_STORE_H
#define NET_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenstore.h>

#define STORE_PATH_MAX 256

/* The value of DIR/KEY in `out`, always terminated. False if missing or too long for it. */
bool store_read(struct xs_handle *xs, const char *dir, const char *key, char *out, size_t size);

/* DIR/KEY as a plain decimal number; false if missing, not a number, or above `max`. */
bool store_read_number(struct xs_handle *xs, const char *dir, const char *key, uint32_t max,
                       uint32_t *out);

/* DIR/KEY as a switch: true only if it is there and isn't 0. */
bool store_read_switch(struct xs_handle *xs, const char *dir, const char *key);

/* Write DIR/KEY. False with errno. */
bool store_write(struct xs_handle *xs, const char *dir, const char *key, const char *value);
bool store_write_number(struct xs_handle *xs, const char *dir, const char *key, uint32_t value);

#endif

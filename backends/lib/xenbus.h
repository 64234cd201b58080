/* SPDX-License-Identifier: MIT */
/* xenbus: a backend's two xenstore directories and the states in them. */
#ifndef BACKENDS_LIB_XENBUS_H
#define BACKENDS_LIB_XENBUS_H

#include <stdbool.h>
#include <stdint.h>
#include <xenstore.h>

#define XENBUS_PATH_MAX 256

/* Values of `state`, from Xen's public io/xenbus.h. */
enum xenbus_state {
    XENBUS_UNKNOWN = 0, /* also: no such node */
    XENBUS_INITIALISING = 1,
    XENBUS_INIT_WAIT = 2,
    XENBUS_INITIALISED = 3,
    XENBUS_CONNECTED = 4,
    XENBUS_CLOSING = 5,
    XENBUS_CLOSED = 6,
};

/*
 * One device as its backend sees it. The backend's directory is written by us and the toolstack,
 * the frontend's by the guest: what comes from there is hostile.
 */
struct xenbus {
    struct xs_handle *xs;
    char backend[XENBUS_PATH_MAX];
    char frontend[XENBUS_PATH_MAX];
    uint32_t frontend_id;
};

/*
 * Fills in `bus` from a backend directory; the xenstore handle stays the caller's. -ENOENT when the
 * directory lacks frontend or frontend-id, -EINVAL when they make no sense.
 */
int xenbus_open(struct xenbus *bus, struct xs_handle *xs, const char *backend);

/* Reads directory/key into `out`, NUL-terminated. False: missing, or too long for `size`. */
bool xenbus_read(struct xs_handle *xs, const char *directory, const char *key, char *out,
                 unsigned size);

/* The same as a decimal number of at most `max`. */
bool xenbus_read_number(struct xs_handle *xs, const char *directory, const char *key, uint64_t max,
                        uint64_t *out);

/* Writes directory/key. 0 or a negative errno. */
int xenbus_write(struct xs_handle *xs, const char *directory, const char *key, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

void xenbus_remove(struct xs_handle *xs, const char *directory, const char *key);

/* Both ends' states. */
enum xenbus_state xenbus_state_of(struct xs_handle *xs, const char *directory);
int xenbus_switch_state(const struct xenbus *bus, enum xenbus_state state);

#endif

/* SPDX-License-Identifier: MIT */
/* xenbus: strict reading and writing of single nodes. */
#include "lib/xenbus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 4096 /* xenstore's own limit */

bool xenbus_read(struct xs_handle *xs, const char *directory, const char *key, char *out,
                 unsigned size)
{
    char path[XENBUS_PATH_MAX];
    unsigned length = 0;
    char *value;
    bool ok;

    if (snprintf(path, sizeof(path), "%s/%s", directory, key) >= (int)sizeof(path))
        return false;
    value = xs_read(xs, XBT_NULL, path, &length);
    if (value == NULL)
        return false;
    ok = length < size && memchr(value, '\0', length) == NULL;
    if (ok) {
        memcpy(out, value, length);
        out[length] = '\0';
    }
    free(value);
    return ok;
}

bool xenbus_read_number(struct xs_handle *xs, const char *directory, const char *key, uint64_t max,
                        uint64_t *out)
{
    char text[24];
    uint64_t value = 0;

    if (!xenbus_read(xs, directory, key, text, sizeof(text)) || text[0] == '\0')
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        unsigned digit = (unsigned)(*c - '0');

        if (*c < '0' || *c > '9' || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return value <= max;
}

int xenbus_write(struct xs_handle *xs, const char *directory, const char *key, const char *format,
                 ...)
{
    char path[XENBUS_PATH_MAX], value[VALUE_MAX];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof(value) ||
        snprintf(path, sizeof(path), "%s/%s", directory, key) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    return xs_write(xs, XBT_NULL, path, value, (unsigned)length) ? 0 : -errno;
}

void xenbus_remove(struct xs_handle *xs, const char *directory, const char *key)
{
    char path[XENBUS_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", directory, key) < (int)sizeof(path))
        xs_rm(xs, XBT_NULL, path);
}

enum xenbus_state xenbus_state_of(struct xs_handle *xs, const char *directory)
{
    uint64_t state;

    return xenbus_read_number(xs, directory, "state", XENBUS_CLOSED, &state)
               ? (enum xenbus_state)state
               : XENBUS_UNKNOWN;
}

int xenbus_switch_state(const struct xenbus *bus, enum xenbus_state state)
{
    char path[XENBUS_PATH_MAX + 8], text[8];
    int length;

    /* A directory the toolstack has removed is not made again by writing into it. */
    if (xenbus_state_of(bus->xs, bus->backend) == XENBUS_UNKNOWN)
        return -ENOENT;
    snprintf(path, sizeof(path), "%s/state", bus->backend);
    length = snprintf(text, sizeof(text), "%d", state);
    return xs_write(bus->xs, XBT_NULL, path, text, (unsigned)length) ? 0 : -errno;
}

int xenbus_open(struct xenbus *bus, struct xs_handle *xs, const char *backend)
{
    uint64_t id;

    memset(bus, 0, sizeof(*bus));
    bus->xs = xs;
    if (strlen(backend) >= sizeof(bus->backend))
        return -EINVAL;
    strcpy(bus->backend, backend);
    if (!xenbus_read(xs, backend, "frontend", bus->frontend, sizeof(bus->frontend)) ||
        !xenbus_read_number(xs, backend, "frontend-id", 0x7FEF, &id))
        return -ENOENT;
    if (bus->frontend[0] != '/')
        return -EINVAL;
    bus->frontend_id = (uint32_t)id;
    return 0;
}

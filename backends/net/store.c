/* SPDX-License-Identifier: MIT */
/* Reading and writing single xenstore nodes, strictly. */
#include "net/store.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool join(char path[STORE_PATH_MAX], const char *dir, const char *key)
{
    int n = snprintf(path, STORE_PATH_MAX, "%s/%s", dir, key);

    if (n > 0 && n < STORE_PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

bool store_read(struct xs_handle *xs, const char *dir, const char *key, char *out, size_t size)
{
    char path[STORE_PATH_MAX];
    unsigned len = 0;
    char *value;
    bool fits;

    out[0] = '\0';
    if (!join(path, dir, key))
        return false;
    value = xs_read(xs, XBT_NULL, path, &len);
    if (!value)
        return false;
    /* A guest may write any bytes: a NUL inside would hide what follows. */
    fits = len < size && strlen(value) == len;
    if (fits)
        memcpy(out, value, len + 1);
    free(value);
    return fits;
}

bool store_read_number(struct xs_handle *xs, const char *dir, const char *key, uint32_t max,
                       uint32_t *out)
{
    char text[16], *end;
    unsigned long long number;

    if (!store_read(xs, dir, key, text, sizeof(text)) || !isdigit((unsigned char)text[0]))
        return false;
    number = strtoull(text, &end, 10);
    if (*end || number > max)
        return false;
    *out = (uint32_t)number;
    return true;
}

bool store_read_switch(struct xs_handle *xs, const char *dir, const char *key)
{
    uint32_t value = 0;

    return store_read_number(xs, dir, key, UINT32_MAX, &value) && value != 0;
}

bool store_write(struct xs_handle *xs, const char *dir, const char *key, const char *value)
{
    char path[STORE_PATH_MAX];

    return join(path, dir, key) && xs_write(xs, XBT_NULL, path, value, (unsigned)strlen(value));
}

bool store_write_number(struct xs_handle *xs, const char *dir, const char *key, uint32_t value)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", value);
    return store_write(xs, dir, key, text);
}

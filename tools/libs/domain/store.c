/* SPDX-License-Identifier: MIT */
/* Xenstore conveniences. */
#include "domain/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_path(char path[STORE_PATH_MAX], const char *format, va_list args)
{
    int n = vsnprintf(path, STORE_PATH_MAX, format, args);

    if (n > 0 && n < STORE_PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

char *store_read(struct xs_handle *xs, xs_transaction_t t, const char *path_format, ...)
{
    char path[STORE_PATH_MAX];
    unsigned int length;
    va_list args;
    bool fits;

    va_start(args, path_format);
    fits = make_path(path, path_format, args);
    va_end(args);
    return fits ? xs_read(xs, t, path, &length) : NULL;
}

long store_read_number(struct xs_handle *xs, xs_transaction_t t, const char *path_format, ...)
{
    char path[STORE_PATH_MAX];
    char *text, *rest;
    long number = -1;
    va_list args;
    bool fits;

    va_start(args, path_format);
    fits = make_path(path, path_format, args);
    va_end(args);
    text = fits ? xs_read(xs, t, path, NULL) : NULL;
    if (!text)
        return -1;
    errno = 0;
    number = strtol(text, &rest, 10);
    if (*rest || rest == text || number < 0 || errno)
        number = -1;
    free(text);
    return number;
}

bool store_write(struct xs_handle *xs, xs_transaction_t t, const char *directory, const char *name,
                 const char *value_format, ...)
{
    char path[STORE_PATH_MAX];
    char *value;
    va_list args;
    bool ok;
    int n;

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    va_start(args, value_format);
    n = vasprintf(&value, value_format, args);
    va_end(args);
    if (n < 0)
        return false;
    ok = xs_write(xs, t, path, value, (unsigned int)n);
    free(value);
    return ok;
}

bool store_make(struct xs_handle *xs, xs_transaction_t t, struct store_access access,
                const char *path_format, ...)
{
    struct xs_permissions permissions[2] = {
        {.id = (unsigned int)access.owner, .perms = XS_PERM_NONE},
        {.id = (unsigned int)access.reader, .perms = XS_PERM_READ},
    };
    char path[STORE_PATH_MAX];
    va_list args;
    bool fits;

    va_start(args, path_format);
    fits = make_path(path, path_format, args);
    va_end(args);
    return fits && xs_mkdir(xs, t, path) &&
           xs_set_permissions(xs, t, path, permissions, access.reader < 0 ? 1 : 2);
}

bool store_remove(struct xs_handle *xs, const char *path_format, ...)
{
    char path[STORE_PATH_MAX];
    va_list args;
    bool fits;

    va_start(args, path_format);
    fits = make_path(path, path_format, args);
    va_end(args);
    return fits && (xs_rm(xs, XBT_NULL, path) || errno == ENOENT);
}

bool store_transact(struct xs_handle *xs, store_body *body, void *context)
{
    for (;;) {
        xs_transaction_t t = xs_transaction_start(xs);

        if (t == XBT_NULL)
            return false;
        if (!body(xs, t, context)) {
            int saved = errno;

            xs_transaction_end(xs, t, true);
            errno = saved;
            return false;
        }
        if (xs_transaction_end(xs, t, false))
            return true;
        if (errno != EAGAIN)
            return false;
    }
}

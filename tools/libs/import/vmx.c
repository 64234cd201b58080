/* SPDX-License-Identifier: MIT */
/* Lines of a VMX file taken apart. */
#include "import/vmx.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int complain(struct vmx_error *error, unsigned int line, const char *text)
{
    *error = (struct vmx_error){.line = line, .text = text};
    return -1;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && isblank((unsigned char)*at))
        at++;
    return at;
}

static const char *trim_end(const char *from, const char *end)
{
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    return end;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value between `from` and `end` with its |xx resolved; NUL bytes made that way end it. */
static char *copy_value(const char *from, const char *end)
{
    char *value = malloc((size_t)(end - from) + 1), *to = value;

    if (!value)
        return NULL;
    while (from < end) {
        if (*from == '|' && end - from >= 3 && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0) {
            *to++ = (char)(hex_digit(from[1]) * 16 + hex_digit(from[2]));
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return value;
}

/* Takes both strings, which are freed in any case of failure. */
static int put(struct vmx *vmx, char *key, char *value, unsigned int line)
{
    struct vmx_setting *grown = vmx->settings;
    size_t n = vmx->n_settings;

    /* Room for one, then doubled each time it is full. */
    if (key && value && n < VMX_SETTINGS_MAX && (n & (n - 1)) == 0)
        grown = realloc(vmx->settings, (n ? 2 * n : 1) * sizeof(*grown));
    if (grown)
        vmx->settings = grown;
    if (!key || !value || n == VMX_SETTINGS_MAX || !grown) {
        free(key);
        free(value);
        return -1;
    }
    vmx->settings[vmx->n_settings++] = (struct vmx_setting){key, value, line};
    return 0;
}

static int parse_line(struct vmx *vmx, const char *at, const char *end, unsigned int line,
                      struct vmx_error *error)
{
    const char *key = skip_blanks(at, end), *equals, *key_end;

    end = trim_end(key, end);
    if (key == end || *key == '#')
        return 0;
    equals = memchr(key, '=', (size_t)(end - key));
    if (!equals)
        return complain(error, line, "a line without `=`: is this a VMX file?");
    key_end = trim_end(key, equals);
    if (key_end == key)
        return complain(error, line, "a value without a key");
    at = skip_blanks(equals + 1, end);
    if (at < end && *at == '"') {
        if (end - at < 2 || end[-1] != '"')
            return complain(error, line, "a value whose quotation mark is not closed");
        at++;
        end--;
    }
    if (put(vmx, strndup(key, (size_t)(key_end - key)), copy_value(at, end), line))
        return complain(error, line, "more settings than a VMX file has, or no memory");
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct vmx_setting *one = a, *other = b;
    int order = strcasecmp(one->key, other->key);

    if (order == 0)
        order = (one->line > other->line) - (one->line < other->line);
    return order;
}

/* By key, so that a search is short whatever the file holds; the last of equal keys stays. */
static void sort(struct vmx *vmx)
{
    size_t kept = 0;

    qsort(vmx->settings, vmx->n_settings, sizeof(vmx->settings[0]), compare);
    for (size_t i = 0; i < vmx->n_settings; i++) {
        struct vmx_setting *setting = &vmx->settings[i];

        if (i + 1 < vmx->n_settings && strcasecmp(setting->key, setting[1].key) == 0) {
            free(setting->key);
            free(setting->value);
        } else {
            vmx->settings[kept++] = *setting;
        }
    }
    vmx->n_settings = kept;
}

int vmx_parse(struct vmx *vmx, const char *text, size_t length, struct vmx_error *error)
{
    const char *end = text + length;
    unsigned int line = 0;

    *vmx = (struct vmx){0};
    if (length > VMX_SIZE_MAX)
        return complain(error, 0, "larger than any VMX file");
    if (memchr(text, '\0', length))
        return complain(error, 0, "NUL bytes in it: not a VMX file");
    if (length >= 3 && memcmp(text, "\357\273\277", 3) == 0)
        text += 3; /* the byte order mark of UTF-8 */
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        if (!newline)
            newline = end;
        if (parse_line(vmx, text, newline, ++line, error))
            return -1;
        text = newline < end ? newline + 1 : end;
    }
    if (vmx->n_settings == 0)
        return complain(error, 0, "empty");
    sort(vmx);
    return 0;
}

void vmx_free(struct vmx *vmx)
{
    for (size_t i = 0; i < vmx->n_settings; i++) {
        free(vmx->settings[i].key);
        free(vmx->settings[i].value);
    }
    free(vmx->settings);
    *vmx = (struct vmx){0};
}

const char *vmx_get(const struct vmx *vmx, const char *key)
{
    size_t low = 0, high = vmx->n_settings;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcasecmp(key, vmx->settings[middle].key);

        if (order == 0)
            return vmx->settings[middle].value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *vmx_getf(const struct vmx *vmx, const char *format, ...)
{
    char key[128];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(key, sizeof(key), format, args);
    va_end(args);
    return n > 0 && (size_t)n < sizeof(key) ? vmx_get(vmx, key) : NULL;
}

bool vmx_is_true(const char *value, bool otherwise)
{
    if (!value)
        return otherwise;
    return strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 ||
           strcmp(value, "1") == 0;
}

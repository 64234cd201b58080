/* SPDX-License-Identifier: MIT */
/* The manifest of an OVF package (DSP0243, "Integrity and authenticity"): digests of its files. */
#include "package.h"

#include "util/progress.h"

#include <ctype.h>
#include <errno.h>
#include <nettle/nettle-meta.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MANIFEST_MAX (1u << 20)
#define CHUNK        (1u << 20)
#define DIGEST_MAX   64u

static const struct nettle_hash *algorithm(const char *word, size_t length)
{
    static const struct nettle_hash *const known[] = {&nettle_sha1, &nettle_sha256, &nettle_sha512};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strlen(known[i]->name) == length && strncasecmp(known[i]->name, word, length) == 0)
            return known[i];
    return NULL;
}

static int fail(char error[PACKAGE_ERROR_MAX], const char *name, const char *what)
{
    snprintf(error, PACKAGE_ERROR_MAX, "%.400s: %.400s", name, what);
    return -1;
}

/* Digests one file into `digest`. */
static int digest_file(struct store *package, const char *name, const struct nettle_hash *hash,
                       uint8_t digest[DIGEST_MAX], char error[PACKAGE_ERROR_MAX])
{
    void *context = malloc(hash->context_size), *buffer = malloc(CHUNK);
    struct progress progress = {.what = name};
    struct store_file *file = NULL;
    int rc = context == NULL || buffer == NULL ? fail(error, name, "out of memory") : 0;

    if (rc == 0 && package->ops->open(package, name, STORE_LOOK, &file) != 0)
        rc = fail(error, "the manifest's", package->error);
    if (rc == 0)
        hash->init(context);
    for (uint64_t at = 0; rc == 0 && at < file->length; at += CHUNK) {
        size_t piece = file->length - at < CHUNK ? (size_t)(file->length - at) : CHUNK;

        if (package->ops->read(file, at, buffer, piece) != 0)
            rc = fail(error, name, package->error);
        else
            hash->update(context, piece, buffer);
        progress_show(&progress, at + piece, file->length);
    }
    progress_end(&progress);
    if (rc == 0)
        hash->digest(context, hash->digest_size, digest);
    if (file != NULL)
        package->ops->close_file(file);
    free(context);
    free(buffer);
    return rc;
}

/* Whether the hexadecimal digits at `text` are the digest, and nothing else is on the line. */
static bool is_digest(const char *text, const uint8_t *digest, size_t length)
{
    for (size_t i = 0; i < length; i++, text += 2) {
        char pair[3] = "";

        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
            return false;
        memcpy(pair, text, 2);
        if (strtoul(pair, NULL, 16) != digest[i])
            return false;
    }
    return text[strspn(text, " \t\r")] == '\0';
}

/* "SHA256(file)= hexadecimal digits"; blanks may stand around each part. */
static int verify_line(struct store *package, char *line, char error[PACKAGE_ERROR_MAX])
{
    char *word = line + strspn(line, " \t\r"), *open = strchr(word, '('), *close, *value;
    const struct nettle_hash *hash;
    uint8_t digest[DIGEST_MAX];
    size_t length = open == NULL ? 0 : (size_t)(open - word);

    if (*word == '\0')
        return 0;
    value = strrchr(word, '=');
    close = value;
    while (open != NULL && close != NULL && close > open && *close != ')')
        close--;
    if (open == NULL || value == NULL || close <= open)
        return fail(error, line, "not a line of a manifest");
    while (length > 0 && isblank((unsigned char)word[length - 1]))
        length--;
    hash = algorithm(word, length);
    *close = '\0';
    if (hash == NULL)
        return fail(error, open + 1, "its digest in the manifest is not SHA-1, SHA-256 or SHA-512");
    if (digest_file(package, open + 1, hash, digest, error) != 0)
        return -1;
    value += 1 + strspn(value + 1, " \t");
    if (!is_digest(value, digest, hash->digest_size)) {
        snprintf(error, PACKAGE_ERROR_MAX,
                 "%.400s: its %s digest is not the manifest's: it is damaged or was changed",
                 open + 1, hash->name);
        return -1;
    }
    return 0;
}

int package_verify(struct store *package, const char *ovf, char error[PACKAGE_ERROR_MAX])
{
    char name[PACKAGE_NAME_MAX], *text, *rest, *line;
    struct store_file *file;
    size_t length;
    int rc;

    snprintf(name, sizeof(name), "%.*s.mf", (int)(strlen(ovf) - strlen(".ovf")), ovf);
    rc = package->ops->open(package, name, STORE_LOOK, &file);
    if (rc == -ENOENT)
        return 0;
    if (rc != 0)
        return fail(error, "the manifest", package->error);
    package->ops->close_file(file);
    text = package_read(package, name, MANIFEST_MAX, &length, error);
    rc = text == NULL ? -1 : 0;
    rest = text;
    while (rc == 0 && (line = strsep(&rest, "\n")) != NULL)
        rc = verify_line(package, line, error);
    free(text);
    return rc;
}
